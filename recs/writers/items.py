"""Writes items as JSON Lines: what recs read of a source, for other programs and for recs itself."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from recs.items import Item

_SAME_NAMES = ("id", "title", "url", "lang", "updated", "tags", "category", "series", "group", "image", "excerpt")
_LISTS = ("pins", "excludes", "aliases")


def item_lines(items: Iterable[Item]) -> Iterator[bytes]:
    """Yield one line of JSON for each public item, under names that `recs.read_items` understands.

    The text is the plain text: parts of a body that its author hid are not in it. Items that are not public are left
    out, since a file of them would be a leak. Links between items and `Item.meta` are not written.

    Examples
    --------
    >>> items = [Item(id="garlic", text="Plant it.", tags=("bulbs",)), Item(id="b", text="Rot.", visibility="draft")]
    >>> list(item_lines(items))
    [b'{"id": "garlic", "tags": ["bulbs"], "plain_text": "Plant it."}\\n']
    """
    for item in items:
        if item.is_public:
            line = json.dumps(_record(item), ensure_ascii=False, default=str)
            yield line.encode("utf-8", "replace") + b"\n"


def _record(item: Item) -> dict[str, Any]:
    record = {name: getattr(item, name) for name in _SAME_NAMES}
    record |= {"date": item.published, **{name: getattr(item, name) for name in _LISTS}}
    record |= {"plain_text": item.text, "no_recommend": True if not item.recommend else None}
    return {name: value for name, value in record.items() if value}
