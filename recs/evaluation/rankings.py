"""How good related lists are, judged by the links that the author wrote between the items.

The links are hidden first (`recs.text.links.hide_links`), so that a ranking has to find them from the rest of the text.
Rankings are compared source by source, without editorial rules. The lists that visitors see are judged with their
rules, except for the one that puts linked items last: these are the very items that count as right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from recs.embedding.cache import Cache
from recs.embedding.pipeline import open_cache
from recs.evaluation.baselines import (
    DEPTH,
    Block,
    Ranked,
    bm25_scores,
    naive_ranking,
    random_scores,
    ranked_by_score,
    recency_scores,
    tag_scores,
    tfidf_matrix,
)
from recs.evaluation.judgments import FEW_SOURCES, ROUND_UP, Judgments, judged_sources, with_judgments
from recs.evaluation.metrics import Estimate, bootstrap, gini, ndcg, recall, reciprocal_rank, skewness
from recs.items import Collection, Item
from recs.ranking.lists import RelatedLists
from recs.ranking.rules import NO_RULES, Rules
from recs.related import related_items
from recs.text.counts import counted
from recs.text.links import hide_links

METRICS = {f"ndcg@{DEPTH}": ndcg, f"recall@{DEPTH}": recall, f"mrr@{DEPTH}": reciprocal_rank}


@dataclass(frozen=True, slots=True)
class RankingScore:
    """How well one ranking did.

    Attributes
    ----------
    name
        The first one, "fused" or "auto", is the ranking of `recs related` or `recs search`; the others are there for
        comparison.
    metrics
        Means over the judged sources, with their intervals.
    behind
        By how much the first ranking is better in each metric, source by source: an interval above 0 is a difference
        that chance does not explain. None for the first ranking itself.
    """

    name: str
    metrics: Mapping[str, Estimate]
    behind: Mapping[str, Estimate] | None


@dataclass(frozen=True, slots=True)
class ShownLists:
    """Figures of the lists that visitors would see.

    Attributes
    ----------
    k
        Entries in a list.
    coverage
        Share of the items that are in some list.
    gini
        How unequally often items are in lists: 0 if all are equally often, near 1 if a few are everywhere.
    orphans
        How many items are in no list.
    hub_skewness, largest_hub
        The skewness and the largest of the numbers of lists that items are in.
    empty
        Share of the lists that are empty.
    ndcg
        nDCG of the lists, by the same judgments. The rule `demote` is off for it: it puts what a page links to, and the
        parts of a series, last on purpose.
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
    """The result of one evaluation."""

    items: int
    sources: int
    judged_links: int
    round_ups: int
    rankings: tuple[RankingScore, ...]
    shown: Mapping[str, ShownLists]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as dicts, lists, strings and numbers."""
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
        Links that replace those in the bodies: records with "src" and "dst" and, if the text holds its words, "anchor".
    k
        Entries in a shown list.
    rules
        The rules of the shown lists.
    since
        Judge only sources published on this date or later.
    round_up
        Sources with so many links or more are not judged: such an item lists others, it is not related to all of them.
    cache
        Where vectors are kept; False for nowhere.
    options
        Those of `recs.related_items`: embedder, signals, overflow, progress.

    Returns
    -------
    RelatedEvaluation
        The first ranking is that of `recs.related_items`; the others are baselines.

    Raises
    ------
    SourceError
        If no item links to another.

    Notes
    -----
    The same items and options give the same numbers: resampling is seeded, and "random" orders by digests of the ids.

    Examples
    --------
    >>> import recs
    >>> texts = ["garden soil", "garden seeds", "steam trains", "steam engines"]
    >>> links = [(recs.Link(0, 0, "-", f"p{n ^ 1}"),) for n in range(4)]
    >>> items = [recs.Item(id=f"p{n}", text=text, links=links[n]) for n, text in enumerate(texts)]
    >>> evaluation = recs.evaluate_related(recs.Collection(tuple(items)), signals="terms", cache=False)
    >>> evaluation.rankings[0].name, evaluation.rankings[0].metrics["ndcg@10"].mean
    ('terms', 1.0)
    """
    if judgments is not None:
        collection = with_judgments(collection, judgments)
    items = collection.public
    judged, round_ups = judged_sources(items, since=since, round_up=round_up)
    hidden = Collection(tuple(hide_links(items, collection.boilerplate)), collection.source)
    with open_cache(cache) as store:
        options["cache"] = store or False
        fused = related_items(hidden, k=DEPTH, rules=NO_RULES, **options)
        rankings = {"fused" if fused.model else "terms": ids_of_lists(fused)}
        if fused.model:
            rankings |= _dense_rankings(hidden, options)
        rules = rules or Rules()
        shown = related_items(hidden, k=k, rules=rules, **options)
        fair = related_items(hidden, k=k, rules=replace(rules, demote=False), **options) if rules.demote else shown
    rankings |= _baselines(hidden.items)
    return RelatedEvaluation(
        items=len(items),
        sources=len(judged),
        judged_links=sum(map(len, judged.values())),
        round_ups=round_ups,
        rankings=ranking_scores(rankings, judged),
        shown={"with rules": _shown_lists(shown, judged, k, fair), "without rules": _shown_lists(fused, judged, k)},
        notes=(*_few_sources(judged), *_demoted(shown, fair, judged, k), *fused.notes),
    )


