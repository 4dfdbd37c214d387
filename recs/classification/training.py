"""Training: the choice of C, calibration, thresholds that reach a precision, and the gate of unfamiliar items."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.classification.calibration import (
    ONE_SIDED_90,
    Calibration,
    fit_platt,
    fit_temperature,
    precision_threshold,
    probabilities_of,
    uncalibrated,
)
from recs.classification.classifier import Classifier, gate_signs
from recs.classification.examples import Examples, centroids, text_directions
from recs.classification.held_out import HeldOut, search_penalty, taught
from recs.classification.lesson import Lesson
from recs.classification.logistic import ClassWeight, Linear, fit_linear
from recs.classification.predictions import SUGGEST
from recs.classification.text_labels import TextRule
from recs.errors import OptionError
from recs.text.counts import counted

EXAMPLES_KEPT = 50  # labelled items for each label that are kept for explanations
NEWEST = 0.2  # share of the items on which thresholds are set: the newest ones
FEWEST_NEWEST = 50
FADING = 0.5  # the weight of an item in calibration halves each time that this share of the items is newer
Calibrate = Literal["temperature", "none"]


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """The options of `recs.train_classifier` that concern learning; `OptionError` for impossible values."""

    C: float | Literal["auto"] = "auto"
    class_weight: ClassWeight | None = None
    calibration: Calibrate = "temperature"
    target_precision: float = 0.9
    min_support: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.C != "auto" and not (isinstance(self.C, int | float) and 0 < self.C < float("inf")):
            raise OptionError(f"C is {self.C!r}, expected a number above 0, or 'auto'.")
        if self.class_weight not in (None, "balanced"):
            raise OptionError(f"class_weight is {self.class_weight!r}, expected None or 'balanced'.")
        if self.calibration not in ("temperature", "none"):
            raise OptionError(f"calibration is {self.calibration!r}, expected 'temperature' or 'none'.")
        if not 0 < self.target_precision < 1:
            raise OptionError(f"target_precision is {self.target_precision!r}, expected a number between 0 and 1.")
        if self.min_support < 1:
            raise OptionError(f"min_support is {self.min_support!r}, expected 1 or more.")


def learn(lesson: Lesson, options: TrainingOptions, *, progress: Callable[[str], None] | None = None) -> Classifier:
    """Return the classifier of a lesson."""
    rule = TextRule.learn(lesson.examples)
    if rule is None:
        return _learn_from_items(lesson, options, progress)
    return rule.added_to(_learn_from_items(lesson.take_labels(~rule.by_text), options, progress), lesson)


def _learn_from_items(lesson: Lesson, options: TrainingOptions, progress: Callable[[str], None] | None) -> Classifier:
    examples = lesson.examples
    held = search_penalty(
        examples, C=options.C, class_weight=options.class_weight, seed=options.seed, progress=progress
    )
    fitted = fit_linear(examples, held.C, class_weight=options.class_weight, start=held.model)
    calibration = _calibration(held, lesson, options)
    logits = calibration.apply(held.scores, held.likeness)
    probabilities = probabilities_of(logits, single=examples.single)
    rare = lesson.support < options.min_support
    thresholds = set_thresholds(probabilities, examples, ~rare, target=options.target_precision, dated=lesson.dated)
    calibrated = _calibrated(fitted, calibration, examples)
    kept = _rows_kept(lesson)
    return Classifier(
        label=lesson.label,
        classes=lesson.classes,
        single=examples.single,
        weights=calibrated.weights,
        intercepts=calibrated.intercepts,
        thresholds=thresholds,
        support=lesson.support,
        centres=centroids(examples),
        gate=_gate(logits.max(axis=1), held.centre),
        examples=examples.X[kept].copy(),
        example_labels=examples.Y[kept].copy(),
        example_items=tuple((lesson.items[row].id, lesson.items[row].title[:200]) for row in kept),
        model=lesson.space.model,
        fingerprint=lesson.space.fingerprint,
        role=lesson.space.role,
        prompt=lesson.space.prompt,
        rules=lesson.rules,
        parameters=_parameters(options, held, calibration),
        metrics={"items": len(lesson.items), "labels": len(lesson.classes)},
        notes=tuple(_notes(lesson, thresholds, rare, options.min_support)),
    )


def _calibration(held: HeldOut, lesson: Lesson, options: TrainingOptions) -> Calibration:
    if options.calibration == "none":
        return uncalibrated(len(lesson.classes))
    return calibrate(held, lesson.examples, lesson.dated)


def calibrate(held: HeldOut, examples: Examples, dated: Float64Array | None) -> Calibration:
    """Return the calibration of held-out scores; with several labels an item, newer items have larger weights."""
    if examples.single:
        counted = taught(held.scores, examples)
        likeness = None if held.likeness is None else held.likeness[counted]
        return fit_temperature(held.scores[counted], likeness, examples.y[counted])
    weights = np.ones(len(examples.X))
    if dated is not None:
        share_of_newer = 1 - (_oldest_first(dated).argsort() + 1) / len(dated)
        weights = 0.5 ** (share_of_newer / FADING)
    return fit_platt(held.scores, held.likeness, examples.Y, examples.trusted * weights[:, None])


def _calibrated(fitted: Linear, calibration: Calibration, examples: Examples) -> Linear:
    """Return the model whose scores are calibrated logits, with the likeness to texts as a part of its weights."""
    directions = 0.0 if examples.texts is None else text_directions(examples.texts)
    weights = calibration.scale[:, None] * (fitted.weights + calibration.text * directions)
    return Linear(weights, calibration.scale * fitted.intercepts + calibration.offset)


def _oldest_first(dated: Float64Array) -> IntArray:
    """Return the rows by date, those without a date first; rows of one date keep their order."""
    return np.argsort(np.where(np.isfinite(dated), dated, -np.inf), kind="stable")


def set_thresholds(
    probabilities: Float64Array, examples: Examples, judged: BoolArray, *, target: float, dated: Float64Array | None
) -> Float64Array:
    """Return the probability from which on each label reaches the target precision on the newest items, shape (L,).

    All labels with too few answers there share one threshold.

    Parameters
    ----------
    probabilities : array of shape (n, L)
        Those of held-out items.
    judged : bool array of shape (L,)
        Labels that may be assigned; the others get infinity.
    """
    rows = _newest_rows(dated) if dated is not None else np.arange(len(probabilities))
    p = probabilities[rows]
    right = examples.Y[rows]
    counted = examples.trusted[rows] & judged & (p >= SUGGEST)
    if examples.single:
        counted &= np.arange(p.shape[1]) == p.argmax(axis=1)[:, None]
    thresholds = np.where(judged, precision_threshold(p[counted], right[counted], target), np.inf)
    # A label that is sometimes wrong needs more answers than one that is always right: four times as many.
    enough = 4 * _answers_needed(target)
    for label in np.flatnonzero(counted.sum(axis=0) >= enough):
        own = counted[:, label]
        thresholds[label] = precision_threshold(p[own, label], right[own, label], target)
    return thresholds


def _newest_rows(dated: Float64Array) -> IntArray:
    n = len(dated)
    return _oldest_first(dated)[-max(int(NEWEST * n), min(n, FEWEST_NEWEST)) :]


def _answers_needed(target: float) -> int:
    """Return how many answers show a precision if all of them are right."""
    return int(np.ceil(ONE_SIDED_90**2 * target / (1 - target)))


def _gate(best: Float64Array, centre: Float64Array) -> Float64Array:
    """Return `Classifier.gate`, from the two signs of familiarity of held-out items."""
    moments = np.array([best.mean(), centre.mean(), max(best.std(), 1e-9), max(centre.std(), 1e-9)])
    percentiles = np.percentile(gate_signs(moments, best, centre), np.arange(101))
    return np.concatenate([moments, percentiles])


def _rows_kept(lesson: Lesson) -> IntArray:
    """Return up to fifty rows for each label; a digest of the ids chooses them, so other items do not change it."""
    digests = [hashlib.blake2b(item.id.encode("utf-8", "replace")).digest() for item in lesson.items]
    order = np.array(sorted(range(len(digests)), key=lambda row: digests[row]))
    kept: set[int] = set()
    for label in range(len(lesson.classes)):
        rows_with_label = order[lesson.examples.Y[order, label]]
        kept |= set(rows_with_label[:EXAMPLES_KEPT].tolist())
    return np.array(sorted(kept), np.int64)


def _parameters(options: TrainingOptions, held: HeldOut, calibration: Calibration) -> dict[str, Any]:
    return {
        "C": held.C,
        "class_weight": options.class_weight,
        "calibration": options.calibration,
        "target_precision": options.target_precision,
        "min_support": options.min_support,
        "seed": options.seed,
        "text_weight": round(calibration.text, 6),
        "log_loss_by_C": {f"{C:g}": round(loss, 6) for C, loss in held.losses.items()},
    }


def _notes(lesson: Lesson, thresholds: Float64Array, rare: BoolArray, min_support: int) -> Iterator[str]:
    """Yield what a person should know about the classifier."""
    n, labels = lesson.examples.Y.shape
    kind = "exactly one label each" if lesson.examples.single else f"{lesson.examples.Y.sum() / n:.1f} labels each"
    unlabelled = counted(lesson.unlabelled, "public item has none", "public items have none")
    yield f"{counted(n, 'item')} with {kind}, {counted(labels, 'label')}; {unlabelled}."
    if lesson.blank:
        blank_items = counted(lesson.blank, "item with a label was left out", "items with a label were left out")
        yield f"{blank_items}: the model knows no token of {'its' if lesson.blank == 1 else 'their'} text."
    if lesson.automatic:
        was_not_learned = ("label was assigned automatically; it was", "labels were assigned automatically; they were")
        yield f"{counted(lesson.automatic, *was_not_learned)} not learned."
    if rare.any():
        fewer = f"with fewer than {counted(min_support, 'item')}"
        labels_are = counted(int(rare.sum()), f"label {fewer} is", f"labels {fewer} are")
        yield f"{labels_are} only suggested, never assigned."
    imprecise = int((~np.isfinite(thresholds) & ~rare).sum())
    if imprecise:
        missed = "did not reach the target precision on held-out items and"
        yield f"{counted(imprecise, f'label {missed} is', f'labels {missed} are')} only suggested."
    if lesson.dated is None:
        yield "few items have a date: thresholds were set on all items, and may not hold for new ones."
