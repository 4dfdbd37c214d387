"""Labels of items: what a person said, what a machine put, and which names are still in use."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from recs.errors import OptionError, SourceError
from recs.items import Item

AUTO = "_auto"
"""`tags_auto` of an item names those of its `tags` that were put without a person: they never train.

One that is no longer among its `tags` was taken away by a person: that is learned, as a label that the item has not.
"""

_FIELDS = ("category", "tags", "series", "group", "lang")


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


def read_labels(items: Iterable[Item], label: str, rules: LabelRules | None = None) -> Labelled:
    """Return the labels of items in a field: `category`, `tags`, `series`, `group`, `lang`, or one of `Item.meta`.

    Raises
    ------
    OptionError
        If no item has a label there.
    """
    renamed = rules.renamed if rules else {}
    given, automatic, found = {}, {}, set()
    for item in items:
        marked = frozenset(renamed.get(name, name) for name in _names(item.meta.get(label + AUTO)))
        names = [renamed.get(name, name) for name in _values(item, label)]
        if put := marked & set(names):  # one that was put and taken away again is a person's word: no
            automatic[item.id] = put
        if own := tuple(sorted(set(names) - marked)):
            given[item.id] = own
        found |= {name for name in _FIELDS if getattr(item, name)} | {n for n, v in item.meta.items() if _names(v)}
    if not given:
        known = ", ".join(repr(name) for name in sorted(found)[:12]) or "none"
        raise OptionError(f"no item has a label in {label!r} that a person gave; fields that hold something: {known}.")
    return Labelled(given, automatic, all(len(names) == 1 for names in given.values()))


def _values(item: Item, label: str) -> Sequence[str]:
    return _names(getattr(item, label) if label in _FIELDS else item.meta.get(label))


def _names(value: object) -> list[str]:
    """Return a field's value as names: of a string itself, of a list its members, of anything else none."""
    values = value if isinstance(value, list | tuple) else [value]
    found = [str(one) for one in values if isinstance(one, str | int) and not isinstance(one, bool)]
    # A lone surrogate, which JSON may hold and UTF-8 cannot, is replaced: a folder holds what was learned.
    return [" ".join(name.encode("utf-8", "replace").decode().split()) for name in found if name.strip()]
