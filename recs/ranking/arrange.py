"""What an editor wants of the lists, over and above the ranking: pins, exclusions, demotion, variety, reach.

A ranking says what is alike; the rules say what to show. Filters (`Rules.mask`) act before the ranking takes its best;
the rest (`arrange`) works on the ranking's candidates. Rows are items sorted by id.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recs.arrays import Float64Array
from recs.items import Item, Via
from recs.ranking.rules import Rules

Similar = Callable[[Sequence[int], Sequence[int]], Float64Array]
# What the score of a demoted item is multiplied with where the order is decided; a negative score is divided by it.
DEMOTION = 0.25


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
