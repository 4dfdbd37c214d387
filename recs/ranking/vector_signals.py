"""The signals of vectors: the similarity of two items, and of their two most similar chunks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, Similarity, unit_rows
from recs.embedding.vectors import Embeddings
from recs.items import Item
from recs.ranking.proposals import DenseProposals

# In a small collection the mean is mostly made of its own few items. So only n / (n + this) of it is subtracted: then
# the items of a collection of two do not become opposites. With 500 items 98 % is subtracted.
_MEAN_PRIOR = 10
_BLOCK_PAIRS = 1 << 22
_MOST_SAID = 16  # groups of chunks of one transcript


class Dense:
    """The model's own similarity of the items' vectors; for cosine the mean of the collection is subtracted first.

    `coarse` cosines are products of whole numbers below 2^12 in float32. Such sums are exact in any order, so that a
    cosine is the same on every machine and equal vectors have equal cosines. They differ from exact ones by some .0001.
    """

    name = "dense"
    weight = 1.0
    symmetric = True

    def __init__(
        self, vectors: FloatArray, similarity: Similarity, blank: BoolArray | None = None, *, coarse: bool = False
    ) -> None:
        self._vectors: npt.NDArray[Any] = (
            centre(vectors, blank) if similarity == "cosine" else vectors.astype(np.float64)
        )
        self._squares = np.einsum("ij,ij->i", self._vectors, self._vectors) if similarity == "euclidean" else None
        self._blank = np.zeros(len(vectors), dtype=bool) if blank is None else blank
        self._scale = 1.0
        if coarse and similarity == "cosine":
            self._vectors = whole_rows(self._vectors)
            self._scale = 1 / longest_whole_row(vectors.shape[1]) ** 2

    def block(self, rows: IntArray | slice, columns: IntArray | slice | None) -> npt.NDArray[Any]:
        others = slice(None) if columns is None else columns
        with np.errstate(invalid="ignore"):  # some builds of BLAS raise the flag on lanes beyond the end of an array
            products = self._vectors[rows] @ self._vectors[others].T
        if self._squares is not None:
            products = -np.sqrt(np.maximum(self._squares[rows][:, None] + self._squares[others] - 2 * products, 0))
        if self._scale != 1:
            products *= self._vectors.dtype.type(self._scale)
        return _without(products, self._blank[rows], self._blank[others])

    def proposals(self, rows: IntArray) -> DenseProposals:
        return DenseProposals(self.block(rows, None), rows)


class Passages:
    """The similarity of the two chunks, one of each item, that are most similar.

    Parameters
    ----------
    vectors : float32 array of shape (m, d)
        The vectors of all chunks, one item after the other.
    rows : int64 array of shape (m,)
        The item of each chunk, ascending; every item has one.
    blank : bool array of shape (n,), optional
        Items whose vectors say nothing.
    groups : int64 array of shape (m,), optional
        Neighbouring chunks with one number, from 0 and ascending, count as one chunk with their mean as its vector.
        `best_pair` still finds single chunks.
    """

    name = "passages"
    weight = 1.0
    symmetric = True

    def __init__(
        self,
        vectors: FloatArray,
        rows: IntArray,
        similarity: Similarity,
        blank: BoolArray | None = None,
        *,
        groups: IntArray | None = None,
    ) -> None:
        self._ungrouped = None if groups is None else (vectors, rows, similarity, blank)
        if groups is not None:
            first = np.searchsorted(groups, np.arange(groups[-1] + 1))
            sizes = np.diff(first, append=len(groups))
            vectors = (np.add.reduceat(vectors, first, axis=0) / sizes[:, None]).astype(np.float32)
            rows = rows[first]
        self._chunks = Dense(vectors, similarity, None if blank is None else blank[rows], coarse=True)
        self._counts = np.bincount(rows)
        self._starts = np.cumsum(self._counts) - self._counts

    def block(self, rows: IntArray, columns: IntArray | None) -> FloatArray:
        is_whole = columns is None and len(rows) == len(self._counts)  # then half of the pairs are enough
        columns = np.arange(len(self._counts)) if columns is None else columns
        best = np.empty((len(rows), len(columns)), np.float32)
        chunks_at_a_time = max(1, _BLOCK_PAIRS // max(int(self._counts[columns].sum()), 1))
        ends = np.cumsum(self._counts[rows])
        start = 0
        while start < len(rows):  # whole items at a time, at least one
            stop = max(int(np.searchsorted(ends, ends[start] + chunks_at_a_time)), start + 1)
            left = start if is_whole else 0
            best[start:stop, left:] = self._best(rows[start:stop], columns[left:])
            if is_whole:
                best[stop:, start:stop] = best[start:stop, stop:].T
            start = stop
        return best

    def _best(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """Return the largest similarity of the chunks of some items with those of others."""
        pairs = self._chunks.block(self._chunks_of(columns), self._chunks_of(rows))
        of_columns = _largest(pairs, self._counts[columns])
        return _largest(np.ascontiguousarray(of_columns.T), self._counts[rows])

    def proposals(self, rows: IntArray) -> PassageProposals:
        return PassageProposals(self, rows)

    def has_several(self) -> BoolArray:
        """Return which items have more than one chunk."""
        return np.asarray(self._counts > 1)

    def best_pair(self, row: int, column: int) -> tuple[int, int]:
        """Return the two chunks, one of each item, that are most similar."""
        if self._single is not None:
            return self._single.best_pair(row, column)
        pairs = self._chunks.block(self._chunks_of(np.array([row])), self._chunks_of(np.array([column])))
        ours, theirs = np.unravel_index(int(np.argmax(np.round(pairs, 6))), pairs.shape)
        return int(self._starts[row] + ours), int(self._starts[column] + theirs)

    @cached_property
    def _single(self) -> Passages | None:
        """The signal of single chunks, if this one is of groups."""
        return Passages(*self._ungrouped) if self._ungrouped else None

    def of_row(self, row: int, columns: IntArray) -> FloatArray:
        """Return the similarities of one item with others."""
        return np.asarray(self._best(np.array([row]), columns)[0])

    def _chunks_of(self, items: IntArray) -> IntArray | slice:
        """Return the places of the chunks of some items, one item after the other."""
        counts = self._counts[items]
        if len(items) and (np.diff(items) == 1).all():  # a slice of an array is no copy
            return slice(int(self._starts[items[0]]), int(self._starts[items[-1]] + counts[-1]))
        starts = np.cumsum(counts) - counts
        return np.arange(counts.sum()) - np.repeat(starts, counts) + np.repeat(self._starts[items], counts)


class PassageProposals:
    """Proposals by passages: pairs in which one item at least has several chunks.

    Two items of one chunk each are as similar as their vectors, and the signal of these proposes them. So a collection
    of short items takes no second product of all pairs.
    """

    def __init__(self, signal: Passages, rows: IntArray) -> None:
        self._signal = signal
        self._rows = rows

    def best(self, k: int, allowed: BoolArray | None) -> IntArray:
        listed = np.full((len(self._rows), k), -1, np.int64)
        has_several = self._signal.has_several()
        is_long = has_several[self._rows]
        for places, columns in (
            (np.flatnonzero(is_long), np.arange(len(has_several))),
            (np.flatnonzero(~is_long), np.flatnonzero(has_several)),
        ):
            if len(places) and len(columns):
                listed[places] = self._best_among(places, columns, k, allowed)
        return listed

    def _best_among(self, places: IntArray, columns: IntArray, k: int, allowed: BoolArray | None) -> IntArray:
        rows = self._rows[places]
        similarities = self._signal.block(rows, columns)
        similarities[rows[:, None] == columns] = -np.inf
        of_columns = None if allowed is None else allowed[np.ix_(places, columns)]
        best = DenseProposals(similarities, None).best(k, of_columns)
        return np.where(best < 0, -1, columns[best])

    def at(self, columns: IntArray) -> Float64Array:
        values = np.empty(columns.shape)
        for place, row in enumerate(self._rows.tolist()):
            values[place] = self._signal.of_row(row, np.maximum(columns[place], 0))
        return values


def _largest(pairs: npt.NDArray[Any], counts: IntArray) -> npt.NDArray[Any]:
    """Return the largest values of groups of neighbouring rows; `counts` are the rows of each group, at least 1.

    The second row of each group, then the third and so on: about three times as fast as `np.maximum.reduceat`.
    """
    starts = np.cumsum(counts) - counts
    largest = pairs[starts]
    for place in range(1, int(counts.max(initial=0))):
        groups = np.flatnonzero(counts > place)
        largest[groups] = np.maximum(largest[groups], pairs[starts[groups] + place])
    return np.asarray(largest)


def centre(vectors: FloatArray, blank: BoolArray | None = None) -> Float64Array:
    """Return unit rows from which the mean row was subtracted; for small n only a part of it.

    Parameters
    ----------
    vectors : float32 array of shape (n, d)
    blank : bool array of shape (n,), optional
        These rows do not count in the mean, and become zeros.

    Examples
    --------
    >>> centre(np.array([[1, 0], [0, 1]], np.float32)).round(3).tolist()
    [[0.996, -0.091], [-0.091, 0.996]]
    """
    exact: Float64Array = unit_rows(vectors.astype(np.float64))
    if blank is not None and blank.any():
        centred = np.zeros_like(exact)
        centred[~blank] = centre(vectors[~blank])
        return centred
    n = len(exact)
    if n:
        exact -= exact.mean(axis=0) * (n / (n + _MEAN_PRIOR))
    return np.asarray(unit_rows(exact))


def whole_rows(units: npt.NDArray[Any]) -> FloatArray:
    """Return unit rows multiplied by `longest_whole_row` and rounded: their products are exact in float32.

    Examples
    --------
    >>> whole_rows(np.array([[0.6, 0.8]])).tolist()
    [[2457.0, 3276.0]]
    """
    return np.asarray(np.rint(units * longest_whole_row(units.shape[1])), np.float32)


def longest_whole_row(dim: int) -> int:
    """Return how long a row of `dim` numbers may be so that it is no longer than 2^12 when these are rounded.

    Sums of products of two such rows are at most 2^24, in any order: whole numbers that float32 holds.
    """
    return 2**12 - math.ceil(math.sqrt(dim) / 2)  # rounding makes a row so much longer at most


def groups_of_chunks(items: Sequence[Item], embeddings: Embeddings) -> IntArray | None:
    """Return the group of each chunk, from 0, in the order of the chunks; None if each is a group of its own.

    The chunks of a long transcript are joined to 16 groups of neighbours, since all pairs of the chunks of hour-long
    talks would take minutes.
    """
    rows = embeddings.chunk_rows
    if not len(embeddings.chunk_spans) or all(item.times is None for item in items):
        return None
    written = np.array([item.written for item in items])
    is_said = embeddings.chunk_spans[:, 0] >= np.maximum(written[rows], 1)
    said = np.bincount(rows[is_said], minlength=len(items))
    places = np.arange(len(rows)) - np.repeat(np.searchsorted(rows, np.arange(len(items))), np.bincount(rows))
    places -= (np.bincount(rows, minlength=len(items)) - said)[rows]  # from 0 at the first chunk of the transcript
    parts = np.minimum(said, _MOST_SAID)[rows]
    parts = np.where(is_said, places * parts // np.maximum(said[rows], 1), places)
    starts = np.flatnonzero((np.diff(rows, prepend=-1) != 0) | (np.diff(parts, prepend=-1) != 0) | ~is_said)
    return np.repeat(np.arange(len(starts)), np.diff(starts, append=len(rows)))


def _without(similarities: npt.NDArray[Any], blank_rows: BoolArray, blank_columns: BoolArray) -> npt.NDArray[Any]:
    """Return similarities with NaN for every pair with a blank item: its vector says nothing."""
    if blank_rows.any() or blank_columns.any():
        similarities[blank_rows] = np.nan
        similarities[:, blank_columns] = np.nan
    return similarities
