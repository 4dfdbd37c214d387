"""Results as files, each byte a function of the result alone.

`json` is the contract `recs.related/1`: keys sorted, one item a line, so that a diff shows the lists that changed.
`jsonl` is a line an item, `csv` a line a match, `hugo` a data file (`data/recs.json`) from the key of a page to its
list: a page of Hugo knows its own file and its own address, so an item read from a folder of Markdown stands under its
id (its path without suffix), and an item with a url under the path of that url as well.
"""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recs.contract import SCHEMA
from recs.errors import OptionError
from recs.files import write_atomically
from recs.ranking.previous import item_digest
from recs.text.links import split_url
from recs.writers.cells import dumps, plain

if TYPE_CHECKING:
    from recs.items import Match
    from recs.related import RelatedLists

_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
_DECIMALS = 4


def render_related(lists: RelatedLists, *, format: str = "json") -> str:
    """Return related lists as text.

    `format` is "json" (the contract `recs.related/1`), "jsonl" (a line an item), "csv" (a line a match) or "hugo" (a
    data file); `OptionError` for another.
    """
    if format not in _WRITERS:
        raise OptionError(f"format is {format!r}, expected one of {', '.join(FORMATS)}.")
    # A lone surrogate, which JSON input may hold, has no UTF-8; no reader should meet it.
    return _WRITERS[format](lists).encode("utf-8", "replace").decode("utf-8")


def write_related(lists: RelatedLists, path: str | os.PathLike[str], *, format: str | None = None) -> None:
    """Write related lists to a file, replaced whole or not at all.

    The format is as in `render_related`: by the suffix of `path` if left out, JSON where that says nothing. Raises
    `OptionError` and `OutputError`.
    """
    path = Path(path)
    chosen = format or _SUFFIXES.get(path.suffix.lower(), "json")
    write_atomically(path, render_related(lists, format=chosen).encode("utf-8"))


def _document(lists: RelatedLists) -> str:
    head: dict[str, Any] = {
        "config": dict(lists.config),
        "corpus": lists.corpus,
        "counts": dict(lists.counts),
        "model": dict(lists.model) if lists.model is not None else None,
        "schema": SCHEMA,
        "score": {"kind": lists.score.kind, "range": list(lists.score.range)},
    }
    items = _object({name: _item(lists, name) for name in lists.lists}).rstrip("\n") if lists.lists else "{}"
    members = {key: dumps(value) for key, value in head.items()} | {"items": items}
    return "{\n" + ",\n".join(f'"{key}":{members[key]}' for key in sorted(members)) + "\n}\n"


def _lines(lists: RelatedLists) -> str:
    return "".join(f"{dumps({'id': name, **_item(lists, name)})}\n" for name in sorted(lists.lists))


def _table(lists: RelatedLists) -> str:
    """Sorted by id and rank; ids are as they are, whatever a spreadsheet makes of them."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id", "rank", "related_id", "title", "url", "score", "via"])
    for name in sorted(lists.lists):
        for rank, match in enumerate(lists.lists[name], 1):
            target = lists.items[match.id]
            cells = [plain(target.title), plain(target.url or ""), f"{_score(match):.{_DECIMALS}f}", match.via]
            writer.writerow([name, rank, match.id, *cells])
    return buffer.getvalue()


def _hugo(lists: RelatedLists) -> str:
    pages: dict[str, Any] = {}
    for name in sorted(lists.lists):
        related = [_entry(lists, match) for match in lists.lists[name]]
        path = split_url(lists.items[name].url).path
        if path:
            pages.setdefault(path, related)
        pages[name] = related  # an id wins over the path of another item's url
    return _object(pages)


_WRITERS = {"json": _document, "jsonl": _lines, "csv": _table, "hugo": _hugo}
FORMATS = tuple(_WRITERS)


def _item(lists: RelatedLists, name: str) -> dict[str, Any]:
    source = lists.items[name]
    said = {field: getattr(source, field) for field in ("excerpt", "image", "lang", "title", "url")}
    return {**said, "digest": item_digest(source), "related": [_entry(lists, match) for match in lists.lists[name]]}


def _entry(lists: RelatedLists, match: Match) -> dict[str, Any]:
    target = lists.items[match.id]
    found = {"id": match.id, "title": target.title, "url": target.url, "score": _score(match), "via": match.via}
    if match.why is None:
        return found
    parts = {name: round(part, _DECIMALS) + 0.0 for name, part in match.why.parts.items()}
    why = {"parts": parts, "passages": match.why.passages, "phrases": match.why.phrases, "rules": match.reasons}
    return {**found, "why": why}


def _score(match: Match) -> float:
    """Return a score as it is written: rounded, and never minus zero."""
    return round(match.score, _DECIMALS) + 0.0


def _object(members: dict[str, Any]) -> str:
    """Return an object: a line a key, sorted."""
    return "{\n" + ",\n".join(f"{dumps(key)}:{dumps(members[key])}" for key in sorted(members)) + "\n}\n"
