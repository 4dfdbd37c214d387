"""Keeps the texts of a large source on the disk: its items read them when they are used."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import weakref
from contextlib import suppress
from dataclasses import fields
from typing import IO, Any

from recs.errors import OutputError
from recs.files import cache_folder
from recs.items import Item
from recs.times import Times

IN_MEMORY = 100_000_000
"""Characters of texts and bodies that are kept in memory: those of the first items of a source."""

_CODING = ("utf-8", "surrogatepass")


class TextStore:
    """Keeps items: the first ones as they are, and of all others the texts in a file.

    The file has no name, so it goes away with the process. It is in the cache folder, since the folder for temporary
    files is in memory on some systems.

    Parameters
    ----------
    in_memory
        How many characters are kept in memory; `IN_MEMORY` if left out.

    Examples
    --------
    >>> store = TextStore(in_memory=10)
    >>> items = [store.keep(Item(name, "Plant it.")) for name in ("garlic", "leeks")]
    >>> [type(item).__name__ for item in items], items[1].text
    (['Item', 'StoredItem'], 'Plant it.')
    """

    def __init__(self, in_memory: int | None = None) -> None:
        self._left = IN_MEMORY if in_memory is None else in_memory
        self._file: _TextFile | None = None

    def keep(self, item: Item) -> Item:
        """Return an item, or one that is equal to it and reads its texts when they are used.

        Raises `OutputError` if the disk is full.
        """
        size = len(item.text) + (0 if item.body == item.text else len(item.body)) + 40 * _cues(item)
        if size <= self._left:
            self._left -= size
            return item
        return self._stored(item)

    def keep_change(self, before: Item, after: Item) -> Item:
        """Return what `before` has become, kept in the same way."""
        if after is before or not isinstance(before, StoredItem):
            return after
        return self._stored(after)

    def _stored(self, item: Item) -> Item:
        if isinstance(item, StoredItem):
            return item
        self._file = self._file or _TextFile()
        return StoredItem.of(item, self._file)


def _cues(item: Item) -> int:
    return 0 if item.times is None else len(item.times.offsets)


class StoredItem(Item):
    """An item whose text, body and times are in a file.

    It is equal to the `Item` with the same values. A copy with changes (`dataclasses.replace`) is an `Item` in memory,
    and so is one in another process.
    """

    __slots__ = ("_file", "_place")
    _file: _TextFile
    _place: tuple[int, int, int, int]  # where it starts, and the bytes of its text, its body and its times

    def __new__(cls, *values: Any, **named: Any) -> Item:  # type: ignore[misc]
        return Item(*values, **named)

    @staticmethod
    def of(item: Item, file: _TextFile) -> StoredItem:
        """Return an item like this one whose texts are in a file, at its end."""
        times = item.times and [item.times.offsets, item.times.starts, item.times.ends]
        texts = (item.text, "" if item.body == item.text else item.body, json.dumps(times) if times else "")
        parts = [text.encode(*_CODING) for text in texts]
        stored = object.__new__(StoredItem)
        for name in _OTHERS:
            object.__setattr__(stored, name, getattr(item, name))
        text, body, cues = map(len, parts)
        object.__setattr__(stored, "_file", file)
        place = (file.add(b"".join(parts)), text, body if item.body != item.text else _SAME, cues)
        object.__setattr__(stored, "_place", place)
        return stored

    @property
    def text(self) -> str:
        """The plain text, from the file."""
        start, size, _, _ = self._place
        return self._file.read(start, size).decode(*_CODING)

    @property
    def body(self) -> str:
        """The body, from the file."""
        start, text, size, _ = self._place
        return self.text if size == _SAME else self._file.read(start + text, size).decode(*_CODING)

    @property
    def times(self) -> Times | None:
        """The times of the transcript, from the file."""
        start, text, body, size = self._place
        if not size:
            return None
        return Times(*map(tuple, json.loads(self._file.read(start + text + max(body, 0), size))))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Item):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _NAMES)

    def __hash__(self) -> int:
        return hash(Item(*(getattr(self, name) for name in _NAMES)))

    def __reduce__(self) -> tuple[type[Item], tuple[Any, ...]]:
        return Item, tuple(getattr(self, name) for name in _NAMES)


_SAME = -1  # the size of a body that is the text
_NAMES = tuple(field.name for field in fields(Item))
_OTHERS = tuple(name for name in _NAMES if name not in ("text", "body", "times"))


class _TextFile:
    """A file without a name to which bytes are added."""

    def __init__(self) -> None:
        self._end = 0
        self._lock = threading.Lock()
        self._file = _nameless_file()
        weakref.finalize(self, self._file.close)

    def add(self, data: bytes) -> int:
        """Write bytes at the end and return where they start."""
        try:
            with self._lock:
                start = self._end
                self._file.seek(start)
                left = memoryview(data)
                while left:
                    left = left[self._file.write(left) :]
                self._end += len(data)
        except OSError as error:
            raise OutputError(f"the texts of this source do not fit on the disk: {error.strerror}.") from error
        return start

    def read(self, start: int, size: int) -> bytes:
        """Return bytes of the file. A process that was forked from this one may read as well."""
        data = b""
        while len(data) < size:  # the system may give less than asked
            more = self._read(start + len(data), size - len(data))
            if not more:
                raise OSError("the file with the texts of this source is shorter than it was")
            data += more
        return data

    def _read(self, start: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, start)
        with self._lock:
            self._file.seek(start)
            return self._file.read(size)


def _nameless_file() -> IO[bytes]:
    folder = cache_folder()
    with suppress(OSError):  # a process that may not write there uses the folder for temporary files
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder, buffering=0)
    return tempfile.TemporaryFile(buffering=0)
