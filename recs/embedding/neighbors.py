"""Exact nearest neighbours, a block of rows at a time.

A block of scores is computed in float32, pairs that are not allowed are taken out, and every pair that rounding errors
leave in question is scored again in float64. So the lists are those of a full float64 matrix, which is never held.
This module knows rows and columns, not items: the caller sorts them by id, and ties go to the lower column.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import SIMILARITIES, BoolArray, Float64Array, FloatArray, IntArray, Similarity
from recs.errors import EmbeddingError, MissingDependencyError, OptionError

Mask = Callable[[int, int], BoolArray]
"""Called with a range of query rows; True where a pair may be listed, in a shape that broadcasts to (rows, columns)."""
DECIMALS = 6
_BLOCK_BYTES = 64 << 20  # of scores; the multiply takes twice as long in blocks of 4 MB (docs/benchmarks.md)
_TILE = 128  # columns; of most tiles nothing is read but the maximum
_LOWEST = -1e30  # below any score, above the -inf of what is not allowed
_PAIRS = 512  # rows converted to float64 at a time: two pieces of this many stay in the cache
_UNIT_ROUNDOFF = 2.0**-24  # of float32


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """The best columns for each of q rows, best first, ties in the order of columns.

    indices, int64 of shape (q, k), are columns, -1 where a row has fewer than k; scores, float64 of the same shape, are
    higher for better, NaN where there is none.
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
    The k-th largest maximum of the tiles of a row is a score that k pairs reach. What lies further below it than
    rounding can account for is out; the rest, about k pairs, is cut in the same way by its own k-th score, and scored
    exactly. Time O(q n d); memory O((n + q) d), and about 200 MB for the blocks however many rows there are.
    """
    scores = DenseScores(vectors, queries, similarity, decimals=decimals)
    if k < 0:
        raise OptionError(f"k is {k}, expected 0 or more.")
    q, n = scores.shape
    found = Neighbors(np.full((q, k), -1, np.int64), np.full((q, k), np.nan))
    take = min(k, n)
    width = max(1, min(_TILE, n // (8 * max(take, 1))))  # so many tiles that the best k seldom share one
    blocks = _Blocks(scores, width, device)
    for start in range(0, q if take else 0, blocks.rows):
        stop = min(start + blocks.rows, q)
        allowed = None if mask is None else mask(start, stop)
        maxima = blocks.load(start, stop, allowed, skip_own=queries is None)
        floor = scores.floor(start, np.partition(maxima, -take, axis=1)[:, -take])
        rows, tiles = np.nonzero(maxima >= floor[:, None])
        values = blocks.tiles(rows, tiles)
        keep = values >= floor[rows, None]
        crowded = np.bincount(rows, keep.sum(axis=1), minlength=stop - start) > max(256, 4 * take)
        keep[crowded[rows]] = False
        places, columns = np.nonzero(keep)
        kept = values[places, columns]
        columns += tiles[places] * width
        _rank(scores, found, rows[places], columns, kept, start=start)
        for row in np.flatnonzero(crowded).tolist():
            _rank_crowded(scores, found, start + row, blocks.row(row))
    return found


def _rank(
    scores: DenseScores, found: Neighbors, rows: IntArray, columns: IntArray, values: FloatArray, *, start: int
) -> None:
    """Score the candidates of a block, whose rows count from its start, and write the best of each row."""
    k = found.indices.shape[1]
    order = np.lexsort((-values, rows))
    rows, columns, values = rows[order], columns[order], values[order]
    bounds = np.full(rows.max(initial=0) + 1, -np.inf, np.float32)
    is_kth = _places(rows) == k - 1
    bounds[rows[is_kth]] = values[is_kth]
    keep = values >= scores.floor(start, bounds)[rows]
    rows, columns = rows[keep] + start, columns[keep]

    exact = scores.exact(rows, columns)
    order = np.lexsort((columns, -exact, rows))
    rows, columns, exact = rows[order], columns[order], exact[order]
    places = _places(rows)
    best = places < k
    found.indices[rows[best], places[best]] = columns[best]
    found.scores[rows[best], places[best]] = exact[best]


def _rank_crowded(scores: DenseScores, found: Neighbors, row: int, values: FloatArray) -> None:
    """Write the best of a row with many candidates: most are twins of a few (a text under thousands of ids)."""
    k = min(found.indices.shape[1], len(values))
    columns = np.flatnonzero(values >= scores.floor(row, np.partition(values, -k)[-k : len(values) - k + 1]))
    twins = scores.twins[columns]
    distinct = np.flatnonzero(np.bincount(twins))
    exact = scores.exact(np.full(len(distinct), row), distinct)[np.searchsorted(distinct, twins)]
    order = np.argsort(-exact, kind="stable")[:k]
    found.indices[row, : len(order)] = columns[order]
    found.scores[row, : len(order)] = exact[order]


def _places(rows: IntArray) -> IntArray:
    """Return the place of each entry in its run of equal rows; `rows` is sorted."""
    return np.arange(len(rows)) - np.searchsorted(rows, rows)


class DenseScores:
    """Similarities of q queries and n vectors: fast as blocks of float32, exact by the pair, with a bound between both.

    A block is one product of scaled rows that stays within 1 (3/2 for "euclidean"). With R the largest norm, it holds
    a.b / |a||b| for "cosine", a.b / R^2 for "dot", and for "euclidean" (a.b - |b|^2 / 2) / R^2, which orders a row as
    minus the distance does; there the mean of the vectors is taken out first, so that R is small and little is lost.
    """

    def __init__(
        self, vectors: npt.NDArray[Any], queries: npt.NDArray[Any] | None, similarity: Similarity, *, decimals: int
    ) -> None:
        if similarity not in SIMILARITIES:
            raise OptionError(f"similarity is {similarity!r}, expected one of {', '.join(SIMILARITIES)}.")
        self._keys = np.asarray(vectors)
        self._queries = self._keys if queries is None else np.asarray(queries)
        of_keys, of_queries = self._keys.shape, self._queries.shape
        if len(of_keys) != 2 or len(of_queries) != 2 or of_keys[1] != of_queries[1]:
            raise EmbeddingError(f"vectors of shape {of_keys}, queries of shape {of_queries}; expected (n, d), (q, d).")
        self.shape = (len(self._queries), len(self._keys))
        self._similarity, self._decimals = similarity, decimals
        euclidean = similarity == "euclidean"
        middle: Any = self._keys.mean(axis=0, dtype=np.float64) if euclidean and len(self._keys) else 0.0
        self._key_norms = _norms(self._keys, middle)
        self._query_norms = self._key_norms if queries is None else _norms(self._queries, middle)
        self._radius = float(max(self._key_norms.max(initial=0.0), self._query_norms.max(initial=0.0))) or 1.0
        # Rounding d elements, products and sums (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1),
        # with a tenth to spare; then taking the mean out in float64.
        d = self._keys.shape[1]
        self.error = 1.1 * (d + 5) * _UNIT_ROUNDOFF * (1.5 if euclidean else 1.0)
        self.error += 2.0**-50 * math.sqrt(d) * float(np.abs(middle).max(initial=0.0)) / self._radius
        self.keys32 = self._scaled(self._keys, middle, self._key_norms)
        self.queries32 = self.keys32 if queries is None else self._scaled(self._queries, middle, self._query_norms)
        if euclidean:  # one more dimension adds the term of b to the product
            lengths = (self._key_norms / self._radius) ** 2
            self.keys32 = np.column_stack([self.keys32, (-lengths / 2).astype(np.float32)])
            self.queries32 = np.column_stack([self.queries32, np.ones(len(self.queries32), np.float32)])

    def _scaled(self, X: npt.NDArray[Any], middle: Any, norms: Float64Array) -> FloatArray:
        by = np.where(norms > 0, norms, 1) if self._similarity == "cosine" else np.full(len(X), self._radius)
        scaled = np.empty(X.shape, np.float32)
        for part in _parts(len(X)):
            scaled[part] = (X[part].astype(np.float64) - middle) / by[part, None]
        return scaled

    def floor(self, start: int, bounds: FloatArray) -> FloatArray:
        """Return the block scores below which no pair, once rounded, can reach those at `bounds`, a row each.

        Never -inf: what is not allowed stays out.
        """
        bounds64, step = bounds.astype(np.float64), 1.001 * 10.0**-self._decimals
        lengths = self._query_norms[start : start + len(bounds)] / self._radius
        if self._similarity == "cosine":
            floor = bounds64 - 2 * self.error - step
        elif self._similarity == "dot":
            floor = bounds64 - 2 * self.error * (lengths + 1e-30) - step / self._radius / self._radius
        else:
            farthest = np.sqrt(np.maximum(lengths**2 - 2 * (bounds64 - self.error), 0)) + step / self._radius
            floor = (lengths**2 - farthest**2) / 2 - self.error
        return np.asarray(np.nextafter(np.maximum(floor, _LOWEST).astype(np.float32), np.float32(-np.inf)))

    def exact(self, rows: IntArray, columns: IntArray) -> Float64Array:
        """Return the scores of pairs, rounded; for each pair the same bits in whatever company."""
        scores = np.empty(len(rows))
        for part in _parts(len(rows)):
            left = self._queries[rows[part]].astype(np.float64)
            right = self._keys[columns[part]].astype(np.float64)
            if self._similarity == "euclidean":
                left = right = left - right
            scores[part] = np.einsum("ij,ij->i", left, right)
        if self._similarity == "euclidean":
            scores = -np.sqrt(scores)
        if self._similarity == "cosine":
            lengths = self._query_norms[rows] * self._key_norms[columns]
            scores /= np.where(lengths > 0, lengths, 1)
        return np.round(scores, self._decimals) + 0.0  # adding 0 leaves no negative zeros

    @cached_property
    def twins(self) -> IntArray:
        """For each vector the first that is the same in every bit."""
        first: dict[bytes, int] = {}
        return np.array([first.setdefault(row.tobytes(), place) for place, row in enumerate(self._keys)], np.int64)


def _parts(n: int) -> list[slice]:
    return [slice(start, start + _PAIRS) for start in range(0, n, _PAIRS)]


def _norms(X: npt.NDArray[Any], middle: Any) -> Float64Array:
    norms = np.empty(len(X))
    for part in _parts(len(X)):
        block = X[part].astype(np.float64) - middle
        norms[part] = np.sqrt(np.einsum("ij,ij->i", block, block))
    finite = np.isfinite(norms)
    if not finite.all():
        raise EmbeddingError(f"row {int(np.argmin(finite))} holds NaN, infinity or numbers too large to square.")
    return norms


def _block_rows(n: int) -> int:
    return min(1024, max(64, _BLOCK_BYTES // (4 * max(n, 1))))


class _Blocks:
    """The block at hand, in tiles of `width` columns, in memory or on a torch device: both have the same operations.

    Columns of -inf past the last one fill up the last tile.
    """

    def __init__(self, scores: DenseScores, width: int, device: str | None) -> None:
        q, self._n = scores.shape
        self._width, self._xp, self._device = width, _torch(device) if device is not None else np, device
        self.rows = max(1, min(q, _block_rows(self._n)))
        if device is not None:
            scores.error += 1.5 * self._product_error(scores.keys32.shape[1])  # of both lengths
        self._keys = self._put(scores.keys32)
        self._queries = self._keys if scores.queries32 is scores.keys32 else self._put(scores.queries32)
        self._buffer = self._put(np.full((self.rows, self._n + -self._n % width), -np.inf, np.float32))

    def load(self, start: int, stop: int, allowed: BoolArray | None, *, skip_own: bool) -> FloatArray:
        """Compute the scores of some rows, -inf for pairs that are not allowed; return the maxima of their tiles."""
        self._padded = self._buffer[: stop - start]
        block = self._padded[:, : self._n]
        self._xp.matmul(self._queries[start:stop], self._keys.T, out=block)
        if allowed is not None:
            block += self._put(np.where(allowed, np.float32(0), np.float32(-np.inf)))
        if skip_own:
            own = self._put(np.arange(start, stop))
            block[own - start, own] = -math.inf
        self._tiles = self._padded.reshape(stop - start, -1, self._width)
        return self._get(self._xp.amax(self._tiles, 2))

    def tiles(self, rows: IntArray, tiles: IntArray) -> FloatArray:
        return self._get(self._tiles[self._put(rows), self._put(tiles)])

    def row(self, row: int) -> FloatArray:
        return self._get(self._padded[row, : self._n])

    def _put(self, array: npt.NDArray[Any]) -> Any:
        return array if self._device is None else self._xp.from_numpy(array).to(self._device)

    def _get(self, array: Any) -> FloatArray:
        return np.asarray(array if self._device is None else array.cpu())

    def _product_error(self, d: int) -> float:
        """Find out how many bits of a number a product keeps: the process may have allowed TF32 or bfloat16."""
        eye = self._put(np.eye(1024, d, dtype=np.float32))
        for bits, error in ((12, 0.0), (9, 2.0**-9)):
            value = 1 + 2.0**-bits
            if float(self._xp.matmul(eye * value, eye.T).max()) == value:
                return error
        return 2.0**-6


def _torch(device: str) -> Any:
    try:
        import torch
    except ImportError:
        raise MissingDependencyError(f"device={device!r}", "torch", "models") from None
    return torch
