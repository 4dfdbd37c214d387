"""Exact nearest neighbours, a block of rows at a time.

A block of scores is computed in float32, pairs that are not allowed are taken out, and every pair that rounding errors
leave in question is scored again in float64. So the lists are those of a full float64 matrix, which is never held.
This module knows rows and columns, not items: the caller sorts them by id, and ties go to the lower column.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recs.embeddings import FloatArray, IntArray, Similarity
from recs.errors import MissingDependencyError, OptionError
from recs.lexical import TermVectors
from recs.similarities import DenseScores, Float64Array, Scores, TermScores

BoolArray = npt.NDArray[np.bool_]
Mask = Callable[[int, int], BoolArray]
"""Called with a range of query rows; True where a pair may be listed, in a shape that broadcasts to (rows, columns)."""

DECIMALS = 6

_BLOCK_BYTES = 64 << 20  # of scores; the multiply takes twice as long in blocks of 4 MB (docs/benchmarks.md)
_TILE = 128  # columns; of most tiles nothing is read but the maximum
_LOWEST = np.float32(-1e30)  # below any score, above the -inf of what is not allowed


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """The best columns for each of q rows, best first, ties in the order of columns.

    Attributes
    ----------
    indices : int64 array of shape (q, k)
        Columns; -1 where a row has fewer than k.
    scores : float64 array of shape (q, k)
        Higher is better; NaN where `indices` is -1.
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
    device: str | None = None,
) -> Neighbors:
    """Return the k best vectors for each query.

    Parameters
    ----------
    vectors : array of shape (n, d)
        Of any length for "cosine", where a zero vector scores 0 with everything.
    queries : array of shape (q, d), optional
        Without it, every vector is compared with all others and never with itself; a twin in another row is listed.
    mask
        The pairs that may be listed (by language, exclusions), asked for block by block.
    similarity
        "cosine", "dot", or "euclidean", whose score is minus the distance.
    decimals
        Scores are rounded to so many before they are compared.
    device
        A torch device ("cuda", "mps") to compute the blocks on; the result is the same.

    Raises
    ------
    EmbeddingError
        On NaN or infinity, or shapes that do not agree.
    OptionError, MissingDependencyError

    Notes
    -----
    Time O(q n d); memory O((n + q) d), and about 200 MB for the blocks however many rows there are.
    """
    scores = DenseScores(vectors, queries, similarity, unit=10.0**-decimals)
    blocks = _NumpyBlocks(scores) if device is None else _TorchBlocks(scores, device)
    return top_k_blocks(scores, k, skip_own=queries is None, mask=mask, decimals=decimals, blocks=blocks)


