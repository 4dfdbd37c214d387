"""Which contestant to take, what a switch costs, and what would change on the pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recs.comparison.costs import Costs
from recs.comparison.tasks import PRIMARY
from recs.comparison.verdicts import Difference
from recs.evaluation.baselines import Ranked
from recs.evaluation.judgments import Judgments
from recs.text.counts import counted

SHOWN = 5  # entries of a list
_EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Choice:
    """The contestant to take.

    Attributes
    ----------
    name
        The cheapest of those that no other is better than in what a user gets.
    reason
        Why, in a sentence.
    beaten_by
        By contestant, the differences in which another one is better than it.
    """

    name: str
    reason: str
    beaten_by: Mapping[str, tuple[Difference, ...]]


def choose(
    names: Sequence[str], pairs: Sequence[Difference], costs: Mapping[str, Costs], offered: Sequence[str] = ()
) -> Choice:
    """Choose the cheapest contestant that no other is better than, in the tasks that say what a user gets.

    One that takes part in all of these tasks comes before one that does not. If each is better than another somewhere,
    the choice is among those that are beaten in the fewest tasks.

    Parameters
    ----------
    offered
        The contestants that can be chosen, if not all: the others are there for comparison.
    """
    decisive = [each for each in pairs if each.task in PRIMARY] or list(pairs)
    beaten = {name: tuple(each for each in decisive if _loser(each) == name) for name in names}
    tasks = {name: {each.task for each in decisive if name in (each.first, each.second)} for name in names}
    missing = {name: len({each.task for each in decisive} - tasks[name]) for name in names}
    able = min(
        (len({each.task for each in beaten[name]}), missing[name], costs[name].order, name) for name in offered or names
    )
    name = able[-1]
    alike = [other for other in offered or names if not beaten[other] and not missing[other] and other != name]
    return Choice(name, _reason(name, alike, beaten, decisive), beaten)


def _loser(difference: Difference) -> str | None:
    if difference.verdict == "better":
        return difference.second
    return difference.first if difference.verdict == "worse" else None


def _reason(
    name: str, alike: Sequence[str], beaten: Mapping[str, Sequence[Difference]], decisive: Sequence[Difference]
) -> str:
    if all(each.verdict == "cannot tell" for each in decisive):
        return f"{name}: nothing here judges the contestants well enough, so this is the cheapest one"
    if beaten[name]:
        tasks = _and(sorted({each.task for each in beaten[name]}))
        return f"{name}: every contestant is beaten in some task, this one only in {tasks}"
    parts = [f"{name}: no other contestant is better beyond the interval"]
    if alike:
        parts.append(f"{_and(alike)} {'is' if len(alike) == 1 else 'are'} no better and cost more")
    losers = [other for other in beaten if beaten[other]]
    if losers:
        parts.append(f"{_and(losers)} {'is' if len(losers) == 1 else 'are'} beaten")
    return "; ".join(parts)


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


@dataclass(frozen=True, slots=True)
class ChangedList:
    """The first five entries of an item's list by two contestants.

    Attributes
    ----------
    id
        Of the item.
    before, after
        Ids, best first.
    linked
        Those that the author links to.
    """

    id: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    linked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What a switch would change in the lists of five.

    Attributes
    ----------
    before, after
        Names of the two contestants.
    lists, changed
        How many lists there are, and how many have other entries or another order.
    kept
        The mean share of the entries that stay.
    examples
        The lists that differ most.
    """

    before: str
    after: str
    lists: int
    changed: int
    kept: float
    examples: tuple[ChangedList, ...]


def change(before: str, after: str, rankings: Mapping[str, Ranked], links: Judgments) -> Change:
    """Compare the lists of two contestants. Items whose links can tell who is right come first among equals."""
    old, new = rankings[before], rankings[after]
    ids = sorted(old)
    kept = {name: _kept(old[name][:SHOWN], new[name][:SHOWN]) for name in ids}
    differing = sorted(ids, key=lambda name: (kept[name], name not in links, name))
    examples = tuple(
        ChangedList(name, tuple(old[name][:SHOWN]), tuple(new[name][:SHOWN]), tuple(sorted(links.get(name, ()))))
        for name in differing[:_EXAMPLES]
        if old[name][:SHOWN] != new[name][:SHOWN]
    )
    return Change(
        before=before,
        after=after,
        lists=len(ids),
        changed=sum(old[name][:SHOWN] != new[name][:SHOWN] for name in ids),
        kept=sum(kept.values()) / max(len(ids), 1),
        examples=examples,
    )


def _kept(old: Sequence[str], new: Sequence[str]) -> float:
    return len(set(old) & set(new)) / len(old) if old else float(not new)


def switch_sentence(current: str, costs: Costs, choice: Choice) -> str:
    """Return what it costs to switch from the current contestant to the choice.

    Examples
    --------
    >>> choice = Choice("B", "", {"A": (), "B": ()})
    >>> switch_sentence("A", Costs(tokens=2000, minutes=3.25, vectors_mb=12.5), choice)
    'nothing is better than A, so it may stay; a switch to B embeds 2,000 tokens (3.2 minutes here), 12.5 MB of vectors'
    """
    if choice.name == current:
        return f"{current} stays: nothing has to be embedded again"
    may_stay = "" if choice.beaten_by[current] else f"nothing is better than {current}, so it may stay; "
    if not costs.vectors_mb:
        return f"{may_stay}a switch to {choice.name} embeds nothing"
    read = round((costs.tokens or 0) * (1 - (costs.tokens_lost or 0.0)))
    tokens = counted(read, "token") if read else "all texts"
    minutes = f" ({costs.minutes:.1f} minutes here)" if costs.minutes else ""
    return f"{may_stay}a switch to {choice.name} embeds {tokens}{minutes}, {costs.vectors_mb:.1f} MB of vectors"
