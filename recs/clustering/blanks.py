"""Items of which the model knows no token: they keep their place in a clustering, without a topic."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.clustering.result import Clustering
from recs.embedding.vectors import Embeddings


def with_blank_items(found: Clustering, whole: Embeddings) -> Clustering:
    """Return the clustering with the items of which the model knows no token: in no topic, and not learned from."""
    is_blank = whole.blank
    count = int(is_blank.sum())
    if not count:
        return found

    def spread(values: npt.NDArray[Any], missing: int) -> npt.NDArray[Any]:
        result = np.full(len(whole), missing, dtype=values.dtype)
        result[~is_blank] = values
        return result

    given = [spread(layer.assigned, -1) for layer in found.layers]
    layers = tuple(
        replace(layer, assigned=assigned, coverage=_share(assigned >= 0))
        for layer, assigned in zip(found.layers, given, strict=True)
    )
    labels = spread(found.labels, -1)
    figures = {"items": len(whole), "coverage": layers[found.default].coverage, "core": float((labels >= 0).mean())}
    read = 1 - count / len(whole)
    items = "1 item is" if count == 1 else f"{count:,} items are"
    return replace(
        found,
        ids=whole.ids,
        labels=labels,
        assigned=given[found.default],
        strengths=spread(found.strengths, 0),
        learned=spread(found.learned, -2),  # as if it came later: by then it may be readable
        layers=layers,
        sweep=tuple(replace(row, coverage=round(row.coverage * read, 6)) for row in found.sweep),
        metrics={**found.metrics, **figures},
        notes=(*found.notes, f"{items} in no topic: the model knows no token of {'it' if count == 1 else 'them'}."),
    )


def _share(members: npt.NDArray[np.bool_]) -> float:
    return round(float(members.mean()), 6)
