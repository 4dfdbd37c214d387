"""Reads the values of fields: whether one is missing, means yes or no, and which text, names or links it holds."""

import html
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from itertools import islice
from pathlib import PurePath
from typing import Any
from uuid import UUID

from recs.items import Link
from recs.text.plain import plain_text

_TRUE = frozenset({"true", "yes", "on", "y", "t", "1", "1.0", "checked", "✓", "✔", "☑", "✅"})
_FALSE = frozenset({"false", "no", "off", "n", "f", "0", "0.0", "unchecked", "☐", "✗", "❌"})
_LISTED = re.compile(r"\"([^\"]{1,200})\"|'([^']{1,200})'")
_NAMES = ("name", "slug", "title", "label", "value")
_DEEPEST = 8
_TAG = re.compile(r"<[^<>]{0,500}>")
_MARKS = frozenset("_- ?:*()[]#!/\t")
_LONGEST_SHOWN = 60
_MOST_PARTS = 10_000  # values of a generator, which may never end
_OWN = (str, bool, int, float, bytes, datetime, date, time, Mapping, list)


class Repeated(tuple[object, ...]):
    """The values of a name that occurs more than once in a record. The last one counts; for visibility, all count."""


def pairs(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return names and values as a dict. A name with different values has all of them, as `Repeated`.

    Examples
    --------
    >>> pairs([("title", "Garlic"), ("draft", "no"), ("draft", "yes")])
    {'title': 'Garlic', 'draft': ('no', 'yes')}
    """
    fields = list(fields)
    if len(once := dict(fields)) == len(fields):
        return once
    values_by_name: dict[str, list[Any]] = {}
    for name, value in fields:
        values_by_name.setdefault(name, []).append(value)
    return {name: one_or_repeated(values) for name, values in values_by_name.items()}


def one_or_repeated(values: list[Any]) -> Any:
    """Return the value if all values are equal, or else all of them, as `Repeated`."""
    return values[0] if all(value == values[0] for value in values) else Repeated(values)


@lru_cache(maxsize=4096)
def fold(name: str) -> str:
    """Return the name of a field in lower case, without blanks and marks.

    Examples
    --------
    >>> fold("Published?"), fold("date_published")
    ('published', 'datepublished')
    """
    return "".join(char for char in name.casefold() if char not in _MARKS)


def is_missing(value: object) -> bool:
    """Whether a value is empty: None, NaN, a blank string, an empty list or object.

    Examples
    --------
    >>> is_missing(" "), is_missing([]), is_missing(0)
    (True, True, False)
    """
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, list | dict):
        return not value
    return value is None or (isinstance(value, float) and math.isnan(value))


def switch(value: object) -> bool | None:
    """Return True for a yes, False for a no, and None for anything else.

    Examples
    --------
    >>> switch("Yes"), switch(0), switch("maybe")
    (True, False, None)
    """
    word = str(value).strip().casefold() if isinstance(value, str | bool | int | float) else ""
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def text_of(value: object) -> str:
    """Return a value as one short line, as reports show it and as `--public FIELD=VALUE` expects it.

    Examples
    --------
    >>> text_of(True), text_of(["draft", "old"])
    ('true', '["draft", "old"]')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple | Mapping):
        value = json.dumps(value, ensure_ascii=False, default=str)
    line = " ".join(str(value).split())
    return line if len(line) <= _LONGEST_SHOWN else f"{line[: _LONGEST_SHOWN - 1]}…"


def plain(value: Any) -> Any:
    """Return a value of another library (numpy, pandas, a CMS) as a type of Python; None for NaT and NA.

    An object with a text of its own (a path, a lazy title, a tag) becomes that text. An object that can be iterated
    becomes a list. Any other object raises `TypeError`, because its content would be lost.

    Examples
    --------
    >>> plain(Decimal("3.0")), plain(PurePath("a/b")), plain({"b", "a"})
    (3, 'a/b', ['a', 'b'])
    """
    if value is None or type(value) in (str, int, float, bool, dict, datetime, Repeated):
        return value
    if type(value) in (list, tuple):
        return [part if isinstance(part, list | tuple) else plain(part) for part in value]  # no deeper: a YAML bomb
    if getattr(getattr(value, "dtype", None), "kind", "") == "M" and hasattr(value, "astype"):
        value = value.astype("datetime64[us]")  # nanoseconds have no datetime
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Decimal):
        return _whole_or_text(value)
    is_own = isinstance(value, _OWN) and type(value).__name__ != "NaTType"  # NaT is a subclass of datetime
    return value if is_own else _described(value)


def _whole_or_text(value: Decimal) -> int | str | None:
    whole = value.is_finite() and value.adjusted() < 30 and value == value.to_integral_value()
    if value.is_nan():
        return None
    return int(value) if whole else str(value)


