"""The vectors of an index, and how similar a query is to each item and each passage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recs.arrays import FloatArray, IntArray, Similarity, unit_rows
from recs.errors import EmbeddingError, FingerprintMismatchError

if TYPE_CHECKING:
    from recs.embedding.vectors import Embeddings


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors of n items and of their m passages, in one space.

    Attributes
    ----------
    items : float32 array of shape (n, d)
        Rows of length 1.
    passages : float32 array of shape (m, d)
        Rows of length 1, in the order of the items and of their texts.
    starts : int64 array of shape (n + 1,)
        The passages of item i are those from starts[i] to starts[i + 1]; every item has one.
    spans : int64 array of shape (m, 2)
        Start and stop of each passage in the text of its item, in characters; 0, 0 for one of the title alone.
    model, fingerprint, similarity
        The name of the model, its space, and its own similarity. A search compares directions: it uses the cosine.
    """

    items: FloatArray
    passages: FloatArray
    starts: IntArray
    spans: IntArray
    model: str
    fingerprint: str
    similarity: Similarity

    @classmethod
    def of(cls, embeddings: Embeddings) -> Vectors:
        """Return the vectors of embeddings with passages, in their order; `EmbeddingError` if an item has none."""
        counts = np.bincount(embeddings.chunk_rows, minlength=len(embeddings))
        if not counts.all() or len(embeddings.chunk_spans) != counts.sum():
            raise EmbeddingError("these vectors have no passages; make them with recs.embed_items.")
        return cls(
            unit_rows(embeddings.vectors).astype(np.float32),
            unit_rows(embeddings.chunk_vectors).astype(np.float32),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            embeddings.chunk_spans,
            embeddings.model,
            embeddings.fingerprint,
            embeddings.similarity,
        )

    def query(self, embeddings: Embeddings) -> FloatArray:
        """Return the unit vector of an embedded query; `FingerprintMismatchError` if it is of another space."""
        if embeddings.fingerprint != self.fingerprint:
            raise FingerprintMismatchError(
                f"the query was embedded by {embeddings.model}, the index by {self.model} in another space."
            )
        return np.asarray(unit_rows(embeddings.vectors)[0].astype(np.float32))

    def similarities(self, query: FloatArray) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the mean of the cosines of an item and its best passage, for n items, and those of the m passages."""
        of_passages = self.passages @ query
        best = np.maximum.reduceat(of_passages, self.starts[:-1]) if len(self.items) else of_passages
        return np.asarray(0.5 * (self.items @ query) + 0.5 * best), of_passages

    def passages_of(self, row: int) -> slice:
        """Return the places of the passages of an item."""
        return slice(int(self.starts[row]), int(self.starts[row + 1]))
