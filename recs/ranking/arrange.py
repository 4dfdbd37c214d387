"""The lists as an editor wants them, made from the candidates of a ranking: pins, demotion, variety, reach, fallbacks.

A ranking says which items are similar; the rules say what to show. Filters (`Rules.mask`) act before the ranking takes
its best; the other rules act here, on the candidates. Rows are items sorted by id.
"""

import heapq
from collections.abc import Mapping, Sequence

import numpy as np

from recs.items import Item
from recs.ranking.chooser import Chooser, Pick, Ranking, Similar
from recs.ranking.fallbacks import fill_lists
from recs.ranking.rules import Rules


def arrange(
    items: Sequence[Item],
    ranking: Ranking,
    twins: Sequence[set[int]],
    k: int,
    *,
    rules: Rules,
    similar: Similar,
    staying: Sequence[Mapping[int, float]] | None = None,
    languages: Sequence[str | None] | None = None,
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
    languages
        The language of each item, None where it is not known. An item in another language is no fallback.

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
    chooser = Chooser(items, ranking, twins, k, rules, similar, staying or [{} for _ in items])
    lists = [chooser.choose(row) for row in range(len(items))]
    if rules.min_inbound and k:
        _Reach(chooser, lists).fill()
    fill_lists(chooser, lists, languages or [None] * len(items))
    return lists


class _Reach:
    """Adds items that are in too few lists to the ends of those lists where it costs least.

    An entry is replaced only if its item is in enough lists without it, and at most half of a list is replaced.
    """

    def __init__(self, chooser: Chooser, lists: list[list[Pick]]) -> None:
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
