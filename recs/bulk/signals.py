"""The signals of a large collection: they read memory maps, and vectors propose candidates from cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.bulk.folder import ArrayFolder
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
        signals.append(_DenseInCells(dense, arrays.read("dense"), read_cells("dense", arrays)))
    if "passages" in names:
        chunks = arrays.read("chunks")
        passages = Passages.of_whole_numbers(chunks, arrays.read("chunks.items"), arrays.read("blank"))
        cells = (read_cells("chunks", arrays), read_cells("long", arrays))
        signals.append(_PassagesInCells(passages, chunks, arrays.read("chunks.items"), *cells))
    return signals


def read_cells(name: str, arrays: ArrayFolder) -> Cells:
    """Return the cells of an array."""
    return Cells(*(arrays.read(f"{name}.{part}") for part in ("centroids", "columns", "starts", "rows")))


class _DenseInCells:
    """The similarity of the vectors of items; each item finds its candidates in the cells near to it."""

    name = Dense.name
    weight = Dense.weight
    symmetric = True

    def __init__(self, signal: Dense, vectors: Any, cells: Cells) -> None:
        self.signal = signal
        self.vectors = vectors
        self.cells = cells

    def block(self, rows: IntArray, columns: IntArray | None) -> Any:
        return self.signal.block(rows, columns)

    def proposals(self, rows: IntArray) -> _DenseProposals:
        return _DenseProposals(self, rows)


@dataclass(frozen=True, slots=True, eq=False)
class _DenseProposals:
    dense: _DenseInCells
    rows: IntArray

    def best(self, k: int, mask: Mask | None) -> IntArray:
        blank = self.dense.signal.blank

        def allowed(own: IntArray, columns: IntArray) -> BoolArray:
            may = ~(blank[own][:, None] | blank[columns])
            return may if mask is None else may & mask(own[:, None], columns)

        vectors = self.dense.vectors[self.rows]
        says = ~blank[self.rows]
        listed = np.full((len(self.rows), k), -1, np.int64)
        check = allowed if mask is not None or blank.any() else None
        listed[says] = self.dense.cells.propose(vectors[says], self.rows[says], k, allowed=check).columns
        return listed

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
        blank: BoolArray = self.passages.signal.blank_chunks

        def allowed(own: IntArray, columns: IntArray) -> BoolArray:
            may = np.asarray((items[own][:, None] != items[columns]) & ~(blank[own][:, None] | blank[columns]))
            return may if mask is None else may & mask(items[own][:, None], items[columns])

        starts = np.searchsorted(items, rows)
        counts = np.searchsorted(items, rows, side="right") - starts
        chunks = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        nearest = cells.propose(self.passages.vectors[chunks], chunks, k, allowed=allowed)
        places = np.repeat(np.repeat(np.arange(len(rows)), counts), k)
        columns = np.where(nearest.columns < 0, -1, items[nearest.columns]).ravel()
        scores = np.where(nearest.columns < 0, -np.inf, nearest.products).ravel()
        order = np.lexsort((-scores, columns, places))
        is_first = np.ones(len(order), np.bool_)
        is_first[1:] = (np.diff(columns[order]) != 0) | (np.diff(places[order]) != 0)
        kept = order[is_first]
        return listed_columns(places[kept], columns[kept], scores[kept], (len(rows), k))

    def at(self, columns: IntArray) -> Float64Array:
        return self.passages.signal.at(self.rows, columns)
