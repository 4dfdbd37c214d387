"""Items as shards: what the work on texts needs of each item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recs.arrays import IntArray
from recs.bulk.shards import Runner, map_shards, read_shard
from recs.embedding.pipeline import open_cache
from recs.items import Item
from recs.text.languages import item_languages

if TYPE_CHECKING:
    import pyarrow as pa

SHARD_ITEMS = 10_000


@dataclass(frozen=True, slots=True)
class Part:
    """The items of one shard: its file, and the rows from `start` to `stop` among all items, which are sorted by id."""

    path: Path
    start: int
    stop: int

    @property
    def rows(self) -> IntArray:
        """The rows of its items among all."""
        return np.arange(self.start, self.stop)


@dataclass(frozen=True, slots=True)
class StoredTexts:
    """What a shard holds of its items; `written` is where a transcript begins in a text, its length if it has none."""

    ids: list[str]
    titles: list[str]
    texts: list[str]
    written: list[int]
    langs: list[str | None]

    @classmethod
    def read(cls, path: Path) -> StoredTexts:
        """Return the texts of a shard."""
        table = read_shard(path)
        return cls(*(table[name].to_pylist() for name in ("id", "title", "text", "written", "lang")))

    def languages(self, cache: Path | None) -> list[str | None]:
        """Return the language of each item: the one that it declares, or a guess; guesses are kept in a cache."""
        texts = zip(self.ids, self.texts, self.langs, strict=True)
        with open_cache(cache or False) as store:
            return item_languages([Item(name, text, lang=lang) for name, text, lang in texts], store)


def store_items(items: Sequence[Item], folder: Path, *, runner: Runner, shard_items: int = SHARD_ITEMS) -> list[Part]:
    """Write items, sorted by id, as shards of neighbours; the shards depend on the items alone."""
    starts = range(0, len(items), shard_items)
    paths = map_shards(items_table, [items[start : start + shard_items] for start in starts], folder, runner=runner)
    stops = (min(start + shard_items, len(items)) for start in starts)
    return [Part(path, start, stop) for path, start, stop in zip(paths, starts, stops, strict=True)]


def items_table(items: Sequence[Item]) -> pa.Table:
    """Return the table of the items of a shard."""
    import pyarrow as pa

    columns = {
        "id": pa.array([_whole(item.id) for item in items], pa.large_string()),
        "title": pa.array([_whole(item.title) for item in items], pa.large_string()),
        "text": pa.array([_whole(item.text) for item in items], pa.large_string()),
        "written": pa.array([item.written for item in items], pa.int64()),
        "lang": pa.array([None if item.lang is None else _whole(item.lang) for item in items], pa.large_string()),
    }
    return pa.table(columns)


def _whole(text: str) -> str:
    """Return a text whose characters can be written; half a character becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
