"""What all granularities of a clustering share: distinct vectors, the graph of their neighbours, its dense cores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, Similarity
from recs.clustering.assignment import scatter_matrix
from recs.clustering.communities import grow
from recs.clustering.copies import DistinctTexts
from recs.clustering.cores import CoreOptions, Cores, density_cores
from recs.clustering.graph import neighbor_graph

_NEIGHBORS = 25
_FEW_NEIGHBORS = 5  # in a small collection: an eighth of the rows, but at least this many


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
            neighbors = min(_NEIGHBORS, max(_FEW_NEIGHBORS, len(vectors) // 8))
            graph = neighbor_graph(vectors, neighbors, similarity=similarity)
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
