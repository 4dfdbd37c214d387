"""Which phrases are in which items, and which of them tell a topic from the others."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.clustering.labels import cluster_sizes
from recs.clustering.phrase_occurrences import Occurrences
from recs.clustering.phrase_reader import BannedWords, WordReader
from recs.items import Item
from recs.text.words import STEM, tokenize, word_pattern

_WORDS = 1_500_000  # of all items together that are read for phrases
_LEAST_WORDS = 30  # of each item, title first
_LENGTHS = (1, 2, 3, 4)  # of a phrase, in words
_MIN_DOCUMENTS = 3  # of a topic; in a small topic a third of its items
_CANDIDATES = 40  # phrases of a topic that are compared with each other, and with its vectors
_RARE = 3.0  # a phrase in so many items has half of its score
_END = 0.2  # NPMI that the first and the last word of a phrase need: of "the Django", "Django" is left
_BALANCE = 0.15  # exponent of the share of a topic's items that have the phrase
_TITLES = 0.4  # exponent of the share of a topic's titles that have the phrase
_NO_TITLE = 0.02  # is added to that share
_HEADLINE = 0.5  # a phrase in this share of the titles may begin and end with any word: "Announcing Rust"
_FREEDOM = 0.5  # exponents; both are explained in `Occurrences`
_TITLE_RATE = 0.5
_COMMON = 20  # so many of the commonest words of a topic tell which other topics are in its language
_COMMON_SHARE = 0.5  # of a topic's items have such a word
_SAME_LANGUAGE = 0.4  # mean share of these words in a topic of the same language, relative to the own topic
_UNSPACED = 0x7FF  # characters above may be of a script without spaces between words

ScoredPhrase = tuple[float, int]
"""The score of a phrase, and its number."""


NONE_BANNED = BannedWords()


class PhraseIndex:
    """The phrases of n items. The items are read once; then the index answers for the topics of every layer."""

    def __init__(self, items: Sequence[Item], banned: BannedWords = NONE_BANNED) -> None:
        self.banned = banned
        self._reader = WordReader(limit=max(_LEAST_WORDS, _WORDS // max(len(items), 1)))
        for row, item in enumerate(items):
            self._reader.read(row, item)
        self._read = self._reader.read_words()
        self._forms = list(self._reader.number_of_form)
        self._joints = list(self._reader.number_of_joint)
        self._stems = [folded[:STEM] for folded in self._reader.number_of_word]
        self._has_title = np.array([bool(item.title) for item in items], bool)
        self._pairs = Occurrences.joined([Occurrences.of(self._read, length) for length in _LENGTHS])
        self._phrase_of_word = {
            int(self._read.words[self._pairs.places[phrase]]): int(phrase)
            for phrase in np.flatnonzero(self._pairs.lengths == 1)
        }
        self._items_and_words = np.unique(np.stack([self._read.owners, self._read.words]), axis=1)

    def text(self, phrase: int) -> str:
        """Return a phrase as most items write it."""
        text = ""
        for place in self._places_of(phrase):
            word = self._forms[self._read.forms[place]]
            # The words of a script without spaces are pairs of characters, and neighbours share one character.
            overlaps = len(word) == 2 and text[-1:] == word[0] and ord(word[0]) > _UNSPACED
            joint = self._joints[self._read.gaps[place]] if text else ""
            text += word[1:] if overlaps else joint + word
        return text

    def words(self, phrase: int) -> frozenset[str]:
        """Return the words of a phrase, cut to their first letters so that forms of one word are equal."""
        return frozenset(self._stems[self._read.words[place]] for place in self._places_of(phrase))

    def as_heading(self, text: str) -> str:
        """Return a phrase with a capital if sentences of the items begin with its first word so: "Bread", but "npm"."""
        match = word_pattern(text).match(text)
        if match is None or text[match.end() :][:1].strip("- ") or not self._reader.begins_in_upper_case(match.group()):
            return text
        return text[:1].upper() + text[1:]

    def as_written(self, slug: str) -> str:
        """Return a tag as the texts write it: "GitHub actions" for "github-actions"."""
        if any(char.isspace() or char.isupper() for char in slug):
            return slug
        words = [self._phrase_of_word.get(self._reader.number_of_word.get(word, -1), -1) for word in tokenize(slug)]
        return " ".join(map(self.text, words)) if words and min(words) >= 0 else re.sub(r"[-_]+", " ", slug)

    def has_own_language(self, labels: IntArray, topics: int) -> list[bool]:
        """Return for each topic whether no other topic uses the commonest words of it."""
        peers = _of_one_language(*self._word_counts(labels, topics)).sum(axis=1)
        return [count == 1 < topics for count in peers.tolist()]

    def telling(self, labels: IntArray, topics: int) -> list[list[ScoredPhrase]]:
        """Return for each topic its phrases with their scores, best first.

        The score is the smoothed NPMI, among the topics of one language. It is lower for phrases that are rare, that
        few titles have, that always stand in one sentence, or that titles avoid.

        Parameters
        ----------
        labels : int64 array of shape (n,)
            0 to `topics` - 1, or -1.
        """
        if topics == 0:
            return []
        counts = _counts(labels[self._pairs.items], self._pairs.phrases, (topics, len(self._pairs.places)))
        words, sizes = self._word_counts(labels, topics)
        titles = self._shares_of_titles(labels, counts.shape)
        scored_phrases = []
        for topic, peers in enumerate(_of_one_language(words, sizes)):
            size = int(sizes[topic])
            frequent = np.flatnonzero(counts[topic] >= min(_MIN_DOCUMENTS, max(size // 3, 1)))
            items = int(sizes[peers].sum())
            scores = _npmi(counts[topic][frequent], counts[peers][:, frequent].sum(axis=0), size, items)
            scores *= self._weights(frequent, counts[topic][frequent], size, titles[topic][frequent])
            npmi_of_word = _npmi(words[topic], words[peers].sum(axis=0), size, items)
            scored_phrases.append(self._best(frequent, scores, npmi_of_word, titles[topic][frequent] >= _HEADLINE))
        return scored_phrases

    def _weights(self, phrases: IntArray, count: IntArray, size: int, share_of_titles: Float64Array) -> Float64Array:
        """Return factors for phrases that so many of the `size` items of a topic have."""
        weights = (count / size) ** _BALANCE * (count / (count + _RARE))
        weights *= self._pairs.freedom[phrases] ** _FREEDOM * self._pairs.title_rate[phrases] ** _TITLE_RATE
        if share_of_titles.any():
            weights *= (share_of_titles + _NO_TITLE) ** _TITLES
        return np.asarray(weights)

    def _word_counts(self, labels: IntArray, topics: int) -> tuple[IntArray, IntArray]:
        """Return how many items of each topic have each word, shape (topics, words); and how many items it has."""
        rows, words = self._items_and_words
        return _counts(labels[rows], words, (topics, len(self._stems))), cluster_sizes(labels, topics)

    def _shares_of_titles(self, labels: IntArray, shape: tuple[int, ...]) -> Float64Array:
        """Return the share of the titles of each topic that have each phrase."""
        titles = cluster_sizes(labels[self._has_title & (labels >= 0)], shape[0])
        titled = _counts(np.where(self._pairs.titled, labels[self._pairs.items], -1), self._pairs.phrases, shape)
        return np.asarray(titled / np.maximum(titles, 1)[:, None])

    def _places_of(self, phrase: int) -> range:
        first = int(self._pairs.places[phrase])
        return range(first, first + int(self._pairs.lengths[phrase]))

    def _best(
        self, phrases: IntArray, scores: Float64Array, npmi_of_word: Float64Array, is_headline: BoolArray
    ) -> list[ScoredPhrase]:
        """Return the phrases with the best scores; the first and the last word of each are telling by themselves."""
        firsts = self._pairs.places[phrases]
        lasts = firsts + self._pairs.lengths[phrases] - 1
        ends = np.minimum(npmi_of_word[self._read.words[firsts]], npmi_of_word[self._read.words[lasts]])
        least = min(_END, float(ends.max(initial=0.0)) / 2)
        allowed = np.flatnonzero((scores > 0) & ((ends >= least) | is_headline))
        best = allowed[np.argsort(-scores[allowed], kind="stable")][:_CANDIDATES]
        return list(zip(scores[best].tolist(), phrases[best].tolist(), strict=True))


def _of_one_language(counts: IntArray, sizes: IntArray) -> BoolArray:
    """Return which topics use the commonest words of each topic, shape (topics, topics); a topic uses its own.

    Words that half of the items of a topic have are mostly those of its language. A topic with few such words, as of
    very short texts, is compared with all topics.
    """
    shares = counts / np.maximum(sizes, 1)[:, None]
    peers = np.ones((len(sizes), len(sizes)), bool)
    for topic, own in enumerate(shares):
        commonest = np.argsort(-own, kind="stable")[:_COMMON]
        commonest = commonest[own[commonest] >= _COMMON_SHARE]
        if len(commonest) >= _COMMON // 2:
            peers[topic] = np.minimum(shares[:, commonest] / own[commonest], 1).mean(axis=1) >= _SAME_LANGUAGE
    return peers


def _counts(rows: IntArray, columns: IntArray, shape: tuple[int, ...]) -> IntArray:
    """Return how often each row and column come together; row -1 does not count."""
    cells = (rows * shape[1] + columns)[rows >= 0]
    return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)


def _npmi(count: IntArray, count_of_all: IntArray, size: int, items: int) -> Float64Array:
    """Return the normalised pointwise mutual information of phrases and a topic, -1 to 1; -1 where they never meet.

    It is 1 if there is no other topic to tell the topic from.

    Parameters
    ----------
    count, count_of_all
        How many items of the topic, and of all topics, have each phrase.
    size, items
        How many items the topic has, and all topics have.
    """
    npmi = np.where(count > 0, 1.0, -1.0)
    if items == size:
        return npmi
    some = np.flatnonzero(count)
    information = np.log(count[some] * items / (count_of_all[some] * size))
    npmi[some] = information / np.log(np.maximum(items / count[some], 1 + 1e-9))
    return npmi
