"""Fallbacks: what fills a list for which the ranking has too little.

A fallback obeys every rule but `min_score`: it is allowed in all lists and in this one, is no near-duplicate of what
the list shows, and not over the limit of its group. Its text says nothing of the item, so a guessed language counts
too.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from recs.contract import Note
from recs.items import Item
from recs.ranking.ages import NO_AGE, newest_first
from recs.ranking.chooser import Chooser, Pick
from recs.ranking.rules import Rules
from recs.text.counts import counted

_REASONS = {"recent": "fallback: one of the newest items", "category": "fallback: one of the newest of its category"}


def fill_lists(chooser: Chooser, lists: Sequence[list[Pick]], languages: Sequence[str | None]) -> None:
    """Add fallbacks to the end of each short list, in place: the newest items, or the newest of the same category.

    What the page shows anyway (`Rules.demote`) comes last. The score is that of the ranking, or 0 where it has none.
    """
    rules = chooser.rules
    if rules.fill == "none" or not chooser.k:
        return
    of_category = _rows_by_category(chooser.items)
    everywhere = newest_first(chooser.items)
    mask = rules.mask(chooser.items)
    everyone = np.arange(len(lists))
    for row, picks in enumerate(lists):
        if len(picks) >= chooser.k:
            continue
        choice = everywhere if rules.fill == "recent" else of_category[_category(chooser.items[row])]
        may = mask(np.array(row), everyone) if mask else np.ones(len(lists), dtype=np.bool_)
        may = may & (everyone != row)
        if rules.same_language and (language := languages[row]) is not None:
            may &= np.array([other in (None, language) for other in languages])
        _fill(chooser, row, picks, [other for other in choice if may[other]])


def _fill(chooser: Chooser, row: int, picks: list[Pick], choice: Iterable[int]) -> None:
    """Add those of the choice that fit to the list of one item, until it is full."""
    demoted = chooser.demoted(row) if chooser.rules.demote else {}
    scores = dict(chooser.ranking[row])
    shown = [pick.row for pick in picks]
    for other in sorted(choice, key=lambda other: other in demoted):
        if len(picks) >= chooser.k:
            return
        if other in shown or not chooser.fits(other, row, shown):
            continue
        reasons = [_REASONS[chooser.rules.fill], *([demoted[other]] if other in demoted else [])]
        picks.append(Pick(other, scores.get(other, 0.0), "fallback", tuple(reasons)))
        shown.append(other)


def _rows_by_category(items: Sequence[Item]) -> defaultdict[str, list[int]]:
    """Return the rows of each category, the newest first, then those without a date in the order of rows."""
    dated = newest_first(items)
    undated = sorted(set(range(len(items))) - set(dated))
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row in (*dated, *undated):
        if category := _category(items[row]):
            rows[category].append(row)
    return rows


def _category(item: Item) -> str:
    return " ".join((item.category or "").casefold().split())


def filter_notes(items: Sequence[Item], rules: Rules) -> list[Note]:
    """Return what to tell a user of `max_age` and `fill` whose items have no date or no category.

    Examples
    --------
    >>> filter_notes([Item("a", "A.")], Rules(fill="recent"))
    ['fill: no item has a date, so no list was filled with the newest items']
    """
    notes = []
    undated = len(items) - len(newest_first(items)) if rules.max_age != NO_AGE or rules.fill == "recent" else 0
    if undated and rules.max_age != NO_AGE:
        notes.append(f"max_age: {counted(undated, 'item has', 'items have')} no date, so no list shows them")
    if rules.fill == "recent" and undated == len(items) > 0:
        notes.append("fill: no item has a date, so no list was filled with the newest items")
    if rules.fill == "category" and items and not any(map(_category, items)):
        notes.append("fill: no item has a category, so no list was filled")
    return [Note(text, code="rules", level="warning") for text in notes]
