"""A data file for Hugo, `data/recs.json`: from the key of a page to its list.

A page of Hugo knows its own file and its own address. So an item read from a folder of Markdown stands under its id
(its path without suffix), and an item with a url under the path of that url as well; a partial looks up either with
`index`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recs.links import split_url
from recs.writers.contract_json import dumps, entry

if TYPE_CHECKING:
    from recs.related import RelatedLists


def render(lists: RelatedLists) -> str:
    """Return one object: a line a key, sorted."""
    pages: dict[str, Any] = {}
    for name in sorted(lists.lists):
        related = [entry(lists, match) for match in lists.lists[name]]
        path = split_url(lists.items[name].url).path
        if path:
            pages.setdefault(path, related)
        pages[name] = related  # an id wins over the path of another item's url
    lines = [f"{dumps(key)}:{dumps(pages[key])}" for key in sorted(pages)]
    return "{\n" + ",\n".join(lines) + "\n}\n"
