"""Items assigned to the topics of a saved clustering, which stay as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from recs.arrays import Float64Array, FloatArray, IntArray
from recs.clustering.copies import group_means, text_groups
from recs.clustering.labels import renumber
from recs.clustering.parts import Layer
from recs.clustering.phrases import EXEMPLARS, Topic
from recs.clustering.result import Clustering
from recs.embedding.vectors import Embeddings
from recs.items import Collection, Item
from recs.text.counts import counted

_BLOCK = 8192  # texts that are scored at a time


def apply_topics(clustering: Clustering, items: Sequence[Item], embeddings: Embeddings) -> Clustering:
    """Return the topics of a clustering with the public items at hand instead of its own.

    Ids, names, phrases and the rule are those of the clustering; sizes and exemplars are of the items at hand, so a
    topic may be empty. An item of no topic is an outlier. Copies of one text are in one topic.

    Parameters
    ----------
    embeddings
        Vectors of at least the public items.

    Raises
    ------
    FingerprintMismatchError
        If the vectors have another model or another prompt than those of the clustering.
    EmbeddingError
        If an item has no vector.

    Examples
    --------
    >>> import recs
    >>> items = [Item(id=f"{i:02}", text=f"post {i}") for i in range(24)]
    >>> X = np.eye(2).repeat(12, axis=0) + np.random.default_rng(0).normal(0, 0.1, (24, 2))
    >>> clustering = recs.cluster_items(items, Embeddings.from_array([item.id for item in items], X, model="demo"))
    >>> new = Embeddings.from_array(["new"], [[0.1, 1.0]], model="demo")
    >>> applied = apply_topics(clustering, [Item(id="new", text="a new post")], new)
    >>> applied.assigned.tolist(), [topic.size for topic in applied.topics]
    ([1], [0, 1])
    """
    public = Collection(tuple(items)).public
    embeddings = embeddings.take([item.id for item in public])
    clustering.check_comparable(embeddings)
    texts = _ScoredTexts.of(clustering, embeddings, text_groups(public))
    taken = texts.best if clustering.parameters["assign"] == "all" else clustering.rule.close(texts.best, texts.cosines)
    places = np.where(embeddings.blank, -1, taken)
    nearest_first = np.argsort(-texts.cosines, kind="stable")
    topics = tuple(
        _with_items(topic, [public[row].id for row in nearest_first[places[nearest_first] == place].tolist()])
        for place, topic in enumerate(clustering.topics)
    )
    assigned = renumber(places, [topic.id for topic in topics])
    coverage = round(float((assigned >= 0).mean()), 6) if len(assigned) else 0.0
    shown = clustering.layers[clustering.default]
    counts = {"items": len(assigned), "distinct": texts.count, "coverage": coverage, "core": 0.0}
    return replace(
        clustering,
        ids=embeddings.ids,
        labels=np.full(len(assigned), -1),
        assigned=assigned,
        strengths=np.zeros(len(assigned)),
        learned=np.full(len(assigned), -2),
        leanings=np.full(len(assigned), -1),
        layers=(Layer(shown.resolution, shown.stability, coverage, assigned, topics),),
        default=0,
        topics=topics,
        sweep=(),
        metrics={**clustering.metrics, **counts},
        notes=tuple(_notes(topics, assigned)),
        changes=(),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _ScoredTexts:
    """The best topic of the text of each of n items, and the cosine with its centroid.

    Attributes
    ----------
    best : int64 array of shape (n,)
    cosines : float64 array of shape (n,)
    count
        How many texts have different vectors.
    """

    best: IntArray
    cosines: Float64Array
    count: int

    @classmethod
    def of(cls, clustering: Clustering, embeddings: Embeddings, group_of_item: IntArray) -> Self:
        """Score the mean vector of each group of copies; the vectors of a block of groups are in memory at a time."""
        order = np.argsort(group_of_item, kind="stable")
        groups = int(group_of_item.max(initial=-1)) + 1
        bounds = np.searchsorted(group_of_item, np.arange(groups + 1), sorter=order)
        best = np.zeros(groups, np.int64)
        cosines = np.zeros(groups)
        digests: set[bytes] = set()
        for start in range(0, groups, _BLOCK):
            stop = min(start + _BLOCK, groups)
            rows = order[bounds[start] : bounds[stop]]
            means = _means(clustering, embeddings, rows, group_of_item[rows] - start)
            best[start:stop], cosines[start:stop] = clustering.rule.scores(means)
            digests.update(hashlib.blake2b(mean.tobytes(), digest_size=16).digest() for mean in means)
        return cls(best[group_of_item], cosines[group_of_item], len(digests))


def _means(clustering: Clustering, embeddings: Embeddings, rows: IntArray, group_of_row: IntArray) -> FloatArray:
    """Return the mean vectors of groups of rows, as the topics compare them."""
    scaled = embeddings.similarity == "cosine"
    vectors = clustering.languages.without(np.asarray(embeddings.vectors[rows]), scaled=scaled)
    return np.stack(group_means(vectors, group_of_row, scaled=scaled))


def _with_items(topic: Topic, ids: Sequence[str]) -> Topic:
    """Return the topic with other items, whose ids are given, the nearest first; no layer above has its parent."""
    return replace(topic, exemplars=tuple(ids[:EXEMPLARS]), size=len(ids), core=0, parent=None)


def _notes(topics: Sequence[Topic], assigned: IntArray) -> Iterator[str]:
    """Yield how many items have no topic, and how many topics have no item."""
    empty = sum(not topic.size for topic in topics)
    if outliers := int((assigned < 0).sum()):
        items_are = counted(outliers, "item is", "items are")
        yield f"{items_are} in none of the {counted(len(topics), 'topic')}."
    if empty:
        yield f"{counted(empty, 'saved topic has', 'saved topics have')} no item here."
