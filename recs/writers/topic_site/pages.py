"""The HTML pages: one of all topics, and one for each. They load nothing, and text of items is never markup there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from recs.text.counts import counted
from recs.writers.topic_site.entries import Entry, TopicEntries

_STYLE = """:root { color-scheme: light dark; --quiet: #5c6066; --line: #c9ccd1 }
@media (prefers-color-scheme: dark) { :root { --quiet: #a3a8b0; --line: #4a4e55 } }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 42rem; font: 16px/1.5 system-ui, sans-serif }
h1 { line-height: 1.2 }
ul { list-style: none; padding: 0 }
li { padding: .5rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
p, small, time { color: var(--quiet) }
small, time { display: block }"""
_POLICY = "default-src 'none'; style-src 'nonce-recs'; base-uri 'none'; form-action 'none'"
_LANG = re.compile(r"[A-Za-z0-9]{2,8}(-[A-Za-z0-9]{1,8})*")


def index_page(topics: Sequence[TopicEntries]) -> str:
    """Return the page of all topics, the largest first."""
    rows = (
        f'<li><a href="{_link(topic.slug)}.html">{escape(topic.name)}</a> '
        f"<small>{counted(len(topic.ids), 'item')}{_phrases(topic)}</small></li>"
        for topic in topics
    )
    return _page("Topics", ["<h1>Topics</h1>", *_list(rows)])


def topic_page(topic: TopicEntries) -> str:
    """Return the page of a topic: typical items, and the newest ones if they have dates."""
    lines = [
        f"<h1>{escape(topic.name)}</h1>",
        f"<p>{counted(len(topic.ids), 'item')}{_phrases(topic)}</p>",
        "<h2>Typical</h2>",
        *_list(map(_row, topic.typical)),
    ]
    head = ""
    if topic.newest:
        feed = f"{_link(topic.slug)}.xml"
        head = f'<link rel="alternate" type="application/atom+xml" title="{escape(topic.name)}" href="{feed}">\n'
        lines += ["<h2>Newest</h2>", *_list(map(_row, topic.newest)), f'<p><a href="{feed}">Feed of this topic</a></p>']
    return _page(topic.name, ['<nav><a href="index.html">All topics</a></nav>', *lines], head)


def _page(title: str, lines: Iterable[str], head: str = "") -> str:
    body = "\n".join(lines)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
{head}<style nonce="recs">
{_STYLE}
</style>
<body>
{body}
</body>
</html>
"""


def _list(rows: Iterable[str]) -> Iterator[str]:
    yield "<ul>"
    yield from rows
    yield "</ul>"


def _row(entry: Entry) -> str:
    lang = f' lang="{entry.lang}"' if _LANG.fullmatch(entry.lang) else ""
    title = f"<span{lang}>{escape(entry.title)}</span>"
    if entry.url:
        title = f'<a href="{escape(entry.url)}">{title}</a>'
    day = f"{entry.date:%Y-%m-%d}" if entry.date else ""
    return f"<li>{title}{f' <time datetime={chr(34)}{day}{chr(34)}>{day}</time>' if day else ''}</li>"


def _phrases(topic: TopicEntries) -> str:
    return f": {escape(', '.join(topic.phrases[:6]))}" if topic.phrases else ""


def _link(slug: str) -> str:
    """Return a slug as a part of a relative address."""
    from urllib.parse import quote

    return quote(slug)
