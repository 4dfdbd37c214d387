"""Topics that go on from an earlier clustering with their ids, and with their rule as long as it still fits.

An item keeps its topic unless the fresh fits of this run and of the run before want it elsewhere, and few move in one
run: a split takes several runs. A new topic is born where the fresh fit has a cluster in which no earlier topic has
most of its items.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recs.arrays import BoolArray, IntArray
from recs.clustering.communities import grow
from recs.clustering.fitting import FittedCut, FittedLayers, with_topics_of_copies
from recs.clustering.granularity import Cut, Granularity, layer_cuts
from recs.clustering.growth.earlier import NEW, EarlierRun
from recs.clustering.growth.votes import Wishes
from recs.clustering.labels import renumber, value_by_label
from recs.clustering.space import Space

_NEW_SHARE = 0.2  # if more of the items are new, the rule is learned again
_MOVED_SHARE = 0.02  # of the items with a topic; at most so many move in one run, or as many as a new topic needs
_MOVES_OF_NEW = 2  # for each new item at most so many move
_SAME = 0.5  # Jaccard index of a cluster in this run and in the run before
_UNBORN = -2  # in `leanings`: the first of the new topics that are not yet there; the others are below


@dataclass(frozen=True, slots=True, eq=False)
class Continuation:
    """The topics that go on, in one cut with the new ones.

    Attributes
    ----------
    held : bool array of shape (rows,)
        Rows that had a topic: they are in the cluster that the cut gives them, whatever the rule says.
    leanings : int64 array of shape (items,)
        As in `Clustering`.
    """

    cut: Cut
    held: BoolArray
    leanings: IntArray


def continue_topics(granularity: Granularity, earlier: EarlierRun | None) -> Continuation:
    """Return the earlier topics, grown to the new items, with the new topics; without an earlier run the fresh cut.

    Without new items, nothing moves and nothing is new.
    """
    space, cut = granularity.space, granularity.chosen
    if earlier is None:
        return Continuation(cut, np.zeros(len(cut.labels), bool), np.full(len(space.row_of_item), -1))
    before = _earlier_places(space, cut, earlier)
    held = np.zeros(len(before), bool)
    held[space.row_of_item[earlier.assigned >= 0]] = True
    if not earlier.is_new.any():
        return Continuation(_continued(space, cut, earlier, before, np.full(len(before), -1)), held, earlier.leanings)
    topics = len(earlier.topic_ids)
    fresh = Wishes.of(space, cut, before, topics)
    lasting = _lasting(space, fresh, earlier, before)
    wanted = np.where((before < 0) & (lasting.births >= 0), topics + lasting.births, -1)
    moving = _within(np.bincount(space.row_of_item)[lasting.rows], _most_moves(space, earlier))
    wanted[lasting.rows[moving]] = lasting.targets[moving]
    continued = _continued(space, cut, earlier, before, wanted)
    return Continuation(continued, held, _leanings(space, fresh, earlier, continued))


def _most_moves(space: Space, earlier: EarlierRun) -> int:
    had_topic = int((earlier.assigned >= 0).sum())
    return min(max(int(_MOVED_SHARE * had_topic), space.size), _MOVES_OF_NEW * int(earlier.is_new.sum()))


def _within(items: IntArray, most: int) -> IntArray:
    """Return the first places whose numbers of items are no more than `most` together; larger ones are passed over.

    Copies of one text move together: so a text with many copies stays.

    Examples
    --------
    >>> _within(np.array([1, 40, 2, 3, 1]), 5).tolist()
    [0, 2]
    """
    small = np.flatnonzero(items <= most)
    return small[np.cumsum(items[small]) <= most]


def _lasting(space: Space, wishes: Wishes, earlier: EarlierRun, before: IntArray) -> Wishes:
    """Return the wishes that the run before had too; and the new topics that are mostly of items without a topic."""
    topics = len(earlier.topic_ids)
    leaning = _of_rows(space, earlier.leanings)
    was_there = np.zeros(len(before), bool)
    was_there[space.row_of_item[~earlier.is_new]] = True
    is_born = np.zeros(wishes.count, bool)
    for birth in range(wishes.count):
        members = wishes.births == birth
        mostly_new = 2 * (before[members] >= 0).sum() < members.sum()
        is_born[birth] = mostly_new or _came_before(members & was_there, leaning)
    id_of_target = np.append(earlier.topic_ids, np.full(wishes.count, _UNBORN))
    to_birth = wishes.targets >= topics
    birth_of_move = np.where(to_birth, wishes.targets - topics, -1)
    to_same = leaning[wishes.rows] == id_of_target[wishes.targets]
    is_moving = np.where(to_birth, value_by_label(is_born, birth_of_move, missing=False), to_same)
    return wishes.only(is_born, is_moving)


def _came_before(members: BoolArray, leaning: IntArray) -> bool:
    """Return whether the run before had the same new topic."""
    for unborn in np.unique(leaning[members & (leaning <= _UNBORN)]):
        others = leaning == unborn
        if (members & others).sum() >= _SAME * (members | others).sum():
            return True
    return False


def _of_rows(space: Space, values: IntArray) -> IntArray:
    """Return a value for each row from those of its items: the one of its first item."""
    first_item_of_row = np.unique(space.row_of_item, return_index=True)[1]
    return values[first_item_of_row]


def _continued(space: Space, cut: Cut, earlier: EarlierRun, before: IntArray, wanted: IntArray) -> Cut:
    """Return the earlier topics, and the new ones that are large enough, with the rows that are wanted there."""
    topics = len(earlier.topic_ids)
    sizes = np.bincount(wanted[wanted >= 0], minlength=topics)
    is_possible = (sizes >= space.size) | (np.arange(len(sizes)) < topics)
    wanted = np.where(value_by_label(is_possible, wanted, missing=False), wanted, -1)
    start = np.where(wanted >= 0, wanted, np.maximum(before, -1))
    # Rows with a topic keep it; only new rows take the label of their neighbours.
    is_open = (before == NEW) & (wanted < 0)
    labels = start if space.graph is None else np.where(is_open, grow(space.graph, start), start)
    number_of_birth = np.cumsum(is_possible[topics:]) - 1
    ids = (*earlier.topic_ids, *(earlier.next_id + number_of_birth).tolist())
    return replace(cut, labels=labels, ids=ids).packed()


def _leanings(space: Space, wishes: Wishes, earlier: EarlierRun, continued: Cut) -> IntArray:
    """Return for each item where the fresh fit wants it if it is elsewhere, as in `Clustering.leanings`."""
    topics = len(earlier.topic_ids)
    now = renumber(continued.labels, continued.ids)
    leaning = np.where(wishes.births >= 0, _UNBORN - wishes.births, -1)
    to_topic = wishes.targets < topics
    leaning[wishes.rows[to_topic]] = np.array(earlier.topic_ids)[wishes.targets[to_topic]]
    for birth in range(wishes.count):
        members = wishes.births == birth
        born = now[members & (now >= earlier.next_id)]
        if len(born):
            leaning[members] = born[0]
    return np.where(leaning == now, -1, leaning)[space.row_of_item]


def _earlier_places(space: Space, cut: Cut, earlier: EarlierRun) -> IntArray:
    """Return the place of the earlier topic of each row; -1 for none, -2 if the row is new and none is recognised.

    The earlier rule recognises the topic of a new row, but only where the row is in one cluster with most of the
    topic's items that are here. If they are in another cluster, the row may be of a new subject near to the topic.
    """
    place_of_topic = {topic: place for place, topic in enumerate(earlier.topic_ids)}
    places = [place_of_topic.get(topic, min(topic, -1)) for topic in earlier.anchors.tolist()]
    before = np.full(len(space.vectors), NEW)
    np.maximum.at(before, space.row_of_item, places)

    old_rows = np.flatnonzero(before >= 0)
    rows_of_topic = np.zeros((len(cut.ids) + 1, len(place_of_topic)))  # in each cluster; the last: in none
    np.add.at(rows_of_topic, (cut.labels[old_rows], before[old_rows]), 1)
    is_home = 2 * rows_of_topic >= rows_of_topic.sum(axis=0)
    nearest = earlier.clustering.rule.assign(space.vectors)
    is_recognised = (before == NEW) & (nearest >= 0) & is_home[cut.labels, nearest]
    return np.where(is_recognised, nearest, before)


def fit_layers(granularity: Granularity, default: FittedCut) -> FittedLayers:
    """Return the default cut and those of coarser and finer layers, each with its rule."""
    others = [_learned(granularity.space, cut, next_id=0) for cut in layer_cuts(granularity.cuts, granularity.chosen)]
    cuts = sorted([default, *others], key=lambda cut: len(cut.ids))
    return FittedLayers(granularity.space, cuts, cuts.index(default))


def fit_default(space: Space, continued: Continuation, cut: Cut, earlier: EarlierRun | None) -> FittedCut:
    """Return the default cut with its rule, which is the earlier one if that still fits.

    `cut` is that of `continued` after the edits of the user. A text that is repeated often enough and that no topic
    takes is a topic of its own.
    """
    if earlier is None:
        return _learned(space, cut, next_id=0)
    fitted = _with_earlier_rule(space, continued, cut, earlier)
    return fitted or _learned(space, cut, next_id=earlier.next_id, held=continued.held)


def _learned(space: Space, cut: Cut, *, next_id: int, held: BoolArray | None = None) -> FittedCut:
    first_free = max([next_id, *(topic + 1 for topic in cut.ids)])
    fitted = FittedCut.learn(space, cut, held=held)
    return with_topics_of_copies(space, fitted, next_id=first_free, held=held)


def _with_earlier_rule(space: Space, continued: Continuation, cut: Cut, earlier: EarlierRun) -> FittedCut | None:
    """Return the cut with the earlier rule; None if it no longer fits.

    It fits if the topics are the same and no item moves, few items are new, and each topic has an item. A text that is
    repeated often enough has a topic.
    """
    new_items = int((earlier.learned == NEW).sum())
    if cut.ids != earlier.topic_ids or new_items > _NEW_SHARE * len(earlier.learned):
        return None
    labels = renumber(cut.labels, cut.ids)[space.row_of_item]
    if ((earlier.anchors >= 0) & (labels != earlier.anchors)).any():
        return None
    fitted = FittedCut.keep(space, cut, earlier.clustering.rule, earlier.learned, held=continued.held)
    repeated_have_topics = (fitted.assigned[space.is_repeated] >= 0).all()
    return fitted if fitted.filled.all() and repeated_have_topics else None
