"""Labelled collections as vectors, without a model: clouds around directions, and what every label test needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from safetensors.numpy import load

from recs.embedding.vectors import Embeddings
from recs.items import Item

DIM = 12


def make_clouds(
    labels: Sequence[Any],
    *,
    spread: float = 0.5,
    seed: int = 0,
    dates: Sequence[str] | None = None,
    field: str = "kind",
) -> tuple[list[Item], Embeddings]:
    """Return an item and a vector for each entry: a label, a list of labels, or None; spread is the noise beside 1."""
    rng = np.random.default_rng(seed)
    names = sorted({name for entry in labels for name in _names(entry)})
    middle = {name: _unit(np.random.default_rng([7, place]).standard_normal(DIM)) for place, name in enumerate(names)}
    rows = []
    for entry in labels:
        own = [middle[name] for name in _names(entry)] or [np.zeros(DIM)]
        rows.append(_unit(np.sum(own, axis=0)) + spread * rng.standard_normal(DIM) / DIM**0.5)
    items = [
        Item(
            id=f"i{place:04}",
            text=f"Text {place}.",
            title=f"Title {place}",
            published=dates[place] if dates else None,
            meta={} if entry is None else {field: entry},
        )
        for place, entry in enumerate(labels)
    ]
    return items, Embeddings.from_array([item.id for item in items], rows, model="clouds")


def vectors_of(names: Sequence[str], like: Embeddings, rows: Any) -> Embeddings:
    """Return vectors with ids of their own in the space of `like`."""
    return Embeddings.from_array(names, rows, model=like.model)


def arrays(weights: bytes) -> dict[str, bytes]:
    """Return the arrays of a weights file, without its note of the other file."""
    return {name: array.tobytes() for name, array in load(weights).items()}


def _names(entry: Any) -> list[str]:
    return [] if entry is None else [str(name) for name in (entry if isinstance(entry, list) else [entry])]


def _unit(vector: Any) -> Any:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
