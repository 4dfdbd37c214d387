"""What an editor wants of the lists, over and above the ranking: pins, exclusions, demotion, variety, reach.

A ranking says what is alike; the rules say what to show. Filters (`Rules.mask`) act before the ranking takes its best;
the rest (`arrange`) works on the ranking's candidates. Rows are items sorted by id.
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


@dataclass(frozen=True, slots=True)
class Rules:
    """Editorial control of related lists; an item's own fields (`Item.pins`, …) are added to it.

    Attributes
    ----------
    pins, excludes
        By item id: what comes first in its list, and what never stands in it.
    no_recommend
        Ids that stand in nobody's list.
    min_score
        A match scoring less is not shown: better an empty list than a bad one.
    diversity
        From 0 (the best matches) to 1 (matches unlike each other): maximal marginal relevance.
    min_inbound
        Lists that every item has to stand in, at the cost of weaker last entries.
    per_group
        Matches of one group in a list at most; 0 for any number.
    demote
        Put behind others what the reader meets anyway: items linked in the body, of the same series, published just
        before and after.
    collapse
        Show one of several near-duplicates or translations, and none of the item itself.
    same_language
        Keep items of different known languages apart.

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
        """Return the rules that are not at their defaults, as plain data; pins and excludes by their number."""
        pairs = ((known.name, getattr(self, known.name), getattr(Rules(), known.name)) for known in fields(self))
        return {name: len(v) if isinstance(v, Mapping | frozenset) else v for name, v, usual in pairs if v != usual}

    def closed(self, items: Sequence[Item]) -> tuple[BoolArray, list[list[int]]]:
        """Return which items may stand in a list at all, and for each item the rows that may not stand in its own."""
        row_of = {item.id: row for row, item in enumerate(items)}
        listed = np.array([item.recommend and item.id not in self.no_recommend for item in items], dtype=np.bool_)
        if self.collapse:
            listed &= _firsts(items) == np.arange(len(items))
        excluded = [(*item.excludes, *self.excludes.get(item.id, ())) for item in items]
        return listed, [[row_of[name] for name in names if name in row_of] for names in excluded]

    def mask(self, items: Sequence[Item], languages: Sequence[str | None]) -> Mask:
        """Return which pairs may be listed, for blocks of rows; see `recs.embedding.neighbors.top_k`."""
        codes = {code: number for number, code in enumerate(sorted({code for code in languages if code}), 1)}
        language = np.array([codes.get(code or "", 0) for code in languages], dtype=np.int64)
        text, (listed, excluded) = _firsts(items), self.closed(items)

        def allowed(start: int, stop: int) -> BoolArray:
            block = np.tile(listed, (stop - start, 1))
            if self.same_language and len(codes) > 1:
                rows = language[start:stop, None]
                block &= (rows == language) | (rows == 0) | (language == 0)
            if self.collapse:
                block &= text[start:stop, None] != text
            for row in range(start, stop):
                block[row - start, excluded[row]] = False
            return block

        return allowed


def _firsts(items: Sequence[Item]) -> IntArray:
    """Return for each item the first row that has its title and text."""
    first: dict[tuple[str, str], int] = {}
    return np.array([first.setdefault((item.title, item.text), row) for row, item in enumerate(items)], np.int64)


# The bare ranking, languages kept apart: what an evaluation judges.
NO_RULES = Rules(demote=False, collapse=False)


def load_rules(path: Path) -> Rules:
    """Read rules from a TOML file: the attributes of `Rules` by name, `pins` and `excludes` as tables of lists.

    `SourceError` if the file cannot be read, `OptionError` for a name that is no rule, or a value of another type.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: not TOML ({error}).") from error
    return Rules(**{name: _value(path, name, value) for name, value in found.items()})


def _value(path: Path, name: str, value: Any) -> Any:
    names = [known.name for known in fields(Rules)]
    if name not in names:
        raise OptionError(f"{path}: no rule is called {name!r}; expected one of {', '.join(names)}.")
    if name in ("pins", "excludes"):
        if isinstance(value, dict) and all(isinstance(ids, list) for ids in value.values()):
            return {key: tuple(map(str, ids)) for key, ids in value.items()}
    elif name == "no_recommend":
        if isinstance(value, list):
            return frozenset(map(str, value))
    elif type(value) is type(getattr(NO_RULES, name)) or (name in ("min_score", "diversity") and type(value) is int):
        return value
    raise OptionError(f"{path}: {name} is {value!r}, which is no value for it.")