def _described(value: Any) -> Any:
    """Return the text of an object, or a list of the values in it."""
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, PurePath):
        return value.as_posix()
    own_text: Any = type(value).__str__
    if isinstance(value, UUID) or own_text is not object.__str__:
        return str(value)
    if isinstance(value, Iterable):
        parts = [plain(part) for part in islice(value, _MOST_PARTS + 1)]
        if len(parts) > _MOST_PARTS:
            raise TypeError(f"a {type(value).__name__} with more than {_MOST_PARTS:,} values")
        return sorted(parts, key=str) if isinstance(value, set | frozenset) else parts
    raise TypeError(f"a {type(value).__name__}, which is not text")


# Names under which an object holds its own text, id or URL.
_SCALARS = ("rendered", "value", "url", "href", "path", "name", "code", "plain_text", "$oid")


def scalar(value: object) -> str:
    """Return an id, URL or code as a string; "" for a value that cannot be one. A whole number has no decimal point.

    Examples
    --------
    >>> scalar(7.0), scalar({"rendered": "Garlic"}), scalar(True)
    ('7', 'Garlic', '')
    """
    if isinstance(value, Repeated):
        value = value[-1]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping):
        value = next((value[key] for key in _SCALARS if key in value), None)
    if isinstance(value, bool) or is_missing(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # JSON may hold half of a surrogate pair, which UTF-8 cannot; it becomes "?".
    return str(value).encode("utf-8", "replace").decode("utf-8") if isinstance(value, str | int | float) else ""


def one_line(value: object) -> str:
    """Return a string, an object or a list of both as one line of plain text.

    Examples
    --------
    >>> one_line("Garlic <b>&amp;</b> leeks")
    'Garlic & leeks'
    """
    text = " ".join(map(scalar, value)) if isinstance(value, list) else scalar(value)
    return " ".join(plain_text(html.unescape(_TAG.sub("", text) if "</" in text else text), "text").split())


def word(value: object) -> str | None:
    """Return the first name in a value. A string is one name, even with commas.

    Examples
    --------
    >>> word("Plants, edible"), word([{"name": "Plants"}])
    ('Plants, edible', 'Plants')
    """
    return next(iter(words([value] if isinstance(value, str) else value)), None)


def words(value: object) -> tuple[str, ...]:
    """Return the tags in a value: a list of strings, a list of objects with a name, or a string with commas.

    Examples
    --------
    >>> words("garlic, leeks"), words([{"name": "garlic"}, "leeks"])
    (('garlic', 'leeks'), ('garlic', 'leeks'))
    """
    return tuple(dict.fromkeys(filter(None, (scalar(part).strip() for part in _parts(value, 0, set())))))


def _parts(value: object, depth: int, seen: set[int]) -> Iterator[object]:
    """Yield the single values of a value that may hold several; a list that aliases repeat is read once."""
    if isinstance(value, Repeated):
        value = value[-1]
    if isinstance(value, str):
        yield from _cut(value) if depth == 0 else [value]
    elif isinstance(value, list | tuple | set):
        if id(value) in seen or depth >= _DEEPEST:
            return
        seen.add(id(value))
        for part in value:
            yield from _parts(part, depth + 1, seen)
    elif isinstance(value, Mapping):
        names = [key for key in _NAMES if not is_missing(value.get(key))]
        inside = next((value[key] for key in ("data", "attributes", "fields") if key in value), None)
        if names:
            yield value[names[0]]
        elif inside is not None and depth < _DEEPEST:
            yield from _parts(inside, depth + 1, seen)
        elif value and all(is_set is True for is_set in value.values()):  # {"garden": true}
            yield from value
    else:
        yield value


def _cut(text: str) -> list[object]:
    """Return the tags in one string: a list in the syntax of Python or JSON, or tags between commas or other marks."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        listed = _LISTED.findall(text)
        if listed and not _LISTED.sub("", text).strip("[], "):
            return [double or single for double, single in listed]
    mark = next((mark for mark in ",;|" if mark in text), "")
    if not mark and len(text.split()) > 1 and all(part.startswith("#") for part in text.split()):
        return [part.lstrip("#") for part in text.split()]
    return [part.strip() for part in text.split(mark)] if mark else [text]


def declared_links(value: object) -> Iterator[Link]:
    """Yield the links that a field declares: ids, URLs, or objects with one of these and perhaps the link's words.

    Examples
    --------
    >>> list(declared_links(["leeks", {"url": "/chives/", "text": "chives"}]))
    [Link(start=0, stop=0, anchor='', target='leeks'), Link(start=0, stop=0, anchor='chives', target='/chives/')]
    """
    for entry in value if isinstance(value, list | tuple) else [value]:
        record = entry if isinstance(entry, Mapping) else {"target": entry}
        target = next((scalar(record[key]) for key in ("target", "dst", "url", "href", "id") if key in record), "")
        if target:
            yield Link(0, 0, scalar(record.get("anchor") or record.get("text")), target)


def as_date(value: object) -> object:
    """Return a value that may be a date; None for a yes or no, as in a field like "published"."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number or switch(value) is None else None
