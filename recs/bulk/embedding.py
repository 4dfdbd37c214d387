"""The vectors of a large collection: embedded in shards, and given as tables, one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recs.bulk.run import Progress, items_digest, opened_run
from recs.bulk.shards import Runner, read_shard
from recs.bulk.store import SHARD_ITEMS, StoredTexts
from recs.bulk.texts import map_texts, token_counts
from recs.bulk.vectors import EmbedTexts, made_anew, one_space
from recs.embedding.counts import TokenCounts
from recs.embedding.tables import FORMAT, embedding_table, with_head
from recs.errors import OptionError
from recs.items import Collection

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedShards:
    """The vectors of items, sorted by id, in shards on the disk.

    Attributes
    ----------
    head
        What each table says of all: the space of the vectors, a digest of the items, the number of tables.
    counts
        The tokens of the items.
    """

    paths: Sequence[Path]
    head: dict[str, Any]
    counts: TokenCounts

    def tables(self) -> Iterator[pa.Table]:
        """Yield the table of each shard, as `recs.Embeddings.load` expects them in a folder."""
        for number, path in enumerate(self.paths):
            yield with_head(read_shard(path), {**self.head, "part": number})


@contextmanager
def embedded_shards(
    collection: Collection,
    embedding: EmbedTexts,
    *,
    runner: Runner | None = None,
    folder: str | os.PathLike[str] | None = None,
    shard_items: int = SHARD_ITEMS,
    progress: Progress | None = None,
) -> Iterator[EmbeddedShards]:
    """Yield the vectors of the public items of a collection, which are on the disk inside the block.

    Parameters
    ----------
    runner, folder, shard_items, progress
        As in `recs.related_in_shards`.

    Raises
    ------
    OptionError
        If no item is public.
    ShardsError
        If shards failed.

    Notes
    -----
    Memory: the items, and for each worker the vectors of a shard and of its passages.
    """
    items = collection.public
    if not items:
        raise OptionError("there is no public item; nothing can be embedded.")
    options = ("embed", embedding, embedding.fingerprint(), shard_items)
    with opened_run(items, options, folder, anew=made_anew(embedding, "vectors")) as place:
        function = EmbedShard(embedding)
        paths = map_texts(function, items, place, "vectors", runner=runner, shard_items=shard_items, progress=progress)
        space = one_space([read_shard(path, []) for path in paths])
        head = {**space, "format": FORMAT, "items": items_digest(items), "parts": len(paths)}
        yield EmbeddedShards(paths, head, token_counts(items, paths))


@dataclass(frozen=True, slots=True)
class EmbedShard:
    """Returns the vectors of the items of a shard, and their tokens; those of passages are not kept."""

    embedding: EmbedTexts

    def __call__(self, path: Path) -> pa.Table:
        return embedding_table(self.embedding.embed(StoredTexts.read(path)))
