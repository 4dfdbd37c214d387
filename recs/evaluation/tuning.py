"""Learning from a site's own links how to re-order the candidates of the fused ranking.

The gain is told by nested cross-validation over sources, repeated: every source is ranked by weights that never saw one
of its links, with a regularisation that was chosen without it too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recs.arrays import Float64Array, IntArray
from recs.errors import MissingDependencyError, SourceError
from recs.evaluation.baselines import DEPTH
from recs.evaluation.judgments import FEW_SOURCES, Judgments, judged_sources, with_judgments
from recs.evaluation.metrics import Estimate, bootstrap, ndcg
from recs.items import Collection, Item
from recs.ranking.rank import RankedItems, rank_items
from recs.ranking.reranker import Tuned, inbound_feature, pair_features
from recs.text.links import hide_links

_FOLDS, _INNER_FOLDS, _REPEATS = 5, 3, 3
_CS = (0.003, 0.03, 0.3)  # inverse regularisation to choose from


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was learned, and whether it helps.

    before and after are mean nDCG@10 of the fused ranking and of the tuned one, cross-validated, gain that of the
    difference, source by source. tuned holds weights learned from all sources, or None where the interval of the gain
    is not above 0. notes are what a person should be told of the ranking, as in `recs.RelatedLists`.
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
        As `recs.related_items` takes them: embedder, signals, cache, overflow, progress.

    Raises
    ------
    SourceError
        If fewer than twenty items link to others.
    MissingDependencyError
        If scikit-learn is not installed.

    Notes
    -----
    The same items give the same weights: folds are drawn by a seeded generator over sorted ids.
    """
    try:
        import sklearn.linear_model  # noqa: F401  (asks early whether it is there)
    except ImportError as error:
        raise MissingDependencyError("recs tune", "scikit-learn", "classify") from error
    if judgments is not None:
        collection = with_judgments(collection, judgments)
    items = collection.public
    judged, _ = judged_sources(items)
    if len(judged) < FEW_SOURCES:
        raise SourceError(f"{len(judged)} items link to others; recs tune needs {FEW_SOURCES} to learn from.")
    ranked = rank_items(hide_links(items, collection.boilerplate), **options)
    learner = _Learner(items, ranked, judged)
    before, after = learner.cross_validate()
    gain = bootstrap(after - before)
    tuned = None
    if gain.low > 0:
        interval = [_six(gain.low), _six(gain.high)]
        told = {"before": _six(before.mean()), "after": _six(after.mean()), "interval": interval}
        tuned = replace(learner.learn(np.arange(len(judged))), gain=told)
    return Tuning(len(judged), bootstrap(before), bootstrap(after), gain, tuned, tuple(ranked.notes))


class _Learner:
    """Sources with their candidates, and weights learned from some of the sources."""

    def __init__(self, items: Sequence[Item], ranked: RankedItems, judged: Judgments) -> None:
        self.items, self.ranked = items, ranked
        row_of = {item.id: row for row, item in enumerate(items)}
        self.sources = np.array(sorted(row_of[name] for name in judged))
        self.relevant = [{row_of[name] for name in judged[items[row].id]} for row in self.sources.tolist()]
        self.columns = ranked.fused.indices[self.sources]
        pairs = zip(self.columns, self.relevant, strict=True)
        self.linked = np.array([np.isin(row, sorted(found)) for row, found in pairs])
        features = pair_features(items, ranked.fused, ranked.used)
        self.static = {name: values[self.sources] for name, values in features.items()}

    def features(self, known: IntArray) -> dict[str, Float64Array]:
        """Return features (sources, depth) in which only the links of the sources in `known` are counted."""
        inbound = inbound_feature(self.items, self.ranked.fused, self.sources[known])
        return {**self.static, "inbound": inbound[self.sources]}

    def learn(self, known: IntArray) -> Tuned:
        """Learn from some of the sources, with the regularisation that ranks best within them."""
        found = np.zeros(len(_CS))
        for fold in np.array_split(np.random.default_rng(0).permutation(known), _INNER_FOLDS):
            rest = np.setdiff1d(known, fold)
            features = self.features(rest)
            found += [self.ndcg(self._fit(features, rest, c), features, fold).mean() for c in _CS]
        return self._fit(self.features(known), known, _CS[int(np.argmax(found))])

    def _fit(self, features: Mapping[str, Float64Array], known: IntArray, c: float) -> Tuned:
        from sklearn.linear_model import LogisticRegression

        real = self.columns[known] >= 0
        pairs = np.stack([values[known][real] for values in features.values()], axis=1)
        means, deviations = pairs.mean(axis=0), pairs.std(axis=0)
        deviations = np.where(deviations > 0, deviations, 1)
        model = LogisticRegression(C=c, max_iter=1000).fit((pairs - means) / deviations, self.linked[known][real])
        tables = {"means": means, "deviations": deviations, "weights": model.coef_[0]}
        named: Any = {key: dict(zip(features, map(_six, row), strict=True)) for key, row in tables.items()}
        return Tuned(*self.ranked.made_of, **named, intercept=_six(model.intercept_[0]), gain={})

    def ndcg(self, tuned: Tuned | None, features: Mapping[str, Float64Array], sources: IntArray) -> Float64Array:
        """Return nDCG of some sources, their candidates ordered by `tuned`, ties and with None all as they were."""
        columns = self.columns[sources]
        if tuned is not None:
            scores = tuned.scores({name: values[sources] for name, values in features.items()})
            order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), axis=1, kind="stable")
            columns = np.take_along_axis(columns, order, axis=1)
        pairs = zip(columns[:, :DEPTH].tolist(), sources.tolist(), strict=True)
        return np.array([ndcg(row, self.relevant[source], DEPTH) for row, source in pairs])

    def cross_validate(self) -> tuple[Float64Array, Float64Array]:
        """Return nDCG of every source before, and after by weights that were learned without it."""
        everyone = np.arange(len(self.sources))
        after = np.zeros(len(everyone))
        for repeat in range(_REPEATS):
            for fold in np.array_split(np.random.default_rng(repeat).permutation(len(everyone)), _FOLDS):
                known = np.setdiff1d(everyone, fold)
                after[fold] += self.ndcg(self.learn(known), self.features(known), fold) / _REPEATS
        return self.ndcg(None, {}, everyone), after


def _six(value: float) -> float:
    """Return six significant digits: enough, and the same on every machine."""
    return float(f"{value:.6g}")
