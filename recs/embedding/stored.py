"""The vectors of windows that are in the cache, and what stands for those that are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recs.arrays import FloatArray
from recs.embedding.documents import digest_key
from recs.embedding.windows import MISSING, Document

if TYPE_CHECKING:
    from recs.embedding.cache import Cache


def stored_vectors(texts: Sequence[str], space: str, dim: int, store: Cache | None) -> dict[str, FloatArray]:
    """Return the vectors of these texts that are in a space of the store, by text."""
    if store is None:
        return {}
    keys = {text: digest_key(space, text) for text in texts}
    stored = store.get_vectors(space, list(keys.values()), dim)
    return {text: stored[key] for text, key in keys.items() if key in stored}


def only_stored(
    documents: Sequence[Document], space: str, dim: int, store: Cache | None
) -> tuple[list[Document], dict[str, FloatArray]]:
    """Return the documents, with `MISSING` for those whose vectors are not all in the store, and the vectors by text.

    `MISSING` has the first unit vector, since an array of vectors has no empty rows.
    """
    texts = sorted({window.text for document in documents for window in document.windows})
    vectors = stored_vectors(texts, space, dim, store)
    complete = [all(window.text in vectors for window in document.windows) for document in documents]
    kept = [document if whole else MISSING for document, whole in zip(documents, complete, strict=True)]
    return kept, vectors | {MISSING.windows[0].text: np.eye(1, dim, dtype=np.float32)[0]}
