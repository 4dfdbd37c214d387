"""JSON, JSON Feed and JSON Lines."""

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
# Objects around such a document: Tumblr's answer, GraphQL's, a list of one.
# Where a document says that it goes on elsewhere.
_NEXT = ("next_url", "next", "nextpage")
_AROUND = ("response", "data", "result", "db")


def read_text(data: bytes, source: str) -> str:
    """Return the text of a file: UTF-8, or UTF-16 or UTF-32 with a byte order mark.

    `SourceError` with line and byte of what is no UTF-8. No other is tried: a wrong guess is a silent wrong answer.
    """
    marked = data[:4] in (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
    encoding = "utf-32" if marked else "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        place = f"line {line}, byte {error.start} (0x{data[error.start]:02x})"
        raise SourceError(f"{source}: {place} is not {encoding.upper()}; convert the file to UTF-8.") from error
    if not text.strip():
        raise SourceError(f"{source}: empty; expected items.")
    return text


def json_records(text: str, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of a JSON document: a list, or an object that holds one. Raises `SourceError`."""
    try:
        document = loads(text)
    except ValueError as error:
        raise SourceError(f"{source}: {_problem(error, text)}") from error
    if isinstance(document, Mapping):
        document = _list_in(document, source)
    if not isinstance(document, list):
        raise SourceError(f"{source}: holds JSON of type {type(document).__name__}, expected a list of items.")
    for number, record in enumerate(document, 1):
        yield f"{source}: item {number}", record


def json_line_records(text: str, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of JSON Lines, blank lines passed over; `SourceError` with the line that is no JSON."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield f"{source}: line {number}", loads(line)
            except ValueError as error:
                raise SourceError(f"{source}: line {number}: {_problem(error, line, one_line=True)}") from error


def looks_like_lines(text: str) -> bool:
    """Whether a text of unknown name is JSON Lines: its first line is an object of its own and more follow."""
    first, _, rest = text.strip().partition("\n")
    if not first.startswith("{") or not rest.strip():
        return False
    try:
        return isinstance(loads(first), Mapping)
    except ValueError:
        return False


def loads(text: str) -> Any:
    """Return what a JSON text holds; a `ValueError` for all that is none, nested too deeply included."""
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _problem(error: ValueError, text: str, *, one_line: bool = False) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return f"not readable as JSON ({error})."
    where = f"column {error.colno}" if one_line else f"line {error.lineno}, column {error.colno}"
    if error.pos >= len(text.rstrip()) or "Unterminated" in error.msg:
        return f"ends in the middle of JSON at {where}; the file is truncated."
    if text.lstrip()[0] not in "[{":
        return f"not JSON at {where}: {error.msg}; where it is CSV or JSON Lines, say so: --input-format csv."
    return f"not JSON at {where}: {error.msg}."


def _list_in(document: Mapping[str, Any], source: str) -> list[object]:
    """Return the records of a document, and for other lists and pages beside them `Skipped`."""
    for place in _places(document):
        lists = [name for name in _LISTS if isinstance(place.get(name), list)]
        if lists:
            others = [
                Skipped(f"{source}: {name}", f"{len(place[name]):,} entries beside {lists[0]!r}, which is read")
                for name in lists[1:]
                if place[name]
            ]
            more = [Skipped(f"{source}: {name}", "the document goes on there") for name in _NEXT if place.get(name)]
            return [*place[lists[0]], *others, *more]
    keys = ", ".join(repr(name) for name in list(document)[:8]) or "no keys"
    expected = "a list, or its posts under 'items' or 'posts' (one line of JSON Lines: --input-format jsonl)"
    raise SourceError(f"{source}: an object with {keys}; expected {expected}.")


def _places(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the object that may hold the records, and those within it; Ghost has it in a list of one."""
    folded = {name.casefold(): value for name, value in document.items()}
    yield folded
    for name in _AROUND:
        inside = folded.get(name)
        inside = inside[0] if isinstance(inside, list) and len(inside) == 1 else inside
        if isinstance(inside, Mapping):
            yield from _places(inside)
