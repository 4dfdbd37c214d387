"""From the vectors of windows to one vector for each text: their mean, weighted by tokens."""

from collections.abc import Mapping, Sequence

import numpy as np

from recs.arrays import FloatArray, unit_rows
from recs.embedding.vectors import Embeddings
from recs.embedding.windows import Document
from recs.models.spec import ModelSpec


def pool_windows(
    ids: tuple[str, ...], documents: Sequence[Document], vectors: Mapping[str, FloatArray], spec: ModelSpec
) -> Embeddings:
    """Return the embeddings of n documents; `vectors` maps the text of each window to its vector of shape (d,).

    A document of one window has exactly the vector of that window.
    """
    windows = [window for document in documents for window in document.windows]
    chunk_vectors = np.array([vectors[window.text] for window in windows], np.float32).reshape(-1, spec.dim)
    weights = np.array([window.weight for window in windows], np.float64)
    counts = np.array([len(document.windows) for document in documents], np.int64)
    first = np.cumsum(counts) - counts
    means = np.add.reduceat(chunk_vectors * weights[:, None], first, axis=0)
    means /= np.add.reduceat(weights, first)[:, None]
    if spec.similarity == "cosine":
        means = unit_rows(means)
    has_one_window = counts == 1
    result = means.astype(np.float32)
    result[has_one_window] = chunk_vectors[first[has_one_window]]
    return Embeddings(
        ids=ids,
        vectors=result,
        fingerprint=spec.fingerprint,
        similarity=spec.similarity,
        model=spec.name,
        chunk_vectors=chunk_vectors,
        chunk_rows=np.repeat(np.arange(len(documents)), counts),
        chunk_spans=np.array([window.span for window in windows], np.int64).reshape(-1, 2),
        tokens=np.array([document.tokens for document in documents], np.int64),
        tokens_lost=np.array([document.cut + document.unknown for document in documents], np.int64),
    )
