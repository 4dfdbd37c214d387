"""A classifier of labels: logistic regression on embeddings, calibrated out of fold, silent when it is not sure.

vectors, labels of persons → C by log loss out of fold → final model on all items
             out of fold → temperature or Platt → thresholds that hold a precision on the newest items
                         → a gate that knows how familiar labelled items look
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from recs.classification.classifier import Classifier
from recs.classification.labels import LabelRules
from recs.classification.lesson import read_lesson
from recs.classification.logistic import ClassWeight
from recs.classification.training import Calibrate, learn
from recs.embedding.vectors import Embeddings
from recs.items import Item


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
        `recs.classification.labels.read_labels` reads it. Where no item has two labels, every item has exactly
        one; else a label is judged by itself.
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
