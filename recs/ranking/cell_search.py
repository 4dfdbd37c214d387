"""The search of cells: which cells a query searches, and the products with their rows.

The queries of one cell are multiplied with its rows together. The nearest cells come first: what they hold says how
similar a row of any other cell must be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from recs.arrays import FloatArray, IntArray
from recs.ranking.nearest import NO_PAIR, Nearest, first_of_rows, pair_keys, products_of, without
from recs.ranking.pairs import Mask
from recs.ranking.proposals import high_pairs

BLOCK_NUMBERS = 1 << 22  # of one array at a time
_BLOCK_QUERIES = 1 << 14
_BLOCK_COLUMNS = 1 << 15
_MANY = 8
_PENDING = 1 << 21  # pairs
_CELL_BITS = 20
_MORE_CELLS = 3  # so many times the share of cells is looked through, since cells are of several sizes
_FEWEST_CELLS = 8
_ROUNDS = (0, 1, 4, 16, 64, None)  # the nearest cell first, then the next three, and so on

_Round: TypeAlias = Sequence[tuple[slice, IntArray]]
"""Some of the rows, and the queries that are multiplied with them. What they give says what later ones must reach."""


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A search of the rows `vectors`, which are in the order of cells; see `recs.ranking.cells.Cells`.

    Attributes
    ----------
    own : int64 array of shape (q,)
        The column of each query, which is not in its list; -1 for none.
    nearest
        The result is written into it.
    """

    centroids: FloatArray
    columns: IntArray
    starts: IntArray
    vectors: npt.NDArray[Any]
    queries: npt.NDArray[Any]
    own: IntArray
    mask: Mask | None
    nearest: Nearest

    def run(self, places: IntArray, share: float) -> None:
        """Search the nearest cells of some queries, at most a share of all rows, and write their lists."""
        for start in range(0, len(places), _BLOCK_QUERIES):
            block = places[start : start + _BLOCK_QUERIES]
            self._write(block, self._everything(block) if share >= 1 else self._nearest_cells(block, share))

    def _probes(self, places: IntArray, share: float) -> npt.NDArray[np.int32]:
        """Return the cells that each query searches, the most similar first; -1 fills up. The first is always one."""
        count = len(self.centroids)
        sizes = np.diff(self.starts)
        most = min(count, _FEWEST_CELLS + int(_MORE_CELLS * share * count))
        probes = np.empty((len(places), most), np.int32)
        step = max(1, BLOCK_NUMBERS // count)
        for start in range(0, len(places), step):
            part = slice(start, start + step)
            products = float32(self.queries[places[part]]) @ self.centroids.T
            keys = (-products.astype(np.int64) << _CELL_BITS) + np.arange(count)  # no two of a row are equal
            keys = np.sort(keys if most == count else np.partition(keys, most - 1, axis=1)[:, :most], axis=1)
            cells = keys & ((1 << _CELL_BITS) - 1)
            is_probe = np.cumsum(sizes[cells], axis=1) <= share * len(self.columns)
            is_probe[:, 0] = True
            probes[part] = np.where(is_probe, cells, -1)
        return probes

    def _everything(self, places: IntArray) -> Iterator[_Round]:
        """Yield all rows, some at a time, with all queries."""
        self.nearest.compared[places] += len(self.columns)
        for start in range(0, len(self.columns), _BLOCK_COLUMNS):
            yield [(slice(start, start + _BLOCK_COLUMNS), np.arange(len(places)))]

    def _nearest_cells(self, places: IntArray, share: float) -> Iterator[_Round]:
        """Yield the rows of each cell with the queries that search it: the nearest cell of each query comes first."""
        probes = self._probes(places, share)
        sizes = np.append(np.diff(self.starts), 0)  # the last one is that of no cell
        self.nearest.compared[places] += sizes[probes].sum(axis=1)
        for first, last in pairwise(_ROUNDS):
            cells = _by_cell(probes[:, first:last])
            yield [(slice(self.starts[cell], self.starts[cell + 1]), rows) for cell, rows in cells]

    def _write(self, places: IntArray, rounds: Iterable[_Round]) -> None:
        """Write the lists of a block of queries. What they search does not depend on the block."""
        own = self.own[places]
        best = _Best(len(places), self.nearest.columns.shape[1] + 1)
        queries = float32(self.queries[places])
        for parts in rounds:
            for some, rows in parts:
                self._search(some, rows, queries, own, best)
            best.merge()
        self.nearest.write(places, without(best.keys, own))

    def _search(self, some: slice, rows: IntArray, queries: FloatArray, own: IntArray, best: _Best) -> None:
        """Multiply some queries of a block with some rows."""
        columns = self.columns[some]
        vectors = float32(self.vectors[some])
        step = max(1, BLOCK_NUMBERS // max(len(columns), 1))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            scores = queries[part] @ vectors.T
            if self.mask is not None:
                scores[~np.asarray(self.mask(own[part][:, None], columns[None, :]))] = -np.inf
            best.add(part, columns, scores)


def _by_cell(probes: npt.NDArray[np.int32]) -> Iterator[tuple[int, IntArray]]:
    """Yield each cell, and the queries that search it."""
    rows, ranks = np.nonzero(probes >= 0)
    cells = probes[rows, ranks]
    order = np.argsort(cells, kind="stable")
    searched, starts = np.unique(cells[order], return_index=True)
    yield from zip(searched.tolist(), np.split(rows[order], starts[1:]), strict=False)


class _Best:
    """The best pairs of q queries so far: their keys, sorted, and the lowest product that a new pair must have."""

    def __init__(self, queries: int, width: int) -> None:
        self.keys = np.full((queries, width), NO_PAIR)
        self._floors = np.full(queries, np.finfo(np.float32).min)
        self._pending: list[tuple[IntArray, IntArray]] = []
        self._count = 0

    def add(self, rows: IntArray, columns: IntArray, scores: FloatArray) -> None:
        """Add the products of some queries with some columns; -inf for a pair that may not be listed."""
        width = self.keys.shape[1]
        floors = self._floors[rows]
        if len(columns) > _MANY * width:  # of so many columns most are not among the best
            places, high = high_pairs(scores, width)
            is_high = scores[places, high] >= floors[places]
            places, high = places[is_high], high[is_high]
        else:
            places, high = np.nonzero(scores >= floors[:, None])
        self._pending.append((rows[places], pair_keys(scores[places, high], columns[high])))
        self._count += len(places)
        if self._count > _PENDING:
            self.merge()

    def merge(self) -> None:
        """Take what was added into the keys."""
        if not self._pending or not self.keys.shape[1]:
            return
        rows, keys = (np.concatenate(each) for each in zip(*self._pending, strict=True))
        self._pending.clear()
        self._count = 0
        new = first_of_rows(rows, keys, self.keys.shape)
        self.keys = np.sort(np.concatenate([self.keys, new], axis=1), axis=1)[:, : new.shape[1]]
        last = self.keys[:, -1]
        self._floors = np.where(last < NO_PAIR, products_of(last), np.finfo(np.float32).min).astype(np.float32)


def float32(rows: npt.NDArray[Any]) -> FloatArray:
    """Return whole numbers as float32; they may be stored as int16."""
    return np.asarray(rows, dtype=np.float32)
