"""Opens a source, whatever it is: a path, an open file, stdin, a data frame or a list. Its records are read later.

A file is recognised by its content, then by its suffix: each format has a module of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias, Union

from recs.errors import OptionError, SourceError
from recs.items import Collection, Item
from recs.readers.folders.documents import markup_of
from recs.readers.foreign import check_beginning, check_kind
from recs.readers.json_files import json_document, json_line_records, json_records, looks_like_lines, read_text
from recs.readers.platforms.substack import find_table, substack_records
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
_ZIP = b"PK\x03\x04"
_HEAD = 1 << 16  # bytes of a file by which its format is recognised
# Files that are a whole source by themselves, also as the only one in an archive or a folder.
_WHOLE = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".xml", ".rss", ".atom", ".rdf")


@dataclass(frozen=True, slots=True)
class Opened:
    """A source that is open.

    Attributes
    ----------
    name
        The name of the source, for messages.
    records
        Its records with their positions. They are read while the caller goes through them.
    format
        What the source is and how that was recognised, for people.
    kind
        "table" for CSV, Parquet and Substack, "frame" for a data frame, "feed" for a feed, "" for any other source.
    opt_in, public
        What the configuration of its site says of visibility: see `Site.opt_in` and `Site.public_values`.
    """

    name: str
    records: Records
    format: str
    kind: Literal["", "table", "frame", "feed"] = ""
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
        return Opened("data frame", frame_records(source), "a data frame", "frame")
    if hasattr(source, "read"):
        return _open_file(source, format)
    if isinstance(source, Mapping | bytes) or not isinstance(source, Iterable):
        raise SourceError(f"a {type(source).__name__} is not a source; expected a path, a list or a data frame.")
    return Opened("items", ((f"item {number}", record) for number, record in enumerate(source, 1)), "a list")


def open_path(path: Path, format: Format | None) -> Opened:
    """Return the records of a file or a folder, and what it is; `SourceError` if it cannot be read."""
    source = path.name or str(path)
    try:
        if path.is_dir():
            return _open_folder(path, source)
        chosen = format or _SUFFIXES.get(path.suffix.lower())
        if chosen == "parquet":
            path.stat()
            return Opened(source, parquet_records(path, source), "a Parquet file", "table")
        table = find_table(path.parent)
        if table is not None and path.samefile(table):
            return _substack(table, source)
        if (opened := _by_content(path, source)) is not None:
            return opened
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file or folder.") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    return _parse(data, source, chosen, tabs=path.suffix.lower() == ".tsv")


def _open_folder(path: Path, source: str) -> Opened:
    """Return the records of a folder: an export of Substack or WordPress, or the documents of a site."""
    from recs.readers.folders.folder import folder_records
    from recs.readers.folders.sites import find_site

    table = find_table(path.resolve())
    if table is not None:
        return _substack(table, source)
    if parts := _wordpress_parts(path):
        return Opened(
            source, _wxr_records(parts, source), f"a WordPress export in {len(parts)} files, by their content"
        )
    site, problem = find_site(path.resolve())
    generator = site.generator.partition(" ")[0].capitalize()
    kind = f"a folder of {generator}, by its configuration" if generator else "a folder of documents"
    return Opened(source, folder_records(path, source, site, problem), kind, "", site.opt_in, site.public_values)


def _substack(table: Path, source: str) -> Opened:
    return Opened(source, substack_records(table, table.name), "an export of Substack, by its posts.csv", "table")


def _wordpress_parts(folder: Path) -> list[Path]:
    """Return the files of a WordPress export, if a folder holds nothing else that can be read."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    parts = [path for path in files if path.suffix.lower() == ".xml" and _is_wxr(path)]
    others = [path for path in files if path not in parts and (markup_of(path.suffix) or path.suffix.lower() in _WHOLE)]
    return [] if others else parts


def _is_wxr(path: Path) -> bool:
    from recs.readers.wordpress.export import is_wxr

    return is_wxr(_head(path))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _wxr_records(paths: Iterable[Path], source: str) -> Records:
    from recs.readers.wordpress.export import wxr_records

    with ExitStack() as stack:
        yield from wxr_records([stack.enter_context(path.open("rb")) for path in paths], source)


