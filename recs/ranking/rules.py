"""Editorial rules: what to show of a ranking, from Python or from a TOML file.

A ranking says which items are similar; the rules say what to show. Filters (`Rules.mask`) act before the ranking takes
its best; the other rules act on the candidates, in `recs.ranking.arrange`. Rows are items sorted by id.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from recs.arrays import BoolArray, IntArray
from recs.errors import OptionError, SourceError
from recs.filters import ItemTable, Where, allowed, check_fields, fits_all, fits_any
from recs.items import Item
from recs.ranking.ages import NO_AGE, check_age, first_day
from recs.ranking.pairs import AllowedPairs, excluded_pairs
from recs.text.languages import primary_language
from recs.text.scripts import SCRIPTS, scripts_of

Fill = Literal["none", "recent", "category"]


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
    include, exclude
        By field, as the filters of a search: only items that fit all of `include` and none of `exclude` are in lists.
        Each item has a list of its own all the same, and pins come before these filters.
    max_age
        The most that the age of an item in a list may be: "90d", "6w", "18m", "2y", or "none". An item without a date
        is in no list then.
    prefer_recent
        The half-life of a score: an item that is so much older than the newest one counts half, by "none" all count
        the same. Only the order changes, not the scores.
    fill
        What fills a list that has too few matches: "recent" (the newest items), "category" (the newest of the same
        category) or "none". They obey all rules but `min_score`.

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
    include: Where = field(default_factory=dict)
    exclude: Where = field(default_factory=dict)
    max_age: str = NO_AGE
    prefer_recent: str = NO_AGE
    fill: Fill = "none"

    def __post_init__(self) -> None:
        for name, high in {"diversity": 1, "min_inbound": 1000, "per_group": 1000}.items():
            if not 0 <= getattr(self, name) <= high:
                raise OptionError(f"{name} is {getattr(self, name)}, expected 0 to {high}.")
        if self.fill not in get_args(Fill):
            raise OptionError(f"fill is {self.fill!r}, expected one of {', '.join(get_args(Fill))}.")
        for name in ("max_age", "prefer_recent"):
            check_age(getattr(self, name), name)

    def changed(self) -> dict[str, Any]:
        """Return the rules that differ from their defaults, as plain data; of pins and excludes only their number."""
        changed: dict[str, Any] = {}
        for name in _RULE_NAMES:
            value = getattr(self, name)
            if value == getattr(_DEFAULTS, name):
                continue
            if name in _FILTERS:
                changed[name] = {each: _plain(wanted) for each, wanted in value.items()}
            else:
                changed[name] = len(value) if isinstance(value, Mapping | frozenset) else value
        return changed

    def at(self, items: Sequence[Item], now: datetime) -> "Rules":
        """Return the rules with the first day of `max_age` as a filter; `OptionError` if no item has a filtered field.

        Examples
        --------
        >>> from datetime import UTC
        >>> Rules(max_age="2y").at([Item("a", "A.", published="2026-01-01")], datetime(2026, 11, 1, tzinfo=UTC)).include
        {'since': ['2024-11-01']}
        """
        for where in (self.include, self.exclude):
            allowed(where, ItemTable([]))  # the values are of the right types
            check_fields(where, ItemTable(items))
        if self.max_age == NO_AGE:
            return self
        first = first_day(self.max_age, now)
        since = [max(day, first) for day in _plain(self.include.get("since", first))]
        return replace(self, include={**self.include, "since": since})

    def closed(self, items: Sequence[Item]) -> tuple[BoolArray, list[list[int]]]:
        """Return which items may be in a list at all, and for each item the rows that may not be in its own list."""
        row_of = {item.id: row for row, item in enumerate(items)}
        listed = np.array([item.recommend and item.id not in self.no_recommend for item in items], dtype=np.bool_)
        if self.include:
            listed &= fits_all(self.include, items)
        if self.exclude:
            listed &= ~fits_any(self.exclude, items)
        if self.collapse:
            listed &= first_copies(items) == np.arange(len(items))
        excluded = [(*item.excludes, *self.excludes.get(item.id, ())) for item in items]
        return listed, [[row_of[name] for name in names if name in row_of] for names in excluded]

    def mask(self, items: Sequence[Item]) -> AllowedPairs | None:
        """Return which pairs of items may be listed; None if all may."""
        first_copy = first_copies(items)
        has_copies = self.collapse and len(np.unique(first_copy)) < len(items)
        listed, excluded = self.closed(items)
        languages, scripts = _languages_and_scripts(items) if self.same_language else (None, None)
        if listed.all() and languages is None and not has_copies and not any(excluded):
            return None
        pairs = excluded_pairs(excluded, len(items))
        return AllowedPairs(listed, pairs, first_copy if has_copies else None, languages, scripts)


_RULE_NAMES = tuple(each.name for each in fields(Rules))
_DEFAULTS = Rules()
_FILTERS = ("include", "exclude")


def _plain(wanted: Any) -> list[str]:
    """Return the values of a filter as a list of texts."""
    return list(map(str, wanted)) if isinstance(wanted, list | tuple) else [str(wanted)]


def first_copies(items: Sequence[Item]) -> IntArray:
    """Return for each of n items the first row that has its title and text, shape (n,)."""
    first: dict[bytes, int] = {}
    contents = (f"{len(item.title)} {item.title}{item.text}".encode("utf-8", "surrogatepass") for item in items)
    digests = (blake2b(content, digest_size=16).digest() for content in contents)
    return np.array([first.setdefault(digest, row) for row, digest in enumerate(digests)], np.int64)


def _languages_and_scripts(items: Sequence[Item]) -> tuple[IntArray, IntArray] | tuple[None, None]:
    """Return the languages and the scripts of items, as `AllowedPairs` has them; None if all pairs are allowed."""
    declared = [primary_language(item.lang) for item in items]
    number_of_code = {code: number for number, code in enumerate(sorted({code for code in declared if code}), 1)}
    languages = np.array([number_of_code.get(code or "", 0) for code in declared], dtype=np.int64)
    scripts = np.array([_script_bits(item) for item in items], dtype=np.int64)
    is_one_language = len(np.unique(languages)) == 1
    if is_one_language and (languages[0] or np.bitwise_and.reduce(scripts[scripts != 0], initial=-1)):
        return None, None
    return languages, scripts


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
    elif name in _FILTERS:
        if isinstance(value, dict) and not any(isinstance(wanted, dict) for wanted in value.values()):
            return value
        expected = 'a table of fields and values, as in category = ["garden"]'
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


_TYPE_NAMES: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
