"""Hits: items that answer a query, and those that come first because the query names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.contract import Entry, safe_url
from recs.errors import OptionError
from recs.items import Item, Span
from recs.retrieval.passages import Passage, QueryWords
from recs.retrieval.postings import Terms
from recs.retrieval.query import Query
from recs.retrieval.table import Table, folded, text_digests
from recs.times import moment_url

ROUNDING = 6
HitVia: TypeAlias = Literal["id", "title", "phrase", "auto"]
FIRST: tuple[HitVia, ...] = ("id", "title", "phrase")
"""How a query names an item; in this order such items come first."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An item that answers a query.

    Attributes
    ----------
    id, title, url
        Of the item.
    score
        Higher is better; `Index.search` says what it measures.
    passage
        The passage of the item that fits best; None if it has no text.
    via
        "id", "title" or "phrase" if the query is the id or the title of the item, or a quoted phrase is in it: such
        hits come first. Else "auto".
    parts
        What terms and vectors add to the score.

    Examples
    --------
    >>> hit = Hit("garlic", "Growing garlic", None, 0.84, passage=None)
    >>> hit.id, hit.score, hit.via
    ('garlic', 0.84, 'auto')
    """

    id: str
    title: str
    url: str | None
    score: float
    passage: Passage | None
    via: HitVia = "auto"
    parts: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def entry(self) -> Entry:
        """What a page shows, in the form of an entry of a related list."""
        score = round(self.score, 4) + 0.0
        return {"id": self.id, "title": self.title, "url": safe_url(self.url), "score": score, "via": "auto"}


def named(query: str, read: Query, table: Table, terms: Terms) -> Iterator[tuple[int, HitVia]]:
    """Yield the rows that a query names: by a phrase in the text, by the title, by the id; the last one counts."""
    if read.phrases:
        candidates = np.flatnonzero(terms.explained(" ".join(read.phrases)) > 0)
        for row in candidates.tolist():
            item = table[row]
            words = f" {folded(item.title)}  {folded(item.text)} "
            if all(f" {phrase} " in words for phrase in read.phrases):
                yield row, "phrase"
    ways: tuple[tuple[HitVia, str], ...] = (("title", folded(query)), ("id", query.strip()))
    for via, text in ways:
        digests = table.titles if via == "title" else table.ids
        for row in np.flatnonzero(digests == text_digests([text])[0]).tolist() if text else ():
            item = table[row]
            if text == (folded(item.title) if via == "title" else item.id):
                yield row, via


def best(total: Float64Array, may: BoolArray, first: Mapping[int, HitVia], k: int) -> list[tuple[int, HitVia]]:
    """Return the k best rows of those that may be hits, and how each came: those that the query names come first."""
    may = may.copy()
    may[list(first)] = False
    order = highest(np.where(may, total, -np.inf), k)
    ranked = sorted(first.items(), key=lambda pair: (FIRST.index(pair[1]), -total[pair[0]], pair[0]))
    others: Iterator[tuple[int, HitVia]] = ((row, "auto") for row in order.tolist())
    return [*ranked, *others][:k]


def passage_of(item: Item, span: Span, score: float, words: QueryWords) -> Passage:
    """Return a passage of an item, with the moment at which it is said if that is known."""
    start, end = (None, None) if item.times is None else item.times.span_seconds(*span)
    text = item.text[slice(*span)]
    url = item.url if start is None else moment_url(item.audio or item.url, start)
    seconds = None if start is None else (start, end)
    return Passage(item.id, *span, text, round(score, ROUNDING), words.highlights(text), seconds, url)


def highest(values: Float64Array, k: int) -> IntArray:
    """Return the places of the k highest values, highest first, ties by place; those of -inf are left out."""
    places = np.flatnonzero(values > -np.inf)
    if 0 < k < len(places):
        least = np.partition(values[places], len(places) - k)[len(places) - k]
        places = places[values[places] >= least]
    return np.asarray(places[np.lexsort((places, -values[places]))[:k]])


def check_k(k: object) -> None:
    """Raise `OptionError` unless k is a whole number, 0 or more."""
    if not isinstance(k, int) or k < 0:
        raise OptionError(f"k is {k!r}, expected a whole number, 0 or more.")
