"""Opens a source, whatever it is: a path, an open file, stdin, a data frame or a list. Its records are read later."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias, Union

from recs.errors import OptionError, SourceError
from recs.items import Collection, Item
from recs.readers.folders.documents import markup_of
from recs.readers.json_files import json_line_records, json_records, looks_like_lines, read_text
from recs.readers.substack import find_table, substack_records
from recs.readers.tables import csv_records, frame_records, is_frame, parquet_records

if TYPE_CHECKING:
    import pandas as pd

Source: TypeAlias = Union[
    str, Path, IO[bytes], IO[str], Collection, Iterable[Item | Mapping[str, object] | str], "pd.DataFrame"
]
Format = Literal["json", "jsonl", "csv", "parquet", "folder"]
Records: TypeAlias = Iterator[tuple[str, object]]
"""Pairs of a position, as a person would look it up ("posts.json: item 3"), and the record there."""

FORMATS: tuple[Format, ...] = ("json", "jsonl", "csv", "parquet", "folder")
# A file with the suffix .json is not here, since it may hold JSON Lines.
_SUFFIXES: Mapping[str, Format] = {
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    ".parquet": "parquet",
}
_NOT_READ = frozenset((".yaml", ".yml", ".toml", ".org", ".adoc", ".srt", ".vtt", ".tex", ".ini"))
# How files of other kinds begin, and what to tell the user about them.
_FOREIGN = {
    b"SQLite format 3\0": "an SQLite database; export its table to CSV",
    b"%PDF": "a PDF; convert it to text or HTML",
    b"PK\x03\x04": "a zip archive, or an office document; unpack it, save a text as HTML, a sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an office document; save a text as HTML, a sheet as CSV",
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"WEBVTT": "a transcript in WebVTT, which is not read yet; put the text of each episode in one JSON or CSV row",
    b"\x89PNG": "a picture",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """A source that is open.

    Attributes
    ----------
    name
        The name of the source, for messages.
    records
        Its records with their positions. They are read while the caller goes through them.
    kind
        "table" for CSV, Parquet and Substack, "frame" for a data frame, "" for any other source.
    opt_in, public
        What the configuration of its site says of visibility: see `Site.opt_in` and `Site.public_values`.
    """

    name: str
    records: Records
    kind: Literal["", "table", "frame"] = ""
    opt_in: tuple[str, ...] = ()
    public: tuple[tuple[str, str], ...] = ()


def open_source(source: Source, format: Format | None) -> Opened:
    """Return the records of a source, and what it is.

    Raises `OptionError` for an unknown format, and `SourceError` for a source that cannot be read.

    Examples
    --------
    >>> opened = open_source([{"id": "garlic"}, "Plant it in October."], None)
    >>> list(opened.records)
    [('item 1', {'id': 'garlic'}), ('item 2', 'Plant it in October.')]
    """
    if format is not None and format not in FORMATS:
        raise OptionError(f"format is {format!r}, expected one of {', '.join(FORMATS)}.")
    if isinstance(source, str) and source == "-":
        if sys.stdin is None:
            raise SourceError("stdin: closed; expected items.")
        return _parse(sys.stdin.buffer.read(), "stdin", format)
    if isinstance(source, str | Path):
        return open_path(Path(source).expanduser(), format)
    if is_frame(source):
        return Opened("data frame", frame_records(source), "frame")
    if hasattr(source, "read"):
        return _open_file(source, format)
    if isinstance(source, Mapping | bytes) or not isinstance(source, Iterable):
        raise SourceError(f"a {type(source).__name__} is not a source; expected a path, a list or a data frame.")
    return Opened("items", ((f"item {number}", record) for number, record in enumerate(source, 1)))


def open_path(path: Path, format: Format | None) -> Opened:
    """Return the records of a file or a folder, and what it is; `SourceError` if it cannot be read."""
    source = path.name or str(path)
    try:
        if path.is_dir():
            return _open_folder(path, source)
        chosen = format or _SUFFIXES.get(path.suffix.lower())
        if chosen == "parquet":
            path.stat()
            return Opened(source, parquet_records(path, source), "table")
        table = find_table(path.parent)
        if table is not None and path.samefile(table):
            return Opened(source, substack_records(table, source), "table")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file or folder.") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    return _parse(data, source, chosen, tabs=path.suffix.lower() == ".tsv")


def _open_folder(path: Path, source: str) -> Opened:
    """Return the records of a folder: of Substack's export, or of the documents of a site."""
    from recs.readers.folders.folder import folder_records
    from recs.readers.folders.sites import find_site

    table = find_table(path.resolve())
    if table is not None:
        return Opened(source, substack_records(table, table.name), "table")
    site, problem = find_site(path.resolve())
    return Opened(source, folder_records(path, source, site, problem), opt_in=site.opt_in, public=site.public_values)


def _open_file(file: Any, format: Format | None) -> Opened:
    path = Path(str(getattr(file, "name", "file")))
    try:
        data = file.read()
        data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else bytes(data)
    except (OSError, ValueError, TypeError) as error:
        raise SourceError(f"{path}: cannot be read ({error}); give its path.") from error
    return _parse(data, path.name, format or _SUFFIXES.get(path.suffix.lower()))


def _parse(data: bytes, source: str, format: Format | None, *, tabs: bool = False) -> Opened:
    """Return the records of a file of JSON, JSON Lines or CSV."""
    if format in ("parquet", "folder"):
        raise SourceError(f"{source}: cannot be read as {format}; give the path of a {format}.")
    for beginning, advice in _FOREIGN.items():
        if data.removeprefix(b"\xef\xbb\xbf").startswith(beginning):
            raise SourceError(f"{source}: {advice}.")
    text = read_text(data, source)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SourceError(f"{source}: line {line} holds a NUL byte; not a text file.")
    if format is None:
        _check_kind(text, source)
    if format == "csv":
        return Opened(source, csv_records(text, source, delimiter="\t" if tabs else None), "table")
    if format == "jsonl" or (format is None and looks_like_lines(text)):
        return Opened(source, json_line_records(text, source))
    return Opened(source, json_records(text, source))


def _check_kind(text: str, source: str) -> None:
    """Raise `SourceError` for a text file of a kind that is not read."""
    suffix = Path(source).suffix.lower()
    markup = markup_of(suffix)
    if markup is not None:
        kind = "Markdown" if markup == "markdown" else suffix
        raise SourceError(f"{source}: a single {kind} file; give its folder.")
    if text.lstrip().startswith("<"):
        raise SourceError(f"{source}: XML or HTML, which is not read yet; expected JSON, CSV, Parquet or Markdown.")
    if suffix in _NOT_READ:
        raise SourceError(f"{source}: a {suffix} file, which is not read; expected JSON, CSV, Parquet or a folder.")
