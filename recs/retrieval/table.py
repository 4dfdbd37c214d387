"""The items of an index, in memory or in a file: one is read when it is asked for."""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recs.arrays import IntArray
from recs.errors import SourceError
from recs.items import Item
from recs.times import Times

Digests = npt.NDArray[np.uint64]
COLUMNS = ("category", "lang", "published", "series", "tags")
# Not kept: the body with its markup, which the author's links are in, and what only rules of related lists need.
_LEFT_OUT = frozenset({"body", "markup", "links", "pins", "excludes", "closed_by", "visibility"})
_KEPT = tuple(field.name for field in fields(Item) if field.name not in _LEFT_OUT)


class Table(Protocol):
    """The public items of an index, sorted by id."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> Item: ...

    def column(self, name: str) -> Sequence[Any]:
        """Return the values of one of `COLUMNS`, or of a field in `Item.meta`, one for each item."""
        ...

    @property
    def ids(self) -> Digests:
        """A digest of the id of each item."""
        ...

    @property
    def titles(self) -> Digests:
        """A digest of the title of each item, without case and marks."""
        ...


class ItemsInMemory:
    """The items of an index that is not in a folder."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, row: int) -> Item:
        return self._items[row]

    def column(self, name: str) -> Sequence[Any]:
        """Return the values of a field, one for each item."""
        if name in COLUMNS:
            return [getattr(item, name) for item in self._items]
        return [item.meta.get(name) for item in self._items]

    @cached_property
    def ids(self) -> Digests:
        """A digest of the id of each item."""
        return text_digests([item.id for item in self._items])

    @cached_property
    def titles(self) -> Digests:
        """A digest of the title of each item, without case and marks."""
        return text_digests([folded(item.title) for item in self._items])


class ItemsInFile:
    """The items in the file of an index: one JSON object in each line.

    Parameters
    ----------
    path
        The file.
    offsets : int64 array of shape (n + 1,)
        Where each line begins, and the size of the file.
    columns
        A file with the columns, as JSON.
    ids, titles
        Digests, as in `Table`.
    """

    def __init__(self, path: Path, offsets: IntArray, columns: Path, ids: Digests, titles: Digests) -> None:
        self._offsets = offsets
        self._columns_path = columns
        self.ids = ids
        self.titles = titles
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, row: int) -> Item:
        start, stop = int(self._offsets[row]), int(self._offsets[row + 1])
        with self._readable():
            return item_from(json.loads(self._bytes[start:stop]))

    def column(self, name: str) -> Sequence[Any]:
        """Return the values of a field, one for each item."""
        if name in COLUMNS:
            with self._readable():
                values: Sequence[Any] = self._columns[name]
            if not isinstance(values, list) or len(values) != len(self):
                raise self._broken("a column has another length than the table")
            return values
        return [self[row].meta.get(name) for row in range(len(self))]

    @cached_property
    def _columns(self) -> Mapping[str, Sequence[Any]]:
        columns: Mapping[str, Sequence[Any]] = json.loads(self._columns_path.read_bytes())
        return columns

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise self._broken("it was replaced twice; open it again") from error
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._broken(" ".join(str(error).split())[:200]) from error

    def _broken(self, why: str) -> SourceError:
        return SourceError(f"{self._columns_path.parent.parent}: a broken index ({why}); make it again.")


def item_record(item: Item) -> dict[str, Any]:
    """Return what the file of an index keeps of an item, as JSON values.

    Examples
    --------
    >>> item_record(Item("garlic", "Plant it.", title="Garlic", tags=["garden"]))
    {'id': 'garlic', 'text': 'Plant it.', 'title': 'Garlic', 'tags': ('garden',)}
    """
    record = {name: getattr(item, name) for name in _KEPT}
    record["times"] = None if item.times is None else [item.times.offsets, item.times.starts, item.times.ends]
    record["meta"] = {name: value for name, value in item.meta.items() if _is_plain(value)}
    empty: tuple[object, ...] = (None, "", (), {}, True)
    return {name: value for name, value in record.items() if name in ("id", "text") or value not in empty}


def _is_plain(value: object) -> bool:
    """Whether a value is a text, a number, or a list of such values: what a filter can be compared with."""
    if isinstance(value, list | tuple):
        return all(isinstance(part, str | int | float) for part in value)
    return isinstance(value, str | int | float)


def item_from(record: Mapping[str, Any]) -> Item:
    """Return the item of a record that `item_record` made."""
    times = record.get("times")
    values = dict(record)
    if times is not None:
        values["times"] = Times(*(tuple(part) for part in times))
    return Item(**values)


def item_lines(items: Sequence[Item]) -> Iterator[bytes]:
    """Yield the line of each item."""
    for item in items:
        yield json.dumps(item_record(item), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def text_digests(texts: Sequence[str]) -> Digests:
    """Return a digest of 64 bits of each text.

    Examples
    --------
    >>> bool(text_digests(["garlic"])[0] == text_digests(["garlic"])[0])
    True
    """
    digests = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def row_of(name: str, table: Table) -> int | None:
    """Return the row of the item with an id; None if there is none.

    Examples
    --------
    >>> row_of("tea", ItemsInMemory([Item("garlic", "Plant it."), Item("tea", "Boil water.")]))
    1
    """
    rows = np.flatnonzero(table.ids == text_digests([name])[0]).tolist()
    return next((row for row in rows if table[row].id == name), None)


def folded(text: str) -> str:
    """Return the words of a text in lower case, with single spaces.

    Examples
    --------
    >>> folded("Don't plant  GARLIC!")
    "don't plant garlic"
    """
    from recs.text.words import tokenize

    return " ".join(tokenize(text))
