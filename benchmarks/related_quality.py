"""How well related lists find the items that authors linked to themselves: nDCG@10 on real collections.

RECS_DATA names a folder of collections; each is a folder with
    data.jsonl    one item a line: id, title, text, …
    links.jsonl   one link a line: src, dst, anchor, out_degree (links that leave src)
Sources of eight links and more (round-ups) are left out; the anchor text of every link is removed from its source
before anything is computed; all other items are ranked; gains are binary; the mean is over sources.

    RECS_DATA=… python benchmarks/related_quality.py [collection …]
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import numpy as np

from recs import Cache, Item, read_items, related_items

COLLECTIONS = ("18f_blog", "rust_blog", "recipes", "til", "podcast_syntax")
DEPTH = 10
ROUND_UP = 8


def collection(folder: Path) -> tuple[list[Item], dict[str, set[str]]]:
    """Return the items without the anchors of their links, and the ids that each judged source links to."""
    links = [json.loads(line) for line in (folder / "links.jsonl").read_text(encoding="utf-8").splitlines()]
    anchors: dict[str, list[str]] = {}
    judged: dict[str, set[str]] = {}
    for link in links:
        anchors.setdefault(link["src"], []).append(link["anchor"])
        if link["out_degree"] < ROUND_UP and link["src"] != link["dst"]:
            judged.setdefault(link["src"], set()).add(link["dst"])
    records = [json.loads(line) for line in (folder / "data.jsonl").read_text(encoding="utf-8").splitlines()]
    for record in records:
        for anchor in sorted(filter(str.strip, anchors.get(record["id"], [])), key=len, reverse=True):
            record["text"] = re.sub(rf"(?<!\w){re.escape(anchor)}(?!\w)", " ", record["text"], count=1)
    kept = [{name: record.get(name) for name in ("id", "title", "text")} for record in records]
    return list(read_items(kept)), judged


def ndcg(ranked: list[str], relevant: set[str]) -> float:
    """Return nDCG at `DEPTH` with binary gains."""
    gained = sum(1 / np.log2(rank + 2) for rank, name in enumerate(ranked[:DEPTH]) if name in relevant)
    return float(gained / sum(1 / np.log2(rank + 2) for rank in range(min(DEPTH, len(relevant)))))


def judge(folder: Path, *, signals: str, cache: Cache | bool) -> float:
    """Return the mean nDCG@10 of one collection."""
    items, judged = collection(folder)
    lists = related_items(items, k=DEPTH, signals=signals, cache=cache)  # type: ignore[arg-type]
    return float(
        np.mean([ndcg([match.id for match in lists[src]], dst) for src, dst in judged.items() if src in lists])
    )


def main() -> None:
    root = Path(os.environ["RECS_DATA"])
    names = sys.argv[1:] or [name for name in COLLECTIONS if (root / name).is_dir()]
    with Cache() as cache:
        table = {name: {s: judge(root / name, signals=s, cache=cache) for s in ("dense", "terms")} for name in names}
    print(f"{'nDCG@10':18}{'dense':>8}{'terms':>8}")
    for name, row in table.items():
        print(f"{name:18}{row['dense']:8.3f}{row['terms']:8.3f}")
    dense, terms = (np.mean([row[signal] for row in table.values()]) for signal in ("dense", "terms"))
    print(f"{'mean':18}{dense:8.3f}{terms:8.3f}")


if __name__ == "__main__":
    main()
