"""What each contestant reaches in each task, query by query: the same items, queries and judge for all.

related          lists as `recs related` makes them, judged by the author's links, whose words are hidden
related, alone   the same by vectors alone
search           as `recs search` ranks, judged by given queries, or by titles that must find their texts
search, alone    the same by vectors alone
neighbours       the share of the ten nearest items that have the label of the item
labels           whether a classifier that has not seen the item gives it its label
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from recs.arrays import Float64Array, unit_rows
from recs.classification.examples import Examples
from recs.classification.held_out import search_penalty
from recs.comparison.contestants import Contestant
from recs.comparison.latent import LatentSemantics
from recs.embedding.cache import Cache
from recs.embedding.embedder import Embedder
from recs.embedding.neighbors import top_k
from recs.embedding.vectors import Embeddings
from recs.evaluation.baselines import DEPTH, Block, Ranked, bm25_scores, ranked_by_score, tfidf_matrix
from recs.evaluation.judgments import Judgments
from recs.evaluation.metrics import ndcg
from recs.evaluation.queries import JudgedQuery, QuerySet
from recs.evaluation.rankings import ids_of_lists
from recs.items import Item
from recs.ranking.rules import NO_RULES
from recs.related import related_items
from recs.retrieval.index import Index
from recs.search import PASSAGE_TOKENS, build_index

PRIMARY = ("related", "search", "neighbours", "labels")
"""The tasks that say what a user gets; a choice is made by them."""
_C = 10.0  # of the classifier: the same for all contestants


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One task with what each contestant reaches for each of n queries.

    Attributes
    ----------
    task
        Its name.
    metric
        What is measured, from 0 to 1.
    queries
        The ids of the n queries, sorted.
    values : float64 arrays of shape (n,), by contestant
    """

    task: str
    metric: str
    queries: tuple[str, ...]
    values: Mapping[str, Float64Array]


@dataclass(frozen=True, eq=False)
class Vectors:
    """The vectors that contestants make of some items, each made once."""

    items: Sequence[Item]
    cache: Cache | bool
    options: Mapping[str, Any]

    @cached_property
    def made(self) -> dict[str, Embeddings]:
        """By the name of the contestant."""
        return {}

    def of(self, contestant: Contestant) -> Embeddings:
        """Return the vectors of the items in the role of documents."""
        if contestant.name not in self.made:
            self.made[contestant.name] = contestant.embed(self.items, self.cache, **self.options)
        return self.made[contestant.name]


def related_lists(contestants: Sequence[Contestant], vectors: Vectors) -> dict[str, Ranked]:
    """Return the lists of ten of each contestant, by ids, as `recs related` makes them without editorial rules."""
    return {one.name: _related(one, vectors, "auto") for one in contestants}


def judge_related(
    contestants: Sequence[Contestant], vectors: Vectors, lists: Mapping[str, Ranked], links: Judgments
) -> Iterator[Judged]:
    """Yield the two tasks of related lists."""
    alone = {one.name: _related(one, vectors, "dense") for one in contestants if one.has_vectors}
    for task, rankings in (("related", lists), ("related by vectors", alone)):
        yield _judged(task, rankings, links)


def _related(one: Contestant, vectors: Vectors, signals: str) -> Ranked:
    items = vectors.items
    if one.kind in ("BM25", "TF-IDF"):
        return ranked_by_score(items, _word_scores(one, items))
    options: dict[str, Any] = {"k": DEPTH, "rules": NO_RULES, "cache": vectors.cache}
    if one.kind == "terms":
        return ids_of_lists(related_items(items, signals="terms,mentions", **options))
    return ids_of_lists(related_items(items, vectors.of(one), signals=signals, embedder=one.embedder, **options))


def _word_scores(one: Contestant, items: Sequence[Item]) -> Block:
    texts = [f"{item.title}\n{item.text}" for item in items]
    if one.kind == "BM25":
        return bm25_scores(texts)
    terms = tfidf_matrix(texts).matrix
    return lambda start, stop: (terms[start:stop] @ terms.T).toarray()


def _judged(task: str, rankings: Mapping[str, Ranked], relevant: Judgments) -> Judged:
    queries = sorted(relevant)
    values = {
        name: np.array([ndcg(ranked[query], relevant[query], DEPTH) for query in queries])
        for name, ranked in rankings.items()
    }
    return Judged(task, f"ndcg@{DEPTH}", tuple(queries), values)


