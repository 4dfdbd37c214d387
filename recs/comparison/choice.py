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


def choose(names: Sequence[str], pairs: Sequence[Difference], costs: Mapping[str, Costs]) -> Choice:
    """Choose the cheapest contestant that no other is better than, in the tasks that say what a user gets.

    If each is beaten in some task, the choice is among those that are beaten least often.
    """
    decisive = [each for each in pairs if each.task in PRIMARY] or list(pairs)
    beaten = {name: tuple(each for each in decisive if _loser(each) == name) for name in names}
    # One that a task could not judge must not win by that.
    tasks = {each.task for each in decisive}
    judged = {name: {each.task for each in decisive if name in (each.first, each.second)} for name in names}
    complete = [name for name in names if judged[name] == tasks] or list(names)
    fewest = min(len(beaten[name]) for name in complete)
    able = [name for name in complete if len(beaten[name]) == fewest]
    name = min(able, key=lambda one: (costs[one].order, one))
    return Choice(name, _reason(name, able, beaten, decisive), beaten)


def _loser(difference: Difference) -> str | None:
    if difference.verdict == "better":
        return difference.second
    return difference.first if difference.verdict == "worse" else None


def _reason(
    name: str, able: Sequence[str], beaten: Mapping[str, Sequence[Difference]], decisive: Sequence[Difference]
) -> str:
    if all(each.verdict == "cannot tell" for each in decisive):
        return f"{name}: nothing here judges the contestants well enough, so this is the cheapest one"
    if beaten[name]:
        tasks = ", ".join(sorted({each.task for each in beaten[name]}))
        return f"{name}: every contestant is beaten in some task, this one only in {tasks}"
    losers = [other for other in beaten if other not in able]
    alike = [other for other in able if other != name]
    parts = [f"{name}: no other contestant is better beyond the interval"]
    if alike:
        parts.append(f"{_and(alike)} {'is' if len(alike) == 1 else 'are'} no better and cost more")
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


def switch_sentence(current: str, costs: Costs, chosen: str) -> str:
    """Return what it costs to switch to the choice.

    Examples
    --------
    >>> switch_sentence("A", Costs(tokens=2_000_000, minutes=3.25, vectors_mb=12.5), "B")
    'a switch from A to B embeds 2,000,000 tokens again (3.2 minutes here) and writes 12.5 MB of vectors'
    """
    if chosen == current:
        return f"{current} stays: nothing has to be embedded again"
    if not costs.vectors_mb:
        return f"a switch from {current} to {chosen} embeds nothing"
    tokens = counted(costs.tokens, "token") if costs.tokens else "all texts"
    minutes = f" ({costs.minutes:.1f} minutes here)" if costs.minutes else ""
    vectors = f"writes {costs.vectors_mb:.1f} MB of vectors"
    return f"a switch from {current} to {chosen} embeds {tokens} again{minutes} and {vectors}"
