"""The signals of a large collection: they read memory maps, and vectors propose candidates from cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.bulk.folder import ArrayFolder
from recs.bulk.nearest import read_cells, share_of
from recs.ranking.cells import Cells
from recs.ranking.pairs import Mask
from recs.ranking.proposals import listed_columns
from recs.ranking.signals import Products, Signal
from recs.ranking.vector_signals import Dense, Passages


def read_signals(names: tuple[str, ...], arrays: ArrayFolder) -> list[Signal]:
    """Return the signals of all items from their arrays, in the order of `recs.ranking.signals.SIGNALS`."""
    signals: list[Signal] = []
    if "terms" in names:
        weights = arrays.read_rows("terms")
        signals.append(Products("terms", 2.0, weights, weights, arrays.read_rows("terms.turned")))
    if "mentions" in names:
        titles = (arrays.read_rows("titles"), arrays.read_rows("titles.turned"))
        signals.append(Products("mentions", 1.0, arrays.read_rows("present"), *titles))
    if "dense" in names:
        dense = Dense.of_whole_numbers(arrays.read("dense"), arrays.read("blank"))
        signals.append(_DenseNearest(dense, arrays.read("near.columns")))
    if "passages" in names:
        chunks = arrays.read("chunks")
        passages = Passages.of_whole_numbers(chunks, arrays.read("chunks.items"), arrays.read("blank"))
        cells = (read_cells("chunks", arrays), read_cells("long", arrays))
        signals.append(_PassagesInCells(passages, chunks, arrays.read("chunks.items"), *cells))
    return signals


class _DenseNearest:
    """The similarity of the vectors of items; the nearest items are known (`recs.bulk.nearest`)."""

    name = Dense.name
    weight = Dense.weight
    symmetric = True

    def __init__(self, signal: Dense, nearest: npt.NDArray[np.int32]) -> None:
        self.signal = signal
        self.nearest = nearest

    def block(self, rows: IntArray, columns: IntArray | None) -> Any:
        return self.signal.block(rows, columns)

    def proposals(self, rows: IntArray) -> _DenseProposals:
        return _DenseProposals(self, rows)


@dataclass(frozen=True, slots=True, eq=False)
class _DenseProposals:
    dense: _DenseNearest
    rows: IntArray

    def best(self, k: int, mask: Mask | None) -> IntArray:  # noqa: ARG002
        """Return the nearest columns. `mask` was applied when they were searched."""
        return self.dense.nearest[self.rows, :k].astype(np.int64)

    def at(self, columns: IntArray) -> Float64Array:
        return np.asarray(self.dense.signal.at(self.rows, columns), np.float64)


class _PassagesInCells:
    """The similarity of the two most similar passages, at least one of them of an item with several.

    The passages of an item with several search among all, that of any other among those of such items.
    """

    name = Passages.name
    weight = Passages.weight
    symmetric = True

    def __init__(self, signal: Passages, vectors: Any, items: IntArray, cells: Cells, cells_of_long: Cells) -> None:
        self.signal = signal
        self.vectors = vectors
        self.items = items
        self.cells = cells
        self.cells_of_long = cells_of_long

    def block(self, rows: IntArray, columns: IntArray | None) -> Any:
        return self.signal.block(rows, columns)

    def proposals(self, rows: IntArray) -> _PassageProposals:
        return _PassageProposals(self, rows)


@dataclass(frozen=True, slots=True, eq=False)
class _PassageProposals:
    passages: _PassagesInCells
    rows: IntArray

    def best(self, k: int, mask: Mask | None) -> IntArray:
        passages = self.passages
        is_long = passages.signal.has_several()[self.rows]
        listed = np.full((len(self.rows), k), -1, np.int64)
        for places, cells in (
            (np.flatnonzero(is_long), passages.cells),
            (np.flatnonzero(~is_long), passages.cells_of_long),
        ):
            if len(places) and len(cells.columns):
                listed[places] = self._best_in(cells, self.rows[places], k, mask)
        return listed

    def _best_in(self, cells: Cells, rows: IntArray, k: int, mask: Mask | None) -> IntArray:
        """Return the items whose passages are nearest to one of those of each row."""
        items = self.passages.items
        starts = np.searchsorted(items, rows)
        counts = np.searchsorted(items, rows, side="right") - starts
        chunks = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        may = _MayBeListed(items, self.passages.signal.blank_chunks, mask)
        n = self.passages.signal.n
        nearest = cells.propose(self.passages.vectors[chunks], chunks, k, share=share_of(cells, n), mask=may)
        places = np.repeat(np.repeat(np.arange(len(rows)), counts), k)
        columns = np.where(nearest.columns < 0, -1, items[nearest.columns]).ravel()
        scores = np.where(nearest.columns < 0, -np.inf, nearest.products).ravel()
        kept = _best_of_pairs(places, columns, scores)
        return listed_columns(places[kept], columns[kept], scores[kept], (len(rows), k))

    def at(self, columns: IntArray) -> Float64Array:
        return self.passages.signal.at(self.rows, columns)


@dataclass(frozen=True, slots=True, eq=False)
class _MayBeListed:
    """Which pairs of chunks may be listed: those of two items that may be, and whose vectors say something."""

    items: IntArray
    blank: BoolArray
    mask: Mask | None

    def __call__(self, own: IntArray, columns: IntArray) -> BoolArray:
        items = self.items
        may = np.asarray((items[own] != items[columns]) & ~(self.blank[own] | self.blank[columns]))
        return may if self.mask is None else may & self.mask(items[own], items[columns])


def _best_of_pairs(places: IntArray, columns: IntArray, scores: npt.NDArray[Any]) -> IntArray:
    """Return where the highest score of each pair of a place and a column is."""
    order = np.lexsort((-scores, columns, places))
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = (np.diff(columns[order]) != 0) | (np.diff(places[order]) != 0)
    return order[is_first]
