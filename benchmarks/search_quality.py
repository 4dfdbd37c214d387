"""How well search finds what judged queries and titles ask for, and whether a context holds the answer.

RECS_DATA names a folder of collections:
    cranfield, cisi            data.jsonl, queries.jsonl, qrels.jsonl: query, doc, gain (binary here: above 0)
    xquad_r/en                 data.jsonl (paragraphs), queries.jsonl: id, text, relevant, answer, start
    18f_blog and other blogs   data.jsonl: each title is a query for its own body, which is indexed without it
Printed is nDCG@10 of words alone, of vectors alone and of both, as `recs evaluate --task search` has them; then the
mean of the collections, and the share of the answers that are in contexts of 500, 1,000 and 2,000 tokens if the
paragraphs of XQuAD are joined to twenty long documents.

    RECS_DATA=… python benchmarks/search_quality.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import recs

JUDGED = ("cranfield", "cisi")
BLOGS = ("18f_blog", "rust_blog", "til", "podcast_syntax", "recipes")
DOCUMENTS = 20


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.open(encoding="utf-8")]


def items_of(records: list[dict[str, Any]]) -> recs.Collection:
    return recs.Collection(
        tuple(
            recs.Item(str(row["id"]), row.get("text") or "", title=row.get("title") or "")
            for row in records
            if (row.get("text") or "").strip()
        )
    )


def evaluations(data: Path, embedder: recs.Embedder) -> Iterator[tuple[str, Any]]:
    for name in JUDGED:
        collection = items_of(rows(data / name / "data.jsonl"))
        present = {item.id for item in collection}
        judgments = [row for row in rows(data / name / "qrels.jsonl") if row["doc"] in present]
        asked = {row["query"] for row in judgments if row.get("gain", 1) > 0}
        queries = [row for row in rows(data / name / "queries.jsonl") if row["id"] in asked]
        yield name, recs.evaluate_search(collection, queries=queries, judgments=judgments, embedder=embedder)
    place = data / "xquad_r" / "en"
    collection = items_of(rows(place / "data.jsonl"))
    queries = [{name: row[name] for name in ("id", "text", "relevant")} for row in rows(place / "queries.jsonl")]
    yield "xquad en", recs.evaluate_search(collection, queries=queries, embedder=embedder)
    for name in BLOGS:
        collection = recs.read_items(str(data / name / "data.jsonl"), now="2030-01-01")
        yield name, recs.evaluate_search(collection, embedder=embedder)


def joined(data: Path) -> tuple[recs.Collection, list[dict[str, Any]]]:
    """Return the paragraphs of XQuAD as twenty documents, and the queries with the places of their answers."""
    place = data / "xquad_r" / "en"
    paragraphs = rows(place / "data.jsonl")
    size = -(-len(paragraphs) // DOCUMENTS)
    where, items = {}, []
    for number in range(DOCUMENTS):
        text = ""
        for row in paragraphs[number * size : (number + 1) * size]:
            text += "\n\n\n" if text else ""
            where[row["id"]] = (f"{number:02}", len(text))
            text += row["text"]
        items.append(recs.Item(f"{number:02}", text))
    queries = []
    for row in rows(place / "queries.jsonl"):
        name, offset = where[row["relevant"][0]]
        queries.append({**row, "relevant": [name], "start": offset + row["start"]})
    return recs.Collection(tuple(items)), queries


def main() -> None:
    data, embedder = Path(os.environ["RECS_DATA"]), recs.load_embedder()
    means: dict[str, list[float]] = {"terms": [], "dense": [], "auto": []}
    print(f"{'':16}{'queries':>8}{'terms':>8}{'dense':>8}{'auto':>8}   auto minus the better single one")
    for name, evaluation in evaluations(data, embedder):
        scores = {ranking.name: ranking for ranking in evaluation.rankings}
        values = {kind: scores[kind].metrics["ndcg@10"].mean for kind in means}
        behind = scores[evaluation.better_single].behind["ndcg@10"]
        for kind, value in values.items():
            means[kind].append(value)
        cells = "".join(f"{value:8.3f}" for value in values.values())
        print(
            f"{name:16}{evaluation.queries:8}{cells}   {behind.mean:+.3f} [{behind.low:+.3f}, {behind.high:+.3f}]",
            flush=True,
        )
    print(f"{'mean':24}" + "".join(f"{np.mean(values):8.3f}" for values in means.values()))
    collection, queries = joined(data)
    answers = recs.evaluate_search(collection, queries=queries, embedder=embedder).answers
    for kind, by_budget in answers.items():
        print(f"answers in context, {kind:6}", *(f"{budget}: {one.mean:.3f}" for budget, one in by_budget.items()))


if __name__ == "__main__":
    main()
