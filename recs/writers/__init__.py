"""Results as files: each format in a module of its own, each byte a function of the result alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from recs.errors import OptionError
from recs.files import write_atomically
from recs.writers import contract_json, hugo, table_csv

if TYPE_CHECKING:
    from recs.related import RelatedLists

_WRITERS = {
    "json": contract_json.render,
    "jsonl": contract_json.render_lines,
    "csv": table_csv.render,
    "hugo": hugo.render,
}
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}

FORMATS = tuple(_WRITERS)


def render_related(lists: RelatedLists, *, format: str = "json") -> str:
    """Return related lists as text.

    `format` is "json" (the contract `recs.related/1`), "jsonl" (a line an item), "csv" (a line a match) or "hugo" (a
    data file); `OptionError` for another.
    """
    if format not in _WRITERS:
        raise OptionError(f"format is {format!r}, expected one of {', '.join(FORMATS)}.")
    text = _WRITERS[format](lists)
    # A lone surrogate, which JSON input may hold, has no UTF-8; no reader should meet it.
    return text.encode("utf-8", "replace").decode("utf-8")


def write_related(lists: RelatedLists, path: str | os.PathLike[str], *, format: str | None = None) -> None:
    """Write related lists to a file, replaced whole or not at all.

    The format is as in `render_related`: by the suffix of `path` if left out, JSON where that says nothing. Raises
    `OptionError` and `OutputError`.
    """
    path = Path(path)
    chosen = format or _SUFFIXES.get(path.suffix.lower(), "json")
    write_atomically(path, render_related(lists, format=chosen).encode("utf-8"))
