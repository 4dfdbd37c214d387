"""Sources to items. One file a source format; each yields records and says where they stood."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias, Union, get_args

from recs.errors import OptionError, SourceError
from recs.items import Collection, Item, Skipped
from recs.readers.bodies import Body
from recs.readers.dates import parse_now
from recs.readers.field_names import ALIASES
from recs.readers.fields import MarkupOption, RecordReader
from recs.readers.folders.documents import markup_of
from recs.readers.folders.folder import Document, folder_records
from recs.readers.folders.sites import find_site
from recs.readers.json_files import json_line_records, json_records, looks_like_lines, read_text
from recs.readers.substack import find_table, substack_records
from recs.readers.tables import INDEX, csv_records, frame_records, is_frame, parquet_records
from recs.readers.values import fold, text_of
from recs.readers.visibility.report import closed_afterwards, reading_notes
from recs.text.boilerplate import remove_boilerplate
from recs.text.links import resolve_links

if TYPE_CHECKING:
    import pandas as pd

Source: TypeAlias = Union[
    str, Path, IO[bytes], IO[str], Collection, Iterable[Item | Mapping[str, object] | str], "pd.DataFrame"
]
Format = Literal["json", "jsonl", "csv", "parquet", "folder"]
Records: TypeAlias = Iterator[tuple[str, object]]

FORMATS: tuple[Format, ...] = ("json", "jsonl", "csv", "parquet", "folder")
# A name that ends in .json may hold JSON Lines all the same.
_SUFFIXES: Mapping[str, Format] = {
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    ".parquet": "parquet",
}
_NOT_READ = frozenset((".yaml", ".yml", ".toml", ".org", ".adoc", ".srt", ".vtt", ".tex", ".ini"))
# How files of other kinds begin, and what to do with them.
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
class _Opened:
    """A source: its name, its records, what kind it is, and what its site says of visibility (see `Site`)."""

    name: str
    records: Records
    kind: Literal["", "table", "frame"] = ""
    opt_in: tuple[str, ...] = ()
    public: tuple[tuple[str, str], ...] = ()


def read_items(
    source: Source,
    *,
    format: Format | None = None,
    fields: Mapping[str, str] | None = None,
    markup: MarkupOption = "auto",
    boilerplate: Literal["remove", "keep"] = "remove",
    now: str | date | datetime | None = None,
    public: Iterable[tuple[str, str]] = (),
    include_unlisted: bool = False,
) -> Collection:
    """Read a collection.

    Parameters
    ----------
    source
        The path of a file (JSON, JSON Feed, JSON Lines, CSV, Parquet) or of a folder of Markdown, HTML and text, an
        open file, "-" for stdin, a data frame, or a list of dicts, of strings or of `Item`.
    format
        What the source is, where its name does not say.
    fields
        What a field means → its name in the source: {"text": "body_md"}. Common names are known.
    markup
        What the bodies are written in; "auto" asks the source's format, the field's name and then the body itself.
    boilerplate
        "remove" takes lines that stand in most items, or in most of one series, out of `Item.text`; "keep" does not.
    now
        The moment that decides what is still scheduled; the present if left out.
    public
        Pairs (field, value) that mean public in this source, although recs does not understand them or takes them for
        closed: [("status", "Veröffentlicht")].
    include_unlisted
        Whether unlisted items, which their author keeps from lists or search engines, are read as public.

    Returns
    -------
    Collection
        All items with text, those that are not public included and marked; what was skipped and why. A record without
        an id has its url for one; where no record of the source has an id, a row of a data frame has its label in the
        index, and any other record its position from 0. Where others have ids, a record without one is skipped.

    Raises
    ------
    SourceError
        If the source cannot be read as what it is: missing, empty, truncated, not UTF-8, two items with one id.
    OptionError
        If `fields` names a field that no record has, `public` one that no item has, or `now` is no date.
    """
    asked_public = _pairs(public)
    if isinstance(source, Collection):
        if fields or asked_public or include_unlisted or format:
            raise OptionError("a Collection was read already; give these options where its source is read.")
        return source
    if boilerplate not in ("remove", "keep"):
        raise OptionError(f"boilerplate is {boilerplate!r}, expected remove or keep.")
    if markup not in get_args(MarkupOption):
        raise OptionError(f"markup is {markup!r}, expected {', '.join(get_args(MarkupOption))}.")
    moment = parse_now(now)
    opened = _open(source, format)
    options: dict[str, Any] = {"include_unlisted": include_unlisted, "opt_in": opened.opt_in}
    options["public"] = (*asked_public, *opened.public)
    reader = RecordReader(moment, fields, markup, **options)
    items, skipped = _read_all(reader, opened)
    reader.check_options(opened.name, asked_public)
    items = closed_afterwards(items, reader)
    removed: Mapping[str, int] = {}
    if boilerplate == "remove":
        shown = [item for item in items if item.is_public]  # what stands in drafts alone is told to nobody
        texts, removed = remove_boilerplate([item.text for item in shown], [item.series for item in shown])
        cleaned = {item.id: text for item, text in zip(shown, texts, strict=True) if item.text != text}
        items = [replace(item, text=cleaned[item.id]) if item.id in cleaned else item for item in items]
    ignored = dict(reader.account.ignored)
    notes = reading_notes(reader, kind=opened.kind)
    return Collection(tuple(resolve_links(items)), opened.name, tuple(skipped), ignored, removed, notes)


def _pairs(public: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the pairs (field, value) that mean public; `OptionError` for anything else."""
    pairs = tuple(public)
    if isinstance(public, str | Mapping) or any(not isinstance(pair, tuple | list) or len(pair) != 2 for pair in pairs):
        raise OptionError(f"public is {public!r}, expected pairs such as [('status', 'Veröffentlicht')].")
    return tuple((str(name), text_of(value)) for name, value in pairs)


