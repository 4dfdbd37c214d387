"""How well topics match labels that people gave, and how many there are: recs, k-means told the true number, BERTopic.

    python benchmarks/cluster_quality.py FOLDER --save VECTORS  # recs and k-means; embeds with MiniLM
    python benchmarks/cluster_quality.py --peers VECTORS        # BERTopic, where that is installed

All see the same vectors and run with their defaults. AMI counts every item: unassigned ones are one more topic. A
"sample" is a thousand items (or as `--samples` says) drawn with a fixed seed: the number of topics should not hang on
how many items there are. The last line says how often another layer has a clearly higher AMI than the chosen one.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

sys.path.insert(0, str(Path(__file__).parent.parent))

SETS = {"stc_stackoverflow": "label", "clinc150": "label", "banking77": "label", "til": "label", "blogs": "blog"}
CLEARLY = 0.01  # of AMI
BLOGS = ("18f_blog", "podcast_syntax", "recipes", "rust_blog", "til")  # five kinds of documents as five classes
TAGS = ("wordpress", "oracle", "svn", "apache", "excel", "matlab", "visual-studio", "cocoa", "osx", "bash", "spring")
TAGS += ("hibernate", "scala", "sharepoint", "ajax", "qt", "drupal", "linq", "haskell", "magento")


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    names = BLOGS if name == "blogs" else (name,)
    rows = []
    for one in names:
        for line in (folder / one / "data.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row.get("label") != "oos":
                rows.append({**row, "id": f"{one}/{row['id']}", "blog": one})
    return rows


def embed(rows: list[dict[str, Any]]) -> Any:
    import recs

    items = [recs.Item(id=row["id"], title=row.get("title") or "", text=row["text"]) for row in rows]
    return recs.embed_items(items, recs.load_embedder())


def report(name: str, what: str, labels: np.ndarray, truth: np.ndarray, seconds: float, note: str = "") -> None:
    topics = len(set(labels.tolist()) - {-1})
    ami = adjusted_mutual_info_score(truth, labels)
    covered = float((labels >= 0).mean())
    print(
        f"| {name} | {len(truth)} | {len(set(truth.tolist()))} | {what} | {topics} | {ami:.3f} | {covered:.2f} "
        f"| {seconds:.1f} | {note} |",
        flush=True,
    )


def named(clustering: Any, truth: np.ndarray) -> float:
    """Return the share of topics whose three best phrases hold every word of the commonest tag of their items."""
    hits = []
    for topic in clustering.topics:
        values, counts = np.unique(truth[clustering.assigned == topic.id], return_counts=True)
        tag = TAGS[int(values[counts.argmax()]) - 1]
        said = " ".join(topic.phrases[:3]).lower()
        hits.append(all(word in said for word in tag.split("-")))
    return float(np.mean(hits))


def run_recs(name: str, items: list[Any], embeddings: Any, truth_of: dict[str, str]) -> bool:
    """Return whether a layer has an AMI of .01 more than the default has."""
    import recs

    is_better = False
    for assign in ("close", "all"):
        start = time.perf_counter()
        found = recs.cluster_items(items, embeddings, assign=assign)
        seconds = time.perf_counter() - start
        truth = np.array([truth_of[item_id] for item_id in found.ids])
        scores = [adjusted_mutual_info_score(truth, layer.assigned) for layer in found.layers]
        layers = [f"{len(layer.topics)}: {score:.3f}" for layer, score in zip(found.layers, scores, strict=True)]
        note = f"layers {', '.join(layers)}"
        if assign == "close":
            is_better = max(scores) > scores[found.default] + CLEARLY
        if name == "stc_stackoverflow":
            note += f"; named {named(found, truth):.2f}"
        report(name, f"recs, assign={assign}", found.assigned, truth, seconds, note)
    return is_better


def run_kmeans(name: str, X: np.ndarray, truth: np.ndarray) -> None:
    from sklearn.cluster import KMeans

    start = time.perf_counter()
    labels = KMeans(len(set(truth.tolist())), n_init=3, random_state=0).fit_predict(X)
    report(name, "k-means, told the number", labels, truth, time.perf_counter() - start)


def run_bertopic(name: str, texts: list[str], X: np.ndarray, truth: np.ndarray, *, seed: int) -> None:
    from bertopic import BERTopic
    from umap import UMAP

    reducer = UMAP(n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", low_memory=False, random_state=seed)
    start = time.perf_counter()
    labels = np.array(BERTopic(umap_model=reducer, embedding_model=None).fit_transform(texts, X)[0])
    report(name, "BERTopic", labels, truth, time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--samples", nargs="*", type=int, default=[1000], help="numbers of items")
    options = parser.parse_args()
    print("| set | items | classes | by | topics | AMI | coverage | seconds | |\n|---|---|---|---|---|---|---|---|---|")
    if options.peers:
        for name in options.sets:
            with np.load(options.peers / f"{name}.npz") as saved:
                texts, X, truth = saved["texts"].tolist(), saved["vectors"], saved["truth"]
            run_bertopic(name, texts, X, truth, seed=0)
        return
    import recs

    better: list[bool] = []
    for name in options.sets:
        rows = read(options.data, name)
        everything = embed(rows)
        samples = {"": rows}
        for size in options.samples:
            if len(rows) > 2 * size:
                chosen = np.random.default_rng(0).choice(len(rows), size, replace=False)
                samples[f" sample of {size:,}"] = [rows[row] for row in sorted(chosen)]
        for suffix, some in samples.items():
            items = [recs.Item(id=row["id"], title=row.get("title") or "", text=row["text"]) for row in some]
            embeddings = everything.take([item.id for item in items])
            truth_of = {row["id"]: str(row[SETS[name]]) for row in some}
            truth = np.array([truth_of[item.id] for item in items])
            better.append(run_recs(name + suffix, items, embeddings, truth_of))
            run_kmeans(name + suffix, embeddings.vectors, truth)
            if options.save:
                options.save.mkdir(parents=True, exist_ok=True)
                texts = np.array([f"{item.title}\n{item.text}" for item in items])
                path = options.save / f"{(name + suffix).replace(' ', '_')}.npz"
                np.savez(path, texts=texts, vectors=embeddings.vectors, truth=truth)
    print(f"\nAnother layer has an AMI of {CLEARLY} more: {sum(better)} of {len(better)}")


if __name__ == "__main__":
    main()
