"""A map of topics as one self-contained HTML page; text of items is data there and cannot become code.

The data is JSON, packed by gzip and written in base64: no text of an item is in the page's source. The scripts in the
folder `script` are put into the page in the order of their names.
"""

from __future__ import annotations

import base64
import gzip
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.resources import files
from itertools import accumulate
from typing import Any

import numpy as np

from recs.arrays import Float64Array, FloatArray, IntArray
from recs.clustering.maps.topics import topic_anchors, topic_colours
from recs.clustering.parts import Layer
from recs.clustering.result import Clustering, largest_first
from recs.items import Item
from recs.writers.cells import dumps, whole_characters

_LARGEST = 65535  # coordinates are written as unsigned integers of 16 bits
_TITLE = 200  # characters
_PREVIEW = 220
_PREVIEWS = 8_000_000  # characters of all previews together
_LEAST_PREVIEW = 60
_NO_DAY = -(2**31)
_EPOCH = date(1970, 1, 1).toordinal()


def topic_map(clustering: Clustering, items: Sequence[Item], coordinates: FloatArray) -> str:
    """Return a page with a map that can be moved, searched, filtered and selected from.

    Parameters
    ----------
    items : the n items of `clustering.ids`, in that order
    coordinates : array of shape (n, 2)
        The position of each item, in any range, as `map_layout` returns it.

    Raises
    ------
    ValueError
        If the lengths of the three differ.

    Notes
    -----
    Titles are cut at 200 characters, and the beginnings of texts at 220, or fewer if there are many items; only http
    and https URLs are kept.
    """
    if not len(clustering.assigned) == len(items) == len(coordinates):
        lengths = f"{len(clustering.assigned)} topics, {len(items)} items and {len(coordinates)} places"
        raise ValueError(f"{lengths}; expected one of each for every item.")
    places, height = _places(coordinates)
    topics, topic_of_item = largest_first(clustering)
    anchors = topic_anchors(coordinates, topic_of_item, len(topics))
    data = {
        "places": _packed(places, "<u2"),
        "height": height,
        "ids": [item.id for item in items],
        "days": _packed([_day(item) for item in items], "<i4"),
        "colours": topic_colours(coordinates, topic_of_item, anchors),
        **_texts(items),
        **_tags(items),
        **_layers(clustering, places),
    }
    return _page(gzip.compress(whole_characters(dumps(data)).encode(), 6, mtime=0))


def _page(payload: bytes) -> str:
    folder = files("recs.writers.maps")
    scripts = sorted((each for each in folder.joinpath("script").iterdir() if each.name.endswith(".js")), key=_name)
    page = folder.joinpath("page.html").read_text(encoding="utf-8")
    page = page.replace("{{style}}", folder.joinpath("page.css").read_text(encoding="utf-8"))
    page = page.replace("{{script}}", "\n".join(script.read_text(encoding="utf-8") for script in scripts))
    return page.replace("{{data}}", base64.b64encode(payload).decode())


def _name(file: Any) -> str:
    return str(file.name)


def _places(coordinates: FloatArray) -> tuple[Float64Array, float]:
    """Return places from 0 to 65535 on each axis, and the height of the map if its width is 1."""
    xy = np.asarray(coordinates, dtype=np.float64).reshape(-1, 2)
    low = xy.min(axis=0, initial=np.inf)
    size = xy.max(axis=0, initial=-np.inf) - low if len(xy) else np.zeros(2)
    is_flat = size <= 1e-9
    places = (xy - low) / np.where(is_flat, 1.0, size)
    places[:, 1] = 1 - places[:, 1]  # in a page, y goes down
    places[:, is_flat] = 0.5
    height = float(np.clip(size[1] / size[0], 0.25, 4)) if not is_flat.any() else 0.6
    return np.round(places * _LARGEST), round(height, 4)


def _packed(numbers: Any, kind: str) -> str:
    """Return numbers as base64 of little-endian integers."""
    return base64.b64encode(np.asarray(numbers).astype(kind).tobytes()).decode()


def _day(item: Item) -> int:
    """Return the day of publication, counted from 1970-01-01."""
    text = (item.published or "")[:10]
    try:
        return date.fromisoformat(text + "-01" * ((10 - len(text)) // 3)).toordinal() - _EPOCH
    except ValueError:
        return _NO_DAY


def _texts(items: Sequence[Item]) -> dict[str, Any]:
    """Return titles, the beginnings of texts, and URLs: their common beginning, and the rest of each."""
    length = min(_PREVIEW, _PREVIEWS // max(len(items), 1))
    length = length if length >= _LEAST_PREVIEW else 0
    urls = [_web_address(item.url or "") for item in items]
    start = _common_start(urls)
    return {
        "titles": [(item.title or item.id)[:_TITLE] for item in items],
        "previews": [_beginning(item.excerpt or item.text, length) for item in items],
        "url_start": start,
        "urls": [url.removeprefix(start) for url in urls],
    }


def _web_address(url: str) -> str:
    return url if url.lower().startswith(("http://", "https://")) else ""


def _common_start(texts: Sequence[str]) -> str:
    first, last = min(texts, default=""), max(texts, default="")
    same = (place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first[: next(same, min(len(first), len(last)))]


def _beginning(text: str, length: int) -> str:
    words = " ".join(text[: 2 * length].split())
    return words if len(words) <= length else f"{words[:length].rpartition(' ')[0] or words[:length]}…"


def _tags(items: Iterable[Item]) -> dict[str, Any]:
    """Return the tags, the commonest first; those of all items, one after another; and where those of each item end."""
    tags_of_items = [dict.fromkeys((*item.tags, *([item.category] if item.category else []))) for item in items]
    uses = Counter(tag for tags in tags_of_items for tag in tags)
    tags = sorted(uses, key=lambda tag: (-uses[tag], tag))
    place_of_tag = {tag: place for place, tag in enumerate(tags)}
    return {
        "tags": tags,
        "tagged": _packed([place_of_tag[tag] for each in tags_of_items for tag in each], "<i4"),
        "tag_ends": _packed(list(accumulate(len(each) for each in tags_of_items)), "<i4"),
    }


def _layers(clustering: Clustering, places: Float64Array) -> dict[str, Any]:
    """Return the layers from coarse to fine: names, sizes and places of topics, the topic of each item; the default."""
    topics, topic_of_item = largest_first(clustering)
    default = _layer([topic.name for topic in topics], topic_of_item, places)
    others = [_of_layer(layer, places) for layer in clustering.layers]
    if not topics:
        return {"layers": [], "layer": 0}
    return {
        "layers": [*others[: clustering.default], default, *others[clustering.default + 1 :]],
        "layer": clustering.default,
    }


def _of_layer(layer: Layer, places: Float64Array) -> dict[str, Any]:
    topics = [topic for topic in layer.topics if topic.size]
    place_of_topic = {topic.id: place for place, topic in enumerate(topics)}
    of_item = np.array([place_of_topic.get(topic, -1) for topic in layer.assigned.tolist()], np.int64)
    return _layer([topic.name for topic in topics], of_item, places)


def _layer(names: Sequence[str], topic_of_item: IntArray, places: Float64Array) -> dict[str, Any]:
    anchors = places[topic_anchors(places, topic_of_item, len(names))] / _LARGEST
    return {
        "names": list(names),
        "sizes": np.bincount(topic_of_item[topic_of_item >= 0], minlength=len(names)).tolist(),
        "places": anchors.round(5).tolist(),
        "topic_of": _packed(topic_of_item, "<i4"),
    }
