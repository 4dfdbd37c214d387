"""Reads a query: quoted phrases, and words with a wrong letter."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recs.retrieval.postings import Terms
from recs.text.term_numbers import digests
from recs.text.words import STEM, tokenize

_QUOTED = re.compile(r"[\"“„«]([^\"“”„«»]{1,500})[\"”“»]")
_SHORTEST = 5  # letters of a word that may hold a wrong one
_LONGEST = 40
_MOST = 32  # words that no item has and that are corrected: each takes some milliseconds
_LETTERS = (
    "abcdefghijklmnopqrstuvwxyzàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßœабвгдежзийклмнопрстуфхцчшщъыьэюяαβγδεζηθικλμνξοπρστυφχψως"
)


@dataclass(frozen=True, slots=True)
class Query:
    """A query as it is understood.

    Attributes
    ----------
    asked
        What the user wrote, without quotation marks: the model embeds it.
    text
        The same with corrected words: it is looked for by its terms.
    phrases
        The quoted phrases, as words with single spaces.
    corrected
        Pairs of a word of the user and the word that is looked for instead.
    """

    asked: str
    text: str
    phrases: tuple[str, ...] = ()
    corrected: tuple[tuple[str, str], ...] = ()


def read_query(query: str, terms: Terms) -> Query:
    """Return a query as it is understood, for a collection with these terms.

    Examples
    --------
    >>> terms = Terms.of(["Garlic"], ["Plant it in autumn."])
    >>> read_query('"Plant it" gralic', terms)
    Query(asked='Plant it gralic', text='Plant it garlic', phrases=('plant it',), corrected=(('gralic', 'garlic'),))
    """
    phrases = tuple(filter(None, (" ".join(tokenize(phrase)) for phrase in _QUOTED.findall(query))))
    asked = text = " ".join(_QUOTED.sub(r" \1 ", query).split())
    words = list(dict.fromkeys(tokenize(text)))
    is_missing = terms.documents(digests(word[:STEM] for word in words)) == 0
    missing = [word for word, misses in zip(words, is_missing.tolist(), strict=True) if misses and word.isalpha()]
    corrected = []
    for word in [word for word in missing if _SHORTEST <= len(word) <= _LONGEST][:_MOST]:
        if better := _correction(word, terms):
            corrected.append((word, better))
            text = re.sub(rf"\b{re.escape(word)}\b", better, text, flags=re.IGNORECASE)
    return Query(asked, text, phrases, tuple(corrected))


def _correction(word: str, terms: Terms) -> str | None:
    """Return the most frequent word of the collection with one letter changed; None if there is none."""
    variants = sorted(set(_variants(word)))
    documents = terms.documents(digests(variant[:STEM] for variant in variants))
    best = int(np.argmax(documents))
    return variants[best] if documents[best] else None


def _variants(word: str) -> Iterator[str]:
    """Yield a word with one letter removed, replaced, added, or exchanged with the next one."""
    for place in range(len(word) + 1):
        before, after = word[:place], word[place:]
        if after:
            yield before + after[1:]
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
        for letter in _LETTERS:
            yield before + letter + after
            if after:
                yield before + letter + after[1:]
