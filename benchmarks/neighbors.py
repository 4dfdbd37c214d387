"""Exact ten neighbours of 20,000 unit vectors of 384 dimensions: recs, the multiply alone, scikit-learn, faiss.

    python benchmarks/neighbors.py [--rows 20000] [--rounds 3]

The multiply is the same blocked float32 product with its result thrown away. Rounds are interleaved and the best of
each counts. scikit-learn and faiss-cpu are left out where they are missing. Peak memory is measured for each contender
in a process of its own, the vectors included.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))  # runs beside faiss, where recs itself is not installed

from recs.embedding import neighbors

K = 10
DIM = 384


def make_vectors(kind: str, n: int) -> np.ndarray:
    """Return unit rows: "random" directions, or "clustered" around n / 100 centres in a random order."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, DIM), dtype=np.float32)
    if kind == "clustered":
        centres = rng.standard_normal((max(n // 100, 1), DIM), dtype=np.float32)
        X *= 0.7
        X += centres[rng.integers(0, len(centres), n)]
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    return X


def multiply(X: np.ndarray) -> None:
    rows = neighbors._block_rows(len(X))
    out = np.empty((rows, len(X)), np.float32)
    for start in range(0, len(X), rows):
        block = X[start : start + rows]
        np.matmul(block, X.T, out=out[: len(block)])


def recs(X: np.ndarray) -> np.ndarray:
    return neighbors.top_k(X, K).indices


def scikit_learn(X: np.ndarray) -> np.ndarray:
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=K, algorithm="brute", metric="cosine").fit(X)
    return index.kneighbors(return_distance=False)


def faiss(X: np.ndarray) -> np.ndarray:
    import faiss as library

    index = library.IndexFlatIP(X.shape[1])
    index.add(X)
    return index.search(X, K + 1)[1]  # the vector itself is among them


def contenders() -> dict[str, Callable[[np.ndarray], Any]]:
    found: dict[str, Callable[[np.ndarray], Any]] = {"multiply alone": multiply, "recs": recs}
    for name, module, run in (("scikit-learn", "sklearn", scikit_learn), ("faiss", "faiss", faiss)):
        if importlib.util.find_spec(module):
            found[name] = run
        else:
            print(f"{name} is not installed: left out")
    return found


def agreement(ours: np.ndarray, other: np.ndarray) -> float:
    """Return the share of our neighbours that another's lists hold too."""
    return float(np.mean([len(set(a) & set(b)) / K for a, b in zip(ours.tolist(), other.tolist(), strict=True)]))


def peak_megabytes(name: str, n: int) -> float:
    command = [sys.executable, __file__, "--peak-of", name, "--rows", str(n)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak_of:
        import resource

        contenders()[options.peak_of](make_vectors("clustered", options.rows))
        unit = 1 if sys.platform == "darwin" else 1024
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)
        return
    print(f"{platform.machine()}, {os.cpu_count()} cores, numpy {np.__version__}, {options.rows} x {DIM}, k={K}")
    runs = contenders()
    peak = {name: peak_megabytes(name, options.rows) for name in runs}  # first: a child starts at its parent's peak
    for kind in ("random", "clustered"):
        X = make_vectors(kind, options.rows)
        best = dict.fromkeys(runs, float("inf"))
        lists: dict[str, Any] = {}
        for _ in range(options.rounds):
            for name, run in runs.items():
                began = time.perf_counter()
                lists[name] = run(X)
                best[name] = min(best[name], time.perf_counter() - began)
        print(f"\n{kind} vectors\n{'':16}{'seconds':>9}{'/ multiply':>12}{'peak MB':>9}{'same lists':>12}")
        for name, seconds in best.items():
            ratio = seconds / best["multiply alone"]
            same = "" if name == "multiply alone" else f"{agreement(lists['recs'], lists[name]):.4f}"
            print(f"{name:16}{seconds:9.2f}{ratio:12.2f}{peak[name]:9.0f}{same:>12}")


if __name__ == "__main__":
    main()
