"""How good related lists are, judged by the links that the author wrote between the items.

The links are hidden first (`recs.links.hide_links`), so that a ranking has to find them from the rest of the text.
Rankings are compared in pairs, source by source, before any editorial rule: rules would move the very items that an
author linked.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.cache import Cache
from recs.embed import embed_items, open_cache
from recs.errors import OptionError, SourceError
from recs.items import Collection, Item, Link
from recs.lexical import bm25_scores, tfidf_matrix
from recs.links import hide_links
from recs.metrics import Estimate, bootstrap, gini, ndcg, recall, reciprocal_rank, skewness
from recs.neighbors import top_k
from recs.readers.dates import parse_date
from recs.related import RelatedLists, related_items
from recs.rules import NO_RULES, Rules

DEPTH = 10
ROUND_UP = 8
FEW_SOURCES = 20
METRICS = {f"ndcg@{DEPTH}": ndcg, f"recall@{DEPTH}": recall, f"mrr@{DEPTH}": reciprocal_rank}

Judgments = Mapping[str, frozenset[str]]
Ranked = dict[str, list[str]]


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
            ranked["naive dense"] = _naive(hidden.items, **plain)
        shown = related_items(hidden, k=k, rules=rules, **options)
    texts = [f"{item.title}\n{item.text}" for item in hidden.items]
    terms = tfidf_matrix(texts).matrix
    ranked |= {
        "TF-IDF": _by_score(hidden.items, lambda start, stop: (terms[start:stop] @ terms.T).toarray()),
        "BM25": _by_score(hidden.items, bm25_scores(texts)),
        "tags, then newest": _by_score(hidden.items, _tag_scores(hidden.items)),
        "newest": _by_score(hidden.items, lambda start, stop: np.tile(_recency(hidden.items), (stop - start, 1))),
        "random": _by_score(hidden.items, _random_scores(hidden.items)),
    }
    rankings = _scores(ranked, judged)
    lists = {"with rules": _shown(shown, judged, k), "without rules": _shown(fused, judged, k)}
    links = sum(map(len, judged.values()))
    few = (f"only {len(judged)} items are judged: too few to tell rankings apart",)
    notes = (*few, *fused.notes) if len(judged) < FEW_SOURCES else fused.notes
    return RelatedEvaluation(len(items), len(judged), links, round_ups, rankings, lists, notes)


def judged_sources(
    items: Sequence[Item], *, since: str | None = None, round_up: int = ROUND_UP
) -> tuple[Judgments, int]:
    """Return what each judged source links to, and how many round-ups were left out."""
    start = parse_date(since)
    if since is not None and start is None:
        raise OptionError(f"since is {since!r}, expected a date such as 2024-01-01.")
    public = {item.id for item in items}
    links = {
        item.id: frozenset(link.target for link in item.links) & public - {item.id}
        for item in items
        if start is None or ((moment := parse_date(item.published)) and moment >= start)
    }
    judged = {name: found for name, found in links.items() if 0 < len(found) < round_up}
    if not judged:
        raise SourceError(
            "no item links to another: nothing says which belong together; bring links: --judgments FILE."
        )
    return judged, sum(len(found) >= round_up for found in links.values())


def with_judgments(collection: Collection, judgments: Iterable[Any]) -> Collection:
    """Return the collection with these links in place of its own."""
    links: dict[str, list[Link]] = {}
    ids = {item.id for item in collection}
    for number, record in enumerate(judgments, 1):
        pair = [str(record.get(name)) for name in ("src", "dst")] if isinstance(record, Mapping) else []
        if len(pair) != 2 or not set(pair) <= ids:
            said = str(record)[:80]
            raise SourceError(f"judgments: record {number} names no two items: {said}; expected src and dst.")
        links.setdefault(pair[0], []).append(Link(0, 0, str(record.get("anchor") or ""), pair[1]))
    items = []
    for item in collection:
        own = (replace(link, target="") for link in item.links if link.stop > link.start)  # hidden all the same
        items.append(replace(item, links=(*own, *links.get(item.id, ()))))
    return replace(collection, items=tuple(items))


def _ids(lists: RelatedLists) -> Ranked:
    return {name: [match.id for match in matches] for name, matches in lists.lists.items()}


def _naive(items: Sequence[Item], **options: Any) -> Ranked:
    """Rank as a first script does: cosines of texts that were cut at the context window."""
    plain = [replace(item, title="", text=f"{item.title}\n\n{item.text}".strip()) for item in items]
    embeddings = embed_items(plain, overflow="truncate", **options)
    columns = top_k(embeddings.vectors, DEPTH, similarity=embeddings.similarity).indices.tolist()
    return {item.id: [items[i].id for i in row if i >= 0] for item, row in zip(items, columns, strict=True)}


Block = Callable[[int, int], npt.NDArray[Any]]


def _by_score(items: Sequence[Item], block: Block) -> Ranked:
    """Rank all other items by scores that come in blocks of rows; ties by id, and what scores -inf is left out."""
    ranked: Ranked = {}
    for start in range(0, len(items), 256):
        scores = np.array(block(start, min(start + 256, len(items))), dtype=np.float64)
        scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -np.inf
        for row, order in enumerate(np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH].tolist(), start):
            ranked[items[row].id] = [items[column].id for column in order if scores[row - start, column] > -np.inf]
    return ranked


def _recency(items: Sequence[Item]) -> npt.NDArray[np.float64]:
    """Return for each item the share of items that are older; 0 where no date is known."""
    dates = [moment.timestamp() if (moment := parse_date(item.published)) else -np.inf for item in items]
    return np.searchsorted(np.sort(dates), dates) / max(len(dates), 1)


def _tag_scores(items: Sequence[Item]) -> Block:
    """Score by the number of shared tags, the newer first among equals; what shares none is not related."""
    from scipy import sparse

    column: dict[str, int] = {}
    tags = [(row, tag.casefold()) for row, item in enumerate(items) for tag in set(item.tags)]
    pairs = [(row, column.setdefault(tag, len(column))) for row, tag in tags]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    matrix = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(items), len(column)))
    recency = _recency(items)

    def block(start: int, stop: int) -> npt.NDArray[Any]:
        shared = (matrix[start:stop] @ matrix.T).toarray()
        return np.where(shared > 0, shared + recency, -np.inf)

    return block


def _random_scores(items: Sequence[Item]) -> Block:
    """Score by a digest of the two ids: the same for the same items, whatever their order."""

    def score(*pair: Item) -> int:
        return int.from_bytes(hashlib.blake2b("\n".join(item.id for item in pair).encode(), digest_size=6).digest())

    return lambda start, stop: np.array([[score(a, b) for b in items] for a in items[start:stop]], dtype=np.float64)


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
