"""A model's own tokenizer, read from its tokenizer.json without torch or transformers."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from recs.errors import ModelError
from recs.models.tokenizer_file import read_tokenizer
from recs.text.characters import replace_surrogates

Spans = Sequence[tuple[int, int]]


class Tokens(NamedTuple):
    """The tokens of one text: the span of each in characters, half open, and which of them are unknown.

    `unknown` is the sorted positions of the tokens that replace text for which the vocabulary has no token.
    """

    spans: Spans
    unknown: Sequence[int] = ()


class ModelTokenizer:
    """The tokenizer of a model, without truncation and padding. Threads may share it.

    Parameters
    ----------
    folder
        The folder with `tokenizer.json`, or with the `vocab.txt` of a BERT.
    lowercase
        Whether the model lowercases its input before the tokenizer sees it.
    special_tokens
        Whether the model adds tokens of its own to every text; all models but the static ones do.

    Raises
    ------
    ModelError
        If the file is missing, is not a tokenizer, or does not agree with tokenizer_config.json.
    """

    def __init__(self, folder: Path, *, lowercase: bool = False, special_tokens: bool = True) -> None:
        import tokenizers

        content = read_tokenizer(folder)
        path = folder / "tokenizer.json"
        written = path.read_text(encoding="utf-8") if path.exists() else json.dumps(content)
        try:
            self._tokenizer: Any = tokenizers.Tokenizer.from_str(written)
        except Exception as error:  # the library raises bare Exception
            raise ModelError(f"{path}: not a tokenizer ({error}); download it again.") from error
        if special_tokens:
            _check_normalizer(folder, self._tokenizer.normalizer)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._lowercase = lowercase
        self._special = special_tokens
        self._process = os.getpid()
        self.special_tokens = int(self._tokenizer.num_special_tokens_to_add(False)) if special_tokens else 0
        """How many tokens the model adds to every text."""
        self.vocabulary_size = int(self._tokenizer.get_vocab_size())
        model = content["model"]
        unknown = model.get("unk_token")
        self.unknown_id = model.get("unk_id") if unknown is None else self._tokenizer.token_to_id(unknown)
        """The id of tokens that are not in the vocabulary; None if there is none."""
        self.is_additive = model.get("type") == "WordPiece"
        """Whether a text that is cut at white space has the same tokens as its parts together."""

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, special tokens included."""
        return [encoding.ids for encoding in self._encode(texts, special=self._special)]

    def prompt_lengths(self, prompt: str, ids: Sequence[Sequence[int]]) -> list[int]:
        """Return how many tokens at the start of each text are the prompt's; `ids` are the result of `ids()`.

        Not counted are a closing token at the end of the prompt, and a space that becomes part of the first word's
        token.
        """
        alone = self.ids([prompt])[0]
        return [
            next((n for n, (a, b) in enumerate(zip(alone, text, strict=False)) if a != b), min(len(alone), len(text)))
            for text in ids
        ]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, without special tokens."""
        return [len(encoding.ids) for encoding in self._encode(texts)]

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text as written in the vocabulary, special tokens included."""
        return list(self._tokenizer.encode(self._prepare(text), add_special_tokens=self._special).tokens)

    def spans(self, texts: Sequence[str]) -> list[Spans]:
        """Return for each text the span of each token in characters, half open, without special tokens."""
        return [tokens.spans for tokens in self.read(texts)]

    def read(self, texts: Sequence[str]) -> list[Tokens]:
        """Return the tokens of each text, without special tokens.

        A byte-level tokenizer has tokens for every text. Others replace a character or a whole word by one unknown
        token.
        """
        return [
            Tokens(encoding.offsets, self._places_of_unknown(encoding.ids))
            for encoding in self._encode(texts, offsets=True)
        ]

    def _encode(self, texts: Sequence[str], *, special: bool = False, offsets: bool = False) -> list[Any]:
        prepared = list(map(self._prepare, texts))
        library = self._tokenizer
        if os.getpid() != self._process:  # a child made by fork has none of the threads that encode a batch
            return [library.encode(text, add_special_tokens=special) for text in prepared]
        encode = library.encode_batch if offsets else library.encode_batch_fast
        return list(encode(prepared, add_special_tokens=special))

    def _places_of_unknown(self, ids: Sequence[int]) -> list[int]:
        if self.unknown_id is None:
            return []
        return [place for place, token in enumerate(ids) if token == self.unknown_id]

    def _prepare(self, text: str) -> str:
        if not text.isascii():
            text = replace_surrogates(text)  # half of a pair, which the library refuses
        if not self._lowercase:
            return text
        lowered = text.lower()
        if len(lowered) == len(text):
            return lowered
        # A few capitals have a lower case of two characters. They are kept, so that the offsets still fit the text.
        return "".join(char.lower() if len(char.lower()) == 1 else char for char in text)


def read_tokens(tokenizer: Any, texts: Sequence[str]) -> list[Tokens]:
    """Return the tokens of each text by any tokenizer; without a method `read`, it has no unknown tokens."""
    if hasattr(tokenizer, "read"):
        tokens: list[Tokens] = tokenizer.read(texts)
        return tokens
    return [Tokens(spans) for spans in tokenizer.spans(texts)]


def _check_normalizer(folder: Path, normalizer: Any) -> None:
    """Compare the normalizer of a BERT with tokenizer_config.json, which the library that made the files uses."""
    from tokenizers.normalizers import BertNormalizer

    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not isinstance(normalizer, BertNormalizer) or str(config.get("tokenizer_class")).startswith("PreTrained"):
        return
    accents = normalizer.lowercase if normalizer.strip_accents is None else normalizer.strip_accents
    ours = {"do_lower_case": normalizer.lowercase, "strip_accents": accents}
    for key, value in (ours | {"tokenize_chinese_chars": normalizer.handle_chinese_chars}).items():
        if config.get(key) not in (None, value):
            raise ModelError(
                f"{folder}: {key} is {config[key]} in tokenizer_config.json and {value} in tokenizer.json; "
                "the files of this model do not agree with each other."
            )
