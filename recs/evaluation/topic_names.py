"""A judge of the names of topics: which topic does a name find, and which class does it call to mind.

References
----------
Grootendorst, BERTopic: Neural topic modeling with a class-based TF-IDF procedure, arXiv:2203.05794, for c-TF-IDF.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from recs.arrays import Float64Array, IntArray, unit_rows
from recs.clustering.closeness import PhraseModel
from recs.clustering.naming import name_topics
from recs.items import Item
from recs.text.words import tokenize

_K1 = 1.2
_B = 0.75
_RARE = 3  # times; c-TF-IDF leaves out terms that occur less often in all topics


@dataclass(frozen=True, slots=True, eq=False)
class NamedItems:
    """n items, their unit vectors of shape (n, d), and the topic of each: 0 to `count` - 1, or -1."""

    items: tuple[Item, ...]
    vectors: Float64Array
    labels: IntArray
    count: int

    def part(self, rows: IntArray) -> Self:
        """Return some of the items, with the same topics."""
        items = tuple(self.items[row] for row in rows.tolist())
        return replace(self, items=items, vectors=self.vectors[rows], labels=self.labels[rows])

    def without_tags(self) -> Self:
        """Return the items without their tags and categories."""
        return replace(self, items=tuple(replace(item, tags=(), category=None) for item in self.items))

    def words(self) -> list[list[str]]:
        """Return the words of each item."""
        return [tokenize(f"{item.title}\n{item.text}") for item in self.items]


Namer = Callable[[NamedItems], list[str]]
"""Returns a name for each topic."""
Embed = Callable[[Sequence[str]], Float64Array]
"""Returns unit vectors of texts."""


def halves(topics: NamedItems, *, seed: int = 0) -> list[IntArray]:
    """Return two sets of rows that each hold half of the items of every topic, by digests of their ids.

    Examples
    --------
    >>> items = tuple(Item(id=name, text="-") for name in "abcdef")
    >>> topics = NamedItems(items, np.eye(6), np.array([0, 0, 0, 0, 1, 1]), 2)
    >>> [topics.labels[rows].tolist() for rows in halves(topics)]
    [[0, 0, 1], [0, 0, 1]]
    """
    digests = [hashlib.sha256(f"{seed} {item.id}".encode("utf-8", "replace")).digest() for item in topics.items]
    order = np.array(sorted(range(len(digests)), key=digests.__getitem__), np.int64)
    sides = np.zeros(len(order), np.int64)
    for topic in range(-1, topics.count):
        rows = order[topics.labels[order] == topic]
        sides[rows[len(rows) // 2 :]] = 1
    return [np.flatnonzero(sides == side) for side in (0, 1)]


class Judge:
    """Ranks the topics of some items by a name: by the mean BM25 score of their items, and by their centroids.

    The mean of all centroids is taken out. `embed` embeds names; without it, words alone judge.
    """

    def __init__(self, topics: NamedItems, embed: Embed | None) -> None:
        self._embed = embed
        means = np.stack([topics.vectors[topics.labels == topic].mean(axis=0) for topic in range(topics.count)])
        self._centroids = unit_rows(means - means.mean(axis=0))
        self._scores = _bm25(topics)

    def reciprocal_ranks(self, names: Sequence[str]) -> Float64Array:
        """Return 1 / the rank of each name's own topic, by words and by vectors, shape (2 or 1, topics)."""
        by_words = np.array(
            [[sum(of_topic.get(word, 0.0) for word in tokenize(name)) for of_topic in self._scores] for name in names]
        )
        if self._embed is None:
            return _reciprocal_ranks(by_words)[None]
        by_vectors = self._embed(names) @ self._centroids.T
        return np.stack([_reciprocal_ranks(by_words), _reciprocal_ranks(by_vectors)])


def _bm25(topics: NamedItems) -> list[dict[str, float]]:
    """Return for each topic the mean BM25 score of its items for each of their words."""
    documents = topics.words()
    mean_length = max(float(np.mean([len(words) for words in documents])), 1.0)
    items_with = Counter(word for words in documents for word in set(words))
    sizes = np.bincount(topics.labels[topics.labels >= 0], minlength=topics.count)
    scores: list[dict[str, float]] = [{} for _ in range(topics.count)]
    for words, topic in zip(documents, topics.labels.tolist(), strict=True):
        if topic < 0:
            continue
        length = _K1 * (1 - _B + _B * len(words) / mean_length)
        for word, count in Counter(words).items():
            idf = np.log(1 + (len(documents) - items_with[word] + 0.5) / (items_with[word] + 0.5))
            score = float(idf * count * (_K1 + 1) / (count + length))
            scores[topic][word] = scores[topic].get(word, 0.0) + score / int(sizes[topic])
    return scores


