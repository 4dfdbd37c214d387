"""What the user is told about topics since an earlier run: which are new, split off, merged or gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from recs.clustering.parts import ChangeKind, Layer, TopicChange
from recs.clustering.phrases import Topic
from recs.clustering.result import Clustering


def changes_since(earlier: Clustering, ids: Sequence[str], layer: Layer) -> tuple[TopicChange, ...]:
    """Return what is not as in the earlier run: first new topics, then those that are gone, by id.

    `ids` are those of the items that `layer` assigns.
    """
    had = {item: topic for item, topic in zip(earlier.ids, earlier.assigned.tolist(), strict=True) if topic >= 0}
    has = {item: topic for item, topic in zip(ids, layer.assigned.tolist(), strict=True) if topic >= 0}
    return (*_new(earlier, layer, had, has), *_gone(earlier, layer, ids, had, has))


def _new(earlier: Clustering, layer: Layer, had: dict[str, int], has: dict[str, int]) -> Iterator[TopicChange]:
    before = {topic.id: topic for topic in earlier.topics}
    for topic in layer.topics:
        if topic.id not in before:
            came_from = Counter(had.get(item) for item, own in has.items() if own == topic.id)
            other = _most(came_from, before)
            yield _change("split" if other else "new", topic, other)


def _gone(
    earlier: Clustering, layer: Layer, ids: Sequence[str], had: dict[str, int], has: dict[str, int]
) -> Iterator[TopicChange]:
    now = {topic.id: topic for topic in layer.topics if topic.size}
    for topic in earlier.topics:
        if topic.id not in now:
            went_to = Counter(has.get(item) for item in ids if had.get(item) == topic.id)
            other = _most(went_to, now)
            yield _change("merged" if other else "gone", topic, other)


def _most(topics: Counter[int | None], by_id: dict[int, Topic]) -> Topic | None:
    """Return the topic that more than half of the items have, if there is one."""
    for topic, items in topics.most_common(1):
        if topic is not None and 2 * items > topics.total():
            return by_id.get(topic)
    return None


def _change(kind: ChangeKind, topic: Topic, other: Topic | None) -> TopicChange:
    return TopicChange(
        kind, topic.id, topic.name, topic.size, other.id if other else None, other.name if other else None
    )
