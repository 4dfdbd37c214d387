"""Topics of a large collection: of vectors from shards, found on a sample, and given to all items by their rule."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.bulk.embedding import EmbedShard
from recs.bulk.folder import ArrayFolder, lists_of
from recs.bulk.languages import languages_of
from recs.bulk.run import Progress, Watched, opened_run
from recs.bulk.runners import LocalRunner
from recs.bulk.shards import EMBEDDING, Runner, map_shards, read_shard
from recs.bulk.store import SHARD_ITEMS, store_items
from recs.bulk.vectors import EmbedTexts, made_anew, one_space
from recs.cluster import cluster_items
from recs.clustering.application import apply_topics
from recs.clustering.result import Clustering
from recs.embedding.vectors import Embeddings
from recs.items import Collection, Item
from recs.ranking.fusion import sampled_rows
from recs.text.languages import uncovered_note

if TYPE_CHECKING:
    pass

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


@contextmanager
def embedded_in_shards(
    items: Sequence[Item],
    embedding: EmbedTexts,
    *,
    runner: Runner | None = None,
    folder: str | os.PathLike[str] | None = None,
    shard_items: int = SHARD_ITEMS,
    progress: Progress | None = None,
) -> Iterator[tuple[Embeddings, str | None]]:
    """Yield the vectors of items, which are sorted by id, and a note on languages that the model does not cover.

    The vectors are a memory map of a file that is there inside the block, without those of chunks. `runner`, `folder`,
    `shard_items` and `progress` are as in `recs.related_in_shards`.
    """
    spec = embedding.spec()
    options = ("vectors/1", embedding, spec.fingerprint, shard_items)
    with opened_run(items, options, folder, anew=made_anew(embedding, "vectors")) as place:
        parts = store_items(items, place / "items", runner=LocalRunner(workers=0), shard_items=shard_items)
        files = [part.path for part in parts]
        with (runner or LocalRunner()).connected() as connected:
            watched = Watched(connected, progress)
            languages = languages_of(parts, place, embedding.cache, runner=watched) if spec.languages else []
            paths = map_shards(EmbedShard(embedding), files, place / "vectors", runner=watched, resources=EMBEDDING)
        yield (
            _mapped(paths, [item.id for item in items], ArrayFolder(place / "arrays")),
            uncovered_note(languages, spec.languages, spec.name),
        )


def _mapped(paths: Sequence[Path], ids: Sequence[str], arrays: ArrayFolder) -> Embeddings:
    """Return the vectors of all shards as a memory map."""
    tables = [read_shard(path, ["tokens", "tokens_lost"]) for path in paths]
    space = one_space(tables)
    shape = (len(ids), int(space.pop("dim")))
    pieces = (lists_of(read_shard(path, ["vector"])["vector"])[0].reshape(-1, shape[1]) for path in paths)
    arrays.write("vectors", pieces, shape=shape, dtype=np.float32)
    tokens, lost = (np.concatenate([table[name].to_numpy() for table in tables]) for name in ("tokens", "tokens_lost"))
    return Embeddings(tuple(ids), arrays.read("vectors"), **space, tokens=tokens, tokens_lost=lost)
