"""The topics of a server: those of a file that `recs cluster` wrote, with what the index has of their items."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recs.errors import SourceError
from recs.retrieval.index import Index
from recs.retrieval.table import row_of, text_digests
from recs.serving.requests import RequestError

_SCHEMA = "recs.topics/1"
_LARGEST = 256 << 20  # bytes of a file


class TopicsFile:
    """The topics of a file. A file that is replaced is read again. Threads may share it.

    An item that the index does not have is in no answer: it may have been withdrawn since the topics were made.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    SourceError
        If the file cannot be read, or has no topics.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp = self._stamp_now()
        self._topics, self._members = self._read()

    def listed(self, index: Index) -> list[dict[str, Any]]:
        """Return the topics of which the index has items: largest first, each with how many, and with examples."""
        topics, members = self._current()
        answers = []
        for topic in topics:
            count = int(np.isin(text_digests(members[topic["id"]]), index.table.ids).sum())
            examples = _items(topic["exemplars"], index)
            names = {"id": topic["id"], "name": topic["name"], "phrases": topic["phrases"]}
            if count:
                answers.append({**names, "items": count, "examples": examples})
        return sorted(answers, key=lambda answer: (-answer["items"], answer["id"]))

    def one(self, number: int, index: Index, k: int) -> dict[str, Any]:
        """Return a topic with its first k items by id; `RequestError` if there is none, or the index has none of it."""
        topic = next((each for each in self.listed(index) if each["id"] == number), None)
        if topic is None:
            raise RequestError(404, f"no topic with the id {number}.", "id")
        _, members = self._current()
        return {**topic, "members": _items(members[number], index, k)}

    def _current(self) -> tuple[list[Any], Mapping[int, list[str]]]:
        with self._lock:
            stamp = self._stamp_now()
            if stamp != self._stamp:
                self._topics, self._members = self._read()
                self._stamp = stamp
            return self._topics, self._members

    def _stamp_now(self) -> tuple[int, int, int]:
        try:
            status = self._path.stat()
        except OSError as error:
            raise SourceError(f"{self._path}: cannot be read ({error.strerror or error}).") from error
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _read(self) -> tuple[list[Any], Mapping[int, list[str]]]:
        try:
            with self._path.open("rb") as file:
                document = json.loads(file.read(_LARGEST))
            if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
                raise SourceError(f"{self._path}: is no file of topics; make one: recs cluster SOURCE -o FILE")
            members: dict[int, list[str]] = {int(topic["id"]): [] for topic in document["topics"]}
            for name, cell in sorted(document["items"].items()):
                if cell["topic"] in members:
                    members[cell["topic"]].append(name)
            topics = [_checked(topic) for topic in document["topics"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SourceError(f"{self._path}: cannot be read ({' '.join(str(error).split())[:200]}).") from error
        return topics, members


def _checked(topic: Mapping[str, Any]) -> dict[str, Any]:
    lists = {name: [str(each) for each in topic[name]] for name in ("phrases", "exemplars")}
    return {"id": int(topic["id"]), "name": str(topic["name"]), **lists}


def _items(names: Iterable[str], index: Index, k: int | None = None) -> list[dict[str, Any]]:
    """Return id, title and address of those items that the index has, at most k."""
    items: list[dict[str, Any]] = []
    for name in names:
        if len(items) == k:
            break
        if (row := row_of(name, index.table)) is not None:
            item = index.table[row]
            items.append({"id": item.id, "title": item.title, "url": item.url})
    return items
