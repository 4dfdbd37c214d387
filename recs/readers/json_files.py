"""JSON and JSON Feed."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from recs.errors import SourceError
from recs.items import Skipped
from recs.readers.values import pairs

# Where a document that is an object keeps its posts.
_LISTS = (
    "items",
    "posts",
    "entries",
    "articles",
    "episodes",
    "documents",
    "results",
    "records",
    "pages",
    "nodes",
    "data",
)
# Fields with the URL of the next part of a document.
_NEXT = ("next_url", "next", "nextpage")
# Objects around the list: in the answers of Tumblr and GraphQL, and in the export of Ghost.
_AROUND = ("response", "data", "result", "db")


def read_text(data: bytes, source: str) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

    Raises `SourceError` with the line and the byte that is not UTF-8. No other encoding is tried, because a wrong guess
    would go unnoticed.

    Examples
    --------
    >>> read_text("Café".encode("utf-16"), "posts.csv")
    'Café'
    """
    encoding = encoding_of(data)
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise not_of(error, encoding, source, data.count(b"\n", 0, error.start) + 1) from error
    if not text.strip():
        raise SourceError(f"{source}: empty; expected items.")
    return text


def not_of(error: UnicodeDecodeError, encoding: str, source: str, line: int, start: int = 0) -> SourceError:
    """Return the error for a byte that is not of an encoding, in a line of a text that begins at byte `start`."""
    place = f"line {line}, byte {start + error.start} (0x{error.object[error.start]:02x})"
    return SourceError(f"{source}: {place} is not {encoding.upper()}; convert the file to UTF-8.")


def encoding_of(data: bytes) -> str:
    """Return the encoding that the first bytes of a text tell: UTF-8 if they tell none."""
    if data[:4] in (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"):
        return "utf-32"
    return "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"


def json_document(text: str, source: str) -> Any:
    """Return the value of a JSON document; `SourceError` if it is not JSON.

    Examples
    --------
    >>> json_document('{"posts": []}', "posts.json")
    {'posts': []}
    """
    try:
        return loads(text)
    except ValueError as error:
        raise SourceError(f"{source}: {json_problem(error, text)}") from error


def json_records(document: Any, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of a JSON document: a list, or an object that holds one. Raises `SourceError`.

    Examples
    --------
    >>> list(json_records({"posts": [{"id": "garlic"}]}, "posts.json"))
    [('posts.json: item 1', {'id': 'garlic'})]
    """
    if isinstance(document, Mapping):
        document = _in_language(_list_in(document, source), document)
    if not isinstance(document, list):
        raise SourceError(f"{source}: holds JSON of type {type(document).__name__}, expected a list of items.")
    for number, record in enumerate(document, 1):
        yield f"{source}: item {number}", record


def check_no_nul(text: str, source: str, first_line: int = 1) -> None:
    """Raise `SourceError` with the line of the first NUL byte of a text that begins in this line."""
    if "\0" in text:
        line = first_line + text.count("\n", 0, text.index("\0"))
        raise SourceError(f"{source}: line {line} holds a NUL byte; not a text file.")


def loads(text: str) -> Any:
    """Return the value of a JSON text; `ValueError` if it is not JSON, or nested too deeply."""
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def json_problem(error: ValueError, text: str, *, one_line: bool = False) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return f"not readable as JSON ({error})."
    where = f"column {error.colno}" if one_line else f"line {error.lineno}, column {error.colno}"
    if error.pos >= len(text.rstrip()) or "Unterminated" in error.msg:
        return f"ends in the middle of JSON at {where}; the file is truncated."
    if text.lstrip()[0] not in "[{":
        return f"not JSON at {where}: {error.msg}; where it is CSV or JSON Lines, say so: --input-format csv."
    return f"not JSON at {where}: {error.msg}."


def _list_in(document: Mapping[str, Any], source: str) -> list[object]:
    """Return the records of a document, and `Skipped` for each other list in it and for a next page."""
    for place in _places(document):
        lists = [name for name in _LISTS if isinstance(place.get(name), list)]
        if lists:
            others = [
                Skipped(f"{source}: {name}", f"{len(place[name]):,} entries; only {lists[0]!r} is read")
                for name in lists[1:]
                if place[name]
            ]
            more = [Skipped(f"{source}: {name}", "the document continues there") for name in _NEXT if place.get(name)]
            return [*place[lists[0]], *others, *more]
    keys = ", ".join(repr(name) for name in list(document)[:8]) or "no keys"
    expected = "a list, or its posts under 'items' or 'posts' (one line of JSON Lines: --input-format jsonl)"
    raise SourceError(f"{source}: an object with {keys}; expected {expected}.")


def _in_language(records: list[object], document: Mapping[str, Any]) -> list[object]:
    """Return the records; those of a JSON Feed without a language of their own have that of the feed."""
    language = document.get("language")
    if not isinstance(language, str) or "jsonfeed.org" not in str(document.get("version")):
        return records
    return [{"language": language, **record} if isinstance(record, Mapping) else record for record in records]


def _places(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the objects that may hold the records: the document, and objects in it. Ghost has one in a list."""
    folded = {name.casefold(): value for name, value in document.items()}
    yield folded
    for name in _AROUND:
        inside = folded.get(name)
        inside = inside[0] if isinstance(inside, list) and len(inside) == 1 else inside
        if isinstance(inside, Mapping):
            yield from _places(inside)
