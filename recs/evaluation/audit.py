"""What an editor would like to know of a site's links and lists: orphans, hubs, duplicates, and links worth adding."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from recs.items import Collection
from recs.ranking.rank import CANDIDATES
from recs.ranking.rules import NO_RULES
from recs.related import RelatedLists, related_items

_HUB = 4.0  # times as many lists as an item stands in on average
_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A link that an author might add: from an item to one that nobody links to, with the score of the pair."""

    source: str
    target: str
    score: float


@dataclass(frozen=True, slots=True)
class Audit:
    """The account of a site.

    orphans are items that no related list of k entries holds; hubs items that stand in far more lists than the others,
    and in how many; duplicates groups of items that have one text, or nearly; unlinked items that no other links to,
    each with the items from which a link would fit best.
    """

    items: int
    k: int
    orphans: tuple[str, ...]
    hubs: Mapping[str, int]
    duplicates: tuple[tuple[str, ...], ...]
    unlinked: Mapping[str, tuple[Suggestion, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as dicts, lists, strings and numbers."""
        return asdict(self)


def audit_related(collection: Collection, *, k: int = 5, **options: Any) -> Audit:
    """Look for orphans, hubs, duplicates and items that nobody links to, by related lists of k entries.

    `options` are as `recs.related_items` takes them, but for its rules. Ids are sorted, suggestions best first. Cost:
    that of one ranking.
    """
    ranking = related_items(collection, k=max(CANDIDATES, k), rules=NO_RULES, **options)
    shown = {
        name: [match.id for match in matches if match.id not in ranking.twins.get(name, ())][:k]
        for name, matches in ranking.lists.items()
    }
    counts = Counter(name for names in shown.values() for name in names)
    linked = {item.id: {link.target for link in item.links} for item in ranking.items.values()}
    targets = {target for found in linked.values() for target in found}
    suggestions: dict[str, list[Suggestion]] = {name: [] for name in ranking if name not in targets} if targets else {}
    for source, matches in ranking.lists.items():
        for match in matches:
            if match.id in suggestions and match.id not in ranking.twins.get(source, ()):
                suggestions[match.id].append(Suggestion(source, match.id, match.score))
    for found in suggestions.values():
        found.sort(key=lambda suggestion: (-suggestion.score, suggestion.source))
    hubs = {name: count for name, count in counts.items() if count > _HUB * k}
    return Audit(
        items=len(ranking),
        k=k,
        orphans=tuple(name for name in ranking if not counts[name]),
        hubs=dict(sorted(hubs.items(), key=lambda pair: (-pair[1], pair[0]))),
        duplicates=_groups(ranking),
        unlinked={name: tuple(found[:_SUGGESTIONS]) for name, found in sorted(suggestions.items())},
    )


def _groups(ranking: RelatedLists) -> tuple[tuple[str, ...], ...]:
    """Return the groups of items that near-duplicates connect, each sorted."""
    group_of: dict[str, set[str]] = {}
    for name, twins in ranking.twins.items():
        group = {name, *twins}.union(*(group_of.get(one, ()) for one in (name, *twins)))
        group_of.update(dict.fromkeys(group, group))
    return tuple(sorted({tuple(sorted(group)) for group in group_of.values()}))
