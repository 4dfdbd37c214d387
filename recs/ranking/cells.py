"""Approximate nearest neighbours of large collections: rows in cells, of which each query searches the nearest.

Rows are of whole numbers, as `whole_rows` makes them: their products are exact in float32, in any order. So are the
centroids of the cells. So the cells, the cells that a query searches and its list are the same on every machine and for
every number of threads, and a list depends on its query and the cells alone. Ties go to the lower column.

How much is found depends on how near the neighbours are. Of the ten nearest of 20,000 spoken turns, a share of .08
finds .92 from one side, .97 with reverse pairs and .99 with the neighbours of neighbours as well (`pairs_around`); of
short questions .99 from one side (docs/benchmarks.md). A small collection is better searched exactly.

Only centred cosines are such products. For models of dot products or Euclidean distances use exact neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray
from recs.ranking.cell_search import BLOCK_NUMBERS, Search, float32
from recs.ranking.centred import longest_whole_row
from recs.ranking.nearest import Nearest
from recs.ranking.pairs import Mask

SHARE = 0.08
SAMPLE_OF_CELL = 50  # rows
ROUNDS = 5
EXACT = 1 << 15  # rows: so few are all searched
_WIDER = 4  # so many times the share is searched when a query has too few columns
_MOST_CELLS = 1 << 14


def cells_of(n: int) -> int:
    """Return the number of cells for n rows: four times the square root, at most 16,384.

    Examples
    --------
    >>> [cells_of(n) for n in (0, 100, 20_000, 1_000_000)]
    [1, 40, 565, 4000]
    """
    return max(1, min(int(4 * math.sqrt(n)), _MOST_CELLS))


def learn_cells(sample: npt.NDArray[Any], count: int, *, rounds: int = ROUNDS) -> FloatArray:
    """Return the centroids of cells: k-means by cosine of a sample.

    The first centroids are every so many rows of the sample; draw it by digests of ids, so that its order says nothing.
    A cell that is left empty gets one of the rows that are least similar to their centroids.

    Parameters
    ----------
    sample : array of shape (m, d)
        Whole numbers, as `whole_rows` makes them. `SAMPLE_OF_CELL` times `count` rows are enough.
    count : int
        Of the cells; at most m are made.

    Returns
    -------
    float32 array of shape (count, d)
        Whole numbers.

    Notes
    -----
    Time O(rounds m count d). On spoken turns 25 rounds add .003 to recall@10.

    Examples
    --------
    >>> learn_cells(np.array([[4000, 0], [0, 4000], [4000, 8]]), 2).tolist()
    [[4095.0, 4.0], [0.0, 4095.0]]
    """
    m = len(sample)
    count = min(count, m)
    centroids = float32(sample[np.arange(count) * m // max(count, 1)])
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
    """Return the cell of each row: that with the most similar centroid, the lower one in a tie. Time O(n c d).

    Examples
    --------
    >>> assign(np.array([[0, 4000], [3000, 3000]]), np.array([[4000, 0], [0, 4000]], np.float32)).tolist()
    [1, 0]
    """
    assigned = np.zeros(len(rows), np.int32)
    for part, cells, _ in _assigned(rows, centroids):
        assigned[part] = cells
    return assigned


def _assigned(rows: npt.NDArray[Any], centroids: FloatArray) -> Iterator[tuple[slice, IntArray, FloatArray]]:
    """Yield blocks of rows with their cells and the products with the centroids of these."""
    step = max(1, BLOCK_NUMBERS // max(len(centroids), 1))
    for start in range(0, len(rows), step):
        part = slice(start, min(start + step, len(rows)))
        products = float32(rows[part]) @ centroids.T
        cells = np.argmax(products, axis=1)
        yield part, cells, np.take_along_axis(products, cells[:, None], axis=1)[:, 0]


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The rows of a collection in cells.

    Attributes
    ----------
    centroids : float32 array of shape (c, d)
        Whole numbers, as `learn_cells` returns them.
    columns : int64 array of shape (m,)
        The columns that may be listed, cell by cell, ascending in each cell.
    starts : int64 array of shape (c + 1,)
        Where each cell starts in `columns`, and where the last one ends.
    vectors : array of shape (m, d)
        Rows of whole numbers in the order of `columns`. It may be a memory map, and of type int16.

    Examples
    --------
    >>> from recs.ranking.centred import centre, whole_rows
    >>> rows = whole_rows(centre(np.random.default_rng(0).standard_normal((1000, 8), np.float32)))
    >>> cells = Cells.of(rows, learn_cells(rows, cells_of(1000)))
    >>> cells.propose(rows[:2], np.arange(2), 3).columns.shape
    (2, 3)
    """

    centroids: FloatArray
    columns: IntArray
    starts: IntArray
    vectors: npt.NDArray[Any]

    @classmethod
    def of(cls, rows: npt.NDArray[Any], centroids: FloatArray, listed: BoolArray | None = None) -> Cells:
        """Return the cells of rows in memory, of shape (n, d); only the `listed` ones of them are in cells."""
        columns, starts = in_cells(assign(rows, centroids), len(centroids), listed)
        return cls(centroids, columns, starts, rows[columns])

    def propose(
        self,
        queries: npt.NDArray[Any],
        own: IntArray,
        k: int,
        *,
        share: float = SHARE,
        mask: Mask | None = None,
    ) -> Nearest:
        """Return the k most similar columns of each query among the rows of its nearest cells.

        A query searches its nearest cells as long as they hold no more than a share of all rows together, and at least
        one. If that finds fewer than k columns that may be listed, it searches four times as many rows, up to all: so a
        list is short only if no more columns may be in it. With a share of 1 the search is exact.

        Parameters
        ----------
        queries : array of shape (q, d)
            Rows of whole numbers. Many at a time, or neighbours in the order of `columns`: queries that search the same
            cells are multiplied together.
        own : int64 array of shape (q,)
            The column of each query, which is not proposed to it; -1 for a query that is none of the columns.
        mask
            Which pairs may be listed; called for each block with `own` as a column, and the columns as a row.

        Notes
        -----
        Time O(q (c + share n) d), memory O(q (k + share c)) and some 300 MB.
        """
        nearest = Nearest.empty(len(queries), k)
        rows = (self.centroids, self.columns, self.starts, self.vectors)
        search = Search(*rows, queries, own, mask, nearest)
        places = np.arange(len(queries) if k and len(self.columns) else 0)
        while len(places):
            search.run(places, share)
            if share >= 1:
                break
            places = places[nearest.columns[places, -1] < 0]
            share *= _WIDER
        return nearest


def in_cells(assigned: npt.NDArray[np.int32], count: int, listed: BoolArray | None = None) -> tuple[IntArray, IntArray]:
    """Return the columns cell by cell, and where each cell starts, from the cell of each row; only the `listed` ones.

    Examples
    --------
    >>> columns, starts = in_cells(np.array([1, 0, 1], np.int32), 2)
    >>> columns.tolist(), starts.tolist()
    ([1, 0, 2], [0, 1, 3])
    """
    columns = np.argsort(assigned, kind="stable")
    if listed is not None:
        columns = columns[listed[columns]]
    return columns, np.searchsorted(assigned[columns], np.arange(count + 1))
