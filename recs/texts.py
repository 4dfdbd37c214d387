"""Turns the values that a caller gives to an item into text, or refuses them: nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from datetime import date
from pathlib import PurePath
from typing import Any

from recs.errors import SourceError


def as_names(values: Any, what: str) -> tuple[str, ...]:
    """Return the strings of any iterable, those of a set sorted; `SourceError` for any other object."""
    if values is None:
        return ()
    if isinstance(values, str):
        return (values,)
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise SourceError(f"{what} are a {type(values).__name__}; expected strings.")
    named = tuple(as_text(value, f"{what} hold a value that") for value in values)
    return tuple(sorted(named)) if isinstance(values, Set) else named


def as_text(value: Any, what: str) -> str:
    """Return the text of an object; `SourceError` if its type does not define one."""
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, date):
        return value.isoformat()
    own_text: Any = type(value).__str__
    has_text = own_text is not object.__str__ and not isinstance(value, bytes)
    if not (has_text or isinstance(value, int | float)) or isinstance(value, bool):
        raise SourceError(f"{what} is a {type(value).__name__}; expected text.")
    return str(value)
