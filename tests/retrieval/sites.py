"""Small collections and their indexes for the tests of search; no model is loaded."""

from __future__ import annotations

from typing import Any

from standins import make_embedder, make_records

import recs
from recs.retrieval.index import Index

TAGS = ("garden", "tools", "Café")


def make_items(n: int = 18) -> list[recs.Item]:
    """Return n posts with tags, languages, dates and fields of their own."""
    items = []
    for row, record in enumerate(make_records(n)):
        items.append(
            recs.Item(
                record["id"],
                record["text"],
                title=record["title"],
                url=f"https://site.example/{record['id']}/",
                lang=("en", "en-GB", "de", None)[row % 4],
                published=None if row % 5 == 4 else f"2026-0{1 + row % 3}-1{row % 7}T23:30:00-05:00",
                tags=TAGS[: row % 4],
                category=("Notes", "Essays")[row % 2],
                series="Spring" if row % 6 == 0 else None,
                meta={"topic": record["topic"], "level": row % 3, "people": ["Ann", "Bo"][: row % 3]},
            )
        )
    return items


def make_index(items: Any = None, *, terms: bool = False) -> Index:
    """Return the index of items: with vectors of the stand-in, or of terms alone."""
    given = make_items() if items is None else items
    if terms:
        return recs.build_index(given, signals="terms", cache=False)
    return recs.build_index(given, embedder=make_embedder(), cache=False)
