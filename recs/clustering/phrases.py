"""Phrases of topics, from titles and texts in any language: phrases that are frequent in a topic and rare elsewhere.

There is no stop list: a word of the whole collection says nothing about a topic, so its score is near 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recs.arrays import Float64Array, IntArray
from recs.clustering.phrase_index import PhraseIndex, ScoredPhrase
from recs.items import Item

PHRASES = 5  # of each topic
EXEMPLARS = 5  # of each topic
_LONGER = 0.7  # a phrase takes the place of its part if its score is at least this share of the part's


@dataclass(frozen=True, slots=True)
class Topic:
    """The description of a topic.

    Attributes
    ----------
    id
        Its number in `labels` and `assigned`; it stays the same from run to run (see `cluster_items`).
    name
        Different from the name of every other topic of its layer.
    phrases
        Of one to four words, the most telling first.
    exemplars
        Ids of the items nearest to its centroid, nearest first.
    size, core
        How many items are assigned to it, and how many of them are in its dense core.
    stability
        How much of it came back when parts of the items were left out: the mean Jaccard index, 0 to 1.
    parent
        The topic of the next coarser layer that most of its items are in.
    """

    id: int
    name: str
    phrases: tuple[str, ...]
    exemplars: tuple[str, ...]
    size: int
    core: int
    stability: float
    parent: int | None = None


Namer = Callable[[Sequence[str], Sequence[Item]], str]
"""Called with the phrases and the exemplars of a topic; returns a name."""

Closeness = Callable[[Sequence[str], int], Float64Array]
"""Called with phrases and the number of a topic; returns a factor for each: higher for those that are closer to it."""


def topic_phrases(
    index: PhraseIndex, labels: IntArray, topics: int, *, closeness: Closeness | None = None
) -> list[tuple[str, ...]]:
    """Return the phrases of each topic, the most telling first; no phrase repeats a word of another.

    Parameters
    ----------
    labels : int64 array of shape (n,)
        The topic of each item of the index: 0 to `topics` - 1, or -1.
    closeness
        Multiplies the scores.

    Examples
    --------
    >>> import numpy as np
    >>> texts = ["fresh bread", "bread oven", "fresh bread", "old bicycle", "old bicycle", "bicycle"]
    >>> index = PhraseIndex([Item(id=str(row), text=text) for row, text in enumerate(texts)])
    >>> topic_phrases(index, np.array([0, 0, 0, 1, 1, 1]), 2)
    [('bread', 'fresh'), ('bicycle', 'old')]
    """
    phrases_of_topics = []
    for topic, of_topic in enumerate(index.telling(labels, topics)):
        telling = [pair for pair in of_topic if not index.banned.within(index.text(pair[1]))]
        scored = _times_closeness(index, telling, closeness, topic) if closeness is not None else telling
        chosen = _without_repeated_words(index, scored)
        phrases_of_topics.append(tuple(index.text(phrase) for phrase in chosen))
    return phrases_of_topics


def _times_closeness(
    index: PhraseIndex, scored: Sequence[ScoredPhrase], closeness: Closeness, topic: int
) -> list[ScoredPhrase]:
    if not scored:
        return []
    factors = closeness([index.text(phrase) for _, phrase in scored], topic)
    products = [(score * float(factor), phrase) for (score, phrase), factor in zip(scored, factors, strict=True)]
    return sorted(products, key=lambda pair: (-pair[0], pair[1]))


def _without_repeated_words(index: PhraseIndex, scored: Sequence[ScoredPhrase]) -> list[int]:
    """Return the best phrases; a longer phrase takes the place of its parts if its score is not much lower."""
    score_of_phrase = {phrase: score for score, phrase in scored}
    chosen: list[int] = []
    for score, phrase in scored:
        words = index.words(phrase)
        parts = [other for other in chosen if index.words(other) < words]
        if parts and score >= _LONGER * score_of_phrase[parts[0]]:
            chosen[chosen.index(parts[0])] = phrase
            chosen = [other for other in chosen if other not in parts]
        elif len(chosen) < PHRASES and not any(words & index.words(other) for other in chosen):
            chosen.append(phrase)
    return chosen
