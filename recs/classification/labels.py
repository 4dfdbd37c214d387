"""Labels of items: which a person gave, which were assigned automatically, and which names are still in use."""

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
"""The field `tags_auto` of an item names those of its `tags` that were assigned automatically: they never train.

If a person removed such a label from `tags`, the classifier learns that the item does not have it.
"""

_FIELDS = ("category", "tags", "series", "group", "lang")
_FIELDS_SHOWN = 12  # in an error
_LONGEST_LABEL = 100  # characters; a field with longer values is not suggested as a label field
_MANY_VALUES = 5  # from this number of items on, a field without any repeated value is taken for an id


@dataclass(frozen=True, slots=True)
class LabelRules:
    """Which labels a classifier may give.

    Attributes
    ----------
    allowed
        The only labels that may be given; None for all.
    retired
        Labels that are never given. They are still learned, so that their items are not forced into other labels.
    renamed
        From old names to new names.

    Examples
    --------
    >>> rules = LabelRules(retired=("misc",), renamed={"gardening": "garden"})
    >>> [rules.may_say(name) for name in ("garden", "gardening", "misc")]
    [True, True, False]
    """

    allowed: tuple[str, ...] | None = None
    retired: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)

    def may_say(self, name: str) -> bool:
        """Return whether a label, by its old or its new name, may be given."""
        names = {name, self.renamed.get(name, name)}
        return not names & set(self.retired) and (self.allowed is None or bool(names & set(self.allowed)))

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Return the rules that a mapping holds; raise `ValueError` if it holds anything else."""
        if not isinstance(document, Mapping) or set(document) - {"allowed", "retired", "renamed"}:
            raise ValueError("expected allowed, retired and renamed")
        allowed = document.get("allowed")
        retired = document.get("retired") or []
        renamed = document.get("renamed") or {}
        for names in (allowed or [], retired):
            if not isinstance(names, list | tuple) or any(not isinstance(name, str) for name in names):
                raise ValueError("allowed and retired are lists of labels")
        if not isinstance(renamed, Mapping) or any(not isinstance(new_name, str) for new_name in renamed.values()):
            raise ValueError("renamed maps old labels to new ones")
        return cls(None if allowed is None else tuple(allowed), tuple(retired), dict(renamed))


def load_label_rules(path: str | os.PathLike[str]) -> tuple[LabelRules, dict[str, str]]:
    """Read a TOML file of rules: `allowed = [...]`, `retired = [...]`, `[renamed]`, and `[texts]` that describe labels.

    Returns
    -------
    tuple
        The rules, and the texts by label.

    Raises
    ------
    SourceError
        If the file cannot be read, or holds anything else.
    """
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
        texts = document.pop("texts", {})
        if not isinstance(texts, dict) or any(not isinstance(text, str) for text in texts.values()):
            raise ValueError("texts maps labels to their descriptions")
        return LabelRules.parse(document), texts
    except (OSError, ValueError, RecursionError) as error:
        raise SourceError(f"{path}: not a file of label rules ({error}).") from error


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labels of items in one field.

    Attributes
    ----------
    given
        By item id, the labels that a person gave, sorted. Items without one are left out.
    automatic
        By item id, the labels that were assigned automatically.
    single
        Whether every item in `given` has exactly one label.
    """

    given: Mapping[str, tuple[str, ...]]
    automatic: Mapping[str, frozenset[str]]
    single: bool

    def without(self, ids: Collection[str]) -> Self:
        """Return the labels of the other items."""
        given = {name: labels for name, labels in self.given.items() if name not in ids}
        automatic = {name: labels for name, labels in self.automatic.items() if name not in ids}
        return type(self)(given, automatic, _all_have_one(given))


