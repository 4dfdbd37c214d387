"""Seconds and peak memory of topics for 1,000 to 100,000 items of 384 dimensions: recs, and UMAP with HDBSCAN.

    python benchmarks/cluster_speed.py [--rows 1000 10000 100000] [--umap]

Each run has a process of its own; the vectors, unit rows around a number of centres that grows with the rows, are
counted into the peak. The texts are short, so that reading them for phrases weighs little.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

DIM = 384


def make_vectors(n: int) -> np.ndarray:
    """Return unit rows around n ** 0.5 / 2 centres of uneven sizes, in a random order."""
    rng = np.random.default_rng(0)
    count = max(int(n**0.5 / 2), 2)
    centres = rng.standard_normal((count, DIM), dtype=np.float32)
    chosen = (count * rng.random(n) ** 2).astype(int)
    X = 1.6 * rng.standard_normal((n, DIM), dtype=np.float32)
    X += centres[chosen]
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X


def run_recs(X: np.ndarray) -> int:
    import recs

    items = [recs.Item(id=f"{row:07}", text=f"text {row} of {row % 97} and {row % 13}") for row in range(len(X))]
    embeddings = recs.Embeddings.from_array([item.id for item in items], X, model="made")
    return len(recs.cluster_items(items, embeddings).topics)


def run_umap(X: np.ndarray) -> int:
    from hdbscan import HDBSCAN
    from umap import UMAP

    places = UMAP(n_components=5, n_neighbors=15, min_dist=0.0, metric="cosine").fit_transform(X)
    return int(HDBSCAN(min_cluster_size=15).fit(places).labels_.max()) + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--umap", action="store_true")
    parser.add_argument("--one", nargs=2)
    options = parser.parse_args()
    if options.one:
        X = make_vectors(int(options.one[1]))
        start, cpu = time.perf_counter(), time.process_time()
        topics = run_recs(X) if options.one[0] == "recs" else run_umap(X)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(f"| {options.one[0]} | {len(X)} | {topics} | {seconds:.1f} | {cpu:.1f} | {peak:.2f} |")
        return
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("| by | items | topics | seconds | of processor | peak GB |\n|---|---|---|---|---|---|", flush=True)
    for n in options.rows:
        for what in ("recs", "umap") if options.umap else ("recs",):
            subprocess.run([sys.executable, __file__, "--one", what, str(n)], check=True)


if __name__ == "__main__":
    main()
