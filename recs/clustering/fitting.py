"""A cut together with the rule learned from it, which assigns rows to the topics of the cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray
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
        With the centroid of the best topic.
    learned : int64 array of shape (items,)
        The id of the topic that the rule learned for each item; -1 for none, -2 for items it did not learn from.
    """

    cut: Cut
    rule: Discriminant
    assigned: IntArray
    cosines: Float64Array
    learned: IntArray

    @classmethod
    def learn(cls, space: Space, cut: Cut) -> FittedCut:
        """Learn the rule from a cut; clusters to which the rule assigns no row are left out."""
        while True:
            rule = Discriminant.fit(space.vectors, cut.labels, space.scatter)
            best, cosines = rule.scores(space.vectors)
            fair = without_itself(space.vectors, cut.labels, best, cosines)
            rule = rule.with_thresholds(best, fair, space.in_core)
            learned = renumber(cut.labels, cut.ids)[space.row_of_item]
            fitted = cls(cut, rule, _assigned(space, rule, best, cosines), cosines, learned)
            filled = fitted.filled
            if filled.all():
                return fitted
            in_empty_cluster = value_by_label(~filled, cut.labels, missing=False)
            cut = replace(cut, labels=np.where(in_empty_cluster, -1, cut.labels)).packed()

    @classmethod
    def keep(cls, space: Space, cut: Cut, rule: Discriminant, learned: IntArray) -> FittedCut:
        """Return a cut with a rule that was learned earlier."""
        best, cosines = rule.scores(space.vectors)
        return cls(cut, rule, _assigned(space, rule, best, cosines), cosines, learned)

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


def topic_stabilities(fitted: FittedCut) -> Float64Array:
    """Return how much of each topic came back: the best Jaccard index in each run, averaged over the runs."""
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
    return np.asarray(total / len(fitted.cut.runs))
