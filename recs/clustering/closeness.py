"""How close phrases are to topics, by the model of the items. The vectors of phrases are cached like those of items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from recs.arrays import Float64Array, unit_rows
from recs.clustering.phrases import Closeness
from recs.errors import FingerprintMismatchError

if TYPE_CHECKING:
    from recs.embedding.cache import Cache
    from recs.embedding.embedder import Embedder
    from recs.embedding.vectors import Embeddings

_LEAD = 2.0  # how much the lead over other topics counts
_LEAST = 0.1  # a phrase like "Announcing Rust" is near no centroid


@dataclass(frozen=True, slots=True)
class PhraseModel:
    """The model that embeds phrases: that of the items, in the role of the items."""

    embedder: Embedder
    role: str
    cache: Cache | None

    @classmethod
    def of(cls, embedder: Embedder | None, embeddings: Embeddings, cache: Cache | None) -> Self | None:
        """Return the model of the vectors of items; None without an embedder.

        Raises
        ------
        FingerprintMismatchError
            If the embedder is another model, or puts another prompt before its inputs.
        """
        if embedder is None:
            return None
        prompt = embedder.prompt(embeddings.role)
        if (embedder.spec.fingerprint, prompt) != (embeddings.fingerprint, embeddings.prompt):
            raise FingerprintMismatchError(
                f"phrases embedded by {embedder.spec.name} ({embedder.spec.fingerprint[:24]}, prompt {prompt!r}) "
                f"cannot be compared with items embedded by {embeddings.model or 'an unnamed model'} "
                f"({embeddings.fingerprint[:24]}, prompt {embeddings.prompt!r}); give the embedder of the items."
            )
        return cls(embedder, embeddings.role, cache)

    def closeness_to(self, centroids: Float64Array) -> Closeness:
        """Return a function for how close phrases are to a topic, and how much closer than to the nearest other topic.

        Both are cosines with the centroids less their mean: what all topics share says nothing about one. The function
        raises `ModelNotFoundError` or `MissingDependencyError` if a vector is not cached and the model cannot run here.
        """
        own = centroids - centroids.mean(axis=0) if len(centroids) > 1 else centroids
        directions = unit_rows(own)

        def closeness(phrases: Sequence[str], topic: int) -> Float64Array:
            embedded = self.embedder.embed(phrases, role=self.role, store=self.cache)
            cosines = unit_rows(embedded.vectors.astype(np.float64)) @ directions.T
            nearest_other = np.delete(cosines, topic, axis=1).max(axis=1, initial=0.0)
            lead = np.maximum(1 + _LEAD * (cosines[:, topic] - nearest_other), 0.0)
            return np.asarray(np.maximum(np.maximum(cosines[:, topic], 0.0) * lead, _LEAST))

        return closeness
