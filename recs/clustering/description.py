"""The description of each layer of topics: names, phrases, examples, sizes, parents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np

from recs.arrays import Float64Array, IntArray
from recs.clustering.assignment import Discriminant
from recs.clustering.fitting import FittedCut, FittedLayers, topic_stabilities
from recs.clustering.labels import cluster_sizes, renumber
from recs.clustering.phrase_index import PhraseIndex
from recs.clustering.phrases import EXEMPLARS, Closeness, Namer, Topic, topic_phrases, unique_names
from recs.clustering.result import Layer
from recs.clustering.space import Space
from recs.items import Item

if TYPE_CHECKING:
    from recs.embedding.embedder import Embedder

_TITLE_LENGTH = 60  # characters of a title that names a topic without phrases


def describe_layers(
    items: Sequence[Item],
    fitted: FittedLayers,
    *,
    names: Mapping[int, str],
    namer: Namer | None,
    embedder: Embedder | None,
) -> list[Layer]:
    """Describe the topics of every layer, from coarse to fine.

    Parameters
    ----------
    names
        Given by the user, by topic id, for the default layer.
    namer, embedder
        As `recs.cluster_items` takes them; used for the default layer.
    """
    index = PhraseIndex(items) if any(cut.ids for cut in fitted.cuts) else None
    space = fitted.space
    layers: list[Layer] = []
    for cut in fitted.cuts:
        is_default = cut is fitted.default
        topic_of_item = cut.assigned[space.row_of_item]
        closeness = _closeness(cut.rule, embedder) if embedder is not None and is_default else None
        phrases = topic_phrases(index, topic_of_item, len(cut.ids), closeness=closeness) if index is not None else []
        exemplars = _exemplars(space, cut, items)
        given_names = _given_names(cut.ids, phrases, exemplars, names, namer) if is_default else {}
        parents = _parents(layers, topic_of_item, len(cut.ids))
        assigned = renumber(topic_of_item, cut.ids)
        layers.append(
            Layer(
                resolution=cut.cut.resolution,
                stability=cut.cut.stability,
                coverage=round(float((assigned >= 0).mean()) if len(assigned) else 0.0, 6),
                assigned=assigned,
                topics=_topics(space, cut, phrases, exemplars, given_names=given_names, parents=parents),
            )
        )
    return layers


def _title(item: Item) -> str:
    """Return the title of an item, or the beginning of its text."""
    return shorten(item.title or item.text, _TITLE_LENGTH, placeholder="…")


def _topics(
    space: Space,
    cut: FittedCut,
    phrases: Sequence[tuple[str, ...]],
    exemplars: Sequence[Sequence[Item]],
    *,
    given_names: Mapping[int, str],
    parents: Sequence[int | None],
) -> tuple[Topic, ...]:
    topic_of_item = cut.assigned[space.row_of_item]
    sizes = cluster_sizes(topic_of_item, len(cut.ids))
    core_sizes = cluster_sizes(topic_of_item[space.in_core[space.row_of_item]], len(cut.ids))
    stabilities = topic_stabilities(cut)
    titles = [_title(items[0]) if items else "" for items in exemplars]
    names = unique_names(phrases, given_names, sizes.tolist(), titles)
    return tuple(
        Topic(
            id=topic,
            name=names[place],
            phrases=phrases[place],
            exemplars=tuple(item.id for item in exemplars[place]),
            size=int(sizes[place]),
            core=int(core_sizes[place]),
            stability=round(float(stabilities[place]), 4),
            parent=parents[place],
        )
        for place, topic in enumerate(cut.ids)
    )


def _given_names(
    ids: Sequence[int],
    phrases: Sequence[Sequence[str]],
    exemplars: Sequence[Sequence[Item]],
    names: Mapping[int, str],
    namer: Namer | None,
) -> dict[int, str]:
    """Return the names that the user or the namer gives, by the place of the topic; the user's come first."""
    given: dict[int, str] = {}
    for place, topic in enumerate(ids):
        if namer is not None:
            given[place] = namer(phrases[place], exemplars[place])
        if topic in names:
            given[place] = names[topic]
    return given


def _exemplars(space: Space, cut: FittedCut, items: Sequence[Item]) -> list[list[Item]]:
    """Return the items of each topic that are nearest to its centroid; items of the dense core come first."""
    first_item_of_row = np.unique(space.row_of_item, return_index=True)[1]
    rows = np.lexsort((-cut.cosines, ~space.in_core))
    exemplars = []
    for topic in range(len(cut.ids)):
        nearest = rows[cut.assigned[rows] == topic][:EXEMPLARS]
        exemplars.append([items[first_item_of_row[row]] for row in nearest])
    return exemplars


def _parents(coarser: Sequence[Layer], topic_of_item: IntArray, topics: int) -> list[int | None]:
    """Return the topic of the last coarser layer that most items of each topic are in; None without any."""
    if not coarser:
        return [None] * topics
    above = coarser[-1].assigned
    parents: list[int | None] = []
    for topic in range(topics):
        items_of_parent = np.bincount(above[(topic_of_item == topic) & (above >= 0)])
        parents.append(int(items_of_parent.argmax()) if len(items_of_parent) else None)
    return parents


def _closeness(rule: Discriminant, embedder: Embedder) -> Closeness:
    def closeness(phrases: Sequence[str], topic: int) -> Float64Array:
        vectors = embedder.embed(phrases).vectors.astype(np.float64)
        return np.asarray(np.clip(vectors @ rule.centroids[topic], 0, 1))

    return closeness
