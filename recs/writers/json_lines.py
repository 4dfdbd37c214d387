"""JSON Lines: a line an item, its id beside what the contract says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recs.writers.contract_json import dumps, item

if TYPE_CHECKING:
    from recs.related import RelatedLists


def render(lists: RelatedLists) -> str:
    """Return one line for each item, sorted by id."""
    return "".join(f"{dumps({'id': name, **item(lists, name)})}\n" for name in sorted(lists.lists))
