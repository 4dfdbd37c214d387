"""An earlier clustering, seen from the items at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recs.arrays import BoolArray, IntArray
from recs.clustering.granularity import Cut
from recs.clustering.result import Clustering
from recs.text.counts import counted

NEW = -2  # in place of a topic: the item was not in the earlier run, or its rule did not learn from it
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class EarlierRun:
    """An earlier clustering with topics, and what it says about each of the items at hand.

    Attributes
    ----------
    learned : int64 array of shape (items,)
        The topic that the earlier rule learned for each item; -1 for none, -2 for items it did not learn from.
    assigned : int64 array of shape (items,)
        The topic that each item had; -1 for none, -2 for items that were not there.
    leanings : int64 array of shape (items,)
        As in `Clustering`.
    """

    clustering: Clustering
    learned: IntArray
    assigned: IntArray
    leanings: IntArray

    @classmethod
    def of(cls, clustering: Clustering | None, ids: Sequence[str]) -> EarlierRun | None:
        """Return the run, or None if there are no topics that could go on."""
        if clustering is None or not clustering.topics:
            return None
        place_of_id = {item: place for place, item in enumerate(clustering.ids)}
        places = np.array([place_of_id.get(item, -1) for item in ids], np.int64)
        was_there = places >= 0

        def at_hand(values: IntArray, missing: int) -> IntArray:
            return np.where(was_there, values[places], missing)

        return cls(
            clustering,
            at_hand(clustering.learned, NEW),
            at_hand(clustering.assigned, NEW),
            at_hand(clustering.leanings, -1),
        )

    @property
    def anchors(self) -> IntArray:
        """The topic that each item has until there is a reason to move it; -1 for none, -2 for a new item."""
        return np.where(self.assigned >= 0, self.assigned, self.learned)

    @property
    def is_new(self) -> BoolArray:
        """Which items were not in the earlier run."""
        return np.asarray(self.assigned == NEW)

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
        if (self.learned == NEW).all():
            yield (
                f"previous: no item was in the earlier run; {len(self.topic_ids) - len(gone)} of its "
                f"{counted(len(self.topic_ids), 'topic')} were recognised by the vectors of new items."
            )
        if gone:
            names = ", ".join(gone[:_NAMES_SHOWN]) + (", …" if len(gone) > _NAMES_SHOWN else "")
            topics_have = counted(len(gone), "topic of the earlier run has", "topics of the earlier run have")
            yield f"previous: {topics_have} no item here: {names}."
