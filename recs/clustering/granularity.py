"""Clusters of distinct vectors at many resolutions, and how much of each comes back when rows are left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, Similarity, unit_rows
from recs.clustering.assignment import Discriminant, cluster_means, core_thresholds, scatter_matrix, without_itself
from recs.clustering.cores import density_cores
from recs.clustering.graph import grow, merge_clusters, move_rows, neighbor_graph, renumber

_NEIGHBORS = 25
_RESOLUTIONS = tuple(2.0 ** (step / 2) for step in range(-4, 7))  # from 1/4 to 8
_RUNS, _SHARE = 4, 0.7  # how often items are left out to see what comes back, and what share stays in
_FOUND = 0.6  # stability that noise does not reach: it has .2 to .5, and collections of writing have .7 and more
_FEW, _SHUFFLES, FOUND_FEW, _MARGIN = 300, 3, 0.5, 0.1  # fewer rows vary more: what noise reaches is measured
_LAYERS, _STEP = 3, 1.5  # so many on either side of the default, each with so many times fewer or more topics
_USUAL = 0.75  # binary logarithm of the resolution that is preferred where stability hardly differs


class Space:
    """The distinct vectors of the public items, the graph of their neighbours, and its dense cores.

    Attributes
    ----------
    twin_of : int64 array of shape (items,)
        The row of each item; items of one text, or of one vector, share it.
    core, strengths : arrays of shape (rows,)
        As `density_cores` returns them.
    grown : int64 array of shape (rows,)
        Cores with all that an edge leads to.
    """

    def __init__(
        self,
        vectors: FloatArray,
        twin_of: IntArray,
        size: int,
        *,
        similarity: Similarity,
        everything: bool,
        options: Any,
    ) -> None:
        self.vectors, self.twin_of, self.size, self.everything = vectors, twin_of, size, everything
        self.core, self.strengths = np.full(len(vectors), -1), np.zeros(len(vectors))
        self.scatter = scatter_matrix(vectors)
        self.graph: Any = None
        if len(vectors) >= 2 * size:
            neighbors = min(_NEIGHBORS, max(5, len(vectors) // 8))
            self.graph = neighbor_graph(vectors, neighbors, similarity=similarity)
            self.core, self.strengths = density_cores(vectors, self.graph, min_cluster_size=size, **options)
        self.grown = grow(self.graph, self.core) if self.graph is not None else self.core
        self._options = {"similarity": similarity, "everything": everything, "options": options}

    def least_stability(self) -> float:
        """Return what stability has to reach: for few rows, more than the same numbers shuffled within each column."""
        if len(self.vectors) > _FEW:
            return _FOUND
        random = np.random.default_rng(0)
        found = []
        for _ in range(_SHUFFLES):
            shuffled = Space(
                random.permuted(self.vectors, axis=0), np.arange(len(self.vectors)), self.size, **self._options
            )
            found += [cut.stability for cut in sweep_resolutions(shuffled, None)]
        return min(max(FOUND_FEW, max(found, default=0.0) + _MARGIN), 0.9)


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Clusters of the rows at one resolution, 0 to c - 1, and what came back of them in each run.

    `ids` are those of the clusters; `runs` hold rows and their labels.
    """

    resolution: float
    labels: IntArray
    ids: tuple[int, ...]
    runs: tuple[tuple[IntArray, IntArray], ...] = ()
    stability: float = 0.0
    coverage: float = 0.0

    @property
    def score(self) -> float:
        """Return stability, less where items are left over, far from the usual resolution, and below five topics."""
        far = math.log2(self.resolution) - _USUAL
        few = math.log2(5 / len(self.ids)) if 0 < len(self.ids) < 5 else 0.0
        return self.stability * (1 + self.coverage) / 2 - 0.015 * far**2 - 0.1 * few


def sweep_resolutions(space: Space, n_topics: int | None) -> list[Cut]:
    """Cut the tree of merges at one resolution after another; see how much comes back without some of the rows."""
    if space.graph is None or space.core.max(initial=-1) < 0:
        return []
    rows = np.flatnonzero(space.grown >= 0)
    tree = _Tree(space, rows)
    by_count: dict[int, float] = {}
    for resolution in _RESOLUTIONS:
        count = tree.merges.count(resolution)
        known = by_count.get(count)
        if count > 1 and (known is None or abs(math.log2(resolution) - _USUAL) < abs(math.log2(known) - _USUAL)):
            by_count[count] = resolution
    if n_topics is not None:
        by_count[n_topics] = tree.merges.resolution(n_topics)
    resolutions = sorted(set(by_count.values()))
    found = [by_size(tree.labels(resolution)) for resolution in resolutions]
    random = np.random.default_rng(0)
    runs: list[list[tuple[IntArray, IntArray]]] = [[] for _ in resolutions]
    for _ in range(_RUNS):
        part = _Tree(space, np.sort(random.permutation(rows)[: math.ceil(_SHARE * len(rows))]))
        for place, resolution in enumerate(resolutions):
            runs[place].append((part.rows, part.labels(resolution)))
    return [
        _judged(space, Cut(resolution, labels, tuple(range(labels.max() + 1)), tuple(some)))
        for resolution, labels, some in zip(resolutions, found, runs, strict=True)
        if labels.max(initial=-1) > 0
    ]


