"""Communities of a neighbour graph: spectral coordinates, merges of clusters into a tree, moves of single rows.

The quality that merges and moves raise is modularity with a resolution (Reichardt and Bornholdt,
doi:10.1103/PhysRevE.74.016110): the weight inside clusters, less `resolution` times what chance would put there. This
module knows rows, not items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recs.arrays import Float64Array, FloatArray, IntArray, Similarity
from recs.embedding.neighbors import top_k

_DECIMALS = 7  # of spectral coordinates: what is left of them is the same on every machine
_SWEEPS = 30
_AFFINITY = 1e-9  # far below any resolution


def neighbor_graph(vectors: FloatArray, k: int, *, similarity: Similarity = "cosine") -> Any:
    """Return the symmetric graph of the k nearest neighbours, a csr_array of shape (n, n) with weights in (0, 1].

    Notes
    -----
    An edge that both rows have among their nearest weighs twice as much as one that a single row has.
    """
    from scipy import sparse

    n = len(vectors)
    found = top_k(vectors, min(k, n - 1), similarity=similarity)
    scores = found.scores
    if similarity != "cosine":  # brought to (0, 1]: 1 for the best of all pairs
        best, worst = scores.max(initial=0.0), scores.min(initial=0.0)
        scores = (scores - worst) / ((best - worst) or 1.0)
    weights = np.maximum(scores, 1e-3).ravel() / 2
    rows = np.repeat(np.arange(n), found.indices.shape[1])
    half = sparse.csr_array((weights, (rows, found.indices.ravel())), shape=(n, n))
    return (half + half.T).tocsr()


def components(graph: Any) -> list[IntArray]:
    """Return the rows of each part of the graph that no edge leads out of, the largest part first."""
    from scipy.sparse.csgraph import connected_components

    part = connected_components(graph, directed=False)[1]
    order = np.argsort(part, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(part))[:-1])
    return sorted((rows for rows in parts if len(rows)), key=len, reverse=True)


def spectral_coordinates(graph: Any, dims: int) -> Float64Array:
    """Return eigenvectors of the normalised graph, rows of unit length, shape (n, min(dims, n - 2)).

    The graph must be connected. Signs and the start of the solver are fixed, so that equal graphs have equal results.
    """
    from scipy import sparse
    from scipy.sparse.linalg import eigsh

    n = graph.shape[0]
    roots = np.sqrt(np.asarray(graph.sum(axis=1)).ravel())
    scale = sparse.diags_array(1 / roots)
    matrix = (scale @ graph @ scale).tocsr()
    dims = min(dims, n - 2)
    if n <= 4 * dims + 8:
        values, vectors = np.linalg.eigh(matrix.toarray())
    else:
        start = np.random.default_rng(0).random(n)
        values, vectors = eigsh(matrix, k=dims, which="LA", v0=start, tol=1e-7)
    vectors = vectors[:, np.argsort(-values, kind="stable")[:dims]]
    vectors *= np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(dims)])
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return np.round(vectors / np.where(lengths > 0, lengths, 1), _DECIMALS)


def principal_coordinates(vectors: FloatArray, dims: int) -> Float64Array:
    """Return where rows stand along the `dims` axes on which they vary most, shape (n, dims); signs are fixed."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, : -dims - 1 : -1]
    return np.asarray(centred @ (axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])))


def grow(graph: Any, labels: IntArray) -> IntArray:
    """Give each row of label -1 the label that most of its neighbours' weight has, from the labelled rows outwards.

    Rows that no path leads to from a labelled one stay -1.
    """
    labels = labels.copy()
    while True:
        rows = np.flatnonzero(labels < 0)
        weights = _to_clusters(graph[rows], labels)
        places, best, _ = _best(weights, weights.data)
        if not len(places):
            return labels
        labels[rows[places]] = best


@dataclass(frozen=True, slots=True, eq=False)
class Merges:
    """A tree of clusters: which two merge, in order, and from which resolution downwards they are one."""

    pairs: IntArray
    resolutions: Float64Array
    clusters: int

    def cut(self, count: int) -> IntArray:
        """Return which of `count` clusters each belongs to; 0 to `count` - 1."""
        into = np.arange(self.clusters)
        for low, high in self.pairs[: max(self.clusters - count, 0)].tolist():
            into[into == high] = low
        return np.unique(into, return_inverse=True)[1]

    def count(self, resolution: float) -> int:
        """Return how many clusters there are at a resolution."""
        return self.clusters - int((self.resolutions >= resolution).sum())

    def resolution(self, count: int) -> float:
        """Return a resolution at which there are `count` clusters, or as near as there can be."""
        merged = min(max(self.clusters - count, 0), len(self.resolutions))
        around = self.resolutions[max(merged - 1, 0) : merged + 1]
        beyond = 2.0 if merged == 0 else 0.5 if merged == len(self.resolutions) else 1.0
        return float(np.exp(np.log(around).mean()) * beyond) if len(around) else 1.0


