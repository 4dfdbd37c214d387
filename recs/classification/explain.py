"""Why a classifier gave a label: the nearest labelled items, and the passage that counts most."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.arrays import Float64Array, FloatArray, unit_rows
from recs.classification.predictions import Prediction, Reason
from recs.embedding.vectors import Embeddings
from recs.errors import EmbeddingError
from recs.items import Item, Span

if TYPE_CHECKING:
    from recs.classification.classifier import Classifier
    from recs.embedding.embedder import Embedder

_PARAGRAPH_BREAK = r"\n\n+"
_SENTENCE_BREAK = r"(?<=[.!?…])\s+|(?<=[。！？])"

Passages = tuple[list[Span], Any]
"""The passages of one item, and their vectors: an array with a row for each."""


def reasons_of(
    classifier: Classifier,
    predictions: Sequence[Prediction],
    items: Sequence[Item],
    embeddings: Embeddings,
    *,
    embedder: Embedder | None,
    nearest: int,
) -> list[tuple[Reason, ...]]:
    """Return a reason for each label of each prediction; `Classifier.explain` describes the parameters."""
    for prediction, item, name in zip(predictions, items, embeddings.ids, strict=True):
        if not prediction.id == item.id == name:
            raise EmbeddingError(
                f"item {item.id!r} is beside the prediction of {prediction.id!r}; expected one order of ids; "
                "keep one order for predictions, items and embeddings."
            )
    passages = item_passages(predictions, items, embeddings, embedder)
    reasons = []
    for row, prediction in enumerate(predictions):
        vector = embeddings.vectors[row]
        columns = _columns_of_labels(classifier, prediction, vector)
        reasons.append(
            tuple(
                _reason(
                    classifier, label.name, column, vector, passages=passages[row], item_id=prediction.id, k=nearest
                )
                for label, column in zip(prediction.labels, columns, strict=True)
            )
        )
    return reasons


def _columns_of_labels(classifier: Classifier, prediction: Prediction, vector: FloatArray) -> list[int]:
    """Return the column of the classifier that each predicted label comes from.

    Several columns can be renamed to one label: the likeliest of them is the one that was predicted.
    """
    probabilities = classifier.probabilities(unit_rows(vector[None].astype(np.float64)))[0]
    columns = []
    for label in prediction.labels:
        has_name = [name == label.name for name in classifier.shown_names]
        columns.append(int(np.where(has_name, probabilities, -1).argmax()))
    return columns


def _reason(
    classifier: Classifier,
    label: str,
    column: int,
    vector: FloatArray,
    *,
    passages: Passages,
    item_id: str,
    k: int,
) -> Reason:
    neighbours = _nearest_examples(classifier, vector, column, k, item_id)
    spans, vectors = passages
    if len(spans) < 2:
        return Reason(label, neighbours, None, 0.0)
    span, effect = _decisive_passage(classifier, spans, vectors, column)
    return Reason(label, neighbours, span, round(effect, 6))


def _nearest_examples(
    classifier: Classifier, vector: FloatArray, column: int, k: int, own_id: str
) -> tuple[tuple[str, str, float], ...]:
    """Return id, title and cosine of the k nearest kept examples that have the label; the item itself is left out."""
    examples = classifier.example_items
    rows = [row for row in np.flatnonzero(classifier.example_labels[:, column]) if examples[row][0] != own_id]
    cosines = classifier.examples[rows].astype(np.float64) @ unit_rows(vector[None].astype(np.float64))[0]
    best = sorted(range(len(rows)), key=lambda place: (-cosines[place], examples[rows[place]][0]))[:k]
    return tuple((*examples[rows[place]], round(float(cosines[place]), 4)) for place in best)


def _decisive_passage(classifier: Classifier, spans: Sequence[Span], vectors: Any, column: int) -> tuple[Span, float]:
    """Return the passage without which the label is least probable, and by how much the probability falls."""
    lengths = np.array([stop - start for start, stop in spans], dtype=np.float64)
    parts = vectors.astype(np.float64) * lengths[:, None]
    whole = parts.sum(axis=0)
    rows: Float64Array = unit_rows(np.vstack([whole, whole - parts]))
    probabilities = classifier.probabilities(rows)[:, column]
    drops = probabilities[0] - probabilities[1:]
    largest = int(drops.argmax())
    return spans[largest], float(drops[largest])


def item_passages(
    predictions: Sequence[Prediction], items: Sequence[Item], embeddings: Embeddings, embedder: Embedder | None
) -> list[Passages]:
    """Return the passages of each item with their vectors.

    With an embedder, passages are paragraphs, or sentences if there is only one paragraph. Without it, they are the
    chunks of the embeddings.
    """
    if embedder is None:
        return [_chunks_of(embeddings, row) for row in range(len(items))]
    spans = [
        _passage_spans(item.text) if prediction.labels else []
        for prediction, item in zip(predictions, items, strict=True)
    ]
    texts = [item.text[start:stop] for item, some in zip(items, spans, strict=True) for start, stop in some]
    vectors = embedder.embed(texts, role=embeddings.role).vectors if texts else embeddings.vectors[:0]
    ends = np.cumsum([len(some) for some in spans]).tolist()
    return [(some, vectors[end - len(some) : end]) for some, end in zip(spans, ends, strict=True)]


def _chunks_of(embeddings: Embeddings, row: int) -> Passages:
    chunks = np.flatnonzero(embeddings.chunk_rows == row)
    spans = [(int(start), int(stop)) for start, stop in embeddings.chunk_spans[chunks]]
    return spans, embeddings.chunk_vectors[chunks]


def _passage_spans(text: str) -> list[Span]:
    paragraphs = _split(text, _PARAGRAPH_BREAK)
    return paragraphs if len(paragraphs) != 1 else _split(text, _SENTENCE_BREAK)


def _split(text: str, separator: str) -> list[Span]:
    """Return the spans between the matches of a pattern; spans of white space are left out."""
    edges = [0, *(edge for match in re.finditer(separator, text) for edge in match.span()), len(text)]
    spans = zip(edges[::2], edges[1::2], strict=True)
    return [(start, stop) for start, stop in spans if text[start:stop].strip()]
