"""Topics for people, as Markdown, and as tags for programs, as JSON and CSV; what an item's text holds stays text."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from recs.clustering.result import Clustering, largest_first, topics_over_time
from recs.errors import OptionError
from recs.writers.cells import plain

if TYPE_CHECKING:
    from recs.items import Item

_COLUMNS = 12  # of the table over time at most, if it is by months; beyond, it is by years
_MARKUP = re.compile(r"[\\`*_\[\]<>|~&$#@]|(?<=:)/(?=/)|(?<=www)\.|^[-+=]")
_UNSAFE = re.compile(r"[^!-~]|[<>()\\`|]")


def topic_tags(clustering: Clustering, *, format: str) -> str:
    """Return the topic of each item: "json" is an object from ids to lists of names, "csv" a line an item that has one.

    A name that a spreadsheet would take for a formula gets an apostrophe before it; ids are as they are. Raises
    `OptionError`.
    """
    if format not in ("json", "csv"):
        raise OptionError(f"format is {format!r}, expected one of json, csv.")
    names = {topic.id: topic.name for topic in clustering.topics}
    rows = list(zip(clustering.ids, clustering.assigned.tolist(), clustering.strengths.tolist(), strict=True))
    if format == "json":
        tags = {name: [names[topic]] if topic in names else [] for name, topic, _ in rows}
        return json.dumps(tags, indent=1, ensure_ascii=False) + "\n"
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id", "topic", "name", "strength"])
    for name, topic, depth in rows:
        if topic in names:
            writer.writerow([name, topic, plain(names[topic]), f"{depth:.4f}"])
    return buffer.getvalue()


def topic_report(clustering: Clustering, items: Iterable[Item]) -> str:
    """Return what a collection is about, as Markdown: all topics at a glance, then each; over time; granularity."""
    by_id = {item.id: item for item in items}
    topics, _ = largest_first(clustering)
    found = clustering.metrics
    lines = ["# Topics", "", f"{len(clustering):,} items, {len(topics)} topics; vectors of {_text(clustering.model)}."]
    if topics:
        lines += [f"{found['coverage']:.0%} of the items are in a topic, {found['core']:.0%} in the dense core of one."]
        lines += [f"Without three tenths of the items, topics come back at {found['stability']:.2f} (1: the same)."]
    for note in clustering.notes:
        lines += ["", f"Note: {_text(note)}"]
    dated = topics_over_time(clustering, by_id.values())
    if len(dated) > _COLUMNS:
        dated = topics_over_time(clustering, by_id.values(), period="year")
    glance = [(t.name, f"{t.size:,}", f"{t.stability:.2f}", ", ".join(t.phrases)) for t in topics]
    time = [(t.name, *(str(row[t.id]) for row in dated.values())) for t in topics if dated]
    sweep = [
        (f"{row.resolution:.2f}", str(row.topics), f"{row.stability:.2f}", f"{row.coverage:.0%}", "chosen" * row.chosen)
        for row in clustering.sweep
    ]
    for title, head, rows in (
        ("At a glance", ("topic", "items", "stability", "phrases"), glance),
        ("Over time", ("topic", *dated), time),
        ("Granularity", ("resolution", "topics", "stability", "coverage", ""), sweep),
    ):
        if rows:
            lines += ["", f"## {title}", "", *_table(head, rows)]
    for topic in topics:
        about = f"{topic.size:,} items, {topic.core:,} in the core, stability {topic.stability:.2f}, id {topic.id}."
        lines += ["", f"## {_text(topic.name)}", "", f"{_text(', '.join(topic.phrases))}: {about}", ""]
        lines += [f"- {_link(by_id[name])}" for name in topic.exemplars if name in by_id]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *([_text(cell) for cell in row] for row in rows)]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _link(item: Item) -> str:
    title = _text((item.title or item.text)[:120]) or _text(item.id)
    if not (item.url or "").lower().startswith(("http://", "https://")):
        return title
    address = _UNSAFE.sub(lambda found: quote(found[0], errors="replace"), item.url or "")
    return f"[{title}]({address})"


def _text(text: str) -> str:
    """Return a text on one line, in which nothing is markup."""
    text = _MARKUP.sub(lambda found: f"\\{found[0]}", " ".join(text.split()))
    return re.sub(r"^(\d{1,9})(?=[.)](\s|$))", r"\1\\", text)