def merge_clusters(graph: Any, labels: IntArray, affinity: Float64Array) -> Merges:
    """Merge the pair of clusters that most exceeds chance until one is left.

    Parameters
    ----------
    affinity : float64 array of shape (c, c)
        Above 0: what decides where no edge leads from one cluster to another.

    Notes
    -----
    Average linkage on a graph (Bonald et al., Hierarchical graph clustering using node pair sampling,
    arXiv:1806.01664): the order is that of falling resolution. Time O(c^2) and memory O(c^2) for c clusters.
    """
    clusters = int(labels.max(initial=-1)) + 1
    weights = _between(graph, labels, clusters)
    volumes = weights.sum(axis=1)
    total = volumes.sum()
    weights += _AFFINITY * affinity * np.outer(volumes, volumes) / total
    np.fill_diagonal(weights, 0)
    excess = weights * (total / np.outer(volumes, volumes))
    pairs, resolutions = [], []
    best = excess.argmax(axis=1) if clusters else np.zeros(0, np.int64)
    values = excess.max(axis=1, initial=0.0)
    while clusters and values.max() > 0:
        a = int(values.argmax())
        low, high = sorted((a, int(best[a])))
        pairs.append((low, high))
        resolutions.append(float(values[a]))
        weights[low] += weights[high]
        weights[:, low] += weights[:, high]
        weights[low, low] = 0
        weights[high] = weights[:, high] = 0
        volumes[low] += volumes[high]
        row = weights[low] * (total / volumes[low]) / volumes
        excess[high] = excess[:, high] = 0
        excess[low] = excess[:, low] = row
        stale = np.flatnonzero((best == low) | (best == high))
        stale = np.append(stale, [low, high])
        best[stale], values[stale] = excess[stale].argmax(axis=1), excess[stale].max(axis=1)
        better = row > values
        best[better], values[better] = low, row[better]
    return Merges(np.array(pairs, np.int64).reshape(-1, 2), np.minimum.accumulate(np.array(resolutions)), clusters)


def move_rows(graph: Any, labels: IntArray, resolution: float) -> IntArray:
    """Move single rows to the neighbouring cluster that raises modularity most, until few move.

    Notes
    -----
    Even and odd rows take turns, all of a turn at once; after the first turns only rows whose neighbours moved are
    looked at. The result depends on nothing but the graph and its order. A cluster that loses all rows disappears.
    """
    labels = labels.copy()
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    total = degrees.sum()
    active = np.ones(len(labels), np.bool_)
    recent: list[int] = []
    for turn in range(2 * _SWEEPS):
        rows = np.flatnonzero(active[turn % 2 :: 2]) * 2 + turn % 2
        active[rows] = False
        weights = _to_clusters(graph[rows], labels)
        volumes = np.bincount(labels, degrees)
        place = np.repeat(np.arange(len(rows)), np.diff(weights.indptr))
        home, loads = labels[rows], degrees[rows]
        own = weights.indices == home[place]
        gains = weights.data - resolution * loads[place] * (volumes[weights.indices] - own * loads[place]) / total
        stay = -resolution * loads * (volumes[home] - loads) / total
        stay[place[own]] = gains[own]
        places, best, values = _best(weights, gains)
        better = values > stay[places] + 1e-9
        moved = rows[places[better]]
        labels[moved] = best[better]
        active[graph[moved].indices] = True
        recent = [*recent[-1:], len(moved)]
        if turn and sum(recent) <= len(labels) * 1e-3:
            break
    return np.unique(labels, return_inverse=True)[1]


def renumber(labels: IntArray, ids: Sequence[int]) -> IntArray:
    """Return labels with each number from 0 replaced by the id in that place; -1 stays."""
    return np.array([*ids, -1], np.int64)[labels]


def _to_clusters(part: Any, labels: IntArray) -> Any:
    """Return the weight of each row of `part` to each cluster, a csr_array with sorted columns; none of -1."""
    from scipy import sparse

    known = np.flatnonzero(labels >= 0)
    shape = (len(labels), int(labels.max(initial=-1)) + 1)
    members = sparse.csr_array((np.ones(len(known)), (known, labels[known])), shape=shape)
    weights = part @ members
    weights.sort_indices()
    return weights


def _between(graph: Any, labels: IntArray, clusters: int) -> Float64Array:
    edges = graph.tocoo()
    keep = (labels[edges.row] >= 0) & (labels[edges.col] >= 0)
    flat = labels[edges.row[keep]] * clusters + labels[edges.col[keep]]
    sums = np.bincount(flat, edges.data[keep], minlength=clusters * clusters)
    return np.asarray(sums.reshape(clusters, clusters), np.float64)


def _best(weights: Any, values: Float64Array) -> tuple[IntArray, IntArray, Float64Array]:
    """Return the rows that have entries, the column and the value of the best of each; ties go to the lower one."""
    filled = np.flatnonzero(np.diff(weights.indptr))
    if not len(filled):
        return filled, filled, np.zeros(0)
    starts = weights.indptr[:-1][filled]
    best = np.maximum.reduceat(values, starts)
    spread = np.repeat(best, np.diff(weights.indptr)[filled])
    columns = np.where(values >= spread - 1e-12, weights.indices.astype(np.int64), np.iinfo(np.int64).max)
    return filled, np.minimum.reduceat(columns, starts), best
