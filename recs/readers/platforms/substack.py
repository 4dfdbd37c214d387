"""Reads Substack's export: a table of posts, and beside it a folder with the HTML of each post."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from recs.errors import SourceError
from recs.items import Skipped
from recs.readers.json_files import read_text
from recs.readers.tables import csv_records

_TABLE = "posts.csv"
_BODIES = "posts"
_ID = "post_id"
_NAME = re.compile(r"[\w.-]+")


def find_table(folder: Path) -> Path | None:
    """Return the table of the export that a folder is, or whose bodies it holds; None if there is no export.

    The table tells which posts are drafts or for paying readers, so the bodies are never read without it.
    """
    for place in (folder, folder.parent if folder.name == _BODIES else folder):
        table = place / _TABLE
        try:
            with table.open(encoding="utf-8-sig") as file:
                header = file.readline(10_000)
        except (OSError, ValueError):
            continue
        if _ID in header and (place / _BODIES).is_dir():
            return table
    return None


def substack_records(table: Path, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of each post with its body; `SourceError` if the table cannot be read."""
    try:
        data = table.read_bytes()
    except OSError as error:
        raise SourceError(f"{table}: cannot be read ({error.strerror}).") from error
    for where, record in csv_records(read_text(data, source), source):
        yield where, _with_body(record, table.parent / _BODIES, where) if isinstance(record, Mapping) else record


def _with_body(record: Mapping[str, object], folder: Path, where: str) -> Mapping[str, object] | Skipped:
    name = str(record.get(_ID) or "")
    if not _NAME.fullmatch(name):
        return Skipped(where, f"its {_ID} {name!r} is not a valid file name")
    try:
        data = (folder / f"{name}.html").read_bytes()
        return {**record, "content_html": read_text(data, f"{_BODIES}/{name}.html")}
    except OSError:
        return Skipped(where, f"no file {_BODIES}/{name}.html", name)
    except SourceError as error:
        return Skipped(where, str(error), name)
