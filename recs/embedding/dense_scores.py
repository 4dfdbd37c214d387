"""Scores of pairs of vectors: fast in blocks of float32, exact in float64, and a bound on the difference."""

import math
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import SIMILARITIES, Float64Array, FloatArray, IntArray, Similarity
from recs.errors import EmbeddingError, OptionError

_UNIT_ROUNDOFF = 2.0**-24  # of float32
_LOWEST = -1e30  # below any score, above the -inf of what is not allowed
_PAIRS = 512  # rows converted to float64 at a time: two parts of this size fit the processor's cache


class DenseScores:
    """Similarities of q queries and n vectors: fast in blocks of float32, and exact for single pairs in float64.

    A block is one product of scaled rows; its values are at most 1 (3/2 for "euclidean"). R is the largest norm. The
    block contains a.b / |a||b| for "cosine", a.b / R^2 for "dot", and (a.b - |b|^2 / 2) / R^2 for "euclidean", which
    orders a row as minus the distance does. For "euclidean" the mean of the vectors is subtracted first: then R is
    small, and so is the rounding error.

    `error` bounds the rounding error of a block.
    """

    def __init__(
        self, vectors: npt.NDArray[Any], queries: npt.NDArray[Any] | None, similarity: Similarity, *, decimals: int
    ) -> None:
        if similarity not in SIMILARITIES:
            raise OptionError(f"similarity is {similarity!r}, expected one of {', '.join(SIMILARITIES)}.")
        self._keys = np.asarray(vectors)
        self._queries = self._keys if queries is None else np.asarray(queries)
        shapes = (self._keys.shape, self._queries.shape)
        if any(len(shape) != 2 for shape in shapes) or shapes[0][1] != shapes[1][1]:
            raise EmbeddingError(
                f"vectors of shape {shapes[0]}, queries of shape {shapes[1]}; expected (n, d) and (q, d)."
            )
        self.shape = (len(self._queries), len(self._keys))
        self._similarity = similarity
        self._decimals = decimals
        euclidean = similarity == "euclidean"
        middle: Any = self._keys.mean(axis=0, dtype=np.float64) if euclidean and len(self._keys) else 0.0
        self._key_norms = _norms(self._keys, middle)
        self._query_norms = self._key_norms if queries is None else _norms(self._queries, middle)
        self._radius = float(max(self._key_norms.max(initial=0.0), self._query_norms.max(initial=0.0))) or 1.0
        # The error of d rounded elements, products and sums (Higham, Accuracy and Stability of Numerical Algorithms,
        # section 3.1), made a tenth larger; then the error of subtracting the mean in float64.
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
        """Return for each row the lowest block score with which a pair, once rounded, may reach the score of `bounds`.

        It is never -inf, so that pairs that are not allowed stay out.
        """
        bounds64 = bounds.astype(np.float64)
        step = 1.001 * 10.0**-self._decimals
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
        """Return the scores of pairs, rounded. The score of a pair does not depend on the other pairs."""
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
        """For each vector, the first row with the same bits."""
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
