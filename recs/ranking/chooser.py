"""One list at a time: which candidates of an item are shown, by the rules of an editor. Rows are items sorted by id."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recs.arrays import Float64Array
from recs.items import Item, Via
from recs.ranking.ages import NO_AGE, recency_weights
from recs.ranking.rules import Rules

Similar = Callable[[Sequence[int], Sequence[int]], Float64Array]
"""Returns the similarities, in [-1, 1] and of shape (a, b), of some rows with others."""

Ranking = Sequence[Sequence[tuple[int, float]]]
"""For each row its candidates and their scores, best first."""

# The score of a demoted item is multiplied with this before candidates are ordered; a negative score is divided by it.
DEMOTION = 0.25

# A match of an earlier run stays until another one is worth so much more, and until its odds are higher by this many
# n-ths in a collection of n items: the fewer there are, the more a new one moves all scores.
_BETTER = 0.01
_BETTER_ODDS = 40


@dataclass(frozen=True, slots=True)
class Pick:
    """One entry of a list: a row, its score, where it came from, and the reasons for its place."""

    row: int
    score: float
    via: Via = "auto"
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A candidate of a list; `worth` is the score by which it is ordered, `advantage` that of an entry that stays."""

    row: int
    score: float
    worth: float
    advantage: float


@dataclass
class Chooser:
    """Chooses the entries of each list; the attributes are the arguments of `recs.ranking.arrange.arrange`."""

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
        half_life = self.rules.prefer_recent
        self.weights = None if half_life == NO_AGE else recency_weights(self.items, half_life)
        self.titles = [" ".join(item.title.casefold().split()) for item in self.items]

    def choose(self, row: int) -> list[Pick]:
        """Return the list of one item."""
        score_of = dict(self.ranking[row])
        pins = self._pins(row)
        picks = [Pick(pin, score_of.get(pin, 0.0), "pin", ("pinned",)) for pin in pins]
        demoted = self.demoted(row) if self.rules.demote else {}
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

    def demoted(self, row: int) -> dict[int, str]:
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
        if not staying and self.weights is None and demoted.keys().isdisjoint(other for other, _ in self.ranking[row]):
            yield from (_Candidate(other, score, score, 0.0) for other, score in fitting)  # the ranking has this order
            return
        candidates = []
        for other, score in fitting:
            weight = 1.0 if self.weights is None else float(self.weights[other])
            weight *= DEMOTION if other in demoted else 1.0
            worth = min(score * weight, score / weight)
            advantage = _advantage(worth, len(self.items)) if other in staying else 0.0
            candidates.append(_Candidate(other, score, worth, advantage))
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


def _advantage(worth: float, items: int) -> float:
    """Return the advantage of an entry that stays, in a collection of so many items.

    Examples
    --------
    >>> [round(_advantage(0.2, items), 3) for items in (40, 400, 4000)]
    [0.133, 0.016, 0.01]
    """
    if not 0 < worth < 1:
        return _BETTER
    raised = worth * (1 + _BETTER_ODDS / max(items, 1))
    return max(_BETTER, raised / (1 - worth + raised) - worth)


def _relative(candidates: Sequence[_Candidate]) -> Float64Array:
    """Return how much candidates are worth, 1 for the best; negative scores (of distances) are shifted first.

    The unit is the worth of the best without any advantage, so that an advantage of all entries changes no order.
    """
    worth = np.array([candidate.worth for candidate in candidates])
    if worth.min() < 0:
        worth = worth - worth.min()
    advantage = np.array([candidate.advantage for candidate in candidates])
    return np.asarray((worth + advantage) / max(worth.max(), 1e-12))