def term_neighbors(terms: TermVectors, k: int, *, mask: Mask | None = None, decimals: int = DECIMALS) -> Neighbors:
    """Return for each document the k others whose terms are most alike, by cosine.

    Documents that share no term are never neighbours. `mask` and `decimals` are those of `top_k`. Time is linear in the
    pairs of documents that share a term, counted once for each term that they share.
    """
    scores = TermScores(terms.matrix, unit=10.0**-decimals)
    return top_k_blocks(scores, k, skip_own=True, mask=mask, decimals=decimals)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Pairs of a block that may be among the best of their row, and the rows that have too many of them.

    Attributes
    ----------
    rows, columns : int64 arrays of shape (p,)
        Rows count from the start of the block.
    values : float32 array of shape (p,)
        Block scores.
    crowded : int64 array
        Rows of which no pair is in the other arrays.
    """

    rows: IntArray
    columns: IntArray
    values: FloatArray
    crowded: IntArray


class Blocks(Protocol):
    """Where a block of scores lives."""

    def load(self, start: int, stop: int, allowed: BoolArray | None, *, skip_own: bool) -> None:
        """Compute the scores of some rows; those of pairs that are not allowed become -inf."""

    def bounds(self, k: int, width: int) -> Float64Array:
        """Return for each row the k-th largest maximum of its tiles of `width` columns."""

    def select(self, floor: FloatArray, limit: int) -> Candidates:
        """Return the pairs at or over the floor of their row; rows with more than `limit` are crowded."""

    def row(self, row: int) -> FloatArray:
        """Return one row of scores."""


def top_k_blocks(
    scores: Scores,
    k: int,
    *,
    skip_own: bool = False,
    mask: Mask | None = None,
    decimals: int = DECIMALS,
    blocks: Blocks | None = None,
) -> Neighbors:
    """Return the k best columns of each row under any similarity.

    Notes
    -----
    The k-th largest maximum of the tiles of a row is a score that k pairs reach. What lies further below it than
    rounding can account for is out; the rest, about k pairs, is cut in the same way by its own k-th score, and scored
    exactly.
    """
    if k < 0:
        raise OptionError(f"k is {k}, expected 0 or more.")
    q, n = scores.shape
    found = Neighbors(np.full((q, k), -1, np.int64), np.full((q, k), np.nan))
    take = min(k, n)
    if not take:
        return found
    blocks = blocks or _NumpyBlocks(scores)
    width = max(1, min(_TILE, n // (8 * take)))  # so many tiles that the best k seldom share one
    limit = max(256, 4 * take)
    step = _block_rows(n)
    for start in range(0, q, step):
        stop = min(start + step, q)
        blocks.load(start, stop, None if mask is None else mask(start, stop), skip_own=skip_own)
        floor = _floor(scores, start, stop, blocks.bounds(take, width))
        candidates = blocks.select(floor, limit)
        _rank(scores, candidates, found, take, start=start, stop=stop, decimals=decimals)
        for row in candidates.crowded.tolist():
            _rank_crowded(scores, blocks.row(row), found, take, row=start + row, limit=limit, decimals=decimals)
    return found


def _block_rows(n: int) -> int:
    return min(1024, max(64, _BLOCK_BYTES // (4 * max(n, 1))))


def _floor(scores: Scores, start: int, stop: int, bounds: Float64Array) -> FloatArray:
    """Return the floors of some rows in float32, rounded down, and never -inf: what is not allowed stays out."""
    floor = np.maximum(scores.floor(start, stop, bounds), _LOWEST).astype(np.float32)
    return np.nextafter(floor, np.float32(-np.inf))


def _rank(
    scores: Scores, candidates: Candidates, found: Neighbors, k: int, *, start: int, stop: int, decimals: int
) -> None:
    """Score the candidates of a block and write the best k of each row."""
    order = np.lexsort((-candidates.values, candidates.rows))
    rows, columns, values = candidates.rows[order], candidates.columns[order], candidates.values[order]
    bounds = np.full(stop - start, -np.inf)
    is_kth = _places(rows) == k - 1
    bounds[rows[is_kth]] = values[is_kth]
    keep = values >= _floor(scores, start, stop, bounds)[rows]
    rows, columns = rows[keep] + start, columns[keep]

    exact = _rounded(scores.exact(rows, columns), decimals)
    order = np.lexsort((columns, -exact, rows))
    rows, columns, exact = rows[order], columns[order], exact[order]
    places = _places(rows)
    best = places < k
    found.indices[rows[best], places[best]] = columns[best]
    found.scores[rows[best], places[best]] = exact[best]


def _rank_crowded(
    scores: Scores, values: FloatArray, found: Neighbors, k: int, *, row: int, limit: int, decimals: int
) -> None:
    """Write the best k of one row with very many candidates.

    Where its own k-th score leaves too many, most are twins of a few (one text under thousands of ids), and these few
    are scored.
    """
    bound = np.partition(values, len(values) - k)[len(values) - k].astype(np.float64)
    columns = np.flatnonzero(values >= _floor(scores, row, row + 1, bound))
    if len(columns) <= limit:
        exact = _rounded(scores.exact(np.full(len(columns), row), columns), decimals)
    else:
        twins = scores.twins()[columns]
        wanted = np.zeros(len(values), np.bool_)
        wanted[twins] = True
        distinct = np.flatnonzero(wanted)
        table = np.empty(len(values))
        table[distinct] = _rounded(scores.exact(np.full(len(distinct), row), distinct), decimals)
        exact = table[twins]
    if len(exact) > k:
        kth = np.partition(exact, len(exact) - k)[len(exact) - k]
        above = np.flatnonzero(exact > kth)
        chosen = np.concatenate([above, np.flatnonzero(exact == kth)[: k - len(above)]])
        columns, exact = columns[chosen], exact[chosen]
    order = np.lexsort((columns, -exact))
    found.indices[row, : len(order)] = columns[order]
    found.scores[row, : len(order)] = exact[order]


def _places(rows: IntArray) -> IntArray:
    """Return the place of each entry in its run of equal rows; `rows` is sorted."""
    return np.arange(len(rows)) - np.searchsorted(rows, rows)


def _rounded(scores: Float64Array, decimals: int) -> Float64Array:
    return np.round(scores, decimals) + 0.0  # adding 0 leaves no negative zeros


class _NumpyBlocks:
    """Blocks in memory. Columns of -inf past the last one fill up the last tile."""

    def __init__(self, scores: Scores) -> None:
        q, n = scores.shape
        self._scores, self._n = scores, n
        self._buffer = np.empty((min(q, _block_rows(n)), n + _TILE), np.float32)

    def load(self, start: int, stop: int, allowed: BoolArray | None, *, skip_own: bool) -> None:
        self._padded = self._buffer[: stop - start]
        self._padded[:, self._n :] = -np.inf
        block = self._padded[:, : self._n]
        self._scores.block(start, stop, block)
        if allowed is not None:
            np.copyto(block, -np.inf, where=~allowed)
        if skip_own:
            block[np.arange(stop - start), np.arange(start, stop)] = -np.inf

    def bounds(self, k: int, width: int) -> Float64Array:
        whole = -(-self._n // width) * width
        self._tiles = self._padded[:, :whole].reshape(len(self._padded), -1, width)
        self._maxima = self._tiles.max(axis=2)
        kth = self._maxima.shape[1] - k
        return np.partition(self._maxima, kth, axis=1)[:, kth].astype(np.float64)

    def select(self, floor: FloatArray, limit: int) -> Candidates:
        rows, tiles = np.nonzero(self._maxima >= floor[:, None])
        values = self._tiles[rows, tiles]
        keep = values >= floor[rows, None]
        crowded = np.bincount(rows, keep.sum(axis=1), minlength=len(floor)) > limit
        keep[crowded[rows]] = False
        tile, column = np.divmod(np.flatnonzero(keep), keep.shape[1])
        columns = tiles[tile] * keep.shape[1] + column
        return Candidates(rows[tile], columns, values[tile, column], np.flatnonzero(crowded))

    def row(self, row: int) -> FloatArray:
        return self._padded[row, : self._n]


class _TorchBlocks:
    """Blocks on a torch device: the same steps."""

    def __init__(self, scores: DenseScores, device: str) -> None:
        try:
            import torch
        except ImportError:
            raise MissingDependencyError(f"device={device!r}", "torch", "models") from None
        self._torch, self._device = torch, torch.device(device)
        scores.widen(self._product_error(scores.keys32.shape[1]))
        self._keys = torch.from_numpy(scores.keys32).to(self._device)
        same = scores.queries32 is scores.keys32
        self._queries = self._keys if same else torch.from_numpy(scores.queries32).to(self._device)

    def _product_error(self, d: int) -> float:
        """Find out how many bits of a number a product keeps: the process may have allowed TF32 or bfloat16."""
        eye = self._torch.eye(1024, d, device=self._device)
        for bits, error in ((12, 0.0), (9, 2.0**-9)):
            value = 1 + 2.0**-bits
            if float(((eye * value) @ eye.T).max()) == value:
                return error
        return 2.0**-6

    def load(self, start: int, stop: int, allowed: BoolArray | None, *, skip_own: bool) -> None:
        torch = self._torch
        self._block = self._queries[start:stop] @ self._keys.T
        if allowed is not None:
            self._block.masked_fill_(torch.from_numpy(~allowed).to(self._device), -math.inf)
        if skip_own:
            own = torch.arange(start, stop, device=self._device)
            self._block[own - start, own] = -math.inf

    def bounds(self, k: int, width: int) -> Float64Array:
        n = self._block.shape[1]
        whole = n // width * width
        maxima = self._block[:, :whole].unflatten(1, (-1, width)).amax(2)
        if whole < n:
            maxima = self._torch.cat([maxima, self._block[:, whole:].amax(1, keepdim=True)], dim=1)
        return np.asarray(maxima.topk(k, dim=1).values[:, -1].cpu().numpy(), dtype=np.float64)

    def select(self, floor: FloatArray, limit: int) -> Candidates:
        keep = self._block >= self._torch.from_numpy(floor).to(self._device)[:, None]
        crowded = keep.sum(1) > limit
        keep[crowded] = False
        rows, columns = keep.nonzero(as_tuple=True)
        values = self._block[rows, columns]
        return Candidates(
            rows.cpu().numpy(), columns.cpu().numpy(), values.cpu().numpy(), np.flatnonzero(crowded.cpu().numpy())
        )

    def row(self, row: int) -> FloatArray:
        return np.asarray(self._block[row].cpu().numpy())
