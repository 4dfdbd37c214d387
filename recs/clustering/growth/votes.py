"""What a fresh fit says about topics of an earlier run: which rows should move, and which new topics there are.

The fresh cut has a vote, and so has each of its runs, in which some rows are left out. A row should move only if most
agree; a cluster should become a topic only if runs have it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray, unit_rows
from recs.clustering.granularity import Cut
from recs.clustering.labels import cluster_sizes, value_by_label
from recs.clustering.space import Space

_SAME = 0.5  # Jaccard index of two clusters that are one
_FEWEST_VOTES = 3  # for a move: that of the cut, and those of two runs
_MAJORITY = 2 / 3  # of the votes
_RUNS_WITH_BIRTH = 0.5  # share of the runs in which a new topic must come back
_NO_VOTE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Wishes:
    """What a fresh fit would change.

    Attributes
    ----------
    births : int64 array of shape (rows,)
        The number of the new topic that each row belongs to, 0 to b - 1; -1 for none.
    rows : int64 array of shape (m,)
        The rows with a topic that should move, the clearest first.
    targets : int64 array of shape (m,)
        Where each should move: the place of a topic, or the number of topics plus that of a birth.
    """

    births: IntArray
    rows: IntArray
    targets: IntArray

    @classmethod
    def none(cls, rows: int) -> Wishes:
        """Return no wish."""
        nothing = np.zeros(0, np.int64)
        return cls(np.full(rows, -1), nothing, nothing)

    @classmethod
    def of(cls, space: Space, cut: Cut, anchors: IntArray, topics: int) -> Wishes:
        """Return what a fresh cut would change.

        Parameters
        ----------
        anchors : int64 array of shape (rows,)
            The place of the earlier topic of each row, 0 to `topics` - 1; negative for none.
        """
        fresh = _Matched.of(np.arange(len(anchors)), cut.labels, anchors, topics)
        runs = [_Matched.of(run.rows, run.labels, anchors, topics) for run in cut.runs]
        born = _births(fresh, runs)
        votes = [fresh.votes(len(anchors), {cluster: number for number, cluster in enumerate(born)})]
        for run in runs:
            same = {run.unmatched_like(fresh, cluster): number for number, cluster in enumerate(born)}
            votes.append(run.votes(len(anchors), same))
        rows, targets = _moves(np.stack(votes), anchors)
        births = np.where(votes[0] >= topics, votes[0] - topics, -1)
        order = _clearest_first(space, anchors, births, rows, targets, topics=topics)
        return cls(births, rows[order], targets[order])

    @property
    def count(self) -> int:
        """How many new topics there are."""
        return int(self.births.max(initial=-1)) + 1

    def only(self, is_born: BoolArray, is_moving: BoolArray) -> Wishes:
        """Return the wishes with some of the new topics, which keep their numbers, and some of the moves."""
        births = np.where(value_by_label(is_born, self.births, missing=False), self.births, -1)
        return Wishes(births, self.rows[is_moving], self.targets[is_moving])


@dataclass(frozen=True, slots=True, eq=False)
class _Matched:
    """Clusters of some rows, and the earlier topics that have most of their rows in each.

    `home_of_topic` is the cluster with most of the rows of each topic, -1 for none; `main_topic` the largest of the
    topics that have their home in each cluster, -1 for none.
    """

    rows: IntArray
    labels: IntArray
    anchors: IntArray
    home_of_topic: IntArray
    main_topic: IntArray

    @classmethod
    def of(cls, rows: IntArray, labels: IntArray, anchors: IntArray, topics: int) -> _Matched:
        clusters = int(labels.max(initial=-1)) + 1
        own = anchors[rows]
        both = (own >= 0) & (labels >= 0)
        shared = np.zeros((clusters + 1, topics), np.int64)  # the last row: no cluster, so that the array is not empty
        np.add.at(shared, (labels[both], own[both]), 1)
        home = np.where(shared.max(axis=0) > 0, shared.argmax(axis=0), -1)
        shared_at_home = np.where(home == np.arange(clusters + 1)[:, None], shared, 0)
        main = (
            np.where(shared_at_home.any(axis=1), shared_at_home.argmax(axis=1), -1)
            if topics
            else np.full(clusters + 1, -1)
        )
        return cls(rows, labels, own, home, main[:-1])

    def unmatched_like(self, fresh: _Matched, cluster: int) -> int:
        """Return the cluster without a topic that has the rows of a cluster of the fresh fit; -1 if none has."""
        members = fresh.labels[self.rows] == cluster
        sizes = cluster_sizes(self.labels, len(self.main_topic))
        shared = cluster_sizes(self.labels[members], len(self.main_topic))
        jaccard = shared / np.maximum(sizes + members.sum() - shared, 1)
        is_same = (jaccard >= _SAME) & (self.main_topic < 0)
        return int(np.append(np.flatnonzero(is_same), -1)[0])

    def votes(self, n: int, births: Mapping[int, int]) -> IntArray:
        """Return the place of the topic that each of n rows should have; -1 where these clusters do not say."""
        target_of_cluster = self.main_topic.copy()
        for cluster, number in births.items():
            if cluster >= 0:
                target_of_cluster[cluster] = len(self.home_of_topic) + number
        target = value_by_label(target_of_cluster, self.labels, missing=_NO_VOTE)
        home = value_by_label(self.home_of_topic, np.maximum(self.anchors, -1), missing=_NO_VOTE)
        stays = (self.anchors >= 0) & (home == self.labels)
        votes = np.full(n, _NO_VOTE)
        votes[self.rows] = np.where(stays, self.anchors, target)
        return votes


def _births(fresh: _Matched, runs: Sequence[_Matched]) -> list[int]:
    """Return the clusters that no topic has its home in, and that come back in enough runs."""
    return [
        cluster
        for cluster in np.flatnonzero(fresh.main_topic < 0).tolist()
        if sum(run.unmatched_like(fresh, cluster) >= 0 for run in runs) >= _RUNS_WITH_BIRTH * len(runs)
    ]


def _moves(votes: IntArray, anchors: IntArray) -> tuple[IntArray, IntArray]:
    """Return the rows that most votes want to move, the fresh cut among them, and where to."""
    target = votes[0]
    for_target = (votes == target).sum(axis=0)
    agree = (for_target >= _FEWEST_VOTES) & (for_target >= _MAJORITY * (votes != _NO_VOTE).sum(axis=0))
    rows = np.flatnonzero(agree & (target >= 0) & (anchors >= 0) & (target != anchors))
    return rows, target[rows]


def _clearest_first(
    space: Space, anchors: IntArray, births: IntArray, rows: IntArray, targets: IntArray, *, topics: int
) -> IntArray:
    """Return an order of the moves: to new topics first, then the largest groups from one topic to another.

    So a split is soon done. In a group, rows that are nearer to their target than to where they are come first.
    """
    middles = unit_rows(np.concatenate([_sums(space, anchors, topics), _sums(space, births)]))
    gains = np.einsum("ij,ij->i", space.vectors[rows], middles[targets] - middles[anchors[rows]])
    pairs = np.stack([anchors[rows], targets])
    _, group, sizes = np.unique(pairs, axis=1, return_inverse=True, return_counts=True)
    to_old_topic = targets < topics
    return np.lexsort((-gains, group, -sizes[group], to_old_topic))


def _sums(space: Space, labels: IntArray, clusters: int = 0) -> Float64Array:
    """Return the sum of the vectors of each cluster; zeros for a cluster without rows."""
    sums = np.zeros((max(int(labels.max(initial=-1)) + 1, clusters), space.vectors.shape[1]))
    rows = np.flatnonzero(labels >= 0)
    np.add.at(sums, labels[rows], space.vectors[rows])
    return sums
