"""Tiny models with random weights, in the exact file layouts that hubs hold, and tokenizers to go with them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

TEXTS = [
    "soil and seed",
    "How do I true a wheel without a stand?",
    "Garlic, planted in November; harvested in July. " * 2,
    "wheel",
]

_WORDS = ["the", "of", "and", "a", "to", "in", "for", "soil", "seed", "garlic", "wheel", "plant", "stand", "query"]
_WORDS += ["question", "document", "represent", "retrieval"]
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SIGNS = list(".,:;?!'\"-()")


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")


def word_piece(folder: Path, *, max_tokens: int = 128, kind: str = "BertTokenizer") -> int:
    """Write the tokenizer of a BERT; return the size of its vocabulary."""
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_WORDS, *_SIGNS]
    vocab += [*_LETTERS, *(f"##{letter}" for letter in _LETTERS), "##ed", "##ing"]
    tokens = {token: i for i, token in enumerate(dict.fromkeys(vocab))}
    made = tokenizers.Tokenizer(models.WordPiece(tokens, unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    _save(made, folder, {"tokenizer_class": kind, "do_lower_case": True, "mask_token": "[MASK]", **special}, max_tokens)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    return len(tokens)


def unigram(folder: Path, *, kind: str = "T5Tokenizer", max_tokens: int = 128) -> int:
    """Write the tokenizer of a T5 or of an XLM-R (SentencePiece, as the libraries store it)."""
    roberta = kind == "XLMRobertaTokenizer"
    special = ["<s>", "<pad>", "</s>", "<unk>"] if roberta else ["<pad>", "</s>", "<unk>"]
    pieces = [(f"▁{word}", -2.0 - i / 100) for i, word in enumerate(_WORDS)]
    pieces += [(piece, -6.0 - i / 100) for i, piece in enumerate(["▁", *_LETTERS, *_LETTERS.upper(), *_SIGNS])]
    vocab = [(token, 0.0) for token in special] + pieces + ([("<mask>", 0.0)] if roberta else [])
    made = tokenizers.Tokenizer(models.Unigram(vocab, unk_id=special.index("<unk>"), byte_fallback=False))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    made.decoder = decoders.Metaspace(prepend_scheme="always")
    end = special.index("</s>")
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>" if roberta else "$A </s>",
        pair="<s> $A </s> </s> $B </s>" if roberta else "$A </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", end)] if roberta else [("</s>", end)],
    )
    made.add_special_tokens([*special, "<mask>"] if roberta else special)
    config = {"tokenizer_class": kind, "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    config |= {"bos_token": "<s>", "cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"} if roberta else {}
    _save(made, folder, config | ({} if roberta else {"extra_ids": 0}), max_tokens)
    return len(vocab)


def byte_pairs(folder: Path, *, bert: bool, max_tokens: int = 128) -> int:
    """Write the tokenizer of a ModernBERT ([CLS] … [SEP]) or of a Qwen3 embedder (… <|endoftext|>)."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] if bert else ["<|endoftext|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: i for i, token in enumerate([*special, *alphabet, "Ġa", "Ġw", "he", "el"])}
    merges = [("Ġ", "a"), ("Ġ", "w"), ("h", "e"), ("e", "l")]
    made = tokenizers.Tokenizer(models.BPE(vocab, merges))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)
    made.decoder = decoders.ByteLevel()
    template = "[CLS] $A [SEP]" if bert else "$A <|endoftext|>"
    ends = [("[CLS]", 2), ("[SEP]", 3)] if bert else [("<|endoftext|>", 0)]
    made.post_processor = processors.TemplateProcessing(single=template, special_tokens=ends)
    made.add_special_tokens(special)
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": special[0]}
    config |= {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"} if bert else {"padding_side": "left"}
    _save(made, folder, config, max_tokens)
    return len(vocab)


def words(folder: Path, *, unknown: bool = True) -> int:
    """Write the tokenizer of a static model: words, no special tokens around a text."""
    vocab = {token: i for i, token in enumerate(["[PAD]", "[UNK]", *_WORDS])}
    made = tokenizers.Tokenizer(models.WordLevel(vocab, unk_token="[UNK]" if unknown else ""))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    _save(made, folder, {}, 10**30)
    return len(vocab)


def _save(made: tokenizers.Tokenizer, folder: Path, config: Mapping[str, Any], max_tokens: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {**config, "model_max_length": max_tokens})


def random_tensors(shapes: Mapping[str, Sequence[int]], seed: int = 0) -> dict[str, Any]:
    """Return random float32 tensors that keep what passes through them at about its size."""
    import torch

    rng = np.random.default_rng(seed)
    made = {}
    for name, shape in shapes.items():
        values = rng.standard_normal(tuple(shape)) * (shape[-1] ** -0.5 if len(shape) == 2 else 0.2)
        scales = len(shape) == 1 and name.endswith("weight")  # of a norm
        made[name] = torch.from_numpy((values + scales).astype(np.float32))
    return made


def save_tensors(folder: Path, tensors: Mapping[str, Any], name: str = "model.safetensors") -> None:
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, folder / name, metadata={"format": "pt"})


def read_tensors(folder: Path) -> dict[str, Any]:
    """Return the tensors of a folder as float64 arrays, for the reference computations."""
    from safetensors.torch import load_file

    tensors: dict[str, Any] = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= {name: tensor.double().numpy() for name, tensor in load_file(path).items()}
    return tensors


def sentence_transformers(
    folder: Path,
    *modules: str,
    pooling: str = "mean",
    dim: int = 0,
    dense: Sequence[tuple[int, int, bool]] = (),
    old: bool = True,
    max_tokens: int | None = 128,
    seed: int = 1,
) -> None:
    """Write what sentence-transformers puts around a transformer: modules.json and a folder for each further module.

    `dense` holds (in, out, bias) of each Dense in `modules`; `old` is the layout of before `include_prompt`.
    """
    base = "sentence_transformers.models"
    listed = [{"idx": 0, "name": "0", "path": "", "type": f"{base}.Transformer"}]
    layers = iter(dense)
    for i, kind in enumerate(modules, 1):
        path = f"{i}_{kind}"
        listed.append({"idx": i, "name": str(i), "path": path, "type": f"{base}.{kind}"})
        (folder / path).mkdir(parents=True, exist_ok=True)
        if kind == "Pooling":
            flags = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens", "lasttoken": "lasttoken"}
            modes = {f"pooling_mode_{flag}": name == pooling for name, flag in flags.items()}
            more = {} if old else {"include_prompt": True}
            write_json(folder / path / "config.json", {"word_embedding_dimension": dim, **modes, **more})
        if kind == "Dense":
            wide, narrow, bias = next(layers)
            identity = "torch.nn.modules.linear.Identity"
            config = {"in_features": wide, "out_features": narrow, "bias": bias, "activation_function": identity}
            write_json(folder / path / "config.json", config)
            shapes = {"linear.weight": (narrow, wide)} | ({"linear.bias": (narrow,)} if bias else {})
            save_tensors(folder / path, random_tensors(shapes, seed + i))
    write_json(folder / "modules.json", listed)
    if max_tokens:
        write_json(folder / "sentence_bert_config.json", {"max_seq_length": max_tokens, "do_lower_case": False})
    write_json(folder / "config_sentence_transformers.json", {"__version__": {"sentence_transformers": "2.2.2"}})
