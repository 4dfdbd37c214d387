"""Reads the chapters of an episode: a JSON file of the podcast namespace, or the chapters in a feed itself."""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from recs.errors import SourceError
from recs.readers.json_files import json_document, read_text
from recs.readers.transcripts.cues import seconds_of
from recs.readers.values import one_line, switch


class Chapter(NamedTuple):
    """A chapter: its first second in the episode, and its title, one line of plain text."""

    start: float
    title: str


def read_chapters(data: bytes, name: str) -> tuple[Chapter, ...]:
    """Return the chapters in a JSON file, by time. Those without a title, and those that the file hides, are left out.

    Raises `SourceError` if the file is no JSON with a list of chapters.

    Examples
    --------
    >>> read_chapters(b'{"chapters": [{"startTime": 90, "title": "Slugs"}, {"startTime": 0, "title": "Hi"}]}', "1.json")
    (Chapter(start=0.0, title='Hi'), Chapter(start=90.0, title='Slugs'))
    """
    document = json_document(read_text(data, name), name)
    entries = document.get("chapters") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise SourceError(f'{name}: JSON without a list of chapters; expected {{"chapters": [...]}}.')
    return listed_chapters(entries)


def listed_chapters(entries: Iterable[object]) -> tuple[Chapter, ...]:
    """Return the chapters among objects with a start ("startTime" or "start") and a title, by time.

    Examples
    --------
    >>> listed_chapters([{"start": "01:30", "title": "Slugs"}, {"startTime": 95, "title": "An advert", "toc": False}])
    (Chapter(start=90.0, title='Slugs'),)
    """
    chapters = []
    for entry in entries:
        if not isinstance(entry, Mapping) or switch(entry.get("toc", True)) is False:
            continue
        start = seconds_of(entry.get("startTime", entry.get("start")))
        title = one_line(entry.get("title"))
        if start is not None and math.isfinite(start) and title:
            chapters.append(Chapter(start, title))
    return tuple(sorted(chapters))
