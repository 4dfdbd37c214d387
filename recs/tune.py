"""Learning from a site's own links how to re-order the candidates of the fused ranking.

The gain is told by nested cross-validation over sources, repeated: every source is ranked by weights that never saw one
of its links, with a regularisation that was chosen without it too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recs.cache import Cache
from recs.embed import embed_items, open_cache
from recs.embedder import Embedder, Progress
from recs.embeddings import IntArray
from recs.errors import MissingDependencyError, SourceError
from recs.evaluate import DEPTH, FEW_SOURCES, Judgments, judged_sources, with_judgments
from recs.fusion import Float64Array, Fused, fuse
from recs.items import Collection, Item
from recs.languages import item_languages
from recs.links import hide_links
from recs.metrics import Estimate, bootstrap, ndcg
from recs.related import CANDIDATES
from recs.rules import NO_RULES
from recs.signals import SIGNALS, TERM_SIGNALS, make_signals
from recs.tuned import Tuned, inbound_feature, pair_features

_FOLDS, _INNER_FOLDS, _REPEATS = 5, 3, 3
_CS = (0.003, 0.03, 0.3)  # inverse regularisation to choose from


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was learned, and whether it helps.

    Attributes
    ----------
    before, after
        Mean nDCG@10 of the fused ranking, and of the tuned one, cross-validated.
    gain
        Of the difference, source by source.
    tuned
        Weights learned from all sources; None where the interval of the gain is not above 0.
    """

    sources: int
    before: Estimate
    after: Estimate
    gain: Estimate
    tuned: Tuned | None


def tune_related(
    collection: Collection,
    *,
    embedder: Embedder | str | None = None,
    judgments: Any = None,
    cache: Cache | bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> Tuning:
    """Learn from the links between the public items of a collection, and from its pins, to rank as its author would.

    Parameters
    ----------
    embedder
        None for a ranking by terms alone.
    judgments
        As in `recs.evaluate_related`.

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
    hidden = hide_links(items, collection.boilerplate)
    with open_cache(cache) as store:
        languages = item_languages(hidden, store)
        embeddings = embed_items(hidden, embedder, cache=store or False, progress=progress) if embedder else None
    signals = make_signals(hidden, embeddings, SIGNALS if embeddings is not None else TERM_SIGNALS)
    fused = fuse(signals, [item.id for item in items], CANDIDATES, mask=NO_RULES.mask(hidden, languages))
    learner = _Learner(items, fused, [signal.name for signal in signals], judged)
    before, after = learner.cross_validate()
    gain = bootstrap(after - before)
    tuned = None
    if gain.low > 0:
        tuned = Tuned(
            signals=tuple(signal.name for signal in signals),
            fingerprint=embeddings.fingerprint if embeddings is not None else "",
            **learner.learn(np.arange(len(learner.sources))).described(),
            gain={
                "before": _six(before.mean()),
                "after": _six(after.mean()),
                "interval": [_six(gain.low), _six(gain.high)],
            },
        )
    return Tuning(len(judged), bootstrap(before), bootstrap(after), gain, tuned)


@dataclass(frozen=True, slots=True)
class _Model:
    features: Sequence[str]
    means: Float64Array
    deviations: Float64Array
    weights: Float64Array
    intercept: float

    def scores(self, X: Float64Array) -> Float64Array:
        """Return logits for features of shape (…, f)."""
        return np.asarray((X - self.means) / self.deviations @ self.weights + self.intercept)

    def described(self) -> dict[str, Any]:
        """Return the numbers by the name of their feature."""
        columns = {"means": self.means, "deviations": self.deviations, "weights": self.weights}
        named = {key: dict(zip(self.features, map(_six, values), strict=True)) for key, values in columns.items()}
        return {**named, "intercept": _six(self.intercept)}


class _Learner:
    """Sources with their candidates, and models learned from some of the sources."""

    def __init__(self, items: Sequence[Item], fused: Fused, signals: Sequence[str], judged: Judgments) -> None:
        self.items, self.fused = items, fused
        row_of = {item.id: row for row, item in enumerate(items)}
        self.sources = np.array(sorted(row_of[name] for name in judged))
        self.relevant = [{str(row_of[name]) for name in judged[items[row].id]} for row in self.sources.tolist()]
        self.columns = fused.indices[self.sources]
        self.linked = np.array(
            [
                [str(column) in found for column in row]
                for row, found in zip(self.columns.tolist(), self.relevant, strict=True)
            ]
        )
        features = pair_features(items, fused, signals)
        self.names = list(features)
        self.static = np.stack([features[name][self.sources] for name in self.names], axis=2)

    def features(self, known: IntArray) -> Float64Array:
        """Return features (sources, depth, f) in which only the links of the sources in `known` are counted."""
        X = self.static.copy()
        X[:, :, self.names.index("inbound")] = inbound_feature(self.items, self.fused, self.sources[known])[
            self.sources
        ]
        return X

    def learn(self, known: IntArray) -> _Model:
        """Learn from some of the sources, with the regularisation that ranks best within them."""
        generator = np.random.default_rng(0)
        folds = np.array_split(generator.permutation(known), _INNER_FOLDS)
        found: dict[float, list[float]] = {c: [] for c in _CS}
        for fold in folds:
            rest = np.setdiff1d(known, fold)
            X = self.features(rest)
            for c in _CS:
                found[c].append(float(self.ndcg(self._fit(X, rest, c).scores(X[fold]), fold).mean()))
        best = max(_CS, key=lambda c: (np.mean(found[c]), -c))
        return self._fit(self.features(known), known, best)

    def _fit(self, X: Float64Array, known: IntArray, c: float) -> _Model:
        from sklearn.linear_model import LogisticRegression

        real = self.columns[known] >= 0
        pairs, linked = X[known][real], self.linked[known][real]
        means, deviations = pairs.mean(axis=0), pairs.std(axis=0)
        deviations = np.where(deviations > 0, deviations, 1)
        model = LogisticRegression(C=c, max_iter=1000).fit((pairs - means) / deviations, linked)
        return _Model(self.names, means, deviations, model.coef_[0], float(model.intercept_[0]))

    def ndcg(self, scores: Float64Array, sources: IntArray) -> Float64Array:
        """Return nDCG of some sources, their candidates ordered by scores (NaN for none), ties as they were."""
        order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), axis=1, kind="stable")[:, :DEPTH]
        ranked = np.take_along_axis(self.columns[sources], order, axis=1)
        return np.array(
            [
                ndcg(list(map(str, row)), self.relevant[s], DEPTH)
                for row, s in zip(ranked.tolist(), sources.tolist(), strict=True)
            ]
        )

    def cross_validate(self) -> tuple[Float64Array, Float64Array]:
        """Return nDCG of every source before, and after by weights that were learned without it."""
        n = len(self.sources)
        everyone = np.arange(n)
        before = self.ndcg(-np.arange(self.columns.shape[1]) + np.zeros((n, 1)), everyone)
        after = np.zeros(n)
        for repeat in range(_REPEATS):
            for fold in np.array_split(np.random.default_rng(repeat).permutation(n), _FOLDS):
                known = np.setdiff1d(everyone, fold)
                model = self.learn(known)
                after[fold] += self.ndcg(model.scores(self.features(known)[fold]), fold) / _REPEATS
        return before, after


def _six(value: float) -> float:
    """Return six significant digits: enough, and the same on every machine."""
    return float(f"{value:.6g}")