def judge_search(
    contestants: Sequence[Contestant], asked: QuerySet, cache: Cache | bool, options: Mapping[str, Any]
) -> Iterator[Judged]:
    """Yield the two tasks of search."""
    relevant = {name: query.relevant for name, query in asked.queries.items()}
    as_searched: dict[str, Ranked] = {}
    alone: dict[str, Ranked] = {}
    by_words = build_index(asked.collection, signals="terms")
    for one in contestants:
        if one.kind == "terms":
            as_searched[one.name] = _hits(by_words, asked.queries, "terms")
        elif one.kind == "LSA":
            alone[one.name] = _latent_hits(asked)
        elif one.embedder is not None:
            index = _index(one, one.embedder, asked, cache, options)
            as_searched[one.name] = _hits(index, asked.queries, "auto")
            alone[one.name] = _hits(index, asked.queries, "dense")
    for task, rankings in (("search", as_searched), ("search by vectors", alone)):
        yield _judged(task, rankings, relevant)


def _index(
    one: Contestant, embedder: Embedder, asked: QuerySet, cache: Cache | bool, options: Mapping[str, Any]
) -> Index:
    """Return the index of a contestant, with the vectors of all queries made at once."""
    passages = one.embed_passages(asked.collection.public, cache, PASSAGE_TOKENS, **options)
    index = build_index(asked.collection, passages, embedder=embedder, cache=cache)
    prepared = _PreparedQueries(embedder, asked.queries.values(), cache)
    return replace(index, find_embedder=lambda: prepared)


class _PreparedQueries(Embedder):
    """An embedder of queries that are embedded already, all at once: hundreds of single ones take much longer."""

    def __init__(self, embedder: Embedder, queries: Any, cache: Cache | bool) -> None:
        self.spec = embedder.spec
        self._embedder = embedder
        texts = sorted({query.text for query in queries})
        store = cache if isinstance(cache, Cache) else None
        self._places = {text: str(place) for place, text in enumerate(texts)}
        self._made = embedder.embed(texts, role="query", store=store)

    def embed(self, texts: Sequence[str], **options: Any) -> Embeddings:
        if all(text in self._places for text in texts):
            return self._made.take([self._places[text] for text in texts])
        return self._embedder.embed(texts, **options)  # a query with a corrected word


def _hits(index: Index, queries: Mapping[str, JudgedQuery], signals: Any) -> Ranked:
    return {name: index.best_ids(query.text, k=DEPTH, signals=signals) for name, query in queries.items()}


def _latent_hits(asked: QuerySet) -> Ranked:
    items = asked.collection.public
    latent = LatentSemantics.fit(items)
    embedded = latent.embed_items(items)
    queries = latent.vectors([query.text for query in asked.queries.values()])
    best = top_k(embedded.vectors, DEPTH, queries=queries.astype(np.float32)).indices.tolist()
    return {
        name: [embedded.ids[column] for column in columns if column >= 0]
        for name, columns in zip(asked.queries, best, strict=True)
    }


def judge_labels(contestants: Sequence[Contestant], vectors: Vectors, labels: Mapping[str, str]) -> Iterator[Judged]:
    """Yield the two tasks of labels; `labels` has the label of each labelled item, each label on two items at least."""
    rows = [row for row, item in enumerate(vectors.items) if item.id in labels]
    ids = tuple(vectors.items[row].id for row in rows)
    classes, y = np.unique([labels[name] for name in ids], return_inverse=True)
    near: dict[str, Float64Array] = {}
    right: dict[str, Float64Array] = {}
    for one in contestants:
        if one.has_vectors:
            X = unit_rows(vectors.of(one).vectors[rows]).astype(np.float32)
            best = top_k(X, min(DEPTH, len(rows) - 1)).indices
            near[one.name] = (y[best] == y[:, None]).mean(axis=1)
            Y = y[:, None] == np.arange(len(classes))
            scores = search_penalty(Examples(X, Y, np.ones_like(Y), single=True), C=_C).scores
            right[one.name] = (scores.argmax(axis=1) == y).astype(np.float64)
    yield Judged("neighbours", f"share of {DEPTH}", ids, near)
    yield Judged("labels", "accuracy", ids, right)