def read_labels(
    items: Iterable[Item], label: str, rules: LabelRules | None = None, *, required: bool = True
) -> Labelled:
    """Return the labels of items in a field.

    Parameters
    ----------
    label
        `category`, `tags`, `series`, `group`, `lang`, or the name of a field in `Item.meta`. If no field has exactly
        this name, capitals, hyphens and underscores are ignored. A string is a label, a list of strings several labels;
        of an object the name or the slug is the label. A boolean is the label "true" or "false", a whole number its
        digits. Empty values and NaN are no labels. One string in a field of tags ("keywords", "tag_list", …) is split
        as readers split tags.
    rules
        Renamed labels.
    required
        Whether it is an error if no item has a label.

    Raises
    ------
    OptionError
        If no item has a label in the field, or the field holds values that name no label: lists of numbers or
        booleans, numbers with a fraction, mappings, or values of several kinds.

    Examples
    --------
    >>> items = [Item(id="a", text="-", meta={"kind": "news"}), Item(id="b", text="-", meta={"kind": ["news", "map"]})]
    >>> read_labels(items, "Kind").given
    {'a': ('news',), 'b': ('map', 'news')}
    """
    listed = list(items)
    renamed = rules.renamed if rules else {}
    names_by_item = _field_values(listed, label).names()
    marks_by_item = _field_values(listed, label + AUTO).names(loose=True)
    given = {}
    automatic = {}
    for item in listed:
        marked = frozenset(renamed.get(name, name) for name in marks_by_item.get(item.id, ()))
        names = {renamed.get(name, name) for name in names_by_item.get(item.id, ())}
        # A marked label that is no longer in the field was removed by a person: it is not automatic, and not given.
        if assigned := marked & names:
            automatic[item.id] = assigned
        if own := tuple(sorted(names - marked)):
            given[item.id] = own
    if not given and required:
        raise _no_label(listed, label, is_empty=not names_by_item)
    return Labelled(given, automatic, _all_have_one(given))


def _all_have_one(given: Mapping[str, Sequence[str]]) -> bool:
    return all(len(labels) == 1 for labels in given.values())


def _no_label(items: Sequence[Item], label: str, *, is_empty: bool) -> OptionError:
    """Return the error that no item has a label; it names the fields that could be meant."""
    fields = _possible_fields(items)
    shown = ", ".join(map(repr, fields[:_FIELDS_SHOWN])) or "none"
    more = f" and {len(fields) - _FIELDS_SHOWN} more" if len(fields) > _FIELDS_SHOWN else ""
    why = "(there is no such field, or it is empty)" if is_empty else "that a person gave"
    return OptionError(f"no item has a label in {label!r} {why}; fields that could be labels: {shown}{more}.")


def fold_name(name: str) -> str:
    """Return the name of a field in lower case, without hyphens, underscores and blanks.

    Examples
    --------
    >>> fold_name("Tag-List")
    'taglist'
    """
    return "".join(char for char in name.casefold() if char not in "-_ ")


def _field_values(items: Sequence[Item], name: str) -> LabelValues:
    """Return the values of items in a field; if no field has this name, of the field whose folded name is equal."""
    values = LabelValues(name)
    folded = fold_name(name)
    names_in_meta = {other for item in items for other in item.meta}
    same_folded = sorted(other for other in names_in_meta if fold_name(other) == folded)
    for item in items:
        if name in _FIELDS:
            values.add(item.id, getattr(item, name))
        elif name in item.meta:
            values.add(item.id, _split_tags(name, item.meta[name]))
        elif folded in _FIELDS:
            values.add(item.id, getattr(item, folded))
        elif own := _own_name(item, same_folded, name):
            values.add(item.id, _split_tags(own, item.meta[own]))
    return values


def _own_name(item: Item, names: Sequence[str], asked: str) -> str | None:
    """Return under which of several names an item has a value; raise if it has different values under two of them."""
    own_names = [name for name in names if LabelValues.is_value(item.meta.get(name))]
    if not own_names:
        return None
    first = own_names[0]
    if any(item.meta[name] != item.meta[first] for name in own_names[1:]):
        both = " and ".join(map(repr, own_names[:2]))
        raise OptionError(f"{asked!r} may be {both}, and item {item.id!r} has both; name one of them.")
    return first


def _split_tags(name: str, value: object) -> object:
    """Return the labels of a string in a field of tags, split as readers split tags; any other value unchanged."""
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
        names_by_item = values.names()
    except OptionError:
        return False
    names = [name for names_of_item in names_by_item.values() for name in names_of_item]
    if not names or max(map(len, names)) > _LONGEST_LABEL:
        return False
    all_differ = len(set(names)) == len(names_by_item) == len(names)  # as of an id, a title, a date
    return not (all_differ and len(names_by_item) >= _MANY_VALUES)
