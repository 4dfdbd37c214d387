"""The passages of an item, by which a classifier says why it gave a label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.classification.predictions import Prediction
from recs.embedding.vectors import Embeddings
from recs.items import Item, Span

if TYPE_CHECKING:
    from recs.embedding.embedder import Embedder


def item_passages(
    predictions: Sequence[Prediction], items: Sequence[Item], embeddings: Embeddings, embedder: Embedder | None
) -> list[tuple[list[Span], Any]]:
    """Return the passages of each item with their vectors: paragraphs, or sentences of a single one, or its chunks."""
    if embedder is None:
        rows = [np.flatnonzero(embeddings.chunk_rows == row) for row in range(len(items))]
        spans = [[(int(start), int(stop)) for start, stop in embeddings.chunk_spans[some]] for some in rows]
        return [(some, embeddings.chunk_vectors[at]) for some, at in zip(spans, rows, strict=True)]
    spans = []
    for prediction, item in zip(predictions, items, strict=True):
        found = _spans(item.text, r"\n\n+") if prediction.labels else []
        spans.append(found if len(found) != 1 else _spans(item.text, r"(?<=[.!?…])\s+|(?<=[。！？])"))
    texts = [item.text[start:stop] for item, some in zip(items, spans, strict=True) for start, stop in some]
    vectors = embedder.embed(texts, role=embeddings.role).vectors if texts else embeddings.vectors[:0]
    ends = np.cumsum([len(some) for some in spans]).tolist()
    return [(some, vectors[end - len(some) : end]) for some, end in zip(spans, ends, strict=True)]


def _spans(text: str, between: str) -> list[Span]:
    edges = [0, *(edge for match in re.finditer(between, text) for edge in match.span()), len(text)]
    return [(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if text[start:stop].strip()]
