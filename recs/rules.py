"""What an editor wants of the lists, over and above the ranking: pins, exclusions, demotion, variety, reach.

A ranking says what is alike; the rules say what to show. Filters (`Rules.mask`) act before the ranking takes its best;
the rest (`arrange`) works on the ranking's candidates. Rows are items sorted by id.
"""

import heapq
import math
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from recs.embeddings import IntArray
from recs.errors import OptionError, SourceError
from recs.items import Item, Via
from recs.neighbors import BoolArray, Float64Array, Mask

Similar = Callable[[Sequence[int], Sequence[int]], Float64Array]

# What the score of a demoted item is multiplied with where the order is decided; a negative score is divided by it.
DEMOTION = 0.25


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
        """Return which pairs may be listed, for blocks of rows; see `recs.neighbors.top_k`."""
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


@dataclass(frozen=True, slots=True)
class Pick:
    """One entry of a list: a row, its score, where it came from and why it stands where it does."""

    row: int
    score: float
    via: Via = "auto"
    reasons: tuple[str, ...] = ()


Ranking = Sequence[Sequence[tuple[int, float]]]  # for each row its candidates and their scores, best first


def arrange(
    items: Sequence[Item], ranking: Ranking, twins: Sequence[set[int]], k: int, *, rules: Rules, similar: Similar
) -> list[list[Pick]]:
    """Choose for each of n items what is shown of its candidates: at most k picks, pins first.

    `twins` are for each row its near-duplicates and translations; `similar` gives similarities, shape (a, b), in
    [-1, 1], of some rows with others, for `Rules.diversity`. Time linear in the candidates; with diversity, times k.
    """
    chooser = _Chooser(items, ranking, twins, k, rules, similar)
    lists = [chooser.choose(row) for row in range(len(items))]
    if rules.min_inbound and k:
        _Reach(chooser, lists).fill()
    return lists


@dataclass
class _Chooser:
    items: Sequence[Item]
    ranking: Ranking
    twins: Sequence[set[int]]
    k: int
    rules: Rules
    similar: Similar

    def __post_init__(self) -> None:
        items = self.items
        self.row_of = {item.id: row for row, item in enumerate(items)}
        self.listed, self.excluded = self.rules.closed(items)
        self.series: defaultdict[str | None, list[int]] = defaultdict(list)
        for row, item in enumerate(items):
            self.series[item.series or None].append(row)
        self.beside: defaultdict[int, list[int]] = defaultdict(list)
        dated = sorted((item.published, row) for row, item in enumerate(items) if item.published)
        for (_, earlier), (_, later) in pairwise(dated):
            self.beside[earlier].append(later)
            self.beside[later].append(earlier)

    def choose(self, row: int) -> list[Pick]:
        """Return the list of one item."""
        item = self.items[row]
        known = dict(self.ranking[row])
        pins = [self.row_of[name] for name in (*self.rules.pins.get(item.id, ()), *item.pins) if name in self.row_of]
        pins = [pin for pin in dict.fromkeys(pins) if pin != row][: self.k]
        picks = [Pick(pin, known.get(pin, 0.0), "pin", ("pinned",)) for pin in pins]
        met = self._met_anyway(item, row) if self.rules.demote else {}
        pool = [
            (min(score * DEMOTION, score / DEMOTION) if other in met else score, other, score)
            for other, score in self.ranking[row]
            if score >= self.rules.min_score and other not in pins
        ]
        pool.sort(key=lambda entry: (-entry[0], entry[1] in met))  # stable: equals stay in the order of the ranking
        for other, score in self._varied(pool, pins):
            if len(picks) >= self.k:
                break
            if self.fits(other, row, picks):
                picks.append(Pick(other, score, "auto", (met[other],) if other in met else ()))
        return picks

    def may(self, other: int, row: int) -> bool:
        """Return whether no rule keeps an item out of all lists, or out of this one."""
        return bool(self.listed[other]) and other not in self.excluded[row]

    def fits(self, other: int, row: int, picks: Sequence[Pick]) -> bool:
        """Return whether a list may take another entry beside those it has."""
        shown = [pick.row for pick in picks]
        if self.rules.collapse and not self.twins[other].isdisjoint((row, *shown)):
            return False
        group, most = self.items[other].group, self.rules.per_group
        return not (most and group) or sum(self.items[one].group == group for one in shown) < most

    def _met_anyway(self, item: Item, row: int) -> dict[int, str]:
        """Return what the reader of an item meets without its list, and where."""
        met = dict.fromkeys(self.beside[row], "demoted: published just before or after")
        met |= dict.fromkeys(self.series[item.series] if item.series else (), "demoted: of the same series")
        linked = (self.row_of[link.target] for link in item.links if link.target in self.row_of)
        return met | dict.fromkeys(linked, "demoted: linked in the text")

    def _varied(self, pool: Sequence[tuple[float, int, float]], shown: Sequence[int]) -> Iterator[tuple[int, float]]:
        """Yield (row, score) by score or, with diversity, by what a candidate adds to those before it."""
        diversity = self.rules.diversity
        if not diversity or not pool:
            yield from ((other, score) for _, other, score in pool)
            return
        rows = [other for _, other, _ in pool]
        worth = np.array([order for order, _, _ in pool]) / max(pool[0][0], 1e-12)
        nearest = self.similar(rows, shown).max(axis=1) if shown else np.zeros(len(rows))
        left = np.ones(len(rows), np.bool_)
        for _ in rows:
            gain = np.where(left, np.round((1 - diversity) * worth - diversity * nearest, 9), -np.inf)
            best = int(np.argmax(gain))
            left[best] = False
            yield rows[best], pool[best][2]
            nearest = np.maximum(nearest, self.similar(rows, [rows[best]])[:, 0])


