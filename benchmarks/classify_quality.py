"""How good classifiers are: accuracy, calibration, silence, thresholds by time, label noise, what to label next.

    python benchmarks/classify_quality.py FOLDER                    # all parts; embeds with MiniLM
    python benchmarks/classify_quality.py FOLDER --parts few noise  # some of them

"few" repeats the protocol of MTEB's Banking77Classification: eight examples a label, ten samples, the mean over them.
"noise" compares with cleanlab where that is installed, on the same probabilities.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

sys.path.insert(0, str(Path(__file__).parent.parent))

import recs
from recs.classification.calibration import expected_calibration_error, fit_temperature
from recs.classification.held_out import search_penalty
from recs.classification.lesson import read_lesson

FIXED_C = (1, 10, 30, 100, 300)


class Set:
    """One labelled collection: its items, their vectors, splits, and vectors of what labels are called."""

    def __init__(self, folder: Path, name: str) -> None:
        lines = (folder / name / "data.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        self.items = [
            recs.Item(
                id=row["id"],
                text=row["text"] or row["title"],
                title=(row.get("title") or "") if row["text"] else "",
                published=row.get("date"),
                tags=tuple(row.get("tags") or ()),
                category=row.get("label"),
            )
            for row in rows
        ]
        self.splits: dict[str, list[recs.Item]] = {}
        for row, item in zip(rows, self.items, strict=True):
            self.splits.setdefault(row.get("split") or "train", []).append(item)
        embedder = recs.load_embedder()
        self.embeddings = recs.embed_items(self.items, embedder, role="classification")
        names = sorted(
            {item.category for item in self.items if item.category} | {t for i in self.items for t in i.tags}
        )
        words = [name.replace("_", " ").replace("-", " ") for name in names]
        self.names = embedder.embed(words, ids=names, role="classification")

    def of(self, items: list[recs.Item]) -> recs.Embeddings:
        return self.embeddings.take([item.id for item in items])

    def names_of(self, items: list[recs.Item]) -> recs.Embeddings:
        return self.names.take(sorted({name for item in items for name in (item.category, *item.tags) if name}))


def judged(classifier: recs.Classifier, data: Set, items: list[recs.Item]) -> tuple[float, float]:
    """Return accuracy and expected calibration error of single labels."""
    p = classifier.predict_proba(data.of(items))
    place = {name: at for at, name in enumerate(classifier.classes)}
    right = p.argmax(axis=1) == np.array([place[item.category] for item in items])
    return float(right.mean()), expected_calibration_error(p.max(axis=1), right)


def draws(items: list[recs.Item], each: int, times: int) -> Iterator[list[recs.Item]]:
    """Draw so many items a label, again and again, from a list that stays shuffled: as MTEB does."""
    generator, order = np.random.RandomState(42), list(range(len(items)))
    for _ in range(times):
        generator.shuffle(order)
        counts: dict[Any, int] = {}
        drawn = []
        for at in order:
            label = items[at].category
            if counts.get(label, 0) < each:
                counts[label] = counts.get(label, 0) + 1
                drawn.append(items[at])
        yield drawn


def few(folder: Path) -> None:
    data = Set(folder, "banking77")
    test = data.splits["test"]
    truth = np.array([item.category for item in test])
    found: dict[str, list[tuple[float, float]]] = {}
    for drawn in draws(data.splits["train"], 8, 10):
        X, y = data.of(drawn).vectors, [item.category for item in drawn]
        for C in FIXED_C:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                fixed = LogisticRegression(C=C, max_iter=100, random_state=42).fit(X, y)
            p = fixed.predict_proba(data.of(test).vectors)
            right = fixed.classes_[p.argmax(axis=1)] == truth
            error = expected_calibration_error(p.max(axis=1), right)
            found.setdefault(f"scikit-learn, C={C}", []).append((float(right.mean()), error))
        for what, texts in (("recs", None), ("recs, names of labels", data.names_of(drawn))):
            classifier = recs.train_classifier(drawn, data.of(drawn), label="category", label_texts=texts)
            found.setdefault(what, []).append(judged(classifier, data, test))
    print("\n## banking77, 8 a label, 10 samples\n\n| | accuracy | deviation | ECE |\n| --- | --- | --- | --- |")
    for what, values in found.items():
        accuracy, error = np.mean(values, axis=0)
        print(f"| {what} | {accuracy:.4f} | {np.std(values, axis=0)[0]:.4f} | {error:.3f} |", flush=True)


def full(folder: Path) -> None:
    data = Set(folder, "banking77")
    train, test = data.splits["train"], data.splits["test"]
    print("\n## banking77, all of train\n\n| | accuracy | ECE | C |\n| --- | --- | --- | --- |")
    for what, texts in (("recs", None), ("recs, names of labels", data.names_of(train))):
        classifier = recs.train_classifier(train, data.of(train), label="category", label_texts=texts)
        accuracy, error = judged(classifier, data, test)
        print(f"| {what} | {accuracy:.4f} | {error:.4f} | {classifier.parameters['C']:g} |", flush=True)


def outside(folder: Path) -> None:
    data = Set(folder, "clinc150")
    train = [item for item in data.splits["train"] if item.category != "oos"]
    inside = [item for item in data.splits["test"] if item.category != "oos"]
    strange = [
        item for name, items in data.splits.items() for item in items if item.category == "oos" and "test" in name
    ]
    classifier = recs.train_classifier(train, data.of(train), label="category")
    truth = np.array([item.category for item in inside])
    ours, theirs = (classifier.decide(data.of(items).vectors.astype(np.float64)) for items in (inside, strange))
    right = np.array(classifier.classes)[ours.probabilities.argmax(axis=1)] == truth
    print(f"\n## clinc150, {len(inside)} in scope, {len(strange)} out of scope\n")
    print("| accepted from | in-scope accuracy | out-of-scope recall |\n| --- | --- | --- |")
    for cut in (0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1):
        kept = ours.familiarity >= cut
        name = f"familiarity {cut:g}{' (default)' if cut == 0.02 else ''}"
        print(f"| {name} | {(right & kept).mean():.4f} | {(theirs.familiarity < cut).mean():.4f} |")
    for cut in (0.4, 0.5, 0.6):
        kept = ours.probabilities.max(axis=1) >= cut
        refused = (theirs.probabilities.max(axis=1) < cut).mean()
        print(f"| probability {cut:g} | {(right & kept).mean():.4f} | {refused:.4f} |", flush=True)


def tags(folder: Path) -> None:
    print("\n## Tags by time, target precision .8\n")
    print("| set | labels' names | split | micro AP | P@1 | ECE | precision | share of true labels put | no answer |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    curves = []
    for name in ("18f_blog", "recipes", "til"):
        data = Set(folder, name)
        for texts in (None, data.names_of(data.items)):
            evaluation = recs.evaluate_classifier(
                data.items, data.embeddings, label="tags", label_texts=texts, target_precision=0.8
            )
            for split in evaluation.splits:
                m = split.metrics
                print(
                    f"| {name} | {'yes' if texts else 'no'} | {split.split} | {m['average_precision']:.3f} "
                    f"| {m['p_at_1']:.3f} | {m['ece']:.3f} | {split.auto_precision or float('nan'):.3f} "
                    f"| {split.auto_coverage:.3f} | {split.abstained:.3f} |",
                    flush=True,
                )
            if texts and name == "18f_blog":
                curves = [(split.split, split.coverage) for split in evaluation.splits]
    print("\n18f_blog, precision at a share of the true labels (all labels from the surest one on):\n")
    shares = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
    print("| split | " + " | ".join(f"{share:g}" for share in shares) + " |\n| --- |" + " --- |" * len(shares))
    for split, curve in curves:
        _, precision, share = np.array(curve).T
        print(f"| {split} | " + " | ".join(f"{np.interp(at, share, precision):.2f}" for at in shares) + " |")


def noise(folder: Path) -> None:
    data = Set(folder, "banking77")
    print("\n## A tenth of banking77's labels flipped: average precision of finding them\n")
    print("| items | seed | recs | cleanlab: self confidence | normalized margin | confidence weighted entropy |")
    print("| --- | --- | --- | --- | --- | --- |")
    for n, seed in ((10003, 0), (3000, 1), (3000, 2)):
        generator = np.random.default_rng(seed)
        train = sorted(data.splits["train"], key=lambda item: item.id)
        items = [train[at] for at in generator.permutation(len(train))[:n]]
        labels = sorted({item.category for item in items if item.category})
        flipped = generator.random(len(items)) < 0.1
        moved = [
            replace(item, category=labels[(labels.index(item.category or "") + int(by)) % len(labels)])
            if flip
            else item
            for item, flip, by in zip(items, flipped, generator.integers(1, len(labels), len(items)), strict=True)
        ]
        issues = recs.label_issues(moved, data.of(moved), label="category")
        score = {issue.id: issue.score for issue in issues}
        truth = {item.id: bool(flip) for item, flip in zip(moved, flipped, strict=True)}
        ids = sorted(truth)
        cells = [average_precision_score([truth[i] for i in ids], [score.get(i, -1.0) for i in ids])]
        try:
            from cleanlab.rank import get_label_quality_scores

            lesson = read_lesson(moved, data.of(moved), label="category")
            held = search_penalty(lesson.examples)
            z = fit_temperature(held.scores, None, lesson.examples.y).apply(held.scores, None)
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
                quality = get_label_quality_scores(lesson.examples.y, p, method=method)
                cells.append(average_precision_score([truth[item.id] for item in lesson.items], -quality))
        except ImportError:
            cells += [float("nan")] * 3
        print(f"| {n} | {seed} | " + " | ".join(f"{cell:.4f}" for cell in cells) + " |", flush=True)


def next_labels(folder: Path) -> None:
    for name, step, rounds in (("banking77", 77, 10), ("stc_stackoverflow", 20, 10)):
        data = Set(folder, name)
        generator = np.random.default_rng(0)
        pool = data.splits["train"]
        test = data.splits.get("test")
        if test is None:
            mixed = [pool[at] for at in generator.permutation(len(pool))]
            pool, test = mixed[:6000], mixed[6000:9000]
        curves: dict[str, list[float]] = {"at random": [], "select_to_label": []}
        for how, curve in curves.items():
            unlabelled = {item.id: replace(item, category=None) for item in pool}
            truth = {item.id: item for item in pool}
            shuffled = [pool[at].id for at in np.random.default_rng(1).permutation(len(pool))]
            for number in range(rounds):
                if how == "at random":
                    chosen = shuffled[number * step : (number + 1) * step]
                else:
                    now = list(unlabelled.values())
                    chosen = [one.id for one in recs.select_to_label(now, data.of(now), label="category", k=step)]
                unlabelled |= {one: truth[one] for one in chosen}
                known = [item for item in unlabelled.values() if item.category]
                classifier = recs.train_classifier(known, data.of(known), label="category")
                names = np.array(classifier.classes)[classifier.predict_proba(data.of(test)).argmax(axis=1)]
                curve.append(float((names == np.array([item.category for item in test])).mean()))
        print(f"\n## What to label next: {name}, accuracy of a classifier of so many labels\n")
        print("| | " + " | ".join(str(step * (at + 1)) for at in range(rounds)) + " |\n| --- |" + " --- |" * rounds)
        for how, curve in curves.items():
            print(f"| {how} | " + " | ".join(f"{value:.3f}" for value in curve) + " |", flush=True)


PARTS = {"few": few, "full": full, "outside": outside, "tags": tags, "noise": noise, "next": next_labels}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    for part in options.parts:
        PARTS[part](options.data)


if __name__ == "__main__":
    main()
