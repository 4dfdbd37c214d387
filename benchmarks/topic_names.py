"""How well the names of topics tell what is in them: recs beside c-TF-IDF and KeyBERT-style names of the same topics.

    python benchmarks/topic_names.py FOLDER                 # all sets
    python benchmarks/topic_names.py FOLDER --sets til recipes --show

Topics are found once for each set and shared by all namers; a namer sees items and topics and gives one name a topic.

The judge is that of `recs evaluate --task topics`. Identification: the items of each topic are split into two halves.
A name that was made from one half is a query against the other half, whose topics are ranked by the mean BM25 score of
their items, and by the cosine of their centroid (less the mean of all centroids). The figure is the mean reciprocal
rank of the topic itself, over both halves.

Match, on sets whose classes have names: the share of topics whose name, shown alone, is nearer to the name of the
commonest class of their items than to any other class's name (cosine), and the share that hold all its words.

c-TF-IDF is that of BERTopic (one word, or the three best words); "KeyBERT-style" takes the candidates that c-TF-IDF
gives (words and pairs) and ranks them by their cosine to the centroid of the topic. Intervals are of a bootstrap over
topics, 95 %.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

import recs
from recs.arrays import unit_rows
from recs.clustering.closeness import PhraseModel
from recs.evaluation.metrics import bootstrap
from recs.evaluation.topic_names import (
    Embed,
    Judge,
    NamedItems,
    Namer,
    best_terms,
    by_class_tf_idf,
    by_recs,
    class_tf_idf,
    commonest_classes,
    embed_by,
    halves,
    identification,
    matches,
    words_of_class,
)

BLOGS = ("18f_blog", "rust_blog", "til", "recipes", "podcast_syntax")
MORE_BLOGS = ("isotopp", "ropensci_blog", "letsencrypt", "podcast_jupiter", "yihui_cn")
LABELLED = ("stc_stackoverflow", "banking77", "clinc150")
TAGS = ("wordpress", "oracle", "svn", "apache", "excel", "matlab", "visual-studio", "cocoa", "osx", "bash", "spring")
TAGS += ("hibernate", "scala", "sharepoint", "ajax", "qt", "drupal", "linq", "haskell", "magento")
NAMES_OF_CLASSES = {"stc_stackoverflow": {str(number): tag for number, tag in enumerate(TAGS, 1)}}


def read(folder: Path, name: str) -> tuple[list[recs.Item], list[str]]:
    path = folder / name / "data.jsonl"
    if name not in LABELLED:
        return list(recs.read_items(str(path), now="2026-11-01").public), []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["label"] != "oos"]
    names = NAMES_OF_CLASSES.get(name, {})
    items = [recs.Item(id=str(row["id"]), title=row.get("title") or "", text=row["text"]) for row in rows]
    return items, [words_of_class(names.get(row["label"], row["label"])) for row in rows]


def find_topics(folder: Path, name: str, embedder: recs.Embedder) -> tuple[NamedItems, list[str]]:
    """Return the topics of a set, and the class of each item, or nothing."""
    items, classes = read(folder, name)
    embeddings = recs.embed_items(items, embedder, role="clustering")
    clustering = recs.cluster_items(items, embeddings, embedder=embedder)
    place = {topic.id: number for number, topic in enumerate(clustering.topics)}
    topic_of = dict(zip(clustering.ids, clustering.assigned.tolist(), strict=True))
    labels = np.array([place.get(topic_of.get(item.id, -1), -1) for item in items])
    vectors = unit_rows(embeddings.take([item.id for item in items]).vectors.astype(np.float64))
    return NamedItems(tuple(items), vectors, labels, len(place)), classes


# ----------------------------------------------------------------------------------------------------------- the peers


def by_keybert(embed: Embed, *, candidates: int = 60) -> Namer:
    def name(topics: NamedItems) -> list[str]:
        names = []
        for topic, weights in enumerate(class_tf_idf(topics, longest=2)):
            best = best_terms(weights, candidates)
            centroid = topics.vectors[topics.labels == topic].mean(axis=0)
            names.append(best[int((embed(best) @ centroid).argmax())])
        return names

    return name


# ---------------------------------------------------------------------------------------------------------- the report


def interval(differences: np.ndarray) -> str:
    lead = bootstrap(differences)
    return f"{lead.mean:+.3f} [{lead.low:+.3f}, {lead.high:+.3f}]"


def report(name: str, topics: NamedItems, namers: dict[str, Namer], embed: Embed, *, classes: Sequence[str]) -> None:
    sides = [topics.part(rows) for rows in halves(topics)]
    judges = [Judge(side, embed) for side in sides]
    first: np.ndarray | None = None
    for label, namer in namers.items():
        ranks = identification(sides, judges, namer)
        figures = [*ranks.mean(axis=1), ranks.mean()]
        matched = matches(namer(topics), classes, embed)[::-1] if classes else np.zeros((2, 0))
        told = [f"{share:.3f}" for share in matched.mean(axis=1)] if classes else ["–", "–"]
        outcome = np.concatenate([ranks.mean(axis=0)[None], matched]) if classes else ranks.mean(axis=0)[None]
        first = outcome if first is None else first
        lead = " and ".join(interval(own - other) for own, other in zip(first[:2], outcome[:2], strict=True))
        row = [name, str(topics.count), label, *(f"{figure:.3f}" for figure in figures), *told]
        print(f"| {' | '.join(row)} | {lead if label != 'recs' else ''} |", flush=True)


def as_topics(topics: NamedItems, classes: Sequence[str]) -> tuple[NamedItems, list[str]]:
    """Return the classes of a labelled set as if they were topics, and their names."""
    names = sorted(set(classes))
    labels = np.array([names.index(own) for own in classes])
    return NamedItems(topics.items, topics.vectors, labels, len(names)), names


def main() -> None:
    from recs.embedding.pipeline import open_cache

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="*", default=[*BLOGS, *MORE_BLOGS, *LABELLED])
    parser.add_argument("--show", action="store_true", help="print the names")
    options = parser.parse_args()
    embedder = recs.load_embedder()
    with open_cache(True) as store:
        model = PhraseModel(embedder, "clustering", store)
        embed = embed_by(model)
        namers = {
            "recs": by_recs(model),
            "recs, words alone": by_recs(None),
            "c-TF-IDF, one word": by_class_tf_idf(1),
            "c-TF-IDF, three words": by_class_tf_idf(3),
            "KeyBERT-style": by_keybert(embed),
        }
        print("| set | topics | names | by words | by vectors | mean | class by cosine | by words | recs leads by |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name in options.sets:
            topics, classes = find_topics(options.data, name, embedder)
            if options.show:
                print("\n".join(namers["recs"](topics)))
            commonest = commonest_classes([[own] for own in classes], topics.labels, topics.count) if classes else []
            report(name, topics, namers, embed, classes=[own or "" for own in commonest])
            if classes:
                true_topics, names = as_topics(topics, classes)
                report(f"{name}, its classes", true_topics, namers, embed, classes=names)


if __name__ == "__main__":
    main()