def read_texts(content: Sequence[Any]) -> tuple[list[str], list[str]]:
    """Return texts and titles of strings or of items; `SourceError` if one of these is skipped or not public."""
    if all(isinstance(text, str) for text in content):
        return list(content), [""] * len(content)
    numbered = [_numbered(one, number) if isinstance(one, Mapping) else one for number, one in enumerate(content)]
    items = read_items(numbered, boilerplate="keep")
    left_out = [f"{skipped.where}: {skipped.reason}" for skipped in items.skipped]
    left_out += [f"{item.id} is {item.visibility}" for item in items if not item.is_public]
    if left_out:  # fewer vectors than items would be taken for those of others
        raise SourceError(f"these cannot be embedded, leave them out: {'; '.join(left_out[:9])}.")
    return [item.text for item in items], [item.title for item in items]


def _numbered(record: Mapping[str, object], number: int) -> Mapping[str, object]:
    """Return a record with an id: of what is only embedded, some may have one and some not."""
    has_id = any(fold(str(name)) in ALIASES["id"] for name in record)
    return record if has_id else {"id": f"item {number}", **record}


def read_records(path: Path) -> Iterator[object]:
    """Yield the records of a JSON, JSON Lines, CSV or Parquet file as they are: links, judgments; `SourceError`."""
    yield from (record for _, record in _open_path(path, None).records)


def _read_all(reader: RecordReader, opened: _Opened) -> tuple[list[Item], list[Skipped]]:
    """Return the items of a source and what was skipped; `SourceError` if two items share an id."""
    account = reader.account
    found: list[tuple[str, Item, bool]] = []
    skipped: list[Skipped] = []
    for number, (where, record) in enumerate(opened.records):
        positional_before = account.positional
        read = _read(reader, record, where=where, default_id=str(number))
        if isinstance(read, Item):
            is_string = isinstance(record, str)  # which has no place for an id
            found.append((where, read, account.positional > positional_before and not is_string))
        else:
            skipped.append(read)
    items: list[Item] = []
    seen: dict[str, str] = {}
    for where, item, is_positional in found:
        if is_positional and account.id_fields:  # the position of a row may be the id of another
            skipped.append(Skipped(where, "no id, where other items have one"))
            continue
        if item.id in seen:
            first, second = (place.removeprefix(opened.name).lstrip(":/ ") for place in (seen[item.id], where))
            raise SourceError(f"{opened.name}: {first} and {second} share the id {item.id!r}; ids must be unique.")
        seen[item.id] = where
        items.append(item)
    return items, skipped


