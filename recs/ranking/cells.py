"""Approximate nearest neighbours of large collections: rows in cells, of which each query searches the nearest.

Rows are of whole numbers, as `whole_rows` makes them: their products are exact in float32, in any order. So are the
centroids of the cells. So the cells, the cells that a query searches and its lists are the same on every machine and
for every number of threads, and a list depends on its query and the cells alone. Ties go to the lower column.

Only centred cosines are such products. For models of dot products or Euclidean distances use exact neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray
from recs.ranking.centred import longest_whole_row
from recs.ranking.proposals import high_pairs

SHARE = 0.05
ROUNDS = 10

_BLOCK_NUMBERS = 1 << 22  # of one array at a time
_BLOCK_QUERIES = 256
_CELL_BITS = 20
_COLUMN_BITS = 32
_ANY_COLUMN = (1 << _COLUMN_BITS) - 1
_NO_SCORE = 1 << 25  # more than any product
_NO_PAIR = np.iinfo(np.int64).max
_FEWEST = 8  # cells
_WIDER = 4  # so many times the rows are searched when a query has found too few

Allowed = Callable[[IntArray, IntArray], BoolArray]
"""A function of the columns of r queries and of c columns. Its array is True for pairs that may be listed, and
broadcasts to shape (r, c)."""


def learn_cells(sample: FloatArray, count: int, *, rounds: int = ROUNDS) -> FloatArray:
    m = len(sample)
    count = min(count, m)
    centroids = _float32(sample[np.arange(count) * m // max(count, 1)])
    for _ in range(rounds if count else 0):
        sums = np.zeros(centroids.shape)
        worst = np.zeros(m, np.float32)
        sizes = np.zeros(count, np.int64)
        for part, cells, products in _assigned(sample, centroids):
            of_cells = sparse.csr_array((np.ones(len(cells)), (cells, np.arange(len(cells)))), (count, len(cells)))
            sums += of_cells @ sample[part].astype(np.float64)
            sizes += np.bincount(cells, minlength=count)
            worst[part] = products
        centroids = _directions(sums)
        empty = np.flatnonzero(sizes == 0)
        if len(empty):
            centroids[empty] = sample[np.argsort(worst, kind="stable")[: len(empty)]]
    return centroids


def _directions(sums: Float64Array) -> FloatArray:
    """Return rows of whole numbers with the directions of the given rows, by steps that are exact on any machine."""
    largest = np.abs(sums).max(axis=1, keepdims=True, initial=0)
    whole = np.rint(sums / np.where(largest > 0, largest, 1) * 2**20)
    lengths = np.sqrt(np.einsum("ij,ij->i", whole, whole))[:, None]  # sums below 2^53: exact
    return np.rint(whole / np.where(lengths > 0, lengths, 1) * longest_whole_row(sums.shape[1])).astype(np.float32)


def assign(rows: npt.NDArray[Any], centroids: FloatArray) -> npt.NDArray[np.int32]:
    assigned = np.zeros(len(rows), np.int32)
    for part, cells, _ in _assigned(rows, centroids):
        assigned[part] = cells
    return assigned


def _assigned(rows: npt.NDArray[Any], centroids: FloatArray) -> Iterator[tuple[slice, IntArray, FloatArray]]:
    step = max(1, _BLOCK_NUMBERS // max(len(centroids), 1))
    for start in range(0, len(rows), step):
        part = slice(start, min(start + step, len(rows)))
        products = _float32(rows[part]) @ centroids.T
        cells = np.argmax(products, axis=1)
        yield part, cells, np.take_along_axis(products, cells[:, None], axis=1)[:, 0]


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    columns: IntArray
    products: FloatArray
    compared: IntArray

    @classmethod
    def empty(cls, queries: int, k: int) -> Nearest:
        shape = (queries, k)
        return cls(np.full(shape, -1, np.int64), np.full(shape, np.nan, np.float32), np.zeros(queries, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    centroids: FloatArray
    columns: IntArray
    starts: IntArray
    vectors: npt.NDArray[Any]

    @classmethod
    def of(cls, rows: npt.NDArray[Any], centroids: FloatArray, listed: BoolArray | None = None) -> Cells:
        columns, starts = in_cells(assign(rows, centroids), len(centroids), listed)
        return cls(centroids, columns, starts, rows[columns])

    def propose(
        self,
        queries: npt.NDArray[Any],
        own: IntArray,
        k: int,
        *,
        share: float = SHARE,
        allowed: Allowed | None = None,
        refused: IntArray | None = None,
    ) -> Nearest:
        nearest = Nearest.empty(len(queries), k)
        never = own[:, None] if refused is None else np.column_stack([own, refused])
        search = _Search(self, queries, own, never, allowed, nearest)
        places = np.arange(len(queries) if k and len(self.columns) else 0)
        while len(places):
            search.run(places, share)
            if share >= 1:
                break
            places = places[nearest.columns[places, -1] < 0]
            share *= _WIDER
        return nearest


def in_cells(assigned: npt.NDArray[np.int32], count: int, listed: BoolArray | None = None) -> tuple[IntArray, IntArray]:
    columns = np.argsort(assigned, kind="stable")
    if listed is not None:
        columns = columns[listed[columns]]
    return columns, np.searchsorted(assigned[columns], np.arange(count + 1))


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    cells: Cells
    queries: npt.NDArray[Any]
    own: IntArray
    never: IntArray
    allowed: Allowed | None
    nearest: Nearest

    def run(self, places: IntArray, share: float) -> None:
        probes = self._probes(places, share)
        order = np.argsort(probes[:, 0], kind="stable")
        for start in range(0, len(order), _BLOCK_QUERIES):
            part = order[start : start + _BLOCK_QUERIES]
            self._block(places[part], probes[part])

    def _probes(self, places: IntArray, share: float) -> npt.NDArray[np.int32]:
        """Return the cells that each query searches, the most similar first; -1 fills up."""
        count = len(self.cells.centroids)
        sizes = np.diff(self.cells.starts)
        most = count if share >= 1 else min(count, _FEWEST + int(3 * share * count))
        probes = np.empty((len(places), most), np.int32)
        step = max(1, _BLOCK_NUMBERS // count)
        for start in range(0, len(places), step):
            part = slice(start, start + step)
            products = _float32(self.queries[places[part]]) @ self.cells.centroids.T
            keys = (-products.astype(np.int64) << _CELL_BITS) + np.arange(count)  # no two are equal
            keys = np.sort(keys if most == count else np.partition(keys, most - 1, axis=1)[:, :most], axis=1)
            cells = keys & ((1 << _CELL_BITS) - 1)
            rows = np.cumsum(sizes[cells], axis=1)
            is_probed = rows <= share * len(self.cells.columns)
            is_probed[:, 0] = True
            probes[part] = np.where(is_probed, cells, -1)
        return probes

    def _block(self, places: IntArray, probes: npt.NDArray[np.int32]) -> None:
        cells = self.cells
        is_probe = probes >= 0
        searched, of_probe = np.unique(probes[is_probe], return_inverse=True)
        ends = np.cumsum(np.diff(cells.starts)[searched])
        if len(places) > 1 and len(places) * ends[-1] > 8 * _BLOCK_NUMBERS:
            half = len(places) // 2
            self._block(places[:half], probes[:half])
            self._block(places[half:], probes[half:])
            return
        searches = np.zeros((len(searched), len(places)), np.bool_)
        searches[of_probe, np.nonzero(is_probe)[0]] = True
        columns = np.concatenate([cells.columns[cells.starts[cell] : cells.starts[cell + 1]] for cell in searched])
        scores = self._scores(_float32(self.queries[places]), searched, searches, ends)
        if self.allowed is not None:
            np.copyto(scores, -np.inf, where=~self.allowed(self.own[places], columns))
        self.nearest.compared[places] += np.where(searches, np.diff(cells.starts)[searched, None], 0).sum(axis=0)
        self._write(places, columns, scores)

    def _scores(self, queries: FloatArray, searched: IntArray, searches: BoolArray, ends: IntArray) -> FloatArray:
        cells = self.cells
        scores = np.full((len(queries), ends[-1]), -np.inf, np.float32)
        for cell, end, searching in zip(searched.tolist(), ends.tolist(), searches, strict=True):
            vectors = _float32(cells.vectors[cells.starts[cell] : cells.starts[cell + 1]])
            part = scores[:, end - len(vectors) : end]
            if searching.all():
                np.matmul(queries, vectors.T, out=part)
            else:
                part[searching] = queries[searching] @ vectors.T
        return scores

    def _write(self, places: IntArray, columns: IntArray, scores: FloatArray) -> None:
        """Write the best columns of some queries, whose scores are whole numbers."""
        k = self.nearest.columns.shape[1]
        never = self.never[places]
        rows, high = high_pairs(scores, min(k + never.shape[1], scores.shape[1]))
        keys = (_NO_SCORE - scores[rows, high].astype(np.int64) << _COLUMN_BITS) + columns[high]
        best = _lowest(rows, keys, (len(places), k + never.shape[1]))
        best_columns = best & _ANY_COLUMN
        for each in never.T:
            best[best_columns == each[:, None]] = _NO_PAIR
        best = np.sort(best, axis=1)[:, :k]
        is_pair = best < _NO_PAIR
        self.nearest.columns[places] = np.where(is_pair, best & _ANY_COLUMN, -1)
        self.nearest.products[places] = np.where(is_pair, _NO_SCORE - (best >> _COLUMN_BITS), np.nan)


def _lowest(rows: IntArray, keys: IntArray, shape: tuple[int, int]) -> IntArray:
    """Return the lowest keys of each row, sorted, in a table filled up with `_NO_PAIR`; `rows` are ascending."""
    counts = np.bincount(rows, minlength=shape[0])
    table = np.full((shape[0], max(shape[1], int(counts.max()))), _NO_PAIR)
    table[rows, np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)] = keys
    return np.sort(np.partition(table, shape[1] - 1, axis=1)[:, : shape[1]], axis=1)


def _float32(rows: npt.NDArray[Any]) -> FloatArray:
    return np.asarray(rows, dtype=np.float32)