class _Tree:
    """The tree of merges of some rows, all of which belong to a grown core."""

    def __init__(self, space: Space, rows: IntArray) -> None:
        self.rows, self._n, self._size = rows, len(space.vectors), space.size
        self._graph = space.graph[rows][:, rows]
        self._cores = np.unique(space.grown[rows], return_inverse=True)[1]
        middles = unit_rows(cluster_means(space.vectors[rows], self._cores))
        self.merges = merge_clusters(self._graph, self._cores, 1.001 + middles @ middles.T)

    def labels(self, resolution: float) -> IntArray:
        """Return the cluster of each row of the space at a resolution; -1 outside the tree, and where it is small."""
        into = self.merges.cut(self.merges.count(resolution))
        labels = np.full(self._n, -1)
        labels[self.rows] = move_rows(self._graph, into[self._cores], resolution)
        return _without_small(labels, self._size)


def _without_small(labels: IntArray, size: int) -> IntArray:
    counts = np.bincount(labels[labels >= 0])
    return renumber(labels, np.where(counts >= size, np.cumsum(counts >= size) - 1, -1).tolist())


def by_size(labels: IntArray) -> IntArray:
    """Renumber clusters: 0 for the largest, ties to the one with the earlier first row."""
    counts = np.bincount(labels[labels >= 0])
    firsts = [int(np.argmax(labels == cluster)) for cluster in range(len(counts))]
    return renumber(labels, np.argsort(np.lexsort((np.array(firsts), -counts))).tolist())


def _judged(space: Space, cut: Cut) -> Cut:
    from sklearn.metrics import adjusted_mutual_info_score

    alike = [adjusted_mutual_info_score(cut.labels[rows], labels[rows]) for rows, labels in cut.runs]
    centroids = np.vstack([unit_rows(cluster_means(space.vectors, cut.labels)), np.zeros(space.vectors.shape[1])])
    cosines = np.einsum("ij,ij->i", space.vectors, centroids[cut.labels].astype(np.float32)).astype(np.float64)
    fair = without_itself(space.vectors, cut.labels, cut.labels, cosines)
    thresholds = core_thresholds(cut.labels, fair, space.core >= 0, len(cut.ids))
    close = cosines >= np.append(thresholds, np.inf)[cut.labels]
    coverage = float(close[space.twin_of].mean())  # nearly what the rule of the layer will have
    return replace(cut, stability=round(float(np.mean(alike)), 6), coverage=round(coverage, 6))


def layer_cuts(cuts: Sequence[Cut], chosen: Cut) -> list[Cut]:
    """Return the cuts for layers beside the chosen one: what comes back best of each step coarser and finer."""
    offered: list[Cut] = []
    if chosen not in cuts:
        return offered
    for finer in (False, True):
        last = len(chosen.ids)
        for _ in range(_LAYERS):
            factors = [(len(cut.ids) / last if finer else last / len(cut.ids), cut) for cut in cuts]
            step = [cut for factor, cut in factors if _STEP <= factor < _STEP**2]
            step = step or [cut for factor, cut in factors if factor >= _STEP][:: -1 if not finer else 1][:1]
            step = [cut for cut in step if cut.stability >= FOUND_FEW]
            if not step:
                break
            offered.append(max(step, key=lambda cut: cut.stability))
            last = len(offered[-1].ids)
    return offered


def packed(cut: Cut) -> Cut:
    """Return the cut without clusters that have no row; the others keep their ids."""
    filled = np.unique(cut.labels[cut.labels >= 0])
    return replace(cut, labels=_without_small(cut.labels, 1), ids=tuple(cut.ids[cluster] for cluster in filled))


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A cut, and what its rule gives to each row: places of `ids`."""

    cut: Cut
    ids: tuple[int, ...]
    rule: Discriminant
    assigned: IntArray
    cosines: Float64Array

    @classmethod
    def fit(cls, space: Space, cut: Cut) -> Fitted:
        """Fit the rule; a cluster to which it gives nothing is left out."""
        while True:
            rule = Discriminant.fit(space.vectors, cut.labels, space.scatter)
            best, cosines = rule.scores(space.vectors)
            fair = without_itself(space.vectors, cut.labels, best, cosines)
            found = cls.of(space, cut, rule.with_thresholds(best, fair, space.core >= 0), best, cosines)
            filled = found.filled
            if filled.all():
                return found
            empty = np.append(~filled, False)
            cut = packed(replace(cut, labels=np.where(empty[cut.labels], -1, cut.labels)))

    @classmethod
    def of(cls, space: Space, cut: Cut, rule: Discriminant, best: IntArray, cosines: Float64Array) -> Fitted:
        """Return what a rule with these scores gives to the rows."""
        return cls(cut, cut.ids, rule, best if space.everything else rule.close(best, cosines), cosines)

    @property
    def filled(self) -> BoolArray:
        """Return whether each topic has a row."""
        return np.bincount(self.assigned[self.assigned >= 0], minlength=len(self.ids)) > 0


def returned(given: Fitted) -> Float64Array:
    """Return for each topic the mean of how much of it came back: the best Jaccard index in each run."""
    if not given.cut.runs:
        return np.full(len(given.ids), given.cut.stability)
    total = np.zeros(len(given.ids))
    for rows, labels in given.cut.runs:
        ours, theirs = given.cut.labels[rows] + 1, labels[rows] + 1
        both = np.zeros((len(given.ids) + 1, theirs.max() + 1))
        np.add.at(both, (ours, theirs), 1)
        union = both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both
        total += (both / np.maximum(union, 1))[1:, 1:].max(axis=1, initial=0.0)
    return np.asarray(total / len(given.cut.runs))
