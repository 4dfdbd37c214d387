"""Related lists as files; equal results give equal bytes.

`json` is the contract `recs.related/1`: keys are sorted, and each item is on one line, so that a diff shows the lists
that changed. `jsonl` has a line for each item, `csv` a line for each match. `hugo`, `jekyll` and `eleventy` are a data
file from the id of an item to its list: the templates in `examples/` find a page by the path of its file, or by its
address, whichever is the id. `files` is a folder with one file for each item (`recs.writers.item_files`), `parquet` one
with the rows of `csv` as tables.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recs.contract import SCHEMA, Entry
from recs.errors import OptionError
from recs.files import write_atomically, write_if_changed
from recs.ranking.lists import entry_of, rounded
from recs.ranking.previous import item_digest
from recs.writers.cells import csv_text, dumps, json_lines, whole_characters
from recs.writers.item_files import write_item_files
from recs.writers.tables import tables_of_rows, write_tables

if TYPE_CHECKING:
    from recs.ranking.lists import RelatedLists

_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
_COLUMNS = ("id", "rank", "related_id", "title", "url", "score", "via")
_TYPES = {**dict.fromkeys(_COLUMNS, "string"), "rank": "int32", "score": "float64"}


def render_related(lists: RelatedLists, *, format: str = "json") -> str:
    """Return related lists as text.

    Parameters
    ----------
    format
        "json" (the contract `recs.related/1`), "jsonl" (a line an item), "csv" (a line a match); "hugo", "jekyll" or
        "eleventy" (a data file from ids to lists).

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
    return whole_characters(_WRITERS[format](lists))


def write_related(lists: RelatedLists, path: str | os.PathLike[str], *, format: str | None = None) -> None:
    """Write related lists to a file; an earlier file is replaced as a whole, or not at all.

    A file that has the right content already is not touched.

    Parameters
    ----------
    format
        As in `render_related`, or "files" or "parquet": then `path` is a folder, which gets a JSON file for each item,
        or tables with the columns of "csv". None means the format of the suffix of `path`: .jsonl, .ndjson or .csv;
        else JSON.

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
    if chosen == "files":
        write_item_files(_lists_by_id(lists), path)
    elif chosen == "parquet":
        write_tables(tables_of_rows(_table_rows(lists), _TYPES), path)
    elif chosen == "json" and not path.exists():
        write_atomically(path, (whole_characters(piece).encode("utf-8") for piece in json_pieces(lists)))
    else:
        write_if_changed(path, render_related(lists, format=chosen).encode("utf-8"))


def json_document(lists: RelatedLists, more: Mapping[str, Any] | None = None) -> str:
    """Return the contract `recs.related/1` as text, with more members if there are any."""
    return "".join(json_pieces(lists, more))


def json_pieces(lists: RelatedLists, more: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Yield the contract `recs.related/1` in pieces, so that the text of a large collection is never in memory."""
    head: dict[str, Any] = {
        "config": dict(lists.config),
        "corpus": lists.corpus,
        "counts": dict(lists.counts),
        "model": dict(lists.model) if lists.model is not None else None,
        "schema": SCHEMA,
        "score": {"kind": lists.score.kind, "range": list(lists.score.range)},
    }
    head |= more or {}
    yield "{"
    for place, key in enumerate(sorted({*head, "items"})):
        yield f'{"," if place else ""}\n"{key}":'
        if key != "items":
            yield dumps(head[key])
        elif lists.lists:
            yield from _object_pieces((name, _item(lists, name)) for name in sorted(lists.lists))
        else:
            yield "{}"
    yield "\n}\n"


def _lines(lists: RelatedLists) -> str:
    return json_lines({"id": name, **_item(lists, name)} for name in sorted(lists.lists))


def _table(lists: RelatedLists) -> str:
    """Return a line a match, sorted by id and rank."""
    rows = ({**row, "score": f"{row['score']:.4f}"} for row in _table_rows(lists))
    return csv_text(rows, header=_COLUMNS, texts=("title", "url"))


def _table_rows(lists: RelatedLists) -> Iterator[dict[str, Any]]:
    """Yield a row for each match."""
    for name in sorted(lists.lists):
        for rank, match in enumerate(lists.lists[name], 1):
            target = lists.items[match.id]
            cells = (name, rank, match.id, target.title, target.url or "", rounded(match.score), match.via)
            yield dict(zip(_COLUMNS, cells, strict=True))


def _data_file(lists: RelatedLists) -> str:
    return _object(_lists_by_id(lists))


def _lists_by_id(lists: RelatedLists) -> dict[str, list[Entry]]:
    return {name: [entry_of(lists.items, name, match) for match in lists.lists[name]] for name in sorted(lists.lists)}


_WRITERS: Mapping[str, Callable[[RelatedLists], str]] = {
    "json": json_document,
    "jsonl": _lines,
    "csv": _table,
    "hugo": _data_file,
    "jekyll": _data_file,
    "eleventy": _data_file,
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
    return "".join(_object_pieces((key, members[key]) for key in sorted(members))) + "\n"


def _object_pieces(members: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """Yield a JSON object with a line for each key."""
    yield "{"
    for place, (key, value) in enumerate(members):
        yield f"{',' if place else ''}\n{dumps(key)}:{dumps(value)}"
    yield "\n}"
