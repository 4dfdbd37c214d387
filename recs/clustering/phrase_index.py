"""Which phrases are in which items, and which of them tell a topic from the others."""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recs.arrays import Float64Array, IntArray
from recs.clustering.labels import cluster_sizes
from recs.items import Item
from recs.text.words import STEM, tokenize, word_pattern

_WORDS = 1_500_000  # of all items together that are read for phrases
_LEAST_WORDS = 30  # of each item, title first
_LENGTHS = (1, 2, 3)  # of a phrase, in words
_MIN_DOCUMENTS = 3  # of a topic; in a small topic a third of its items
_CANDIDATES = 40  # phrases of a topic that are compared with each other, and with its vectors
_RARE = 5.0  # a phrase in so many items has half of its score
_END = 0.2  # NPMI that the first and the last word of a phrase need: of "the Django", "Django" is left
_BALANCE = 0.3  # exponent of the share of a topic's items that have the phrase
_UNSPACED = 0x7FF  # characters above may be of a script without spaces between words

ScoredPhrase = tuple[float, int]
"""The score of a phrase, and its number."""


@dataclass(frozen=True, slots=True, eq=False)
class _Occurrences:
    """Distinct pairs of an item and a phrase, each an array of shape (pairs,); and the words of each phrase."""

    items: IntArray
    phrases: IntArray
    words: list[tuple[int, ...]]


