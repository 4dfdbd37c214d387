"""CSV: a line a match, for spreadsheets."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from recs.writers.contract_json import DECIMALS, score

if TYPE_CHECKING:
    from recs.related import RelatedLists

# A cell that begins with one of these is run as a formula by a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def render(lists: RelatedLists) -> str:
    """Return a header and one line for each match, sorted by id and rank.

    A title or url that a spreadsheet would take for a formula gets an apostrophe before it; ids are as they are.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id", "rank", "related_id", "title", "url", "score", "via"])
    for name in sorted(lists.lists):
        for rank, match in enumerate(lists.lists[name], 1):
            target = lists.items[match.id]
            cells = [_plain(target.title), _plain(target.url or ""), f"{score(match):.{DECIMALS}f}", match.via]
            writer.writerow([name, rank, match.id, *cells])
    return buffer.getvalue()


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
