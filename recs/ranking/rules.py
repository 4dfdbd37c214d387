"""Editorial rules: what to show of a ranking, from Python or from a TOML file.

A ranking says which items are similar; the rules say what to show. Filters (`Rules.mask`) act before the ranking takes
its best; the other rules act on the candidates, in `recs.ranking.arrange`. Rows are items sorted by id.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from recs.arrays import BoolArray, IntArray
from recs.embedding.neighbors import Mask
from recs.errors import OptionError, SourceError
from recs.items import Item
from recs.text.languages import primary_language
from recs.text.scripts import SCRIPTS, scripts_of


@dataclass(frozen=True, slots=True)
class Rules:
    """Editorial control of related lists; an item's own fields (`Item.pins`, …) are added to it.

    Attributes
    ----------
    pins, excludes
        By item id: the items that come first in its list, and the items that are never in it.
    no_recommend
        Ids of items that are in no list.
    min_score
        A match with a lower score is not shown: an empty list is better than a bad one.
    diversity
        From 0 (the best matches) to 1 (matches that differ from each other): maximal marginal relevance.
    min_inbound
        The number of lists that every item must be in. Weaker entries replace the last ones for it.
    per_group
        The most matches of one group in a list; 0 for no limit.
    demote
        Whether items that the page shows anyway come after others: items linked in the body or of the same series.
    collapse
        Whether a list shows one of several near-duplicates, translations or items with one title, and none of the
        item itself. The parts of a series may have one title.
    same_language
        Whether items are kept apart that declare different languages or, if one declares none, are written in
        different scripts. A guess of a language keeps nothing apart.

    Examples
    --------
    >>> Rules(diversity=0.3, pins={"garlic": ("soil",)}).changed()
    {'pins': 1, 'diversity': 0.3}

    References
    ----------
    Carbonell and Goldstein, The use of MMR, doi:10.1145/290941.291025.
    """

    pins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    excludes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    no_recommend: frozenset[str] = frozenset()
    min_score: float = -math.inf
    diversity: float = 0.0
    min_inbound: int = 0
    per_group: int = 0
    demote: bool = True
    collapse: bool = True
    same_language: bool = True

    def __post_init__(self) -> None:
        for name, high in {"diversity": 1, "min_inbound": 1000, "per_group": 1000}.items():
            if not 0 <= getattr(self, name) <= high:
                raise OptionError(f"{name} is {getattr(self, name)}, expected 0 to {high}.")

    def changed(self) -> dict[str, Any]:
        """Return the rules that differ from their defaults, as plain data; of pins and excludes only their number."""
        changed: dict[str, Any] = {}
        for name in _RULE_NAMES:
            value = getattr(self, name)
            if value != getattr(_DEFAULTS, name):
                changed[name] = len(value) if isinstance(value, Mapping | frozenset) else value
        return changed

    def closed(self, items: Sequence[Item]) -> tuple[BoolArray, list[list[int]]]:
        """Return which items may be in a list at all, and for each item the rows that may not be in its own list."""
        row_of = {item.id: row for row, item in enumerate(items)}
        listed = np.array([item.recommend and item.id not in self.no_recommend for item in items], dtype=np.bool_)
        if self.collapse:
            listed &= _first_copies(items) == np.arange(len(items))
        excluded = [(*item.excludes, *self.excludes.get(item.id, ())) for item in items]
        return listed, [[row_of[name] for name in names if name in row_of] for names in excluded]

    def mask(self, items: Sequence[Item]) -> Mask:
        """Return which pairs may be listed, for blocks of rows; see `recs.embedding.neighbors.top_k`."""
        first_copy = _first_copies(items)
        listed, excluded = self.closed(items)
        together = _of_one_language(items) if self.same_language else None

        def allowed(start: int, stop: int) -> BoolArray:
            block = np.tile(listed, (stop - start, 1))
            if together is not None:
                block &= together(start, stop)
            if self.collapse:
                block &= first_copy[start:stop, None] != first_copy
            for row in range(start, stop):
                block[row - start, excluded[row]] = False
            return block

        return allowed


_RULE_NAMES = tuple(each.name for each in fields(Rules))
_DEFAULTS = Rules()


def _first_copies(items: Sequence[Item]) -> IntArray:
    """Return for each item the first row that has its title and text."""
    first: dict[tuple[str, str], int] = {}
    return np.array([first.setdefault((item.title, item.text), row) for row, item in enumerate(items)], np.int64)


def _of_one_language(items: Sequence[Item]) -> Mask:
    """Return which pairs may be in one language: both declare it, or one declares none and they share a script."""
    declared = [primary_language(item.lang) for item in items]
    number_of_code = {code: number for number, code in enumerate(sorted({code for code in declared if code}), 1)}
    language = np.array([number_of_code.get(code or "", 0) for code in declared], dtype=np.int64)  # 0: none declared
    script = np.array([_script_bits(item) for item in items], dtype=np.int64)  # 0: too little text

    def together(start: int, stop: int) -> BoolArray:
        languages = language[start:stop, None]
        scripts = script[start:stop, None]
        share_script = (scripts & script != 0) | (scripts == 0) | (script == 0)
        return np.asarray(np.where((languages == 0) | (language == 0), share_script, languages == language), np.bool_)

    return together


def _script_bits(item: Item) -> int:
    scripts = scripts_of(f"{item.title}\n{item.text}")
    return sum(1 << place for place, name in enumerate(SCRIPTS) if name in scripts)


# The ranking without rules, except that languages are kept apart: an evaluation judges this.
NO_RULES = Rules(demote=False, collapse=False)


def load_rules(path: Path) -> Rules:
    """Read rules from a TOML file: the attributes of `Rules` by name; `pins` and `excludes` are tables of lists.

    Raises
    ------
    SourceError
        If the file cannot be read, or is not TOML.
    OptionError
        If a name is not a rule, or a value has the wrong type.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: not TOML ({error}).") from error
    return Rules(**{name: _value(path, name, value) for name, value in table.items()})


def _value(path: Path, name: str, value: Any) -> Any:
    """Return the value of a rule, of the type that `Rules` has for it."""
    if name not in _RULE_NAMES:
        raise OptionError(f"{path}: no rule is called {name!r}; expected one of {', '.join(_RULE_NAMES)}.")
    if name in ("pins", "excludes"):
        if isinstance(value, dict) and all(isinstance(ids, list) for ids in value.values()):
            return {item_id: tuple(map(str, ids)) for item_id, ids in value.items()}
        expected = "a table of lists of ids"
    elif name == "no_recommend":
        if isinstance(value, list):
            return frozenset(map(str, value))
        expected = "a list of ids"
    else:
        if type(value) is type(getattr(_DEFAULTS, name)):
            return value
        if name in ("min_score", "diversity") and type(value) is int:
            return value
        expected = _TYPE_NAMES[type(getattr(_DEFAULTS, name))]
    raise OptionError(f"{path}: {name} is {value!r}, expected {expected}.")


_TYPE_NAMES: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number"}
