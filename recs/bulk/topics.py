"""Topics of a large collection: found on a sample, and given to all items by their rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from recs.cluster import cluster_items
from recs.clustering.application import apply_topics
from recs.clustering.result import Clustering
from recs.embedding.vectors import Embeddings
from recs.items import Collection, Item
from recs.ranking.fusion import sampled_rows

SAMPLE = 50_000
LARGE = 60_000  # public items; from here on a sample is taken


def find_topics(items: Collection, embeddings: Embeddings, **options: Any) -> Clustering:
    """Do as `recs.cluster_items`; for more than 60,000 public items as `cluster_sample`."""
    find = cluster_sample if len(items.public) > LARGE else cluster_items
    return find(items, embeddings, **options)


def cluster_sample(
    items: Iterable[Item], embeddings: Embeddings, *, sample: int = SAMPLE, **options: Any
) -> Clustering:
    """Find the topics of a sample of the public items, and assign all of them by the rule of `Clustering.predict`.

    The result has one layer, and a note that says how many items were in the sample. `options` are those of
    `recs.cluster_items`; with `previous`, the topics keep their ids, and the items follow the rule.

    Parameters
    ----------
    sample
        How many items: those with the lowest digests of their ids, so that it changes little when the collection does.

    Examples
    --------
    >>> import numpy as np, recs
    >>> words = ["bread"] * 12 + ["bicycle"] * 12
    >>> items = [recs.Item(id=f"post-{i:02}", text=f"{word} {i}") for i, word in enumerate(words)]
    >>> X = np.eye(2).repeat(12, axis=0) + np.random.default_rng(0).normal(0, 0.1, (24, 2))
    >>> embeddings = recs.Embeddings.from_array([item.id for item in items], X, model="demo")
    >>> clustering = cluster_sample(items, embeddings, sample=20)
    >>> len(clustering.topics), clustering.notes[0]
    (2, 'topics were found on a sample of 20 of 24 items')
    """
    public = Collection(tuple(items)).public
    rows = sampled_rows([item.id for item in public], sample)
    found_on = [public[row] for row in rows.tolist()]
    clustering = cluster_items(found_on, embeddings, **options)
    applied = apply_topics(clustering, public, embeddings)
    note = f"topics were found on a sample of {len(found_on):,} of {len(public):,} items"
    return replace(applied, notes=(note, *applied.notes), changes=clustering.changes)
