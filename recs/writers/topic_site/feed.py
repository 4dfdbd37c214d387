"""The newest items of a topic as an Atom feed (RFC 4287)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape, quoteattr

from recs.writers.topic_site.entries import Entry, TopicEntries

_FORBIDDEN = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # characters that XML cannot hold


def topic_feed(topic: TopicEntries) -> str:
    """Return the feed of a topic that has dated items; its identifier stays as long as the topic's id and its site."""
    site = next((urlsplit(entry.url).netloc for entry in topic.newest if _is_web(entry.url)), "")
    changed = max(_changed(entry) for entry in topic.newest)
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        f"<title>{_text(topic.name)}</title>",
        f"<id>{_urn(f'{site} topic {topic.id}')}</id>",
        f"<updated>{_time(changed)}</updated>",
        f"<author><name>{_text(site or topic.name)}</name></author>",
        f'<link rel="alternate" type="text/html" href={quoteattr(quote(f"{topic.slug}.html"))}/>',
    ]
    for entry in topic.newest:
        lines += _entry(entry, site)
    return "\n".join([*lines, "</feed>"]) + "\n"


def _entry(entry: Entry, site: str) -> Iterator[str]:
    yield "<entry>"
    yield f"<title>{_text(entry.title)}</title>"
    yield f"<id>{_text(entry.url) if _is_web(entry.url) else _urn(f'{site} item {entry.id}')}</id>"
    yield f"<updated>{_time(_changed(entry))}</updated>"
    yield f"<published>{_time(entry.date)}</published>" if entry.date else ""
    if entry.url:
        yield f'<link rel="alternate" href={quoteattr(_FORBIDDEN.sub("", entry.url))}/>'
    yield f"<summary>{_text(entry.summary)}</summary>"
    yield "</entry>"


def _changed(entry: Entry) -> datetime:
    changed = entry.changed or entry.date
    if changed is None:
        raise ValueError(f"item {entry.id!r} is in a feed without a date")
    return changed


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://"))


def _urn(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"recs {name}".encode("utf-8", "replace").decode()).urn


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}Z"


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("", text))