class _Reach:
    """Gives items that too few lists hold a place at the end of those lists where it costs least.

    An entry makes room only if its item stands in lists enough without it, and at most half of a list does.
    """

    def __init__(self, chooser: _Chooser, lists: list[list[Pick]]) -> None:
        self.chooser, self.lists = chooser, lists
        self.least = chooser.rules.min_inbound
        self.inbound = np.bincount([pick.row for picks in lists for pick in picks], minlength=len(lists))

    def fill(self) -> None:
        """Change the lists in place, the cheapest places first."""
        ranking, may = self.chooser.ranking, self.chooser.may
        few = {row for row in range(len(self.lists)) if self.inbound[row] < self.least}
        pairs = {(row, host): score for host, found in enumerate(ranking) for row, score in found if row in few}
        for row in sorted(few - {row for row, _ in pairs}):  # in nobody's candidates: those of its own may hold it
            pairs |= {(row, host): score for host, score in ranking[row] if may(row, host)}
        costs = ((self._cost(host, score), row, host, score) for (row, host), score in pairs.items())
        queue = [(cost, row, host, score) for cost, row, host, score in costs if cost is not None]
        heapq.heapify(queue)
        while queue:
            cost, row, host, score = heapq.heappop(queue)
            if self.inbound[row] >= self.least or score < self.chooser.rules.min_score:
                continue
            now = self._cost(host, score)
            if now is not None and now > cost:  # the list, or what could leave it, has changed since
                heapq.heappush(queue, (now, row, host, score))
            elif now is not None:
                self._place(row, host, score)

    def _leaving(self, host: int) -> Pick | None:
        auto = [pick for pick in self.lists[host] if pick.via == "auto" and self.inbound[pick.row] > self.least]
        placed = sum(pick.via == "fallback" for pick in self.lists[host])
        return auto[-1] if auto and placed < max(self.chooser.k // 2, 1) else None

    def _cost(self, host: int, score: float) -> float | None:
        """Return what a place in a list costs; None where there is none."""
        if len(self.lists[host]) < self.chooser.k:
            return -score
        leaving = self._leaving(host)
        return None if leaving is None else leaving.score - score

    def _place(self, row: int, host: int, score: float) -> None:
        leaving = self._leaving(host) if len(self.lists[host]) >= self.chooser.k else None
        kept = [pick for pick in self.lists[host] if pick is not leaving]
        if any(pick.row == row for pick in kept) or not self.chooser.fits(row, host, kept):
            return
        if leaving is not None:
            self.inbound[leaving.row] -= 1
        self.inbound[row] += 1
        self.lists[host] = [*kept, Pick(row, score, "fallback", ("placed so that a list reaches it",))]
