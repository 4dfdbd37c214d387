"""Related lists of many items in shards: seconds, processor seconds and memory of each step, as n grows.

The large collection is made from a small one, for time alone: item n has the first half of the words of one item and
the second half of those of another one, and its vector is the sum of theirs with some noise, of length 1. So nothing is
embedded. `--in-memory` runs `recs.related_items` on the same items and vectors.

    RECS_DATA=… python benchmarks/bulk_related.py --rows 20000 --rows 308000 --workers 2
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import recs
from recs.bulk.related import related_in_shards
from recs.bulk.runners import LocalRunner
from recs.bulk.store import StoredTexts
from recs.bulk.vectors import EmbedTexts, vector_table
from recs.embedding.vectors import Embeddings

SOURCE = "scale_turns_20k"


@dataclass(frozen=True, slots=True)
class MixedVectors(EmbedTexts):
    """Makes the vectors of mixed items from those of a file; `EmbedTexts` without a model."""

    vectors: Path = Path()

    def fingerprint(self) -> str:
        """Return what stands for a model."""
        return "mixed"

    def __call__(self, path: Path):
        """Return the table of a shard."""
        stored = StoredTexts.read(path)
        return vector_table(mixed_embeddings(stored.ids, np.load(self.vectors, mmap_mode="r")), None)


def mixed_embeddings(ids: list[str], vectors: np.ndarray) -> Embeddings:
    """Return the vectors of mixed items; one item of twenty has two chunks."""
    rows = np.array([[int(part) for part in name.split("-")[1:]] for name in ids])
    noise = np.stack([np.random.default_rng(row.tolist()).standard_normal(vectors.shape[1]) for row in rows])
    both = vectors[rows[:, 0]] + 0.7 * vectors[rows[:, 1]] + 0.02 * noise
    units = (both / np.linalg.norm(both, axis=1, keepdims=True)).astype(np.float32)
    counts = np.where(rows[:, 0] % 20 == 0, 2, 1)
    chunk_rows = np.repeat(np.arange(len(ids)), counts)
    tokens = np.full(len(ids), 60)
    spans = np.zeros((len(chunk_rows), 2), np.int64)
    return Embeddings(
        tuple(ids),
        units,
        "mixed",
        model="mixed",
        chunk_vectors=units[chunk_rows],
        chunk_rows=chunk_rows,
        chunk_spans=spans,
        tokens=tokens,
        tokens_lost=np.zeros(len(ids), np.int64),
    )


def mixed_items(texts: list[str], count: int) -> recs.Collection:
    """Return so many items, each of halves of two texts."""
    n = len(texts)
    items = []
    for number in range(count):
        first = number % n
        second = (first * 7919 + 104_729 * (number // n + 1)) % n
        words, others = texts[first].split(), texts[second].split()
        text = " ".join([*words[: (len(words) + 1) // 2], *others[len(others) // 2 :]])
        items.append(recs.Item(f"{number:07}-{first}-{second}", text))
    return recs.Collection(tuple(items))


def measure(rows: int, workers: int, folder: Path, *, in_memory: bool) -> None:
    """Print the time and the memory of each step."""
    source = recs.read_items(Path(os.environ["RECS_DATA"], SOURCE, "data.jsonl")).public
    path = folder / "small.npy"
    if not path.exists():
        np.save(path, recs.embed_items(source).vectors)
    collection = mixed_items([item.text for item in source], rows)
    del source
    start = last = time.perf_counter()
    if in_memory:
        embeddings = mixed_embeddings([item.id for item in collection], np.load(path))
        start = time.perf_counter()
        recs.related_items(collection, embeddings, k=5)
    else:

        def progress(step: str, done: int, of: int) -> None:
            nonlocal last
            if done == of:
                print(f"  {step:12}{time.perf_counter() - last:8.1f} s", flush=True)
                last = time.perf_counter()

        embedding = MixedVectors("mixed", vectors=path)
        options = {"runner": LocalRunner(workers or None), "folder": folder / f"run{rows}", "progress": progress}
        lists = related_in_shards(collection, embedding, k=5, **options)
        recs.write_related(lists, folder / f"related{rows}.json")
        print(*(f"  {note}" for note in lists.notes), sep="\n")
    seconds = time.perf_counter() - start
    processor = sum(os.times()[:4])
    memory = [resource.getrusage(who).ru_maxrss / 1e6 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    where = "in memory" if in_memory else f"in shards, {workers} workers"
    print(
        f"{rows:,} items {where}: {seconds:.1f} s, processor {processor:.1f} s, {memory[0]:.2f} GB here, "
        f"{memory[1]:.2f} GB in the largest worker"
    )


def main() -> None:
    """Measure each number of rows in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, action="append", required=True)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--in-memory", action="store_true")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        if len(arguments.rows) == 1:
            measure(arguments.rows[0], arguments.workers, folder, in_memory=arguments.in_memory)
            return
        for rows in arguments.rows:
            more = ["--in-memory"] if arguments.in_memory else []
            command = [sys.executable, __file__, "--rows", rows, "--workers", arguments.workers, "--folder", folder]
            subprocess.run([*map(str, command), *more], check=True)


if __name__ == "__main__":
    main()