def _reciprocal_ranks(scores: Float64Array) -> Float64Array:
    """Return 1 / the rank of the diagonal in each row of a square; of equal scores the mean rank counts."""
    own = np.diag(scores)[:, None]
    ranks = 1 + (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2
    return np.asarray(1 / ranks)


def embed_by(model: PhraseModel) -> Embed:
    """Return a function that embeds texts by the model of the items; an empty text has the vector 0."""

    def embed(texts: Sequence[str]) -> Float64Array:
        vectors = np.zeros((len(texts), model.embedder.spec.dim))
        rows = [row for row, text in enumerate(texts) if text.strip()]
        embedded = model.embedder.embed([texts[row] for row in rows], role=model.role, store=model.cache)
        vectors[rows] = unit_rows(np.nan_to_num(embedded.vectors.astype(np.float64)))
        return vectors

    return embed


def identification(sides: Sequence[NamedItems], judges: Sequence[Judge], namer: Namer) -> Float64Array:
    """Return the reciprocal rank of each topic, by words and by vectors, shape (2 or 1, topics).

    The namer sees one half, and the judge of the other half ranks its topics by these names; both ways, in the mean.
    """
    of_sides = [judge.reciprocal_ranks(namer(side)) for side, judge in zip(sides, reversed(judges), strict=True)]
    return np.asarray(np.mean(of_sides, axis=0))


def matches(names: Sequence[str], classes: Sequence[str], embed: Embed | None) -> Float64Array:
    """Return whether each name has all words of its class, and is nearest to it; shape (2 or 1, names)."""
    rows = [[set(tokenize(own)) <= set(tokenize(name)) for name, own in zip(names, classes, strict=True)]]
    if embed is not None:
        choices = sorted(set(classes))
        nearest = (embed(names) @ embed(choices).T).argmax(axis=1).tolist()
        rows.append([choices[place] == own for place, own in zip(nearest, classes, strict=True)])
    return np.array(rows, np.float64)


def commonest_classes(
    classes_of_items: Iterable[Sequence[str]], labels: IntArray, topics: int, *, least: float = 0.0
) -> list[str | None]:
    """Return the class that most items of each topic have; None if less than a share of them have it.

    Examples
    --------
    >>> commonest_classes([["a"], ["a"], ["b"], [], []], np.array([0, 0, 0, 1, -1]), 2)
    ['a', None]
    """
    counts = [Counter[str]() for _ in range(topics)]
    for classes, topic in zip(classes_of_items, labels.tolist(), strict=True):
        if topic >= 0:
            counts[topic].update(classes)
    sizes = np.bincount(labels[labels >= 0], minlength=topics).tolist()
    return [_commonest(of_topic, least * size) for of_topic, size in zip(counts, sizes, strict=True)]


def _commonest(counts: Mapping[str, int], least: float) -> str | None:
    best = min(counts, key=lambda name: (-counts[name], name), default=None)
    return best if best is not None and counts[best] >= least else None


def words_of_class(name: str) -> str:
    """Return the name of a class with blanks for hyphens and underscores.

    Examples
    --------
    >>> words_of_class("card_payment-fee")
    'card payment fee'
    """
    return re.sub(r"[_-]+", " ", name).strip() or name


def class_tf_idf(topics: NamedItems, *, longest: int = 1) -> list[dict[str, float]]:
    """Return the c-TF-IDF of the terms of each topic, as BERTopic has it; a term is a word, or so many words at most.

    Terms that occur once or twice are left out.
    """
    counts = [Counter[str]() for _ in range(topics.count)]
    for words, topic in zip(topics.words(), topics.labels.tolist(), strict=True):
        if topic >= 0:
            for length in range(1, longest + 1):
                counts[topic].update(" ".join(words[at : at + length]) for at in range(len(words) - length + 1))
    in_all = sum(counts, Counter[str]())
    kept = [{term: count for term, count in of_topic.items() if in_all[term] >= _RARE} for of_topic in counts]
    lengths = [max(sum(of_topic.values()), 1) for of_topic in kept]
    mean_length = float(np.mean(lengths))
    return [
        {term: count / length * float(np.log(1 + mean_length / in_all[term])) for term, count in of_topic.items()}
        for of_topic, length in zip(kept, lengths, strict=True)
    ]


def best_terms(weights: Mapping[str, float], most: int) -> list[str]:
    """Return the terms with the largest weights, the best first; of equal ones, in the order of the alphabet."""
    return sorted(weights, key=lambda term: (-weights[term], term))[:most]


def by_class_tf_idf(words: int) -> Namer:
    """Return a namer that gives the best words of c-TF-IDF."""
    return lambda topics: [" ".join(best_terms(weights, words)) for weights in class_tf_idf(topics)]


def by_recs(model: PhraseModel | None) -> Namer:
    """Return the namer of `recs.cluster_items`; with a model, it ranks phrases by vectors too."""
    return lambda topics: name_topics(topics.items, topics.labels, topics.count, vectors=topics.vectors, model=model)
