"""A map of topics as one self-contained HTML page, whose data nothing in an item's text can break out of."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from recs.arrays import FloatArray
from recs.clustering.layout import topic_anchors, topic_colours
from recs.clustering.result import Clustering, largest_first
from recs.items import Item


def topic_map(clustering: Clustering, items: Sequence[Item], coordinates: FloatArray) -> str:
    """Return the page: pan, zoom, search, a filter by topic, titles and dates under the pointer, a click opens the url.

    Parameters
    ----------
    items : the n items of `clustering.ids`, in that order
    coordinates : array of shape (n, 2)
        Where each stands; any range.

    Raises
    ------
    ValueError
        If the three are not of one length.

    Notes
    -----
    Titles are cut at 200 characters; only http and https addresses are kept.
    """
    if not len(clustering.assigned) == len(items) == len(coordinates):
        lengths = f"{len(clustering.assigned)} topics, {len(items)} items and {len(coordinates)} places"
        raise ValueError(f"{lengths}; expected one of each an item.")
    topics, of = largest_first(clustering)
    xy = np.asarray(coordinates, dtype=np.float64).reshape(-1, 2)
    xy = xy - xy.min(axis=0, initial=np.inf)
    xy = np.round(xy * (65535 / max(xy.max(initial=0.0), 1e-9)))
    anchors = topic_anchors(xy, of, len(topics))
    urls = [item.url or "" for item in items]
    data = {
        "xy": base64.b64encode(xy.astype("<u2").tobytes()).decode(),
        "titles": [(item.title or item.id)[:200] for item in items],
        "dates": [(item.published or "")[:10] for item in items],
        "urls": [url if url.lower().startswith(("http://", "https://")) else "" for url in urls],
        "of": of.tolist(),
        "topics": [topic.name for topic in topics],
        "at": anchors.astype(int).tolist(),
        "colours": topic_colours(anchors),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    template = files("recs.writers").joinpath("topic_map.html").read_text(encoding="utf-8")
    return template.replace("{{data}}", text)
