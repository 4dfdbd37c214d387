"""The description of each layer of topics: names, phrases, examples, sizes, parents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import shorten

import numpy as np

from recs.arrays import IntArray
from recs.clustering.closeness import PhraseModel
from recs.clustering.fitting import FittedCut, FittedLayers, topic_stabilities
from recs.clustering.labels import cluster_sizes, renumber
from recs.clustering.naming import topic_headings, unique_names
from recs.clustering.parts import Layer
from recs.clustering.phrase_index import PhraseIndex
from recs.clustering.phrases import EXEMPLARS, Namer, Topic, topic_phrases
from recs.clustering.space import Space
from recs.errors import MissingDependencyError, ModelNotFoundError
from recs.items import Item

_TITLE_LENGTH = 60  # characters of a title that names a topic without phrases


@dataclass(frozen=True, slots=True, eq=False)
class Description:
    """The described layers, from coarse to fine, and how their phrases were ranked.

    `ranked_by` is "words", or "words and vectors" if the model also judged how close the phrases of the default layer
    are to their topics. `notes` say why the model could not be used.
    """

    layers: Sequence[Layer]
    ranked_by: str
    notes: tuple[str, ...] = ()


def describe_layers(
    items: Sequence[Item],
    fitted: FittedLayers,
    *,
    names: Mapping[int, str],
    earlier_names: Mapping[int, str],
    namer: Namer | None,
    model: PhraseModel | None,
) -> Description:
    """Describe the topics of every layer.

    Parameters
    ----------
    names
        Given by the user, by topic id, for the default layer.
    earlier_names
        Of topics that go on, by topic id: they stay, unless the user or the namer gives another.
    namer
        As `recs.cluster_items` takes it; used for the default layer.
    model
        Ranks the phrases of the default layer; None ranks them by words alone.
    """
    index = PhraseIndex(items if any(cut.ids for cut in fitted.cuts) else [])
    ranked = _ranked_phrases(index, fitted, model)
    layers: list[Layer] = []
    for cut in fitted.cuts:
        is_default = cut is fitted.default
        topic_of_item = cut.assigned[fitted.space.row_of_item]
        phrases = ranked.phrases if is_default else topic_phrases(index, topic_of_item, len(cut.ids))
        exemplars = _exemplars(fitted.space, cut, items)
        given_names: dict[int, str] = {}
        if is_default:
            by_id = {**earlier_names, **_names_by_namer(cut.ids, phrases, exemplars, namer), **names}
            given_names = {place: by_id[topic] for place, topic in enumerate(cut.ids) if topic in by_id}
        parents = _parents(layers, topic_of_item, len(cut.ids))
        topics = _topics(
            fitted.space,
            cut,
            phrases,
            exemplars,
            headings=topic_headings(index, items, topic_of_item, phrases),
            given_names=given_names,
            parents=parents,
        )
        layers.append(_layer(fitted.space, cut, topics))
    return Description(layers, ranked.by, ranked.notes)


@dataclass(frozen=True, slots=True)
class _RankedPhrases:
    """The phrases of each topic of the default layer; the other fields as in `Description`."""

    phrases: list[tuple[str, ...]]
    by: str
    notes: tuple[str, ...] = ()


def _ranked_phrases(index: PhraseIndex, fitted: FittedLayers, model: PhraseModel | None) -> _RankedPhrases:
    """Return phrases that are ranked by words and vectors; by words alone without a model that can run here."""
    cut = fitted.default
    topic_of_item = cut.assigned[fitted.space.row_of_item]
    notes: tuple[str, ...] = ()
    if model is not None:
        closeness = model.closeness_to(cut.rule.centroids)
        try:
            by_model = topic_phrases(index, topic_of_item, len(cut.ids), closeness=closeness)
            return _RankedPhrases(by_model, "words and vectors")
        except (ModelNotFoundError, MissingDependencyError) as error:
            notes = (f"the phrases of topics are ranked by words alone, without vectors: {error}",)
    return _RankedPhrases(topic_phrases(index, topic_of_item, len(cut.ids)), "words", notes)


def _layer(space: Space, cut: FittedCut, topics: tuple[Topic, ...]) -> Layer:
    assigned = renumber(cut.assigned[space.row_of_item], cut.ids)
    return Layer(
        resolution=cut.cut.resolution,
        stability=cut.cut.stability,
        coverage=round(float((assigned >= 0).mean()) if len(assigned) else 0.0, 6),
        assigned=assigned,
        topics=topics,
    )


def _title(item: Item) -> str:
    """Return the title of an item, or the beginning of its text."""
    return shorten(item.title or item.text, _TITLE_LENGTH, placeholder="…")


def _topics(
    space: Space,
    cut: FittedCut,
    phrases: Sequence[tuple[str, ...]],
    exemplars: Sequence[Sequence[Item]],
    *,
    headings: Sequence[Sequence[str]],
    given_names: Mapping[int, str],
    parents: Sequence[int | None],
) -> tuple[Topic, ...]:
    topic_of_item = cut.assigned[space.row_of_item]
    sizes = cluster_sizes(topic_of_item, len(cut.ids))
    core_sizes = cluster_sizes(topic_of_item[space.in_core[space.row_of_item]], len(cut.ids))
    stabilities = topic_stabilities(cut)
    titles = [_title(items[0]) if items else "" for items in exemplars]
    names = unique_names(headings, given_names, sizes.tolist(), titles)
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


def _names_by_namer(
    ids: Sequence[int],
    phrases: Sequence[Sequence[str]],
    exemplars: Sequence[Sequence[Item]],
    namer: Namer | None,
) -> dict[int, str]:
    if namer is None:
        return {}
    return {topic: namer(phrases[place], exemplars[place]) for place, topic in enumerate(ids)}


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
