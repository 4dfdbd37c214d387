"""The values of a label field: names of labels, or an error that says what the field holds instead."""

from __future__ import annotations

import math
import reprlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from recs.errors import OptionError

# The kinds of values, in the words of an error.
_BOOLEANS = "booleans"
_WHOLE = "whole numbers"
_STRINGS = "strings"
_OBJECTS = "objects with a name"
_LISTS = "lists of strings"
_LISTS_OF_OBJECTS = "lists of objects with a name"
_FRACTIONS = "numbers with a fraction"
_MAPPINGS = "mappings"
_LISTS_OF_NUMBERS = "lists of numbers"
_LISTS_OF_BOOLEANS = "lists of booleans"
_MIXED_LISTS = "lists of mixed values"

_COMPATIBLE = (
    frozenset((_BOOLEANS,)),
    frozenset((_WHOLE,)),
    frozenset((_STRINGS, _OBJECTS, _LISTS, _LISTS_OF_OBJECTS)),
)
"""Kinds that name labels; one field may hold several kinds of one set."""
_NAMING = frozenset[str]().union(*_COMPATIBLE)

_ONE_HOT = 'a one-hot list does not say what its labels are called: give their names, such as ["garden", "trains"]'
_ADVICE = {
    _LISTS_OF_NUMBERS: _ONE_HOT,
    _LISTS_OF_BOOLEANS: _ONE_HOT,
    _MIXED_LISTS: "write all labels of a list as strings",
    _FRACTIONS: 'a measurement is not a label: give names to its ranges first, such as "low" and "high"',
    _MAPPINGS: 'a mapping is not a label: give a string, or an object with a "name"',
}
_ONE_KIND = "the labels of a field must be of one kind: write all of them as strings"

_LARGEST_EXACT = 2**53  # a larger float may stand for several whole numbers
_LONGEST_NUMBER = 256  # bits
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 40


@dataclass(slots=True)
class LabelValues:
    """The values of one field by item id, how many there are of each kind, and one example of each kind.

    Examples
    --------
    >>> values = LabelValues("tags")
    >>> values.add("a", ["garden", " soil "])
    >>> values.add("b", None)
    >>> values.names()
    {'a': ['garden', 'soil']}
    """

    name: str
    values: dict[str, object] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    examples: dict[str, object] = field(default_factory=dict)

    def add(self, item_id: str, value: object) -> None:
        """Add the value of an item; a missing value is ignored."""
        value = _plain(value)
        if kind := _kind(value):
            self.values[item_id] = value
            self.kinds[kind] += 1
            self.examples.setdefault(kind, value)

    @staticmethod
    def is_value(value: object) -> bool:
        """Return whether a value is not missing."""
        return bool(_kind(_plain(value)))

    def names(self, *, loose: bool = False) -> dict[str, list[str]]:
        """Return the names of the labels of each item that has any, or raise `OptionError`.

        With `loose`, kinds may be mixed, in lists too, as long as every value names a label.
        """
        if not loose and self.kinds and not any(self.kinds.keys() <= kinds for kinds in _COMPATIBLE):
            raise self._refusal()
        names: dict[str, list[str]] = {}
        for item_id, value in self.values.items():
            names_of_item = [_name(part) for part in _parts(value)]
            if None in names_of_item:
                raise self._refusal()
            names[item_id] = [name for name in names_of_item if name]
        return names

    def _refusal(self) -> OptionError:
        """Return the error: every kind with its count and an example, and what to do."""
        counts = sorted(self.kinds.items(), key=lambda pair: (-pair[1], pair[0]))
        parts = [f"{kind} ({count:,}, such as {_SHORT.repr(self.examples[kind])})" for kind, count in counts]
        held = " ".join(" and ".join(parts).split())
        wrong_kind = next((kind for kind, _ in counts if kind not in _NAMING), None)
        advice = _ONE_KIND if wrong_kind is None else _ADVICE.get(wrong_kind, "write each label as a string")
        return OptionError(f"the label field {self.name!r} holds {held}; {advice}.")


def _plain(value: object) -> object:
    """Return a value of numpy, pandas or decimal as a value of Python."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, Decimal):
        whole = value.is_finite() and value.adjusted() < 30 and value == value.to_integral_value()
        return int(value) if whole else float(value)
    return None if type(value).__name__ in ("NaTType", "NAType") else value


def _parts(value: object) -> list[object]:
    """Return the parts of a list that are not missing; for anything else, a list of the value itself."""
    if isinstance(value, list | tuple):
        return [part for part in map(_plain, value) if _kind_of_one(part)]
    return [value]


def _kind(value: object) -> str:
    """Return the kind of a value; "" for a missing one."""
    if not isinstance(value, list | tuple):
        return _kind_of_one(value)
    kinds = {_kind_of_one(part) for part in _parts(value)}
    if not kinds:
        return ""
    if kinds <= {_STRINGS, _OBJECTS}:
        return _LISTS if _STRINGS in kinds else _LISTS_OF_OBJECTS
    if kinds == {_BOOLEANS}:
        return _LISTS_OF_BOOLEANS
    return _LISTS_OF_NUMBERS if kinds <= {_WHOLE, _FRACTIONS} else _MIXED_LISTS


def _kind_of_one(value: object) -> str:
    """Return the kind of a value without a look into lists, which are "lists"; "" for a missing one."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return _STRINGS if value.strip() else ""
    if isinstance(value, bool):
        return _BOOLEANS
    if isinstance(value, int | float):
        return _kind_of_number(value)
    if isinstance(value, Mapping | list | tuple):
        return _kind_of_collection(value)
    return f"values of type {type(value).__name__}"


def _kind_of_collection(value: Mapping[object, object] | list[object] | tuple[object, ...]) -> str:
    if not value:
        return ""
    if isinstance(value, Mapping):
        return _OBJECTS if _named(value) else _MAPPINGS
    return "lists"


def _kind_of_number(value: int | float) -> str:
    if isinstance(value, float):
        return _WHOLE if value.is_integer() and abs(value) <= _LARGEST_EXACT else _FRACTIONS
    return _WHOLE if value.bit_length() <= _LONGEST_NUMBER else "numbers too long to be names"


def _named(value: Mapping[object, object]) -> str:
    """Return the name of an object, or else its slug; "" if neither is a string with text."""
    given = (value.get("name"), value.get("slug"))
    return next((name for name in given if isinstance(name, str) and name.strip()), "")


def _name(value: object) -> str | None:
    """Return the label that one value names, on one line; None if it names none."""
    kind = _kind_of_one(value)
    if kind == _BOOLEANS:
        return "true" if value else "false"
    if kind == _WHOLE:
        return str(int(value))  # type: ignore[call-overload]
    text = _named(value) if isinstance(value, Mapping) else value
    if kind not in (_STRINGS, _OBJECTS) or not isinstance(text, str):
        return None
    # JSON may hold a lone surrogate, which UTF-8 cannot: replace it, because labels are written to files.
    return " ".join(text.encode("utf-8", "replace").decode().split())
