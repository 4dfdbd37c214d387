"""Sources to items. One file a source format; each yields records and says where they stood."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias, Union

from recs.errors import OptionError, SourceError
from recs.items import Collection, Item, Markup, Skipped
from recs.links import resolve_links
from recs.readers.dates import parse_now
from recs.readers.fields import MarkupOption, RecordReader
from recs.readers.folder import MARKDOWN_SUFFIXES, folder_records
from recs.readers.json_ import json_line_records, json_records, looks_like_lines, read_text
from recs.readers.tabular import csv_records, frame_records, is_pandas, parquet_records
from recs.text import remove_boilerplate

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


def read_items(
    source: Source,
    *,
    format: Format | None = None,
    fields: Mapping[str, str] | None = None,
    markup: MarkupOption = "auto",
    boilerplate: Literal["remove", "keep"] = "remove",
    now: str | date | datetime | None = None,
) -> Collection:
    """Read a collection.

    Parameters
    ----------
    source
        The path of a file (JSON, JSON Feed, JSON Lines, CSV, Parquet) or of a folder of Markdown, an open file, "-" for
        stdin, a data frame, or a list of dicts, of strings or of `Item`.
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

    Returns
    -------
    Collection
        All items with text, those that are not public included and marked; what was skipped and why. A record without
        an id has its url for one, or else its position from 0.

    Raises
    ------
    SourceError
        If the source cannot be read as what it is: missing, empty, truncated, not UTF-8, two items with one id.
    OptionError
        If `fields` names a field that no record has, or `now` is no date.
    """
    reader = RecordReader(now=parse_now(now), fields=dict(fields or {}), markup=markup)
    if isinstance(source, Collection):
        return source
    name, given, records = _open(source, format)
    items: list[Item] = []
    seen: dict[str, str] = {}
    skipped: list[Skipped] = []
    for number, (where, record) in enumerate(records):
        read = _read(reader, record, where=where, default_id=str(number), markup=given)
        if isinstance(read, Item):
            if read.id in seen:
                first, second = (place.removeprefix(name).lstrip(":/ ") for place in (seen[read.id], where))
                raise SourceError(f"{name}: {first} and {second} share the id {read.id!r}; ids must be unique.")
            seen[read.id] = where
            items.append(read)
        else:
            skipped.append(read)
    reader.check_fields(name)
    removed: Mapping[str, int] = {}
    if boilerplate == "remove":
        texts, removed = remove_boilerplate([item.text for item in items], [item.series for item in items])
        items = [replace(item, text=text) for item, text in zip(items, texts, strict=True)]
    elif boilerplate != "keep":
        raise OptionError(f"boilerplate is {boilerplate!r}, expected remove or keep.")
    return Collection(tuple(resolve_links(items)), name, tuple(skipped), dict(reader.ignored), removed)


def read_texts(content: Sequence[Any]) -> tuple[list[str], list[str]]:
    """Return texts and titles of strings or of items; `SourceError` if one of these is skipped or not public."""
    if all(isinstance(text, str) for text in content):
        return list(content), [""] * len(content)
    items = read_items(content, boilerplate="keep")
    left_out = [f"{skipped.where}: {skipped.reason}" for skipped in items.skipped]
    left_out += [f"{item.id} is {item.visibility}" for item in items if not item.is_public]
    if left_out:  # fewer vectors than items would be taken for those of others
        raise SourceError(f"these cannot be embedded, leave them out: {'; '.join(left_out[:9])}.")
    return [item.text for item in items], [item.title for item in items]


def read_records(path: Path) -> Iterator[object]:
    """Yield the records of a JSON, JSON Lines, CSV or Parquet file as they are: links, judgments; `SourceError`."""
    yield from (record for _, record in _open_path(path, None)[2])


def _read(
    reader: RecordReader, record: object, *, where: str, default_id: str, markup: Markup | None
) -> Item | Skipped:
    if isinstance(record, Item | Skipped):
        return record
    record = {"text": record} if isinstance(record, str) else record
    if isinstance(record, Mapping):
        return reader.read(record, where=where, default_id=default_id, markup=markup)
    return Skipped(where, f"a {type(record).__name__}, expected an object or a string")


def _open(source: Source, format: Format | None) -> tuple[str, Markup | None, Records]:
    """Return the source's name, what its bodies are written in if its format says, and its records."""
    if format is not None and format not in FORMATS:
        raise OptionError(f"format is {format!r}, expected one of {', '.join(FORMATS)}.")
    if isinstance(source, str) and source == "-":
        if sys.stdin is None:
            raise SourceError("stdin: closed; expected items.")
        return "stdin", None, _parse(sys.stdin.buffer.read(), "stdin", format)
    if isinstance(source, str | Path):
        return _open_path(Path(source).expanduser(), format)
    if is_pandas(source):
        return "data frame", None, frame_records(source)
    if hasattr(source, "read"):
        return _open_file(source, format)
    if isinstance(source, Mapping | bytes) or not isinstance(source, Iterable):
        raise SourceError(f"a {type(source).__name__} is no source; expected a path, a list or a data frame.")
    return "items", None, ((f"item {number}", record) for number, record in enumerate(source, 1))


def _open_path(path: Path, format: Format | None) -> tuple[str, Markup | None, Records]:
    source = path.name or str(path)
    try:
        if path.is_dir():
            return source, "markdown", folder_records(path, source)
        chosen = format or _SUFFIXES.get(path.suffix.lower())
        if chosen == "parquet":
            path.stat()
            return source, None, parquet_records(path, source)
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file or folder.") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    return source, None, _parse(data, source, chosen, tabs=path.suffix.lower() == ".tsv")


def _open_file(file: Any, format: Format | None) -> tuple[str, Markup | None, Records]:
    path = Path(str(getattr(file, "name", "file")))
    try:
        data = file.read()
        data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else bytes(data)
    except (OSError, ValueError, TypeError) as error:
        raise SourceError(f"{path}: cannot be read ({error}); give its path.") from error
    return path.name, None, _parse(data, path.name, format or _SUFFIXES.get(path.suffix.lower()))


def _parse(data: bytes, source: str, format: Format | None, *, tabs: bool = False) -> Records:
    if format in ("parquet", "folder"):
        raise SourceError(f"{source}: cannot be read as {format}; give the path of a {format}.")
    text = read_text(data, source)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SourceError(f"{source}: line {line} holds a NUL byte; not a text file.")
    if format is None and text.lstrip().startswith("<"):
        raise SourceError(f"{source}: XML or HTML, which is not read yet; expected JSON, CSV, Parquet or Markdown.")
    if format is None and Path(source).suffix.lower() in MARKDOWN_SUFFIXES:
        raise SourceError(f"{source}: a single Markdown file; give its folder.")
    if format == "csv":
        return csv_records(text, source, delimiter="\t" if tabs else None)
    if format == "jsonl" or (format is None and looks_like_lines(text)):
        return json_line_records(text, source)
    return json_records(text, source)
