"""The content of a model's tokenizer.json. If only a vocab.txt of BERT is there, the same content is made from it.

The makers of these files name in tokenizer_config.json what a vocab.txt does not say: case, accents, special tokens.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recs.errors import ModelError
from recs.models.reading import check_present, is_listed, read_json

_Content = dict[str, Any]

_BERT_TOKENS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
_MPNET_TOKENS = {"pad": "<pad>", "unk": "[UNK]", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
# Tokenizers that are WordPiece over vocab.txt and nothing more, and the architectures that use them.
_CLASSES = {"BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MPNetTokenizer"}
_ARCHITECTURES = {"bert", "distilbert", "electra", "mpnet", "nomic_bert"}
# Files of other tokenizers. recs reads none of them.
_OTHER_FILES = ("vocab.txt", "*.model", "vocab.json", "merges.txt")


def read_tokenizer(home: Path) -> _Content:
    """Return the content of tokenizer.json, or the same content made from vocab.txt.

    Raises `ModelError` if there are neither, if one is not whole, or if a vocab.txt is of an unknown tokenizer.
    """
    path = home / "tokenizer.json"
    if is_listed(path):
        content: _Content = read_json(path)
        return content
    settings = read_json(home / "tokenizer_config.json", optional=True)
    vocabulary = home / "vocab.txt"
    kind = str(settings.get("tokenizer_class") or "").removesuffix("Fast")
    architecture = read_json(home / "config.json", optional=True).get("model_type")
    is_bert = kind in _CLASSES or (not kind and architecture in _ARCHITECTURES)
    if not is_listed(vocabulary) or not is_bert:
        raise ModelError(_missing(home, kind))
    if settings.get("do_basic_tokenize") is False or read_json(home / "added_tokens.json", optional=True):
        raise ModelError(f"{_missing(home, kind)} (its settings differ from those of a plain BERT)")
    special = dict(_MPNET_TOKENS if "MPNet" in kind or architecture == "mpnet" else _BERT_TOKENS)
    for source in (read_json(home / "special_tokens_map.json", optional=True), settings):
        special |= {name: _text(source[f"{name}_token"]) for name in special if source.get(f"{name}_token")}
    return _word_piece(vocabulary, _read_vocabulary(vocabulary), special, settings)


def _missing(home: Path, kind: str) -> str:
    """Return the message that says what is there instead of tokenizer.json, and how to make one."""
    others = sorted(path.name for pattern in _OTHER_FILES for path in home.glob(pattern))
    if not others:
        return f"{home}: no tokenizer.json; download it into this folder."
    make = f"from transformers import AutoTokenizer as T; T.from_pretrained('{home}').save_pretrained('{home}')"
    of = f" of {kind}" if kind else ""
    return f'{home}: no tokenizer.json but {", ".join(others)}{of}; download it, or make it: python -c "{make}"'


def _read_vocabulary(path: Path) -> dict[str, int]:
    """Return the id of each token: the number of its line. A token that is there twice has the last one, as in BERT."""
    check_present(path)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: not UTF-8 ({error}); download it again.") from error
    if not lines[-1]:
        del lines[-1]
    return {token: i for i, token in enumerate(lines)}


def _check_vocabulary(
    path: Path, vocabulary: Mapping[str, int], special: Mapping[str, str], settings: _Content
) -> None:
    """Raise `ModelError` if a token is missing that every text needs, or nothing says if texts are lowercased."""
    missing = [special[name] for name in ("unk", "cls", "sep") if special[name] not in vocabulary]
    if missing:
        raise ModelError(f"{path}: lacks {', '.join(missing)}, which a BERT needs; download it again.")
    has_capitals = any(token != token.lower() for token in vocabulary if token[:1] not in "[<")
    if has_capitals and settings.get("do_lower_case") is None:
        raise ModelError(
            f"{path}: has capital letters, and no tokenizer_config.json says if texts are lowercased; download it, or "
            'write it: {"do_lower_case": false}'
        )


def _word_piece(path: Path, vocabulary: Mapping[str, int], special: Mapping[str, str], settings: _Content) -> _Content:
    """Return the content of tokenizer.json for a BERT, as its libraries write it."""
    _check_vocabulary(path, vocabulary, special, settings)
    lowercase = settings.get("do_lower_case")
    characters = settings.get("tokenize_chinese_chars")
    cls, sep = special["cls"], special["sep"]
    first, last = _special(cls, 0), _special(sep, 0)
    single = [first, {"Sequence": {"id": "A", "type_id": 0}}, last]
    ids = {token: {"id": token, "ids": [vocabulary[token]], "tokens": [token]} for token in (cls, sep)}
    return {
        "version": "1.0",
        "added_tokens": _added_tokens(vocabulary, special, settings),
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True if characters is None else bool(characters),
            "strip_accents": settings.get("strip_accents"),
            "lowercase": True if lowercase is None else bool(lowercase),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}, _special(sep, 1)],
            "special_tokens": ids,
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": special["unk"],
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": dict(vocabulary),
        },
    }


def _added_tokens(vocabulary: Mapping[str, int], special: Mapping[str, str], settings: _Content) -> list[_Content]:
    """Return the tokens that are never split, by id: those of tokenizer_config.json, and the special ones."""
    plain = {"special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = {vocabulary[token]: {"content": token, **plain} for token in special.values() if token in vocabulary}
    for number, entry in (settings.get("added_tokens_decoder") or {}).items():
        added[int(number)] = {key: entry.get(key, default) for key, default in {"content": "", **plain}.items()}
    return [{"id": number, **added[number]} for number in sorted(added)]


def _special(token: str, kind: int) -> _Content:
    return {"SpecialToken": {"id": token, "type_id": kind}}


def _text(token: Any) -> str:
    """Return a special token, which is a string or an entry with its content."""
    return str(token.get("content") if isinstance(token, dict) else token)
