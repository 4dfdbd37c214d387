"""Stand-ins that need no weights: a tokenizer of words, an encoder of bags of words, small collections."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from recs.embedding.embedder import Embedder
from recs.models.spec import ModelSpec

DIM = 24


class WordTokenizer:
    """A token is a run of characters without white space; two special tokens around every text."""

    special_tokens = 2
    is_additive = True

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        return [[1, *(self._id(word) for word in text.split()), 2] for text in texts]

    def count(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def tokens(self, text: str) -> list[str]:
        return ["[", *text.split(), "]"]

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [[match.span() for match in re.finditer(r"\S+", text)] for text in texts]

    @staticmethod
    def _id(word: str) -> int:
        return 3 + int.from_bytes(hashlib.sha256(word.lower().encode("utf-8", "replace")).digest()[:4], "little")


class BagEncoder:
    """The vector of a text is the mean of fixed random vectors of its words; counts what it was asked."""

    def __init__(self, batch_tokens: int = 64) -> None:
        self.batch_tokens = batch_tokens
        self.batches: list[int] = []
        self.texts = 0

    def encode(self, texts: Sequence[str], *, prompt: str = "") -> Any:
        ids = WordTokenizer().ids(texts)
        self.batches.append(len(ids))
        self.texts += len(ids)
        rows = [np.mean([self._word(token) for token in sequence], axis=0) for sequence in ids]
        return np.asarray(rows, dtype=np.float32)

    @staticmethod
    def _word(token: int) -> Any:
        return np.random.default_rng(token).standard_normal(DIM)


def make_spec(**changes: Any) -> ModelSpec:
    values: dict[str, Any] = {
        "name": "bag-of-words",
        "fingerprint": "f" * 64,
        "dim": DIM,
        "max_tokens": 34,
        "pooling": "mean",
        "normalize": True,
        "similarity": "cosine",
    }
    return ModelSpec(**{**values, **changes})


def make_embedder(encoder: Any = None, **changes: Any) -> Embedder:
    return Embedder(
        make_spec(**changes),
        device="cpu",
        precision="float32",
        tokenizer=WordTokenizer(),  # type: ignore[arg-type]
        encoder=encoder or BagEncoder(),
    )


_TOPICS = {
    "garden": [
        "soil",
        "seed",
        "compost",
        "bed",
        "frost",
        "shoot",
        "root",
        "leaf",
        "bulb",
        "rain",
        "slug",
        "spade",
        "water",
        "bloom",
        "harvest",
    ],
    "bicycle": [
        "wheel",
        "chain",
        "brake",
        "spoke",
        "hub",
        "tyre",
        "pedal",
        "frame",
        "saddle",
        "gear",
        "rim",
        "cable",
        "lamp",
        "rack",
        "bearing",
    ],
    "kitchen": [
        "dough",
        "oven",
        "salt",
        "flour",
        "pan",
        "onion",
        "broth",
        "knife",
        "butter",
        "yeast",
        "crust",
        "simmer",
        "pot",
        "sugar",
        "lemon",
    ],
}


def make_records(n: int = 30, words: int = 40, seed: int = 0) -> list[dict[str, Any]]:
    """Return n posts on three subjects, told apart by their words."""
    rng = np.random.default_rng(seed)
    records = []
    for i in range(n):
        topic = sorted(_TOPICS)[i % 3]
        chosen = [str(word) for word in rng.choice(_TOPICS[topic], size=words)]
        text = ". ".join(" ".join(chosen[j : j + 8]).capitalize() for j in range(0, words, 8)) + f". Note {i}."
        records.append({"id": f"p{i:03}", "title": f"{topic.capitalize()} {i}", "text": text, "topic": topic})
    return records
