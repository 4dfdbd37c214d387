"""Filters of a search: which items may be hits. They act before the best are chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from recs.arrays import BoolArray
from recs.errors import OptionError
from recs.retrieval.table import Table
from recs.text.languages import primary_language

Where = Mapping[str, Any]
"""Values by field: "tag", "category", "series", "lang", "since", "until", or a field of `Item.meta`. Several values of
one field are a list, and one of them is enough; all fields must fit."""


def allowed(where: Where | None, table: Table) -> BoolArray | None:
    """Return which items fit all filters, bool of shape (n,); None if there is no filter.

    Words are compared without case. "lang" compares the language alone: "en" fits "en-GB". "since" and "until" are
    ISO 8601 dates, both included; an item without a date fits neither.

    Raises `OptionError` for a date that is none.

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
        values = [wanted] if isinstance(wanted, str | int | float) else list(wanted)
        fits &= _FILTERS.get(name, _of_meta(name))(values, table)
    return fits


def _words(column: str) -> Callable[[list[Any], Table], BoolArray]:
    def fits(values: list[Any], table: Table) -> BoolArray:
        wanted = {_fold(value) for value in values}
        return _each(not wanted.isdisjoint(map(_fold, _listed(cell))) for cell in table.column(column))

    return fits


def _of_meta(name: str) -> Callable[[list[Any], Table], BoolArray]:
    return _words(name)


def _languages(values: list[Any], table: Table) -> BoolArray:
    wanted = {primary_language(str(value)) for value in values}
    return _each(bool(cell) and primary_language(cell) in wanted for cell in table.column("lang"))


def _since(values: list[Any], table: Table) -> BoolArray:
    first = max(_day(value) for value in values)
    return _each(bool(cell) and cell[:10] >= first for cell in table.column("published"))


def _until(values: list[Any], table: Table) -> BoolArray:
    last = min(_day(value) for value in values)
    return _each(bool(cell) and cell[: len(last)] <= last for cell in table.column("published"))


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
    from datetime import date

    text = str(value)
    padded = f"{text}-01-01"[:10] if len(text) == len("2026") else f"{text}-01"[:10]
    try:
        date.fromisoformat(padded)
    except ValueError as error:
        raise OptionError(f"{text!r} is no date, expected 2026, 2026-03 or 2026-03-01.") from error
    return text


def _fold(value: object) -> str:
    return " ".join(str(value).casefold().split())


def _listed(cell: object) -> Iterable[object]:
    if cell is None:
        return ()
    return cell if isinstance(cell, list | tuple) else (cell,)


def _each(values: Iterable[bool]) -> BoolArray:
    return np.fromiter(values, bool)