def _read(reader: RecordReader, record: object, *, where: str, default_id: str) -> Item | Skipped:
    if isinstance(record, Item):
        reader.account.id_fields["id"] += 1
        if record.visibility == "unlisted" and reader.include_unlisted:
            return replace(record, visibility="public")
    if isinstance(record, Item | Skipped):
        return record
    if isinstance(record, Document):
        body = Body(record.body, record.markup)
        return reader.read(record.fields, where=where, default_id=default_id, body=body)
    if isinstance(record, str):
        record = {"text": record}
    if not isinstance(record, Mapping):
        return Skipped(where, f"a {type(record).__name__}, expected an object or a string")
    if INDEX in record:
        default_id = str(record[INDEX])
        record = {name: value for name, value in record.items() if name != INDEX}
    return reader.read(record, where=where, default_id=default_id)


def _open(source: Source, format: Format | None) -> _Opened:
    if format is not None and format not in FORMATS:
        raise OptionError(f"format is {format!r}, expected one of {', '.join(FORMATS)}.")
    if isinstance(source, str) and source == "-":
        if sys.stdin is None:
            raise SourceError("stdin: closed; expected items.")
        return _parse(sys.stdin.buffer.read(), "stdin", format)
    if isinstance(source, str | Path):
        return _open_path(Path(source).expanduser(), format)
    if is_frame(source):
        return _Opened("data frame", frame_records(source), "frame")
    if hasattr(source, "read"):
        return _open_file(source, format)
    if isinstance(source, Mapping | bytes) or not isinstance(source, Iterable):
        raise SourceError(f"a {type(source).__name__} is no source; expected a path, a list or a data frame.")
    return _Opened("items", ((f"item {number}", record) for number, record in enumerate(source, 1)))


def _open_path(path: Path, format: Format | None) -> _Opened:
    source = path.name or str(path)
    try:
        if path.is_dir():
            return _open_folder(path, source)
        chosen = format or _SUFFIXES.get(path.suffix.lower())
        if chosen == "parquet":
            path.stat()
            return _Opened(source, parquet_records(path, source), "table")
        table = find_table(path.parent)
        if table is not None and path.samefile(table):
            return _Opened(source, substack_records(table, source), "table")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file or folder.") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    return _parse(data, source, chosen, tabs=path.suffix.lower() == ".tsv")


def _open_folder(path: Path, source: str) -> _Opened:
    table = find_table(path.resolve())
    if table is not None:
        return _Opened(source, substack_records(table, table.name), "table")
    site, problem = find_site(path.resolve())
    return _Opened(source, folder_records(path, source, site, problem), opt_in=site.opt_in, public=site.public_values)


def _open_file(file: Any, format: Format | None) -> _Opened:
    path = Path(str(getattr(file, "name", "file")))
    try:
        data = file.read()
        data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else bytes(data)
    except (OSError, ValueError, TypeError) as error:
        raise SourceError(f"{path}: cannot be read ({error}); give its path.") from error
    return _parse(data, path.name, format or _SUFFIXES.get(path.suffix.lower()))


def _parse(data: bytes, source: str, format: Format | None, *, tabs: bool = False) -> _Opened:
    if format in ("parquet", "folder"):
        raise SourceError(f"{source}: cannot be read as {format}; give the path of a {format}.")
    for beginning, advice in _FOREIGN.items():
        if data.removeprefix(b"\xef\xbb\xbf").startswith(beginning):
            raise SourceError(f"{source}: {advice}.")
    text = read_text(data, source)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SourceError(f"{source}: line {line} holds a NUL byte; not a text file.")
    suffix = Path(source).suffix.lower()
    if format is None and markup_of(suffix) is not None:
        kind = "Markdown" if markup_of(suffix) == "markdown" else suffix
        raise SourceError(f"{source}: a single {kind} file; give its folder.")
    if format is None and text.lstrip().startswith("<"):
        raise SourceError(f"{source}: XML or HTML, which is not read yet; expected JSON, CSV, Parquet or Markdown.")
    if format is None and suffix in _NOT_READ:
        raise SourceError(f"{source}: a {suffix} file, which is not read; expected JSON, CSV, Parquet or a folder.")
    if format == "csv":
        return _Opened(source, csv_records(text, source, delimiter="\t" if tabs else None), "table")
    if format == "jsonl" or (format is None and looks_like_lines(text)):
        return _Opened(source, json_line_records(text, source))
    return _Opened(source, json_records(text, source))
