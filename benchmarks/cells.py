"""Neighbours by cells against exact ones: recall at shares of the products, CPU seconds, and faiss IndexIVFFlat.

    RECS_DATA=… python benchmarks/cells.py [scale_turns_20k clinc150 …] [--times 15 --mix 0.3] [--shares 0.02 0.07]
    python benchmarks/cells.py --vectors one.npy two.npy

Vectors are those of MiniLM, or rows of .npy files, joined. With `--times` a collection is made larger: each unit row u
is there once as it is, and otherwise as (1 - mix) u + mix v with another row v at random, or with `--noise s` as u plus
Gaussian noise of length s. All rows are queries; recall is measured on 3,000 of them. "share" counts all products of a
query, with rows and with centroids. faiss is left out where it is missing; it gets as many
lists and probes the same share of them.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import time
from pathlib import Path

import numpy as np

from recs.ranking.cells import SAMPLE_OF_CELL, SHARE, Cells, assign, cells_of, in_cells, learn_cells
from recs.ranking.centred import centre, whole_rows
from recs.ranking.nearest import Nearest, pairs_around, with_pairs
from recs.ranking.proposals import best_columns

K = 50
QUERIES = 3000


def embedded(name: str) -> np.ndarray:
    """Return the vectors of a collection; those that say nothing are left out."""
    import recs

    items = recs.read_items(Path(os.environ["RECS_DATA"], name, "data.jsonl"))
    embeddings = recs.embed_items(items, recs.load_embedder("all-MiniLM-L6-v2"))
    return embeddings.vectors[~embeddings.blank]


def grown(vectors: np.ndarray, times: int, mix: float, noise: float) -> np.ndarray:
    units = centre(vectors)
    generator = np.random.default_rng(0)
    parts = [units]
    for _ in range(times - 1):
        if noise:
            parts.append(units + generator.standard_normal(units.shape) * (noise / units.shape[1] ** 0.5))
        else:
            parts.append((1 - mix) * units + mix * units[generator.permutation(len(units))])
    return np.concatenate(parts).astype(np.float32)


def exact(rows: np.ndarray, queries: np.ndarray) -> np.ndarray:
    lists = []
    for start in range(0, len(queries), 256):
        part = queries[start : start + 256]
        products = rows[part] @ rows.T
        products[np.arange(len(part)), part] = -np.inf
        lists.append(best_columns(products, K))
    return np.concatenate(lists)


def recalls(lists: np.ndarray, expected: np.ndarray) -> str:
    values = []
    for k in (10, 50):
        pairs = zip(lists[:, :k].tolist(), expected[:, :k].tolist(), strict=True)
        values.append(np.mean([len(set(ours) & set(theirs)) / k for ours, theirs in pairs]))
    return " / ".join(f"{value:.4f}" for value in values)


def with_reverse(lists: Nearest) -> Nearest:
    """Return the lists of all rows with the pairs from the other side."""
    rows, ranks = np.nonzero(lists.columns >= 0)
    return with_pairs(lists, lists.columns[rows, ranks], rows, lists.products[rows, ranks])


def with_neighbours(lists: Nearest, rows: np.ndarray) -> tuple[Nearest, float]:
    """Return the lists with the neighbours of neighbours, and how many of these a row is compared with."""
    pairs = []
    for start in range(0, len(rows), 1000):
        some = np.arange(start, min(start + 1000, len(rows)))
        places, columns = pairs_around(lists.columns, some)
        pairs.append((some[places], columns, np.einsum("ij,ij->i", rows[some[places]], rows[columns])))
    joined = [np.concatenate(each) for each in zip(*pairs, strict=True)]
    return with_pairs(lists, *joined), len(joined[0]) / len(rows)


def compare_with_faiss(rows: np.ndarray, cells: Cells, queries: np.ndarray, expected: np.ndarray, share: float) -> None:
    import faiss

    faiss.omp_set_num_threads(1)
    n, dim = rows.shape
    count = len(cells.centroids)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, count, faiss.METRIC_INNER_PRODUCT)
    began = time.process_time()
    index.cp.niter = 5
    index.train(rows)
    index.add(rows)
    learned = time.process_time() - began
    index.nprobe = max(1, round(share * count))
    faiss.cvar.indexIVF_stats.reset()
    began = time.process_time()
    lists = index.search(rows[queries], K + 1)[1]
    seconds = (time.process_time() - began) * n / len(queries)
    products = faiss.cvar.indexIVF_stats.ndis / len(queries) / n + count / n
    without = np.array([[each for each in row if each != own][:K] for row, own in zip(lists, queries, strict=True)])
    recalled = recalls(without, expected)
    print(f"  faiss, {index.nprobe} probes: {products:.4f} {recalled} CPU {seconds:.1f} s, learning {learned:.1f} s")


def measure(rows: np.ndarray, shares: list[float], factors: list[float]) -> None:
    n = len(rows)
    queries = np.sort(np.random.default_rng(1).choice(n, min(n, QUERIES), replace=False))
    began = time.process_time()
    expected = exact(rows, queries)
    print(f"  exact: CPU {(time.process_time() - began) * n / len(queries):.1f} s", flush=True)
    for factor in factors:
        count = int(cells_of(n) * factor)
        sample = rows[np.sort(np.random.default_rng(2).choice(n, min(n, SAMPLE_OF_CELL * count), replace=False))]
        began = time.process_time()
        centroids = learn_cells(sample, count)
        columns, starts = in_cells(assign(rows, centroids), count)
        cells = Cells(centroids, columns, starts, rows[columns])
        learned = time.process_time() - began
        for share in shares:
            began = time.process_time()
            lists = cells.propose(rows, np.arange(n), K, share=share)
            searched = time.process_time() - began
            joined = with_reverse(lists)
            around, compared = with_neighbours(joined, rows)
            seconds = time.process_time() - began
            products = (lists.compared.mean() + count + compared) / n
            print(
                f"  {count} cells, share {share}: {products:.4f} one side {recalls(lists.columns[queries], expected)} "
                f"reverse {recalls(joined.columns[queries], expected)} "
                f"around {recalls(around.columns[queries], expected)} "
                f"CPU {searched:.1f} + {seconds - searched:.1f} s, learning {learned:.1f} s",
                flush=True,
            )
        if importlib.util.find_spec("faiss"):
            compare_with_faiss(rows, cells, queries, expected, shares[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="*")
    parser.add_argument("--vectors", nargs="*", default=[])
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--mix", type=float, default=0.3)
    parser.add_argument("--noise", type=float, default=0)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.02, 0.04, SHARE])
    parser.add_argument("--cells", type=float, nargs="+", default=[1.0], help="times the default number")
    options = parser.parse_args()
    parts = [embedded(name) for name in options.collections] + [np.load(path) for path in options.vectors]
    rows = whole_rows(centre(grown(np.concatenate(parts), options.times, options.mix, options.noise)))
    print(f"{options.collections or options.vectors}, times {options.times}: {len(rows):,} rows")
    measure(rows, options.shares, options.cells)


if __name__ == "__main__":
    main()
