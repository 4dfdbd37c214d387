"""What `--prefer-recent` does to related lists, judged by the links of authors, on real collections.

RECS_DATA is as in `related_quality.py`, and so are the links that are judged. Printed is nDCG@10 for each half-life, of
all sources and of the newest fifth of them: the preference is relative to the newest item, so that it should fit these
best. The last columns are the mean age of the first five entries, in years before the newest item.

    RECS_DATA=… python benchmarks/prefer_recent.py [collection …]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from recs import Collection, Rules, embed_items, read_items, related_items
from recs.evaluation.baselines import DEPTH
from recs.evaluation.judgments import judged_sources, with_judgments
from recs.evaluation.metrics import ndcg
from recs.readers.dates import parse_date
from recs.readers.read import read_records
from recs.text.links import hide_links

COLLECTIONS = ("18f_blog", "rust_blog", "podcast_syntax", "isotopp", "letsencrypt", "podcast_jupiter", "ropensci_blog")
HALF_LIVES = ("none", "20y", "10y", "5y", "2y", "1y")


def judge(folder: Path) -> dict[str, tuple[float, float, float]]:
    """Return for each half-life nDCG@10 of all sources and of the newest fifth, and the mean age of what is shown."""
    collection = read_items(folder / "data.jsonl")
    ids = {item.id for item in collection}
    links = [link for link in read_records(folder / "links.jsonl") if {link["src"], link["dst"]} <= ids]
    collection = with_judgments(collection, links)
    judged, _ = judged_sources(collection.public)
    hidden = hide_links(collection.public, collection.boilerplate)
    items = Collection(tuple(replace(item, links=()) for item in hidden), collection.source)
    dates = {item.id: moment for item in items if (moment := parse_date(item.published)) is not None}
    sources = sorted(judged, key=lambda name: (name in dates and dates[name].timestamp(), name))
    newest = max(dates.values())
    embeddings = embed_items(items.public)
    results = {}
    for half_life in HALF_LIVES:
        lists = related_items(items, embeddings, k=DEPTH, rules=Rules(prefer_recent=half_life), cache=False)
        shown = {name: [match.id for match in lists[name]] for name in sources}
        values = np.array([ndcg(shown[name], judged[name], DEPTH) for name in sources])
        ages = [
            (newest - dates[one]) / timedelta(days=365.25) for ids in shown.values() for one in ids[:5] if one in dates
        ]
        results[half_life] = values.mean(), values[-(len(values) // 5) :].mean(), float(np.mean(ages))
    return results


def main() -> None:
    every = []
    for name in sys.argv[1:] or COLLECTIONS:
        results = judge(Path(os.environ["RECS_DATA"]) / name)
        every.append(list(results.values()))
        show(name, every[-1])
    if len(every) > 1:
        show("mean", np.mean(every, axis=0))


def show(name: str, rows: Iterable[Sequence[float]]) -> None:
    for column, what in enumerate(("all sources", "newest fifth", "years old")):
        cells = "".join(f"{row[column]:10.3f}" for row in rows)
        print(f"{name:16}{what:14}{cells}", flush=True)


if __name__ == "__main__":
    print(f"{'half-life':30}" + "".join(f"{half_life:>10}" for half_life in HALF_LIVES))
    main()
