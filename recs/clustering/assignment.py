"""The rule that assigns any vector to a topic: a regularised linear discriminant with limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, unit_rows

_QUANTILE = 0.005  # of a topic's core may be as far out as what is left unassigned
_FENCE = 8.0  # nor may it be so many times as far from the core's median as the quartile is: 5.4 deviations
_SHRINKAGE = 0.2  # of the covariance within topics towards equal variances
_BLOCK = 512  # rows that are scored at a time, always as many: the result of a row depends on no other


@dataclass(frozen=True, slots=True, eq=False)
class Discriminant:
    """What tells which of t topics a vector belongs to, and whether it is close enough to belong to any.

    A linear discriminant: the topics share one covariance, shrunk. It follows the shape of topics where the nearest
    centroid does not, and serves rows of the training and new ones alike.

    Attributes
    ----------
    weights, offsets : float64 arrays of shape (t, d) and (t,)
        The topic with the highest `weights @ x + offsets` is the one.
    centroids : float64 array of shape (t, d)
        Mean vectors, of unit length.
    thresholds : float64 array of shape (t,)
        The least cosine with the centroid.
    """

    weights: Float64Array
    offsets: Float64Array
    centroids: Float64Array
    thresholds: Float64Array

    @classmethod
    def fit(cls, vectors: FloatArray, labels: IntArray, scatter: Float64Array) -> Self:
        """Learn from rows whose labels are 0 to t - 1, or -1; `scatter` is the product of all rows with themselves.

        The thresholds are left open: see `with_thresholds`.
        """
        d, means = vectors.shape[1], cluster_means(vectors, labels)
        sizes = np.bincount(labels[labels >= 0], minlength=len(means))
        within = (scatter - (means.T * sizes) @ means) / max(len(vectors), 1)
        ridge = _SHRINKAGE * max(np.trace(within), 1e-6) / max(d, 1)
        weights = np.linalg.solve(within + ridge * np.eye(d), means.T).T if len(means) else means
        offsets = -np.einsum("ij,ij->i", weights, means) / 2
        return cls(weights, offsets, unit_rows(means), np.full(len(means), -np.inf))

    def with_thresholds(self, best: IntArray, cosines: Float64Array, core: BoolArray) -> Self:
        """Return the rule with thresholds that the cores of its topics set, by what `scores` says of the rows."""
        return replace(self, thresholds=core_thresholds(best, cosines, core, len(self.offsets)))

    def scores(self, vectors: FloatArray) -> tuple[IntArray, Float64Array]:
        """Return the best topic of each row and the cosine with its centroid, whatever rows stand beside it."""
        best, cosines = np.full(len(vectors), -1), np.zeros(len(vectors))
        if not len(self.offsets):
            return best, cosines
        for start in range(0, len(vectors), _BLOCK):
            part = vectors[start : start + _BLOCK]
            rows = np.zeros((_BLOCK, vectors.shape[1]))
            rows[: len(part)] = part
            chosen = np.round(rows @ self.weights.T + self.offsets, 9).argmax(axis=1)
            unit = unit_rows(rows)
            found = np.round(np.einsum("ij,ij->i", unit, self.centroids[chosen]), 9)
            best[start : start + len(part)], cosines[start : start + len(part)] = (
                chosen[: len(part)],
                found[: len(part)],
            )
        return best, cosines

    def assign(self, vectors: FloatArray, *, everything: bool = False) -> IntArray:
        """Return the topic of each row, -1 where it is too far out for any; with `everything`, the best."""
        best, cosines = self.scores(vectors)
        return best if everything else self.close(best, cosines)

    def close(self, best: IntArray, cosines: Float64Array) -> IntArray:
        """Return what `scores` says without rows that are farther out than the thresholds."""
        return np.where(cosines >= np.append(self.thresholds, np.inf)[best], best, -1)


def cluster_means(vectors: FloatArray, labels: IntArray) -> Float64Array:
    """Return the mean vector of each cluster, shape (c, d)."""
    order = np.argsort(labels, kind="stable")[int((labels < 0).sum()) :]
    sizes = np.bincount(labels[order])
    means = np.zeros((len(sizes), vectors.shape[1]))
    stops = np.cumsum(sizes)
    for cluster, (size, stop) in enumerate(zip(sizes.tolist(), stops.tolist(), strict=True)):
        means[cluster] = vectors[order[stop - size : stop]].mean(axis=0, dtype=np.float64)
    return means


def without_itself(vectors: FloatArray, labels: IntArray, best: IntArray, cosines: Float64Array) -> Float64Array:
    """Return cosines as they would be if no row had a part in the centroid of its label: as those of new rows are."""
    counts = np.bincount(labels[labels >= 0])
    total = np.append(np.linalg.norm(cluster_means(vectors, labels), axis=1) * counts, 0.0)[labels]
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    rest = np.sqrt(np.maximum(total**2 - 2 * cosines * total * lengths + lengths**2, 1e-12))
    own = (labels == best) & (np.append(counts, 0)[labels] > 1)
    return np.where(own, np.round((cosines * total - lengths) / rest, 9), cosines)


def core_thresholds(labels: IntArray, cosines: Float64Array, core: BoolArray, topics: int) -> Float64Array:
    """Return for each topic a cosine that nearly all rows of its core reach; of all its rows, where none is core."""
    thresholds = np.full(topics, np.inf)
    for topic in range(topics):
        rows = np.flatnonzero(labels == topic)
        own = cosines[rows[core[rows]]] if core[rows].any() else cosines[rows]
        if len(own):
            middle, quarter = np.quantile(own, (0.5, 0.25), method="lower")
            least = np.quantile(own, _QUANTILE, method="lower")
            thresholds[topic] = max(least, middle - _FENCE * (middle - quarter))
    return thresholds


def scatter_matrix(vectors: FloatArray) -> Float64Array:
    """Return the product of all rows with themselves, shape (d, d), a block at a time."""
    scatter = np.zeros((vectors.shape[1],) * 2)
    for start in range(0, len(vectors), 8 * _BLOCK):
        rows = vectors[start : start + 8 * _BLOCK].astype(np.float64)
        scatter += rows.T @ rows
    return scatter
