"""The dense cores of a cloud of vectors, found by HDBSCAN, and the rule that gives any vector to a topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from recs.embeddings import FloatArray, IntArray, unit_rows
from recs.errors import MissingDependencyError
from recs.graph import Float64Array, components, spectral_coordinates
from recs.neighbors import BoolArray

Reduction = Literal["none", "pca", "spectral", "umap"]
REDUCTIONS: tuple[Reduction, ...] = ("none", "pca", "spectral", "umap")
Selection = Literal["eom", "leaf"]

_DIMS = 12  # of the spectral coordinates, in which a component of the graph is searched (docs/clusters.md)
_OTHER_DIMS = {"pca": 20, "umap": 5}
_QUANTILE = 0.01  # of a topic's core may be as far out as what is left unassigned
_SHRINKAGE = 0.5  # of the covariance within topics towards equal variances
_BLOCK = 512  # rows that are scored at a time, always as many: the result of a row depends on no other


def density_cores(
    vectors: FloatArray,
    graph: Any,
    *,
    reduction: Reduction,
    min_cluster_size: int,
    min_samples: int,
    method: Selection,
    seed: int,
) -> tuple[IntArray, Float64Array]:
    """Return which dense core each row belongs to, -1 for none, and how strongly, 0 to 1.

    Raises
    ------
    MissingDependencyError
    """
    options: dict[str, Any] = {"min_cluster_size": min_cluster_size, "min_samples": min_samples, "method": method}
    if reduction != "spectral":
        return _hdbscan(_reduced(vectors, reduction, seed), **options)
    labels, strengths = np.full(len(vectors), -1), np.zeros(len(vectors))
    for rows in components(graph):  # a solver would need ages to tell apart what has no edge between
        if len(rows) < min_cluster_size:
            continue
        whole = len(rows) < len(vectors) and len(rows) < 4 * min_cluster_size
        part = graph[rows][:, rows]
        found, strength = (
            (np.full(len(rows), -1), np.ones(len(rows)))
            if whole
            else _hdbscan(spectral_coordinates(part, _DIMS), **options)
        )
        if found.max() < 0 and len(rows) < len(vectors):  # one component that holds no parts is a core itself
            found, strength = np.zeros(len(rows), np.int64), np.ones(len(rows))
        labels[rows] = np.where(found >= 0, found + labels.max() + 1, -1)
        strengths[rows] = strength
    return labels, np.where(labels >= 0, strengths, 0.0)


def _reduced(vectors: FloatArray, reduction: Reduction, seed: int) -> Float64Array:
    if reduction == "none":
        return vectors.astype(np.float64)
    if reduction == "pca":
        centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
        axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, : _OTHER_DIMS["pca"]]
        return np.asarray(np.round(centred @ axes, 7))
    try:
        from umap import UMAP
    except ImportError as error:
        raise MissingDependencyError("reduction='umap'", "umap-learn", "umap") from error
    neighbors = min(15, len(vectors) - 1)
    reducer = UMAP(
        n_components=_OTHER_DIMS["umap"], n_neighbors=neighbors, min_dist=0.0, metric="cosine", random_state=seed
    )
    return np.asarray(reducer.fit_transform(vectors), np.float64)


def _hdbscan(X: Float64Array, *, min_cluster_size: int, min_samples: int, method: str) -> tuple[IntArray, Float64Array]:
    if len(X) < 2 * min_cluster_size:
        return np.full(len(X), -1), np.zeros(len(X))
    try:
        from hdbscan import HDBSCAN
    except ImportError as error:
        raise MissingDependencyError("clustering", "hdbscan", "cluster") from error
    model = HDBSCAN(
        min_cluster_size=min_cluster_size,
        min_samples=max(1, min(min_samples, len(X) - 1)),
        cluster_selection_method=method,
        core_dist_n_jobs=1,
    ).fit(X)
    return np.asarray(model.labels_, np.int64), np.asarray(model.probabilities_, np.float64)


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
    def fit(cls, vectors: FloatArray, labels: IntArray, core: BoolArray) -> Self:
        """Learn from rows whose labels are 0 to t - 1, or -1; the thresholds from those in a core, `core` (n,)."""
        topics, d = int(labels.max(initial=-1)) + 1, vectors.shape[1]
        sizes = np.bincount(labels[labels >= 0], minlength=topics)
        means, scatter = np.zeros((topics, d)), np.zeros((d, d))
        for start in range(0, len(vectors), 8 * _BLOCK):
            rows, ours = vectors[start : start + 8 * _BLOCK].astype(np.float64), labels[start : start + 8 * _BLOCK]
            rows, ours = rows[ours >= 0], ours[ours >= 0]
            scatter += rows.T @ rows
            np.add.at(means, ours, rows)
        means /= sizes[:, None]
        within = (scatter - (means.T * sizes) @ means) / max(len(vectors), 1)
        ridge = _SHRINKAGE * max(np.trace(within), 1e-6) / max(d, 1)
        weights = np.linalg.solve(within + ridge * np.eye(d), means.T).T if topics else means
        offsets = -np.einsum("ij,ij->i", weights, means) / 2
        rule = cls(weights, offsets, unit_rows(means), np.full(topics, -np.inf))
        best, cosines = rule.scores(vectors)
        for topic in range(topics):
            own = cosines[(best == topic) & core] if (core & (best == topic)).any() else cosines[best == topic]
            if len(own):
                rule.thresholds[topic] = np.quantile(own, _QUANTILE, method="lower")
        return rule

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
        if everything or not len(best):
            return best
        return np.where(cosines >= self.thresholds[best], best, -1) if len(self.offsets) else best
