"""The lists as an editor wants them, made from the candidates of a ranking: pins, demotion, variety, reach.

A ranking says which items are similar; the rules say what to show. Filters (`Rules.mask`) act before the ranking takes
its best; the other rules act here, on the candidates. Rows are items sorted by id.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recs.arrays import Float64Array
from recs.items import Item, Via
from recs.ranking.rules import Rules

Similar = Callable[[Sequence[int], Sequence[int]], Float64Array]
"""Returns the similarities, in [-1, 1] and of shape (a, b), of some rows with others."""

Ranking = Sequence[Sequence[tuple[int, float]]]
"""For each row its candidates and their scores, best first."""

# The score of a demoted item is multiplied with this before candidates are ordered; a negative score is divided by it.
DEMOTION = 0.25

# A match of an earlier run stays until another one is worth so much more.
_BETTER = 0.01


@dataclass(frozen=True, slots=True)
class Pick:
    """One entry of a list: a row, its score, where it came from, and the reasons for its place."""

    row: int
    score: float
    via: Via = "auto"
    reasons: tuple[str, ...] = ()


def arrange(
    items: Sequence[Item],
    ranking: Ranking,
    twins: Sequence[set[int]],
    k: int,
    *,
    rules: Rules,
    similar: Similar,
    staying: Sequence[Mapping[int, float]] | None = None,
) -> list[list[Pick]]:
    """Choose for each of n items which of its candidates are shown: at most k picks, pins first.

    Parameters
    ----------
    twins
        For each row its near-duplicates and translations.
    similar
        Used for `Rules.diversity`.
    staying
        For each row the entries of an earlier list that stay unless a better one has come, with the scores of then; see
        `recs.ranking.previous`.

    Notes
    -----
    Time is linear in the number of candidates; with diversity, times k.

    Examples
    --------
    >>> items = [Item(id="a", text="Soil"), Item(id="b", text="Seed"), Item(id="c", text="Harvest", pins=("a",))]
    >>> ranking = [[(1, 0.9), (2, 0.4)], [(0, 0.9), (2, 0.5)], [(1, 0.5), (0, 0.4)]]
    >>> no_twins = [set(), set(), set()]
    >>> all_equal = lambda a, b: np.ones((len(a), len(b)))
    >>> lists = arrange(items, ranking, no_twins, 2, rules=Rules(min_score=0.5), similar=all_equal)
    >>> [[(pick.row, pick.via) for pick in picks] for picks in lists]
    [[(1, 'auto')], [(0, 'auto'), (2, 'auto')], [(0, 'pin'), (1, 'auto')]]
    """
    chooser = _Chooser(items, ranking, twins, k, rules, similar, staying or [{} for _ in items])
    lists = [chooser.choose(row) for row in range(len(items))]
    if rules.min_inbound and k:
        _Reach(chooser, lists).fill()
    return lists


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A candidate of a list; `worth` is the score by which it is ordered, `advantage` that of an entry that stays."""

    row: int
    score: float
    worth: float
    advantage: float


