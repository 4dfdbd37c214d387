"""Cuts of the tree of merges at many resolutions, and the choice of the cut that is most stable.

A cut is stable if nearly the same clusters come back when three tenths of the rows are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from recs.arrays import IntArray, unit_rows
from recs.clustering.assignment import cluster_means, core_thresholds, separation, without_itself
from recs.clustering.labels import cluster_sizes, number_by_size, value_by_label, without_small_clusters
from recs.clustering.parts import SweepRow
from recs.clustering.space import Level, MergeTree, Space

_RESOLUTIONS = tuple(2.0 ** (step / 2) for step in range(-4, 7))  # from 1/4 to 8
_USUAL_LOG2 = 0.75  # binary logarithm of the resolution that is tried where several give the same number of clusters

_RUNS = 4  # how often rows are left out
_KEPT_SHARE = 0.7  # of the rows, in each run
_STABLE = 0.6  # noise does not reach this: it has 0.2 to 0.5, and collections of writing have 0.7 and more

# The stability of few rows varies more. So the stability that noise reaches is measured.
_FEW_ROWS = 300
_SHUFFLES = 3
_STABLE_FEW = 0.5
_MARGIN = 0.1  # above the stability of noise
_MOST = 0.9

_LAYERS = 3  # on either side of the default
_STEP = 1.5  # each layer has at least so many times fewer or more topics than the one before


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What one run found, with some of the rows left out: the rows, and the cluster of each."""

    rows: IntArray
    labels: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Clusters of n rows at one resolution.

    Attributes
    ----------
    labels : int64 array of shape (n,)
        0 to c - 1, or -1.
    ids
        The ids of the c clusters.
    runs
        What came back in each run.
    stability, coverage, separation
        As in `recs.clustering.result.SweepRow`.
    """

    resolution: float
    labels: IntArray
    ids: tuple[int, ...]
    runs: tuple[Run, ...] = ()
    stability: float = 0.0
    coverage: float = 0.0
    separation: float = 0.0

    @property
    def score(self) -> float:
        """Stability times separation; lower where rows are left over, and for few topics.

        The last factor is the chance that two rows are of different topics. Two halves of a site are stable and far
        apart, but say little; so do a small group far away and all the rest.
        """
        shares = cluster_sizes(self.labels) / max(int((self.labels >= 0).sum()), 1)
        different = 1 - float((shares**2).sum())
        return self.stability * max(self.separation, 0.0) * (1 + self.coverage) / 2 * different

    def packed(self) -> Cut:
        """Return the cut without clusters that have no row; the others keep their ids."""
        filled = np.unique(self.labels[self.labels >= 0])
        ids = tuple(self.ids[cluster] for cluster in filled)
        return replace(self, labels=without_small_clusters(self.labels, 1), ids=ids)


def sweep_resolutions(space: Space, n_topics: int | None) -> list[Cut]:
    """Return a cut for each resolution that is tried, from coarse to fine, with its stability and coverage."""
    if space.graph is None or space.cores.labels.max(initial=-1) < 0:
        return []
    rows = np.flatnonzero(space.grown >= 0)
    tree = MergeTree(space, rows)
    levels = _levels_to_try(tree, n_topics)
    labels_of_cuts = [number_by_size(tree.at(level)) for level in levels]
    runs_of_cuts = _runs(space, rows, levels)
    return [
        _judged(space, Cut(level.resolution, labels, tuple(range(labels.max() + 1)), tuple(runs)))
        for level, labels, runs in zip(levels, labels_of_cuts, runs_of_cuts, strict=True)
        if labels.max(initial=-1) > 0
    ]


def _levels_to_try(tree: MergeTree, n_topics: int | None) -> list[Level]:
    """Return one resolution for each number of clusters: the one that is nearest to the usual; and what is wanted."""
    by_count: dict[int, float] = {}
    for resolution in sorted(_RESOLUTIONS, key=_octaves_from_usual):
        count = tree.merges.count(resolution)
        if count > 1:
            by_count.setdefault(count, resolution)
    levels = [Level(resolution) for resolution in by_count.values()]
    if n_topics is not None:
        levels.append(Level(tree.merges.resolution(n_topics), n_topics))
    return sorted(levels, key=lambda level: level.resolution)


def _octaves_from_usual(resolution: float) -> float:
    return abs(math.log2(resolution) - _USUAL_LOG2)


def _runs(space: Space, rows: IntArray, levels: Sequence[Level]) -> list[list[Run]]:
    """Cluster random parts of the rows; return the runs of each level."""
    random = np.random.default_rng(0)
    runs: list[list[Run]] = [[] for _ in levels]
    for _ in range(_RUNS):
        some_rows = np.sort(random.permutation(rows)[: math.ceil(_KEPT_SHARE * len(rows))])
        tree = MergeTree(space, some_rows)
        for place, level in enumerate(levels):
            runs[place].append(Run(some_rows, tree.at(level)[some_rows]))
    return runs


def _judged(space: Space, cut: Cut) -> Cut:
    """Return the cut with its stability and its coverage. The rule of the layer will cover nearly the same share."""
    from sklearn.metrics import adjusted_mutual_info_score

    agreements = [adjusted_mutual_info_score(cut.labels[run.rows], run.labels) for run in cut.runs]
    centroids = unit_rows(cluster_means(space.vectors, cut.labels))
    own_centroids = value_by_label(centroids, cut.labels, missing=0).astype(np.float32)
    cosines = np.einsum("ij,ij->i", space.vectors, own_centroids).astype(np.float64)
    fair = without_itself(space.vectors, cut.labels, cut.labels, cosines)
    thresholds = core_thresholds(cut.labels, fair, space.in_core, len(cut.ids))
    is_close = cosines >= value_by_label(thresholds, cut.labels, missing=np.inf)
    is_covered = is_close | space.is_repeated  # a text that is repeated has a topic in any case
    coverage = float(is_covered[space.row_of_item].mean())
    return replace(
        cut,
        stability=round(float(np.mean(agreements)), 6),
        coverage=round(coverage, 6),
        separation=round(separation(space.vectors, cut.labels, fair), 6),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Granularity:
    """The cuts that were tried, the one that was chosen, and notes for the user that say why.

    `space` has other cores than the space of the sweep if each topic is a group of copies of one text.
    """

    space: Space
    cuts: Sequence[Cut]
    chosen: Cut
    notes: tuple[str, ...] = ()

    @property
    def sweep(self) -> tuple[SweepRow, ...]:
        """A row for each cut, for the user."""
        return tuple(
            SweepRow(
                cut.resolution,
                len(cut.ids),
                cut.stability,
                cut.coverage,
                round(cut.score, 6),
                cut is self.chosen,
                cut.separation,
            )
            for cut in self.cuts
        )


def choose_granularity(space: Space, n_topics: int | None) -> Granularity:
    """Try many resolutions; choose the cut nearest to `n_topics`, or the stable cut with the best score.

    If no cut is stable, groups of copies of one text are the topics.
    """
    cuts = sweep_resolutions(space, n_topics)
    if cuts and n_topics is not None:
        return _nearest_count(space, cuts, n_topics)
    least = _least_stability(space) if cuts else 1.0
    stable = [cut for cut in cuts if cut.stability >= least]
    if stable:
        return Granularity(space, cuts, max(stable, key=lambda cut: cut.score))
    return _groups_of_copies(space, cuts)


def _nearest_count(space: Space, cuts: Sequence[Cut], n_topics: int) -> Granularity:
    nearest = min(cuts, key=lambda cut: (abs(len(cut.ids) - n_topics), -cut.score))
    if len(nearest.ids) == n_topics:
        return Granularity(space, cuts, nearest)
    note = f"{n_topics:,} topics were requested; the nearest number that was found is {len(nearest.ids):,}."
    return Granularity(space, cuts, nearest, (note,))


def _groups_of_copies(space: Space, cuts: Sequence[Cut]) -> Granularity:
    if len(space.vectors) < 2 * space.size:
        reason = "there are too few texts"
    elif len(space.vectors) <= space.options.min_samples:
        reason = f"no text has {space.options.min_samples:,} others beside it (min_samples)"
    elif cuts:
        reason = "no topic comes back when some of the items are left out"
    else:
        reason = "no part of the collection is denser than the rest"
    notes = [f"no clusters found: {reason}."]
    space = space.with_copies_as_cores()
    labels = space.cores.labels
    groups = int(labels.max(initial=-1)) + 1
    if groups:
        notes.append("each topic is a group of copies of one text.")
    chosen = Cut(1.0, labels, tuple(range(groups)), stability=1.0 if groups else 0.0)
    return Granularity(space, cuts, chosen, tuple(notes))


def _least_stability(space: Space) -> float:
    """Return the stability that a cut must reach; for few rows it is above what shuffled numbers reach."""
    if len(space.vectors) > _FEW_ROWS:
        return _STABLE
    random = np.random.default_rng(0)
    of_noise: list[float] = []
    for _ in range(_SHUFFLES):
        of_noise += [cut.stability for cut in sweep_resolutions(space.shuffled(random), None)]
    return min(max(_STABLE_FEW, max(of_noise, default=0.0) + _MARGIN), _MOST)


def layer_cuts(cuts: Sequence[Cut], chosen: Cut) -> list[Cut]:
    """Return the cuts for the layers beside the chosen one: at each step coarser or finer, the most stable cut."""
    if chosen not in cuts:
        return []
    return [*_steps(cuts, chosen, finer=False), *_steps(cuts, chosen, finer=True)]


def _steps(cuts: Sequence[Cut], chosen: Cut, *, finer: bool) -> list[Cut]:
    offered: list[Cut] = []
    last = len(chosen.ids)
    for _ in range(_LAYERS):
        factors = [(len(cut.ids) / last if finer else last / len(cut.ids), cut) for cut in cuts]
        candidates = [cut for factor, cut in factors if _STEP <= factor < _STEP**2]
        if not candidates:  # a larger step: to the nearest of the cuts, which go from coarse to fine
            farther = [cut for factor, cut in factors if factor >= _STEP]
            candidates = farther[:1] if finer else farther[-1:]
        candidates = [cut for cut in candidates if cut.stability >= _STABLE_FEW]
        if not candidates:
            break
        offered.append(max(candidates, key=lambda cut: cut.stability))
        last = len(offered[-1].ids)
    return offered
