"""Items as shards: what the work on texts needs of each item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
_SHARD_CHARACTERS = 100_000_000  # at most, but for a single item


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
    """Write items, sorted by id, as shards of neighbours, at most so many; the shards depend on the items alone."""
    starts = list(_starts(items, shard_items))
    spans = list(pairwise([*starts, len(items)]))
    paths = map_shards(items_table, [items[start:stop] for start, stop in spans], folder, runner=runner)
    return [Part(path, start, stop) for path, (start, stop) in zip(paths, spans, strict=True)]


def _starts(items: Sequence[Item], shard_items: int) -> Iterator[int]:
    """Yield where each shard starts: a shard of long texts has fewer items."""
    start = size = 0
    for row, item in enumerate(items):
        size += len(item.text)
        if row == 0 or row - start == shard_items or size > _SHARD_CHARACTERS:
            yield row
            start, size = row, len(item.text)


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
