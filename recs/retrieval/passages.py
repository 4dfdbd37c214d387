"""Passages of an item for a query: how well each fits, and which of its words to highlight."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recs.arrays import Float64Array
from recs.items import Span
from recs.retrieval.postings import Terms
from recs.text.chunks import split_text
from recs.text.term_numbers import digests
from recs.text.words import STEM, tokenize, word_pattern

_WORDS = 90  # of a passage without a model: about 128 tokens
_SHARE = 0.3  # of the items: a word in more of them is not highlighted


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of an item.

    Attributes
    ----------
    id
        The item.
    start, stop
        The span of characters in `Item.text`: half open.
    text
        Those characters, without white space around them.
    score
        As that of a hit; from 0 to 1.
    highlights
        Spans in `text` of the words that the query has too.
    seconds
        When it is said, if it is in a transcript: start and end, either may be None.
    url
        The address of the item, or of the moment at which the passage is said.
    """

    id: str
    start: int
    stop: int
    text: str
    score: float
    highlights: tuple[Span, ...] = ()
    seconds: tuple[float | None, float | None] | None = None
    url: str | None = None


class Candidate(NamedTuple):
    """A passage that may be shown: its score, the id of its item, and its span."""

    score: float
    id: str
    span: Span


class QueryWords:
    """The words of a query with their weights: how much of it a passage explains."""

    def __init__(self, query: str, terms: Terms) -> None:
        words = sorted({word[:STEM] for word in tokenize(query)})
        documents = terms.documents(digests(words))
        idf = np.log1p((len(terms) - documents + 0.5) / (documents + 0.5))
        self._weights = {
            word: float(weight) for word, weight, count in zip(words, idf, documents, strict=True) if count
        }
        self._total = sum(self._weights.values())
        frequent = _SHARE * len(terms)
        counts = zip(words, documents.tolist(), strict=True)
        self._telling = {word for word, count in counts if 0 < count <= max(frequent, 1)} or set(self._weights)

    def shares(self, texts: Iterable[str]) -> Float64Array:
        """Return the share of the query's words, by weight, that each text has: from 0 to 1."""
        if not self._total:
            return np.zeros(len(list(texts)))
        stems = ({word[:STEM] for word in tokenize(text)} for text in texts)
        weights = self._weights
        return np.array([sum(weights[word] for word in weights.keys() & held) / self._total for held in stems])

    def highlights(self, text: str) -> tuple[Span, ...]:
        """Return the spans of the words in a text that the query has too, without those that most items have.

        Examples
        --------
        >>> words = QueryWords("planting garlic", Terms.of([""], ["Plant the garlic."]))
        >>> words.highlights("Planted garlic is good.")
        ((8, 14),)
        """
        matches = word_pattern(text).finditer(text)
        return tuple(match.span() for match in matches if self._is_in(match[0]))

    def _is_in(self, word: str) -> bool:
        if word.isascii():
            return word.lower()[:STEM] in self._telling
        return any(part[:STEM] in self._telling for part in tokenize(unicodedata.normalize("NFC", word)))


def trimmed(text: str, span: Sequence[int]) -> Span:
    """Return a span without the white space at its ends.

    Examples
    --------
    >>> trimmed("  Plant it. ", (0, 12))
    (2, 11)
    """
    start, stop = int(span[0]), int(span[1])
    part = text[start:stop]
    return start + len(part) - len(part.lstrip()), start + len(part.rstrip())


def word_passages(text: str) -> list[Span]:
    """Return the spans of passages of about 90 words, for an index without a model.

    Examples
    --------
    >>> word_passages("Plant it. " * 60)
    [(0, 299), (300, 599)]
    """
    pieces = split_text(text, token_spans=_word_spans, budget=_WORDS, additive=True)
    return [trimmed(text, piece[:2]) for piece in pieces]


def _word_spans(text: str) -> Sequence[Span]:
    return [match.span() for match in word_pattern(text).finditer(text)]
