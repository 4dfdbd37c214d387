"""The dense cores of a cloud of vectors, found by HDBSCAN."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from recs.arrays import Float64Array, FloatArray, IntArray
from recs.clustering.graph import components, principal_coordinates, spectral_coordinates
from recs.errors import MissingDependencyError

Reduction = Literal["none", "pca", "spectral", "umap"]
Selection = Literal["eom", "leaf"]
_DIMS = 12  # of the spectral coordinates, in which a component of the graph is searched (docs/clusters.md)
_OTHER_DIMS = {"pca": 20, "umap": 5}


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
        return np.round(principal_coordinates(vectors, _OTHER_DIMS["pca"]), 7)
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
        min_samples=max(1, min(min_samples, min_cluster_size)),
        cluster_selection_method=method,
        core_dist_n_jobs=1,
    ).fit(X)
    return np.asarray(model.labels_, np.int64), np.asarray(model.probabilities_, np.float64)
