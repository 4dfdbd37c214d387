"""How well related lists find the items that authors linked to themselves, on real collections.

RECS_DATA names a folder of collections; each is a folder with
    data.jsonl    one item a line: id, title, text, …
    links.jsonl   one link a line: src, dst and the words that carry it, anchor
Links are hidden, and sources of eight and more left out, as `recs evaluate` does it. Printed is nDCG@10 of each ranking
with its 95 % interval and how far it is behind the default, source by source: for each collection, for the mean of the
collections, and for all their sources together.

    RECS_DATA=… python benchmarks/related_quality.py [--text text_full] [--rankings NAMES] [collection …]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recs import Cache, read_items, related_items
from recs.evaluation.baselines import DEPTH, bm25_scores, naive_ranking, ranked_by_score, tfidf_matrix
from recs.evaluation.judgments import judged_sources, with_judgments
from recs.evaluation.metrics import RESAMPLES, bootstrap, ndcg
from recs.evaluation.rankings import ids_of_lists
from recs.items import Collection
from recs.ranking.rules import NO_RULES
from recs.readers.read import read_records
from recs.text.links import hide_links

COLLECTIONS = ("18f_blog", "rust_blog", "recipes", "til", "podcast_syntax")
RANKINGS = ("fused", "as shown", "fused terms", "TF-IDF", "BM25", "naive dense")
"""The ranking before rules; the lists that a user gets, by the default rules; and rankings to compare with."""

Values = npt.NDArray[np.float64]


def judge(
    folder: Path, *, cache: Cache | bool, rankings: tuple[str, ...] = RANKINGS, text: str = "text"
) -> dict[str, Values]:
    """Return nDCG@10 of each judged source of a collection, in the order of their ids, by ranking."""
    collection = read_items(folder / "data.jsonl", fields={"text": text})
    ids = {item.id for item in collection}
    links = [link for link in read_records(folder / "links.jsonl") if {link["src"], link["dst"]} <= ids]
    collection = with_judgments(collection, links)
    judged, _ = judged_sources(collection.public)
    items = hide_links(collection.public, collection.boilerplate)
    hidden = Collection(tuple(items), collection.source)
    # The rules put linked items last, which would be the very judgments.
    unlinked = Collection(tuple(replace(item, links=()) for item in items), collection.source)
    texts = [f"{item.title}\n{item.text}" for item in items]
    terms = tfidf_matrix(texts).matrix
    made = {
        "fused": lambda: ids_of_lists(related_items(hidden, k=DEPTH, rules=NO_RULES, cache=cache)),
        "as shown": lambda: ids_of_lists(related_items(unlinked, k=DEPTH, cache=cache)),
        "fused terms": lambda: ids_of_lists(
            related_items(hidden, k=DEPTH, rules=NO_RULES, cache=cache, signals="terms,mentions")
        ),
        "TF-IDF": lambda: ranked_by_score(items, lambda start, stop: (terms[start:stop] @ terms.T).toarray()),
        "BM25": lambda: ranked_by_score(items, bm25_scores(texts)),
        "naive dense": lambda: naive_ranking(items, cache=cache),
    }
    lists = {name: made[name]() for name in rankings}
    return {
        name: np.array([ndcg(found[source], judged[source], DEPTH) for source in sorted(judged)])
        for name, found in lists.items()
    }


def mean_of_means(collections: list[Values]) -> tuple[float, float, float]:
    """Return the mean of the means of several collections, and the interval that resampling the sources gives it."""
    generator = np.random.default_rng(0)
    means = [
        np.mean([values[generator.integers(0, len(values), len(values))].mean() for values in collections])
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(np.mean([values.mean() for values in collections])), float(low), float(high)


def show(name: str, rows: Mapping[str, tuple[Any, Any]]) -> None:
    print(f"\n{name:18}{'nDCG@10':>24}{'behind the default':>28}")
    for ranking, (found, behind) in rows.items():
        line = f"{ranking:18}{found[0]:8.4f} [{found[1]:.3f}, {found[2]:.3f}]"
        print(line if behind is None else f"{line}{behind[0]:+12.4f} [{behind[1]:+.3f}, {behind[2]:+.3f}]")


def interval(values: Values) -> tuple[float, float, float]:
    found = bootstrap(values)
    return found.mean, found.low, found.high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--text", default="text", help="the field that holds the text: text_full has the sponsors in it"
    )
    parser.add_argument("--rankings", default=",".join(RANKINGS), help="which of them, separated by commas")
    parser.add_argument("collections", nargs="*")
    arguments = parser.parse_args()
    rankings = ("fused", *(name for name in arguments.rankings.split(",") if name != "fused"))
    root = Path(os.environ["RECS_DATA"])
    names = arguments.collections or [name for name in COLLECTIONS if (root / name).is_dir()]
    with Cache() as cache:
        found = {name: judge(root / name, cache=cache, rankings=rankings, text=arguments.text) for name in names}
    for name, values in found.items():
        first = values["fused"]
        behind = {r: None if r == "fused" else interval(first - values[r]) for r in rankings}
        show(f"{name} ({len(first)})", {r: (interval(values[r]), behind[r]) for r in rankings})
    for name, combine in (
        ("mean", mean_of_means),
        ("pooled", lambda collections: interval(np.concatenate(collections))),
    ):
        rows = {}
        for ranking in rankings:
            differences = [values["fused"] - values[ranking] for values in found.values()]
            rows[ranking] = (
                combine([values[ranking] for values in found.values()]),
                None if ranking == "fused" else combine(differences),
            )
        show(name, rows)


if __name__ == "__main__":
    main()
