"""Work for the editor: labels that are probably wrong or missing, and which items to label next."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, unit_rows
from recs.classification.calibration import probabilities_of, uncalibrated
from recs.classification.held_out import search_penalty
from recs.classification.labels import LabelRules, read_labels
from recs.classification.lesson import Lesson, read_lesson
from recs.classification.logistic import fit_linear
from recs.classification.predictions import SUGGEST
from recs.classification.training import calibrate
from recs.embedding.vectors import Embeddings
from recs.errors import OptionError
from recs.items import Collection, Item

QUICK_C = 10.0  # C of the model that measures doubt: a search for C would take too long after every few labels
UNUSUAL = 2.0  # how far, in nats, the log odds of a label lie below their usual value if it is probably wrong
_TINY = 1e-12
_BLOCK = 512  # items whose gains are computed at a time


@dataclass(frozen=True, slots=True)
class LabelIssue:
    """A label that is probably wrong, or missing.

    Attributes
    ----------
    kind
        "wrong": a person gave `label`, but models that had not seen the item would not give it. "missing": nobody gave
        it, but the models would.
    probability
        The probability of `label` by those models.
    better
        For a wrong single label, the likeliest label; else empty.
    score
        How unexpected the issue is, in nats. For a wrong single label, log p(better) - log p(label). For a missing
        label, its log odds. For a wrong label of several, how far its log odds lie below their mean over the other
        items that have it. The list is sorted by it.
    older
        Whether the item is older than every item with the label: perhaps the label did not exist yet.
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
    """Return the labels of public items that are probably wrong or missing, the most unexpected first.

    Every item is judged by models that had not seen it. A single label is wrong if another label is likelier. One of
    several labels is wrong if its probability is below .2 and far below its usual value for items that have it. A label
    of several is missing if its probability is above .5. A label that only one item has is never called wrong.

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
    Northcutt, Jiang and Chuang, Confident learning, doi:10.1613/jair.1.12125, for judging labels by held-out scores.

    Examples
    --------
    >>> kinds = ["trains" if n % 2 else "garden" for n in range(40)]
    >>> X = [[n % 2, 1 - n % 2, 0.2 * (n % 5)] for n in range(40)]
    >>> kinds[4] = "trains"
    >>> items = [Item(id=f"p{n}", text="-", category=kind) for n, kind in enumerate(kinds)]
    >>> embeddings = Embeddings.from_array([item.id for item in items], X, model="demo")
    >>> [(one.id, one.label, one.kind, one.better) for one in label_issues(items, embeddings, label="category")]
    [('p4', 'trains', 'wrong', 'garden')]
    """
    lesson = read_lesson(items, embeddings, label=label, label_texts=label_texts, rules=rules)
    examples = lesson.examples
    held = search_penalty(examples, seed=seed, **options)
    calibration = calibrate(held, examples, None) if len(lesson.items) > 1 else uncalibrated(len(lesson.classes))
    logits = calibration.apply(held.scores, held.likeness)
    probabilities = probabilities_of(logits, single=examples.single)
    find_issues = _issues_of_single_labels if examples.single else _issues_of_several_labels
    return sorted(find_issues(lesson, probabilities), key=lambda issue: (-issue.score, issue.id, issue.label))


def _issues_of_single_labels(lesson: Lesson, probabilities: Float64Array) -> Iterator[LabelIssue]:
    """Yield the items whose label is not the likeliest one."""
    p = np.maximum(probabilities, _TINY)
    for row, given in enumerate(lesson.examples.y.tolist()):
        best = int(p[row].argmax())
        if best != given and lesson.support[given] > 1:
            yield LabelIssue(
                id=lesson.items[row].id,
                label=lesson.classes[given],
                kind="wrong",
                probability=round(float(p[row, given]), 6),
                better=lesson.classes[best],
                score=round(float(np.log(p[row, best] / p[row, given])), 4),
            )


def _issues_of_several_labels(lesson: Lesson, probabilities: Float64Array) -> Iterator[LabelIssue]:
    """Yield the given labels that are improbable and unusual, and the labels that are probable but not given."""
    examples = lesson.examples
    p = np.clip(probabilities, _TINY, 1 - _TINY)
    log_odds = np.log(p / (1 - p))
    given = examples.Y & examples.trusted
    usual = (log_odds * given).sum(axis=0) / np.maximum(given.sum(axis=0), 1)
    gap = usual - log_odds
    wrong = given & (p < SUGGEST) & (gap > UNUSUAL) & (lesson.support > 1)
    missing = ~examples.Y & examples.trusted & (p > 0.5)
    before_label = _is_before_label(lesson.dated, examples.Y)
    for row, column in np.argwhere(wrong | missing).tolist():
        is_wrong = bool(wrong[row, column])
        yield LabelIssue(
            id=lesson.items[row].id,
            label=lesson.classes[column],
            kind="wrong" if is_wrong else "missing",
            probability=round(float(p[row, column]), 6),
            score=round(float(gap[row, column] if is_wrong else log_odds[row, column]), 4),
            older=not is_wrong and bool(before_label[row, column]),
        )


