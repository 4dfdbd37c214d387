"""What a field of labels holds: values of one kind that name labels, or an error that says what it holds instead."""

from __future__ import annotations

import math
import reprlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from recs.errors import OptionError

# The kinds of values, as an error names them. Those of a line may stand beside each other in one field.
_BOOLEANS, _WHOLE, _STRINGS = "booleans", "whole numbers", "strings"
_OBJECTS, _LISTS, _LISTS_OF_OBJECTS = "objects with a name", "lists of strings", "lists of objects with a name"
_NAMING = (frozenset((_BOOLEANS,)), frozenset((_WHOLE,)), frozenset((_STRINGS, _OBJECTS, _LISTS, _LISTS_OF_OBJECTS)))
_FRACTIONS, _MAPPINGS = "numbers with a fraction", "mappings"
_LISTS_OF_NUMBERS, _LISTS_OF_BOOLEANS, _MIXED_LISTS = "lists of numbers", "lists of booleans", "lists of mixed values"

_ONE_HOT = 'a one-hot list does not say what its labels are called: give their names, such as ["garden", "trains"]'
_ADVICE = {
    _LISTS_OF_NUMBERS: _ONE_HOT,
    _LISTS_OF_BOOLEANS: _ONE_HOT,
    _MIXED_LISTS: "write all labels of a list as strings",
    _FRACTIONS: 'a measure is no label: give its ranges names first, such as "low" and "high"',
    _MAPPINGS: 'a mapping is no label: give a string, or an object with a "name"',
}
_ONE_KIND = "the labels of a field must be of one kind: write all of them as strings"

_LARGEST_EXACT = 2**53  # beyond it a float does not say which whole number it is
_LONGEST_NUMBER = 256  # bits
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 40


@dataclass(slots=True)
class LabelValues:
    """The values of one field, by item, and how many there are of each kind."""

    name: str
    values: dict[str, object] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    examples: dict[str, object] = field(default_factory=dict)

    def add(self, item_id: str, value: object) -> None:
        """Take in the value of an item; one that is missing is no value."""
        value = _plain(value)
        if kind := _kind(value):
            self.values[item_id] = value
            self.kinds[kind] += 1
            self.examples.setdefault(kind, value)

    @staticmethod
    def is_value(value: object) -> bool:
        """Whether a value is not missing."""
        return bool(_kind(_plain(value)))

    def names(self, *, loose: bool = False) -> dict[str, list[str]]:
        """Return the names of the labels of each item that has any, or raise `OptionError`.

        With `loose`, kinds may be mixed, in lists too, as long as every value names a label.
        """
        if not loose and self.kinds and not any(self.kinds.keys() <= kinds for kinds in _NAMING):
            raise self._refusal()
        names: dict[str, list[str]] = {}
        for item_id, value in self.values.items():
            found = [_name(part) for part in _parts(value)]
            if None in found:
                raise self._refusal()
            names[item_id] = [name for name in found if name]
        return names

    def _refusal(self) -> OptionError:
        found = sorted(self.kinds.items(), key=lambda pair: (-pair[1], pair[0]))
        held = " and ".join(f"{kind} ({count:,}, such as {_SHORT.repr(self.examples[kind])})" for kind, count in found)
        naming = frozenset().union(*_NAMING)
        wrong = next((kind for kind, _ in found if kind not in naming), None)
        advice = _ONE_KIND if wrong is None else _ADVICE.get(wrong, "write each label as a string")
        return OptionError(f"the label field {self.name!r} holds {' '.join(held.split())}; {advice}.")


def _plain(value: object) -> object:
    """Return a value of numpy, pandas or decimal as Python's own."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value, key=repr)
    if isinstance(value, Decimal):
        whole = value.is_finite() and value.adjusted() < 30 and value == value.to_integral_value()
        return int(value) if whole else float(value)
    return None if type(value).__name__ in ("NaTType", "NAType") else value


def _parts(value: object) -> list[object]:
    """Return the parts of a list that are not missing; of anything else itself."""
    if isinstance(value, list | tuple):
        return [part for part in map(_plain, value) if _kind_of_one(part)]
    return [value]


def _kind(value: object) -> str:
    """Return what kind of value it is, "" for one that is missing."""
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
    """Return what kind of value it is, a list being "lists"; "" for one that is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _kind_of_number(value)
    if isinstance(value, Mapping | list | tuple | str) and not (value.strip() if isinstance(value, str) else value):
        return ""
    if isinstance(value, Mapping):
        return _OBJECTS if _named(value) else _MAPPINGS
    named = ((bool, _BOOLEANS), (str, _STRINGS), ((list, tuple), "lists"))
    return next((kind for types, kind in named if isinstance(value, types)), f"values of type {type(value).__name__}")


def _kind_of_number(value: int | float) -> str:
    if isinstance(value, float):
        return _WHOLE if value.is_integer() and abs(value) <= _LARGEST_EXACT else _FRACTIONS
    return _WHOLE if value.bit_length() <= _LONGEST_NUMBER else "numbers too long to be names"


def _named(value: Mapping[object, object]) -> str:
    """Return the name, or else the slug, of an object; "" where it has neither as a string."""
    given = (value.get("name"), value.get("slug"))
    return next((name for name in given if isinstance(name, str) and name.strip()), "")


def _name(value: object) -> str | None:
    """Return the label that one value names, on one line; None where it names none."""
    kind = _kind_of_one(value)
    if kind == _BOOLEANS:
        return "true" if value else "false"
    if kind == _WHOLE:
        return str(int(value))  # type: ignore[call-overload]
    text = _named(value) if isinstance(value, Mapping) else value
    if kind not in (_STRINGS, _OBJECTS) or not isinstance(text, str):
        return None
    # A lone surrogate, which JSON may hold and UTF-8 cannot, is replaced: a folder holds what was learned.
    return " ".join(text.encode("utf-8", "replace").decode().split())
