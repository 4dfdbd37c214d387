"""A map of topics as one self-contained HTML page, whose data nothing in an item's text can break out of."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from recs.clustering import Clustering
from recs.items import Item


def topic_map(clustering: Clustering, items: Sequence[Item], coordinates: Any) -> str:
    """Return the page; `items` and `coordinates` (n, 2) are in the order of `clustering.ids`."""
    import numpy as np

    xy = np.asarray(coordinates, dtype=np.float64).reshape(-1, 2)
    if len(xy):
        xy = (xy - xy.min(axis=0)) / np.maximum(np.ptp(xy, axis=0), 1e-12)
    place = {topic.id: at for at, topic in enumerate(clustering.topics)}
    urls = [item.url or "" for item in items]
    data = {
        "xy": base64.b64encode(np.round(xy * 65535).astype("<u2").tobytes()).decode(),
        "titles": [(item.title or item.id)[:200] for item in items],
        "dates": [(item.published or "")[:10] for item in items],
        "urls": [url if url.lower().startswith(("http://", "https://")) else "" for url in urls],
        "of": [place.get(int(topic), -1) for topic in clustering.assigned],
        "topics": [topic.name for topic in clustering.topics],
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    template = files("recs").joinpath("topicmap.html").read_text(encoding="utf-8")
    return template.replace("{{data}}", text)
