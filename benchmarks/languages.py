"""Search in five languages, and across them: MiniLM, which knows English, beside multilingual-e5-small in 4 bits.

    RECS_DATA=… python benchmarks/languages.py [QUESTIONS]     # xquad_r/LANGUAGE/data.jsonl and queries.jsonl, parallel
    RECS_DATA=… python benchmarks/languages.py topics

Printed is nDCG@10 of the vectors alone and of words and vectors: questions and paragraphs in one language, and, for the
vectors, questions in one language and paragraphs in another, as the mean over the twenty pairs. With "topics": how well
the topics of the paragraphs of all languages, without titles, agree with the languages and with the articles (AMI), and
how many pairs of a paragraph and its translation are in one topic; with the languages in the vectors and without them.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

import recs
from recs.clustering import languages

LANGUAGES = ("en", "de", "es", "zh", "ar")
MODELS = ("all-MiniLM-L6-v2", "multilingual-e5-small-4bit")
DISCOUNT = 1 / np.log2(np.arange(2, 12))


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.open(encoding="utf-8")]


def gain(hits: list[str], right: str) -> float:
    return float(DISCOUNT[hits.index(right)]) if right in hits else 0.0


def index_of(data: Path, language: str, embedder: recs.Embedder) -> Any:
    records = rows(data / "xquad_r" / language / "data.jsonl")
    items = tuple(recs.Item(str(row["id"]), row["text"], lang=language) for row in records)
    return recs.build_index(recs.Collection(items), embedder=embedder)


def judge_topics(data: Path, model: str) -> None:
    """Print how the topics of all paragraphs agree with languages, articles and translations."""
    from sklearn.metrics import adjusted_mutual_info_score

    records = {f"{code}-{row['id']}": row for code in LANGUAGES for row in rows(data / "xquad_r" / code / "data.jsonl")}
    items = [recs.Item(name, row["text"]) for name, row in sorted(records.items())]
    embeddings = recs.embed_items(items, recs.load_embedder(model), role="clustering")
    names = [item.id for item in items]
    for fewest in (len(items), languages._FEWEST):
        languages._FEWEST = fewest  # with so many, no language counts
        clustering = recs.cluster_items(items, embeddings)
        topics = dict(zip(clustering.ids, clustering.assigned.tolist(), strict=True))
        assigned = [topics[name] for name in names]
        of_language = adjusted_mutual_info_score([name[:2] for name in names], assigned)
        of_article = adjusted_mutual_info_score([records[name]["title"] for name in names], assigned)
        translations = [
            (topics[f"{one}-{number}"], topics[f"{other}-{number}"])
            for number in sorted({name[3:] for name in names})
            for one, other in combinations(LANGUAGES, 2)
        ]
        together = np.mean([one == other >= 0 for one, other in translations])
        taken_out = ", ".join(clustering.languages.codes) or "nothing"
        print(
            f"{model:28} without {taken_out:15} {len(clustering.topics)} topics, AMI with languages {of_language:.3f}, "
            f"with articles {of_article:.3f}, translations together {together:.3f}",
            flush=True,
        )


def main() -> None:
    if sys.argv[1:] == ["topics"]:
        for model in MODELS:
            judge_topics(Path(os.environ["RECS_DATA"]), model)
        return
    data, most = Path(os.environ["RECS_DATA"]), int(sys.argv[1]) if len(sys.argv) > 1 else 397
    queries = {language: rows(data / "xquad_r" / language / "queries.jsonl")[::3][:most] for language in LANGUAGES}
    for model in MODELS:
        embedder = recs.load_embedder(model)
        across = []
        for language in LANGUAGES:
            index = index_of(data, language, embedder)
            results = {}
            for signals in ("terms", "dense", "auto"):
                asked = queries[language]
                results[signals] = [gain(ids(index, row["text"], signals), row["relevant"][0]) for row in asked]
            for other in set(LANGUAGES) - {language}:
                asked = queries[other][::4]
                across += [gain(ids(index, row["text"], "dense"), row["relevant"][0]) for row in asked]
            means = "  ".join(f"{name} {np.mean(values):.3f}" for name, values in results.items())
            print(f"{model:28} {language}  {means}", flush=True)
        print(f"{model:28} across languages, vectors alone: {np.mean(across):.3f}", flush=True)


def ids(index: Any, query: str, signals: Any) -> list[str]:
    return [hit.id for hit in index.search(query, signals=signals)]


if __name__ == "__main__":
    main()
