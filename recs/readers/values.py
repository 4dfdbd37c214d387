"""Values as sources hold them: which are missing, what is yes or no, and the text, names and links they stand for."""

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
_MOST_PARTS = 10_000  # of a generator that may never end
_OWN = (str, bool, int, float, bytes, datetime, date, time, Mapping, list)


class Repeated(tuple[object, ...]):
    """The values of a name that one record holds more than once; the last one counts, save for visibility."""


def pairs(found: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return names and values as a dict, all values of a name that comes more than once as `Repeated`."""
    values: dict[str, list[Any]] = {}
    for name, value in found:
        values.setdefault(name, []).append(value)
    return {name: said[0] if all(one == said[0] for one in said) else Repeated(said) for name, said in values.items()}


@lru_cache(maxsize=4096)
def fold(name: str) -> str:
    """Return the name of a field without case, blanks and marks: "Published?" is "published"."""
    return "".join(char for char in name.casefold() if char not in _MARKS)


def is_missing(value: object) -> bool:
    """Whether a value says nothing: None, NaN, a blank string, an empty list or object."""
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, list | dict):
        return not value
    return value is None or (isinstance(value, float) and math.isnan(value))


def switch(value: object) -> bool | None:
    """Return what a yes or no says; None for anything else."""
    word = str(value).strip().casefold() if isinstance(value, str | bool | int | float) else ""
    return True if word in _TRUE else False if word in _FALSE else None


def text_of(value: object) -> str:
    """Return a value as one short line, as a report shows it and as `--public FIELD=VALUE` names it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple | Mapping):
        value = json.dumps(value, ensure_ascii=False, default=str)
    line = " ".join(str(value).split())
    return line if len(line) <= _LONGEST_SHOWN else f"{line[: _LONGEST_SHOWN - 1]}…"


def plain(value: Any) -> Any:
    """Return a value of another library (numpy, pandas, a CMS) as Python's own; None for NaT and NA.

    What has a text of its own (a path, a lazy title, an object of tags) becomes that text, what can be walked through
    becomes a list. `TypeError` for an object that is neither: it would vanish.
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
    is_own = isinstance(value, _OWN) and type(value).__name__ != "NaTType"  # which is a datetime to Python
    return value if is_own else _described(value)


def _whole_or_text(value: Decimal) -> int | str | None:
    whole = value.is_finite() and value.adjusted() < 30 and value == value.to_integral_value()
    if value.is_nan():
        return None
    return int(value) if whole else str(value)


def _described(value: Any) -> Any:
    """Return an object as the text that it has, or as the list of what it holds."""
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
            raise TypeError(f"a {type(value).__name__} of more than {_MOST_PARTS:,} values")
        return sorted(parts, key=str) if isinstance(value, set | frozenset) else parts
    raise TypeError(f"a {type(value).__name__}, which is no text")


# Names under which an object keeps its own text, id or URL.
_SCALARS = ("rendered", "value", "url", "href", "path", "name", "code", "plain_text", "$oid")


def scalar(value: object) -> str:
    """Return an id, url or code as a string; "" for what cannot be one. A whole number has no decimal point."""
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
    # A lone surrogate, which JSON may hold and UTF-8 cannot, is replaced.
    return str(value).encode("utf-8", "replace").decode("utf-8") if isinstance(value, str | int | float) else ""


def one_line(value: object) -> str:
    """Return one line of plain text, of a string, of an object or of a list of their pieces."""
    text = " ".join(map(scalar, value)) if isinstance(value, list) else scalar(value)
    return " ".join(plain_text(html.unescape(_TAG.sub("", text) if "</" in text else text), "text").split())


def word(value: object) -> str | None:
    """Return the first name of a value, a string being one name whatever commas it holds."""
    return next(iter(words([value] if isinstance(value, str) else value)), None)


def words(value: object) -> tuple[str, ...]:
    """Return tags: of a list of strings or of objects with a name, or of a string with commas."""
    return tuple(dict.fromkeys(filter(None, (scalar(part).strip() for part in _parts(value, 0)))))


def _parts(value: object, depth: int) -> Iterator[object]:
    """Yield the single values of a value that holds several, in whatever way."""
    if isinstance(value, Repeated):
        value = value[-1]
    if isinstance(value, str):
        yield from _cut(value) if depth == 0 else [value]
    elif isinstance(value, list | tuple | set):
        for part in value if depth < _DEEPEST else ():
            yield from _parts(part, depth + 1)
    elif isinstance(value, Mapping):
        names = [key for key in _NAMES if not is_missing(value.get(key))]
        inside = next((value[key] for key in ("data", "attributes", "fields") if key in value), None)
        if names:
            yield value[names[0]]
        elif inside is not None and depth < _DEEPEST:
            yield from _parts(inside, depth + 1)
        elif value and all(said is True for said in value.values()):  # {"garden": true}
            yield from value
    else:
        yield value


def _cut(text: str) -> list[object]:
    """Return the tags in one string: a list as Python or JSON write it, or what commas or another mark part."""
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
    """Yield declared links: ids or URLs, or objects that hold one and perhaps the words of the link."""
    for entry in value if isinstance(value, list | tuple) else [value]:
        record = entry if isinstance(entry, Mapping) else {"target": entry}
        target = next((scalar(record[key]) for key in ("target", "dst", "url", "href", "id") if key in record), "")
        if target:
            yield Link(0, 0, scalar(record.get("anchor") or record.get("text")), target)


def as_date(value: object) -> object:
    """Return a value that should be a date; None for the yes or no of a field like "published"."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number or switch(value) is None else None
