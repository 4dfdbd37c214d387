"""Topics that go on from an earlier clustering with their ids, and with their rule as long as it still fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recs.arrays import IntArray
from recs.clustering.communities import grow
from recs.clustering.fitting import FittedCut, FittedLayers, with_topics_of_copies
from recs.clustering.granularity import Cut, Granularity, layer_cuts
from recs.clustering.result import Clustering
from recs.clustering.space import Space
from recs.text.counts import counted

_NEW_SHARE = 0.2  # if more of the items are new, the rule is learned again
_NEW = -2  # in place of a topic: the earlier run did not learn from the item
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class EarlierRun:
    """An earlier clustering with topics, seen from the items at hand.

    Attributes
    ----------
    topic_of_item : int64 array of shape (items,)
        The topic that the earlier rule learned for each item; -1 for none, -2 for items it did not learn from.
    """

    clustering: Clustering
    topic_of_item: IntArray

    @classmethod
    def of(cls, clustering: Clustering | None, ids: Sequence[str]) -> EarlierRun | None:
        """Return the run, or None if there are no topics that could go on."""
        if clustering is None or not clustering.topics:
            return None
        topic_by_id = dict(zip(clustering.ids, clustering.learned.tolist(), strict=True))
        return cls(clustering, np.array([topic_by_id.get(item_id, _NEW) for item_id in ids], np.int64))

    @property
    def topic_ids(self) -> tuple[int, ...]:
        """The ids of the earlier topics."""
        return tuple(topic.id for topic in self.clustering.topics)

    @property
    def next_id(self) -> int:
        """The first id that no topic of this run, or of the runs before it, has had."""
        return int(self.clustering.parameters["next_id"])

    def names_without(self, topics: frozenset[int]) -> dict[int, str]:
        """Return the names of the earlier topics by their ids, without some of the topics."""
        return {topic.id: topic.name for topic in self.clustering.topics if topic.id not in topics}

    def notes(self, cut: Cut) -> Iterator[str]:
        """Yield what the user should know about the topics that go on in `cut`."""
        gone = [topic.name for topic in self.clustering.topics if topic.id not in cut.ids]
        if len(gone) == len(self.topic_ids):
            yield f"previous: no item belongs to any of the {counted(len(gone), 'topic')} of the earlier run."
            return
        if (self.topic_of_item == _NEW).all():
            yield (
                f"previous: no item was in the earlier run; {len(self.topic_ids) - len(gone)} of its "
                f"{counted(len(self.topic_ids), 'topic')} were recognised by the vectors of new items."
            )
        if gone:
            names = ", ".join(gone[:_NAMES_SHOWN]) + (", …" if len(gone) > _NAMES_SHOWN else "")
            topics_have = counted(len(gone), "topic of the earlier run has", "topics of the earlier run have")
            yield f"previous: {topics_have} no item here: {names}."


def continue_topics(space: Space, cut: Cut, earlier: EarlierRun | None) -> Cut:
    """Return the earlier topics, grown to the new items, and those clusters of `cut` that are mostly new.

    Without an earlier run it is the cut itself.
    """
    if earlier is None:
        return cut
    ids = list(earlier.topic_ids)
    before = _earlier_places(space, cut, earlier)
    start = np.maximum(before, -1)
    next_id = earlier.next_id
    for cluster in range(len(cut.ids)):
        members = cut.labels == cluster
        if (before[members] >= 0).mean() < 0.5:
            start[members & (before < 0)] = len(ids)
            ids.append(next_id)
            next_id += 1
    # Rows that the earlier rule learned from keep their label; only new rows take the label of their neighbours.
    labels = start if space.graph is None else np.where(before == _NEW, grow(space.graph, start), start)
    return replace(cut, labels=labels, ids=tuple(ids)).packed()


def _earlier_places(space: Space, cut: Cut, earlier: EarlierRun) -> IntArray:
    """Return the place of the earlier topic of each row; -1 for none, -2 if the row is new and none is recognised.

    The earlier rule recognises the topic of a new row, but only where the row is in one cluster with most of the
    topic's items that are here. If they are in another cluster, the row may be of a new subject near to the topic.
    """
    place_of_topic = {topic: place for place, topic in enumerate(earlier.topic_ids)}
    places = [place_of_topic.get(topic, min(topic, -1)) for topic in earlier.topic_of_item.tolist()]
    before = np.full(len(space.vectors), _NEW)
    np.maximum.at(before, space.row_of_item, places)

    old_rows = np.flatnonzero(before >= 0)
    rows_of_topic = np.zeros((len(cut.ids) + 1, len(place_of_topic)))  # in each cluster; the last: in none
    np.add.at(rows_of_topic, (cut.labels[old_rows], before[old_rows]), 1)
    is_home = 2 * rows_of_topic >= rows_of_topic.sum(axis=0)
    nearest = earlier.clustering.rule.assign(space.vectors)
    is_recognised = (before == _NEW) & (nearest >= 0) & is_home[cut.labels, nearest]
    return np.where(is_recognised, nearest, before)


def fit_layers(granularity: Granularity, default: Cut, earlier: EarlierRun | None) -> FittedLayers:
    """Return the default cut and those of coarser and finer layers, each with its rule.

    The default has the earlier rule if that still fits; all others are learned. A text that is repeated often enough
    and that no topic takes is a topic of its own.
    """
    space = granularity.space
    fitted = _with_earlier_rule(space, default, earlier) if earlier is not None else None
    if fitted is None:
        fitted = _learned(space, default, next_id=earlier.next_id if earlier is not None else 0)
    others = [_learned(space, cut, next_id=0) for cut in layer_cuts(granularity.cuts, granularity.chosen)]
    cuts = sorted([fitted, *others], key=lambda cut: len(cut.ids))
    return FittedLayers(space, cuts, cuts.index(fitted))


def _learned(space: Space, cut: Cut, *, next_id: int) -> FittedCut:
    first_free = max([next_id, *(topic + 1 for topic in cut.ids)])
    return with_topics_of_copies(space, FittedCut.learn(space, cut), next_id=first_free)


def _with_earlier_rule(space: Space, cut: Cut, earlier: EarlierRun) -> FittedCut | None:
    """Return the cut with the earlier rule; None if it no longer fits.

    It fits if the topics are the same, few items are new, and each topic has an item. A text that is repeated often
    enough has a topic.
    """
    new_items = int((earlier.topic_of_item == _NEW).sum())
    if cut.ids != earlier.topic_ids or new_items > _NEW_SHARE * len(earlier.topic_of_item):
        return None
    fitted = FittedCut.keep(space, cut, earlier.clustering.rule, earlier.topic_of_item)
    repeated_have_topics = (fitted.assigned[space.is_repeated] >= 0).all()
    return fitted if fitted.filled.all() and repeated_have_topics else None