def ids_of_lists(lists: RelatedLists) -> Ranked:
    """Return the ids of related lists, best first."""
    return {name: [match.id for match in matches] for name, matches in lists.lists.items()}


def _dense_rankings(hidden: Collection, options: Mapping[str, Any]) -> dict[str, Ranked]:
    """Return the rankings by vectors alone: with windows and chunks, and as a naive script makes it."""
    dense = related_items(hidden, k=DEPTH, rules=NO_RULES, **{**options, "signals": "dense"})
    naive_options = {name: options[name] for name in ("embedder", "cache", "progress") if name in options}
    return {"dense": ids_of_lists(dense), "naive dense": naive_ranking(hidden.items, **naive_options)}


def _baselines(items: Sequence[Item]) -> dict[str, Ranked]:
    """Return the rankings that need no model."""
    texts = [f"{item.title}\n{item.text}" for item in items]
    terms = tfidf_matrix(texts).matrix
    recency = recency_scores(items)
    blocks: dict[str, Block] = {
        "TF-IDF": lambda start, stop: (terms[start:stop] @ terms.T).toarray(),
        "BM25": bm25_scores(texts),
        "tags, then newest": tag_scores(items),
        "newest": lambda start, stop: np.tile(recency, (stop - start, 1)),
        "random": random_scores(items),
    }
    return {name: ranked_by_score(items, block) for name, block in blocks.items()}


def _few_sources(judged: Judgments) -> list[str]:
    if len(judged) >= FEW_SOURCES:
        return []
    return [f"only {counted(len(judged), 'item is', 'items are')} judged: too few to tell rankings apart"]


def ranking_scores(rankings: Mapping[str, Ranked], judged: Judgments) -> tuple[RankingScore, ...]:
    """Return the score of each ranking; the first one is compared with the others."""
    sources = sorted(judged)
    values = {
        name: {
            metric: np.array([function(ranked[source], judged[source], DEPTH) for source in sources])
            for metric, function in METRICS.items()
        }
        for name, ranked in rankings.items()
    }
    first, *others = values
    scores = [RankingScore(first, {metric: bootstrap(own) for metric, own in values[first].items()}, None)]
    for name in others:
        means = {metric: bootstrap(own) for metric, own in values[name].items()}
        behind = {metric: bootstrap(values[first][metric] - own) for metric, own in values[name].items()}
        scores.append(RankingScore(name, means, behind))
    return tuple(scores)


def _demoted(shown: RelatedLists, fair: RelatedLists, judged: Judgments, k: int) -> list[str]:
    """Return a note on what the rule `demote` does to the judged lists, if it does anything."""
    with_rule, without_rule = ids_of_lists(shown), ids_of_lists(fair)
    changed = sum(with_rule[source] != without_rule[source] for source in judged)
    if not changed:
        return []
    lists = counted(changed, "judged list")
    mean = _mean_ndcg(with_rule, judged, k)
    return [f"demote puts linked items and parts of a series last in {lists}; ndcg is without it (with it {mean:.3f})"]


def _mean_ndcg(ranked: Ranked, judged: Judgments, k: int) -> float:
    return float(np.mean([ndcg(ranked[source], relevant, k) for source, relevant in judged.items()]))


def _shown_lists(lists: RelatedLists, judged: Judgments, k: int, fair: RelatedLists | None = None) -> ShownLists:
    """Return figures of the lists; `fair` are the lists whose nDCG counts, if they are others."""
    shown = {name: ids[:k] for name, ids in ids_of_lists(lists).items()}
    lists_with_item = Counter(dict.fromkeys(shown, 0))
    lists_with_item.update(name for names in shown.values() for name in names)
    counts = list(lists_with_item.values())
    return ShownLists(
        k=k,
        coverage=sum(count > 0 for count in counts) / len(counts),
        gini=gini(counts),
        orphans=counts.count(0),
        hub_skewness=skewness(counts),
        largest_hub=max(counts),
        empty=list(shown.values()).count([]) / len(shown),
        ndcg=_mean_ndcg(ids_of_lists(fair or lists), judged, k),
    )
