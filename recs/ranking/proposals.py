"""Candidates of some rows by one signal: the columns that it finds most similar, and its similarities for any columns.

This is the seam of large collections: each signal proposes candidates in the way that is fastest for it, and every
signal scores what any of them proposed. Ties go to the lower column.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recs.arrays import Float64Array, IntArray
from recs.ranking.pairs import Mask

_TILE = 128  # columns; of most tiles only the largest score is read


class Proposals(Protocol):
    """What a signal says about some rows."""

    def best(self, k: int, mask: Mask | None) -> IntArray:
        """Return the k most similar columns of each row, shape (rows, k); -1 where there are fewer.

        `mask` says which pairs may be listed; None if all may. An item is never proposed to itself.
        """

    def at(self, columns: IntArray) -> Float64Array:
        """Return the similarities of each row with its own columns, shape (rows, c); anything for a column of -1."""


class DenseProposals:
    """Proposals from all similarities of r rows: an array of shape (r, n), NaN where nothing is known.

    `own` are the columns of the r items themselves.
    """

    def __init__(self, similarities: npt.NDArray[Any], own: IntArray) -> None:
        self._similarities = similarities
        self._own = own

    def best(self, k: int, mask: Mask | None) -> IntArray:
        scores = self._similarities
        scores[np.arange(len(scores)), self._own] = -np.inf
        if mask is not None:
            scores = np.where(mask(self._own[:, None], np.arange(scores.shape[1])), scores, -np.inf)
        if np.isnan(scores.min(initial=0)):
            scores = np.where(np.isnan(scores), -np.inf, scores)
        return best_columns(scores, k)

    def at(self, columns: IntArray) -> Float64Array:
        taken = np.take_along_axis(self._similarities, np.maximum(columns, 0), axis=1)
        return np.asarray(taken, dtype=np.float64)


class SparseProposals:
    """Proposals from a csr_array of shape (r, n) of similarities that are 0 for most pairs; 0 proposes nothing."""

    def __init__(self, similarities: Any, own: IntArray) -> None:
        self._similarities = similarities
        self._own = own

    def best(self, k: int, mask: Mask | None) -> IntArray:
        pairs = self._similarities
        columns_of_rows = []
        scores_of_rows = []
        for row, (start, end) in enumerate(zip(pairs.indptr[:-1], pairs.indptr[1:], strict=True)):
            columns = pairs.indices[start:end]
            scores = np.where(columns == self._own[row], 0, pairs.data[start:end])
            if mask is not None:
                scores *= mask(self._own[row], columns)
            floor = np.partition(scores, -k)[-k] if len(scores) > k else 0
            high = np.flatnonzero((scores >= floor) & (scores > 0))
            columns_of_rows.append(columns[high])
            scores_of_rows.append(scores[high])
        rows = np.repeat(np.arange(pairs.shape[0]), list(map(len, columns_of_rows)))
        columns = np.concatenate([np.zeros(0, np.int64), *columns_of_rows])
        return listed_columns(rows, columns, np.concatenate([np.zeros(0), *scores_of_rows]), (pairs.shape[0], k))

    def at(self, columns: IntArray) -> Float64Array:
        pairs = self._similarities
        values = np.empty(columns.shape)
        whole_row = np.zeros(pairs.shape[1])
        for row, (start, end) in enumerate(zip(pairs.indptr[:-1], pairs.indptr[1:], strict=True)):
            of_row = pairs.indices[start:end]
            whole_row[of_row] = pairs.data[start:end]
            values[row] = whole_row[columns[row]]
            whole_row[of_row] = 0
        return values


def union(proposed: list[IntArray]) -> IntArray:
    """Return the columns that any signal proposed for each row, ascending, each once; -1 fills up.

    Examples
    --------
    >>> union([np.array([[4, 2]]), np.array([[2, -1]])]).tolist()
    [[-1, -1, 2, 4]]
    """
    columns = np.sort(np.concatenate(proposed, axis=1), axis=1)
    columns[:, 1:][columns[:, 1:] == columns[:, :-1]] = -1
    return np.sort(columns, axis=1)


def best_columns(scores: npt.NDArray[Any], k: int) -> IntArray:
    """Return the columns of the k best scores of each row, best first, ties in the order of columns; -1 for -inf.

    At least k scores reach the k-th best of the largest scores of tiles. Only the tiles that reach it are read again.

    Examples
    --------
    >>> best_columns(np.array([[1.0, 3.0, 3.0], [-np.inf, 2.0, -np.inf]]), 2).tolist()
    [[1, 2], [1, -1]]
    """
    take = min(k, scores.shape[1])
    if not take or not len(scores):
        return np.full((len(scores), k), -1, np.int64)
    rows, columns = high_pairs(scores, take)
    return listed_columns(rows, columns, scores[rows, columns], (len(scores), k))


def high_pairs(scores: npt.NDArray[Any], k: int) -> tuple[IntArray, IntArray]:
    """Return pairs of rows and columns, among them the k best of each row and all that equal these; none of -inf."""
    n = scores.shape[1]
    width = max(1, min(_TILE, n // (8 * k)))  # enough tiles that the best k are seldom in one
    tiles = n // width  # tile t holds the columns t, t + tiles, t + 2 tiles, …: whole arrays are compared
    maxima = scores[:, :tiles].copy()
    for start in range(tiles, n, tiles):
        part = scores[:, start : start + tiles]
        np.maximum(maxima[:, : part.shape[1]], part, out=maxima[:, : part.shape[1]])
    floors = np.maximum(np.partition(maxima, -k, axis=1)[:, -k], np.finfo(scores.dtype).min)
    rows, of_tile = np.nonzero(maxima >= floors[:, None])
    columns = of_tile[:, None] + np.arange(0, n, tiles)
    is_high = columns < n
    is_high[is_high] = (scores[rows[:, None], np.minimum(columns, n - 1)] >= floors[rows, None])[is_high]
    return rows[np.nonzero(is_high)[0]], columns[is_high]


def listed_columns(rows: IntArray, columns: IntArray, scores: npt.NDArray[Any], shape: tuple[int, int]) -> IntArray:
    """Return the best columns of each row in a table; the pairs that are given hold them."""
    listed = np.full(shape, -1, np.int64)
    is_pair = scores > -np.inf
    rows = rows[is_pair]
    columns = columns[is_pair]
    order = np.lexsort((columns, -scores[is_pair], rows))
    rows = rows[order]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    fits = rank < shape[1]
    listed[rows[fits], rank[fits]] = columns[order][fits]
    return listed
