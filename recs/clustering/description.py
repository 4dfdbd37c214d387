"""The description of each layer of topics: names, examples, parents, strengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.arrays import Float64Array, IntArray
from recs.clustering.assignment import Discriminant
from recs.clustering.granularity import Fitted, Space, returned
from recs.clustering.graph import renumber
from recs.clustering.phrases import EXEMPLARS, Namer, PhraseIndex, Topic, topic_phrases, unique_names
from recs.clustering.result import Layer
from recs.items import Item

if TYPE_CHECKING:
    from recs.embedding.embedder import Embedder


def describe_layers(
    public: Sequence[Item],
    space: Space,
    given: Sequence[Fitted],
    default: Fitted,
    *,
    names: Mapping[int, str],
    namer: Namer | None,
    embedder: Embedder | None,
) -> list[Layer]:
    """Describe the topics of every layer, from coarse to fine."""
    index = PhraseIndex(public) if any(one.ids for one in given) else None
    layers: list[Layer] = []
    for one in given:
        ids, places = one.ids, one.assigned[space.twin_of]
        closeness = _closeness(one.rule, embedder) if embedder is not None and one is default else None
        phrases = topic_phrases(index, places, len(ids), closeness=closeness) if index is not None else []
        examples = _exemplars(space, one, public)
        chosen: dict[int, str] = {}
        if one is default:
            if namer is not None:
                chosen = {place: namer(phrases[place], examples[place]) for place in range(len(ids))}
            chosen |= {place: names[topic] for place, topic in enumerate(ids) if topic in names}
        sizes = np.bincount(places[places >= 0], minlength=len(ids))
        cores = np.bincount(places[(places >= 0) & (space.core >= 0)[space.twin_of]], minlength=len(ids))
        stability = returned(one)
        parents = _parents(layers, places, len(ids))
        called = unique_names(phrases, chosen, sizes.tolist())
        topics = tuple(
            Topic(
                id=topic,
                name=called[place],
                phrases=phrases[place],
                exemplars=tuple(item.id for item in examples[place]),
                size=int(sizes[place]),
                core=int(cores[place]),
                stability=round(float(stability[place]), 4),
                parent=parents[place],
            )
            for place, topic in enumerate(ids)
        )
        assigned = renumber(places, ids)
        coverage = float((assigned >= 0).mean()) if len(assigned) else 0.0
        layers.append(Layer(one.cut.resolution, one.cut.stability, round(coverage, 6), assigned, topics))
    return layers


def _exemplars(space: Space, given: Fitted, public: Sequence[Item]) -> list[list[Item]]:
    """Return the items of each topic that are nearest to its middle, texts of the dense core first."""
    best, first = given.assigned, np.unique(space.twin_of, return_index=True)[1]
    ranked = np.lexsort((-given.cosines, space.core < 0))
    return [
        [public[first[row]] for row in ranked[best[ranked] == place][:EXEMPLARS]] for place in range(len(given.ids))
    ]


def _parents(layers: Sequence[Layer], places: IntArray, topics: int) -> list[int | None]:
    if not layers:
        return [None] * topics
    above = layers[-1].assigned
    both = [np.bincount(above[(places == place) & (above >= 0)]) for place in range(topics)]
    return [int(counts.argmax()) if len(counts) else None for counts in both]


def _closeness(rule: Discriminant, embedder: Embedder) -> Any:
    def closeness(phrases: Sequence[str], topic: int) -> Float64Array:
        vectors = embedder.embed(phrases).vectors.astype(np.float64)
        return np.asarray(np.clip(vectors @ rule.centroids[topic], 0, 1))

    return closeness
