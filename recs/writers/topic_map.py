"""A map of topics as one self-contained HTML page; text of items is data there and cannot become code."""

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

_LARGEST = 65535  # coordinates are written as unsigned integers of 16 bits


def topic_map(clustering: Clustering, items: Sequence[Item], coordinates: FloatArray) -> str:
    """Return a page with pan, zoom, search and a filter by topic; it shows titles and dates, and a click opens the URL.

    Parameters
    ----------
    items : the n items of `clustering.ids`, in that order
    coordinates : array of shape (n, 2)
        The position of each item, in any range.

    Raises
    ------
    ValueError
        If the lengths of the three differ.

    Notes
    -----
    Titles are cut at 200 characters; only http and https URLs are kept.
    """
    if not len(clustering.assigned) == len(items) == len(coordinates):
        lengths = f"{len(clustering.assigned)} topics, {len(items)} items and {len(coordinates)} places"
        raise ValueError(f"{lengths}; expected one of each for every item.")
    topics, topic_of_item = largest_first(clustering)
    xy = np.asarray(coordinates, dtype=np.float64).reshape(-1, 2)
    xy = xy - xy.min(axis=0, initial=np.inf)
    xy = np.round(xy * (_LARGEST / max(xy.max(initial=0.0), 1e-9)))
    anchors = topic_anchors(xy, topic_of_item, len(topics))
    urls = [item.url or "" for item in items]
    data = {
        "xy": base64.b64encode(xy.astype("<u2").tobytes()).decode(),
        "titles": [(item.title or item.id)[:200] for item in items],
        "dates": [(item.published or "")[:10] for item in items],
        "urls": [url if url.lower().startswith(("http://", "https://")) else "" for url in urls],
        "of": topic_of_item.tolist(),
        "topics": [topic.name for topic in topics],
        "at": anchors.astype(int).tolist(),
        "colours": topic_colours(anchors),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    template = files("recs.writers").joinpath("topic_map.html").read_text(encoding="utf-8")
    return template.replace("{{data}}", text)
