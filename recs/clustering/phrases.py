"""Names for topics, from titles and texts in any language: phrases that stand in a topic and seldom elsewhere.

There is no stop list: a word of the whole collection says nothing about a topic, so its score is near nought.
"""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recs.arrays import Float64Array, IntArray
from recs.items import Item
from recs.text.words import STEM, tokenize, word_pattern

PHRASES = 5
EXEMPLARS = 5

_WORDS = 1_500_000  # of all items together that are read for phrases: at least _LEAST of each item, title first
_LEAST = 30
_MIN_DOCUMENTS = 3
_CANDIDATES = 40  # phrases of a topic that are compared with each other, and with its vectors
_RARE = 5.0  # documents at which a phrase is believed half
_LONGER = 0.7  # a phrase takes the place of its part if its score is so much of the part's
_END = 0.2  # NPMI that the first and the last word of a phrase need: of "the Django", "Django" is left
_BALANCE = 0.3  # exponent of the share of a topic's items that a phrase stands in


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic is about.

    Attributes
    ----------
    id
        The number that stands for it in `labels` and `assigned`; it stays from run to run (see `cluster_items`).
    name
        Unlike the name of every other topic of its layer.
    phrases
        Of one to three words, the most telling first.
    exemplars
        Ids of the items nearest to its middle, nearest first.
    size, core
        How many items are assigned to it, and how many of them stand in its dense core.
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