def _by_content(path: Path, source: str) -> Opened | None:
    """Return a file that is not read as a whole, or whose content alone tells what it is; None for any other file."""
    head = _head(path)
    if head.startswith(_ZIP):
        return _open_archive(path, source)
    if _is_xml(head):
        from recs.readers.wordpress.export import is_wxr

        if is_wxr(head):
            return Opened(source, _wxr_records([path], source), "a WordPress export, by its content")
    return None


def _is_xml(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<" or head[:2] in (
        b"\xff\xfe",
        b"\xfe\xff",
        b"<\0",
        b"\0<",
    )


def _open_archive(archive: Path | bytes, source: str) -> Opened:
    """Return the records of what an archive holds. It is unpacked, and removed when the records were read."""
    from recs.readers.archives import opened_archive

    with ExitStack() as stack:
        unpacked = stack.enter_context(opened_archive(archive, source))
        root = unpacked.unpack()
        name = _only_file(root, unpacked.names)
        opened = open_path(root / name, None) if name else _open_folder(root, source)
        closing = stack.pop_all()
    skipped = [(one.where, one) for one in unpacked.skipped]
    return replace(
        opened,
        name=source,
        records=_then_closed([*skipped], opened.records, closing),
        format=f"a zip archive of {opened.format}",
    )


def _only_file(root: Path, names: Sequence[str]) -> str | None:
    """Return the file that is the source if an archive is not a folder of documents: the only one, or that of Ghost."""
    from recs.readers.platforms.ghost import is_ghost

    whole = [name for name in names if Path(name).suffix.lower() in _WHOLE]
    if not whole or any(markup_of(Path(name).suffix) for name in names):
        return None
    if len(whole) == 1:
        return whole[0]
    texts = {name: (root / name).read_bytes() for name in whole if name.endswith(".json")}
    of_ghost = [name for name, data in texts.items() if is_ghost(json_document(read_text(data, name), name))]
    return of_ghost[0] if len(of_ghost) == 1 else None


def _then_closed(first: Iterable[tuple[str, object]], records: Records, closing: ExitStack) -> Records:
    with closing:
        yield from first
        yield from records


def _open_file(file: Any, format: Format | None) -> Opened:
    path = Path(str(getattr(file, "name", "file")))
    try:
        data = file.read()
        data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else bytes(data)
    except (OSError, ValueError, TypeError) as error:
        raise SourceError(f"{path}: cannot be read ({error}); give its path.") from error
    return _parse(data, path.name, format or _SUFFIXES.get(path.suffix.lower()))


def _parse(data: bytes, source: str, format: Format | None, *, tabs: bool = False) -> Opened:
    """Return the records of a whole file: of XML, JSON, JSON Lines, CSV, or an archive."""
    if format in ("parquet", "folder"):
        raise SourceError(f"{source}: cannot be read as {format}; give the path of a {format}.")
    if data.startswith(_ZIP):
        return _open_archive(data, source)
    check_beginning(data, source)
    if format is None and (opened := _open_xml(data, source)) is not None:
        return opened
    text = read_text(data, source)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SourceError(f"{source}: line {line} holds a NUL byte; not a text file.")
    if format is None:
        check_kind(text, source)
    if format == "csv":
        return Opened(source, csv_records(text, source, delimiter="\t" if tabs else None), "a table", "table")
    if format == "jsonl" or (format is None and looks_like_lines(text)):
        return Opened(source, json_line_records(text, source), "JSON Lines: a record in each line")
    return _open_json(text, source)


def _open_xml(data: bytes, source: str) -> Opened | None:
    """Return the records of a WordPress export or of a feed; None for any other content."""
    from recs.readers.feeds.feed import feed_records, is_feed
    from recs.readers.wordpress.export import is_wxr, wxr_records

    head = data[:_HEAD]
    if not _is_xml(head):
        return None
    if is_wxr(head):
        files: list[BinaryIO] = [BytesIO(data)]
        return Opened(source, wxr_records(files, source), "a WordPress export, by its content")
    return Opened(source, feed_records(data, source), "a feed, by its content", "feed") if is_feed(head) else None


def _open_json(text: str, source: str) -> Opened:
    from recs.readers.platforms.ghost import ghost_records, is_ghost
    from recs.readers.wordpress.rest import is_rest, rest_records

    document = json_document(text, source)
    if is_ghost(document):
        return Opened(source, ghost_records(document, source), "posts of Ghost, by their tables")
    if is_rest(document):
        return Opened(source, rest_records(document, source), "posts of WordPress's REST API, by their fields")
    return Opened(source, json_records(document, source), "JSON")
