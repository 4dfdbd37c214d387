"""Exact nearest neighbours, a block of rows at a time.

A block of scores is computed in float32, and pairs that are not allowed are removed. Every pair that could be among the
best, given the rounding errors, is scored again in float64. So the lists are those of a full float64 matrix, but that
matrix is never in memory. This module works with rows and columns, not items. The caller sorts them by id; in a tie the
lower column comes first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, Similarity
from recs.embedding.dense_scores import DenseScores
from recs.errors import OptionError

Mask = Callable[[int, int], BoolArray]
"""A function of a range of query rows (start, stop). Its array is True for pairs that may be listed, and broadcasts to
shape (rows, columns)."""
DECIMALS = 6
_BLOCK_BYTES = 64 << 20  # of scores; the product takes twice as long in blocks of 4 MB (docs/benchmarks.md)
_TILE = 128  # columns; of most tiles only the maximum is read


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """The best columns for each of q rows, best first, ties in the order of columns.

    Attributes
    ----------
    indices : int64 array of shape (q, k)
        The columns; -1 where a row has fewer than k.
    scores : float64 array of shape (q, k)
        Higher is better; NaN where a row has fewer than k.
    """

    indices: IntArray
    scores: Float64Array


def top_k(
    vectors: npt.NDArray[Any],
    k: int,
    *,
    similarity: Similarity = "cosine",
    queries: npt.NDArray[Any] | None = None,
    mask: Mask | None = None,
    decimals: int = DECIMALS,
) -> Neighbors:
    """Return the k best vectors for each query.

    Parameters
    ----------
    vectors : array of shape (n, d)
        For "cosine" the length of a vector does not matter, and a zero vector has the score 0 with every other.
    queries : array of shape (q, d), optional
        Without it, every vector is compared with all others but not with itself. An equal vector in another row counts
        as another vector.
    mask
        Which pairs may be listed (by language, exclusions); called for each block.
    similarity
        "cosine", "dot", or "euclidean", whose score is minus the distance.
    decimals
        Scores are rounded to this many decimals before they are compared.

    Raises
    ------
    EmbeddingError
        If a vector has NaN or infinity, or the shapes do not fit.
    OptionError
        If k is negative or the similarity is unknown.

    Examples
    --------
    >>> top_k(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), 1).indices.ravel().tolist()
    [1, 0, 1]

    Notes
    -----
    The columns of a row are split into tiles. At least k pairs reach the k-th largest maximum of the tiles. A pair that
    is below this value by more than the rounding error cannot be among the k best. About k pairs remain; their own k-th
    score removes more of them in the same way, and the rest is scored exactly. Time O(q n d); memory O((n + q) d), and
    about 200 MB for the blocks, for any number of rows.
    """
    scores = DenseScores(vectors, queries, similarity, decimals=decimals)
    if k < 0:
        raise OptionError(f"k is {k}, expected 0 or more.")
    q, n = scores.shape
    best = Neighbors(np.full((q, k), -1, np.int64), np.full((q, k), np.nan))
    take = min(k, n)
    if take == 0:
        return best
    width = max(1, min(_TILE, n // (8 * take)))  # enough tiles that the best k are seldom in one
    block = _Block(scores, width)
    for start in range(0, q, block.rows):
        stop = min(start + block.rows, q)
        allowed = None if mask is None else mask(start, stop)
        maxima = block.load(start, stop, allowed, skip_own=queries is None)
        _write_best_of_block(scores, best, block, start=start, maxima=maxima, take=take)
    return best


def _write_best_of_block(
    scores: DenseScores, best: Neighbors, block: _Block, *, start: int, maxima: FloatArray, take: int
) -> None:
    """Write the best pairs of each row of a block; `maxima` are those of its tiles."""
    floor = scores.floor(start, np.partition(maxima, -take, axis=1)[:, -take])
    candidates, crowded_rows = block.candidates(maxima, floor, most=max(256, 4 * take))
    _write_best(scores, best, candidates, start=start)
    for row in crowded_rows.tolist():
        _write_best_of_crowded_row(scores, best, start + row, block.row(row))


class _Candidates(NamedTuple):
    """Pairs of a block that may be among the best: rows from the start of the block, columns, float32 scores."""

    rows: IntArray
    columns: IntArray
    values: FloatArray

    def take(self, chosen: npt.NDArray[Any]) -> _Candidates:
        return _Candidates(self.rows[chosen], self.columns[chosen], self.values[chosen])


def _write_best(scores: DenseScores, best: Neighbors, candidates: _Candidates, *, start: int) -> None:
    """Compute the exact scores of the candidates of a block, and write the best of each row."""
    k = best.indices.shape[1]
    candidates = candidates.take(np.lexsort((-candidates.values, candidates.rows)))
    bounds = np.full(candidates.rows.max(initial=0) + 1, -np.inf, np.float32)
    is_kth = _rank_in_row(candidates.rows) == k - 1
    bounds[candidates.rows[is_kth]] = candidates.values[is_kth]
    candidates = candidates.take(candidates.values >= scores.floor(start, bounds)[candidates.rows])

    rows = candidates.rows + start
    exact = scores.exact(rows, candidates.columns)
    order = np.lexsort((candidates.columns, -exact, rows))
    rank = _rank_in_row(rows[order])
    is_listed = rank < k
    listed = order[is_listed]
    best.indices[rows[listed], rank[is_listed]] = candidates.columns[listed]
    best.scores[rows[listed], rank[is_listed]] = exact[listed]


def _write_best_of_crowded_row(scores: DenseScores, best: Neighbors, row: int, values: FloatArray) -> None:
    """Write the best of a row with many candidates. Most are copies of a few, as when many ids have the same text."""
    k = min(best.indices.shape[1], len(values))
    columns = np.flatnonzero(values >= scores.floor(row, np.partition(values, -k)[-k : len(values) - k + 1]))
    twins = scores.twins[columns]
    distinct = np.flatnonzero(np.bincount(twins))
    exact = scores.exact(np.full(len(distinct), row), distinct)[np.searchsorted(distinct, twins)]
    order = np.argsort(-exact, kind="stable")[:k]
    best.indices[row, : len(order)] = columns[order]
    best.scores[row, : len(order)] = exact[order]


def _rank_in_row(rows: IntArray) -> IntArray:
    """Return the place of each entry among those of its row, from 0; `rows` is sorted."""
    return np.arange(len(rows)) - np.searchsorted(rows, rows)


def _block_rows(n: int) -> int:
    return min(1024, max(64, _BLOCK_BYTES // (4 * max(n, 1))))


class _Block:
    """The scores of some rows, in tiles of `width` columns. Columns of -inf fill up the last tile."""

    def __init__(self, scores: DenseScores, width: int) -> None:
        q, self._n = scores.shape
        self._width = width
        self.rows = max(1, min(q, _block_rows(self._n)))
        self._keys = scores.keys32
        self._queries = scores.queries32
        self._buffer = np.full((self.rows, self._n + -self._n % width), -np.inf, np.float32)

    def load(self, start: int, stop: int, allowed: BoolArray | None, *, skip_own: bool) -> FloatArray:
        """Compute the scores of some rows, -inf for pairs that are not allowed. Return the maxima of their tiles."""
        self._padded = self._buffer[: stop - start]
        block = self._padded[:, : self._n]
        np.matmul(self._queries[start:stop], self._keys.T, out=block)
        if allowed is not None:
            block += np.where(allowed, np.float32(0), np.float32(-np.inf))
        if skip_own:
            own = np.arange(start, stop)
            block[own - start, own] = -math.inf
        self._tiles = self._padded.reshape(stop - start, -1, self._width)
        return np.asarray(np.amax(self._tiles, 2))

    def candidates(self, maxima: FloatArray, floor: FloatArray, *, most: int) -> tuple[_Candidates, IntArray]:
        """Return the pairs at or above the floor of their row, and the rows that have more than `most` of them.

        The first result has no pairs of those crowded rows.
        """
        rows, tiles = np.nonzero(maxima >= floor[:, None])
        values = self._tiles[rows, tiles]
        is_candidate = values >= floor[rows, None]
        is_crowded = np.bincount(rows, is_candidate.sum(axis=1), minlength=len(floor)) > most
        is_candidate[is_crowded[rows]] = False
        tile, column_in_tile = np.nonzero(is_candidate)
        columns = column_in_tile + tiles[tile] * self._width
        pairs = _Candidates(rows[tile], columns, values[tile, column_in_tile])
        return pairs, np.flatnonzero(is_crowded)

    def row(self, row: int) -> FloatArray:
        """Return all scores of one row."""
        return self._padded[row, : self._n]
