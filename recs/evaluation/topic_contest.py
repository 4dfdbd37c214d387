"""Names of the same topics against each other: those as given, those made anew, and c-TF-IDF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from recs.arrays import Float64Array, unit_rows
from recs.classification.labels import read_labels
from recs.clustering.closeness import PhraseModel
from recs.clustering.phrases import Topic
from recs.clustering.result import Clustering
from recs.embedding.vectors import Embeddings
from recs.errors import SourceError
from recs.evaluation.metrics import Estimate, bootstrap
from recs.evaluation.topic_names import (
    Embed,
    Judge,
    NamedItems,
    Namer,
    by_class_tf_idf,
    by_recs,
    commonest_classes,
    embed_by,
    halves,
    identification,
    matches,
    words_of_class,
)
from recs.items import Collection
from recs.text.counts import counted

_FEW = 10  # topics
_MOST = 0.5  # of a topic's items have the class by which its name is judged
GIVEN = "as given"
ANEW = "made anew"


@dataclass(frozen=True, slots=True)
class NamesScore:
    """How well one kind of names tells topics; each figure is a mean over topics.

    Attributes
    ----------
    names
        "as given": those of the clustering, which were made from all items. "made anew": made by recs from one half of
        the items. "c-tf-idf, …": the best words of c-TF-IDF, made from one half.
    by_words, by_vectors
        The reciprocal rank of the topic when its name is searched for in the other half, by BM25 and by cosine. None
        without an embedder.
    mean
        The mean of the two.
    behind
        By how much the mean of the names made anew is higher, topic by topic; None for them and for those as given.
    class_by_words, class_by_vectors
        The share of names that have all words of the class of their topic, and that are nearer to it than to any other
        class. None without labels. Names other than those as given are made from all items for this, without tags and
        categories.
    """

    names: str
    by_words: Estimate
    by_vectors: Estimate | None
    mean: Estimate
    behind: Estimate | None
    class_by_words: Estimate | None
    class_by_vectors: Estimate | None


@dataclass(frozen=True, slots=True)
class TopicScore:
    """A topic, the mean reciprocal rank of its name as given, and the class that most of its items have, if any."""

    id: int
    name: str
    items: int
    reciprocal_rank: float
    class_name: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The topics that can be judged, and all public items; `named` has the topics in this order."""

    topics: tuple[Topic, ...]
    named: NamedItems
    notes: tuple[str, ...]

    @classmethod
    def of(cls, collection: Collection, clustering: Clustering, embeddings: Embeddings) -> Self:
        topic_of = dict(zip(clustering.ids, clustering.assigned.tolist(), strict=True))
        items = sorted(collection.public, key=lambda item: item.id)
        ids = [topic_of.get(item.id, -1) for item in items]
        sizes = Counter(ids)
        topics = tuple(topic for topic in clustering.topics if sizes[topic.id] >= 2)
        if len(topics) < 2:
            are = counted(len(topics), "topic has", "topics have")
            raise SourceError(f"{are} two public items or more; names can be judged from two such topics on.")
        place = {topic.id: number for number, topic in enumerate(topics)}
        vectors = clustering.by_subject(embeddings.take([item.id for item in items])).vectors
        labels = np.array([place.get(topic, -1) for topic in ids], np.int64)
        named = NamedItems(tuple(items), unit_rows(vectors.astype(np.float64)), labels, len(topics))
        left_out = len(clustering.topics) - len(topics)
        are = counted(left_out, "topic is", "topics are")
        notes = [f"{are} not judged: fewer than two public items"] if left_out else []
        if len(topics) < _FEW:
            notes.append(f"only {len(topics)} topics: too few to tell names apart")
        return cls(topics, named, tuple(notes))


