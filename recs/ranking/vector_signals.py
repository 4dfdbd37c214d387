"""The signals of vectors: the similarity of two items, and of their two most similar chunks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, Similarity
from recs.embedding.vectors import Embeddings
from recs.ranking.centred import centre, whole_rows, whole_scale
from recs.ranking.pairs import Mask
from recs.ranking.proposals import DenseProposals, best_columns

_BLOCK_PAIRS = 1 << 22
_NUMBERS = 1 << 22  # of vectors at a time
_MOST_SAID = 16  # groups of chunks of one transcript


class Dense:
    """The model's own similarity of the items' vectors; for cosine the mean of the collection is subtracted first.

    `coarse` cosines are those of `WholeVectors`.
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
        self.blank = np.zeros(len(vectors), dtype=bool) if blank is None else blank
        self._scale = 1.0
        if coarse and similarity == "cosine":
            self._vectors = whole_rows(self._vectors)
            self._scale = whole_scale(vectors.shape[1])

    @classmethod
    def of_whole_numbers(cls, vectors: npt.NDArray[Any], blank: BoolArray) -> Dense:
        """Return the signal of rows that `whole_rows` returned, as float32 or int16."""
        signal = cls.__new__(cls)
        signal._vectors = vectors
        signal._squares = None
        signal.blank = blank
        signal._scale = whole_scale(vectors.shape[1])
        return signal

    def block(self, rows: IntArray | slice, columns: IntArray | slice | None) -> npt.NDArray[Any]:
        others = slice(None) if columns is None else columns
        with np.errstate(invalid="ignore"):  # some builds of BLAS raise the flag on lanes beyond the end of an array
            products = self._rows(rows) @ self._rows(others).T
        if self._squares is not None:
            products = -np.sqrt(np.maximum(self._squares[rows][:, None] + self._squares[others] - 2 * products, 0))
        if self._scale != 1:
            products *= products.dtype.type(self._scale)
        return _without(products, self.blank[rows], self.blank[others])

    def at(self, rows: IntArray, columns: IntArray) -> npt.NDArray[Any]:
        """Return the similarities of each row with its own columns, shape (r, c); a column of -1 has any."""
        others = np.maximum(columns, 0)
        products = self._products(rows, others)
        if self._squares is not None:
            squares = self._squares[rows][:, None] + self._squares[others]
            products = -np.sqrt(np.maximum(squares - 2 * products, 0))
        if self._scale != 1:
            products *= products.dtype.type(self._scale)
        products[self.blank[rows][:, None] | self.blank[others]] = np.nan
        return np.asarray(products)

    def _products(self, rows: IntArray, columns: IntArray) -> npt.NDArray[Any]:
        """Return the products of each row with its own columns, of some rows at a time."""
        step = max(1, _NUMBERS // max(columns.shape[1] * self._vectors.shape[1], 1))
        parts = [(rows[start : start + step], columns[start : start + step]) for start in range(0, len(rows), step)]
        products = [np.einsum("rd,rcd->rc", self._rows(some), self._rows(their)) for some, their in parts]
        return np.concatenate(products) if products else np.zeros(columns.shape, np.float32)

    def _rows(self, rows: IntArray | slice) -> npt.NDArray[Any]:
        """Return some vectors; whole numbers as float32."""
        vectors = self._vectors[rows]
        return vectors.astype(np.float32) if vectors.dtype.kind == "i" else vectors

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
            vectors, rows = grouped(vectors, rows, groups)
        self._chunks = Dense(vectors, similarity, None if blank is None else blank[rows], coarse=True)
        self._counts = np.bincount(rows)
        self._starts = np.cumsum(self._counts) - self._counts

    @classmethod
    def of_whole_numbers(cls, vectors: npt.NDArray[Any], rows: IntArray, blank: BoolArray) -> Passages:
        """Return the signal of chunks whose rows `whole_rows` returned."""
        signal = cls.__new__(cls)
        signal._ungrouped = None
        signal._chunks = Dense.of_whole_numbers(vectors, blank[rows])
        signal._counts = np.bincount(rows)
        signal._starts = np.cumsum(signal._counts) - signal._counts
        return signal

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

    @property
    def blank_chunks(self) -> BoolArray:
        """Which chunks are of items whose vectors say nothing."""
        return self._chunks.blank

    @property
    def n(self) -> int:
        """The number of items."""
        return len(self._counts)

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

    def at(self, rows: IntArray, columns: IntArray) -> Float64Array:
        """Return the similarities of each row with its own columns, shape (r, c); a column of -1 has any."""
        others = np.maximum(columns, 0)
        values = self._chunks.at(self._starts[rows], self._starts[others]).astype(np.float64)
        has_several = self.has_several()
        is_long = has_several[others] | has_several[rows][:, None]
        for place in np.flatnonzero(is_long.any(axis=1)).tolist():
            of_place = is_long[place]
            values[place, of_place] = self._best(rows[place : place + 1], others[place, of_place])[0]
        return values

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

    def best(self, k: int, mask: Mask | None) -> IntArray:
        listed = np.full((len(self._rows), k), -1, np.int64)
        has_several = self._signal.has_several()
        is_long = has_several[self._rows]
        for places, columns in (
            (np.flatnonzero(is_long), np.arange(len(has_several))),
            (np.flatnonzero(~is_long), np.flatnonzero(has_several)),
        ):
            if len(places) and len(columns):
                listed[places] = self._best_among(self._rows[places], columns, k, mask)
        return listed

    def _best_among(self, rows: IntArray, columns: IntArray, k: int, mask: Mask | None) -> IntArray:
        similarities = self._signal.block(rows, columns)
        may = rows[:, None] != columns
        if mask is not None:
            may &= mask(rows[:, None], columns)
        similarities[~may | np.isnan(similarities)] = -np.inf
        best = best_columns(similarities, k)
        return np.where(best < 0, -1, columns[best])

    def at(self, columns: IntArray) -> Float64Array:
        return self._signal.at(self._rows, columns)


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


def grouped(vectors: FloatArray, rows: IntArray, groups: IntArray) -> tuple[FloatArray, IntArray]:
    """Return the mean vector of each group of chunks, and the item that it belongs to."""
    first = np.searchsorted(groups, np.arange(groups[-1] + 1))
    sizes = np.diff(first, append=len(groups))
    return (np.add.reduceat(vectors, first, axis=0) / sizes[:, None]).astype(np.float32), rows[first]


def groups_of_chunks(written: Sequence[int], embeddings: Embeddings) -> IntArray | None:
    """Return the group of each chunk, from 0, in the order of the chunks; None if each is a group of its own.

    The chunks of a long transcript are joined to 16 groups of neighbours, since all pairs of the chunks of hour-long
    talks would take minutes. `written` is where the transcript of each item begins, or the length of its text.
    """
    rows = embeddings.chunk_rows
    if not len(embeddings.chunk_spans):
        return None
    is_said = embeddings.chunk_spans[:, 0] >= np.maximum(np.array(written), 1)[rows]
    if not is_said.any():
        return None
    said = np.bincount(rows[is_said], minlength=len(written))
    places = np.arange(len(rows)) - np.repeat(np.searchsorted(rows, np.arange(len(written))), np.bincount(rows))
    places -= (np.bincount(rows, minlength=len(written)) - said)[rows]  # from 0 at the first chunk of the transcript
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
