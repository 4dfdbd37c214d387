"""Queries of which it is known what answers them: from titles, or from files of queries and judgments."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from recs.errors import SourceError
from recs.items import Collection, Item, Span
from recs.retrieval.table import folded
from recs.text.counts import counted

MOST_TITLES = 1000


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query, the ids of the items that are relevant to it, and its answers.

    `span` is where the answer is in the text of the one relevant item, if that is known.
    """

    text: str
    relevant: frozenset[str]
    answers: tuple[str, ...] = ()
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class QuerySet:
    """Queries by id, the items in which they are asked, and notes for the user."""

    collection: Collection
    queries: Mapping[str, JudgedQuery]
    notes: tuple[str, ...] = ()


def queries_from_titles(collection: Collection) -> QuerySet:
    """Return the titles of the public items as queries, and the items without titles.

    Items have other ids there: an id can be the title too, and a query that is an id finds its item.

    Examples
    --------
    >>> texts = {"Garlic": "Plant it.", "Tea": "Boil it.", "tea!": "Drink it."}
    >>> items = [Item(f"p{row}", text, title=title) for row, (title, text) in enumerate(texts.items())]
    >>> asked = queries_from_titles(Collection(tuple(items)))
    >>> [(query.text, sorted(query.relevant)) for query in asked.queries.values()]
    [('Garlic', ['item 000000']), ('Tea', ['item 000001', 'item 000002'])]
    """
    bodies = [(item.title, _body(item)) for item in collection.public]
    named = {
        f"item {row:06}": (title, item)
        for row, (title, item) in enumerate(pair for pair in bodies if pair[1].text.strip())
    }
    sharing: dict[str, list[str]] = {}
    for name, (title, _) in named.items():
        if key := folded(title):
            sharing.setdefault(key, []).append(name)
    if not sharing:
        raise SourceError(
            "no item has both a title and a text, so nothing can be asked; bring queries: --queries FILE."
        )
    chosen = sorted(sample(sharing, MOST_TITLES), key=lambda key: sharing[key])
    notes = [f"{len(chosen):,} of {len(sharing):,} titles are asked"] if len(chosen) < len(sharing) else []
    queries = {sharing[key][0]: JudgedQuery(named[sharing[key][0]][0], frozenset(sharing[key])) for key in chosen}
    items = tuple(replace(item, id=name) for name, (_, item) in named.items())
    return QuerySet(Collection(items, collection.source), queries, tuple(notes))


def _body(item: Item) -> Item:
    """Return an item without its title, also where its text begins with it."""
    first, _, rest = item.text.partition("\n")
    title = folded(item.title)
    text = rest.strip() if title and item.times is None and folded(first) == title else item.text
    return replace(item, title="", text=text)


def sample(texts: Iterable[str], most: int) -> list[str]:
    """Return at most so many of some texts: those with the smallest digests, in any order the same.

    Examples
    --------
    >>> sample(["a", "b", "c"], 2) == sample(["c", "b", "a"], 2)
    True
    """
    return sorted(texts, key=lambda text: (hashlib.sha256(text.encode("utf-8", "replace")).digest(), text))[:most]


def read_queries(collection: Collection, queries: Iterable[Any], judgments: Iterable[Any] | None) -> QuerySet:
    """Return queries from records, with what is relevant to them by their own field or by judgments.

    Raises `SourceError` if a record names no query or no item of the collection, or if no query is left.
    """
    records = _by_id(queries)
    ids = {item.id for item in collection}
    public = {item.id: item for item in collection.public}
    pairs = [(name, each) for name, record in records.items() for each in _listed(record.get("relevant"))]
    if judgments is not None:
        pairs += [pair for number, record in enumerate(judgments, 1) if (pair := _judged(number, record, records))]
    relevant: dict[str, set[str]] = {name: set() for name in records}
    for name, target in pairs:
        if target not in ids:
            raise SourceError(f"query {name!r}: no item has the id {target[:80]!r}, which answers it.")
        relevant[name] |= {target} & public.keys()
    read = {name: _query(record, relevant[name], public) for name, record in records.items() if relevant[name]}
    if not read:
        raise SourceError(
            "no query has a relevant public item; judgments are records with query, doc and perhaps gain."
        )
    left_out = len(records) - len(read)
    are = counted(left_out, "query is", "queries are")
    notes = (f"{are} not judged: no public item is relevant",) if left_out else ()
    return QuerySet(collection, read, notes)


def _by_id(queries: Iterable[Any]) -> dict[str, Mapping[str, Any]]:
    records: list[Mapping[str, Any]] = []
    for number, record in enumerate(queries, 1):
        text = record.get("text") if isinstance(record, Mapping) else None
        if not isinstance(text, str) or not text.strip() or record.get("id") is None:
            raise SourceError(f"queries: record {number} is {str(record)[:80]}; expected id and text.")
        records.append(record)
    counts = Counter(str(record["id"]) for record in records)
    for name, count in counts.items():
        if count > 1:
            raise SourceError(f"queries: {count} records share the id {name[:80]!r}; ids must be unique.")
    return {str(record["id"]): record for record in records}


def _judged(number: int, record: Any, queries: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the query and the item of a judgment; None if the item is not relevant."""
    fields = record if isinstance(record, Mapping) else {}
    query = str(fields.get("query"))
    target = fields.get("doc", fields.get("id"))
    try:
        gain = float(fields.get("gain", 1))
    except (TypeError, ValueError):
        gain = float("nan")
    if query not in queries or target is None or math.isnan(gain):
        expected = "query (the id of one), doc and perhaps gain, a number"
        raise SourceError(f"judgments: record {number} is {str(record)[:80]}; expected {expected}.")
    return (query, str(target)) if gain > 0 else None


def _query(record: Mapping[str, Any], relevant: set[str], public: Mapping[str, Item]) -> JudgedQuery:
    answers = tuple(answer for answer in _listed(record.get("answer")) if answer.strip())
    start = record.get("start")
    span = None
    if isinstance(start, int) and len(answers) == len(relevant) == 1:
        (name,) = relevant
        stop = start + len(answers[0])
        span = (start, stop) if public[name].text[start:stop] == answers[0] else None
    return JudgedQuery(record["text"], frozenset(relevant), answers, span)


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]
