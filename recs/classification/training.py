"""Training: C by log loss out of fold, calibration, thresholds that keep a precision, and the gate."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from scipy.special import expit, softmax

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.classification.calibration import (
    ONE_SIDED_90,
    Calibration,
    fit_platt,
    fit_temperature,
    precision_threshold,
    uncalibrated,
)
from recs.classification.classifier import Classifier, gate_signs
from recs.classification.lesson import Lesson
from recs.classification.logistic import (
    ClassWeight,
    Examples,
    HeldOut,
    centroids,
    fit_linear,
    search,
    taught,
    text_directions,
)
from recs.classification.predictions import SUGGEST
from recs.errors import OptionError

EXAMPLES_KEPT = 50  # labelled items a label that are kept to explain by
NEWEST = 0.2  # share of the items on which thresholds are set, fifty at least
FADING = 0.5  # share of the items over which the weight of an older one, in calibration, falls by half
Calibrate = Literal["temperature", "none"]


def learn(
    lesson: Lesson,
    *,
    C: float | Literal["auto"] = "auto",
    class_weight: ClassWeight | None = None,
    calibration: Calibrate = "temperature",
    target_precision: float = 0.9,
    min_support: int = 5,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Classifier:
    """Return the classifier of a lesson; the options are those of `train_classifier`."""
    _check_options(C, class_weight, calibration, target_precision, min_support)
    examples, support = lesson.examples, lesson.support
    held = search(examples, C=C, class_weight=class_weight, seed=seed, progress=progress)
    fitted = fit_linear(examples, held.C, class_weight=class_weight, start=held.model)
    scaled = calibrate(held, examples, lesson.dated) if calibration == "temperature" else uncalibrated(len(support))
    logits = scaled.apply(held.scores, held.likeness)
    probabilities = np.asarray(softmax(logits, axis=1) if examples.single else expit(logits))
    gate = _gate(logits.max(axis=1), held.centre)
    rare = support < min_support
    thresholds = set_thresholds(probabilities, examples, ~rare, target=target_precision, dated=lesson.dated)
    directions = text_directions(examples.texts) if examples.texts is not None else 0.0
    kept = _kept(lesson)
    return Classifier(
        label=lesson.label,
        classes=lesson.classes,
        single=examples.single,
        weights=scaled.scale[:, None] * (fitted.weights + scaled.text * directions),
        intercepts=scaled.scale * fitted.intercepts + scaled.offset,
        thresholds=thresholds,
        support=support,
        centres=centroids(examples),
        gate=gate,
        examples=examples.X[kept].copy(),
        example_labels=examples.Y[kept].copy(),
        example_items=tuple((lesson.items[row].id, lesson.items[row].title[:200]) for row in kept),
        model=lesson.space.model,
        fingerprint=lesson.space.fingerprint,
        role=lesson.space.role,
        prompt=lesson.space.prompt,
        rules=lesson.rules,
        parameters={
            "C": held.C,
            "class_weight": class_weight,
            "calibration": calibration,
            "target_precision": target_precision,
            "min_support": min_support,
            "seed": seed,
            "text_weight": round(scaled.text, 6),
            "log_loss_by_C": {f"{C:g}": round(loss, 6) for C, loss in held.losses.items()},
        },
        metrics={"items": len(lesson.items), "labels": len(lesson.classes)},
        notes=tuple(_notes(lesson, thresholds, rare, min_support)),
    )


def calibrate(held: HeldOut, examples: Examples, dated: Float64Array | None) -> Calibration:
    """Return what makes probabilities of held-out scores; of several labels an item, newer items count for more."""
    if examples.single:
        known = taught(held.scores, examples)
        return fit_temperature(
            held.scores[known], None if held.likeness is None else held.likeness[known], examples.y[known]
        )
    weights = np.ones(len(examples.X))
    if dated is not None:
        age = 1 - (_newest_last(dated).argsort() + 1) / len(dated)
        weights = 0.5 ** (age / FADING)
    return fit_platt(held.scores, held.likeness, examples.Y, examples.known * weights[:, None])


def _newest_last(dated: Float64Array) -> IntArray:
    """Return the rows by date, those without a date first; rows of one date stay as they are."""
    return np.argsort(np.where(np.isfinite(dated), dated, -np.inf), kind="stable")


def set_thresholds(
    probabilities: Float64Array, examples: Examples, judged: BoolArray, *, target: float, dated: Float64Array | None
) -> Float64Array:
    """Return from which probability on each label holds the target precision, on the newest items, shape (L,).

    A label with too few answers there to be judged by itself is judged with all others like it.

    Parameters
    ----------
    probabilities : array of shape (n, L)
        Out of fold.
    judged : bool array of shape (L,)
        Labels that may be put; the others get infinity.
    """
    n, labels = probabilities.shape
    rows = np.arange(n)
    if dated is not None:
        rows = _newest_last(dated)[-max(int(NEWEST * n), min(n, 50)) :]
    counted = examples.known[rows].copy()
    if examples.single:
        counted &= np.arange(labels) == probabilities[rows].argmax(axis=1)[:, None]
    counted &= judged & (probabilities[rows] >= SUGGEST)
    p, right = probabilities[rows], examples.Y[rows]
    thresholds = np.where(judged, precision_threshold(p[counted], right[counted], target), np.inf)
    # Four times as many answers as would do if all were right: fewer say little of a label that is sometimes wrong.
    enough = 4 * _all_right(target)
    for label in np.flatnonzero(counted.sum(axis=0) >= enough):
        own = counted[:, label]
        thresholds[label] = precision_threshold(p[own, label], right[own, label], target)
    return thresholds


def _all_right(target: float) -> int:
    """Return how many answers, all of them right, it takes to show a precision."""
    return int(np.ceil(ONE_SIDED_90**2 * target / (1 - target)))


def _gate(best: Float64Array, centre: Float64Array) -> Float64Array:
    """Return the two signs of familiarity of held-out items as `Classifier.gate` keeps them."""
    moments = np.array([best.mean(), centre.mean(), max(best.std(), 1e-9), max(centre.std(), 1e-9)])
    return np.append(moments, np.percentile(gate_signs(moments, best, centre), np.arange(101)))


def _kept(lesson: Lesson) -> IntArray:
    """Return up to fifty rows a label, spread by a digest of their ids, so that the choice hangs on nothing else."""
    digests = [hashlib.blake2b(item.id.encode("utf-8", "replace")).digest() for item in lesson.items]
    order = np.array(sorted(range(len(digests)), key=lambda row: digests[row]))
    kept: set[int] = set()
    for label in range(len(lesson.classes)):
        kept |= set(order[lesson.examples.Y[order, label]][:EXAMPLES_KEPT].tolist())
    return np.array(sorted(kept), np.int64)


def _notes(lesson: Lesson, thresholds: Float64Array, rare: BoolArray, min_support: int) -> list[str]:
    n, labels = lesson.examples.Y.shape
    kind = "exactly one label each" if lesson.examples.single else f"{lesson.examples.Y.sum() / n:.1f} labels each"
    notes = [f"{n:,} items with {kind}, {labels:,} labels; {lesson.unlabelled:,} public items have none."]
    if lesson.blank:
        unread = "1 item" if lesson.blank == 1 else f"{lesson.blank:,} items"
        notes.append(f"nothing was learned from {unread} with a label of which the model knows no token.")
    if lesson.automatic:
        notes.append(f"{lesson.automatic:,} labels were put automatically and were not learned from.")
    if rare.any():
        notes.append(f"{int(rare.sum()):,} labels with fewer than {min_support} items are only ever suggested.")
    silent = int((~np.isfinite(thresholds) & ~rare).sum())
    if silent:
        notes.append(f"{silent:,} labels did not hold the target precision out of fold and are only ever suggested.")
    if lesson.dated is None:
        notes.append("few items have a date: thresholds were set on all of them, and may not hold for new ones.")
    return notes


def _check_options(C: Any, class_weight: Any, calibration: Any, target_precision: float, min_support: int) -> None:
    if C != "auto" and not (isinstance(C, int | float) and 0 < C < float("inf")):
        raise OptionError(f"C is {C!r}, expected a number above 0, or 'auto'.")
    if class_weight not in (None, "balanced"):
        raise OptionError(f"class_weight is {class_weight!r}, expected None or 'balanced'.")
    if calibration not in ("temperature", "none"):
        raise OptionError(f"calibration is {calibration!r}, expected 'temperature' or 'none'.")
    if not 0 < target_precision < 1:
        raise OptionError(f"target_precision is {target_precision!r}, expected a number between 0 and 1.")
    if min_support < 1:
        raise OptionError(f"min_support is {min_support!r}, expected 1 or more.")
