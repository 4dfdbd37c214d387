"""Figures of a classifier, from the probabilities that it gave and the true labels. Arrays in, numbers out.

`p` holds probabilities and `Y` the true labels, both of shape (n, L), L at least 2. With `single`, each item has
exactly one label; otherwise any number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.classification.calibration import expected_calibration_error

BINS = 10
POINTS = 50


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How well one label did.

    Attributes
    ----------
    support
        How many judged items have the label.
    precision, recall, f1
        Those of the best label of each item; for several labels an item, those of all labels with a probability of .5
        or more.
    auto, auto_right
        How often the label was assigned automatically, and how often this was right.
    """

    label: str
    support: int
    precision: float
    recall: float
    f1: float
    auto: int
    auto_right: int


def chosen_labels(p: Float64Array, *, single: bool) -> BoolArray:
    """Return the labels to choose by probability: the best one, or all with .5 or more, shape (n, L)."""
    if single:
        return np.asarray(np.arange(p.shape[1]) == p.argmax(axis=1)[:, None])
    return np.asarray(p >= 0.5)


def classification_metrics(p: Float64Array, Y: BoolArray, judged: BoolArray, *, single: bool) -> dict[str, float]:
    """Return accuracy, macro_f1, micro_f1, average_precision, p_at_1, log_loss and ece.

    Parameters
    ----------
    judged : bool array of shape (n, L)
        The entries that count in the log loss; at least one of them is a true label.
    """
    from sklearn.metrics import accuracy_score, average_precision_score, f1_score

    chosen = chosen_labels(p, single=single)
    f1_of_label = f1_score(Y, chosen, average=None, zero_division=0)
    right = Y[np.arange(len(p)), p.argmax(axis=1)]
    return {
        "accuracy": float(accuracy_score(Y, chosen)),
        "macro_f1": float(f1_of_label[Y.any(axis=0)].mean()),
        "micro_f1": float(f1_score(Y, chosen, average="micro", zero_division=0)),
        "average_precision": float(average_precision_score(Y.ravel(), p.ravel())),
        "p_at_1": float(right.mean()),
        "log_loss": _log_loss(p, Y, judged, single=single),
        "ece": expected_calibration_error(p.max(axis=1), right),
    }


def _log_loss(p: Float64Array, Y: BoolArray, judged: BoolArray, *, single: bool) -> float:
    """Return the mean log loss of the judged entries. Of single labels, only the true one counts."""
    clipped = np.clip(p, 1e-9, 1 - 1e-9)
    counted = Y & judged if single else judged
    losses = -np.log(np.where(Y, clipped, 1 - clipped)[counted])
    return float(losses.mean())


def label_scores(
    names: Sequence[str], p: Float64Array, Y: BoolArray, auto: BoolArray, *, single: bool
) -> Iterator[LabelScore]:
    """Yield the score of each of L labels; `auto` says which labels were assigned automatically, shape (n, L)."""
    from sklearn.metrics import precision_recall_fscore_support

    chosen = chosen_labels(p, single=single)
    scores = precision_recall_fscore_support(Y, chosen, zero_division=0)
    counts = zip(names, *scores, auto.sum(axis=0), (auto & Y).sum(axis=0), strict=True)
    for name, precision, recall, f1, support, assigned, right in counts:
        yield LabelScore(
            label=name,
            support=int(support),
            precision=float(precision),
            recall=float(recall),
            f1=float(f1),
            auto=int(assigned),
            auto_right=int(right),
        )


def reliability(confidence: Float64Array, right: BoolArray) -> Iterator[tuple[float, float, int]]:
    """Yield mean confidence, share of right answers and size of bins with equally many items.

    There is a bin for every ten items, at most ten: smaller bins would show chance alone.
    """
    order = np.argsort(confidence, kind="stable")
    for rows in np.array_split(order, min(BINS, max(len(order) // BINS, 1))):
        yield float(confidence[rows].mean()), float(right[rows].mean()), len(rows)


def coverage_curve(
    p: Float64Array, Y: BoolArray, trusted: BoolArray, *, single: bool
) -> Iterator[tuple[float, float, float]]:
    """Yield probability, precision and share of the true labels, from the most certain answer on.

    Answers are the best labels of all items; for several labels an item, all labels that are `trusted`.
    """
    answered = chosen_labels(p, single=True) if single else trusted
    confidence = p[answered]
    right = Y[answered]
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    total = max(int(Y.sum()), 1)
    places = _even_places(len(order)) if single else _dense_first_places(len(order))
    for place in np.unique(places):
        yield float(confidence[order[place]]), float(hits[place] / (place + 1)), float(hits[place] / total)


def _even_places(n: int) -> IntArray:
    return np.linspace(0, n - 1, POINTS).astype(np.int64)


def _dense_first_places(n: int) -> IntArray:
    """Return places among n answers, closer together at the start: of all labels of all items, few are right."""
    return np.asarray(np.geomspace(1, n, POINTS).astype(np.int64) - 1)