@dataclass
class _Chooser:
    items: Sequence[Item]
    ranking: Ranking
    twins: Sequence[set[int]]
    k: int
    rules: Rules
    similar: Similar
    staying: Sequence[Mapping[int, float]]

    def __post_init__(self) -> None:
        self.row_of = {item.id: row for row, item in enumerate(self.items)}
        self.listed, self.excluded = self.rules.closed(self.items)
        self.series: defaultdict[str, list[int]] = defaultdict(list)
        for row, item in enumerate(self.items):
            if item.series:
                self.series[item.series].append(row)
        self.titles = [" ".join(item.title.casefold().split()) for item in self.items]

    def choose(self, row: int) -> list[Pick]:
        """Return the list of one item."""
        score_of = dict(self.ranking[row])
        pins = self._pins(row)
        picks = [Pick(pin, score_of.get(pin, 0.0), "pin", ("pinned",)) for pin in pins]
        demoted = self._demoted(row) if self.rules.demote else {}
        chosen: list[_Candidate] = []
        shown = list(pins)
        for candidate in self._varied(self._candidates(row, pins, demoted), pins):
            if len(shown) >= self.k:
                break
            if self.fits(candidate.row, row, shown):
                chosen.append(candidate)
                shown.append(candidate.row)
        if self.staying[row]:
            chosen = self._in_order(chosen, pins, demoted)
        for candidate in chosen:
            reasons = (demoted[candidate.row],) if candidate.row in demoted else ()
            picks.append(Pick(candidate.row, candidate.score, "auto", reasons))
        return picks

    def _in_order(
        self, chosen: Sequence[_Candidate], pins: Sequence[int], demoted: Mapping[int, str]
    ) -> list[_Candidate]:
        """Return candidates in the order that they have without advantages, so that a next run changes nothing."""
        equal = [replace(candidate, advantage=0.0) for candidate in chosen]
        equal.sort(key=lambda candidate: (-candidate.worth, candidate.row in demoted))
        return list(self._varied(equal, pins))

    def may(self, other: int, row: int) -> bool:
        """Return whether no rule excludes an item from all lists, or from this one."""
        return bool(self.listed[other]) and other not in self.excluded[row]

    def fits(self, other: int, row: int, shown: Sequence[int]) -> bool:
        """Return whether the rules allow another entry in a list that shows these rows."""
        if self.rules.collapse and not self.twins[other].isdisjoint((row, *shown)):
            return False
        if self.rules.collapse and any(self._has_title_of(other, one) for one in (row, *shown)):
            return False
        group = self.items[other].group
        most = self.rules.per_group
        if not most or not group:
            return True
        return sum(self.items[one].group == group for one in shown) < most

    def _has_title_of(self, other: int, row: int) -> bool:
        """Return whether two items have one title and are not parts of a series."""
        series = self.items[other].series
        is_series = bool(series) and series == self.items[row].series
        return bool(self.titles[other]) and self.titles[other] == self.titles[row] and not is_series

    def _pins(self, row: int) -> list[int]:
        """Return the rows of the pinned items, those of the rules first."""
        item = self.items[row]
        rows = [self.row_of[name] for name in (*self.rules.pins.get(item.id, ()), *item.pins) if name in self.row_of]
        return [pin for pin in dict.fromkeys(rows) if pin != row][: self.k]

    def _demoted(self, row: int) -> dict[int, str]:
        """Return the items that the page of this item shows anyway, and why."""
        item = self.items[row]
        demoted: dict[int, str] = {}
        if item.series:
            demoted |= dict.fromkeys(self.series[item.series], "demoted: of the same series")
        linked = (self.row_of[link.target] for link in item.links if link.target in self.row_of)
        return demoted | dict.fromkeys(linked, "demoted: linked in the text")

    def _candidates(self, row: int, pins: Sequence[int], demoted: Mapping[int, str]) -> Iterator[_Candidate]:
        """Yield the candidates that are good enough, in the order of their worth; of equals the demoted come last."""
        staying = self.staying[row]
        scores = ((other, staying.get(other, score)) for other, score in self.ranking[row] if other not in pins)
        fitting = ((other, score) for other, score in scores if score >= self.rules.min_score)
        if not staying and demoted.keys().isdisjoint(other for other, _ in self.ranking[row]):
            yield from (_Candidate(other, score, score, 0.0) for other, score in fitting)  # the ranking has this order
            return
        candidates = []
        for other, score in fitting:
            worth = min(score * DEMOTION, score / DEMOTION) if other in demoted else score
            candidates.append(_Candidate(other, score, worth, _BETTER if other in staying else 0.0))
        # The sort is stable: all else being equal, the order of the earlier list stays, then that of the ranking.
        place = {other: number for number, other in enumerate(staying)}
        candidates.sort(key=lambda one: place.get(one.row, len(place)))
        yield from sorted(candidates, key=lambda one: (-(one.worth + one.advantage), one.row in demoted))

    def _varied(self, ordered: Iterable[_Candidate], shown: Sequence[int]) -> Iterator[_Candidate]:
        """Yield candidates as they are or, with diversity, by worth less the similarity to those before."""
        diversity = self.rules.diversity
        candidates = list(ordered) if diversity else []
        if not candidates:
            yield from ordered
            return
        rows = [candidate.row for candidate in candidates]
        worth = _relative(candidates)
        nearest = self.similar(rows, shown).max(axis=1) if shown else np.zeros(len(rows))
        left = np.ones(len(rows), np.bool_)
        for _ in rows:
            gain = np.where(left, np.round((1 - diversity) * worth - diversity * nearest, 9), -np.inf)
            best = int(np.argmax(gain))
            left[best] = False
            yield candidates[best]
            nearest = np.maximum(nearest, self.similar(rows, [rows[best]])[:, 0])


