"""How good a classifier of labels is, judged on items that it had not seen: by time, and at random.

A random split flatters a classifier of a collection that changes: new items differ from a sample of old ones. So if the
items have dates, trust the figures by time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from recs.arrays import IntArray
from recs.classification.held_out import folds
from recs.classification.labels import LabelRules
from recs.classification.lesson import Lesson, read_lesson
from recs.classification.training import TrainingOptions
from recs.embedding.vectors import Embeddings
from recs.errors import TooFewLabelsError
from recs.evaluation.classifier_answers import OURS, Answers, Part, answers_of_parts
from recs.evaluation.classifier_metrics import (
    LabelScore,
    classification_metrics,
    coverage_curve,
    label_scores,
    reliability,
)
from recs.items import Item
from recs.text.counts import counted

FEWEST = 10
WINDOWS = 4  # each holds a tenth of the items and is judged by a classifier of all older items
FEW = 2000  # up to this number of items there are several windows; of more items, the newest fifth is enough


@dataclass(frozen=True, slots=True)
class SplitScore:
    """How well the classifier did on one kind of split.

    Attributes
    ----------
    split
        "by time" or "at random".
    learned, judged
        How many items the largest training set had, and how many items were judged.
    unseen
        How many true labels no item of the training set had: they count as missed.
    metrics, baselines
        accuracy, macro_f1, micro_f1, average_precision, p_at_1, log_loss, ece, all 0 to 1 except log_loss; those of the
        baselines by name. None and empty if nothing could be judged.
    auto_precision
        Share of the automatically assigned labels that were right; None if none was assigned.
    auto_coverage
        Share of the true labels that were assigned automatically; None if nothing could be judged.
    abstained
        Share of the items that got no label, not even a suggestion.
    labels
        The score of each label, by name.
    reliability
        Bins by the probability of the best label: mean probability, share of right labels, items.
    coverage
        From the most certain answer on: probability, precision so far, share of the true labels so far.
    not_judged
        Why there are no figures; empty if there are.
    """

    split: str
    learned: int
    judged: int
    unseen: int
    metrics: Mapping[str, float] | None
    baselines: Mapping[str, Mapping[str, float]]
    auto_precision: float | None
    auto_coverage: float | None
    abstained: float
    labels: tuple[LabelScore, ...]
    reliability: tuple[tuple[float, float, int], ...]
    coverage: tuple[tuple[float, float, float], ...]
    not_judged: str = ""


@dataclass(frozen=True, slots=True)
class ClassifierEvaluation:
    """The result of one evaluation; the first split is the most reliable one."""

    label: str
    single: bool
    items: int
    classes: int
    target_precision: float
    splits: tuple[SplitScore, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as dicts, lists, strings and numbers."""
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

    By time: of up to 2,000 items, four windows of a tenth each, judged by a classifier of all older items; of more, the
    newest fifth. At random: one fifth, with every label spread alike and identical texts on one side.

    Parameters
    ----------
    items, embeddings, label, label_texts, rules, target_precision, seed
        As for `recs.train_classifier`.
    progress
        Called with the name of each split before it is judged.
    options
        C, class_weight, calibration, min_support, as for `recs.train_classifier`.

    Returns
    -------
    ClassifierEvaluation
        Its splits are "by time", if that is possible, and "at random".

    Raises
    ------
    OptionError
        If fewer than ten items have a label, all have the same, or all have one text.

    Examples
    --------
    >>> items = [Item(id=f"p{n}", text="-", category="garden" if n % 2 else "trains") for n in range(60)]
    >>> X = [[n % 2, 1 - n % 2, n / 60] for n in range(60)]
    >>> embeddings = Embeddings.from_array([item.id for item in items], X, model="demo")
    >>> evaluation = evaluate_classifier(items, embeddings, label="category", C=10.0)
    >>> [(split.split, split.judged, split.metrics and split.metrics["accuracy"]) for split in evaluation.splits]
    [('at random', 12, 1.0)]
    """
    lesson = read_lesson(items, embeddings, label=label, label_texts=label_texts, rules=rules)
    n = len(lesson.items)
    if n < FEWEST:
        items_have = counted(n, "item has", "items have")
        raise TooFewLabelsError(f"{items_have} a label in {label!r}; ten are needed to judge a classifier.")
    parts_of_split = {"by time": _by_time(lesson), "at random": _at_random(lesson, seed)}
    if not any(parts_of_split.values()):
        raise TooFewLabelsError(
            f"the {n} items with a label in {label!r} have one text, or the same labels: texts and labels that differ "
            "are needed to judge a classifier."
        )
    training = TrainingOptions(target_precision=target_precision, seed=seed, **options)
    splits = []
    for split, parts in parts_of_split.items():
        if parts:
            if progress is not None:
                progress(split)
            splits.append(_judge(lesson, split, parts, training))
    return ClassifierEvaluation(
        label=label,
        single=lesson.examples.single,
        items=n,
        classes=len(lesson.classes),
        target_precision=target_precision,
        splits=tuple(splits),
        notes=() if parts_of_split["by time"] else (_no_split_by_time(lesson),),
    )


def _no_split_by_time(lesson: Lesson) -> str:
    why = "few items have a date" if lesson.dated is None else "the older items alone have too few labels"
    return f"{why}: the classifier was not judged on newer items than it learned from."


def _by_time(lesson: Lesson) -> list[Part]:
    """Return pairs of older and newer rows; items without a date are learned from and never judged."""
    if lesson.dated is None:
        return []
    is_dated = np.isfinite(lesson.dated)
    dated = np.flatnonzero(is_dated)
    undated = np.flatnonzero(~is_dated)
    order = dated[np.argsort(lesson.dated[dated], kind="stable")]
    parts = []
    for start, stop in pairwise(_window_edges(len(order))):
        older = np.sort(np.concatenate([order[:start], undated]))
        if start < stop and _can_teach(lesson, older):
            parts.append((older, np.sort(order[start:stop])))
    return parts


def _window_edges(n: int) -> list[int]:
    """Return where the windows of n dated items start, and where the last one stops."""
    if n > FEW:
        return [n * 4 // 5, n]
    return [round(n * (1 - tenths / 10)) for tenths in range(WINDOWS, -1, -1)]


def _at_random(lesson: Lesson, seed: int) -> list[Part]:
    fold = folds(lesson.examples, 5, seed=seed)
    learned = np.flatnonzero(fold != 0)
    judged = np.flatnonzero(fold == 0)
    return [(learned, judged)] if len(judged) and _can_teach(lesson, learned) else []


def _can_teach(lesson: Lesson, rows: IntArray) -> bool:
    """Return whether some label is on some of the items, but not on all."""
    Y = lesson.examples.Y[rows]
    return bool(len(rows) > 1 and (Y.any(axis=0) & ~Y.all(axis=0)).any())


def _judge(lesson: Lesson, split: str, parts: Sequence[Part], options: TrainingOptions) -> SplitScore:
    """Learn from the first rows of each part, and judge the second rows of all parts together."""
    answers = answers_of_parts(lesson, parts, options)
    single = lesson.examples.single
    if not (answers.Y & answers.trusted & answers.learned).any():
        return _not_judged(split, parts, answers)
    if not single:  # automatic labels are neither right nor wrong
        for probabilities in answers.probabilities.values():
            probabilities[~answers.trusted] = 0.0
    Y = answers.Y
    auto = answers.auto & answers.trusted
    auto_right = int((auto & Y).sum())
    is_counted = answers.trusted & answers.learned
    metrics = {
        name: classification_metrics(p, Y, is_counted, single=single) for name, p in answers.probabilities.items()
    }
    p = answers.probabilities[OURS]
    best_is_right = Y[np.arange(len(p)), p.argmax(axis=1)]
    return SplitScore(
        split=split,
        learned=max(len(learned) for learned, _ in parts),
        judged=len(Y),
        unseen=int((Y & ~answers.learned).sum()),
        metrics=metrics.pop(OURS),
        baselines=metrics,
        auto_precision=auto_right / int(auto.sum()) if auto.any() else None,
        auto_coverage=auto_right / max(int(Y.sum()), 1),
        abstained=float((~answers.answered).mean()),
        labels=tuple(label_scores(lesson.classes, p, Y, auto, single=single)),
        reliability=tuple(reliability(p.max(axis=1), best_is_right)),
        coverage=tuple(coverage_curve(p, Y, answers.trusted, single=single)),
    )


def _not_judged(split: str, parts: Sequence[Part], answers: Answers) -> SplitScore:
    """Return the score of a split in which every true label is new: any figure would be 0 and say nothing."""
    learned = max(len(learned) for learned, _ in parts)
    judged = len(answers.Y)
    items_have = counted(judged, "held-out item has", "held-out items have")
    return SplitScore(
        split=split,
        learned=learned,
        judged=judged,
        unseen=int((answers.Y & ~answers.learned).sum()),
        metrics=None,
        baselines={},
        auto_precision=None,
        auto_coverage=None,
        abstained=float((~answers.answered).mean()),
        labels=(),
        reliability=(),
        coverage=(),
        not_judged=f"the {items_have} only labels that none of the {counted(learned, 'other item')} has.",
    )
