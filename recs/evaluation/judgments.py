"""Which items are relevant to which: by the links that the author wrote, or by judgments in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from recs.errors import OptionError, SourceError
from recs.items import Collection, Item, Link
from recs.readers.dates import parse_date

ROUND_UP = 8  # an item with so many links is a round-up: it lists items, but they are not all related to it
FEW_SOURCES = 20
Judgments = Mapping[str, frozenset[str]]
"""By the id of a source, the ids of the items that are relevant to it."""


def judged_sources(
    items: Sequence[Item], *, since: str | None = None, round_up: int = ROUND_UP
) -> tuple[Judgments, int]:
    """Return what each judged source links to, and how many round-ups were left out.

    Parameters
    ----------
    since
        Judge only sources published on this date or later.
    round_up
        Sources with so many links or more are not judged.

    Examples
    --------
    >>> items = [Item(id="a", text="-", links=(Link(0, 0, "", "b"),)), Item(id="b", text="-")]
    >>> judged_sources(items)
    ({'a': frozenset({'b'})}, 0)
    """
    start = parse_date(since)
    if since is not None and start is None:
        raise OptionError(f"since is {since!r}, expected a date such as 2024-01-01.")
    public_ids = {item.id for item in items}
    targets_of = {
        item.id: frozenset(link.target for link in item.links) & public_ids - {item.id}
        for item in items
        if start is None or ((moment := parse_date(item.published)) and moment >= start)
    }
    judged = {name: targets for name, targets in targets_of.items() if 0 < len(targets) < round_up}
    if not judged:
        raise SourceError(
            "no item links to another, so nothing shows which items belong together; bring links: --judgments FILE."
        )
    return judged, sum(len(targets) >= round_up for targets in targets_of.values())


def with_judgments(collection: Collection, judgments: Iterable[Any]) -> Collection:
    """Return the collection with these links in place of its own.

    Parameters
    ----------
    judgments
        Records with "src" and "dst", ids of the collection, and, if the text holds its words, "anchor".
    """
    links_of: dict[str, list[Link]] = {}
    ids = {item.id for item in collection}
    for number, record in enumerate(judgments, 1):
        pair = [str(record.get(name)) for name in ("src", "dst")] if isinstance(record, Mapping) else []
        if len(pair) != 2 or not set(pair) <= ids:
            shown = str(record)[:80]
            raise SourceError(f"judgments: record {number} names no two items: {shown}; expected src and dst.")
        source, target = pair
        links_of.setdefault(source, []).append(Link(0, 0, str(record.get("anchor") or ""), target))
    items = []
    for item in collection:
        # Links in the text lose their target, but keep their place: it is still hidden before items are ranked.
        own_links = (replace(link, target="") for link in item.links if link.stop > link.start)
        items.append(replace(item, links=(*own_links, *links_of.get(item.id, ()))))
    return replace(collection, items=tuple(items))
