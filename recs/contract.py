"""Reads a file of related lists: `recs.related/1`.

This module needs only the standard library and nothing else of recs, so that a plugin can contain a copy of it.
Whatever is wrong with the file, the site gets empty lists and a warning, never an exception.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SCHEMA = "recs.related/1"
_FAMILY = "recs.related/"
_LOOK_SECONDS = 1.0  # between two looks at the time and the size of the file

# One entry of a list: "id", "title", "url" (or None), "score", "via", and possibly other keys.
Entry = dict[str, Any]


class RelatedFileWarning(UserWarning):
    """A file of related lists could not be used."""


class Note(str):
    """A message for a person: a string with a code, which stays the same between versions, and a level.

    The level "info" tells how the lists were made. The level "warning" is for what an author should put right: only
    such a note may stop a strict build.

    Examples
    --------
    >>> note = Note("the cache cannot be written", code="cache", level="warning")
    >>> note.code, note.level, note.upper()
    ('cache', 'warning', 'THE CACHE CANNOT BE WRITTEN')
    """

    code: str
    level: str

    def __new__(cls, text: str, *, code: str = "note", level: str = "info") -> Note:
        """Return a note; `level` is "info" or "warning"."""
        note = super().__new__(cls, text)
        note.code = code
        note.level = level
        return note


def corpus_digest(items: Iterable[Any]) -> str:
    """Return the SHA-256 of a collection in hexadecimal. It does not depend on the order of the items.

    `items` are of the type `recs.Item`, or pairs (id, content). Items that are not public do not count. The content of
    an item is its title, a newline, and its body as the source has it. The digest of the items of `recs related` is
    that in its result: `RelatedLists.corpus`, and "corpus" in the file.

    Examples
    --------
    >>> digest = corpus_digest([("soil", "Soil\\nCompost."), ("garlic", "Garlic\\nCloves.")])
    >>> digest == corpus_digest([("garlic", "Garlic\\nCloves."), ("soil", "Soil\\nCompost.")])
    True

    >>> import recs
    >>> items = recs.read_items([{"id": "soil", "title": "Soil", "text": "Compost."}])
    >>> corpus_digest(items) == corpus_digest([("soil", "Soil\\nCompost.")])
    True
    """
    digest = hashlib.sha256()
    counted = sorted((item for item in items if _counts(item)), key=_id_of)
    of_ids = (sorted(map(_content, some)) for _, some in groupby(counted, key=_id_of))  # a few texts at a time
    for pair in chain.from_iterable(of_ids):
        for part in pair:
            data = part.encode("utf-8", "surrogatepass")
            digest.update(b"%d:" % len(data))
            digest.update(data)
    return digest.hexdigest()


def _id_of(item: Any) -> str:
    return str(item[0] if isinstance(item, tuple) else item.id)


def _content(item: Any) -> tuple[str, str]:
    return item if isinstance(item, tuple) else (item.id, content_of(item))


def content_of(item: Any) -> str:
    """Return what makes an item another one when it is edited: title, body and transcript.

    Examples
    --------
    >>> import recs
    >>> content_of(recs.Item(id="a", title="Garlic", text="Plant it in autumn."))
    'Garlic\\nPlant it in autumn.'
    """
    if item.times is not None:
        return f"{item.title}\n{item.body}\n{item.text}"
    return f"{item.title}\n{item.body or item.text}"


def _counts(item: Any) -> bool:
    return isinstance(item, tuple) or item.visibility == "public"


class RelatedFile(Mapping[str, list[Entry]]):
    """The related lists in a file, by item id. The file is read at the first use; threads may share the object.

    A file that comes later, or is replaced, is read again: at most once a second, time and size are compared.
    `get` returns an empty list for an unknown id. If the file is missing, incomplete, stale, of another kind or of a
    newer schema, there are no lists, and one `RelatedFileWarning` says why. A url that is neither a web URL nor a path
    (such as "javascript:…") is replaced by None. Every list is a new copy. `document` is the content of a file that
    could not be written; then no file is read.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, corpus: str | None = None, document: dict[str, Any] | None = None
    ) -> None:
        self.path = Path(path if isinstance(path, str | os.PathLike) else str(path))
        self._expected_corpus = corpus
        self._given = document
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._document: dict[str, Any] | None = None
        self._read_stamp: tuple[int, int] | None = None
        self._looked = 0.0

    def __getitem__(self, item_id: str) -> list[Entry]:
        return _entries(self._items()[str(item_id)])

    def __iter__(self) -> Iterator[str]:
        return iter(self._items())

    def __len__(self) -> int:
        return len(self._items())

    def get(self, item_id: str, default: Any = ()) -> list[Entry]:
        """Return the list of an item, best first; if it has none, `default` as a list."""
        item = self._items().get(str(item_id))  # ids are strings in the file: 7 is "7"
        return list(default or ()) if item is None else _entries(item)

    @property
    def model(self) -> dict[str, Any] | None:
        """Name, fingerprint, dim and similarity of the model; None if only terms were used."""
        model = self._read().get("model")
        return dict(model) if isinstance(model, dict) else None

    @property
    def score(self) -> dict[str, Any]:
        """What a score measures ("kind"), and its "range"."""
        score = self._read().get("score")
        return dict(score) if isinstance(score, dict) else {}

    @property
    def corpus(self) -> str | None:
        """The digest of the collection that the lists were made from."""
        corpus = self._read().get("corpus")
        return corpus if isinstance(corpus, str) else None

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a person should know of the making of the lists; none if the file does not say it."""
        notes = self._read().get("notes")
        listed = [note for note in notes if isinstance(note, dict)] if isinstance(notes, list) else []
        return tuple(
            Note(str(note.get("text", "")), code=str(note.get("code", "note")), level=str(note.get("level", "info")))
            for note in listed
        )

    @property
    def by_terms(self) -> tuple[str, ...]:
        """The ids of items that had no vector and were ranked by their terms, if others had one."""
        return tuple(name for name, item in self._items().items() if item.get("by_terms"))

    def _items(self) -> dict[str, Any]:
        items: dict[str, Any] = self._read().get("items", {})
        return items

    def _read(self) -> dict[str, Any]:
        if self._given is not None:
            return self._given
        if self._process != os.getpid():  # a thread of the parent may have held the lock at the fork
            self._lock = threading.Lock()
            self._process = os.getpid()
        with self._lock:
            now = time.monotonic()
            if self._document is None or now - self._looked >= _LOOK_SECONDS:
                self._looked = now
                stamp = self._stamp()
                if self._document is None or stamp != self._read_stamp:
                    self._read_stamp = stamp
                    self._load()
            return self._document or {}

    def _stamp(self) -> tuple[int, int] | None:
        """Return what changes when the file does: time and size; None if it is not there."""
        try:
            status = self.path.stat()
        except (OSError, ValueError):
            return None
        return status.st_mtime_ns, status.st_size

    def _load(self) -> None:
        """Read the file. If it cannot be used, there are no lists, and a warning says why."""
        document, problem = {}, None
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            problem = self._problem(document)
        except FileNotFoundError:
            problem = "is missing; run recs related"
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
        except (ValueError, RecursionError, MemoryError):
            problem = "is not whole JSON; run recs related again"
        self._document = {} if problem else document
        if problem:
            _warn(f"{self.path}: {problem}; no related items are shown.")

    def _problem(self, document: Any) -> str | None:
        """Return what is wrong with the content of the file, if anything."""
        schema = document.get("schema") if isinstance(document, dict) else None
        if not isinstance(schema, str) or not schema.startswith(_FAMILY):
            return f"is not a file of related lists (schema {schema!r}, expected {SCHEMA!r})"
        if schema != SCHEMA:
            return f"has the schema {schema!r} and this reader knows {SCHEMA!r}; upgrade recs"
        items = document.get("items")
        if not isinstance(items, dict) or not all(isinstance(item, dict) for item in items.values()):
            return "has no lists where they should be; run recs related again"
        if self._expected_corpus is not None and document.get("corpus") != self._expected_corpus:
            return "was made from another state of the collection; run recs related again"
        return None


def load_related(path: str | os.PathLike[str], *, corpus: str | None = None) -> RelatedFile:
    """Return the related lists in a file that `recs related` wrote (`recs.related/1`).

    The file is read at the first use of a list. A file that cannot be used gives empty lists and a warning, never an
    exception.

    Parameters
    ----------
    path
        The file.
    corpus
        The `corpus_digest` of the collection as it is now. The file is not used if it was made from another state of
        the collection. Without it, this is not checked.

    Examples
    --------
    >>> import tempfile
    >>> entry = {"id": "onions", "title": "Onions", "url": "/onions/", "score": 0.84, "via": "auto"}
    >>> document = {"schema": "recs.related/1", "items": {"garlic": {"related": [entry]}}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     length = Path(folder, "related.json").write_text(json.dumps(document))
    ...     lists = load_related(Path(folder, "related.json"))
    ...     [entry["title"] for entry in lists.get("garlic")], lists.get("roses")
    (['Onions'], [])
    """
    return RelatedFile(path, corpus=corpus)


def _warn(message: str) -> None:
    try:
        warnings.warn(message, RelatedFileWarning, stacklevel=6)
    except RelatedFileWarning:  # warnings may be errors, but the site must be shown all the same
        logging.getLogger("recs").warning("%s", message)


def _entries(item: dict[str, Any]) -> list[Entry]:
    related = item.get("related")
    entries = [dict(entry) for entry in related if isinstance(entry, dict)] if isinstance(related, list) else []
    for entry in entries:
        entry["url"] = safe_url(entry.get("url"))
    return entries


def safe_url(url: object) -> str | None:
    """Return an http or https URL or a path as it is; None for anything else."""
    if not isinstance(url, str) or url != url.lstrip() or any(ord(char) < 32 or ord(char) == 127 for char in url):
        return None
    try:
        return url if urlsplit(url).scheme.lower() in ("", "http", "https") else None
    except ValueError:
        return None
