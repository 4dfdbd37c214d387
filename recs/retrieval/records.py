"""What the file of an index keeps of an item: one JSON object in each line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from recs.items import Item
from recs.times import Times

# Not kept: the body with its markup, which the author's links are in, and what only rules of related lists need.
_LEFT_OUT = frozenset({"body", "markup", "links", "pins", "excludes", "closed_by", "visibility"})
_KEPT = tuple(field.name for field in fields(Item) if field.name not in _LEFT_OUT)


def item_record(item: Item) -> dict[str, Any]:
    """Return what the file of an index keeps of an item, as JSON values.

    Examples
    --------
    >>> item_record(Item("garlic", "Plant it.", title="Garlic", tags=["garden"]))
    {'id': 'garlic', 'text': 'Plant it.', 'title': 'Garlic', 'tags': ('garden',)}
    """
    record = {name: getattr(item, name) for name in _KEPT}
    record["times"] = None if item.times is None else [item.times.offsets, item.times.starts, item.times.ends]
    record["meta"] = {name: value for name, value in item.meta.items() if _is_plain(value)}
    empty: tuple[object, ...] = (None, "", (), {}, True)
    return {name: value for name, value in record.items() if name in ("id", "text") or value not in empty}


def _is_plain(value: object) -> bool:
    """Whether a value is a text, a number, or a list of such values: what a filter can be compared with."""
    if isinstance(value, list | tuple):
        return all(isinstance(part, str | int | float) for part in value)
    return isinstance(value, str | int | float)


def item_from(record: Mapping[str, Any]) -> Item:
    """Return the item of a record that `item_record` made."""
    times = record.get("times")
    values = dict(record)
    if times is not None:
        values["times"] = Times(*(tuple(part) for part in times))
    return Item(**values)


def item_lines(items: Iterable[Item]) -> Iterator[bytes]:
    """Yield the line of each item."""
    for item in items:
        yield json.dumps(item_record(item), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
