"""How good a classifier of these labels is, judged on items that it had not seen: by time, and at random.

A split at random flatters where writing changes: what comes next is not like a sample of what was. So where items have
dates, the figures by time are the ones to go by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.classification.calibration import expected_calibration_error
from recs.classification.labels import LabelRules
from recs.classification.lesson import Lesson, read_lesson
from recs.classification.logistic import folds
from recs.classification.training import learn
from recs.embedding.vectors import Embeddings
from recs.errors import OptionError
from recs.items import Item

WINDOWS = 4  # of a tenth of the items each, judged by what is older
FEW = 2000  # items up to which there are several windows; one fifth is enough of more
NEIGHBOURS = 10
BINS = 10
POINTS = 50


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How one label did: items that have it, of those that were judged; what was said and put, and how often rightly.

    precision, recall and f1 are those of the best label, or of probabilities from .5 on where there are several labels.
    """

    label: str
    support: int
    precision: float
    recall: float
    f1: float
    auto: int
    auto_right: int


@dataclass(frozen=True, slots=True)
class SplitScore:
    """How the classifier did on one way to leave items out.

    Attributes
    ----------
    split
        "by time" or "at random".
    learned, judged
        How many items the largest model had, and how many were judged.
    unseen
        True labels that no item had, of those that were learned from: they count as missed.
    metrics, baselines
        accuracy, macro_f1, micro_f1, average_precision, p_at_1, log_loss, ece, each of 0 to 1 but log_loss; of the
        baselines by their names.
    auto_precision, auto_coverage
        How often a label that was put was right, None if none was; share of the true labels that were put.
    abstained
        Share of the items of which nothing was said.
    labels
        By name.
    reliability
        Of bins of the best label's probability: mean probability, share that was right, items.
    coverage
        From certain to unsure: probability, precision of all labels from there on, share of the true labels.
    """

    split: str
    learned: int
    judged: int
    unseen: int
    metrics: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    auto_precision: float | None
    auto_coverage: float
    abstained: float
    labels: tuple[LabelScore, ...]
    reliability: tuple[tuple[float, float, int], ...]
    coverage: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class ClassifierEvaluation:
    """The account of one evaluation; the first split is the one to go by. `to_dict` gives it as plain data."""

    label: str
    single: bool
    items: int
    classes: int
    target_precision: float
    splits: tuple[SplitScore, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as dicts, lists, strings and numbers."""
        return asdict(self)


def evaluate_classifier(
    items: Iterable[Item],
    embeddings: Embeddings,
    *,
    label: str,
    label_texts: Embeddings | None = None,
    rules: LabelRules | None = None,
    target_precision: float = 0.9,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    **options: Any,
) -> ClassifierEvaluation:
    """Judge `recs.train_classifier` on labelled items that it does not see.

    By time: of up to 2,000 items, four windows of a tenth each, judged by a classifier of all that is older; of more,
    the newest fifth. At random: one fifth, every label spread alike, identical texts on one side.

    Parameters
    ----------
    options
        The other ones of `recs.train_classifier`.

    Raises
    ------
    OptionError
        If fewer than ten items have a label, all have the same, or all are one text.
    """
    lesson = read_lesson(items, embeddings, label=label, label_texts=label_texts, rules=rules)
    n = len(lesson.items)
    if n < 10:
        raise OptionError(f"{n} items have a label in {label!r}; ten are needed to judge a classifier.")
    found = {"by time": _by_time(lesson), "at random": _at_random(lesson, seed)}
    if not any(found.values()):
        raise OptionError(
            f"the {n} items with a label in {label!r} have one text, or the same labels: texts and labels that differ "
            "are needed to judge a classifier."
        )
    splits = []
    for split, parts in found.items():
        if parts:
            if progress is not None:
                progress(split)
            splits.append(_judge(lesson, split, parts, target_precision=target_precision, seed=seed, **options))
    why = "few items have a date" if lesson.dated is None else "the older items alone have too few labels"
    notes = () if found["by time"] else (f"{why}: nothing says how a classifier does on what comes next.",)
    return ClassifierEvaluation(
        label, lesson.examples.single, n, len(lesson.classes), target_precision, tuple(splits), notes
    )


def _by_time(lesson: Lesson) -> list[tuple[IntArray, IntArray]]:
    """Return pairs of older and newer rows; items without a date are learned from and never judged."""
    if lesson.dated is None:
        return []
    dated = np.flatnonzero(np.isfinite(lesson.dated))
    order = dated[np.argsort(lesson.dated[dated], kind="stable")]
    undated = np.flatnonzero(~np.isfinite(lesson.dated))
    n = len(order)
    edges = [n * 4 // 5, n] if n > FEW else [round(n * (1 - place / 10)) for place in range(WINDOWS, -1, -1)]
    parts = []
    for start, stop in pairwise(edges):
        older = np.sort(np.concatenate([order[:start], undated]))
        if start < stop and _teaches(lesson, older):
            parts.append((older, np.sort(order[start:stop])))
    return parts


def _at_random(lesson: Lesson, seed: int) -> list[tuple[IntArray, IntArray]]:
    fold = folds(lesson.examples, 5, seed=seed)
    parts = (np.flatnonzero(fold != 0), np.flatnonzero(fold == 0))
    return [parts] if len(parts[1]) and _teaches(lesson, parts[0]) else []


def _teaches(lesson: Lesson, rows: IntArray) -> bool:
    Y = lesson.examples.Y[rows]
    return bool(len(rows) > 1 and (Y.any(axis=0) & ~Y.all(axis=0)).any())


def _judge(lesson: Lesson, split: str, parts: Sequence[tuple[IntArray, IntArray]], **options: Any) -> SplitScore:
    """Learn from the first rows of each pair, and judge the second ones of all pairs together."""
    examples, labels = lesson.examples, len(lesson.classes)
    place = {name: column for column, name in enumerate(lesson.classes)}
    rows = np.concatenate([judged for _, judged in parts])
    Y, known = examples.Y[rows], examples.known[rows]
    found, auto, seen = np.zeros((len(rows), labels)), np.zeros((len(rows), labels), bool), np.zeros_like(known)
    said = np.zeros(len(rows), bool)
    baselines = {name: np.zeros((len(rows), labels)) for name in ("majority", f"{NEIGHBOURS} nearest")}
    start = 0
    for older, judged in parts:
        stop = start + len(judged)
        part = lesson.take(older)
        classifier = learn(part, **options)
        columns = [place[name] for name in classifier.classes]
        X = examples.X[judged].astype(np.float64)
        decided = classifier.decide(X)
        found[start:stop, columns], auto[start:stop, columns] = decided.probabilities, decided.auto
        seen[start:stop] = examples.Y[older].any(axis=0)
        said[start:stop] = (decided.auto | decided.suggest).any(axis=1)
        baselines["majority"][start:stop] = examples.Y[older].mean(axis=0)
        baselines[f"{NEIGHBOURS} nearest"][start:stop] = _neighbour_votes(examples.X[older], examples.Y[older], X)
        start = stop
    auto &= known
    if not examples.single:  # what a machine put is neither right nor wrong
        for p in (found, *baselines.values()):
            p[~known] = 0.0
    right, true = int((auto & Y).sum()), int(Y.sum())
    best = found.argmax(axis=1)
    sure, hit = found.max(axis=1), Y[np.arange(len(rows)), best]
    return SplitScore(
        split=split,
        learned=max(len(older) for older, _ in parts),
        judged=len(rows),
        unseen=int((Y & ~seen).sum()),
        metrics=_metrics(found, Y, known & seen, examples.single),
        baselines={name: _metrics(p, Y, known & seen, examples.single) for name, p in baselines.items()},
        auto_precision=right / int(auto.sum()) if auto.any() else None,
        auto_coverage=right / max(true, 1),
        abstained=float((~said).mean()),
        labels=tuple(_label_scores(lesson, found, Y, auto, examples.single)),
        reliability=tuple(_reliability(sure, hit)),
        coverage=tuple(_coverage(found, Y, known, examples.single)),
    )


def _neighbour_votes(X: Any, Y: BoolArray, queries: Float64Array) -> Float64Array:
    """Return the share of the ten nearest labelled items that have each label, drawn a little to the share of all."""
    k = min(NEIGHBOURS, len(X))
    votes = np.empty((len(queries), Y.shape[1]))
    for row in range(0, len(queries), 256):
        cosines = queries[row : row + 256] @ X.T.astype(np.float64)
        nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        votes[row : row + 256] = (Y[nearest].sum(axis=1) + Y.mean(axis=0)) / (k + 1)
    return votes


def _decided(p: Float64Array, single: bool) -> BoolArray:
    """Return the labels that probabilities come down to: the best one, or those that are likelier than not."""
    if single:
        return np.asarray(np.arange(p.shape[1]) == p.argmax(axis=1)[:, None])
    return np.asarray(p >= 0.5)


def _metrics(p: Float64Array, Y: BoolArray, known: BoolArray, single: bool) -> dict[str, float]:
    """Return all metrics of probabilities p against the truth Y, both (n, L); log loss where `known`."""
    from sklearn.metrics import average_precision_score

    said = _decided(p, single)
    hits, tried, true = (said & Y).sum(axis=0), said.sum(axis=0), Y.sum(axis=0)
    f1 = 2 * hits / np.maximum(tried + true, 1)
    rows, best = np.arange(len(p)), p.argmax(axis=1)
    q = np.clip(p, 1e-9, 1 - 1e-9)
    losses = -np.log(q[Y & known]) if single else -np.where(Y, np.log(q), np.log(1 - q))[known]
    return {
        "accuracy": float((said == Y).all(axis=1).mean()),
        "macro_f1": float(f1[true > 0].mean()),
        "micro_f1": float(2 * hits.sum() / max(tried.sum() + true.sum(), 1)),
        "average_precision": float(average_precision_score(Y.ravel(), p.ravel())),
        "p_at_1": float(Y[rows, best].mean()),
        "log_loss": float(losses.mean()) if len(losses) else 0.0,
        "ece": expected_calibration_error(p.max(axis=1), Y[rows, best]),
    }


def _label_scores(lesson: Lesson, p: Float64Array, Y: BoolArray, auto: BoolArray, single: bool) -> Iterator[LabelScore]:
    said = _decided(p, single)
    for label, name in enumerate(lesson.classes):
        hits, tried, true = (int(x.sum()) for x in (said[:, label] & Y[:, label], said[:, label], Y[:, label]))
        put, right = int(auto[:, label].sum()), int((auto & Y)[:, label].sum())
        f1 = 2 * hits / max(tried + true, 1)
        yield LabelScore(name, true, hits / max(tried, 1), hits / max(true, 1), f1, put, right)


def _reliability(sure: Float64Array, hit: BoolArray) -> Iterator[tuple[float, float, int]]:
    """Return bins of as many items each: fewer bins of few items, whose shares would say nothing."""
    order = np.argsort(sure, kind="stable")
    for rows in np.array_split(order, min(BINS, max(len(order) // BINS, 1))):
        yield float(sure[rows].mean()), float(hit[rows].mean()), len(rows)


def _coverage(p: Float64Array, Y: BoolArray, known: BoolArray, single: bool) -> Iterator[tuple[float, float, float]]:
    answered = _decided(p, single) if single else known
    sure, right = p[answered], Y[answered]
    order = np.argsort(-sure, kind="stable")
    hits = np.cumsum(right[order])
    total = max(int(Y.sum()), 1)
    for at in np.unique(np.linspace(0, len(order) - 1, POINTS).astype(np.int64) if single else _spread(len(order))):
        yield float(sure[order[at]]), float(hits[at] / (at + 1)), float(hits[at] / total)


def _spread(n: int) -> IntArray:
    """Return places among n answers, close together where they are few: most of all labels are never right."""
    return np.asarray(np.geomspace(1, n, POINTS).astype(np.int64) - 1)
