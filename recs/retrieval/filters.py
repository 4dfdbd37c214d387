"""Filters of a search: which items may be hits. They act before the best are chosen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

from recs.arrays import BoolArray
from recs.errors import OptionError
from recs.retrieval.table import Table
from recs.text.languages import primary_language

_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}")  # at the beginning of a date in ISO 8601
Where = Mapping[str, Any]
"""Values by field: "tag", "category", "series", "lang", "since", "until", or a field of `Item.meta`. Several values of
one field are a list, and one of them is enough; all fields must fit."""


def allowed(where: Where | None, table: Table) -> BoolArray | None:
    """Return which items fit all filters, bool of shape (n,); None if there is no filter.

    Words are compared without case. "lang" compares the language alone: "en" fits "en-GB". "since" and "until" are
    ISO 8601 dates, both included; they are compared with the date that the author wrote, in the author's time zone. An
    item without a date fits neither. A list without values fits no item.

    Raises `OptionError` for a date that is none, and for None or a mapping as a value.

    Examples
    --------
    >>> from recs.items import Item
    >>> from recs.retrieval.table import ItemsInMemory
    >>> items = ItemsInMemory([Item("a", "A.", tags=["Garden"]), Item("b", "B.", published="2026-03-01")])
    >>> allowed({"tag": "garden"}, items).tolist(), allowed({"since": "2026-03-01"}, items).tolist()
    ([True, False], [False, True])
    """
    if not where:
        return None
    fits = np.ones(len(table), bool)
    for name, wanted in where.items():
        fits &= _FILTERS.get(name, _words(name))(_values(name, wanted), table)
    return fits


def _values(name: str, wanted: object) -> list[Any]:
    if wanted is None or isinstance(wanted, Mapping):
        raise OptionError(f"the filter {name!r} is {wanted!r}, expected a value or a list of values.")
    return list(wanted) if isinstance(wanted, Iterable) and not isinstance(wanted, str) else [wanted]


def _words(column: str) -> Callable[[list[Any], Table], BoolArray]:
    def fits(values: list[Any], table: Table) -> BoolArray:
        wanted = {_fold(value) for value in values}
        return _each(not wanted.isdisjoint(map(_fold, _listed(cell))) for cell in table.column(column))

    return fits


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
