"""The result of `recs cluster`: as JSON, as text, as tables."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from recs.cli.common.option_values import OutputOptions
from recs.cli.common.session import write_report
from recs.cli.common.terminal import heading, printable, say
from recs.text.counts import counted

if TYPE_CHECKING:
    from recs.clustering.parts import TopicChange
    from recs.clustering.result import Clustering
    from recs.items import Collection


def write_result(clustering: Clustering, collection: Collection, output: OutputOptions) -> None:
    """Write the topics in the format of the options."""
    if output.form == "parquet" and output.target:
        from recs.writers.tables import write_tables
        from recs.writers.topic_report import topic_tables

        write_tables(topic_tables(clustering), output.target)
        if not output.quiet:
            say(f"wrote {output.shown}")
        return
    write_report(_report(clustering), _text(clustering, collection), output)


def _report(clustering: Clustering) -> dict[str, Any]:
    """Return the whole clustering as JSON values: topics and items of the default layer, other layers, the sweep."""
    rows = zip(
        clustering.ids, clustering.labels.tolist(), clustering.assigned.tolist(), clustering.strengths, strict=True
    )
    return {
        "schema": "recs.topics/1",
        "model": clustering.model,
        "parameters": dict(clustering.parameters),
        "metrics": dict(clustering.metrics),
        "notes": list(clustering.notes),
        "changes": [asdict(change) for change in clustering.changes],
        "topics": [asdict(topic) for topic in clustering.topics],
        "items": {
            name: {"topic": topic, "core": core >= 0, "strength": round(float(strength), 4)}
            for name, core, topic, strength in rows
        },
        "layers": [
            {
                "topics": [asdict(topic) for topic in layer.topics],
                "items": dict(zip(clustering.ids, layer.assigned.tolist(), strict=True)),
            }
            for layer in clustering.layers
        ],
        "sweep": [asdict(row) for row in clustering.sweep],
    }


def _text(clustering: Clustering, collection: Collection) -> str:
    from recs.clustering.result import largest_first

    items = {item.id: item for item in collection}
    metrics = clustering.metrics
    lines = [
        f"{counted(len(clustering), 'item')}, {counted(len(clustering.topics), 'topic')}, "
        f"{metrics['coverage']:.0%} of the items in one"
    ]
    if clustering.changes:
        lines += ["", "changes since the earlier run:", *(f"  {_told(change)}" for change in clustering.changes)]
    for topic in largest_first(clustering)[0]:
        lines += ["", f"{topic.size:5}  {printable(topic.name)}  [{topic.id}]"]
        lines += [f"       {', '.join(topic.phrases)}"] if topic.phrases else []
        lines += [f"         {heading(items[name])}" for name in topic.exemplars[:3]]
    if clustering.sweep:
        lines += ["", "granularity  topics  stability  separation  coverage"]
        lines += [
            f"{row.resolution:11.2f}  {row.topics:6}  {row.stability:9.2f}  {row.separation:10.2f}  {row.coverage:8.0%}"
            f"{'  *' * row.chosen}"
            for row in clustering.sweep
        ]
    return "\n".join(lines) + "\n"


def _told(change: TopicChange) -> str:
    """Return a change of topics as a line of text."""
    direction = {"split": "from", "merged": "into"}.get(change.kind)
    other = f", {direction} {printable(change.other_name or '')}  [{change.other}]" if direction else ""
    return f"{change.kind}: {printable(change.name)}  [{change.topic}], {counted(change.items, 'item')}{other}"
