"""Items whose vectors mean nothing: they keep their place in a clustering, without a topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import BoolArray
from recs.clustering.result import Clustering
from recs.embedding.vectors import Embeddings
from recs.items import Item
from recs.text.counts import counted


def without_blank_items(items: Sequence[Item], embeddings: Embeddings) -> tuple[list[Item], Embeddings]:
    """Return the items that the model can read, and their vectors; `embeddings` are of the items, in the same order."""
    is_blank = embeddings.blank.tolist()
    readable = [item for item, blank in zip(items, is_blank, strict=True) if not blank]
    return readable, embeddings.take([item.id for item in readable])


def with_blank_items(clustering: Clustering, embeddings: Embeddings) -> Clustering:
    """Return a clustering of all items of `embeddings`, from one of the items that the model can read.

    The other items are in no topic, and count as items that the rule did not learn from.
    """
    is_blank = embeddings.blank
    blank_items = int(is_blank.sum())
    if not blank_items:
        return clustering
    layers = tuple(
        replace(layer, assigned=assigned, coverage=_share(assigned >= 0))
        for layer in clustering.layers
        for assigned in [_spread(layer.assigned, is_blank, -1)]
    )
    default = layers[clustering.default]
    labels = _spread(clustering.labels, is_blank, -1)
    metrics = {"items": len(embeddings), "coverage": default.coverage, "core": float((labels >= 0).mean())}
    readable_share = 1 - blank_items / len(embeddings)
    return replace(
        clustering,
        ids=embeddings.ids,
        labels=labels,
        assigned=default.assigned,
        strengths=_spread(clustering.strengths, is_blank, 0),
        learned=_spread(clustering.learned, is_blank, -2),  # like a new item: in a later run it may have tokens
        leanings=_spread(clustering.leanings, is_blank, -1),
        layers=layers,
        sweep=tuple(replace(row, coverage=round(row.coverage * readable_share, 6)) for row in clustering.sweep),
        metrics={**clustering.metrics, **metrics},
        notes=(*clustering.notes, *_notes(embeddings)),
    )


def _spread(values: npt.NDArray[Any], is_blank: BoolArray, missing: int) -> npt.NDArray[Any]:
    """Return the values in the places of the readable items, and `missing` in the others."""
    result = np.full(len(is_blank), missing, dtype=values.dtype)
    result[~is_blank] = values
    return result


def _share(members: BoolArray) -> float:
    return round(float(members.mean()), 6)


def _notes(embeddings: Embeddings) -> list[str]:
    missing = int(embeddings.missing.sum())
    unread = int(embeddings.blank.sum()) - missing
    notes = []
    if unread:
        it = "it" if unread == 1 else "them"
        notes.append(f"{counted(unread, 'item is', 'items are')} in no topic: the model knows no token of {it}.")
    if missing:
        it = "it has" if missing == 1 else "they have"
        notes.append(f"{counted(missing, 'item is', 'items are')} in no topic: {it} no vector in the cache.")
    return notes
