"""Segments of an index: items that were indexed together. An update keeps those whose items did not change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from recs.arrays import IntArray
from recs.items import Item
from recs.retrieval.postings import Postings, RowArray
from recs.retrieval.table import Digests, ItemsInMemory, Table
from recs.retrieval.vectors import Vectors

SEGMENT_ITEMS = 100_000
"""Items of a segment that an update does not count again to make it larger, and of one that is made of shards."""


@dataclass(frozen=True, eq=False)
class Segment:
    """Items that were indexed together, their terms and their vectors.

    Attributes
    ----------
    table
        The items, sorted by id.
    postings, vectors
        Their terms and vectors; no vectors in an index of terms alone.
    rows : int32 array of shape (n,)
        The row of each item in the index, whose items are sorted by id; -1 for one that was changed or withdrawn since.
    folder, files
        Where the segment was read from, and the size and digest of each file by name; None and empty if it is new.
    """

    table: Table
    postings: Postings
    vectors: Vectors | None
    rows: RowArray
    folder: Path | None = None
    files: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, items: Sequence[Item], vectors: Vectors | None, rows: Sequence[int] | None = None) -> Segment:
        """Count the terms of items and return them as a segment; `rows` are theirs in the index, by default 0 to n."""
        written = [item.text[: item.written] for item in items]
        said = [item.text[item.written :] for item in items]
        postings = Postings.of([item.title for item in items], written, said)
        places = np.array(range(len(items)) if rows is None else rows, np.int32)
        return cls(ItemsInMemory(items), postings, vectors, places)

    @property
    def count(self) -> int:
        """How many of its items are still in the index."""
        return int(np.count_nonzero(self.rows >= 0))


def carried(segments: Sequence[Segment], table: Table) -> tuple[list[Segment], list[int]]:
    """Return the segments that an update keeps, and the rows of `table` whose items are in none of them.

    An item stays where it is if nothing of it changed. A segment is not kept if more than half of its items are gone,
    or if it is small and has at most twice as many items as the new one will have. So beside those that were made with
    `SEGMENT_ITEMS` items or more, there are at most about log2(n) segments, and each item is counted again about as
    often.

    Examples
    --------
    >>> table = ItemsInMemory([Item(name, "Soil.") for name in "abcdef"])
    >>> segment = Segment.of([table[row] for row in range(5)], None)
    >>> kept, rows = carried([segment], table)
    >>> [each.rows.tolist() for each in kept], rows
    ([[0, 1, 2, 3, 4]], [5])
    """
    contents = np.asarray(table.contents)
    order = np.argsort(contents[:, 0], kind="stable")
    kept = []
    for segment in segments:
        rows = _rows_of(np.asarray(segment.table.contents), contents, order)
        still = replace(segment, rows=np.where(segment.rows >= 0, rows, np.int32(-1)))
        if len(still.rows) <= 2 * still.count > 0:
            kept.append(still)
    fresh = len(table) - sum(segment.count for segment in kept)
    while kept and len(kept[-1].rows) < SEGMENT_ITEMS and kept[-1].count <= 2 * fresh:
        fresh += kept.pop().count
    is_kept = np.zeros(len(table) + 1, bool)
    for segment in kept:
        is_kept[segment.rows] = True
    return kept, np.flatnonzero(~is_kept[:-1]).tolist()


def _rows_of(contents: Digests, among: Digests, order: IntArray) -> RowArray:
    """Return where each content is in a table, -1 if it is not there; `order` sorts the table by its first digests.

    Where two contents share the first digest, one of them counts as absent.
    """
    if not len(among):
        return np.full(len(contents), -1, np.int32)
    places = np.searchsorted(among[:, 0], contents[:, 0], sorter=order)
    rows = order[np.minimum(places, len(order) - 1)]
    is_same = (among[rows] == contents).all(axis=1)
    return np.where(is_same, rows, -1).astype(np.int32)