class PhraseIndex:
    """The phrases of n items. The items are read once; then the index answers for the topics of every layer."""

    def __init__(self, items: Sequence[Item]) -> None:
        reader = _Reader(limit=max(_LEAST_WORDS, _WORDS // max(len(items), 1)))
        for row, item in enumerate(items):
            reader.read(row, item)
        self._words = reader.usual_forms()
        self._stems = [folded[:STEM] for folded in reader.number_of_word]
        self._phrases: list[tuple[int, ...]] = []
        rows = []
        columns = []
        for length in _LENGTHS:
            occurrences = _occurrences(np.array(reader.tokens, np.int64), np.array(reader.owners, np.int64), length)
            rows.append(occurrences.items)
            columns.append(occurrences.phrases + len(self._phrases))
            self._phrases.extend(occurrences.words)
        self._phrase_of_word = {words[0]: phrase for phrase, words in enumerate(self._phrases) if len(words) == 1}
        self._rows = np.concatenate(rows)
        self._columns = np.concatenate(columns)

    def text(self, phrase: int) -> str:
        """Return a phrase as most items write it."""
        words = [self._words[word] for word in self._phrases[phrase]]
        text = words[0] if words else ""
        for word in words[1:]:
            # The words of a script without spaces are pairs of characters, and neighbours share one character.
            overlaps = len(word) == 2 and text[-1:] == word[0] and ord(word[0]) > _UNSPACED
            text += word[1:] if overlaps else f" {word}"
        return text

    def words(self, phrase: int) -> frozenset[str]:
        """Return the words of a phrase, cut to their first letters so that forms of one word are equal."""
        return frozenset(self._stems[word] for word in self._phrases[phrase])

    def telling(self, labels: IntArray, topics: int) -> list[list[ScoredPhrase]]:
        """Return for each topic its phrases with their scores, best first: smoothed NPMI, lower for rare phrases.

        Parameters
        ----------
        labels : int64 array of shape (n,)
            0 to `topics` - 1, or -1.
        """
        sizes = cluster_sizes(labels, topics)
        counts = self._counts(labels, topics)
        counts_of_all = counts.sum(axis=0)
        scored_phrases = []
        for topic, size in enumerate(sizes.tolist()):
            frequent = np.flatnonzero(counts[topic] >= min(_MIN_DOCUMENTS, max(size // 3, 1)))
            count = counts[topic][frequent]
            # With one topic there is nothing to tell it from.
            npmi = _npmi(count, counts_of_all[frequent], size, sizes.sum()) if topics > 1 else np.ones(len(frequent))
            scores = npmi * (count / size) ** _BALANCE * (count / (count + _RARE))
            scored_phrases.append(self._best(frequent, npmi, scores))
        return scored_phrases

    def _counts(self, labels: IntArray, topics: int) -> IntArray:
        """Return how many items of each topic have each phrase, shape (topics, phrases)."""
        phrases = len(self._phrases)
        topic_of_pair = labels[self._rows]
        in_topic = topic_of_pair >= 0
        cells = topic_of_pair[in_topic] * phrases + self._columns[in_topic]
        return np.bincount(cells, minlength=topics * phrases).reshape(topics, phrases)

    def _best(self, phrases: IntArray, npmi: Float64Array, scores: Float64Array) -> list[ScoredPhrase]:
        """Return the phrases with the best scores; the first and the last word of each are telling by themselves."""
        npmi_of_phrase = dict(zip(phrases.tolist(), npmi.tolist(), strict=True))
        least = min(_END, npmi.max(initial=0.0) / 2)
        best: list[ScoredPhrase] = []
        for place in np.argsort(-scores, kind="stable").tolist():
            if scores[place] <= 0 or len(best) == _CANDIDATES:
                break
            phrase = int(phrases[place])
            words = self._phrases[phrase]
            ends = [self._phrase_of_word.get(word, -1) for word in (words[0], words[-1])]
            if all(npmi_of_phrase.get(end, 0.0) >= least for end in ends):
                best.append((float(scores[place]), phrase))
        return best


def _npmi(count: IntArray, count_of_all: IntArray, size: int, items: int) -> Float64Array:
    """Return the normalised pointwise mutual information of phrases and a topic, -1 to 1.

    Parameters
    ----------
    count, count_of_all
        How many items of the topic, and of all topics, have each phrase.
    size, items
        How many items the topic has, and all topics have.
    """
    information = np.log(count * items / (count_of_all * size))
    return np.asarray(information / np.log(np.maximum(items / count, 1 + 1e-9)))


class _Reader:
    """Turns texts into numbers of words; -1 marks the end of a title or a text."""

    def __init__(self, *, limit: int) -> None:
        self.limit = limit
        self.number_of_word: dict[str, int] = {}
        self.tokens: list[int] = []
        self.owners: list[int] = []  # the row of the item of each token
        self._forms: list[Counter[str]] = []

    def read(self, row: int, item: Item) -> None:
        for part in (item.title, item.text):
            words = _first_words(part, self.limit)
            for form, folded in words:
                self.tokens.append(self._number(form, folded))
            self.tokens.append(-1)
            self.owners.extend([row] * (len(words) + 1))

    def usual_forms(self) -> list[str]:
        """Return each word as most items write it."""
        return [min(forms, key=lambda form: (-forms[form], form)) for forms in self._forms]

    def _number(self, form: str, folded: str) -> int:
        number = self.number_of_word.setdefault(folded, len(self.number_of_word))
        if number == len(self._forms):
            self._forms.append(Counter())
        self._forms[number][form] += 1
        return number


def _first_words(text: str, limit: int) -> list[tuple[str, str]]:
    """Return the first words of a text as they are written and as they are compared; numbers are left out."""
    words: list[tuple[str, str]] = []
    written = unicodedata.normalize("NFKC", text).replace("’", "'")
    for match in word_pattern(written).finditer(written):
        words += _terms(match.group())
        if len(words) >= limit:
            break
    return [(form, folded) for form, folded in words[:limit] if not folded.isdigit()]


@functools.lru_cache(maxsize=1 << 16)
def _terms(word: str) -> tuple[tuple[str, str], ...]:
    folded = tokenize(word)
    return ((word, folded[0]),) if len(folded) == 1 else tuple((part, part) for part in folded)


def _occurrences(tokens: IntArray, owners: IntArray, length: int) -> _Occurrences:
    """Return which items have which phrases of `length` words; phrases of a single item are left out."""
    stop = max(len(tokens) - length + 1, 0)
    grams = np.stack([tokens[i : stop + i] for i in range(length)], axis=1)
    inside = (grams >= 0).all(axis=1)
    grams = grams[inside]
    code = _code_rows(grams, int(tokens.max(initial=0)) + 1)
    codes = code.max(initial=0) + 1
    pairs = np.unique(owners[:stop][inside] * codes + code)
    items = pairs // codes
    phrase_of_pair = pairs % codes
    is_shared = np.bincount(phrase_of_pair) >= 2
    words = grams[_first_places(code, len(is_shared))[is_shared]]
    kept = is_shared[phrase_of_pair]
    numbers = np.cumsum(is_shared) - 1
    return _Occurrences(items[kept], numbers[phrase_of_pair[kept]], list(map(tuple, words.tolist())))


def _code_rows(grams: IntArray, words: int) -> IntArray:
    """Return a number for each row, equal for equal rows: 0 to c - 1."""
    code = np.zeros(len(grams), np.int64)
    for column in grams.T:  # numbers of pairs, then of triples, fit into 64 bits
        code = np.unique(code * words + column, return_inverse=True)[1]
    return code


def _first_places(code: IntArray, codes: int) -> IntArray:
    """Return the first place of each number from 0 to `codes` - 1."""
    places = np.zeros(codes, np.int64)
    places[code[::-1]] = np.arange(len(code))[::-1]
    return places
