"""Topics as a Markdown report for people, and as tags in JSON or CSV for programs.

In the report, text of items is escaped: it is never markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from recs.clustering.phrases import Topic
from recs.clustering.result import Clustering, largest_first
from recs.clustering.timeline import topics_over_time
from recs.errors import OptionError
from recs.text.counts import counted
from recs.writers.cells import csv_text, whole_characters
from recs.writers.tables import tables_of_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from recs.items import Item

_MOST_MONTHS = 12  # columns of the table over time; with more months, its columns are years
_MARKUP = re.compile(r"[\\`*_\[\]<>|~&$#@]|(?<=:)/(?=/)|(?<=www)\.|^[-+=]")
_UNSAFE = re.compile(r"[^!-~]|[<>()\\`|]")


def topic_tags(clustering: Clustering, *, format: str) -> str:
    """Return the topic of each item.

    Parameters
    ----------
    format
        "json", an object from ids to lists of names; or "csv", a line for each item that has a topic. In CSV, a name
        that a spreadsheet would run as a formula gets an apostrophe before it; ids are written as they are.

    Raises
    ------
    OptionError
        For another format.
    """
    if format not in ("json", "csv"):
        raise OptionError(f"format is {format!r}, expected one of json, csv.")
    names = {topic.id: topic.name for topic in clustering.topics}
    rows = zip(clustering.ids, clustering.assigned.tolist(), clustering.strengths.tolist(), strict=True)
    if format == "json":
        tags = {item_id: [names[topic]] if topic in names else [] for item_id, topic, _ in rows}
        return json.dumps(tags, indent=1, ensure_ascii=False) + "\n"
    records = (
        {"id": item_id, "topic": topic, "name": names[topic], "strength": f"{strength:.4f}"}
        for item_id, topic, strength in rows
        if topic in names
    )
    return csv_text(records, header=("id", "topic", "name", "strength"), texts=("name",))


def topic_tables(clustering: Clustering) -> Iterator[pa.Table]:
    """Yield the topic of each item as tables: id, topic, name of the topic, core, strength; no topic is null.

    Examples
    --------
    >>> import numpy as np, recs
    >>> items = [recs.Item(f"{row:02}", f"post {row}") for row in range(24)]
    >>> X = np.eye(2).repeat(12, axis=0) + np.random.default_rng(0).normal(0, 0.1, (24, 2))
    >>> clustering = recs.cluster_items(items, recs.Embeddings.from_array([item.id for item in items], X, model="demo"))
    >>> [table.column_names for table in topic_tables(clustering)]
    [['id', 'topic', 'name', 'core', 'strength']]
    """
    names = {topic.id: whole_characters(topic.name) for topic in clustering.topics}
    columns = (clustering.assigned, clustering.labels, clustering.strengths)
    values = zip(clustering.ids, *(column.tolist() for column in columns), strict=True)
    rows = (
        {
            "id": whole_characters(name),
            "topic": topic if topic in names else None,
            "name": names.get(topic),
            "core": label >= 0,
            "strength": round(strength, 4),
        }
        for name, topic, label, strength in values
    )
    types = {"id": "string", "topic": "int32", "name": "string", "core": "bool", "strength": "float64"}
    return tables_of_rows(rows, types)


def topic_report(clustering: Clustering, items: Iterable[Item]) -> str:
    """Return a Markdown report of what a collection is about.

    It has all topics at a glance, the topics over time, the tried granularities, and a section for each topic.
    """
    item_of = {item.id: item for item in items}
    topics, _ = largest_first(clustering)
    lines = [
        *_summary(clustering, len(topics)),
        *_glance(topics),
        *_over_time(clustering, topics, item_of),
        *_granularity(clustering),
    ]
    for topic in topics:
        lines += _section(topic, item_of)
    return "\n".join(lines) + "\n"


def _summary(clustering: Clustering, topics: int) -> Iterator[str]:
    metrics = clustering.metrics
    yield "# Topics"
    yield ""
    yield (f"{counted(len(clustering), 'item')}, {counted(topics, 'topic')}; vectors of {_text(clustering.model)}.")
    if topics:
        in_core = f", {metrics['core']:.0%} in the dense core of one" if metrics["core"] else ""
        yield f"{metrics['coverage']:.0%} of the items are in a topic{in_core}."
        yield f"Without three tenths of the items, topics come back at {metrics['stability']:.2f} (1: the same)."
    for note in clustering.notes:
        yield ""
        yield f"Note: {_text(note)}"


def _glance(topics: Sequence[Topic]) -> list[str]:
    rows = [(topic.name, f"{topic.size:,}", f"{topic.stability:.2f}", ", ".join(topic.phrases)) for topic in topics]
    return _table("At a glance", ("topic", "items", "stability", "phrases"), rows)


def _over_time(clustering: Clustering, topics: Sequence[Topic], item_of: Mapping[str, Item]) -> list[str]:
    """Return the items of each topic in each month, or in each year if there are many months."""
    counts_by_period = topics_over_time(clustering, item_of.values())
    if len(counts_by_period) > _MOST_MONTHS:
        counts_by_period = topics_over_time(clustering, item_of.values(), period="year")
    if not counts_by_period:
        return []
    rows = [(topic.name, *(str(counts[topic.id]) for counts in counts_by_period.values())) for topic in topics]
    return _table("Over time", ("topic", *counts_by_period), rows)


def _granularity(clustering: Clustering) -> list[str]:
    rows = [
        (
            f"{tried.resolution:.2f}",
            str(tried.topics),
            f"{tried.stability:.2f}",
            f"{tried.coverage:.0%}",
            "chosen" if tried.chosen else "",
        )
        for tried in clustering.sweep
    ]
    return _table("Granularity", ("resolution", "topics", "stability", "coverage", ""), rows)


def _section(topic: Topic, item_of: Mapping[str, Item]) -> Iterator[str]:
    in_core = f"{topic.core:,} in the core, " if topic.core else ""
    about = f"{counted(topic.size, 'item')}, {in_core}stability {topic.stability:.2f}, id {topic.id}."
    yield ""
    yield f"## {_text(topic.name)}"
    yield ""
    yield f"{_text(', '.join(topic.phrases))}: {about}" if topic.phrases else about
    yield ""
    for item_id in topic.exemplars:
        if item_id in item_of:
            yield f"- {_link(item_of[item_id])}"


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a heading and a table; nothing without rows."""
    if not rows:
        return []
    lines = [header, ["---"] * len(header), *([_text(cell) for cell in row] for row in rows)]
    return ["", f"## {title}", "", *(f"| {' | '.join(cells)} |" for cells in lines)]


def _link(item: Item) -> str:
    title = _text((item.title or item.text)[:120]) or _text(item.id)
    if not (item.url or "").lower().startswith(("http://", "https://")):
        return title
    url = _UNSAFE.sub(lambda match: quote(match[0], errors="replace"), item.url or "")
    return f"[{title}]({url})"


def _text(text: str) -> str:
    """Return a text on one line, with its markup escaped."""
    text = _MARKUP.sub(lambda match: f"\\{match[0]}", " ".join(text.split()))
    return re.sub(r"^(\d{1,9})(?=[.)](\s|$))", r"\1\\", text)
