"""Copies of one text: items that share a row of a clustering, so that a text that is repeated counts once. Two
texts that are not equal stay two: a pair pulls no topic together.

A copy differs in numbers, or in one word of twenty. A text of one or two words besides its numbers says too little for
that: such texts must be equal.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from recs.arrays import Float64Array, FloatArray, IntArray, unit_rows
from recs.embedding.vectors import Embeddings
from recs.items import Item
from recs.text.words import tokenize

_FEWEST_WORDS = 3  # besides numbers; shorter texts must be equal
_FEWEST_COPIES = 3  # that are not equal
_SHARED = 0.9  # share of the different words of two texts that both have
_MOST_COMPARED = 20  # texts that one text is compared with
_NUMBER = "0"  # in place of every number
_WORDS = b"\0"  # begins the key of a text of some words; no other key does


@dataclass(frozen=True, slots=True, eq=False)
class DistinctTexts:
    """The distinct texts of n items.

    Attributes
    ----------
    vectors : float32 array of shape (rows, d)
        The mean vector of the copies of each text.
    row_of_item : int64 array of shape (n,)
    farthest : float64 array of shape (rows,)
        The least cosine of a copy with the vector of its row.
    """

    vectors: FloatArray
    row_of_item: IntArray
    farthest: Float64Array

    @classmethod
    def of(cls, items: Sequence[Item], embeddings: Embeddings) -> Self:
        """Return the distinct texts of items and their vectors, in the same order. Equal vectors are one text too."""
        X = embeddings.vectors
        group_of_item = text_groups(items)
        means = group_means(X, group_of_item, scaled=embeddings.similarity == "cosine")
        row_of_vector: dict[bytes, int] = {}
        row_of_group = [row_of_vector.setdefault(mean.tobytes(), len(row_of_vector)) for mean in means]
        row_of_item = np.array(row_of_group, np.int64)[group_of_item]
        vectors = np.zeros((len(row_of_vector), X.shape[1]), np.float32)
        vectors[row_of_group] = means or 0
        cosines = np.einsum("ij,ij->i", unit_rows(X.astype(np.float64)), unit_rows(vectors)[row_of_item])
        farthest = np.ones(len(vectors))
        np.minimum.at(farthest, row_of_item, cosines)
        return cls(vectors, row_of_item, farthest)


def text_groups(items: Sequence[Item]) -> IntArray:
    """Return the text of each item, 0 to g - 1 in the order in which they come first: copies of one text are one."""
    return _without_pairs(copy_groups(items), items)


def group_means(vectors: FloatArray, group_of_row: IntArray, *, scaled: bool) -> list[FloatArray]:
    """Return the mean vector of each group of rows, `scaled` to unit length; groups are 0 to g - 1, each has a row."""
    order = np.argsort(group_of_row, kind="stable")
    places = np.split(order, np.cumsum(np.bincount(group_of_row))[:-1])
    return [_mean(vectors[some], scaled=scaled) for some in places if len(some)]


def _without_pairs(group_of_item: IntArray, items: Sequence[Item]) -> IntArray:
    """Return the groups with the items of each pair apart, unless their texts are equal: a pair is no repeated text."""
    sizes = np.bincount(group_of_item)
    group_of_text: dict[tuple[int, str, str], int] = {}
    groups = []
    for group, item in zip(group_of_item.tolist(), items, strict=True):
        text = (group, item.title, item.text) if sizes[group] < _FEWEST_COPIES else (group, "", "")
        groups.append(group_of_text.setdefault(text, len(group_of_text)))
    return np.array(groups, np.int64)


def _mean(vectors: FloatArray, *, scaled: bool) -> FloatArray:
    """Return the mean of vectors, `scaled` to unit length; the vector itself if all are equal."""
    if (vectors == vectors[0]).all():
        return np.asarray(vectors[0])
    mean = vectors.mean(axis=0, dtype=np.float64)
    return np.asarray(unit_rows(mean[None])[0] if scaled else mean, np.float32)


def copy_groups(items: Sequence[Item]) -> IntArray:
    """Return the group of each item, 0 to g - 1: copies of one text are in one group; groups are in order of items.

    Notes
    -----
    A text joins the first text before it, in the order of the items, with which it shares nine tenths of the words.
    Two such texts share one of their rarest words, so only texts that share one are compared (Bayardo et al., Scaling
    up all pairs similarity search, doi:10.1145/1242572.1242591).

    Examples
    --------
    >>> texts = ["Doors open at nine on day 1 of the fair.", "Doors open at nine on day 2 of the fair.", "fair"]
    >>> copy_groups([Item(id=str(place), text=text) for place, text in enumerate(texts)]).tolist()
    [0, 0, 1]
    """
    numbers = _WordNumbers()
    keys = [numbers.key(item, place) for place, item in enumerate(items)]
    first_of_key: dict[bytes, int] = {}
    for place, key in enumerate(keys):
        first_of_key.setdefault(key, place)
    merged = _merged(list(first_of_key.values()), numbers.ranked(list(first_of_key)))
    groups: dict[int, int] = {}
    return np.array([groups.setdefault(merged[first_of_key[key]], len(groups)) for key in keys], np.int64)


class _WordNumbers:
    """Words as numbers: a text takes a few bytes a word."""

    def __init__(self) -> None:
        self._number_of_word: dict[str, int] = {}

    def key(self, item: Item, place: int) -> bytes:
        """Return what equal texts share: their words, with all numbers alike; a short text as it is.

        Without a text, the item is alone.
        """
        words = [_NUMBER if word.isdigit() else word for word in tokenize(f"{item.title}\n{item.text}")]
        if len(words) - words.count(_NUMBER) >= _FEWEST_WORDS:
            numbers = [self._number_of_word.setdefault(word, len(self._number_of_word)) for word in words]
            return _WORDS + np.array(numbers, np.int32).tobytes()
        text = f"{len(item.title)} {item.title}{item.text}" if item.title or item.text else f"{place}"
        return text.encode("utf-8", "surrogatepass")

    def ranked(self, keys: Sequence[bytes]) -> list[IntArray]:
        """Return the ranks of the words of each key, the rarest of all keys first; none of a short text.

        A word that a text repeats has several ranks: one for its first place, one for its second, and so on.
        """
        row_of_place: dict[tuple[int, int], int] = {}
        rows: list[IntArray] = []
        for key in keys:
            times: Counter[int] = Counter()
            of_text: list[int] = []
            for word in np.frombuffer(key, np.int32, offset=1).tolist() if key.startswith(_WORDS) else ():
                of_text.append(row_of_place.setdefault((word, times[word]), len(row_of_place)))
                times[word] += 1
            rows.append(np.array(of_text, np.int32))
        words = list(self._number_of_word)
        ranks = _rarest_first(rows, [(words[word], time) for word, time in row_of_place])
        for number, own in enumerate(rows):
            rows[number] = np.sort(ranks[own])
        return rows


def _rarest_first(texts: Sequence[IntArray], names: Sequence[tuple[str, int]]) -> IntArray:
    """Return the rank of each word: by how many texts have it, then by name."""
    counts = np.zeros(len(names), np.int64)
    for own in texts:
        counts[own] += 1  # a text has each of them once
    order = sorted(range(len(names)), key=lambda row: (counts[row], names[row]))
    return np.argsort(order).astype(np.int32)


def _merged(places: Sequence[int], ranks: Sequence[IntArray]) -> dict[int, int]:
    """Return for each place the first place whose text shares nearly all words with it, often its own."""
    texts_with_rank: defaultdict[int, list[int]] = defaultdict(list)
    merged: dict[int, int] = {}
    for text, (place, words) in enumerate(zip(places, ranks, strict=True)):
        rarest = words[: len(words) - math.ceil(_SHARED * len(words)) + 1].tolist()
        others = sorted({other for rank in rarest for other in texts_with_rank[rank]})[:_MOST_COMPARED]
        first = next((other for other in others if _is_copy(words, ranks[other])), text)
        merged[place] = places[first]
        if first == text:
            for rank in rarest:
                texts_with_rank[rank].append(text)
    return merged


def _is_copy(words: IntArray, others: IntArray) -> bool:
    shared = len(np.intersect1d(words, others, assume_unique=True))
    return shared >= _SHARED * (len(words) + len(others) - shared)
