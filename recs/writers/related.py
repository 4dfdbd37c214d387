"""Related lists as files; equal results give equal bytes.

`json` is the contract `recs.related/1`: keys are sorted, and each item is on one line, so that a diff shows the lists
that changed. `jsonl` has a line for each item, `csv` a line for each match. `hugo` is a data file (`data/recs.json`)
from the key of a page to its list. A page of Hugo knows its own file and its own URL, so an item that was read from a
folder of Markdown has its id as a key (its path without suffix), and an item with a URL also has the path of the URL.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recs.contract import SCHEMA
from recs.errors import OptionError
from recs.files import write_atomically
from recs.ranking.lists import entry_of, rounded
from recs.ranking.previous import item_digest
from recs.text.link_targets import split_url
from recs.writers.cells import csv_text, dumps, json_lines

if TYPE_CHECKING:
    from recs.ranking.lists import RelatedLists

_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
_COLUMNS = ("id", "rank", "related_id", "title", "url", "score", "via")


def render_related(lists: RelatedLists, *, format: str = "json") -> str:
    """Return related lists as text.

    Parameters
    ----------
    format
        "json" (the contract `recs.related/1`), "jsonl" (a line an item), "csv" (a line a match) or "hugo" (a data
        file).

    Raises
    ------
    OptionError
        For another format.

    Examples
    --------
    >>> import recs
    >>> texts = {"a": "garden soil", "b": "garden seeds", "c": "steam trains"}
    >>> items = recs.Collection(tuple(recs.Item(id=name, text=text) for name, text in texts.items()))
    >>> lists = recs.related_items(items, k=1, signals="terms", cache=False)
    >>> print(render_related(lists, format="csv").splitlines()[0])
    id,rank,related_id,title,url,score,via
    """
    if format not in _WRITERS:
        raise OptionError(f"format is {format!r}, expected one of {', '.join(FORMATS)}.")
    return encodable(_WRITERS[format](lists))


def encodable(text: str) -> str:
    """Return a text without lone surrogates, which JSON input may hold and UTF-8 cannot: no reader should get one."""
    return text.encode("utf-8", "replace").decode("utf-8")


def write_related(lists: RelatedLists, path: str | os.PathLike[str], *, format: str | None = None) -> None:
    """Write related lists to a file; an earlier file is replaced as a whole, or not at all.

    Parameters
    ----------
    format
        As in `render_related`. None means the format of the suffix of `path`: .jsonl, .ndjson or .csv; else JSON.

    Raises
    ------
    OptionError
        For another format.
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import recs, tempfile
    >>> items = recs.Collection((recs.Item(id="a", text="garden soil"), recs.Item(id="b", text="garden seeds")))
    >>> lists = recs.related_items(items, signals="terms", cache=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     recs.write_related(lists, f"{folder}/related.json")
    ...     recs.load_related(f"{folder}/related.json").model is None
    True
    """
    path = Path(path)
    chosen = format or _SUFFIXES.get(path.suffix.lower(), "json")
    write_atomically(path, render_related(lists, format=chosen).encode("utf-8"))


def json_document(lists: RelatedLists, more: Mapping[str, Any] | None = None) -> str:
    """Return the contract `recs.related/1` as text, with more members if there are any."""
    head: dict[str, Any] = {
        "config": dict(lists.config),
        "corpus": lists.corpus,
        "counts": dict(lists.counts),
        "model": dict(lists.model) if lists.model is not None else None,
        "schema": SCHEMA,
        "score": {"kind": lists.score.kind, "range": list(lists.score.range)},
    }
    head |= more or {}
    items = _object({name: _item(lists, name) for name in lists.lists}).rstrip("\n") if lists.lists else "{}"
    members = {key: dumps(value) for key, value in head.items()} | {"items": items}
    return "{\n" + ",\n".join(f'"{key}":{members[key]}' for key in sorted(members)) + "\n}\n"


def _lines(lists: RelatedLists) -> str:
    return json_lines({"id": name, **_item(lists, name)} for name in sorted(lists.lists))


def _table(lists: RelatedLists) -> str:
    """Return a line a match, sorted by id and rank."""
    return csv_text(_table_rows(lists), header=_COLUMNS, texts=("title", "url"))


def _table_rows(lists: RelatedLists) -> Iterator[dict[str, object]]:
    for name in sorted(lists.lists):
        for rank, match in enumerate(lists.lists[name], 1):
            target = lists.items[match.id]
            cells = (name, rank, match.id, target.title, target.url or "", f"{rounded(match.score):.4f}", match.via)
            yield dict(zip(_COLUMNS, cells, strict=True))


def _hugo(lists: RelatedLists) -> str:
    pages: dict[str, Any] = {}
    for name in sorted(lists.lists):
        related = [entry_of(lists.items, name, match) for match in lists.lists[name]]
        path = split_url(lists.items[name].url).path
        if path:
            pages.setdefault(path, related)
        pages[name] = related  # an id replaces an equal path of another item's URL
    return _object(pages)


_WRITERS: Mapping[str, Callable[[RelatedLists], str]] = {
    "json": json_document,
    "jsonl": _lines,
    "csv": _table,
    "hugo": _hugo,
}
FORMATS = tuple(_WRITERS)


def _item(lists: RelatedLists, name: str) -> dict[str, Any]:
    source = lists.items[name]
    fields = {field: getattr(source, field) for field in ("excerpt", "image", "lang", "title", "url")}
    related = [entry_of(lists.items, name, match) for match in lists.lists[name]]
    by_terms = {"by_terms": True} if name in lists.by_terms else {}
    return {**fields, **by_terms, "digest": item_digest(source), "related": related}


def _object(members: dict[str, Any]) -> str:
    """Return a JSON object with a line for each key, sorted."""
    return "{\n" + ",\n".join(f"{dumps(key)}:{dumps(members[key])}" for key in sorted(members)) + "\n}\n"
