"""Topics that go on from an earlier clustering with their ids, and with their rule as long as it still fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recs.arrays import IntArray
from recs.clustering.communities import grow
from recs.clustering.fitting import FittedCut, FittedLayers
from recs.clustering.granularity import Cut, Granularity, layer_cuts
from recs.clustering.result import Clustering
from recs.clustering.space import Space

_NEW_SHARE = 0.2  # if more of the items are new, the rule is learned again
_NEW = -2  # in place of a topic: the earlier run did not learn from the item


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
    def of(cls, clustering: Clustering | None, ids: Sequence[str], space: Space) -> EarlierRun | None:
        """Return the run, or None if there are no topics that could go on."""
        if clustering is None or not clustering.topics or space.graph is None:
            return None
        topic_by_id = dict(zip(clustering.ids, clustering.learned.tolist(), strict=True))
        return cls(clustering, np.array([topic_by_id.get(item_id, _NEW) for item_id in ids], np.int64))

    @property
    def topic_ids(self) -> tuple[int, ...]:
        """The ids of the earlier topics."""
        return tuple(topic.id for topic in self.clustering.topics)


def continue_topics(space: Space, cut: Cut, earlier: EarlierRun | None) -> Cut:
    """Return the earlier topics, grown to the new items, and those clusters of `cut` that are mostly new.

    Without an earlier run it is the cut itself.
    """
    if earlier is None:
        return cut
    ids = list(earlier.topic_ids)
    place_of_topic = {topic: place for place, topic in enumerate(ids)}
    before = np.full(len(space.vectors), _NEW)
    places = [place_of_topic.get(topic, min(topic, -1)) for topic in earlier.topic_of_item.tolist()]
    np.maximum.at(before, space.row_of_item, places)
    start = np.maximum(before, -1)
    next_id = earlier.clustering.parameters["next_id"]
    for cluster in range(len(cut.ids)):
        members = cut.labels == cluster
        if (before[members] >= 0).mean() < 0.5:
            start[members & (before < 0)] = len(ids)
            ids.append(next_id)
            next_id += 1
    # Rows that the earlier rule learned from keep their label; only new rows take the label of their neighbours.
    labels = np.where(before == _NEW, grow(space.graph, start), start)
    return replace(cut, labels=labels, ids=tuple(ids)).packed()


def fit_layers(granularity: Granularity, default: Cut, earlier: EarlierRun | None) -> FittedLayers:
    """Return the default cut and those of coarser and finer layers, each with its rule.

    The default has the earlier rule if that still fits; all others are learned.
    """
    space = granularity.space
    fitted = _with_earlier_rule(space, default, earlier) if earlier is not None else None
    if fitted is None:
        fitted = FittedCut.learn(space, default)
    others = [FittedCut.learn(space, cut) for cut in layer_cuts(granularity.cuts, granularity.chosen)]
    cuts = sorted([fitted, *others], key=lambda cut: len(cut.ids))
    return FittedLayers(space, cuts, cuts.index(fitted))


def _with_earlier_rule(space: Space, cut: Cut, earlier: EarlierRun) -> FittedCut | None:
    """Return the cut with the earlier rule; None if it no longer fits.

    It fits if the topics are the same, few items are new, and each topic has an item.
    """
    new_items = int((earlier.topic_of_item == _NEW).sum())
    if cut.ids != earlier.topic_ids or new_items > _NEW_SHARE * len(earlier.topic_of_item):
        return None
    fitted = FittedCut.keep(space, cut, earlier.clustering.rule, earlier.topic_of_item)
    return fitted if fitted.filled.all() else None
