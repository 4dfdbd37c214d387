"""Filters by the fields of items: which items may be hits of a search, or entries of related lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, Protocol

import numpy as np

from recs.arrays import BoolArray
from recs.errors import OptionError
from recs.items import Item
from recs.text.languages import primary_language

_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}")  # at the beginning of a date in ISO 8601
_NEAREST = 3  # names in a message about a field that no item has
_CLOSE = 0.5  # the share of letters that two names have in common; a short name with two letters exchanged has .57
_FIELDS_SHOWN = 12
Where = Mapping[str, Any]
"""Values by field: "tag", "category", "series", "lang", "since", "until", or a field of `Item.meta`. Several values of
one field are a list, and one of them is enough; all fields must fit."""


class Table(Protocol):
    """Items in their order, and their fields."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int) -> Item: ...

    def column(self, name: str) -> Sequence[Any]:
        """Return the values of an attribute of `Item` that a filter reads, or of a field in `Item.meta`."""
        ...


class ItemTable:
    """The table of a sequence of items.

    Examples
    --------
    >>> ItemTable([Item("a", "A.", tags=["Garden"])]).column("tags")
    [('Garden',)]
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, row: int) -> Item:
        return self._items[row]

    def column(self, name: str) -> Sequence[Any]:
        """Return the values of a field, one for each item."""
        if name in _COLUMNS.values():
            return [getattr(item, name) for item in self._items]
        return [item.meta.get(name) for item in self._items]


def allowed(where: Where | None, table: Table) -> BoolArray | None:
    """Return which items fit all filters, bool of shape (n,); None if there is no filter.

    Words are compared without case. "lang" compares the language alone: "en" fits "en-GB". "since" and "until" are
    ISO 8601 dates, both included; they are compared with the date that the author wrote, in the author's time zone. An
    item without a date fits neither. A list without values fits no item.

    Raises `OptionError` for a date that is none, for None or a mapping as a value, and for a field of `Item.meta` that
    no item has.

    Examples
    --------
    >>> items = ItemTable([Item("a", "A.", tags=["Garden"]), Item("b", "B.", published="2026-03-01")])
    >>> allowed({"tag": "garden"}, items).tolist(), allowed({"since": "2026-03-01"}, items).tolist()
    ([True, False], [False, True])
    """
    if not where:
        return None
    fits = np.ones(len(table), bool)
    for name, wanted in where.items():
        values = _values(name, wanted)
        if name in _FILTERS:
            fits &= _FILTERS[name](values, table)
            continue
        column = table.column(name)
        if len(table) and not any(map(_is_there, column)):
            raise _unknown_field(name, table)
        fits &= _holding(values, column)
    return fits


def check_fields(where: Where, table: Table) -> None:
    """Raise `OptionError` if no item has one of the fields of a filter.

    Examples
    --------
    >>> check_fields({"category": "garden"}, ItemTable([Item("a", "A.", category="Garden")]))
    """
    for name in where:
        if len(table) and not any(map(_is_there, table.column(_COLUMNS.get(name, name)))):
            raise _unknown_field(name, table)


def fits_any(where: Where, items: Sequence[Item]) -> BoolArray:
    """Return which items have one of the values of a field, for any of the fields; of unknown fields, none does.

    Examples
    --------
    >>> fits_any({"tag": "a", "lang": "de"}, [Item("x", "X.", tags=["A"]), Item("y", "Y.", lang="de")]).tolist()
    [True, True]
    """
    return np.asarray(_each_field(where, items).any(axis=0))


def fits_all(where: Where, items: Sequence[Item]) -> BoolArray:
    """Return which items have one of the values of each field; of an unknown field, none does.

    Examples
    --------
    >>> fits_all({"tag": "a", "lang": "de"}, [Item("x", "X.", tags=["A"]), Item("y", "Y.", lang="de")]).tolist()
    [False, False]
    """
    return np.asarray(_each_field(where, items).all(axis=0))


def comparable(where: Where) -> dict[str, list[str]]:
    """Return the values of filters in the form in which they are compared with `facets` and `day`.

    Raises `OptionError` as `allowed` does, but for a field that no item has.

    Examples
    --------
    >>> comparable({"tag": "Soil", "lang": ["en-GB"], "since": 2026})
    {'tag': ['soil'], 'lang': ['en'], 'since': ['2026']}
    """
    as_compared = {"lang": _language, "since": _day, "until": _day}
    return {name: [as_compared.get(name, _fold)(each) for each in _values(name, where[name])] for name in where}


def facets(item: Item) -> list[tuple[str, str]]:
    """Return the fields and values of an item by which a filter selects it, all but its date.

    Examples
    --------
    >>> facets(Item("a", "A.", tags=["Soil"], lang="en-GB", meta={"level": 2}))
    [('tag', 'soil'), ('lang', 'en'), ('level', '2')]
    """
    cells: dict[str, Any] = {"tag": item.tags, "category": item.category, "series": item.series}
    cells |= {"lang": _language(item.lang) if item.lang else None}
    cells |= {name: value for name, value in item.meta.items() if name not in _FILTERS}
    return [(name, _fold(value)) for name, cell in cells.items() for value in _listed(cell)]


def fields_of(item: Item) -> set[str]:
    """Return the fields that an item has, by the names that filters use.

    Examples
    --------
    >>> sorted(fields_of(Item("a", "A.", published="2026-03-01", meta={"level": 2, "note": ""})))
    ['level', 'since', 'until']
    """
    own = {name for name, value in item.meta.items() if _is_there(value)}
    return own | {name for name, column in _COLUMNS.items() if _is_there(getattr(item, column))}


def day(item: Item) -> str | None:
    """Return the day on which an item was published, as filters compare it; None if it has no date.

    Examples
    --------
    >>> day(Item("a", "A.", published="2026-03-01T12:00:00Z"))
    '2026-03-01'
    """
    return item.published[:10] if item.published is not None and _is_date(item.published) else None


def _each_field(where: Where, items: Sequence[Item]) -> BoolArray:
    """Return for each field which items have one of its values, bool of shape (fields, n)."""
    table = ItemTable(items)
    rows = [_FILTERS.get(name, _words(name))(_values(name, wanted), table) for name, wanted in where.items()]
    return np.array(rows, np.bool_).reshape(len(rows), len(items))


def _unknown_field(name: str, table: Table) -> OptionError:
    own = {field for row in range(len(table)) for field, value in table[row].meta.items() if _is_there(value)}
    fields = [field for field, column in _COLUMNS.items() if any(map(_is_there, table.column(column)))]
    return unknown_field(name, [*fields, *sorted(own)])


def unknown_field(name: str, fields: Sequence[str]) -> OptionError:
    """Return an error that names the nearest of the fields that items have, or the first of all of them.

    Examples
    --------
    >>> print(unknown_field("categry", ["tag", "category"]))
    no item has a field 'categry' to filter by; the nearest is category.
    """
    nearest = get_close_matches(name, fields, _NEAREST, _CLOSE)
    if nearest:
        advice = f"the nearest {'is' if len(nearest) == 1 else 'are'} {', '.join(nearest)}"
    else:
        more = ", …" if len(fields) > _FIELDS_SHOWN else ""
        advice = f"items have {', '.join(fields[:_FIELDS_SHOWN]) or 'none'}{more}"
    return OptionError(f"no item has a field {name[:40]!r} to filter by; {advice}.")


def _is_there(cell: object) -> bool:
    return cell is not None and cell not in ("", (), [])


def _values(name: str, wanted: object) -> list[Any]:
    if wanted is None or isinstance(wanted, Mapping):
        raise OptionError(f"the filter {name!r} is {wanted!r}, expected a value or a list of values.")
    return list(wanted) if isinstance(wanted, Iterable) and not isinstance(wanted, str) else [wanted]


def _words(column: str) -> Callable[[list[Any], Table], BoolArray]:
    return lambda values, table: _holding(values, table.column(column))


def _holding(values: list[Any], column: Sequence[Any]) -> BoolArray:
    """Return which cells of a column hold one of the values."""
    wanted = {_fold(value) for value in values}
    return _each(not wanted.isdisjoint(map(_fold, _listed(cell))) for cell in column)


def _languages(values: list[Any], table: Table) -> BoolArray:
    wanted = {_language(value) for value in values}
    return _each(bool(cell) and _language(cell) in wanted for cell in table.column("lang"))


def _language(value: object) -> str:
    return primary_language(str(value)) or _fold(value)


def _since(values: list[Any], table: Table) -> BoolArray:
    days = [_day(value) for value in values]
    return _each(any(_is_date(cell) and cell[:10] >= day for day in days) for cell in table.column("published"))


def _until(values: list[Any], table: Table) -> BoolArray:
    days = [_day(value) for value in values]
    return _each(any(_is_date(cell) and cell[: len(day)] <= day for day in days) for cell in table.column("published"))


def _is_date(cell: object) -> bool:
    return isinstance(cell, str) and _DATE.match(cell) is not None


_FILTERS: Mapping[str, Callable[[list[Any], Table], BoolArray]] = {
    "tag": _words("tags"),
    "category": _words("category"),
    "series": _words("series"),
    "lang": _languages,
    "since": _since,
    "until": _until,
}
_COLUMNS = {
    "tag": "tags",
    "category": "category",
    "series": "series",
    "lang": "lang",
    "since": "published",
    "until": "published",
}
NAMES = tuple(_FILTERS)


def _day(value: object) -> str:
    """Return a year, a month or a day as ISO 8601 has it."""
    text = str(value.date() if isinstance(value, datetime) else value)
    try:
        if not _DATE.fullmatch(text):
            raise ValueError(text)
        date.fromisoformat(f"{text}-01-01"[: len("2026-03-01")])
    except ValueError as error:
        raise OptionError(f"{text[:40]!r} is no date, expected 2026, 2026-03 or 2026-03-01.") from error
    return text


def _fold(value: object) -> str:
    return " ".join(str(value).casefold().split())


def _listed(cell: object) -> Iterable[object]:
    if cell is None:
        return ()
    return cell if isinstance(cell, list | tuple) else (cell,)


def _each(values: Iterable[bool]) -> BoolArray:
    return np.fromiter(values, bool)
