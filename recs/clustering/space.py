"""What all granularities of a clustering share: distinct vectors, the graph of their neighbours, its dense cores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, Similarity, unit_rows
from recs.clustering.assignment import cluster_means, scatter_matrix
from recs.clustering.communities import Merges, grow, halve_clusters, merge_clusters, move_rows
from recs.clustering.copies import DistinctTexts
from recs.clustering.cores import CoreOptions, Cores, density_cores, usual_neighbors
from recs.clustering.graph import neighbor_graph
from recs.clustering.labels import renumber, without_small_clusters

_TRIES = 8  # of resolutions, for a number of clusters that is wanted


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """The distinct vectors of a collection, the graph of their neighbours, and its dense cores.

    Attributes
    ----------
    texts
        The distinct texts of the items: copies of one text share a row.
    similarity, options
        How vectors are compared, and how cores are searched for.
    everything
        Whether each row gets a topic, however far away it is.
    scatter : float64 array of shape (d, d)
        The product of all rows with themselves.
    graph
        A csr_array of shape (rows, rows); None for too few rows.
    cores
        The dense core of each row.
    grown : int64 array of shape (rows,)
        The cores with all rows that a path leads to.
    """

    texts: DistinctTexts
    similarity: Similarity
    options: CoreOptions
    everything: bool
    scatter: Float64Array
    graph: Any
    cores: Cores
    grown: IntArray

    @classmethod
    def of(cls, texts: DistinctTexts, similarity: Similarity, options: CoreOptions, *, everything: bool) -> Space:
        """Make the space of distinct texts."""
        vectors = texts.vectors
        graph = None
        cores = Cores.none(len(vectors))
        grown = cores.labels
        if len(vectors) >= 2 * options.min_cluster_size:
            graph = neighbor_graph(vectors, usual_neighbors(len(vectors)), similarity=similarity)
            cores = density_cores(vectors, graph, options)
            grown = grow(graph, cores.labels)
        scatter = scatter_matrix(vectors)
        return cls(texts, similarity, options, everything, scatter, graph, cores, grown)

    @property
    def vectors(self) -> FloatArray:
        """The vector of each row, shape (rows, d)."""
        return self.texts.vectors

    @property
    def row_of_item(self) -> IntArray:
        """The row of each item, shape (items,)."""
        return self.texts.row_of_item

    @property
    def is_repeated(self) -> BoolArray:
        """Whether each row has as many items as a topic needs: its copies are a group of their own, shape (rows,)."""
        items_of_row = np.bincount(self.row_of_item, minlength=len(self.vectors))
        return np.asarray(items_of_row >= max(min(self.size, len(self.row_of_item)), 2))

    @property
    def size(self) -> int:
        """The fewest rows of a topic."""
        return self.options.min_cluster_size

    @property
    def in_core(self) -> BoolArray:
        """Whether each row is in a dense core."""
        return np.asarray(self.cores.labels >= 0)

    def shuffled(self, random: np.random.Generator) -> Space:
        """Return a space of the same numbers, shuffled within each column: it has no topics."""
        vectors = random.permuted(self.vectors, axis=0)
        texts = DistinctTexts(vectors, np.arange(len(vectors)), np.ones(len(vectors)))
        return self.of(texts, self.similarity, self.options, everything=self.everything)

    def with_copies_as_cores(self) -> Space:
        """Return the space with another kind of core: each row that many items share is one."""
        labels = np.where(self.is_repeated, np.cumsum(self.is_repeated) - 1, -1)
        return replace(self, cores=Cores(labels, (labels >= 0).astype(np.float64)))


@dataclass(frozen=True, slots=True)
class Level:
    """Where a tree of merges is cut: at a resolution, or so that there are `count` clusters."""

    resolution: float
    count: int | None = None


class MergeTree:
    """The tree of merges of some rows of a space; each of the rows is in a grown core."""

    def __init__(self, space: Space, rows: IntArray) -> None:
        self._rows = rows
        self._size = space.size
        self._vectors = space.vectors
        self._graph = space.graph[rows][:, rows]
        self._cores = np.unique(space.grown[rows], return_inverse=True)[1]
        self.merges = self._merges(self._cores)

    def at(self, level: Level) -> IntArray:
        """Return the cluster of each row of the space; -1 for rows outside the tree and in clusters that are small."""
        return self._cut(level.resolution) if level.count is None else self._counted(level.count)

    def _cut(self, resolution: float) -> IntArray:
        cluster_of_core = self.merges.cut(self.merges.count(resolution))
        return self._of_space(move_rows(self._graph, cluster_of_core[self._cores], resolution))

    def _counted(self, count: int) -> IntArray:
        """Return `count` clusters, or as many as there can be.

        Moves of rows empty some clusters. So a finer cut is moved, and its clusters are merged until `count` are left.
        If there are fewer cores, the widest of them are halved.
        """
        start = count
        for _ in range(_TRIES):
            labels = self._cut(self.merges.resolution(start))
            missing = count - int(labels.max(initial=-1)) - 1
            if missing <= 0:
                inside = labels[self._rows]
                return renumber(labels, self._merges(inside).cut(count).tolist())
            start += missing
            if start > self.merges.clusters:
                break
        vectors = self._vectors[self._rows]
        return self._of_space(halve_clusters(vectors, self.merges.cut(count)[self._cores], count, size=self._size))

    def _merges(self, labels: IntArray) -> Merges:
        middles = unit_rows(cluster_means(self._vectors[self._rows], labels))
        return merge_clusters(self._graph, labels, 1.001 + middles @ middles.T)

    def _of_space(self, labels_of_rows: IntArray) -> IntArray:
        labels = np.full(len(self._vectors), -1)
        labels[self._rows] = labels_of_rows
        return without_small_clusters(labels, self._size)
