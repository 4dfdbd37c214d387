"""How well the names of topics tell what is in them: recs beside c-TF-IDF and KeyBERT-style names of the same topics.

    python benchmarks/topic_names.py FOLDER                 # all sets
    python benchmarks/topic_names.py FOLDER --sets til recipes --show

Topics are found once for each set and shared by all namers; a namer sees items and topics and gives one name a topic.

Identification: the items of each topic are split into two halves. A name that was made from one half is a query
against the other half, whose topics are ranked by the mean BM25 score of their items, and by the cosine of their
centroid (less the mean of all centroids). The figure is the mean reciprocal rank of the topic itself, over both halves.

Match, on sets whose classes have names: the share of topics whose name, shown alone, is nearer to the name of the
commonest class of their items than to any other class's name (cosine), and the share that hold all its words.

c-TF-IDF is that of BERTopic (one word, or the three best words); "KeyBERT-style" takes the candidates that c-TF-IDF
gives (words and pairs) and ranks them by their cosine to the centroid of the topic. Intervals are of a bootstrap over
topics, 95 %.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

import recs
from recs.arrays import unit_rows
from recs.clustering.closeness import PhraseModel
from recs.clustering.naming import name_topics
from recs.text.words import tokenize

BLOGS = ("18f_blog", "rust_blog", "til", "recipes", "podcast_syntax")
MORE_BLOGS = ("isotopp", "ropensci_blog", "letsencrypt", "podcast_jupiter", "yihui_cn")
LABELLED = ("stc_stackoverflow", "banking77", "clinc150")
TAGS = ("wordpress", "oracle", "svn", "apache", "excel", "matlab", "visual-studio", "cocoa", "osx", "bash", "spring")
TAGS += ("hibernate", "scala", "sharepoint", "ajax", "qt", "drupal", "linq", "haskell", "magento")
NAMES_OF_CLASSES = {"stc_stackoverflow": {str(number): tag for number, tag in enumerate(TAGS, 1)}}
SAMPLES = 2000  # of the bootstrap
K1, B = 1.2, 0.75


@dataclass(frozen=True, eq=False)
class Topics:
    """Items, their vectors, and the topic of each: 0 to `count` - 1, or -1; and the class of each, or nothing."""

    items: tuple[recs.Item, ...]
    vectors: np.ndarray
    labels: np.ndarray
    count: int
    classes: tuple[str, ...] = ()

    def part(self, rows: np.ndarray) -> Topics:
        return Topics(tuple(self.items[row] for row in rows), self.vectors[rows], self.labels[rows], self.count)


Namer = Callable[[Topics], list[str]]
Embed = Callable[[Sequence[str]], np.ndarray]


def read(folder: Path, name: str) -> tuple[list[recs.Item], list[str]]:
    path = folder / name / "data.jsonl"
    if name not in LABELLED:
        return list(recs.read_items(str(path), now="2026-11-01").public), []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["label"] != "oos"]
    names = NAMES_OF_CLASSES.get(name, {})
    items = [recs.Item(id=str(row["id"]), title=row.get("title") or "", text=row["text"]) for row in rows]
    return items, [re.sub(r"[_-]+", " ", names.get(row["label"], row["label"])) for row in rows]


def find_topics(folder: Path, name: str, embedder: recs.Embedder) -> Topics:
    items, classes = read(folder, name)
    embeddings = recs.embed_items(items, embedder, role="clustering")
    clustering = recs.cluster_items(items, embeddings, embedder=embedder)
    place = {topic.id: number for number, topic in enumerate(clustering.topics)}
    topic_of = dict(zip(clustering.ids, clustering.assigned.tolist(), strict=True))
    labels = np.array([place.get(topic_of.get(item.id, -1), -1) for item in items])
    vectors = unit_rows(embeddings.take([item.id for item in items]).vectors.astype(np.float64))
    return Topics(tuple(items), vectors, labels, len(place), tuple(classes))


def words_of(items: Sequence[recs.Item]) -> list[list[str]]:
    return [tokenize(f"{item.title}\n{item.text}") for item in items]


def centroids(topics: Topics) -> np.ndarray:
    means = np.stack([topics.vectors[topics.labels == topic].mean(axis=0) for topic in range(topics.count)])
    return unit_rows(means - means.mean(axis=0))


# ----------------------------------------------------------------------------------------------------------- the peers


def class_tf_idf(topics: Topics) -> tuple[list[str], np.ndarray]:
    """Return words and pairs of words, and their c-TF-IDF in each topic, shape (topics, terms); as BERTopic has it."""
    from sklearn.feature_extraction.text import CountVectorizer

    texts = [" ".join(words) for words in words_of(topics.items)]
    joined = [
        "\n".join(text for text, label in zip(texts, topics.labels, strict=True) if label == topic)
        for topic in range(topics.count)
    ]
    vectorizer = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", min_df=1)
    counts = vectorizer.fit_transform(joined)
    often = np.asarray(counts.sum(axis=0)).ravel() >= 3
    terms = np.array(vectorizer.get_feature_names_out())[often].tolist()
    counts = counts[:, often].toarray()
    lengths = counts.sum(axis=1, keepdims=True)
    return terms, counts / np.maximum(lengths, 1) * np.log(1 + lengths.mean() / counts.sum(axis=0))


def by_class_tf_idf(words: int) -> Namer:
    def name(topics: Topics) -> list[str]:
        terms, weights = class_tf_idf(topics)
        single = np.flatnonzero([" " not in term for term in terms])
        best = single[np.argsort(-weights[:, single], axis=1, kind="stable")[:, :words]]
        return [" ".join(terms[term] for term in row) for row in best]

    return name


def by_keybert(embed: Embed, *, candidates: int = 60) -> Namer:
    def name(topics: Topics) -> list[str]:
        terms, weights = class_tf_idf(topics)
        names = []
        for topic in range(topics.count):
            best = [terms[term] for term in np.argsort(-weights[topic], kind="stable")[:candidates]]
            centroid = topics.vectors[topics.labels == topic].mean(axis=0)
            names.append(best[int((embed(best) @ centroid).argmax())])
        return names

    return name


def by_recs(model: PhraseModel | None) -> Namer:
    def name(topics: Topics) -> list[str]:
        return name_topics(topics.items, topics.labels, topics.count, vectors=topics.vectors, model=model)

    return name


# ----------------------------------------------------------------------------------------------------------- the judge


def halves(topics: Topics) -> list[np.ndarray]:
    """Return two sets of rows that each hold half of the items of every topic."""
    order = np.random.default_rng(0).permutation(len(topics.items))
    sides = np.zeros(len(order), np.int64)
    for topic in range(-1, topics.count):
        rows = order[topics.labels[order] == topic]
        sides[rows[len(rows) // 2 :]] = 1
    return [np.flatnonzero(sides == side) for side in (0, 1)]


class Judge:
    """Ranks the topics of some items by a name."""

    def __init__(self, topics: Topics, embed: Embed) -> None:
        self._embed = embed
        self._centroids = centroids(topics)
        self._sums: dict[str, np.ndarray] = {}
        documents = words_of(topics.items)
        mean = max(float(np.mean([len(words) for words in documents])), 1.0)
        seen: dict[str, int] = {}
        for words in documents:
            for word in set(words):
                seen[word] = seen.get(word, 0) + 1
        sizes = np.maximum(np.bincount(topics.labels[topics.labels >= 0], minlength=topics.count), 1)
        for words, topic in zip(documents, topics.labels.tolist(), strict=True):
            if topic < 0:
                continue
            for word, count in Counter(words).items():
                idf = np.log(1 + (len(documents) - seen[word] + 0.5) / (seen[word] + 0.5))
                score = idf * count * (K1 + 1) / (count + K1 * (1 - B + B * len(words) / mean))
                self._sums.setdefault(word, np.zeros(topics.count))[topic] += score / sizes[topic]

    def by_words(self, names: Sequence[str], truth: Sequence[int]) -> np.ndarray:
        nothing = np.zeros(len(self._centroids))
        scores = [sum((self._sums.get(word, nothing) for word in tokenize(name)), nothing) for name in names]
        return reciprocal_ranks(np.stack(scores), truth)

    def by_vectors(self, names: Sequence[str], truth: Sequence[int]) -> np.ndarray:
        return reciprocal_ranks(self._embed(names) @ self._centroids.T, truth)


def reciprocal_ranks(scores: np.ndarray, truth: Sequence[int]) -> np.ndarray:
    """Return 1 / rank of the true column of each row; of equal scores the mean rank counts."""
    own = scores[np.arange(len(scores)), list(truth)][:, None]
    return 1 / (1 + (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2)


def identification(topics: Topics, namer: Namer, judges: list[Judge]) -> np.ndarray:
    """Return the reciprocal rank of each topic, by words and by vectors, shape (2, topics)."""
    of_halves = []
    for side, rows in enumerate(halves(topics)):
        names = namer(topics.part(rows))
        judge = judges[1 - side]
        everyone = range(topics.count)
        of_halves.append(np.stack([judge.by_words(names, everyone), judge.by_vectors(names, everyone)]))
    return np.mean(of_halves, axis=0)


def matches(names: Sequence[str], classes: Sequence[str], embed: Embed) -> np.ndarray:
    """Return for each name whether its class is the nearest one, and whether it has all words; shape (2, names)."""
    choices = sorted(set(classes))
    nearest = (embed(names) @ embed(choices).T).argmax(axis=1)
    is_nearest = [choices[place] == own for place, own in zip(nearest, classes, strict=True)]
    has_words = [set(tokenize(own)) <= set(tokenize(name)) for name, own in zip(names, classes, strict=True)]
    return np.array([is_nearest, has_words], float)


# ---------------------------------------------------------------------------------------------------------- the report


def interval(differences: np.ndarray) -> str:
    rng = np.random.default_rng(0)
    means = rng.choice(differences, (SAMPLES, len(differences))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{differences.mean():+.3f} [{low:+.3f}, {high:+.3f}]"


def report(name: str, topics: Topics, namers: dict[str, Namer], embed: Embed, *, classes: Sequence[str]) -> None:
    judges = [Judge(topics.part(rows), embed) for rows in halves(topics)]
    first: np.ndarray | None = None
    for label, namer in namers.items():
        ranks = identification(topics, namer, judges)
        figures = [*ranks.mean(axis=1), ranks.mean()]
        matched = matches(namer(topics), classes, embed) if classes else np.zeros((2, 0))
        told = [f"{share:.3f}" for share in matched.mean(axis=1)] if classes else ["–", "–"]
        outcome = np.concatenate([ranks.mean(axis=0)[None], matched]) if classes else ranks.mean(axis=0)[None]
        first = outcome if first is None else first
        lead = " and ".join(interval(own - other) for own, other in zip(first[:2], outcome[:2], strict=True))
        row = [name, str(topics.count), label, *(f"{figure:.3f}" for figure in figures), *told]
        print(f"| {' | '.join(row)} | {lead if label != 'recs' else ''} |", flush=True)


def as_classes(topics: Topics) -> tuple[Topics, list[str]]:
    """Return the classes of a labelled set as if they were topics, and their names."""
    names = sorted(set(topics.classes))
    labels = np.array([names.index(own) for own in topics.classes])
    return Topics(topics.items, topics.vectors, labels, len(names)), names


def commonest_classes(topics: Topics) -> list[str]:
    """Return the class that most items of each topic have."""
    classes = np.array(topics.classes)
    commonest = []
    for topic in range(topics.count):
        values, counts = np.unique(classes[topics.labels == topic], return_counts=True)
        commonest.append(str(values[counts.argmax()]))
    return commonest


def main() -> None:
    from recs.embedding.pipeline import open_cache

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="*", default=[*BLOGS, *MORE_BLOGS, *LABELLED])
    parser.add_argument("--show", action="store_true", help="print the names")
    options = parser.parse_args()
    embedder = recs.load_embedder()
    with open_cache(True) as store:

        def embed(texts: Sequence[str]) -> np.ndarray:
            vectors = embedder.embed(list(texts), role="clustering", store=store).vectors
            return unit_rows(vectors.astype(np.float64))

        namers = {
            "recs": by_recs(PhraseModel(embedder, "clustering", store)),
            "recs, words alone": by_recs(None),
            "c-TF-IDF, one word": by_class_tf_idf(1),
            "c-TF-IDF, three words": by_class_tf_idf(3),
            "KeyBERT-style": by_keybert(embed),
        }
        print("| set | topics | names | by words | by vectors | mean | class by cosine | by words | recs leads by |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name in options.sets:
            topics = find_topics(options.data, name, embedder)
            if options.show:
                print("\n".join(namers["recs"](topics)))
            classes = commonest_classes(topics) if topics.classes else []
            report(name, topics, namers, embed, classes=classes)
            if topics.classes:
                true_topics, names = as_classes(topics)
                report(f"{name}, its classes", true_topics, namers, embed, classes=names)


if __name__ == "__main__":
    main()
