"""Topics as data for site generators: one JSON file, and a page of front matter for each topic."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from recs.writers.topic_site.entries import TopicEntries

_ESCAPED = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")  # YAML does not take them as they are


def topics_json(topics: Sequence[TopicEntries]) -> str:
    """Return all topics, and the topics of each item by its id: for Hugo's `data` and Jekyll's `_data`."""
    data = {
        "schema": "recs.topic-site/1",
        "topics": [
            {
                "id": topic.id,
                "name": topic.name,
                "slug": topic.slug,
                "size": len(topic.ids),
                "phrases": list(topic.phrases),
                "typical": [entry.id for entry in topic.typical],
                "newest": [entry.id for entry in topic.newest],
            }
            for topic in topics
        ],
        "items": {
            item_id: {"topics": [topic.slug], "tags": [topic.name]}
            for item_id, topic in sorted((name, topic) for topic in topics for name in topic.ids)
        },
    }
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def topic_front_matter(topic: TopicEntries) -> str:
    """Return a page without text whose front matter tells all of a topic: for Hugo's `content` or a Jekyll collection.

    Values are JSON, which YAML can read. There is neither text nor a description: recs does not take it for an item.
    """
    fields = {
        "title": topic.name,
        "slug": topic.slug,
        "layout": "topic",
        "phrases": list(topic.phrases),
        "topic_id": topic.id,
        "item_count": len(topic.ids),
        "typical_items": [entry.id for entry in topic.typical],
        "newest_items": [entry.id for entry in topic.newest],
        "all_items": list(topic.ids),
    }
    return "---\n" + "".join(f"{name}: {_value(value)}\n" for name, value in fields.items()) + "---\n"


def _value(value: object) -> str:
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))
