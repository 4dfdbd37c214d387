"""How good search is: judged by titles, which must find the bodies they are taken from, or by judged queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from recs.errors import OptionError
from recs.evaluation.baselines import DEPTH, Ranked
from recs.evaluation.judgments import FEW_SOURCES
from recs.evaluation.metrics import Estimate, bootstrap
from recs.evaluation.queries import JudgedQuery, QuerySet, queries_from_titles, read_queries, sample
from recs.evaluation.rankings import RankingScore, ranking_scores
from recs.items import Collection
from recs.retrieval.context import Context
from recs.retrieval.index import Index, Signals
from recs.search import PASSAGE_TOKENS, build_index
from recs.text.counts import counted

BUDGETS = (500, 1000, 2000)
"""Tokens of the contexts in which answers are looked for."""
MOST_ANSWERS = 300  # queries: nine contexts are made for each
_CHOSEN_BY = f"ndcg@{DEPTH}"


@dataclass(frozen=True, slots=True)
class SearchEvaluation:
    """The result of one evaluation.

    Attributes
    ----------
    items, queries
        How many items are searched, and how many queries are judged.
    judged_by
        "titles" or "judgments".
    model, passage_tokens
        What made the vectors, None without vectors; the most tokens of a passage.
    rankings
        First "auto", the ranking of `recs search`, then "dense" and "terms"; "terms" alone without vectors. In each
        metric, `behind` is by how much "auto" is better, query by query.
    better_single
        Which of "dense" and "terms" has the higher nDCG; None without vectors.
    answers
        By ranking and by tokens: the share of the contexts that hold the answer, for at most 300 queries. Empty if
        queries have no answers.
    notes
        Messages for the user.
    """

    items: int
    queries: int
    judged_by: str
    model: str | None
    passage_tokens: int
    rankings: tuple[RankingScore, ...]
    better_single: str | None
    answers: Mapping[str, Mapping[str, Estimate]]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as dicts, lists, strings and numbers."""
        return asdict(self)


def evaluate_search(
    collection: Collection,
    *,
    queries: Iterable[Any] | None = None,
    judgments: Iterable[Any] | None = None,
    **options: Any,
) -> SearchEvaluation:
    """Judge the search of the public items of a collection: by words, by vectors, and by both.

    Without queries, each title is one. The bodies are indexed without their titles, and the item itself is relevant;
    if several items share a title, all of them are. Titles are shorter and more exact than what people type, so this
    compares rankings; it does not say how good the search is for people.

    Parameters
    ----------
    queries
        Records with "id" and "text". They may have "relevant", ids of items, and "answer", a text or several, any of
        which is right. "start" says where a single answer begins in the text of a single relevant item; without it, an
        answer counts wherever a relevant item has its words.
    judgments
        Records with "query" and "doc" (or "id"), and perhaps "gain": an item is relevant if its gain is above 0.
    options
        Those of `recs.build_index`: embedder, signals, cache, progress.

    Returns
    -------
    SearchEvaluation

    Raises
    ------
    SourceError
        If no query is left that has a relevant item, or a record cannot be read.
    OptionError
        If there are judgments without queries.

    Notes
    -----
    The same items and options give the same numbers. Of more than 1,000 titles, 1,000 are chosen by their digests, and
    of more than 300 queries with answers, contexts are made for 300.

    Examples
    --------
    >>> import recs
    >>> texts = {"Garlic": "Plant the garlic cloves.", "Tea": "Boil the water for tea."}
    >>> items = [recs.Item(name.lower(), text, title=name) for name, text in texts.items()]
    >>> evaluation = recs.evaluate_search(recs.Collection(tuple(items)), signals="terms")
    >>> evaluation.rankings[0].name, evaluation.rankings[0].metrics["mrr@10"].mean
    ('terms', 1.0)
    """
    if queries is None and judgments is not None:
        raise OptionError("judgments name queries, and there are none; give queries too.")
    asked = queries_from_titles(collection) if queries is None else read_queries(collection, queries, judgments)
    index = build_index(asked.collection, **options)
    names: Sequence[Signals] = ("terms",) if index.vectors is None else ("auto", "dense", "terms")
    rankings: dict[str, Ranked] = {name: _ranking(index, asked.queries, name) for name in names}
    scores = ranking_scores(rankings, {name: query.relevant for name, query in asked.queries.items()})
    few = len(asked.queries) < FEW_SOURCES
    few_note = f"only {counted(len(asked.queries), 'query is', 'queries are')} judged: too few to tell rankings apart"
    return SearchEvaluation(
        items=len(index),
        queries=len(asked.queries),
        judged_by="titles" if queries is None else "judgments",
        model=index.vectors.model if index.vectors else None,
        passage_tokens=PASSAGE_TOKENS,
        rankings=scores,
        better_single=_better(scores[1:]),
        answers=_answers(index, asked, names),
        notes=(*([few_note] if few else []), *asked.notes, *index.notes),
    )


def _ranking(index: Index, queries: Mapping[str, JudgedQuery], signals: Signals) -> Ranked:
    """Return the ids of the best items for each query."""
    return {name: index.best_ids(query.text, k=DEPTH, signals=signals) for name, query in queries.items()}


def _better(singles: Sequence[RankingScore]) -> str | None:
    return max(singles, key=lambda score: score.metrics[_CHOSEN_BY].mean).name if singles else None


def _answers(index: Index, asked: QuerySet, names: Sequence[Signals]) -> dict[str, dict[str, Estimate]]:
    """Return how often the context of a query holds its answer, by ranking and by tokens."""
    with_answer = [name for name, query in asked.queries.items() if query.answers]
    queries = [asked.queries[name] for name in sample(with_answer, MOST_ANSWERS)]
    if not queries:
        return {}
    return {
        name: {
            str(budget): bootstrap([_has_answer(_context(index, query, budget, name), query) for query in queries])
            for budget in BUDGETS
        }
        for name in names
    }


def _context(index: Index, query: JudgedQuery, budget: int, signals: Signals) -> Context:
    return index.context(query.text, max_tokens=budget, signals=signals)


def _has_answer(context: Context, query: JudgedQuery) -> bool:
    """Whether a passage of a relevant item holds the answer."""
    passages = [source.passage for source in context.sources if source.passage.id in query.relevant]
    if query.span is not None:
        start, stop = query.span
        return any(passage.start <= start and stop <= passage.stop for passage in passages)
    texts = [_plain(passage.text) for passage in passages]
    return any(_plain(answer) in text for answer in query.answers for text in texts)


def _plain(text: str) -> str:
    """Return a text in lower case with single spaces."""
    return " ".join(text.casefold().split())
