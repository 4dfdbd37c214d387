"""The rule that assigns any vector to a topic: a regularised linear discriminant with limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, unit_rows
from recs.clustering.labels import cluster_sizes, value_by_label

_QUANTILE = 0.005  # this share of the core of a topic may be farther away than its threshold
# A threshold is at most so many times as far below the core's median as the lower quartile is: 5.4 standard deviations.
_FENCE = 8.0
_NEAR = 3.0  # and at least so many times: rows within two standard deviations are no outliers of a core of few rows
_SHRINKAGE = 0.2  # of the covariance within topics, towards equal variances
_BLOCK = 512  # rows that are scored at a time; blocks are filled up, so that the score of a row depends on no other row
_DECIMALS = 9
_COMPARED = 20_000  # rows at most that `separation` looks at


@dataclass(frozen=True, slots=True, eq=False)
class Discriminant:
    """A rule that says which of t topics a vector belongs to, and whether it is close enough to belong to any.

    It is a linear discriminant: all topics share one covariance, which is shrunk. It follows the shape of topics better
    than the nearest centroid does, and treats rows of the training and new rows alike.

    Attributes
    ----------
    weights, offsets : float64 arrays of shape (t, d) and (t,)
        The best topic is the one with the highest `weights @ x + offsets`.
    centroids : float64 array of shape (t, d)
        Mean vectors, of unit length.
    thresholds : float64 array of shape (t,)
        The least cosine with the centroid.

    Examples
    --------
    >>> X = np.array([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], np.float32)
    >>> rule = Discriminant.fit(X, np.array([0, 0, 1, 1]), scatter_matrix(X))
    >>> rule.assign(np.array([[2, 1], [1, 3]], np.float32)).tolist()
    [0, 1]
    """

    weights: Float64Array
    offsets: Float64Array
    centroids: Float64Array
    thresholds: Float64Array

    @classmethod
    def fit(cls, vectors: FloatArray, labels: IntArray, scatter: Float64Array) -> Self:
        """Learn from rows whose labels are 0 to t - 1, or -1; `scatter` is the product of all rows with themselves.

        The rule has no thresholds yet: see `with_thresholds`.
        """
        d = vectors.shape[1]
        means = cluster_means(vectors, labels)
        sizes = cluster_sizes(labels, len(means))
        within = (scatter - (means.T * sizes) @ means) / max(len(vectors), 1)
        ridge = _SHRINKAGE * max(np.trace(within), 1e-6) / max(d, 1)
        weights = np.linalg.solve(within + ridge * np.eye(d), means.T).T if len(means) else means
        offsets = -np.einsum("ij,ij->i", weights, means) / 2
        return cls(weights, offsets, unit_rows(means), np.full(len(means), -np.inf))

    def with_thresholds(self, best: IntArray, cosines: Float64Array, core: BoolArray) -> Self:
        """Return the rule with thresholds from the cores of its topics; `best` and `cosines` are as in `scores`."""
        return replace(self, thresholds=core_thresholds(best, cosines, core, len(self.offsets)))

    def probabilities(self, vectors: FloatArray, temperature: float) -> Float64Array:
        """Return the probability of each topic for each row, shape (n, t); a higher temperature evens them out."""
        scores = np.zeros((len(vectors), len(self.offsets)))
        for start in range(0, len(vectors), _BLOCK):
            block = vectors[start : start + _BLOCK].astype(np.float64)
            scores[start : start + _BLOCK] = (block @ self.weights.T + self.offsets) / temperature
        scores -= scores.max(axis=1, keepdims=True, initial=-np.inf)
        weights = np.exp(np.round(scores, _DECIMALS))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def scores(self, vectors: FloatArray) -> tuple[IntArray, Float64Array]:
        """Return the best topic of each row and the cosine with its centroid; no other row has an influence."""
        best = np.full(len(vectors), -1)
        cosines = np.zeros(len(vectors))
        if not len(self.offsets):
            return best, cosines
        for start in range(0, len(vectors), _BLOCK):
            part = vectors[start : start + _BLOCK]
            stop = start + len(part)
            block = np.zeros((_BLOCK, vectors.shape[1]))
            block[: len(part)] = part
            best_of_block = np.round(block @ self.weights.T + self.offsets, _DECIMALS).argmax(axis=1)
            products = np.einsum("ij,ij->i", unit_rows(block), self.centroids[best_of_block])
            best[start:stop] = best_of_block[: len(part)]
            cosines[start:stop] = np.round(products, _DECIMALS)[: len(part)]
        return best, cosines

    def assign(self, vectors: FloatArray, *, everything: bool = False) -> IntArray:
        """Return the topic of each row, -1 if it is too far from all of them; with `everything` always the best."""
        best, cosines = self.scores(vectors)
        return best if everything else self.close(best, cosines)

    def close(self, best: IntArray, cosines: Float64Array) -> IntArray:
        """Return the best topics from `scores`, with -1 for rows that are farther away than the thresholds."""
        thresholds = value_by_label(self.thresholds, best, missing=np.inf)
        return np.where(cosines >= thresholds, best, -1)


def cluster_means(vectors: FloatArray, labels: IntArray) -> Float64Array:
    """Return the mean vector of each cluster, shape (c, d)."""
    rows_by_cluster = np.argsort(labels, kind="stable")[int((labels < 0).sum()) :]
    sizes = cluster_sizes(labels)
    means = np.zeros((len(sizes), vectors.shape[1]))
    stops = np.cumsum(sizes)
    for cluster, (size, stop) in enumerate(zip(sizes.tolist(), stops.tolist(), strict=True)):
        means[cluster] = vectors[rows_by_cluster[stop - size : stop]].mean(axis=0, dtype=np.float64)
    return means


def without_itself(vectors: FloatArray, labels: IntArray, best: IntArray, cosines: Float64Array) -> Float64Array:
    """Return the cosines with centroids from which the row itself is left out, so that they compare to new rows.

    It changes the rows whose best topic is their own label, in clusters of two rows or more.
    """
    sizes = cluster_sizes(labels)
    lengths_of_sums = np.linalg.norm(cluster_means(vectors, labels), axis=1) * sizes
    total = value_by_label(lengths_of_sums, labels, missing=0.0)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    rest = np.sqrt(np.maximum(total**2 - 2 * cosines * total * lengths + lengths**2, 1e-12))
    changes = (labels == best) & (value_by_label(sizes, labels, missing=0) > 1)
    return np.where(changes, np.round((cosines * total - lengths) / rest, _DECIMALS), cosines)


def core_thresholds(labels: IntArray, cosines: Float64Array, core: BoolArray, topics: int) -> Float64Array:
    """Return for each topic a cosine that nearly all rows of its core reach; without core rows, nearly all its rows."""
    thresholds = np.full(topics, np.inf)
    for topic in range(topics):
        rows = np.flatnonzero(labels == topic)
        own = cosines[rows[core[rows]]] if core[rows].any() else cosines[rows]
        if len(own):
            middle, quarter = np.quantile(own, (0.5, 0.25), method="lower")
            least = np.quantile(own, _QUANTILE, method="lower")
            spread = middle - quarter
            thresholds[topic] = np.clip(least, middle - _FENCE * spread, middle - _NEAR * spread)
    return thresholds


def separation(vectors: FloatArray, labels: IntArray, own: Float64Array) -> float:
    """Return how much nearer rows are to their own cluster than to the next: the mean simplified silhouette, at most 1.

    Parameters
    ----------
    own
        The product of each row with the centroid of its cluster; see `without_itself`.

    Notes
    -----
    Distances are 1 less the cosine, and those to centroids stand for those to all rows (Vendramin and others,
    doi:10.1002/sam.10080). At most 20,000 rows are compared, evenly spread. Time O(n c d) for c clusters.
    """
    rows = np.flatnonzero(labels >= 0)
    rows = rows[:: max(math.ceil(len(rows) / _COMPARED), 1)]
    centroids = unit_rows(cluster_means(vectors, labels)).T
    total = 0.0
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        lengths = np.maximum(np.linalg.norm(vectors[part].astype(np.float64), axis=1), 1e-12)
        cosines = vectors[part] @ centroids / lengths[:, None]
        cosines[np.arange(len(part)), labels[part]] = -1.0
        next_best = cosines.max(axis=1)
        mine = own[part] / lengths
        total += float(((mine - next_best) / np.maximum(1 - np.minimum(mine, next_best), 1e-12)).sum())
    return total / max(len(rows), 1)


def scatter_matrix(vectors: FloatArray) -> Float64Array:
    """Return the product of all rows with themselves, shape (d, d), a block at a time."""
    scatter = np.zeros((vectors.shape[1],) * 2)
    for start in range(0, len(vectors), 8 * _BLOCK):
        rows = vectors[start : start + 8 * _BLOCK].astype(np.float64)
        scatter += rows.T @ rows
    return scatter
