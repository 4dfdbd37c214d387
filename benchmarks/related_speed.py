"""What ranking costs beyond embedding: seconds and peak memory of related lists for 500, 2,000 and 20,000 items.

    RECS_DATA=… python benchmarks/related_speed.py

Each size is measured in a process of its own, with every vector in the cache: from the items in memory to the lists.
500 are the posts of 18f_blog; 2,000 are posts of five blogs and show notes; 20,000 the turns of scale_turns_20k, under
titles made of their first words. The first run of a size fills the cache and is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import recs

BLOGS = ("18f_blog", "rust_blog", "til", "podcast_syntax", "recipes")
TARGETS = {500: (1.5, None), 2_000: (4.0, None), 20_000: (60.0, 2_000.0)}


def read(root: Path, n: int) -> recs.Collection:
    """Return n items with text enough."""
    names = ("18f_blog",) if n == 500 else BLOGS if n == 2_000 else ("scale_turns_20k",)
    records = []
    for name in names:
        for line in (root / name / "data.jsonl").read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            title = record.get("title") or " ".join(record["text"].split()[:8])
            records.append({"id": f"{name}/{record['id']}", "title": title, "text": record["text"]})
    return recs.read_items(records[:n])


def measure(root: Path, n: int) -> None:
    """Print seconds and peak megabytes as JSON."""
    items = read(root, n)
    embeddings = recs.embed_items(items.public)
    start = time.perf_counter()
    lists = recs.related_items(items, embeddings)
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    print(json.dumps({"items": len(lists), "seconds": seconds, "megabytes": peak}))


def main() -> int:
    """Measure, print, compare with the targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    root = Path(os.environ["RECS_DATA"])
    if options.one:
        measure(root, options.one)
        return 0
    missed = 0
    for n, (seconds, megabytes) in TARGETS.items():
        for _ in range(2):
            command = [sys.executable, __file__, "--one", str(n)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        reached = found["seconds"] <= seconds and (megabytes is None or found["megabytes"] <= megabytes)
        missed += not reached
        print(
            f"{found['items']:6} items: {found['seconds']:5.2f} s (target {seconds} s), {found['megabytes']:5.0f} MB"
            f"{f' (target {megabytes:.0f} MB)' if megabytes else ''}: {'reached' if reached else 'MISSED'}",
            flush=True,
        )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
