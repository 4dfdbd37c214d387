"""Similarities between the rows of two sets, as `recs.neighbors` asks for them.

Each is given twice: fast, as a block of float32 scores on a scale of its own choice, and exact, pair by pair in
float64; with a proven bound on how far the two can disagree.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recs.embeddings import SIMILARITIES, FloatArray, IntArray, Similarity
from recs.errors import EmbeddingError, OptionError

Float64Array = npt.NDArray[np.float64]

_PAIRS = 512  # rows converted to float64 at a time: two pieces of this many stay in the cache
_DENSE_SHARE = 0.05  # a column in more rows than this costs less in a dense product than in a sparse one
_DENSE_COLUMNS = 256  # at most, so that the dense part takes 1 kB a row
_UNIT_ROUNDOFF = 2.0**-24  # of float32


class Scores(Protocol):
    """A similarity between q rows and n columns.

    Attributes
    ----------
    shape
        (q, n)
    unit
        The step to which exact scores are rounded.
    """

    shape: tuple[int, int]
    unit: float

    def block(self, start: int, stop: int, out: FloatArray) -> None:
        """Write the scores of rows `start` to `stop`: on any scale that keeps the order of a row; -inf for no pair."""

    def floor(self, start: int, stop: int, bounds: Float64Array) -> Float64Array:
        """Return for each row the block score below which no pair, once rounded, can reach one at `bounds`."""

    def exact(self, rows: IntArray, columns: IntArray) -> Float64Array:
        """Return the scores of pairs, not rounded; for each pair the same bits in whatever company."""

    def twins(self) -> IntArray:
        """Return for each column the first column that is the same in every bit."""


class DenseScores:
    """Similarity of vectors, as one product of scaled float32 rows that stays within 1 (3/2 for "euclidean").

    With R the largest norm, blocks hold a.b / |a||b| for "cosine", a.b / R^2 for "dot", and for "euclidean"
    (a.b - |b|^2 / 2) / R^2, which orders a row as minus the distance does; there the mean of the vectors is taken out
    first, so that R is small and little is lost.

    Parameters
    ----------
    vectors : array of shape (n, d)
    queries : array of shape (q, d), or None to compare the vectors with each other

    Raises
    ------
    EmbeddingError
        On NaN or infinity, or shapes that do not agree.
    """

    def __init__(
        self, vectors: npt.NDArray[Any], queries: npt.NDArray[Any] | None, similarity: Similarity, *, unit: float
    ) -> None:
        if similarity not in SIMILARITIES:
            raise OptionError(f"similarity is {similarity!r}, expected one of {', '.join(SIMILARITIES)}.")
        self._keys = np.asarray(vectors)
        self._queries = self._keys if queries is None else np.asarray(queries)
        if self._keys.ndim != 2 or self._queries.ndim != 2 or self._keys.shape[1] != self._queries.shape[1]:
            raise EmbeddingError(
                f"vectors of shape {self._keys.shape}, queries of shape {self._queries.shape}; expected (n, d), (q, d)."
            )
        self.shape = (len(self._queries), len(self._keys))
        self.unit = unit
        self._similarity = similarity
        euclidean = similarity == "euclidean"
        middle: Any = self._keys.mean(axis=0, dtype=np.float64) if euclidean and len(self._keys) else 0.0
        self._key_norms = _norms(self._keys, middle)
        self._query_norms = self._key_norms if queries is None else _norms(self._queries, middle)
        largest = max(self._key_norms.max(initial=0.0), self._query_norms.max(initial=0.0))
        self._radius = float(largest) or 1.0
        # Rounding d elements, products and sums (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1),
        # with a tenth to spare; then taking the mean out in float64.
        d = self._keys.shape[1]
        self._error = 1.1 * (d + 5) * _UNIT_ROUNDOFF * (1.5 if euclidean else 1.0)
        self._error += 2.0**-50 * math.sqrt(d) * float(np.abs(middle).max(initial=0.0)) / self._radius
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

    def widen(self, product_error: float) -> None:
        """Allow for products that keep fewer bits than float32 does; the error is in parts of both lengths."""
        self._error += 1.5 * product_error

    def block(self, start: int, stop: int, out: FloatArray) -> None:
        np.matmul(self.queries32[start:stop], self.keys32.T, out=out)

    def floor(self, start: int, stop: int, bounds: Float64Array) -> Float64Array:
        step = 1.001 * self.unit
        if self._similarity == "cosine":
            return np.asarray(bounds - 2 * self._error - step)
        lengths = self._query_norms[start:stop] / self._radius
        if self._similarity == "dot":
            return np.asarray(bounds - 2 * self._error * (lengths + 1e-30) - step / self._radius / self._radius)
        farthest = np.sqrt(np.maximum(lengths**2 - 2 * (bounds - self._error), 0)) + step / self._radius
        return np.asarray((lengths**2 - farthest**2) / 2 - self._error)

    def exact(self, rows: IntArray, columns: IntArray) -> Float64Array:
        scores = np.empty(len(rows))
        for part in _parts(len(rows)):
            left = self._queries[rows[part]].astype(np.float64)
            right = self._keys[columns[part]].astype(np.float64)
            if self._similarity == "euclidean":
                left = right = left - right
            scores[part] = np.einsum("ij,ij->i", left, right)
        if self._similarity == "euclidean":
            return -np.sqrt(scores)
        if self._similarity == "cosine":
            lengths = self._query_norms[rows] * self._key_norms[columns]
            scores /= np.where(lengths > 0, lengths, 1)
        return scores

    @cached_property
    def _twins(self) -> IntArray:
        return _first_places(row.tobytes() for row in self._keys)

    def twins(self) -> IntArray:
        return self._twins


class TermScores:
    """Dot products of sparse rows with themselves, for weights over 0; rows that share no column are no pair.

    The few columns that most rows share are multiplied as a dense matrix, the rest as a sparse one.

    Parameters
    ----------
    matrix : scipy.sparse.csr_array of shape (n, v), columns sorted within each row
    """

    def __init__(self, matrix: Any, *, unit: float) -> None:
        self._matrix = matrix
        counts = np.bincount(matrix.indices, minlength=matrix.shape[1])
        common = np.argsort(-counts, kind="stable")[:_DENSE_COLUMNS]
        common = common[counts[common] > _DENSE_SHARE * matrix.shape[0]]
        self._common = matrix[:, common].toarray().astype(np.float32)
        self._rare = matrix[:, np.setdiff1d(np.arange(matrix.shape[1]), common)].astype(np.float32)
        self._rare_columns = self._rare.T.tocsr()
        self.shape = (matrix.shape[0], matrix.shape[0])
        self.unit = unit
        norms = np.sqrt(matrix.multiply(matrix).sum(axis=1))
        longest = int(np.diff(matrix.indptr).max(initial=0))
        self._error = 1.1 * (longest + 3) * _UNIT_ROUNDOFF * norms * norms.max(initial=0.0)

    def block(self, start: int, stop: int, out: FloatArray) -> None:
        np.matmul(self._common[start:stop], self._common.T, out=out)
        out += (self._rare[start:stop] @ self._rare_columns).toarray()
        np.copyto(out, -np.inf, where=out == 0)

    def floor(self, start: int, stop: int, bounds: Float64Array) -> Float64Array:
        return np.asarray(bounds - 2 * self._error[start:stop] - 1.001 * self.unit)

    def exact(self, rows: IntArray, columns: IntArray) -> Float64Array:
        scores = np.empty(len(rows))
        for part in _parts(len(rows), 8 * _PAIRS):
            scores[part] = self._matrix[rows[part]].multiply(self._matrix[columns[part]]).sum(axis=1)
        return scores

    @cached_property
    def _twins(self) -> IntArray:
        spans = itertools.pairwise(self._matrix.indptr.tolist())
        columns, weights = self._matrix.indices, self._matrix.data
        return _first_places(columns[start:stop].tobytes() + weights[start:stop].tobytes() for start, stop in spans)

    def twins(self) -> IntArray:
        return self._twins


def _parts(n: int, step: int = _PAIRS) -> list[slice]:
    return [slice(start, start + step) for start in range(0, n, step)]


def _norms(X: npt.NDArray[Any], middle: Any) -> Float64Array:
    norms = np.empty(len(X))
    for part in _parts(len(X)):
        block = X[part].astype(np.float64) - middle
        norms[part] = np.sqrt(np.einsum("ij,ij->i", block, block))
    finite = np.isfinite(norms)
    if not finite.all():
        raise EmbeddingError(f"row {int(np.argmin(finite))} holds NaN, infinity or numbers too large to square.")
    return norms


def _first_places(keys: Iterable[bytes]) -> IntArray:
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(key, place) for place, key in enumerate(keys)], dtype=np.int64)