@dataclass(frozen=True, slots=True)
class Labels:
    """The class of each topic, or None; `label` is None if nothing can be matched."""

    label: str | None
    classes: tuple[str | None, ...]
    why_not: str = ""

    @classmethod
    def of(cls, judged: Judged, label: str | None) -> Self:
        named = judged.named
        field = label or "category"
        given = read_labels(named.items, field, required=label is not None).given
        classes_of_items = [given.get(item.id, ()) for item in named.items]
        classes = tuple(commonest_classes(classes_of_items, named.labels, named.count, least=_MOST))
        if len(set(classes) - {None}) >= 2:
            return cls(field, classes)
        why_not = f"no names are matched to {field!r}: fewer than two labels are that of half a topic" if given else ""
        return cls(None, (None,) * named.count, why_not)

    @property
    def choices(self) -> list[str]:
        return sorted({name for name in self.classes if name is not None})

    def notes(self, names: Sequence[str]) -> list[str]:
        """Return what the user should know of the labels."""
        if self.label is None:
            return [self.why_not] if self.why_not else []
        without = self.classes.count(None)
        pairs = zip(names, self.classes, strict=True)
        same = sum(own is not None and name.casefold() == own.casefold() for name, own in pairs)
        is_source = same and self.label in ("category", "tags")
        are_without = counted(without, "topic has", "topics have")
        are_labels = counted(same, "name as given is", "names as given are")
        without_note = f"{are_without} no label that half of the items have, and are not matched"
        same_note = f"{are_labels} the label itself: recs names a topic by a category or tag that fits"
        return [*([without_note] if without else []), *([same_note] if is_source else [])]


@dataclass(frozen=True, slots=True, eq=False)
class Contest:
    """What namers see, and who judges them."""

    judged: Judged
    labels: Labels
    sides: tuple[NamedItems, ...]
    judges: tuple[Judge, ...]
    embed: Embed | None

    @classmethod
    def of(cls, judged: Judged, labels: Labels, model: PhraseModel | None, *, seed: int) -> Self:
        sides = tuple(judged.named.part(rows) for rows in halves(judged.named, seed=seed))
        embed = embed_by(model) if model is not None else None
        return cls(judged, labels, sides, tuple(Judge(side, embed) for side in sides), embed)

    def ranks(self, namer: Namer) -> Float64Array:
        return identification(self.sides, self.judges, namer)

    def scores(self, model: PhraseModel | None) -> tuple[NamesScore, ...]:
        """Return the scores of all kinds of names."""
        given = [topic.name for topic in self.judged.topics]
        untagged = self.judged.named.without_tags()
        anew = by_recs(model)
        ours = self.ranks(anew)
        scores = [
            self._score(GIVEN, self.ranks(lambda _: given), given if self.labels.label else []),
            self._score(ANEW, ours, anew(untagged) if self.labels.label else []),
        ]
        for words in (1, 3):
            namer = by_class_tf_idf(words)
            ranks = self.ranks(namer)
            ahead = bootstrap(ours.mean(axis=0) - ranks.mean(axis=0))
            names = namer(untagged) if self.labels.label else []
            scores.append(self._score(f"c-tf-idf, {counted(words, 'word')}", ranks, names, ahead))
        return tuple(scores)

    def _score(
        self, kind: str, ranks: Float64Array, names: Sequence[str], behind: Estimate | None = None
    ) -> NamesScore:
        """Return the score of names; `names` are those that are matched to classes."""
        identified = [bootstrap(row) for row in ranks]
        matched = [bootstrap(row) for row in self._matches(names)] if names else []
        return NamesScore(
            names=kind,
            by_words=identified[0],
            by_vectors=identified[1] if len(identified) > 1 else None,
            mean=bootstrap(ranks.mean(axis=0)),
            behind=behind,
            class_by_words=matched[0] if matched else None,
            class_by_vectors=matched[1] if len(matched) > 1 else None,
        )

    def _matches(self, names: Sequence[str]) -> Float64Array:
        pairs = [(name, own) for name, own in zip(names, self.labels.classes, strict=True) if own is not None]
        classes = [words_of_class(own) for _, own in pairs]
        return matches([name for name, _ in pairs], classes, self.embed)


def by_difficulty(judged: Judged, labels: Labels, ranks: Float64Array) -> tuple[TopicScore, ...]:
    """Return the topics, those with the hardest names first."""
    sizes = np.bincount(judged.named.labels[judged.named.labels >= 0]).tolist()
    topics = [
        TopicScore(topic.id, topic.name, size, float(rank), own)
        for topic, size, rank, own in zip(judged.topics, sizes, ranks, labels.classes, strict=True)
    ]
    return tuple(sorted(topics, key=lambda topic: (topic.reciprocal_rank, topic.id)))
