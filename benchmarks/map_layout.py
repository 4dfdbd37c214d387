"""How many neighbours stay neighbours on a map, and what the map costs: recs, and libraries for layouts.

    RECS_DATA=… python benchmarks/map_layout.py --save FOLDER     # recs; writes the vectors for the peers
    python benchmarks/map_layout.py --peers FOLDER                # openTSNE, PaCMAP, scikit-learn, if they are there

Preserved is the share of the 15 nearest vectors that are among the 15 nearest points. Rows are drawn with a fixed seed.
Peers start from principal components, with the random state 0 and one thread. "Stable" says whether a second run, and
one with the rows in another order, give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

SETS = {"clinc150": (5000,), "stc_stackoverflow": (5000, 20_000)}


def by_recs(X: np.ndarray) -> np.ndarray:
    from recs.clustering.maps.layout import map_layout

    return map_layout(X)


def by_open_tsne(X: np.ndarray) -> np.ndarray:
    from openTSNE import TSNE

    fit = TSNE(perplexity=30, initialization="pca", metric="cosine", neighbors="exact", random_state=0, n_jobs=1).fit(X)
    return np.asarray(fit)


def by_scikit_learn(X: np.ndarray) -> np.ndarray:
    from sklearn.manifold import TSNE

    return np.asarray(TSNE(init="pca", random_state=0, n_jobs=1).fit_transform(X))


def by_pacmap(X: np.ndarray) -> np.ndarray:
    import pacmap

    return np.asarray(pacmap.PaCMAP(random_state=0).fit_transform(X, init="pca"))


def nearest_rows(X: np.ndarray, k: int = 15) -> np.ndarray:
    nearest = []
    for start in range(0, len(X), 512):
        scores = X[start : start + 512] @ X.T
        scores[np.arange(len(scores)), start + np.arange(len(scores))] = -9
        nearest.append(np.argpartition(-scores, k, axis=1)[:, :k])
    return np.vstack(nearest)


def preserved(X: np.ndarray, places: np.ndarray) -> float:
    from scipy.spatial import cKDTree

    near = cKDTree(places).query(places, k=16)[1]
    return float(
        np.mean(
            [
                len(set(a) & set(b.tolist()) - {at}) / 15
                for at, (a, b) in enumerate(zip(nearest_rows(X), near, strict=True))
            ]
        )
    )


def measure(name: str, X: np.ndarray, method: str, layout: Callable[[np.ndarray], np.ndarray]) -> None:
    try:
        start, cpu = time.perf_counter(), time.process_time()
        places = layout(X)
    except ImportError:
        return
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    order = np.random.default_rng(1).permutation(len(X))
    stable = "–"
    if len(X) <= 5000:
        stable = f"{np.array_equal(layout(X), places)}, {np.array_equal(layout(X[order]), places[order])}"
    print(
        f"| {name} | {len(X)} | {method} | {preserved(X, places):.3f} | {seconds:.0f} | {cpu:.0f} | {stable} |",
        flush=True,
    )


def unit_vectors(data: Path, name: str, embedder: Any) -> np.ndarray:
    import recs

    rows = [json.loads(line) for line in (data / name / "data.jsonl").read_text(encoding="utf-8").splitlines()]
    items = [recs.Item(id=row["id"], title=row.get("title") or "", text=row["text"]) for row in rows]
    X = recs.embed_items(items, embedder, role="clustering").vectors
    return np.asarray(X / np.linalg.norm(X, axis=1, keepdims=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--save", type=Path)
    parser.add_argument("--peers", type=Path)
    options = parser.parse_args()
    methods = {"recs": by_recs}
    if options.peers:
        methods = {"openTSNE": by_open_tsne, "scikit-learn": by_scikit_learn, "PaCMAP": by_pacmap}
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("| set | rows | layout | preserved | seconds | of processor | stable: again, other order |")
    print("|---|---|---|---|---|---|---|")
    for name, sizes in SETS.items():
        if options.peers:
            vectors = np.load(options.peers / f"{name}.npy")
        else:
            import recs

            vectors = unit_vectors(Path(os.environ["RECS_DATA"]), name, recs.load_embedder())
            if options.save:
                options.save.mkdir(parents=True, exist_ok=True)
                np.save(options.save / f"{name}.npy", vectors)
        for size in sizes:
            rows = np.sort(np.random.default_rng(0).choice(len(vectors), size, replace=False))
            for method, layout in methods.items():
                measure(name, np.ascontiguousarray(vectors[rows]), method, layout)


if __name__ == "__main__":
    main()
