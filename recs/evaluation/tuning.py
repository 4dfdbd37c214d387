"""Learn from the links of a site how to re-order the candidates of the fused ranking.

Learning starts from the default ranking and from what the links of other sites taught: few links change little. The
gain is measured by repeated cross-validation over sources: each source is ranked by weights that were learned without
its links.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recs.arrays import Float64Array, IntArray
from recs.errors import SourceError
from recs.evaluation.baselines import DEPTH
from recs.evaluation.judgments import Judgments, judged_sources, with_judgments
from recs.evaluation.metrics import Estimate, bootstrap, ndcg
from recs.evaluation.regression import fit_logistic
from recs.items import Collection, Item
from recs.ranking.rank import RankedItems, rank_items, untuned_scores
from recs.ranking.reranker import Tuned, inbound_feature, pair_features
from recs.text.counts import counted
from recs.text.links import hide_links

_FEWEST = 10  # sources
_FOLDS = 5
_REPEATS = 3
LEVEL = 0.6  # of the interval that must be above 0: four of five resamples gain
_PRIOR = {
    "default": (1.0, 0.25),
    "inbound": (1.0, 0.3),
    "dates": (0.0, 0.2),
    **dict.fromkeys(("tags", "category", "series"), (0.0, 0.35)),
    "terms": (0.0, 0.1),
    **dict.fromkeys(("mentions", "dense", "passages"), (0.0, 0.2)),
}
"""By feature: mean and deviation of its weight before a link of the site is seen. Regressions on all links of ten sites
gave the feature "inbound" a weight near 1 on eight of them (docs/benchmarks.md); all other means are the default's."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was learned, and whether it helps.

    Attributes
    ----------
    sources
        How many items with links were learned from.
    before, after
        Mean nDCG@10 of the default ranking and of the tuned one, cross-validated.
    gain
        Mean of the difference, source by source.
    tuned
        Weights learned from all sources; None if fewer than four of five resamples of the sources gain.
    notes
        What a person should know about the ranking, as in `recs.RelatedLists`.
    """

    sources: int
    before: Estimate
    after: Estimate
    gain: Estimate
    tuned: Tuned | None
    notes: tuple[str, ...] = ()


def tune_related(collection: Collection, *, judgments: Any = None, **options: Any) -> Tuning:
    """Learn from the links between the public items of a collection to rank as its author would.

    Parameters
    ----------
    judgments
        As in `recs.evaluate_related`.
    options
        Those of `recs.related_items`: embedder, signals, cache, overflow, progress.

    Raises
    ------
    SourceError
        If fewer than ten items link to others.

    Notes
    -----
    The same items give the same weights: folds are drawn by a seeded generator over sorted ids.

    Examples
    --------
    >>> import recs
    >>> links = (recs.Link(0, 0, "seeds", "b"),)
    >>> items = (recs.Item(id="a", text="garden soil", links=links), recs.Item(id="b", text="garden seeds"))
    >>> recs.tune_related(recs.Collection(items))
    Traceback (most recent call last):
    recs.errors.SourceError: 1 item links to others; recs tune needs 10 to learn from.
    """
    if judgments is not None:
        collection = with_judgments(collection, judgments)
    items = collection.public
    judged, _ = judged_sources(items)
    if len(judged) < _FEWEST:
        items_link = counted(len(judged), "item links", "items link")
        raise SourceError(f"{items_link} to others; recs tune needs {_FEWEST} to learn from.")
    ranked = rank_items(hide_links(items, collection.boilerplate), **options)
    learner = Learner(items, ranked, judged)
    before, after = learner.cross_validate()
    gain = bootstrap(after - before)
    tuned = None
    if bootstrap(after - before, level=LEVEL).low > 0:
        report = {
            "before": _six_digits(before.mean()),
            "after": _six_digits(after.mean()),
            "interval": [_six_digits(gain.low), _six_digits(gain.high)],
        }
        tuned = replace(learner.learn(np.arange(len(judged))), gain=report)
    return Tuning(
        sources=len(judged),
        before=bootstrap(before),
        after=bootstrap(after),
        gain=gain,
        tuned=tuned,
        notes=tuple(ranked.notes),
    )


class Learner:
    """The sources with their candidates; learns weights from some of the sources.

    A place is the position of a source in `rows`; a row is the position of an item in `items`.
    """

    def __init__(self, items: Sequence[Item], ranked: RankedItems, judged: Judgments) -> None:
        self.items = items
        self.ranked = ranked
        row_of = {item.id: row for row, item in enumerate(items)}
        self.rows = np.array(sorted(row_of[name] for name in judged))
        self.relevant = [{row_of[name] for name in judged[items[row].id]} for row in self.rows.tolist()]
        self.candidates = ranked.fused.indices[self.rows]
        self.default_scores = untuned_scores(items, ranked)[self.rows]
        self.linked = np.array(
            [np.isin(row, sorted(rows)) for row, rows in zip(self.candidates, self.relevant, strict=True)]
        )
        features = pair_features(items, ranked.fused, ranked.used, untuned_scores(items, ranked))
        self.static_features = {name: values[self.rows] for name, values in features.items()}
        self.prior = np.array([_PRIOR[name] for name in features])

    def features(self, places: IntArray) -> dict[str, Float64Array]:
        """Return features of all sources, shape (sources, depth); "inbound" counts the links of some sources alone."""
        inbound = inbound_feature(self.items, self.ranked.fused, self.rows[places])
        return {**self.static_features, "inbound": inbound[self.rows]}

    def learn(self, places: IntArray) -> Tuned:
        """Learn from some sources."""
        features = self.features(places)
        real = self.candidates[places] >= 0
        pairs = np.stack([values[places][real] for values in features.values()], axis=1)
        weights, intercept = fit_logistic(pairs, self.linked[places][real], self.prior[:, 0], self.prior[:, 1])
        return Tuned(
            *self.ranked.made_of,
            weights=dict(zip(features, map(_six_digits, weights), strict=True)),
            intercept=_six_digits(intercept),
            gain={},
        )

    def ndcg(self, scores: Float64Array, places: IntArray) -> Float64Array:
        """Return nDCG of some sources, ordered by scores; ties keep their order."""
        order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), axis=1, kind="stable")
        candidates = np.take_along_axis(self.candidates[places], order, axis=1)
        pairs = zip(candidates[:, :DEPTH].tolist(), places.tolist(), strict=True)
        return np.array([ndcg(ranked, self.relevant[place], DEPTH) for ranked, place in pairs])

    def cross_validate(self) -> tuple[Float64Array, Float64Array]:
        """Return nDCG of each source before tuning, and after it, by weights that were learned without the source."""
        all_places = np.arange(len(self.rows))
        after = np.zeros(len(all_places))
        for repeat in range(_REPEATS):
            for fold in np.array_split(np.random.default_rng(repeat).permutation(len(all_places)), _FOLDS):
                rest = np.setdiff1d(all_places, fold)
                features = {name: values[fold] for name, values in self.features(rest).items()}
                after[fold] += self.ndcg(self.learn(rest).scores(features), fold) / _REPEATS
        return self.ndcg(self.default_scores, all_places), after


def _six_digits(value: float) -> float:
    """Return a number with six significant digits: enough, and equal on all machines."""
    return float(f"{value:.6g}")
