"""What a comparison of models costs, and whether it finds what is known of chunks.

RECS_DATA names a folder of collections. Printed are the seconds and the peak memory of a comparison of four contestants
on 18f_blog, with every vector in the cache, and for five blogs the verdict on reading whole texts in chunks against
reading what fits the window of the model.

    RECS_DATA=… python benchmarks/compare_models.py [site …]
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import recs

BLOGS = ("18f_blog", "rust_blog", "recipes", "til", "podcast_syntax")
MODEL = "all-MiniLM-L6-v2"
FOUR = (MODEL, f"{MODEL}?truncate", f"{MODEL}@128", "terms")


def read(folder: Path) -> tuple[recs.Collection, list[dict[str, str]]]:
    """Return the items of a collection and its links."""
    items = recs.read_items(folder / "data.jsonl")
    ids = {item.id for item in items}
    links = [json.loads(line) for line in (folder / "links.jsonl").read_text(encoding="utf-8").splitlines()]
    return items, [link for link in links if {link["src"], link["dst"]} <= ids]


def measure(folder: Path) -> None:
    """Print seconds and peak megabytes of a comparison of four contestants."""
    items, links = read(folder)
    started = time.perf_counter()
    comparison = recs.compare_models(items, FOUR, baselines=(), judgments=links)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    print(json.dumps([seconds, peak, comparison.choice.reason, comparison.switch]))


def main() -> int:
    """Measure the costs, then print the verdicts."""
    root = Path(os.environ["RECS_DATA"])
    if sys.argv[1:2] == ["--one"]:
        measure(root / "18f_blog")
        return 0
    for run in ("cold", "warm"):
        done = subprocess.run([sys.executable, __file__, "--one"], capture_output=True, text=True, check=True)
        seconds, peak, reason, switch = json.loads(done.stdout.splitlines()[-1])
        print(f"18f_blog, four contestants, {run}: {seconds:.1f} s, {peak:,.0f} MB; take {reason}; {switch}")
    for name in sys.argv[1:] or BLOGS:
        items, links = read(root / name)
        options = {"baselines": (), "judgments": links, "tasks": ["related", "search"], "measure": False}
        comparison = recs.compare_models(items, FOUR[:2], **options)
        for difference in comparison.differences:
            interval = f"{difference.mean:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
            print(f"{name}: chunks less truncated, {difference.task}: {interval}, {difference.verdict}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
