"""What all granularities of a clustering share: distinct vectors, the graph of their neighbours, its dense cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, Similarity
from recs.clustering.assignment import scatter_matrix
from recs.clustering.communities import grow
from recs.clustering.cores import CoreOptions, Cores, density_cores
from recs.clustering.graph import neighbor_graph
from recs.embedding.vectors import Embeddings
from recs.items import Item

_NEIGHBORS = 25
_FEW_NEIGHBORS = 5  # in a small collection: an eighth of the rows, but at least this many


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """The distinct vectors of a collection, the graph of their neighbours, and its dense cores.

    Attributes
    ----------
    vectors : float32 array of shape (rows, d)
        Items of one text, or of one vector, share a row.
    row_of_item : int64 array of shape (items,)
        The row of each item.
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

    vectors: FloatArray
    row_of_item: IntArray
    similarity: Similarity
    options: CoreOptions
    everything: bool
    scatter: Float64Array
    graph: Any
    cores: Cores
    grown: IntArray

    @classmethod
    def of_items(
        cls, items: Sequence[Item], embeddings: Embeddings, options: CoreOptions, *, everything: bool
    ) -> Space:
        """Make the space of items and their vectors, in the same order."""
        row_of_item, first_items = _distinct_rows(items, embeddings)
        vectors = embeddings.vectors[first_items]
        return cls._of_rows(vectors, row_of_item, embeddings.similarity, options, everything=everything)

    @classmethod
    def _of_rows(
        cls,
        vectors: FloatArray,
        row_of_item: IntArray,
        similarity: Similarity,
        options: CoreOptions,
        *,
        everything: bool,
    ) -> Space:
        graph = None
        cores = Cores.none(len(vectors))
        grown = cores.labels
        if len(vectors) >= 2 * options.min_cluster_size:
            neighbors = min(_NEIGHBORS, max(_FEW_NEIGHBORS, len(vectors) // 8))
            graph = neighbor_graph(vectors, neighbors, similarity=similarity)
            cores = density_cores(vectors, graph, options)
            grown = grow(graph, cores.labels)
        scatter = scatter_matrix(vectors)
        return cls(vectors, row_of_item, similarity, options, everything, scatter, graph, cores, grown)

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
        own_rows = np.arange(len(vectors))
        return self._of_rows(vectors, own_rows, self.similarity, self.options, everything=self.everything)

    def with_copies_as_cores(self) -> Space:
        """Return the space with another kind of core: each row that many items share is one."""
        items_of_row = np.bincount(self.row_of_item, minlength=len(self.vectors))
        is_shared = items_of_row >= max(min(self.size, len(self.row_of_item)), 2)
        labels = np.where(is_shared, np.cumsum(is_shared) - 1, -1)
        return replace(self, cores=Cores(labels, (labels >= 0).astype(np.float64)))


def _distinct_rows(items: Sequence[Item], embeddings: Embeddings) -> tuple[IntArray, list[int]]:
    """Return the row of each item among the distinct texts and vectors, and the first item of each row."""
    first_of_text: dict[Any, int] = {}
    row_of_vector: dict[bytes, int] = {}
    first_items: list[int] = []
    rows: list[int] = []
    for place, item in enumerate(items):
        text = (item.title, item.text) if item.title or item.text else place
        first = first_of_text.setdefault(text, place)
        vector = embeddings.vectors[first].tobytes()
        if vector not in row_of_vector:
            row_of_vector[vector] = len(first_items)
            first_items.append(place)
        rows.append(row_of_vector[vector])
    return np.array(rows, np.int64), first_items
