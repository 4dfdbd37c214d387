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

from recs.embeddings import SIMILARITIES, FloatArray, IntArray, Similarity
from recs.errors import EmbeddingError, OptionError

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]
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
    """The best columns for each of n rows, best first, ties in the order of columns.

    indices, int64 of shape (n, k), are columns, -1 where a row has fewer than k; scores, float64 of the same shape, are
    higher for better, NaN where there is none.
    """

    indices: IntArray
    scores: Float64Array


def top_k(
    vectors: npt.NDArray[Any], k: int, *, similarity: Similarity = "cosine", mask: Mask | None = None
) -> Neighbors:
    """Return for each of n vectors the k best others; a twin in another row is listed.

    Parameters
    ----------
    vectors : array of shape (n, d)
        Of any length for "cosine", where a zero vector scores 0 with everything.
    similarity
        "cosine", "dot", or "euclidean", whose score is minus the distance; rounded before scores are compared.
    mask
        The pairs that may be listed, asked for block by block.

    Raises `EmbeddingError` on NaN or infinity, or for another shape, and `OptionError`.

    Notes
    -----
    The k-th largest maximum of the tiles of a row is a score that k pairs reach. What lies further below it than
    rounding can account for is out; the rest, about k pairs, is cut in the same way by its own k-th score, and scored
    exactly. Time O(n² d); memory O(n d), and about 200 MB for the blocks however many rows there are.
    """
    scores = DenseScores(vectors, similarity)
    if k < 0:
        raise OptionError(f"k is {k}, expected 0 or more.")
    n = len(scores.left)
    found = Neighbors(np.full((n, k), -1, np.int64), np.full((n, k), np.nan))
    take, step = min(k, n), min(_block_rows(n), max(n, 1))
    width = max(1, min(_TILE, n // (8 * max(take, 1))))  # so many tiles that the best k seldom share one
    buffer = np.full((step, n + -n % width), -np.inf, np.float32)  # the last tile is filled up
    for start in range(0, n if take else 0, step):
        stop = min(start + step, n)
        padded = buffer[: stop - start]
        block, tiles = padded[:, :n], padded.reshape(stop - start, -1, width)
        np.matmul(scores.left[start:stop], scores.right.T, out=block)
        if mask is not None:
            block += np.where(mask(start, stop), np.float32(0), np.float32(-np.inf))
        np.fill_diagonal(block[:, start:stop], -np.inf)
        maxima = tiles.max(axis=2)
        floor = scores.floor(start, np.partition(maxima, -take, axis=1)[:, -take])
        rows, which = np.nonzero(maxima >= floor[:, None])
        values = tiles[rows, which]
        keep = values >= floor[rows, None]
        crowded = np.bincount(rows, keep.sum(axis=1), minlength=stop - start) > max(256, 4 * take)
        keep[crowded[rows]] = False
        places, columns = np.nonzero(keep)
        kept = values[places, columns]
        _rank(scores, found, rows[places], columns + which[places] * width, kept, start=start)
        for row in np.flatnonzero(crowded).tolist():
            _rank_crowded(scores, found, start + row, block[row])
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
    """Similarities of n vectors: fast as blocks of float32, exact by the pair, with a bound between both.

    A block is one product of rows of `left` and `right` that stays within 1 (3/2 for "euclidean"). With R the largest
    norm, it holds a.b / |a||b| for "cosine", a.b / R^2 for "dot", and for "euclidean" (a.b - |b|^2 / 2) / R^2, which
    orders a row as minus the distance does; there the mean is taken out first, so that R is small and little is lost.
    """

    def __init__(self, vectors: npt.NDArray[Any], similarity: Similarity) -> None:
        if similarity not in SIMILARITIES:
            raise OptionError(f"similarity is {similarity!r}, expected one of {', '.join(SIMILARITIES)}.")
        self._vectors, self._similarity = np.asarray(vectors), similarity
        if self._vectors.ndim != 2:
            raise EmbeddingError(f"vectors of shape {self._vectors.shape}; expected (n, d).")
        n, d = self._vectors.shape
        euclidean = similarity == "euclidean"
        middle: Any = self._vectors.mean(axis=0, dtype=np.float64) if euclidean and n else 0.0
        self._norms = _norms(self._vectors, middle)
        self._radius = float(self._norms.max(initial=0.0)) or 1.0
        # Rounding d elements, products and sums (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1),
        # with a tenth to spare; then taking the mean out in float64.
        self.error = 1.1 * (d + 5) * _UNIT_ROUNDOFF * (1.5 if euclidean else 1.0)
        self.error += 2.0**-50 * math.sqrt(d) * float(np.abs(middle).max(initial=0.0)) / self._radius
        by = np.where(self._norms > 0, self._norms, 1) if similarity == "cosine" else np.full(n, self._radius)
        self.left = self.right = np.empty((n, d), np.float32)
        for part in _parts(n):
            self.left[part] = (self._vectors[part].astype(np.float64) - middle) / by[part, None]
        if euclidean:  # one more dimension adds the term of b to the product
            self.right = np.column_stack([self.left, (-((self._norms / self._radius) ** 2) / 2).astype(np.float32)])
            self.left = np.column_stack([self.left, np.ones(n, np.float32)])

    def floor(self, start: int, bounds: FloatArray) -> FloatArray:
        """Return the block scores below which no pair, once rounded, can reach those at `bounds`, a row each.

        Never -inf: what is not allowed stays out.
        """
        bounds64, step = bounds.astype(np.float64), 1.001 * 10.0**-DECIMALS
        lengths = self._norms[start : start + len(bounds)] / self._radius
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
            left = self._vectors[rows[part]].astype(np.float64)
            right = self._vectors[columns[part]].astype(np.float64)
            if self._similarity == "euclidean":
                left = right = left - right
            scores[part] = np.einsum("ij,ij->i", left, right)
        if self._similarity == "euclidean":
            scores = -np.sqrt(scores)
        if self._similarity == "cosine":
            lengths = self._norms[rows] * self._norms[columns]
            scores /= np.where(lengths > 0, lengths, 1)
        return np.round(scores, DECIMALS) + 0.0  # adding 0 leaves no negative zeros

    @cached_property
    def twins(self) -> IntArray:
        """For each vector the first that is the same in every bit."""
        first: dict[bytes, int] = {}
        return np.array([first.setdefault(row.tobytes(), place) for place, row in enumerate(self._vectors)], np.int64)


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
