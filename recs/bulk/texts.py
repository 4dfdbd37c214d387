"""A verb that computes something of each text by itself: one step in shards, and then the rows of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recs.bulk.run import Progress, Watched
from recs.bulk.runners import LocalRunner
from recs.bulk.shards import EMBEDDING, Runner, map_shards, read_shard
from recs.bulk.store import SHARD_ITEMS, store_items
from recs.embedding.counts import TokenCounts
from recs.items import Item

if TYPE_CHECKING:
    import pyarrow as pa


def map_texts(
    function: Callable[[Path], pa.Table],
    items: Sequence[Item],
    folder: Path,
    step: str,
    *,
    runner: Runner | None = None,
    shard_items: int = SHARD_ITEMS,
    progress: Progress | None = None,
) -> list[Path]:
    """Compute a table of the texts of each shard of items, and return the files of the tables.

    Parameters
    ----------
    function
        Of the file of a shard, which `StoredTexts.read` reads. It may embed: it gets the cores for that.
    items
        Sorted by id.
    folder
        That of the run (`recs.bulk.run.opened_run`).
    step
        The name of the tables: they are in the folder of this name inside it, and `progress` gets it.
    runner
        What computes the shards; None for the processes of this machine.

    Raises
    ------
    ShardsError
        If shards failed.
    """
    parts = store_items(items, folder / "items", runner=LocalRunner(workers=0), shard_items=shard_items)
    files = [part.path for part in parts]
    watched = Watched(runner or LocalRunner(), progress)
    return map_shards(function, files, folder / step, runner=watched, resources=EMBEDDING)


def token_counts(items: Sequence[Item], paths: Sequence[Path]) -> TokenCounts:
    """Return the tokens of all items from the columns `tokens` and `tokens_lost` of their tables."""
    names = ("tokens", "tokens_lost")
    tables = [read_shard(path, names) for path in paths]
    none = np.zeros(0, np.int64)
    tokens, lost = (np.concatenate([none, *(table[name].to_numpy() for table in tables)]) for name in names)
    return TokenCounts([item.id for item in items], tokens, lost)
