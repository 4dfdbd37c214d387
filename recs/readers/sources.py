"""Opens a source, whatever it is: a path, an open file, stdin, a data frame or a list. Its records are read later.

A file is recognised by its content, then by its suffix: each format has a module of its own. A format that the user
names is the only one that is tried.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, TypeAlias, Union

from recs.errors import OptionError, SourceError
from recs.items import Collection, Item
from recs.object_stores import check_no_address, is_address
from recs.readers.addresses import open_address
from recs.readers.folders.documents import markup_of
from recs.readers.foreign import check_beginning, check_kind
from recs.readers.json_files import check_no_nul, json_document, json_records, read_text
from recs.readers.json_lines import looks_like_lines, open_file_of_lines, open_lines
from recs.readers.opened import FORMATS, OF_DOCUMENTS, Format, Opened, Records, does_not_fit
from recs.readers.platforms.substack import find_table
from recs.readers.sqlite import is_sqlite, split_table, sqlite_records
from recs.readers.tables import csv_records, frame_records, is_frame, parquet_records

if TYPE_CHECKING:
    import pandas as pd

Source: TypeAlias = Union[
    str, Path, IO[bytes], IO[str], Collection, Iterable[Item | Mapping[str, object] | str], "pd.DataFrame"
]

# A file with the suffix .json is not here, since it may hold JSON Lines.
_SUFFIXES: Mapping[str, Format] = {
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    ".parquet": "parquet",
}
_ZIP = b"PK\x03\x04"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
_HEAD = 1 << 16  # bytes of a file by which its format is recognised
# Files that are a whole source by themselves, also as the only one in an archive or a folder.
_WHOLE = frozenset((".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".xml", ".rss", ".atom", ".rdf")).union(
    (".db", ".sqlite", ".sqlite3")
)
_OF_XML = ("feed", "wordpress", "blogger")


def open_source(source: Source, format: Format | None, *, fetch: bool = False) -> Opened:
    """Return the records of a source, and what it is. `fetch` says whether transcripts are loaded over HTTP.

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
        opened = _parse(sys.stdin.buffer.read(), "stdin", format, is_named=format is not None)
        return _spoken(opened, None, fetch=fetch)
    if is_address(source):
        return open_address(source, format)
    if isinstance(source, str | Path):
        return open_path(Path(source).expanduser(), format, fetch=fetch)
    if is_frame(source):
        return Opened("data frame", frame_records(source), "a data frame", "frame")
    if hasattr(source, "read"):
        return _spoken(_open_file(source, format), None, fetch=fetch)
    if isinstance(source, Mapping | bytes) or not isinstance(source, Iterable):
        raise SourceError(f"a {type(source).__name__} is not a source; expected a path, a list or a data frame.")
    return Opened("items", ((f"item {number}", record) for number, record in enumerate(source, 1)), "a list")


def open_path(path: Path, format: Format | None, *, fetch: bool = False) -> Opened:
    """Return the records of a file or a folder, and what it is; `SourceError` if it cannot be read."""
    path, table = split_table(path)
    source = path.name or str(path)
    try:
        if path.is_dir():
            return _open_folder(path, source, format)
        chosen = format or _SUFFIXES.get(path.suffix.lower())
        if (opened := _by_content(path, source, format, table, fetch=fetch)) is not None:
            return opened
        if table is not None:
            raise SourceError(f"{source}: ?table= names a table of an SQLite database, and this is none.")
        if chosen == "parquet":
            return Opened(source, parquet_records(path, source), "a Parquet file", "table")
        if chosen == "jsonl" and (opened := open_file_of_lines(path, source, _head(path))) is not None:
            return opened
        data = path.read_bytes()
    except FileNotFoundError as error:
        check_no_address(path)
        raise SourceError(f"{path}: no such file or folder.") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    opened = _parse(data, source, chosen, tabs=path.suffix.lower() == ".tsv", is_named=format is not None)
    return _spoken(opened, path.parent, fetch=fetch)


def _spoken(opened: Opened, folder: Path | None, *, fetch: bool) -> Opened:
    """Return a feed with the transcripts that lie beside it; any other source as it is."""
    if opened.kind != "feed":
        return opened
    from recs.readers.transcripts.beside import transcribed

    return replace(opened, records=transcribed(opened.records, folder, opened.name, fetch=fetch))


def _open_folder(path: Path, source: str, format: Format | None) -> Opened:
    """Return the records of a folder: an export of a platform or of WordPress, or the documents of a site."""
    from recs.readers.exports import open_folder
    from recs.readers.folders.folder import folder_records
    from recs.readers.folders.sites import find_site

    if (opened := open_folder(path, source, format)) is not None:
        return opened
    parts = _wordpress_parts(path) if format in (None, "wordpress") else []
    if parts:
        kind = f"a WordPress export in {len(parts)} files, by their content"
        return Opened(source, _wxr_records(parts, source), kind)
    if format not in (None, "folder"):
        raise does_not_fit(source, format)
    site, problem = find_site(path.resolve())
    generator = site.generator.partition(" ")[0].capitalize()
    kind = f"a folder of {generator}, by its configuration" if generator else "a folder of documents"
    return Opened(source, folder_records(path, source, site, problem), kind, "", site.opt_in, site.public_values)


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


