"""Latent semantic analysis: vectors without a model, from the words of the collection itself.

References
----------
Deerwester et al., Indexing by latent semantic analysis, J. Am. Soc. Inf. Sci. 41 (1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Self

from recs.arrays import Float64Array
from recs.embedding.vectors import Embeddings
from recs.errors import MissingDependencyError
from recs.items import Item
from recs.text.words import tokenize

_DIM = 100
_SMALL = 20  # items: with fewer, words of one item count too
_TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class LatentSemantics:
    """A truncated singular value decomposition of the TF-IDF weights of a collection.

    Examples
    --------
    >>> texts = ["garden soil", "garden seeds", "steam trains", "old trains"]
    >>> items = [Item(str(place), text) for place, text in enumerate(texts)]
    >>> vectors = LatentSemantics.fit(items).embed_items(items).vectors
    >>> bool((vectors[0] @ vectors[1]) > (vectors[0] @ vectors[2]))
    True
    """

    weigh: Any
    reduce: Any

    @classmethod
    def fit(cls, items: Sequence[Item]) -> Self:
        """Learn from items; `MissingDependencyError` without scikit-learn."""
        check_installed()
        from sklearn.decomposition import TruncatedSVD
        from sklearn.feature_extraction.text import TfidfVectorizer

        weigh = TfidfVectorizer(analyzer=tokenize, sublinear_tf=True, min_df=1 if len(items) < _SMALL else 2)
        weights = weigh.fit_transform([_text(item) for item in items])
        dim = max(1, min(_DIM, min(weights.shape) - 1))
        return cls(weigh, TruncatedSVD(dim, n_iter=2, random_state=0).fit(weights))

    def vectors(self, texts: Sequence[str]) -> Float64Array:
        """Return the vectors of texts, shape (n, d), unit rows; a text without a word of the collection has none."""
        import numpy as np

        raw = np.asarray(self.reduce.transform(self.weigh.transform(texts)), dtype=np.float64)
        raw[:, 0] += np.where(np.abs(raw).max(axis=1) < _TINY, 1.0, 0.0)  # a text without words is like no other
        return np.asarray(raw / np.linalg.norm(raw, axis=1, keepdims=True))

    def embed_items(self, items: Sequence[Item]) -> Embeddings:
        """Return the vectors of items."""
        vectors = self.vectors([_text(item) for item in items])
        return Embeddings.from_array([item.id for item in items], vectors, model="LSA")


def check_installed(what: str = "LSA") -> None:
    """Raise `MissingDependencyError` without scikit-learn, which `what` needs."""
    if find_spec("sklearn") is None:
        raise MissingDependencyError(what, "scikit-learn", "classify")


def _text(item: Item) -> str:
    return f"{item.title}\n{item.text}"
