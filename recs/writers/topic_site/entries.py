"""A topic as its page, its feed and the data see it: its name, its address, its typical items, its newest items."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from recs.clustering.result import Clustering, largest_first
from recs.items import Item
from recs.writers.topic_site.slugs import topic_slugs

_NEWEST = 20
_SUMMARY = 300  # characters


@dataclass(frozen=True, slots=True)
class Entry:
    """An item on a page or in a feed; `date` is None if the source has none that can be read."""

    id: str
    title: str
    url: str
    date: datetime | None
    changed: datetime | None
    summary: str
    lang: str

    @classmethod
    def of(cls, item: Item) -> Entry:
        """Return what is shown of an item; only web addresses and paths are URLs."""
        date = moment(item.published)
        changed = moment(item.updated) or date
        return cls(
            id=item.id,
            title=" ".join((item.title or item.text[:120] or item.id).split()) or item.id,
            url=_address(item.url or ""),
            date=date,
            changed=changed if date is None or changed is None else max(date, changed),
            summary=_beginning(item.excerpt or item.text),
            lang=item.lang or "",
        )


@dataclass(frozen=True, slots=True)
class TopicEntries:
    """A topic with its slug; `newest` are its items with a date, the newest first, and `ids` those of all its items."""

    id: int
    name: str
    slug: str
    phrases: tuple[str, ...]
    typical: tuple[Entry, ...]
    newest: tuple[Entry, ...]
    ids: tuple[str, ...]


def topic_entries(clustering: Clustering, items: Iterable[Item]) -> list[TopicEntries]:
    """Return the topics that have items, the largest first."""
    item_of = {item.id: item for item in items}
    topics, topic_of_item = largest_first(clustering)
    slugs = topic_slugs(topics)
    ids_of: list[list[str]] = [[] for _ in topics]
    for item_id, place in zip(clustering.ids, topic_of_item.tolist(), strict=True):
        if place >= 0:
            ids_of[place].append(item_id)
    return [
        TopicEntries(
            id=topic.id,
            name=" ".join(topic.name.split()),
            slug=slugs[topic.id],
            phrases=topic.phrases,
            typical=tuple(Entry.of(item_of[name]) for name in topic.exemplars if name in item_of),
            newest=_newest(Entry.of(item_of[name]) for name in ids_of[place]),
            ids=tuple(ids_of[place]),
        )
        for place, topic in enumerate(topics)
    ]


def _newest(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    dated = [(entry.date, entry.id, entry) for entry in entries if entry.date is not None]
    return tuple(entry for *_, entry in sorted(dated, key=lambda row: row[:2], reverse=True)[:_NEWEST])


def moment(text: str | None) -> datetime | None:
    """Return an ISO 8601 date in UTC; None for another text.

    Examples
    --------
    >>> moment("2026-11-01").isoformat(), moment("2026").isoformat(), moment("soon")
    ('2026-11-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', None)
    """
    text = text or ""
    try:
        read = datetime.fromisoformat(text + "-01" * ((10 - len(text)) // 3 if len(text) < 10 else 0))
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _address(url: str) -> str:
    """Return a web address or a path from the root of the site; "" for all else, such as a script."""
    is_path = url.startswith("/") and not url.startswith(("//", "/\\"))
    is_web = url.lower().startswith(("http://", "https://"))
    return url if (is_path or is_web) and url.isprintable() and " " not in url else ""


def _beginning(text: str) -> str:
    words = " ".join(text[: 2 * _SUMMARY].split())
    return words if len(words) <= _SUMMARY else f"{words[:_SUMMARY].rpartition(' ')[0] or words[:_SUMMARY]}…"