def _by_content(path: Path, source: str, format: Format | None, table: str | None, *, fetch: bool) -> Opened | None:
    """Return a file that is not read as a whole, or whose content alone tells what it is; None for any other file."""
    head = _head(path)
    if is_sqlite(head):
        if format not in (None, "sqlite"):
            raise does_not_fit(source, format)
        return Opened(source, sqlite_records(path, table, source), "a table of an SQLite database", "table")
    if head.startswith(_ZIP):
        return _open_archive(path, source, format, fetch=fetch)
    if format in (None, "substack"):
        posts = find_table(path.parent)
        if posts is not None and path.samefile(posts):
            from recs.readers.exports import open_table_of_substack

            return open_table_of_substack(posts, source)
    if _is_xml(head):
        from recs.readers.exports import open_backups_of_blogger
        from recs.readers.platforms.blogger import is_blogger

        if _is_wxr(path) and format in (None, "wordpress"):
            return Opened(source, _wxr_records([path], source), "a WordPress export, by its content")
        if is_blogger(head) and format in (None, "blogger"):
            return open_backups_of_blogger([path], source)
    return None


def _is_xml(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<" or head[:2] in _UTF_16


def _open_archive(archive: Path | bytes, source: str, format: Format | None, *, fetch: bool = False) -> Opened:
    """Return the records of what an archive holds. It is unpacked, and removed when the records were read."""
    from recs.readers.archives import PART, opened_archive
    from recs.readers.platforms.notion import merge_parts

    with ExitStack() as stack:
        unpacked = stack.enter_context(opened_archive(archive, source))
        root = unpacked.unpack()
        parts = [name for name in unpacked.names if PART.fullmatch(Path(name).name)]
        skipped = [*unpacked.skipped, *merge_parts(root, parts, source)]
        name = None if parts else _only_file(root, unpacked.names)
        opened = open_path(root / name, format, fetch=fetch) if name else _open_folder(root, source, format)
        closing = stack.pop_all()
    return replace(
        opened,
        name=source,
        records=_then_closed([(one.where, one) for one in skipped], opened.records, closing),
        format=f"a zip archive of {opened.format}",
    )


def _only_file(root: Path, names: Sequence[str]) -> str | None:
    """Return the file that is the source if an archive is no folder of documents: the only one, the feed or Ghost's."""
    from recs.readers.feeds.feed import is_feed
    from recs.readers.platforms.ghost import is_ghost

    whole = [name for name in names if Path(name).suffix.lower() in _WHOLE]
    if not whole or any(markup_of(Path(name).suffix) for name in names):
        return None
    if len(whole) == 1:
        return whole[0]
    feeds = [name for name in whole if not name.endswith(".json")]
    if len(feeds) == 1 and is_feed(_head(root / feeds[0])):
        return feeds[0]
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
    chosen = format or _SUFFIXES.get(path.suffix.lower())
    return _parse(data, path.name, chosen, is_named=format is not None)


def _parse(data: bytes, source: str, format: Format | None, *, tabs: bool = False, is_named: bool = False) -> Opened:
    """Return the records of a whole file: of XML, JSON, JSON Lines, CSV, or an archive.

    `format` is that of the suffix, or the one that the user named.
    """
    if format in ("parquet", "folder"):
        raise SourceError(f"{source}: cannot be read as {format}; give the path of a {format}.")
    if data.startswith(_ZIP):
        return _open_archive(data, source, format if is_named else None)
    check_beginning(data, source)
    if (format is None or format in _OF_XML) and (opened := _open_xml(data, source, format)) is not None:
        return opened
    if is_named and format not in ("json", "jsonl", "csv", *OF_DOCUMENTS):
        raise does_not_fit(source, format or "json")
    text = read_text(data, source)
    check_no_nul(text, source)
    if format is None:
        check_kind(text, source)
    if format == "csv" and looks_like_lines(text):
        raise does_not_fit(source, format)
    if format == "csv":
        return Opened(source, csv_records(text, source, delimiter="\t" if tabs else None), "a table", "table")
    if format == "jsonl" or (format is None and looks_like_lines(text)):
        return open_lines(text.split("\n"), source)
    return _open_json(text, source, format)


def _open_json(text: str, source: str, format: Format | None) -> Opened:
    from recs.readers.exports import open_document

    document = json_document(text, source)
    opened = open_document(document, source, format) if format != "json" else None
    return opened or Opened(source, json_records(document, source), "JSON")


def _open_xml(data: bytes, source: str, format: Format | None) -> Opened | None:
    """Return the records of a WordPress export, a backup of Blogger or a feed; None for any other content."""
    from recs.readers.feeds.feed import feed_records, is_feed
    from recs.readers.platforms.blogger import blogger_records, is_blogger
    from recs.readers.wordpress.export import is_wxr, wxr_records

    head = data[:_HEAD]
    if not _is_xml(head):
        return None
    if format == "wordpress" or (format is None and is_wxr(head)):
        files: list[BinaryIO] = [BytesIO(data)]
        return Opened(source, wxr_records(files, source), "a WordPress export, by its content")
    if format == "blogger" or (format is None and is_blogger(head)):
        return Opened(source, blogger_records(BytesIO(data), source), "a backup of Blogger, by its content")
    return Opened(source, feed_records(data, source), "a feed, by its content", "feed") if is_feed(head) else None
