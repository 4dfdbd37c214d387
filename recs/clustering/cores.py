"""The dense cores of a collection of vectors, found by HDBSCAN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from recs.arrays import Float64Array, FloatArray, IntArray
from recs.clustering.copies import DistinctTexts
from recs.clustering.graph import components, spectral_coordinates
from recs.errors import MissingDependencyError

Reduction = Literal["spectral", "umap"]
Selection = Literal["eom", "leaf"]
_SPECTRAL_DIMS = 12  # for each component of the graph (docs/clusters.md)
_UMAP_DIMS = 5
_UMAP_NEIGHBORS = 15
_MIN_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class CoreOptions:
    """How dense cores are searched for; `recs.cluster_items` explains each option."""

    min_cluster_size: int
    reduction: Reduction = "spectral"
    min_samples: int = 5
    method: Selection = "eom"
    seed: int = 0


def core_options(
    texts: DistinctTexts,
    min_cluster_size: int | Literal["auto"],
    min_samples: int | Literal["auto"],
    reduction: Reduction,
    method: Selection,
    *,
    seed: int,
) -> CoreOptions:
    """Return how dense cores of some texts are searched for."""
    size = max(3, min(5, len(texts.vectors) // 16)) if min_cluster_size == "auto" else min_cluster_size
    samples = min(_MIN_SAMPLES, size) if min_samples == "auto" else min_samples
    return CoreOptions(size, reduction, samples, method, seed)


@dataclass(frozen=True, slots=True, eq=False)
class Cores:
    """The dense core of each of n rows.

    Attributes
    ----------
    labels : int64 array of shape (n,)
        The number of the core, -1 for rows outside of every core.
    strengths : float64 array of shape (n,)
        How deep in its core a row is, 0 to 1.
    """

    labels: IntArray
    strengths: Float64Array

    @classmethod
    def none(cls, n: int) -> Cores:
        """Return n rows that are all outside."""
        return cls(np.full(n, -1), np.zeros(n))


def density_cores(vectors: FloatArray, graph: Any, options: CoreOptions) -> Cores:
    """Return the dense core of each row; `graph` is the neighbour graph of the rows.

    Raises
    ------
    MissingDependencyError
    """
    if options.reduction == "umap":
        return _hdbscan(_umap_coordinates(vectors, options.seed), options)
    if len(vectors) <= options.min_samples:  # no row has so many neighbours
        return Cores.none(len(vectors))
    labels = np.full(len(vectors), -1)
    strengths = np.zeros(len(vectors))
    for rows in components(graph):  # an eigenvalue solver is very slow on a graph of several components
        if len(rows) < options.min_cluster_size:
            continue
        cores = _cores_of_component(graph[rows][:, rows], options, is_all=len(rows) == len(vectors))
        labels[rows] = np.where(cores.labels >= 0, cores.labels + labels.max() + 1, -1)
        strengths[rows] = cores.strengths
    return Cores(labels, np.where(labels >= 0, strengths, 0.0))


def _cores_of_component(graph: Any, options: CoreOptions, *, is_all: bool) -> Cores:
    """Return the cores in one component of the graph; a component without smaller parts is one core itself."""
    n = graph.shape[0]
    one_core = Cores(np.zeros(n, np.int64), np.ones(n))
    if is_all:
        return _split_cores(spectral_coordinates(graph, _SPECTRAL_DIMS), options)
    if n < 4 * options.min_cluster_size:  # too few rows for two cores
        return one_core
    cores = _split_cores(spectral_coordinates(graph, _SPECTRAL_DIMS), options)
    return cores if cores.labels.max() >= 0 else one_core


def _split_cores(X: Float64Array, options: CoreOptions) -> Cores:
    """Return the cores of HDBSCAN; the parts of a core of more than half of the rows are cores in its place.

    A small group far from all others, such as the posts in another language, makes HDBSCAN choose the whole rest as
    one core: the distance to the group outweighs every difference within the rest.
    """
    cores = _hdbscan(X, options)
    sizes = np.bincount(cores.labels[cores.labels >= 0], minlength=1)
    rows = np.flatnonzero(cores.labels == sizes.argmax())
    if not len(X) / 2 < len(rows) < len(X):
        return cores
    parts = _split_cores(X[rows], options)
    if parts.labels.max() < 1:
        return cores
    labels, strengths = cores.labels.copy(), cores.strengths.copy()
    labels[rows] = np.where(parts.labels >= 0, parts.labels + labels.max() + 1, -1)
    strengths[rows] = parts.strengths
    return Cores(np.unique(labels, return_inverse=True)[1] - int((labels < 0).any()), strengths)


def _umap_coordinates(vectors: FloatArray, seed: int) -> Float64Array:
    try:
        from umap import UMAP
    except ImportError as error:
        raise MissingDependencyError("reduction='umap'", "umap-learn", "umap") from error
    neighbors = min(_UMAP_NEIGHBORS, len(vectors) - 1)
    reducer = UMAP(n_components=_UMAP_DIMS, n_neighbors=neighbors, min_dist=0.0, metric="cosine", random_state=seed)
    return np.asarray(reducer.fit_transform(vectors), np.float64)


def _hdbscan(X: Float64Array, options: CoreOptions) -> Cores:
    if len(X) < 2 * options.min_cluster_size or len(X) <= options.min_samples:
        return Cores.none(len(X))
    try:
        from hdbscan import HDBSCAN
    except ImportError as error:
        raise MissingDependencyError("clustering", "hdbscan", "cluster") from error
    model = HDBSCAN(
        min_cluster_size=options.min_cluster_size,
        min_samples=options.min_samples,
        cluster_selection_method=options.method,
        core_dist_n_jobs=1,
    ).fit(X)
    return Cores(np.asarray(model.labels_, np.int64), np.asarray(model.probabilities_, np.float64))
