"""How good related lists are, judged by the links that the author wrote between the items.

The links are hidden first (`recs.text.links.hide_links`), so that a ranking has to find them from the rest of the text.
Rankings are compared in pairs, source by source, before any editorial rule: rules would move the very items that an
author linked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from recs.embedding.cache import Cache
from recs.embedding.pipeline import open_cache
from recs.evaluation.baselines import (
    DEPTH,
    Ranked,
    bm25_scores,
    naive_scores,
    random_scores,
    ranked_by_score,
    recency_scores,
    tag_scores,
    tfidf_matrix,
)
from recs.evaluation.judgments import FEW_SOURCES, ROUND_UP, Judgments, judged_sources, with_judgments
from recs.evaluation.metrics import Estimate, bootstrap, gini, ndcg, recall, reciprocal_rank, skewness
from recs.items import Collection
from recs.ranking.rules import NO_RULES, Rules
from recs.related import RelatedLists, related_items
from recs.text.links import hide_links

METRICS = {f"ndcg@{DEPTH}": ndcg, f"recall@{DEPTH}": recall, f"mrr@{DEPTH}": reciprocal_rank}


@dataclass(frozen=True, slots=True)
class RankingScore:
    """How one ranking did: means over the judged sources, with their intervals.

    "fused" is what `recs related` does; the others are there to be compared with. behind says by how much the first
    ranking is better in each metric, source by source (an interval above 0 is a difference that the sources can tell);
    None for the first ranking itself.
    """

    name: str
    metrics: Mapping[str, Estimate]
    behind: Mapping[str, Estimate] | None


@dataclass(frozen=True, slots=True)
class ShownLists:
    """What visitors would see: all lists of k entries, with the rules.

    coverage is the share of the items that stand in some list, orphans are items that no list reaches, empty is the
    share of empty lists. gini is that of how often each item stands in a list (0 where all do alike, near 1 where a few
    stand everywhere), hub_skewness and largest_hub the skewness and the largest of the same counts. ndcg is that of the
    shown lists, against the same judgments.
    """

    k: int
    coverage: float
    gini: float
    orphans: int
    hub_skewness: float
    largest_hub: int
    empty: float
    ndcg: float


@dataclass(frozen=True, slots=True)
class RelatedEvaluation:
    """The account of one evaluation; `to_dict` gives it as plain data."""

    items: int
    sources: int
    judged_links: int
    round_ups: int
    rankings: tuple[RankingScore, ...]
    shown: Mapping[str, ShownLists]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as dicts, lists, strings and numbers."""
        return asdict(self)


def evaluate_related(
    collection: Collection,
    *,
    judgments: Iterable[Any] | None = None,
    k: int = 5,
    rules: Rules | None = None,
    since: str | None = None,
    round_up: int = ROUND_UP,
    cache: Cache | bool = True,
    **options: Any,
) -> RelatedEvaluation:
    """Judge related lists by the links between the public items of a collection.

    Parameters
    ----------
    judgments
        Links from elsewhere, in place of those found in the bodies: records with "src" and "dst" and, where the text
        holds its words, "anchor".
    k
        Entries in a shown list.
    since
        Judge only sources published on this date or later.
    round_up
        Sources with so many links and more are not judged: they list, they do not relate.
    options
        As `recs.related_items` takes them: embedder, signals, overflow, progress.

    Returns
    -------
    RelatedEvaluation
        The first ranking is the one that `recs.related_items` makes; the others are what it has to beat.

    Raises
    ------
    SourceError
        If no item links to another.

    Notes
    -----
    The same items and options give the same numbers: resampling is seeded, and "random" orders by digests of the ids.
    """
    if judgments is not None:
        collection = with_judgments(collection, judgments)
    items = collection.public
    judged, round_ups = judged_sources(items, since=since, round_up=round_up)
    hidden = Collection(tuple(hide_links(items, collection.boilerplate)), collection.source)
    with open_cache(cache) as store:
        options["cache"] = store or False
        fused = related_items(hidden, k=DEPTH, rules=NO_RULES, **options)
        ranked: dict[str, Ranked] = {"fused" if fused.model else "terms": _ids(fused)}
        if fused.model:
            dense = {**options, "signals": "dense"}
            ranked["dense"] = _ids(related_items(hidden, k=DEPTH, rules=NO_RULES, **dense))
            plain = {name: options[name] for name in ("embedder", "cache", "progress") if name in options}
            ranked["naive dense"] = naive_scores(hidden.items, **plain)
        shown = related_items(hidden, k=k, rules=rules, **options)
    texts = [f"{item.title}\n{item.text}" for item in hidden.items]
    terms = tfidf_matrix(texts).matrix
    ranked |= {
        "TF-IDF": ranked_by_score(hidden.items, lambda start, stop: (terms[start:stop] @ terms.T).toarray()),
        "BM25": ranked_by_score(hidden.items, bm25_scores(texts)),
        "tags, then newest": ranked_by_score(hidden.items, tag_scores(hidden.items)),
        "newest": ranked_by_score(
            hidden.items, lambda start, stop: np.tile(recency_scores(hidden.items), (stop - start, 1))
        ),
        "random": ranked_by_score(hidden.items, random_scores(hidden.items)),
    }
    rankings = _scores(ranked, judged)
    lists = {"with rules": _shown(shown, judged, k), "without rules": _shown(fused, judged, k)}
    links = sum(map(len, judged.values()))
    few = (f"only {len(judged)} items are judged: too few to tell rankings apart",)
    notes = (*few, *fused.notes) if len(judged) < FEW_SOURCES else fused.notes
    return RelatedEvaluation(len(items), len(judged), links, round_ups, rankings, lists, notes)


def _ids(lists: RelatedLists) -> Ranked:
    return {name: [match.id for match in matches] for name, matches in lists.lists.items()}


def _scores(ranked: Mapping[str, Ranked], judged: Judgments) -> tuple[RankingScore, ...]:
    sources = sorted(judged)
    values = {
        name: {
            metric: np.array([function(lists[source], judged[source], DEPTH) for source in sources])
            for metric, function in METRICS.items()
        }
        for name, lists in ranked.items()
    }
    first = next(iter(values))
    return tuple(
        RankingScore(
            name,
            {metric: bootstrap(found[metric]) for metric in METRICS},
            None if name == first else {metric: bootstrap(values[first][metric] - found[metric]) for metric in METRICS},
        )
        for name, found in values.items()
    )


def _shown(lists: RelatedLists, judged: Judgments, k: int) -> ShownLists:
    shown = {name: found[:k] for name, found in _ids(lists).items()}
    counts = Counter(dict.fromkeys(shown, 0))
    counts.update(name for names in shown.values() for name in names)
    inbound = list(counts.values())
    return ShownLists(
        k=k,
        coverage=sum(count > 0 for count in inbound) / len(inbound),
        gini=gini(inbound),
        orphans=inbound.count(0),
        hub_skewness=skewness(inbound),
        largest_hub=max(inbound),
        empty=list(shown.values()).count([]) / len(shown),
        ndcg=float(np.mean([ndcg(shown[source], relevant, k) for source, relevant in judged.items()])),
    )
