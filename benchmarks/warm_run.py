"""Everyday runs: nothing changed, one post edited, topics of cached posts, `import recs`.

    RECS_DATA=… python benchmarks/warm_run.py

Prints each time as a multiple of that of `python -c "import numpy, scipy.sparse"` in the same run: wall seconds, best
of several processes. The time of an edited run is given beyond the time of a process that loads the model and embeds
one word. The time of `import recs` is processor time beyond that of Python.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

RECS = [sys.executable, "-m", "recs"]
LOAD = "import recs; recs.load_embedder().embed(['garlic'])"


class Cost(NamedTuple):
    """Wall seconds, and processor seconds, of a process."""

    wall: float
    processor: float


def run(command: Sequence[str]) -> Cost:
    """Return the cost of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def best(command: Sequence[str], times: int = 7, before: Callable[[int], None] | None = None) -> Cost:
    """Return the lowest costs of a process; `before` is called with the number of each run."""
    costs = []
    for number in range(times):
        if before is not None:
            before(number)
        costs.append(run(command))
    return Cost(min(cost.wall for cost in costs), min(cost.processor for cost in costs))


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


class Bench:
    """Times of one collection, with a cache and an output of its own."""

    def __init__(self, name: str, lines: list[str], folder: Path, bare: float, load: float) -> None:
        self.name = name
        self.lines = lines
        self.source = folder / f"{name}.jsonl"
        self.cache = folder / f"{name} cache"
        self.output = folder / f"{name}.out"
        self.bare = bare
        self.load = load
        self.edit(-1)

    def edit(self, number: int) -> None:
        """Write the source, with one item edited unless `number` is -1."""
        lines = list(self.lines)
        if number >= 0:
            record = json.loads(lines[10])
            record["text"] += f"\n\nA closing paragraph, the one with the number {number}, was added today."
            lines[10] = json.dumps(record)
        self.source.write_text("\n".join(lines), encoding="utf-8")

    def verb(self, name: str) -> None:
        """Print the times of a verb: unchanged, and with one item edited."""
        command = [*RECS, name, str(self.source), "--cache", str(self.cache), "-o", str(self.output)]
        first = run(command).wall
        content = self.output.read_bytes()
        unchanged = best(command).wall
        same = self.output.read_bytes() == content
        edited = best(command, 3, self.edit).wall
        self.edit(-1)
        beyond = edited - self.load
        print(f"recs {name}, {len(self.lines):,} items of {self.name} (first run {first:.1f} s)")
        print(f"  unchanged      {unchanged:6.2f} s  {unchanged / self.bare:5.2f} x   same bytes: {same}")
        print(f"  one edited     {edited:6.2f} s; beyond the model {beyond:.2f} s  {beyond / self.bare:.2f} x")


def main() -> None:
    data = Path(os.environ["RECS_DATA"])
    bare = best(python("import numpy, scipy.sparse")).wall
    load = best(python(LOAD), 5).wall
    nothing = best(python(""), 15).processor
    ours = best(python("import recs"), 15).processor
    print(f"import numpy, scipy.sparse: {bare:.3f} s; the model and one word: {load:.2f} s")
    print(f"import recs: {1000 * (ours - nothing):.0f} ms of the processor")
    with tempfile.TemporaryDirectory() as folder:
        for name, count in (("18f_blog", 508), ("scale_turns_20k", 5000)):
            lines = (data / name / "data.jsonl").read_text(encoding="utf-8").splitlines()[:count]
            bench = Bench(name, lines, Path(folder), bare, load)
            bench.verb("related")
            if count < 1000:
                bench.verb("cluster")


if __name__ == "__main__":
    main()