def _relative(candidates: Sequence[_Candidate]) -> Float64Array:
    """Return how much candidates are worth, 1 for the best; negative scores (of distances) are shifted first.

    The unit is the worth of the best without any advantage, so that an advantage of all entries changes no order.
    """
    worth = np.array([candidate.worth for candidate in candidates])
    if worth.min() < 0:
        worth = worth - worth.min()
    advantage = np.array([candidate.advantage for candidate in candidates])
    return np.asarray((worth + advantage) / max(worth.max(), 1e-12))


class _Reach:
    """Adds items that are in too few lists to the ends of those lists where it costs least.

    An entry is replaced only if its item is in enough lists without it, and at most half of a list is replaced.
    """

    def __init__(self, chooser: _Chooser, lists: list[list[Pick]]) -> None:
        self.chooser = chooser
        self.lists = lists
        self.least = chooser.rules.min_inbound
        self.inbound = np.bincount([pick.row for picks in lists for pick in picks], minlength=len(lists))

    def fill(self) -> None:
        """Change the lists in place, the cheapest places first."""
        queue = [
            (cost, row, host, score)
            for (row, host), score in self._possible_places().items()
            if (cost := self._cost(host, score)) is not None
        ]
        heapq.heapify(queue)
        while queue:
            cost, row, host, score = heapq.heappop(queue)
            if self.inbound[row] >= self.least or score < self.chooser.rules.min_score:
                continue
            cost_now = self._cost(host, score)
            if cost_now is None:
                continue
            if cost_now > cost:  # the list, or the entry that could leave it, has changed since
                heapq.heappush(queue, (cost_now, row, host, score))
            else:
                self._place(row, host, score)

    def _possible_places(self) -> dict[tuple[int, int], float]:
        """Return the scores of pairs (row, host): an item in too few lists, and an item whose list may take it."""
        ranking = self.chooser.ranking
        few = {row for row in range(len(self.lists)) if self.inbound[row] < self.least}
        pairs = {
            (row, host): score for host, candidates in enumerate(ranking) for row, score in candidates if row in few
        }
        nobodys_candidates = few - {row for row, _ in pairs}
        for row in sorted(nobodys_candidates):  # the lists of its own candidates may take it
            pairs |= {(row, host): score for host, score in ranking[row] if self.chooser.may(row, host)}
        return pairs

    def _leaving(self, host: int) -> Pick | None:
        """Return the entry of a full list that would be replaced; None if no entry may be."""
        replaceable = [pick for pick in self.lists[host] if pick.via == "auto" and self.inbound[pick.row] > self.least]
        replaced = sum(pick.via == "fallback" for pick in self.lists[host])
        return replaceable[-1] if replaceable and replaced < max(self.chooser.k // 2, 1) else None

    def _cost(self, host: int, score: float) -> float | None:
        """Return the cost of a place in a list; None if there is no place."""
        if len(self.lists[host]) < self.chooser.k:
            return -score
        leaving = self._leaving(host)
        return None if leaving is None else leaving.score - score

    def _place(self, row: int, host: int, score: float) -> None:
        leaving = self._leaving(host) if len(self.lists[host]) >= self.chooser.k else None
        kept = [pick for pick in self.lists[host] if pick is not leaving]
        if any(pick.row == row for pick in kept) or not self.chooser.fits(row, host, [pick.row for pick in kept]):
            return
        if leaving is not None:
            self.inbound[leaving.row] -= 1
        self.inbound[row] += 1
        self.lists[host] = [*kept, Pick(row, score, "fallback", ("placed so that a list reaches it",))]
