"""Which items are right answers: links that the author wrote, and judgments in a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from recs.errors import OptionError, SourceError
from recs.items import Collection, Item, Link
from recs.readers.dates import parse_date

ROUND_UP = 8
FEW_SOURCES = 20
Judgments = Mapping[str, frozenset[str]]


def judged_sources(
    items: Sequence[Item], *, since: str | None = None, round_up: int = ROUND_UP
) -> tuple[Judgments, int]:
    """Return what each judged source links to, and how many round-ups were left out."""
    start = parse_date(since)
    if since is not None and start is None:
        raise OptionError(f"since is {since!r}, expected a date such as 2024-01-01.")
    public = {item.id for item in items}
    links = {
        item.id: frozenset(link.target for link in item.links) & public - {item.id}
        for item in items
        if start is None or ((moment := parse_date(item.published)) and moment >= start)
    }
    judged = {name: found for name, found in links.items() if 0 < len(found) < round_up}
    if not judged:
        raise SourceError(
            "no item links to another: nothing says which belong together; bring links: --judgments FILE."
        )
    return judged, sum(len(found) >= round_up for found in links.values())


def with_judgments(collection: Collection, judgments: Iterable[Any]) -> Collection:
    """Return the collection with these links in place of its own."""
    links: dict[str, list[Link]] = {}
    ids = {item.id for item in collection}
    for number, record in enumerate(judgments, 1):
        pair = [str(record.get(name)) for name in ("src", "dst")] if isinstance(record, Mapping) else []
        if len(pair) != 2 or not set(pair) <= ids:
            said = str(record)[:80]
            raise SourceError(f"judgments: record {number} names no two items: {said}; expected src and dst.")
        links.setdefault(pair[0], []).append(Link(0, 0, str(record.get("anchor") or ""), pair[1]))
    items = []
    for item in collection:
        own = (replace(link, target="") for link in item.links if link.stop > link.start)  # hidden all the same
        items.append(replace(item, links=(*own, *links.get(item.id, ()))))
    return replace(collection, items=tuple(items))