class PhraseIndex:
    """Which phrases stand in which of n items: read once, asked for the topics of every layer."""

    def __init__(self, items: Sequence[Item]) -> None:
        limit = max(_LEAST, _WORDS // max(len(items), 1))
        column: dict[str, int] = {}
        surfaces: list[Counter[str]] = []
        tokens: list[int] = []
        owners: list[int] = []
        for row, item in enumerate(items):
            for part in (item.title, item.text):
                words = _words(part, limit)
                for word, folded in words:
                    place = column.setdefault(folded, len(column))
                    if place == len(surfaces):
                        surfaces.append(Counter())
                    surfaces[place][word] += 1
                    tokens.append(place)
                tokens.append(-1)  # no phrase runs over the end of a title
                owners.extend([row] * (len(words) + 1))
        self._words = [min(forms, key=lambda form: (-forms[form], form)) for forms in surfaces]
        self._stems = [folded[:STEM] for folded in column]
        self._phrases: list[tuple[int, ...]] = []
        pairs = [_pairs(np.array(tokens, np.int64), np.array(owners, np.int64), length) for length in (1, 2, 3)]
        rows, columns = [], []
        for owner, phrase, found in pairs:
            rows.append(owner)
            columns.append(phrase + len(self._phrases))
            self._phrases.extend(map(tuple, found.tolist()))
        self._single = {words[0]: place for place, words in enumerate(self._phrases) if len(words) == 1}
        self._rows, self._columns = np.concatenate(rows), np.concatenate(columns)

    def text(self, phrase: int) -> str:
        """Return a phrase as most items write it."""
        words = [self._words[word] for word in self._phrases[phrase]]
        text = words[0] if words else ""
        for word in words[1:]:  # pairs of characters, of scripts without spaces, overlap by one
            text += word[1:] if len(word) == 2 and text[-1:] == word[0] and ord(word[0]) > 0x7FF else f" {word}"
        return text

    def telling(self, labels: IntArray, topics: int) -> list[list[tuple[float, int]]]:
        """Return for each topic its phrases with their scores, best first: smoothed NPMI, less for rare phrases.

        Parameters
        ----------
        labels : int64 array of shape (n,)
            0 to `topics` - 1, or -1.
        """
        n = max(int((labels >= 0).sum()), 1)
        ours = labels[self._rows]
        phrases = len(self._phrases)
        joint = np.bincount(ours[ours >= 0] * phrases + self._columns[ours >= 0], minlength=topics * phrases)
        joint = joint.reshape(topics, phrases)
        alone, sizes = joint.sum(axis=0), np.bincount(labels[labels >= 0], minlength=topics)
        result = []
        for topic, size in enumerate(sizes.tolist()):
            known = np.flatnonzero(joint[topic] >= min(_MIN_DOCUMENTS, max(size // 3, 1)))
            count = joint[topic][known]
            npmi = np.log(count * n / (alone[known] * size)) / np.log(np.maximum(n / count, 1 + 1e-9))
            if topics == 1:  # nothing to tell it from
                npmi = np.ones(len(known))
            scores = npmi * (count / size) ** _BALANCE * (count / (count + _RARE))
            alone_npmi = np.zeros(phrases + 1)
            alone_npmi[known] = npmi
            least = min(_END, npmi.max(initial=0.0) / 2)
            best: list[tuple[float, int]] = []
            for place in np.argsort(-scores, kind="stable").tolist():
                phrase = int(known[place])
                if scores[place] <= 0 or len(best) == _CANDIDATES:
                    break
                ends = (self._single.get(self._phrases[phrase][end], -1) for end in (0, -1))
                if all(alone_npmi[end] >= least for end in ends):  # both ends tell of the topic by themselves
                    best.append((float(scores[place]), phrase))
            result.append(best)
        return result

    def words(self, phrase: int) -> frozenset[str]:
        """Return the words of a phrase, cut so that forms of one word meet."""
        return frozenset(self._stems[word] for word in self._phrases[phrase])


def topic_phrases(
    index: PhraseIndex,
    labels: IntArray,
    topics: int,
    *,
    closeness: Callable[[Sequence[str], int], Float64Array] | None = None,
) -> list[tuple[str, ...]]:
    """Return the phrases of each topic, the most telling first, none of which repeats another's words.

    Parameters
    ----------
    closeness
        How near phrases are to a topic, by a model, 0 to 1: multiplies their scores.
    """
    result = []
    for topic, found in enumerate(index.telling(labels, topics)):
        scored = found
        if closeness is not None and found:
            near = closeness([index.text(phrase) for _, phrase in found], topic)
            scored = [(score * float(c), phrase) for (score, phrase), c in zip(found, near, strict=True)]
            scored.sort(key=lambda pair: (-pair[0], pair[1]))
        chosen: list[int] = []
        score_of = {phrase: score for score, phrase in scored}
        for score, phrase in scored:
            words = index.words(phrase)
            parts = [other for other in chosen if index.words(other) < words]
            if parts and score >= _LONGER * score_of[parts[0]]:
                chosen[chosen.index(parts[0])] = phrase
                chosen = [other for other in chosen if other not in parts]
            elif len(chosen) < PHRASES and not any(words & index.words(other) for other in chosen):
                chosen.append(phrase)
        result.append(tuple(index.text(phrase) for phrase in chosen))
    return result


def unique_names(phrases: Sequence[Sequence[str]], given: Mapping[int, str], sizes: Sequence[int]) -> list[str]:
    """Return a name for each topic: the one given, or its first phrase; no two are the same, whatever their case.

    Where two topics have one first phrase, the larger keeps it and the other adds its next phrase.
    """
    names: dict[int, str] = {}
    taken: set[str] = set()
    for topic in sorted(range(len(phrases)), key=lambda topic: (topic not in given, -sizes[topic], topic)):
        options = [given[topic]] if given.get(topic) else []
        heads = options or list(phrases[topic][:1]) or ["?"]
        options += [heads[0], *(f"{heads[0]}, {more}" for more in phrases[topic][1:])]
        options += [f"{heads[0]} ({number})" for number in range(2, len(phrases) + 3)]
        names[topic] = next(name for name in options if name.casefold() not in taken)
        taken.add(names[topic].casefold())
    return [names[topic] for topic in range(len(phrases))]


def _words(text: str, limit: int) -> list[tuple[str, str]]:
    """Return the first words of a text as they are written and as they are compared."""
    found: list[tuple[str, str]] = []
    for match in word_pattern().finditer(unicodedata.normalize("NFKC", text).replace("’", "'")):
        word = match.group()
        found += _terms(word)
        if len(found) >= limit:
            break
    return [(word, folded) for word, folded in found[:limit] if not folded.isdigit()]


@functools.lru_cache(maxsize=1 << 16)
def _terms(word: str) -> tuple[tuple[str, str], ...]:
    folded = tokenize(word)
    return ((word, folded[0]),) if len(folded) == 1 else tuple((part, part) for part in folded)


def _pairs(tokens: IntArray, owners: IntArray, length: int) -> tuple[IntArray, IntArray, Any]:
    """Return the distinct pairs of an item and a phrase of `length` words, and the words of each phrase."""
    stop = max(len(tokens) - length + 1, 0)
    grams = np.stack([tokens[i : stop + i] for i in range(length)], axis=1)
    inside = (grams >= 0).all(axis=1)
    grams, rows = grams[inside], owners[:stop][inside]
    code = np.zeros(len(grams), np.int64)
    for i in range(length):  # numbers of pairs, then of triples, fit into 64 bits
        code = np.unique(code * (tokens.max(initial=0) + 1) + grams[:, i], return_inverse=True)[1]
    both = np.unique(rows * (code.max(initial=0) + 1) + code)
    rows, code_of = both // (code.max(initial=0) + 1), both % (code.max(initial=0) + 1)
    documents = np.bincount(code_of)
    firsts = np.zeros(len(documents), np.int64)
    firsts[code[::-1]] = np.arange(len(code))[::-1]
    keep = documents >= 2 if len(documents) else documents.astype(np.bool_)
    place = np.cumsum(keep) - 1
    kept = keep[code_of]
    return rows[kept], place[code_of[kept]], grams[firsts[keep]]
