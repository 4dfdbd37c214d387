"""A classifier of labels: logistic regression on embeddings, calibrated out of fold, silent when it is not sure.

vectors, labels of persons → C by log loss out of fold → final model on all items
             out of fold → temperature or Platt → thresholds that hold a precision on the newest items
                         → a gate that knows how familiar labelled items look
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy.special import expit, softmax

from recs.calibration import (
    ONE_SIDED_90,
    BoolArray,
    Calibration,
    Float64Array,
    fit_platt,
    fit_temperature,
    precision_threshold,
    uncalibrated,
)
from recs.classifier import SUGGEST, Classifier, gate_signs
from recs.embeddings import Embeddings, FloatArray, IntArray, unit_rows
from recs.errors import OptionError
from recs.items import Collection, Item
from recs.labels import LabelRules, read_labels
from recs.logistic import (
    ClassWeight,
    Examples,
    HeldOut,
    centroids,
    fit_linear,
    search,
    taught,
    text_directions,
)

EXAMPLES_KEPT = 50  # labelled items a label that are kept to explain by
NEWEST = 0.2  # share of the items on which thresholds are set, fifty at least
FADING = 0.5  # share of the items over which the weight of an older one, in calibration, falls by half

Calibrate = Literal["temperature", "none"]


def train_classifier(
    items: Iterable[Item],
    embeddings: Embeddings,
    *,
    label: str,
    C: float | Literal["auto"] = "auto",
    class_weight: ClassWeight | None = None,
    calibration: Calibrate = "temperature",
    target_precision: float = 0.9,
    min_support: int = 5,
    label_texts: Embeddings | None = None,
    rules: LabelRules | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Classifier:
    """Learn the labels that persons gave to the public items.

    Parameters
    ----------
    items
        Those without a label are left out, and so are labels that `<label>_auto` of an item names.
    embeddings
        Vectors of at least the labelled public items. Nothing is learned from an item of which the model knows no
        token (`Embeddings.blank`); `notes` says how many there are.
    label
        The field: "category", "tags", "series", "group", "lang", or the name of another one of the source, as
        `recs.labels.read_labels` reads it. Where no item has two labels, every item has exactly one; else a label is
        judged by itself.
    C
        Inverse strength of the penalty, above 0; "auto" chooses by log loss out of fold.
    class_weight
        None, or "balanced": rare labels weigh as much as frequent ones.
    calibration
        "temperature": one for single labels, a Platt slope and offset a label otherwise. "none": as scikit-learn says.
    target_precision
        How often an automatic label should be right, between 0 and 1: held by the lower end of a 90 % interval on the
        newest fifth of the dated items.
    min_support
        Labels with fewer items are only ever suggested.
    label_texts
        Vectors of names or descriptions, whose ids are labels; a label that no item has yet may be among them.
    rules
        Labels that are allowed, retired, renamed.
    seed
        Of the folds.

    Raises
    ------
    OptionError
        If no item has a label, or all have the same, or the field holds what names no label.
    EmbeddingError, FingerprintMismatchError, MissingDependencyError

    Notes
    -----
    The result depends on the set of items, not on their order. Cost: some twenty fits of scikit-learn, of n d L
    products an iteration each.
    """
    lesson = read_lesson(items, embeddings, label=label, label_texts=label_texts, rules=rules)
    return learn(
        lesson,
        C=C,
        class_weight=class_weight,
        calibration=calibration,
        target_precision=target_precision,
        min_support=min_support,
        seed=seed,
        progress=progress,
    )


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


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """The labelled public items by id, with what is learned from them.

    dated holds the dates of the items in seconds, NaN for none, or is None where fewer than half have one; space is
    the embeddings without rows.
    """

    label: str
    rules: LabelRules
    space: Embeddings
    items: Sequence[Item]
    classes: tuple[str, ...]
    examples: Examples
    dated: Float64Array | None
    unlabelled: int
    automatic: int
    blank: int = 0  # items with a label of which the model knows no token: they are not in it

    @property
    def support(self) -> IntArray:
        """How many items have each label, shape (L,)."""
        return np.asarray((self.examples.Y & self.examples.known).sum(axis=0))

    def take(self, rows: Any) -> Lesson:
        """Return a lesson of some of the items; a label that none of them has and no text tells of is not in it."""
        examples = self.examples.take(rows)
        here = np.asarray(examples.Y.any(axis=0))
        if examples.texts is not None:
            here = here | np.any(examples.texts, axis=1)
        texts = None if examples.texts is None else examples.texts[here]
        part = Examples(examples.X, examples.Y[:, here], examples.known[:, here], examples.single, texts)
        kept = [self.items[row] for row in np.arange(len(self.items))[rows]]
        classes = tuple(name for name, known in zip(self.classes, here.tolist(), strict=True) if known)
        dated = None if self.dated is None else self.dated[rows]
        return replace(self, items=kept, classes=classes, examples=part, dated=dated)


def read_lesson(
    items: Iterable[Item],
    embeddings: Embeddings,
    *,
    label: str,
    label_texts: Embeddings | None = None,
    rules: LabelRules | None = None,
) -> Lesson:
    """Return what there is to learn: the labelled public items, sorted by id, and their labels as a table.

    Raises
    ------
    OptionError
        If no item has a label, or all have the same, or the model knows no token of those that have one.
    """
    public = Collection(tuple(items)).public
    said = read_labels(public, label, rules)
    unknown = {name for name, is_blank in zip(embeddings.ids, embeddings.blank.tolist(), strict=True) if is_blank}
    labelled = said.without(unknown) if unknown else said
    if not labelled.given:
        raise OptionError(
            f"the model knows no token of the {len(said.given):,} items with a label in {label!r}: their vectors teach "
            "nothing; choose a model that reads their language."
        )
    chosen = [item for item in public if item.id in labelled.given]
    texts: Mapping[str, FloatArray] = {}
    if label_texts is not None:
        embeddings.check_comparable(label_texts)
        renamed = rules.renamed if rules else {}
        texts = {renamed.get(name, name): row for name, row in zip(label_texts.ids, label_texts.vectors, strict=True)}
    classes = tuple(sorted({name for names in labelled.given.values() for name in names} | set(texts)))
    place = {name: column for column, name in enumerate(classes)}
    X = unit_rows(embeddings.take([item.id for item in chosen]).vectors).astype(np.float32)
    Y = np.zeros((len(chosen), len(classes)), dtype=bool)
    known = np.ones_like(Y)
    for row, item in enumerate(chosen):
        Y[row, [place[name] for name in labelled.given[item.id]]] = True
        known[row, [place[name] for name in labelled.automatic.get(item.id, ()) if name in place]] = False
    if len(classes) < 2 and Y.all():
        raise OptionError(f"all {len(chosen)} items with a label in {label!r} have {classes[0]!r}; two are needed.")
    given = [texts.get(name) for name in classes]
    blank = np.zeros(X.shape[1], np.float32)
    table = np.stack([blank if row is None else unit_rows(row[None])[0] for row in given]) if texts else None
    examples = Examples(X, Y, known, labelled.single, None if table is None else table.astype(np.float32))
    automatic = sum(map(len, labelled.automatic.values()))
    return Lesson(
        label=label,
        rules=rules or LabelRules(),
        space=embeddings.take([]),
        items=chosen,
        classes=classes,
        examples=examples,
        dated=_dates(chosen),
        unlabelled=len(public) - len(said.given),
        automatic=automatic,
        blank=len(said.given) - len(chosen),
    )


def _dates(items: Sequence[Item]) -> Float64Array | None:
    from recs.readers.dates import parse_date

    moments = [parse_date(item.published) for item in items]
    dates = np.array([moment.timestamp() if moment else np.nan for moment in moments], dtype=np.float64)
    enough = np.isfinite(dates).sum() * 2 >= len(dates) and len(np.unique(dates[np.isfinite(dates)])) > 1
    return dates if enough else None


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
