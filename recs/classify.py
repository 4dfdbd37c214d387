"""A classifier of labels: logistic regression on embeddings, calibrated, which abstains when it is not sure.

vectors, labels of persons → held-out scores: choose C → fit on all items
                           → held-out scores: temperature or Platt calibration
                           → thresholds that reach a precision on the newest items
                           → the gate: how familiar an item is to the labelled ones
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from recs.classification.classifier import Classifier
from recs.classification.labels import LabelRules
from recs.classification.lesson import read_lesson
from recs.classification.logistic import ClassWeight
from recs.classification.training import Calibrate, TrainingOptions, learn
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
        Items without a label are left out. So are labels that the field `<label>_auto` of an item names: they were
        assigned automatically.
    embeddings
        Vectors of at least the labelled public items. An item of which the model knows no token (`Embeddings.blank`)
        is not learned from; `Classifier.notes` counts them.
    label
        The field: "category", "tags", "series", "group", "lang", or the name of another field of the source;
        `recs.classification.labels.read_labels` describes its values. If no item has two labels, every item gets
        exactly one; otherwise each label is judged by itself.
    C
        Inverse strength of the penalty, above 0; "auto" chooses it by the log loss of held-out items.
    class_weight
        None, or "balanced": rare labels weigh as much as frequent ones.
    calibration
        "temperature": one temperature for single labels; for several labels an item, a Platt slope and offset for each
        label. "none": the probabilities of scikit-learn.
    target_precision
        The share of automatic labels that should be right, between 0 and 1. The lower end of a 90 % interval on the
        newest fifth of the dated items has to reach it.
    min_support
        Labels with fewer items are only suggested, never assigned.
    label_texts
        Vectors of names or descriptions; their ids are labels. A label without any item may be among them.
    rules
        Labels that are allowed, retired, renamed.
    seed
        The seed of the folds.
    progress
        Called with a line of text before each fit on the grid of C.

    Returns
    -------
    Classifier
        Its classes are sorted by name.

    Raises
    ------
    OptionError
        If no item has a label, or all have the same, or the field holds values that name no label, or an option is
        impossible.
    EmbeddingError
        If a labelled item has no vector.
    FingerprintMismatchError
        If `label_texts` come from another model.
    MissingDependencyError
        If scikit-learn is not installed.

    Notes
    -----
    The result depends on the set of items, not on their order. Cost: about twenty fits of scikit-learn, each of n d L
    products an iteration.

    Examples
    --------
    >>> import recs
    >>> items = [recs.Item(id=f"p{n}", text="-", category="garden" if n % 2 else "trains") for n in range(40)]
    >>> X = [[n % 2, 1 - n % 2, 0.2 * (n % 5)] for n in range(40)]
    >>> embeddings = recs.Embeddings.from_array([item.id for item in items], X, model="demo")
    >>> classifier = recs.train_classifier(items, embeddings, label="category")
    >>> classifier.classes, classifier.support.tolist()
    (('garden', 'trains'), [20, 20])
    """
    lesson = read_lesson(items, embeddings, label=label, label_texts=label_texts, rules=rules)
    options = TrainingOptions(
        C=C,
        class_weight=class_weight,
        calibration=calibration,
        target_precision=target_precision,
        min_support=min_support,
        seed=seed,
    )
    return learn(lesson, options, progress=progress)
