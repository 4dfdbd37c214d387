"""The search of cells: which cells a query searches, and the products with their rows, a block of queries at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import BoolArray, FloatArray, IntArray
from recs.ranking.nearest import Nearest, lowest_keys, pair_keys, without
from recs.ranking.pairs import Mask
from recs.ranking.proposals import high_pairs

BLOCK_NUMBERS = 1 << 22  # of one array at a time
_BLOCK_SCORES = 1 << 25
_BLOCK_QUERIES = 256
_CELL_BITS = 20
_MORE_CELLS = 3  # so many times the share of cells is looked through, since cells are of several sizes
_FEWEST_CELLS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A search of the rows `vectors`, which are in the order of cells; see `recs.ranking.cells.Cells`.

    Attributes
    ----------
    never : int64 array of shape (q, r)
        Columns that are in no list of their query.
    nearest
        The result is written into it.
    """

    centroids: FloatArray
    columns: IntArray
    starts: IntArray
    vectors: npt.NDArray[Any]
    queries: npt.NDArray[Any]
    own: IntArray
    never: IntArray
    mask: Mask | None
    nearest: Nearest

    def run(self, places: IntArray, share: float) -> None:
        """Search the nearest cells of some queries, at most a share of all rows, and write their lists."""
        probes = self._probes(places, share)
        order = np.argsort(probes[:, 0], kind="stable")
        for start in range(0, len(order), _BLOCK_QUERIES):
            part = order[start : start + _BLOCK_QUERIES]
            self._block(places[part], probes[part])

    def _probes(self, places: IntArray, share: float) -> npt.NDArray[np.int32]:
        """Return the cells that each query searches, the most similar first; -1 fills up. The first is always one."""
        count = len(self.centroids)
        sizes = np.diff(self.starts)
        most = min(count, _FEWEST_CELLS + int(_MORE_CELLS * share * count)) if share < 1 else count
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

    def _block(self, places: IntArray, probes: npt.NDArray[np.int32]) -> None:
        """Write the lists of a block of queries. What they search does not depend on the block."""
        is_probe = probes >= 0
        searched, of_probe = np.unique(probes[is_probe].astype(np.int64), return_inverse=True)
        sizes = np.diff(self.starts)[searched]
        if len(places) > 1 and len(places) * sizes.sum() > _BLOCK_SCORES:
            half = len(places) // 2
            self._block(places[:half], probes[:half])
            self._block(places[half:], probes[half:])
            return
        searches = np.zeros((len(searched), len(places)), np.bool_)
        searches[of_probe, np.nonzero(is_probe)[0]] = True
        columns = np.concatenate([self.columns[self.starts[cell] : self.starts[cell + 1]] for cell in searched])
        scores = self._scores(float32(self.queries[places]), searched, searches, np.cumsum(sizes))
        if self.mask is not None:
            is_allowed = self.mask(self.own[places][:, None], columns[None, :])
            np.copyto(scores, -np.inf, where=~np.asarray(is_allowed))
        self.nearest.compared[places] += sizes @ searches
        self._write(places, columns, scores)

    def _scores(self, queries: FloatArray, searched: IntArray, searches: BoolArray, ends: IntArray) -> FloatArray:
        """Return the products of a block of queries with the rows of cells, -inf where a query does not search one."""
        scores = np.full((len(queries), ends[-1]), -np.inf, np.float32)
        for cell, end, searching in zip(searched.tolist(), ends.tolist(), searches, strict=True):
            vectors = float32(self.vectors[self.starts[cell] : self.starts[cell + 1]])
            part = scores[:, end - len(vectors) : end]
            if searching.all():
                np.matmul(queries, vectors.T, out=part)
            else:
                part[searching] = queries[searching] @ vectors.T
        return scores

    def _write(self, places: IntArray, columns: IntArray, scores: FloatArray) -> None:
        """Write the best columns of some queries."""
        if not scores.shape[1]:
            return
        never = self.never[places]
        more = self.nearest.columns.shape[1] + never.shape[1]
        rows, high = high_pairs(scores, min(more, scores.shape[1]))
        keys = lowest_keys(rows, pair_keys(scores[rows, high], columns[high]), (len(places), more))
        self.nearest.write(places, without(keys, never))


def float32(rows: npt.NDArray[Any]) -> FloatArray:
    """Return whole numbers as float32; they may be stored as int16."""
    return np.asarray(rows, dtype=np.float32)
