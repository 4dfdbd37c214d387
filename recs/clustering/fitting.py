"""A cut together with the rule learned from it, which assigns rows to the topics of the cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray, unit_rows
from recs.clustering.assignment import Discriminant, without_itself
from recs.clustering.granularity import Cut
from recs.clustering.labels import cluster_sizes, renumber, value_by_label
from recs.clustering.space import Space


@dataclass(frozen=True, slots=True, eq=False)
class FittedCut:
    """A cut, the rule learned from it, and what the rule says about n rows.

    Attributes
    ----------
    assigned : int64 array of shape (n,)
        The place of the topic in `ids`; -1 for none.
    cosines : float64 array of shape (n,)
        With the centroid of the topic that each row is assigned to, or else of the best one.
    learned : int64 array of shape (items,)
        The id of the topic that the rule learned for each item; -1 for none, -2 for items it did not learn from.
    """

    cut: Cut
    rule: Discriminant
    assigned: IntArray
    cosines: Float64Array
    learned: IntArray

    @classmethod
    def learn(cls, space: Space, cut: Cut, *, held: BoolArray | None = None) -> FittedCut:
        """Learn the rule from a cut; clusters to which the rule assigns no row are left out.

        `held` rows are assigned to their cluster, whatever the rule says.
        """
        while True:
            rule = Discriminant.fit(space.vectors, cut.labels, space.scatter)
            best, cosines = rule.scores(space.vectors)
            fair = without_itself(space.vectors, cut.labels, best, cosines)
            # A topic that is one text: its copies are as close as a new copy will be.
            fair = np.where(value_by_label(is_one_row(cut), cut.labels, missing=False), space.texts.farthest, fair)
            rule = rule.with_thresholds(best, fair, space.in_core)
            learned = renumber(cut.labels, cut.ids)[space.row_of_item]
            fitted = cls(cut, rule, _assigned(space, rule, best, cosines), cosines, learned)._holding(space, held)
            filled = fitted.filled
            if filled.all():
                return fitted
            in_empty_cluster = value_by_label(~filled, cut.labels, missing=False)
            cut = replace(cut, labels=np.where(in_empty_cluster, -1, cut.labels)).packed()

    @classmethod
    def keep(cls, space: Space, cut: Cut, rule: Discriminant, learned: IntArray, *, held: BoolArray) -> FittedCut:
        """Return a cut with a rule that was learned earlier; `held` as in `learn`."""
        best, cosines = rule.scores(space.vectors)
        return cls(cut, rule, _assigned(space, rule, best, cosines), cosines, learned)._holding(space, held)

    def _holding(self, space: Space, held: BoolArray | None) -> FittedCut:
        """Return the same with some rows in their clusters."""
        if held is None:
            return self
        rows = np.flatnonzero(held & (self.cut.labels >= 0) & (self.assigned != self.cut.labels))
        assigned, cosines = self.assigned.copy(), self.cosines.copy()
        assigned[rows] = self.cut.labels[rows]
        cosines[rows] = np.einsum("ij,ij->i", unit_rows(space.vectors[rows]), self.rule.centroids[assigned[rows]])
        return replace(self, assigned=assigned, cosines=cosines)

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of the topics."""
        return self.cut.ids

    @property
    def filled(self) -> BoolArray:
        """Whether each topic has a row."""
        return cluster_sizes(self.assigned, len(self.ids)) > 0


def _assigned(space: Space, rule: Discriminant, best: IntArray, cosines: Float64Array) -> IntArray:
    return best if space.everything else rule.close(best, cosines)


def with_topics_of_copies(space: Space, fitted: FittedCut, *, next_id: int, held: BoolArray | None = None) -> FittedCut:
    """Return the cut with a topic for each text that is repeated often enough and that the rule leaves out."""
    alone = np.flatnonzero(space.is_repeated & (fitted.assigned < 0))
    if not len(alone):
        return fitted
    labels = fitted.cut.labels.copy()
    labels[alone] = len(fitted.ids) + np.arange(len(alone))
    ids = (*fitted.ids, *range(next_id, next_id + len(alone)))
    return FittedCut.learn(space, replace(fitted.cut, labels=labels, ids=ids).packed(), held=held)


@dataclass(frozen=True, slots=True, eq=False)
class FittedLayers:
    """The fitted cuts of all layers, from coarse to fine, and the place of the default among them."""

    space: Space
    cuts: Sequence[FittedCut]
    place: int

    @property
    def default(self) -> FittedCut:
        """The cut of the default layer."""
        return self.cuts[self.place]


def is_one_row(cut: Cut) -> BoolArray:
    """Return which clusters are one row: copies of one text."""
    return np.asarray(cluster_sizes(cut.labels, len(cut.ids)) == 1)


def topic_stabilities(fitted: FittedCut) -> Float64Array:
    """Return how much of each topic came back: the best Jaccard index in each run, averaged over the runs.

    A topic that is one text is whole in every run.
    """
    topics = len(fitted.ids)
    if not fitted.cut.runs:
        return np.full(topics, fitted.cut.stability)
    total = np.zeros(topics)
    for run in fitted.cut.runs:
        ours = fitted.cut.labels[run.rows] + 1
        theirs = run.labels + 1
        rows_in_both = np.zeros((topics + 1, theirs.max() + 1))
        np.add.at(rows_in_both, (ours, theirs), 1)
        rows_in_either = rows_in_both.sum(axis=1, keepdims=True) + rows_in_both.sum(axis=0) - rows_in_both
        jaccard = rows_in_both / np.maximum(rows_in_either, 1)
        total += jaccard[1:, 1:].max(axis=1, initial=0.0)
    return np.where(is_one_row(fitted.cut), 1.0, total / len(fitted.cut.runs))