def _is_before_label(dated: Float64Array | None, Y: BoolArray) -> BoolArray:
    """Return which items are older than every dated item with a label, shape (n, L); False for items without a date."""
    if dated is None:
        return np.zeros(Y.shape, bool)
    dates = np.where(np.isfinite(dated), dated, np.inf)
    oldest_with_label = np.where(Y, dates[:, None], np.inf).min(axis=0, initial=np.inf)
    return np.asarray(dates[:, None] < oldest_with_label)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An item to label next.

    Attributes
    ----------
    doubt
        How uncertain the best label of the item is, 0 to 1.
    guess
        The best label; None if nothing is labelled yet.
    """

    id: str
    doubt: float
    guess: str | None


def select_to_label(
    items: Iterable[Item], embeddings: Embeddings, *, label: str, k: int = 20, rules: LabelRules | None = None
) -> list[Wanted]:
    """Return the unlabelled public items that are most useful to label next, the most useful first.

    An item is useful if it is similar to many items whose labels are uncertain, and if no labelled or already chosen
    item is as similar to them: the greedy maximum of a facility location function. If nothing is labelled yet, all
    items count alike.

    Parameters
    ----------
    k
        How many items, 1 or more; fewer are returned if fewer are unlabelled.
    rules
        Labels that are allowed, retired or renamed: only a label that may be given is a guess, by its new name.

    Raises
    ------
    OptionError
        If k is below 1, or the field holds values that name no label.
    EmbeddingError
        If a public item has no vector.

    Notes
    -----
    Cost: n² d products once, then about n d for each chosen item; memory O(n d).

    References
    ----------
    Wei, Iyer and Bilmes, Submodularity in data subset selection and active learning, ICML 2015.

    Examples
    --------
    >>> items = [Item(id=name, text="-") for name in ("rose", "tulip", "daisy", "train")]
    >>> X = [[1, 0], [0.9, 0.1], [0.9, -0.1], [-1, 0]]
    >>> embeddings = Embeddings.from_array([item.id for item in items], X, model="demo")
    >>> [one.id for one in select_to_label(items, embeddings, label="category", k=2)]
    ['rose', 'train']
    """
    if k < 1:
        raise OptionError(f"k is {k!r}, expected 1 or more.")
    public = Collection(tuple(items)).public
    X = unit_rows(embeddings.take([item.id for item in public]).vectors).astype(np.float32)
    labelled_ids = set(read_labels(public, label, rules, required=False).given)
    is_labelled = np.array([item.id in labelled_ids for item in public], dtype=bool)
    if labelled_ids:
        doubts, guesses = _doubts(public, embeddings, label, rules or LabelRules(), X)
    else:
        doubts, guesses = _no_guess(len(public))
    rows = np.flatnonzero(~is_labelled)
    chosen = _most_useful(X, doubts.astype(np.float32), _coverage(X, is_labelled), rows, k)
    return [Wanted(public[row].id, round(float(doubts[row]), 4), guesses[row]) for row in chosen]


def _coverage(X: FloatArray, is_labelled: BoolArray) -> FloatArray:
    """Return the similarity of each item to the most similar labelled item, at least 0, shape (n,)."""
    covered = np.zeros(len(X), np.float32)
    labelled = X[is_labelled]
    for start in range(0, len(labelled), _BLOCK):
        covered = np.maximum(covered, (X @ labelled[start : start + _BLOCK].T).max(axis=1))
    return covered


def _most_useful(X: FloatArray, worth: FloatArray, covered: FloatArray, rows: IntArray, k: int) -> list[int]:
    """Return up to k of `rows`: each time the row that adds most to the coverage of all items, weighted by worth.

    What a row adds only falls as others are chosen. So an earlier gain is an upper bound, and a row is chosen as soon
    as its new gain is at least the best earlier gain of the others (lazy evaluation).
    """

    def gains_of(some_rows: IntArray) -> Float64Array:
        with np.errstate(invalid="ignore"):  # X is finite; some builds of BLAS raise the flag on lanes beyond its end
            likeness = X[some_rows] @ X.T
        return np.asarray(np.maximum(likeness - covered, 0).astype(np.float64) @ worth)

    gains = [gains_of(rows[start : start + _BLOCK]) for start in range(0, len(rows), _BLOCK)]
    all_gains = np.concatenate([*gains, []]).tolist()
    queue = [(-gain, row) for gain, row in zip(all_gains, rows.tolist(), strict=True)]
    heapq.heapify(queue)
    chosen: list[int] = []
    while queue and len(chosen) < k:
        _, row = heapq.heappop(queue)
        updated = (-float(gains_of(np.array([row]))[0]), row)
        if queue and updated > queue[0]:
            heapq.heappush(queue, updated)
            continue
        chosen.append(row)
        with np.errstate(invalid="ignore"):
            covered = np.maximum(covered, X @ X[row])
    return chosen


def _no_guess(n: int) -> tuple[Float64Array, list[str | None]]:
    return np.ones(n), [None] * n


def _doubts(
    public: Sequence[Item], embeddings: Embeddings, label: str, rules: LabelRules, X: FloatArray
) -> tuple[Float64Array, list[str | None]]:
    """Return how uncertain the best label of each item is, shape (n,), and that label.

    For single labels, doubt is 1 minus the lead of the best label over the second one. For several labels, it is the
    doubt of the least certain label.
    """
    try:
        lesson = read_lesson(public, embeddings, label=label, rules=rules)
    except OptionError:  # with one label, there is nothing to be uncertain about
        return _no_guess(len(public))
    scores = fit_linear(lesson.examples, QUICK_C).scores(X)
    may_be_given = np.array([rules.may_say(name) for name in lesson.classes])
    if not may_be_given.any():
        return _no_guess(len(public))
    best_of_those = np.where(may_be_given, scores, -np.inf).argmax(axis=1)
    guesses: list[str | None] = [lesson.classes[best] for best in best_of_those]
    probabilities = probabilities_of(scores, single=lesson.examples.single)
    if lesson.examples.single:
        ranked = np.sort(probabilities, axis=1)
        return np.asarray(1 - (ranked[:, -1] - ranked[:, -2])), guesses
    return np.asarray(1 - np.abs(2 * probabilities - 1).min(axis=1)), guesses
