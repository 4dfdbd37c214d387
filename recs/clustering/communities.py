"""Clusters of a neighbour graph: grown over the edges, merged into a tree, improved by moves of single rows, halved.

Merges and moves raise modularity with a resolution (Reichardt and Bornholdt, doi:10.1103/PhysRevE.74.016110): the
weight of the edges inside clusters, minus `resolution` times the weight that chance would put there. This module knows
rows, not items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray
from recs.clustering.graph import principal_coordinates

_TURNS = 60  # of moves at most: each row has its turn in every second one
_FEW_MOVES = 1e-3  # share of the rows: if fewer move in two turns, the moves stop
_LEAST_GAIN = 1e-9  # a smaller gain is rounding
_TIE = 1e-12  # values this near to each other are equal
_AFFINITY = 1e-9  # far below any resolution
_LEAST_VOLUME = 1e-9  # of a cluster without edges
_HALVINGS = 20  # steps of k-means at most


def grow(graph: Any, labels: IntArray) -> IntArray:
    """Give each row of label -1 the label that most of its neighbours' weight has, from the labelled rows outwards.

    A row stays -1 if no path leads to it from a labelled row.

    Examples
    --------
    >>> from scipy import sparse
    >>> path = sparse.csr_array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    >>> grow(path, np.array([7, -1, -1, -1])).tolist()
    [7, 7, 7, -1]
    """
    labels = labels.copy()
    while True:
        rows = np.flatnonzero(labels < 0)
        weights = _weights_to_clusters(graph[rows], labels)
        reached = _best_entries(weights, weights.data)
        if not len(reached.rows):
            return labels
        labels[rows[reached.rows]] = reached.columns


@dataclass(frozen=True, slots=True, eq=False)
class Merges:
    """A tree of clusters, from all of them down to one.

    Attributes
    ----------
    pairs : int64 array of shape (m, 2)
        The two clusters of each merge, in order; the second takes the number of the first.
    resolutions : float64 array of shape (m,)
        At this resolution and below, the two are one cluster. Falling.
    clusters
        How many there are before the first merge.
    """

    pairs: IntArray
    resolutions: Float64Array
    clusters: int

    def cut(self, count: int) -> IntArray:
        """Return which of `count` merged clusters each cluster belongs to: 0 to `count` - 1."""
        merged_into = np.arange(self.clusters)
        for kept, gone in self.pairs[: max(self.clusters - count, 0)].tolist():
            merged_into[merged_into == gone] = kept
        return np.unique(merged_into, return_inverse=True)[1]

    def count(self, resolution: float) -> int:
        """Return how many clusters there are at a resolution."""
        return self.clusters - int((self.resolutions >= resolution).sum())

    def resolution(self, count: int) -> float:
        """Return a resolution with `count` clusters, or with the nearest count that there is."""
        merges = min(max(self.clusters - count, 0), len(self.resolutions))
        around = self.resolutions[max(merges - 1, 0) : merges + 1]
        if not len(around):
            return 1.0
        middle = float(np.exp(np.log(around).mean()))
        if merges == 0:  # above the first merge
            return middle * 2
        if merges == len(self.resolutions):  # below the last merge
            return middle * 0.5
        return middle


def merge_clusters(graph: Any, labels: IntArray, affinity: Float64Array) -> Merges:
    """Merge the two clusters whose weight most exceeds chance, again and again, until one is left.

    Parameters
    ----------
    affinity : float64 array of shape (c, c)
        Above 0. It decides between clusters that no edge connects.

    Notes
    -----
    Average linkage on a graph (Bonald et al., Hierarchical graph clustering using node pair sampling,
    arXiv:1806.01664): the merges come in the order of falling resolution. Time O(c^2) and memory O(c^2) for c clusters.
    """
    clusters = int(labels.max(initial=-1)) + 1
    merger = _Merger(_weights_between(graph, labels, clusters), affinity)
    pairs: list[tuple[int, int]] = []
    resolutions: list[float] = []
    while clusters and merger.best_values.max() > 0:
        first = int(merger.best_values.argmax())
        resolutions.append(float(merger.best_values[first]))
        kept, gone = sorted((first, int(merger.best_partners[first])))
        pairs.append((kept, gone))
        merger.merge(kept, gone)
    return Merges(np.array(pairs, np.int64).reshape(-1, 2), np.minimum.accumulate(np.array(resolutions)), clusters)


class _Merger:
    """The weights between clusters, and the best partner of each; changed in place by each merge.

    `excess` is the weight between two clusters, divided by the weight that chance would put there.
    """

    def __init__(self, weights: Float64Array, affinity: Float64Array) -> None:
        self.weights = weights
        self.volumes = np.maximum(weights.sum(axis=1), _LEAST_VOLUME)
        self.total = self.volumes.sum()
        by_chance = np.outer(self.volumes, self.volumes)
        self.weights += _AFFINITY * affinity * by_chance / self.total
        np.fill_diagonal(self.weights, 0)
        self.excess = self.weights * (self.total / by_chance)
        self.best_partners = self.excess.argmax(axis=1) if len(weights) else np.zeros(0, np.int64)
        self.best_values = self.excess.max(axis=1, initial=0.0)

    def merge(self, kept: int, gone: int) -> None:
        """Add the weights of one cluster to another; the cluster that is gone has none from then on."""
        self._add_weights(kept, gone)
        excess_of_kept = self.weights[kept] * (self.total / self.volumes[kept]) / self.volumes
        self.excess[gone] = 0
        self.excess[:, gone] = 0
        self.excess[kept] = excess_of_kept
        self.excess[:, kept] = excess_of_kept
        had_one_of_them = np.flatnonzero((self.best_partners == kept) | (self.best_partners == gone))
        stale = np.append(had_one_of_them, [kept, gone])
        self.best_partners[stale] = self.excess[stale].argmax(axis=1)
        self.best_values[stale] = self.excess[stale].max(axis=1)
        better = excess_of_kept > self.best_values
        self.best_partners[better] = kept
        self.best_values[better] = excess_of_kept[better]

    def _add_weights(self, kept: int, gone: int) -> None:
        self.weights[kept] += self.weights[gone]
        self.weights[:, kept] += self.weights[:, gone]
        self.weights[kept, kept] = 0
        self.weights[gone] = 0
        self.weights[:, gone] = 0
        self.volumes[kept] += self.volumes[gone]


def move_rows(graph: Any, labels: IntArray, resolution: float) -> IntArray:
    """Move single rows to the neighbouring cluster that raises modularity most, until few rows move.

    Notes
    -----
    Even and odd rows take turns; all rows of a turn move at once. After the first turns only rows whose neighbours
    moved are examined. The result depends only on the graph and the order of its rows. A cluster that loses all its
    rows disappears.
    """
    labels = labels.copy()
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    active = np.ones(len(labels), np.bool_)
    moves_before = 0
    for turn in range(_TURNS):
        rows = np.flatnonzero(active[turn % 2 :: 2]) * 2 + turn % 2
        active[rows] = False
        moves = _best_moves(graph, labels, degrees, rows, resolution)
        moved = rows[moves.rows]
        labels[moved] = moves.columns
        active[graph[moved].indices] = True
        if turn and moves_before + len(moved) <= len(labels) * _FEW_MOVES:
            break
        moves_before = len(moved)
    return np.unique(labels, return_inverse=True)[1]


def _best_moves(graph: Any, labels: IntArray, degrees: Float64Array, rows: IntArray, resolution: float) -> _Entries:
    """Return which of `rows` gain by a move, and the cluster that each should move to."""
    weights = _weights_to_clusters(graph[rows], labels)
    total = degrees.sum()
    volumes = np.bincount(labels, degrees)
    home = labels[rows]
    loads = degrees[rows]
    row_of_entry = np.repeat(np.arange(len(rows)), np.diff(weights.indptr))
    load_of_entry = loads[row_of_entry]
    is_home = weights.indices == home[row_of_entry]
    gains = weights.data - resolution * load_of_entry * (volumes[weights.indices] - is_home * load_of_entry) / total
    gains_at_home = -resolution * loads * (volumes[home] - loads) / total
    gains_at_home[row_of_entry[is_home]] = gains[is_home]
    best = _best_entries(weights, gains)
    return best.only(best.values > gains_at_home[best.rows] + _LEAST_GAIN)


@dataclass(frozen=True, slots=True, eq=False)
class _Entries:
    """Entries of a sparse array: their rows, columns and values, each an array of shape (entries,)."""

    rows: IntArray
    columns: IntArray
    values: Float64Array

    def only(self, keep: BoolArray) -> _Entries:
        return _Entries(self.rows[keep], self.columns[keep], self.values[keep])


def _weights_to_clusters(part: Any, labels: IntArray) -> Any:
    """Return the weight of each row of `part` to each cluster, a csr_array with sorted columns; rows of -1 add none."""
    from scipy import sparse

    labelled = np.flatnonzero(labels >= 0)
    shape = (len(labels), int(labels.max(initial=-1)) + 1)
    members = sparse.csr_array((np.ones(len(labelled)), (labelled, labels[labelled])), shape=shape)
    weights = part @ members
    weights.sort_indices()
    return weights


def _weights_between(graph: Any, labels: IntArray, clusters: int) -> Float64Array:
    """Return the sum of the weights from each cluster to each, shape (clusters, clusters)."""
    edges = graph.tocoo()
    keep = (labels[edges.row] >= 0) & (labels[edges.col] >= 0)
    flat = labels[edges.row[keep]] * clusters + labels[edges.col[keep]]
    sums = np.bincount(flat, edges.data[keep], minlength=clusters * clusters)
    return np.asarray(sums.reshape(clusters, clusters), np.float64)


def _best_entries(weights: Any, values: Float64Array) -> _Entries:
    """Return the entry with the highest value of each row that has entries; ties go to the lower column."""
    lengths = np.diff(weights.indptr)
    filled = np.flatnonzero(lengths)
    if not len(filled):
        return _Entries(filled, filled, np.zeros(0))
    starts = weights.indptr[:-1][filled]
    best = np.maximum.reduceat(values, starts)
    is_best = values >= np.repeat(best, lengths[filled]) - _TIE
    columns = np.where(is_best, weights.indices.astype(np.int64), np.iinfo(np.int64).max)
    return _Entries(filled, np.minimum.reduceat(columns, starts), best)


def halve_clusters(vectors: FloatArray, labels: IntArray, count: int, *, size: int) -> IntArray:
    """Split the cluster with the largest sum of squared distances in two, until there are `count` clusters.

    There are fewer if no cluster can be split into two of at least `size` rows each.

    Notes
    -----
    Bisecting k-means. The first halves are the two sides of the mean on the axis of largest variance (Boley,
    doi:10.1023/A:1009740529316), so nothing is random.

    Examples
    --------
    >>> X = np.array([[0], [1], [8], [9]], np.float32)
    >>> halve_clusters(X, np.array([0, 0, 0, 0]), 2, size=2).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    True
    """
    labels = labels.copy()
    clusters = int(labels.max(initial=-1)) + 1
    spreads = [_spread(vectors[labels == cluster]) for cluster in range(clusters)]
    while len(spreads) < count and max(spreads, default=0.0) > 0:
        widest = int(np.argmax(spreads))
        rows = np.flatnonzero(labels == widest)
        second = rows[_second_half(vectors[rows])] if len(rows) >= 2 * size else rows[:0]
        if not size <= len(second) <= len(rows) - size:
            spreads[widest] = 0.0  # it stays whole
            continue
        labels[second] = len(spreads)
        spreads[widest] = _spread(vectors[labels == widest])
        spreads.append(_spread(vectors[second]))
    return labels


def _spread(vectors: FloatArray) -> float:
    """Return the sum of squared distances from the mean."""
    return float(vectors.var(axis=0, dtype=np.float64).sum() * len(vectors)) if len(vectors) else 0.0


def _second_half(vectors: FloatArray) -> BoolArray:
    """Return which rows are in the second of two clusters of k-means."""
    is_second = principal_coordinates(vectors, 1)[:, 0] > 0
    for _ in range(_HALVINGS):
        if is_second.all() or not is_second.any():
            break
        one, other = (vectors[rows].mean(axis=0, dtype=np.float64) for rows in (~is_second, is_second))
        nearer = (vectors - (one + other) / 2) @ (other - one) > 0
        if (nearer == is_second).all():
            break
        is_second = nearer
    return np.asarray(is_second)
