"""The dense cores of a collection of vectors, found by HDBSCAN."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from recs.arrays import Float64Array, FloatArray, IntArray
from recs.clustering.copies import DistinctTexts
from recs.clustering.graph import components, spectral_coordinates
from recs.errors import MissingDependencyError

Selection = Literal["eom", "leaf"]
# Neighbours of a row: the cube root of the number of rows, between two limits (docs/clusters.md).
_NEIGHBORS = (12, 25)
_FEW_NEIGHBORS = 5  # in a small collection: an eighth of the rows, but at least this many
_CORE_SHARE = 0.4  # of the neighbours: the size of the smallest core, between two limits
_CORE_SIZES = (3, 5)
_MIN_SAMPLES = 2
_SPECTRAL_DIMS = 12  # for each component of the graph (docs/clusters.md)


@dataclass(frozen=True, slots=True)
class CoreOptions:
    """How dense cores are searched for; `recs.cluster_items` explains each option."""

    min_cluster_size: int
    min_samples: int = 2
    method: Selection = "eom"


def core_options(
    texts: DistinctTexts,
    min_cluster_size: int | Literal["auto"],
    min_samples: int | Literal["auto"],
    method: Selection,
) -> CoreOptions:
    """Return how dense cores of some texts are searched for."""
    if min_cluster_size == "auto":
        least, most = _CORE_SIZES
        size = min(max(int(usual_neighbors(len(texts.vectors)) * _CORE_SHARE), least), most)
    else:
        size = min_cluster_size
    samples = _MIN_SAMPLES if min_samples == "auto" else min_samples
    return CoreOptions(size, samples, method)


def usual_neighbors(rows: int) -> int:
    """Return how many neighbours of each row the graph has."""
    least, most = _NEIGHBORS
    return min(max(least, round(math.cbrt(rows))), most, max(_FEW_NEIGHBORS, rows // 8))


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
