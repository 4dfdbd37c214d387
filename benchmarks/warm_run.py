"""The second run of `recs related`: everything cached, one post edited.

    RECS_DATA=… python benchmarks/warm_run.py [collection]

Prints wall seconds (best of five processes), whether torch was imported, whether the bytes agree, and how many vectors
were computed after one post was edited.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = """
import sys
from recs.cli import main
try:
    main()
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""


def run(source: Path, cache: Path, *options: str) -> tuple[float, str, str]:
    start = time.perf_counter()
    command = [sys.executable, "-c", PROGRAM, "related", str(source), "--cache", str(cache), *options]
    done = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")
    return time.perf_counter() - start, done.stdout, done.stderr.strip().splitlines()[-1]


def vectors(cache: Path) -> int:
    from recs import Cache

    with Cache(cache) as opened:
        return sum(space.vectors for space in opened.info().spaces)


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "18f_blog"
    source = Path(os.environ["RECS_DATA"]) / name / "data.jsonl"
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        terms = min(run(source, cache, "--signals", "terms", "--no-cache")[0] for _ in range(3))
        first, expected, _ = run(source, cache)
        before = vectors(cache)
        again = [run(source, cache) for _ in range(5)]
        edited = Path(folder) / "edited.jsonl"
        lines = source.read_text(encoding="utf-8").splitlines()
        record = json.loads(lines[10])
        record["text"] += "\n\nA closing paragraph that was added today."
        lines[10] = json.dumps(record)
        edited.write_text("\n".join(lines), encoding="utf-8")
        edit = run(edited, cache)[0]
        print(f"{name}: terms alone {terms:.2f} s; first run {first:.1f} s, {before} vectors")
        print(f"second run {min(seconds for seconds, _, _ in again):.2f} s; torch imported: {again[0][2]}; ", end="")
        print(f"identical bytes: {all(out == expected for _, out, _ in again)}")
        print(f"one post edited: {edit:.1f} s, {vectors(cache) - before} vectors computed")


if __name__ == "__main__":
    main()
