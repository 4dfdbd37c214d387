"""The speed of an index: making it, opening it in a new process, and queries, beside the import of numpy and scipy.

    python benchmarks/search_speed.py TURNS [ITEMS] [PASSAGES_EACH]   # a folder with data.jsonl: {"text"} in each line

Items are made by a fixed rule from the texts. Their vectors are drawn from the digests of the passages, since embedding
is not what is measured; queries are embedded by the real model.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import recs
from recs.retrieval.index import Index
from recs.retrieval.segment import Segment
from recs.retrieval.vectors import Vectors

WORDS = 60  # of a passage
QUERIES = 200


def made_items(texts: list[str], count: int, passages: int) -> list[recs.Item]:
    draw = random.Random(3)
    words = " ".join(texts).split()
    items = []
    for number in range(count):
        starts = [draw.randrange(len(words) - WORDS) for _ in range(passages)]
        body = " ".join(" ".join(words[start : start + WORDS]) for start in starts)
        title = " ".join(words[starts[0] : starts[0] + 6])
        items.append(recs.Item(f"{number:06}", body, title=title, tags=(f"tag{number % 7}",)))
    return items


def drawn_vectors(items: list[recs.Item], passages: int, spec: recs.Embedder) -> Vectors:
    draw = np.random.default_rng(5)
    of_passages = draw.standard_normal((len(items) * passages, spec.spec.dim), dtype=np.float32)
    of_passages /= np.linalg.norm(of_passages, axis=1, keepdims=True)
    means = of_passages.reshape(len(items), passages, -1).mean(axis=1)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    edges = [np.linspace(0, len(item.text), passages + 1).astype(int) for item in items]
    spans = np.concatenate([np.column_stack([edge[:-1], edge[1:]]) for edge in edges])
    starts = np.arange(len(items) + 1, dtype=np.int64) * passages
    readable = np.ones(len(items), np.uint16)
    return Vectors(means, of_passages, starts, spans, readable, spec.spec.name, spec.spec.fingerprint, "cosine")


def seconds_of(*command: str) -> float:
    """Return the least wall seconds of five runs of a process."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def update(items: list[recs.Item], place: str, embedder: recs.Embedder) -> None:
    """Edit one item after the other, and print what an update takes beyond embedding it."""
    for row in (7, 77, 777):
        items[row] = replace(items[row], text=f"{items[row].text} An edit.")
        start = time.perf_counter()
        recs.build_index([items[row]], embedder=embedder, cache=False)
        one = time.perf_counter() - start
        collection = recs.read_items(items, boilerplate="keep")
        start = time.perf_counter()
        index = recs.build_index(collection, embedder=embedder, previous=recs.open_index(place), cache=False)
        middle = time.perf_counter()
        recs.save_index(index, place)
        end = time.perf_counter()
        print(f"one edit: {end - start - one:.2f} s beyond embedding it, {end - middle:.2f} s of them to write")


def main() -> None:
    folder = Path(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    passages = int(sys.argv[3]) if len(sys.argv) > 3 else 15
    texts = [json.loads(line)["text"] for line in (folder / "data.jsonl").open(encoding="utf-8")]
    items = made_items(texts, count, passages)
    embedder = recs.load_embedder()
    start = time.perf_counter()
    segment = Segment.of(items, drawn_vectors(items, passages, embedder))
    size = len(segment.postings.rows)
    print(f"terms of {count:,} items counted in {time.perf_counter() - start:.1f} s, {size:,} postings")
    index = Index((segment,), lambda: embedder)
    with tempfile.TemporaryDirectory() as name:
        place = str(Path(name) / "index")
        start = time.perf_counter()
        recs.save_index(index, place)
        size = sum(file.stat().st_size for file in Path(place).rglob("*") if file.is_file())
        print(f"written in {time.perf_counter() - start:.1f} s, {size / 1e6:,.0f} MB")
        update(items, place, embedder)
        unit = seconds_of(sys.executable, "-c", "import numpy, scipy.sparse")
        for kind in ("terms", "auto"):
            command = [sys.executable, "-m", "recs", "search", place, "open source database", "--signals", kind, "-q"]
            one = seconds_of(*command)
            onnx = [*command, "--engine", "onnx"]
            also = f", by onnx {seconds_of(*onnx) / unit:.2f} x" if kind == "auto" else ""
            print(f"process to answer, {kind}: {one:.2f} s = {one / unit:.2f} x the bare import{also}")
        opened = recs.open_index(place, embedder=embedder)
        draw = random.Random(9)
        asked = [" ".join(draw.choice(texts).split()[:6]) for _ in range(QUERIES)]
        for kind in ("terms", "auto"):
            opened.search(asked[0], signals=kind)
            times = []
            for query in asked:
                start = time.perf_counter()
                opened.search(query, signals=kind)
                times.append(time.perf_counter() - start)
            middle, high = statistics.median(times), sorted(times)[int(len(times) * 0.99)]
            print(f"query on an open index, {kind}: median {middle * 1e3:.1f} ms, p99 {high * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
