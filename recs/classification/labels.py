"""Labels of items: what a person said, what a machine put, and which names are still in use."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from recs.classification.label_values import LabelValues
from recs.errors import OptionError, SourceError
from recs.items import Item

AUTO = "_auto"
"""`tags_auto` of an item names those of its `tags` that were put without a person: they never train.

One that is no longer among its `tags` was taken away by a person: that is learned, as a label that the item has not.
"""

_FIELDS = ("category", "tags", "series", "group", "lang")
_SHOWN = 12  # fields that an error names
_LONGEST = 100  # characters of a label that an error suggests


@dataclass(frozen=True, slots=True)
class LabelRules:
    """Which labels may be said.

    Attributes
    ----------
    allowed
        Nothing else is ever said; None for all.
    retired
        Still learned, so that what belongs there is not pressed into another label, and never said.
    renamed
        From the old name to the new.
    """

    allowed: tuple[str, ...] | None = None
    retired: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)

    def may_say(self, name: str) -> bool:
        """Whether a label, by its old or its new name, may be said."""
        names = {name, self.renamed.get(name, name)}
        return not names & set(self.retired) and (self.allowed is None or bool(names & set(self.allowed)))

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Return the rules that a mapping holds; `ValueError` if it holds anything else."""
        if not isinstance(document, Mapping) or set(document) - {"allowed", "retired", "renamed"}:
            raise ValueError("expected allowed, retired and renamed")
        allowed, retired, renamed = (document.get(name) for name in ("allowed", "retired", "renamed"))
        for names in (allowed or [], retired or []):
            if not isinstance(names, list | tuple) or any(not isinstance(name, str) for name in names):
                raise ValueError("allowed and retired are lists of labels")
        if not isinstance(renamed or {}, Mapping) or any(not isinstance(new, str) for new in (renamed or {}).values()):
            raise ValueError("renamed goes from old labels to new ones")
        return cls(None if allowed is None else tuple(allowed), tuple(retired or ()), dict(renamed or {}))


def load_label_rules(path: str | os.PathLike[str]) -> tuple[LabelRules, dict[str, str]]:
    """Read a TOML file of rules: `allowed = [...]`, `retired = [...]`, `[renamed]`, and what labels mean in `[texts]`.

    Returns the rules, and the texts by label.

    Raises
    ------
    SourceError
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
        texts = document.pop("texts", {})
        if not isinstance(texts, dict) or any(not isinstance(text, str) for text in texts.values()):
            raise ValueError("texts goes from labels to what they mean")
        return LabelRules.parse(document), texts
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path}: not a file of label rules ({error}).") from error


@dataclass(frozen=True, slots=True)
class Labelled:
    """What items say of one field: by item, the labels that a person gave, and those that were put automatically.

    single says whether no item has two; items without a label of a person are left out of `given`.
    """

    given: Mapping[str, tuple[str, ...]]
    automatic: Mapping[str, frozenset[str]]
    single: bool

    def without(self, ids: Collection[str]) -> Self:
        """Return what the other items say."""
        given = {name: labels for name, labels in self.given.items() if name not in ids}
        automatic = {name: labels for name, labels in self.automatic.items() if name not in ids}
        return type(self)(given, automatic, all(len(labels) == 1 for labels in given.values()))


def read_labels(
    items: Iterable[Item], label: str, rules: LabelRules | None = None, *, required: bool = True
) -> Labelled:
    """Return the labels of items in a field.

    Parameters
    ----------
    label
        `category`, `tags`, `series`, `group`, `lang`, or the name of a field in `Item.meta`: a name that is not there
        as it is written is looked for without regard to capitals, hyphens and underscores. A label is a string; a list
        of strings is several; of objects their name or slug counts. A boolean is the label "true" or "false", a whole
        number its digits. What is empty or NaN is no label. One string in a field that readers take for tags
        ("keywords", "tag_list", …) is cut as readers cut tags.
    rules
        Labels that are renamed.
    required
        Whether it is an error if no item has a label.

    Raises
    ------
    OptionError
        If no item has a label there, or the field holds what names no label: lists of numbers or booleans, numbers
        with a fraction, mappings, or values of several kinds.
    """
    listed = list(items)
    renamed = rules.renamed if rules else {}
    said = _field_values(listed, label).names()
    marks = _field_values(listed, label + AUTO).names(loose=True)
    given, automatic = {}, {}
    for item in listed:
        marked = frozenset(renamed.get(name, name) for name in marks.get(item.id, ()))
        names = {renamed.get(name, name) for name in said.get(item.id, ())}
        if put := marked & names:  # one that was put and taken away again is a person's word: no
            automatic[item.id] = put
        if own := tuple(sorted(names - marked)):
            given[item.id] = own
    if not given and required:
        fields = _possible_fields(listed)
        known = ", ".join(map(repr, fields[:_SHOWN])) or "none"
        more = f" and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
        why = "that a person gave" if said else "(there is no such field, or it is empty)"
        raise OptionError(f"no item has a label in {label!r} {why}; fields that could be labels: {known}{more}.")
    return Labelled(given, automatic, all(len(names) == 1 for names in given.values()))


def fold_name(name: str) -> str:
    """Return the name of a field without regard to capitals, hyphens, underscores and blanks."""
    return "".join(char for char in name.casefold() if char not in "-_ ")


def _field_values(items: Sequence[Item], name: str) -> LabelValues:
    """Return what items hold in a field, by its name or, where that is missing, by a name that is folded alike."""
    values = LabelValues(name)
    folded = fold_name(name)
    own = name if name in _FIELDS else None
    alike = sorted(other for other in {other for item in items for other in item.meta} if fold_name(other) == folded)
    for item in items:
        if own is None and name in item.meta:
            values.add(item.id, _parted(name, item.meta[name]))
        elif own is not None or folded in _FIELDS:
            values.add(item.id, getattr(item, own or folded))
        else:
            found = [other for other in alike if values.is_value(item.meta.get(other))]
            if len(found) > 1 and any(item.meta[other] != item.meta[found[0]] for other in found):
                both = " and ".join(map(repr, found[:2]))
                raise OptionError(f"{name!r} may be {both}, and item {item.id!r} has both; name one of them.")
            values.add(item.id, _parted(found[0], item.meta[found[0]]) if found else None)
    return values


def _parted(name: str, value: object) -> object:
    """Return the labels in a string that a reader would take for tags, a machine's or a person's; else the value."""
    if not isinstance(value, str):
        return value
    from recs.readers.field_names import ALIASES
    from recs.readers.values import words

    is_list_of_tags = fold_name(name).removesuffix(fold_name(AUTO)) in ALIASES["tags"]
    return list(words(value)) if is_list_of_tags else value


def _possible_fields(items: Sequence[Item]) -> list[str]:
    """Return the names of fields that could be labels, sorted."""
    fields = {name: LabelValues(name) for name in _FIELDS}
    for item in items:
        for name in _FIELDS:
            fields[name].add(item.id, getattr(item, name))
        for name, value in item.meta.items():
            if not name.endswith(AUTO) and name not in _FIELDS:
                fields.setdefault(name, LabelValues(name)).add(item.id, value)
    return [name for name in sorted(fields) if _could_be_labels(fields[name])]


def _could_be_labels(values: LabelValues) -> bool:
    try:
        names = values.names()
    except OptionError:
        return False
    given = [name for of_item in names.values() for name in of_item]
    identifies = len(names) >= 5 and len(set(given)) == len(names) == len(given)  # an id, a title, a date
    return bool(given) and not identifies and max(map(len, given)) <= _LONGEST
