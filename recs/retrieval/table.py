"""The items of an index, in memory or in a file: one is read when it is asked for."""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recs.arrays import IntArray
from recs.errors import SourceError
from recs.filters import ItemTable
from recs.items import Item
from recs.retrieval.records import item_from, item_record

Digests = npt.NDArray[np.uint64]
COLUMNS = ("category", "lang", "published", "series", "tags")
Columns = Mapping[str, Sequence[Sequence[Any]]]
"""By name of a field: the rows of the items that have it, and its values. A field of `Item.meta` is "meta.NAME"."""


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

    @property
    def contents(self) -> Digests:
        """Two digests of all that the index keeps of each item, shape (n, 2): they change when the item does."""
        ...


class ItemsInMemory(ItemTable):
    """The items of an index that is not in a folder."""

    @cached_property
    def ids(self) -> Digests:
        """A digest of the id of each item."""
        return text_digests([item.id for item in self._items])

    @cached_property
    def titles(self) -> Digests:
        """A digest of the title of each item, without case and marks."""
        return text_digests([folded(item.title) for item in self._items])

    @cached_property
    def contents(self) -> Digests:
        """Two digests of all that the index keeps of each item, shape (n, 2)."""
        return content_digests(self._items)


class ItemsInFile:
    """The items in the file of an index: one JSON object in each line.

    Parameters
    ----------
    folder
        It has the lines, items.jsonl, and the columns, columns.json.
    arrays
        "offsets": int64 array of shape (n + 1,), where each line begins, and the size of the file; and the digests
        "ids", "titles" and "contents", as in `Table`.
    """

    def __init__(self, folder: Path, arrays: Mapping[str, Any]) -> None:
        self._offsets: IntArray = arrays["offsets"]
        self._columns_path = folder / "columns.json"
        self.ids: Digests = arrays["ids"]
        self.titles: Digests = arrays["titles"]
        self.contents: Digests = arrays["contents"]
        path = folder / "items.jsonl"
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
        with self._readable():
            rows, values = self._columns.get(name if name in COLUMNS else f"meta.{name}", ((), ()))
            cells: list[Any] = [None] * len(self)
            for row, value in zip(rows, values, strict=True):
                cells[row] = value
            return cells

    def without(self, rows: IntArray) -> tuple[list[bytes], Columns] | None:
        """Return the lines and the columns with nothing in place of these rows; None if nothing is there already."""
        starts, stops = self._offsets[rows].tolist(), self._offsets[rows + 1].tolist()
        with self._readable():
            if all(self._bytes[start : start + 1] == b" " for start in starts):
                return None
            pieces, end = [], 0
            for start, stop in zip(starts, stops, strict=True):
                pieces += [self._bytes[end:start], b" " * (stop - start - 1) + b"\n"]
                end = stop
            gone = set(rows.tolist())
            kept = {name: _pairs(column, gone) for name, column in self._columns.items()}
            return [*pieces, self._bytes[end:]], kept

    @cached_property
    def _columns(self) -> Columns:
        columns: Columns = json.loads(self._columns_path.read_bytes())
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
        return SourceError(f"{self._columns_path.parents[2]}: a broken index ({why}); make it again.")


class JoinedItems:
    """The items of several segments, or of one whose items are not all in the index any more.

    Parameters
    ----------
    tables
        The items of each segment.
    rows : int32 arrays, one for each segment
        The row in the index of each item of the segment; -1 for one that is not in the index any more.
    """

    def __init__(self, tables: Sequence[Table], rows: Sequence[npt.NDArray[np.int32]]) -> None:
        self._segments = tuple(zip(tables, rows, strict=True))
        n = sum(int((each >= 0).sum()) for each in rows)
        self._segment_of = np.zeros(n, np.int32)
        self._place_of = np.zeros(n, np.int32)
        for number, each in enumerate(rows):
            places = np.flatnonzero(each >= 0)
            self._segment_of[each[places]] = number
            self._place_of[each[places]] = places

    def __len__(self) -> int:
        return len(self._place_of)

    def __getitem__(self, row: int) -> Item:
        table, _ = self._segments[int(self._segment_of[row])]
        return table[int(self._place_of[row])]

    def column(self, name: str) -> Sequence[Any]:
        """Return the values of a field, one for each item."""
        columns = [table.column(name) for table, _ in self._segments]
        places = zip(self._segment_of.tolist(), self._place_of.tolist(), strict=True)
        return [columns[number][place] for number, place in places]

    @cached_property
    def ids(self) -> Digests:
        """A digest of the id of each item."""
        return self._joined([table.ids for table, _ in self._segments])

    @cached_property
    def titles(self) -> Digests:
        """A digest of the title of each item, without case and marks."""
        return self._joined([table.titles for table, _ in self._segments])

    @cached_property
    def contents(self) -> Digests:
        """Two digests of all that the index keeps of each item, shape (n, 2)."""
        return self._joined([table.contents for table, _ in self._segments])

    def _joined(self, arrays: Sequence[Digests]) -> Digests:
        joined = np.zeros((len(self), *arrays[0].shape[1:]), np.uint64)
        for (_, rows), array in zip(self._segments, arrays, strict=True):
            joined[rows[rows >= 0]] = array[rows >= 0]
        return joined


def joined(tables: Sequence[Table], rows: Sequence[npt.NDArray[np.int32]]) -> Table:
    """Return the items of an index; the arguments are those of `JoinedItems`."""
    is_whole = len(tables) == 1 and bool((rows[0] >= 0).all())
    return tables[0] if is_whole else JoinedItems(tables, rows)


def columns_of(records: Iterable[Mapping[str, Any]]) -> Columns:
    """Return the columns of the records of items, and those of their other fields.

    Examples
    --------
    >>> columns_of([{"id": "garlic"}, {"id": "tea", "category": "drinks", "meta": {"level": 2}}])
    {'category': ([1], ['drinks']), 'meta.level': ([1], [2])}
    """
    columns: dict[str, tuple[list[int], list[Any]]] = {}
    for row, record in enumerate(records):
        fields = {name: record[name] for name in COLUMNS if name in record}
        fields |= {f"meta.{name}": value for name, value in record.get("meta", {}).items()}
        for name, value in fields.items():
            rows, values = columns.setdefault(name, ([], []))
            rows.append(row)
            values.append(value)
    return columns


def _pairs(column: Sequence[Sequence[Any]], gone: Container[int]) -> tuple[list[int], list[Any]]:
    """Return a column without some rows."""
    pairs = [(row, value) for row, value in zip(*column, strict=True) if row not in gone]
    return [row for row, _ in pairs], [value for _, value in pairs]


def text_digests(texts: Sequence[str]) -> Digests:
    """Return a digest of 64 bits of each text.

    Examples
    --------
    >>> bool(text_digests(["garlic"])[0] == text_digests(["garlic"])[0])
    True
    """
    digests = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def content_digests(items: Iterable[Item]) -> Digests:
    """Return two digests of 64 bits of all that an index keeps of each item, shape (n, 2).

    Examples
    --------
    >>> content_digests([Item("garlic", "Plant it."), Item("tea", "Boil water.")]).shape
    (2, 2)
    """
    digests = b"".join(map(_content, items))
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64).reshape(-1, 2)


def _content(item: Item) -> bytes:
    record = item_record(item)
    text = str(record.pop("text")).encode("utf-8", "surrogatepass")  # not as JSON: that takes five times as long
    others = json.dumps({**record, "characters": len(item.text)}).encode()
    return hashlib.blake2b(text + others, digest_size=16).digest()


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
