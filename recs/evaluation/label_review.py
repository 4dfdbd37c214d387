"""Work for the editor: labels that are probably wrong or missing, and what to label next."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import expit, softmax

from recs.arrays import Float64Array, FloatArray, IntArray, unit_rows
from recs.classification.calibration import uncalibrated
from recs.classification.labels import LabelRules, read_labels
from recs.classification.lesson import read_lesson
from recs.classification.logistic import fit_linear, search
from recs.classification.predictions import SUGGEST
from recs.classification.training import calibrate
from recs.embedding.vectors import Embeddings
from recs.errors import OptionError
from recs.items import Collection, Item

QUICK_C = 10.0  # of the model that says what it is unsure of: made anew after every few labels
UNUSUAL = 2.0  # nats below what is usual for a label, from which it is doubted
_TINY = 1e-12
_BLOCK = 512  # items whose gains are computed at a time


@dataclass(frozen=True, slots=True)
class LabelIssue:
    """A label that is probably wrong, or missing.

    Attributes
    ----------
    kind
        "wrong": a person gave `label`, and models that had not seen the item would not. "missing": nobody gave it, and
        they would.
    probability
        Of `label`, from those models.
    better
        For a wrong single label, the one that is likeliest instead; else empty.
    score
        By how much it is unexpected, in nats: log p(better) - log p(label) for a wrong single label, the log odds of a
        missing one, and for a wrong one of several how far its log odds are below those of the others that have it. The
        list is sorted by it.
    older
        Whether the item is older than every item with the label: the label may simply not have existed.
    """

    id: str
    label: str
    kind: Literal["wrong", "missing"]
    probability: float
    score: float
    better: str = ""
    older: bool = False


def label_issues(
    items: Iterable[Item],
    embeddings: Embeddings,
    *,
    label: str,
    label_texts: Embeddings | None = None,
    rules: LabelRules | None = None,
    seed: int = 0,
    **options: Any,
) -> list[LabelIssue]:
    """Return the labels of the labelled public items that are probably wrong or missing, the most unexpected first.

    Every item is judged by models that had not seen it. For single labels, those items whose label is not the likeliest
    one; for several labels, given ones that are less likely than a fifth and much less likely than the label is for the
    others that have it, and labels not given that are likelier than not. A label that no other item has cannot be told
    to be wrong.

    Parameters
    ----------
    options
        C, class_weight and progress, as for `recs.train_classifier`.

    Raises
    ------
    OptionError
        If no item has a label, or all have the same.

    References
    ----------
    Northcutt, Jiang and Chuang, Confident learning, doi:10.1613/jair.1.12125, for judging labels out of fold.
    """
    lesson = read_lesson(items, embeddings, label=label, label_texts=label_texts, rules=rules)
    examples = lesson.examples
    held = search(examples, seed=seed, **options)
    scaled = calibrate(held, examples, None) if len(lesson.items) > 1 else uncalibrated(len(lesson.classes))
    logits = scaled.apply(held.scores, held.likeness)
    oldest = _first_dates(lesson.dated, examples.Y)
    issues = []
    if examples.single:
        p = np.maximum(np.asarray(softmax(logits, axis=1)), _TINY)
        for row, given in enumerate(examples.y.tolist()):
            best = int(p[row].argmax())
            if best != given and lesson.support[given] > 1:
                issue = LabelIssue(
                    id=lesson.items[row].id,
                    label=lesson.classes[given],
                    kind="wrong",
                    probability=round(float(p[row, given]), 6),
                    better=lesson.classes[best],
                    score=round(float(np.log(p[row, best] / p[row, given])), 4),
                )
                issues.append(issue)
    else:
        p = np.clip(np.asarray(expit(logits)), _TINY, 1 - _TINY)
        odds, held_by = np.log(p / (1 - p)), examples.Y & examples.known
        usual = (odds * held_by).sum(axis=0) / np.maximum(held_by.sum(axis=0), 1)
        wrong = held_by & (p < SUGGEST) & (usual - odds > UNUSUAL) & (lesson.support > 1)
        missing = ~examples.Y & examples.known & (p > 0.5)
        for row, place in np.argwhere(wrong | missing).tolist():
            issue = LabelIssue(
                id=lesson.items[row].id,
                label=lesson.classes[place],
                kind="wrong" if wrong[row, place] else "missing",
                probability=round(float(p[row, place]), 6),
                score=round(float(usual[place] - odds[row, place] if wrong[row, place] else odds[row, place]), 4),
                older=lesson.dated is not None and bool(missing[row, place] and lesson.dated[row] < oldest[place]),
            )
            issues.append(issue)
    return sorted(issues, key=lambda issue: (-issue.score, issue.id, issue.label))


def _first_dates(dated: Float64Array | None, Y: Any) -> Float64Array:
    """Return the date of the oldest item of each label; infinity where none has a date."""
    if dated is None:
        return np.full(Y.shape[1], np.inf)
    dates = np.where(np.isfinite(dated), dated, np.inf)
    return np.asarray(np.where(Y, dates[:, None], np.inf).min(axis=0, initial=np.inf))


@dataclass(frozen=True, slots=True)
class Wanted:
    """An item to label next: how unsure its best label is, 0 to 1, and what that label would be, if any is known."""

    id: str
    doubt: float
    guess: str | None


def select_to_label(items: Iterable[Item], embeddings: Embeddings, *, label: str, k: int = 20) -> list[Wanted]:
    """Return the unlabelled public items that teach most when they are labelled next, the first one first.

    Each is like many items of which a model of the labels so far is unsure, and to which nothing that is labelled, or
    was chosen before it, is as like: the greedy maximum of a facility location. Without labels all count alike.

    Parameters
    ----------
    k
        How many, 1 or more; fewer where fewer are unlabelled.

    Raises
    ------
    OptionError
    EmbeddingError

    Notes
    -----
    Cost: n² d products once, then about n d for each that is chosen; memory O(n d).

    References
    ----------
    Wei, Iyer and Bilmes, Submodularity in data subset selection and active learning, ICML 2015.
    """
    if k < 1:
        raise OptionError(f"k is {k!r}, expected 1 or more.")
    public = Collection(tuple(items)).public
    X = unit_rows(embeddings.take([item.id for item in public]).vectors).astype(np.float32)
    given = set(read_labels(public, label, required=False).given)  # none yet: the case this is for
    labelled = np.array([item.id in given for item in public], dtype=bool)
    doubts, guesses = _doubts(public, embeddings, label, X) if given else (np.ones(len(public)), [None] * len(public))
    served = np.zeros(len(public), np.float32)  # how like the most alike labelled item is
    for start in range(0, int(labelled.sum()), _BLOCK):
        served = np.maximum(served, (X @ X[labelled][start : start + _BLOCK].T).max(axis=1))
    chosen = _most_useful(X, doubts.astype(np.float32), served, np.flatnonzero(~labelled), k)
    return [Wanted(public[row].id, round(float(doubts[row]), 4), guesses[row]) for row in chosen]


def _most_useful(X: FloatArray, worth: FloatArray, served: FloatArray, rows: IntArray, k: int) -> list[int]:
    """Return up to k of `rows` that serve all items best: each time the one that adds most, by lazy evaluation."""

    def gain(some: IntArray) -> Float64Array:
        with np.errstate(invalid="ignore"):  # X is finite; some builds of BLAS raise the flag on lanes beyond its end
            likeness = X[some] @ X.T
        return np.asarray(np.maximum(likeness - served, 0).astype(np.float64) @ worth)

    gains = [gain(rows[start : start + _BLOCK]) for start in range(0, len(rows), _BLOCK)]
    queue = [(-value, row) for value, row in zip(np.concatenate([*gains, []]).tolist(), rows.tolist(), strict=True)]
    heapq.heapify(queue)  # what an item adds only falls as others are chosen, so the best of old values is a bound
    chosen: list[int] = []
    while queue and len(chosen) < k:
        _, row = heapq.heappop(queue)
        again = (-float(gain(np.array([row]))[0]), row)
        if queue and again > queue[0]:
            heapq.heappush(queue, again)
            continue
        chosen.append(row)
        served = np.maximum(served, X @ X[row])
    return chosen


def _doubts(public: Any, embeddings: Embeddings, label: str, X: FloatArray) -> tuple[Float64Array, list[Any]]:
    """Return how unsure each item's best label is, and that label: 1 less the lead of the best over the second."""
    try:
        lesson = read_lesson(public, embeddings, label=label)
    except OptionError:  # one label so far: nothing to be unsure between
        return np.ones(len(public)), [None] * len(public)
    scores = fit_linear(lesson.examples, QUICK_C).scores(X)
    guesses = [lesson.classes[best] for best in scores.argmax(axis=1)]
    if lesson.examples.single:
        ranked = np.sort(softmax(scores, axis=1), axis=1)
        return np.asarray(1 - (ranked[:, -1] - ranked[:, -2])), guesses
    return np.asarray(1 - np.abs(2 * expit(scores) - 1).min(axis=1)), guesses
