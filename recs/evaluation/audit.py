"""An audit of the links and related lists of a site: orphans, hubs, duplicates, and links worth adding."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from recs.items import Collection
from recs.ranking.lists import RelatedLists
from recs.ranking.rank import CANDIDATES
from recs.ranking.rules import NO_RULES
from recs.related import related_items

_HUB = 4.0  # a hub is in more than this many times as many lists as the average item
_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A link that an author might add: from an item to one without inbound links, with the score of the pair."""

    source: str
    target: str
    score: float


@dataclass(frozen=True, slots=True)
class Audit:
    """The result of an audit.

    Attributes
    ----------
    items, k
        How many items there are, and how many entries a related list has.
    orphans
        Items that are in no related list, sorted.
    hubs
        Items that are in far more lists than the others, with the number of lists; the largest number first.
    duplicates
        Groups of items with the same text, or nearly the same.
    unlinked
        Items that no other item links to; for each, the links that would fit best, the best first.
    """

    items: int
    k: int
    orphans: tuple[str, ...]
    hubs: Mapping[str, int]
    duplicates: tuple[tuple[str, ...], ...]
    unlinked: Mapping[str, tuple[Suggestion, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as dicts, lists, strings and numbers."""
        return asdict(self)


def audit_related(collection: Collection, *, k: int = 5, **options: Any) -> Audit:
    """Find orphans, hubs, duplicates and items without inbound links, by related lists of k entries.

    Parameters
    ----------
    k
        Entries in a related list.
    options
        Those of `recs.related_items`, except its rules.

    Returns
    -------
    Audit
        Ids are sorted.

    Notes
    -----
    Cost: that of one ranking.

    Examples
    --------
    >>> import recs
    >>> texts = {"a": "garden soil", "b": "garden soil seeds", "c": "steam trains"}
    >>> links = (recs.Link(0, 0, "seeds", "b"),)
    >>> items = [recs.Item(id=name, text=text, links=links if name == "a" else ()) for name, text in texts.items()]
    >>> audit = recs.audit_related(recs.Collection(tuple(items)), k=1, signals="terms", cache=False)
    >>> audit.items, list(audit.unlinked)
    (3, ['a', 'c'])
    """
    ranking = related_items(collection, k=max(CANDIDATES, k), rules=NO_RULES, **options)
    counts = Counter(name for names in _shown(ranking, k).values() for name in names)
    hubs = {name: count for name, count in counts.items() if count > _HUB * k}
    return Audit(
        items=len(ranking),
        k=k,
        orphans=tuple(name for name in ranking if not counts[name]),
        hubs=dict(sorted(hubs.items(), key=lambda pair: (-pair[1], pair[0]))),
        duplicates=_groups(ranking),
        unlinked=_suggestions(ranking),
    )


def _shown(ranking: RelatedLists, k: int) -> dict[str, list[str]]:
    """Return the first k related ids of each item, near-duplicates left out."""
    return {
        name: [match.id for match in matches if match.id not in ranking.twins.get(name, ())][:k]
        for name, matches in ranking.lists.items()
    }


def _suggestions(ranking: RelatedLists) -> dict[str, tuple[Suggestion, ...]]:
    """Return, for each item without inbound links, the best links to it; nothing if no item links to another."""
    targets = {link.target for item in ranking.items.values() for link in item.links}
    if not targets:
        return {}
    suggestions_for: dict[str, list[Suggestion]] = {name: [] for name in ranking if name not in targets}
    for source, matches in ranking.lists.items():
        for match in matches:
            if match.id in suggestions_for and match.id not in ranking.twins.get(source, ()):
                suggestions_for[match.id].append(Suggestion(source, match.id, match.score))
    for suggestions in suggestions_for.values():
        suggestions.sort(key=lambda suggestion: (-suggestion.score, suggestion.source))
    return {name: tuple(suggestions[:_SUGGESTIONS]) for name, suggestions in sorted(suggestions_for.items())}


def _groups(ranking: RelatedLists) -> tuple[tuple[str, ...], ...]:
    """Return the groups of items that near-duplicates connect, each sorted."""
    group_of: dict[str, set[str]] = {}
    for name, twins in ranking.twins.items():
        members = (name, *twins)
        group = set(members).union(*(group_of.get(member, ()) for member in members))
        group_of.update(dict.fromkeys(group, group))
    return tuple(sorted({tuple(sorted(group)) for group in group_of.values()}))
