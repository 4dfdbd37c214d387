"""What a classifier learns from: the labelled public items, their vectors and their labels as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, unit_rows
from recs.classification.examples import Examples
from recs.classification.labels import Labelled, LabelRules, read_labels
from recs.embedding.vectors import Embeddings
from recs.errors import OptionError
from recs.items import Collection, Item
from recs.text.counts import counted


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """The labelled public items, sorted by id, and what is learned from them.

    Attributes
    ----------
    label, rules
        The field, and which labels are retired, allowed, renamed.
    space
        The embeddings without rows.
    items
        The n labelled items.
    classes : L names, sorted
    examples
        Vectors and labels of the items.
    dated : float64 array of shape (n,), or None
        The dates in seconds, NaN for items without one; None if fewer than half of the items have a date.
    unlabelled
        How many public items have no label.
    automatic
        How many labels were assigned automatically; they are not learned.
    blank
        How many labelled items were left out because the model knows no token of them.
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
    blank: int = 0

    @property
    def support(self) -> IntArray:
        """How many items have each label, shape (L,)."""
        return np.asarray((self.examples.Y & self.examples.trusted).sum(axis=0))

    def take(self, rows: Any) -> Lesson:
        """Return a lesson of some of the items; a label is dropped if none of them has it and it has no text."""
        examples = self.examples.take(rows)
        lesson = replace(
            self,
            items=[self.items[row] for row in np.arange(len(self.items))[rows]],
            examples=examples,
            dated=None if self.dated is None else self.dated[rows],
        )
        return lesson.take_labels(np.asarray(examples.Y.any(axis=0) | examples.has_text))

    def take_labels(self, columns: BoolArray) -> Lesson:
        """Return a lesson of some of the labels, with all items."""
        names = tuple(name for name, is_kept in zip(self.classes, columns.tolist(), strict=True) if is_kept)
        return replace(self, classes=names, examples=self.examples.take_labels(columns))


def read_lesson(
    items: Iterable[Item],
    embeddings: Embeddings,
    *,
    label: str,
    label_texts: Embeddings | None = None,
    rules: LabelRules | None = None,
) -> Lesson:
    """Return what is to be learned: the labelled public items, and their labels as arrays.

    Raises
    ------
    OptionError
        If no item has a label, or all have the same, or the model knows no token of those that have one.

    Examples
    --------
    >>> items = [Item(id=f"p{n}", text="-", category="garden" if n else "trains") for n in range(3)]
    >>> embeddings = Embeddings.from_array(["p0", "p1", "p2"], np.eye(3), model="demo")
    >>> lesson = read_lesson(items, embeddings, label="category")
    >>> lesson.classes, lesson.support.tolist()
    (('garden', 'trains'), [2, 1])
    """
    public = Collection(tuple(items)).public
    all_labelled = read_labels(public, label, rules)
    labelled = _with_vectors(all_labelled, embeddings, label)
    chosen = [item for item in public if item.id in labelled.given]
    text_of_label = _text_vectors(label_texts, embeddings, rules)
    names_given = {name for names in labelled.given.values() for name in names}
    classes = tuple(sorted(names_given | set(text_of_label)))
    X = unit_rows(embeddings.take([item.id for item in chosen]).vectors).astype(np.float32)
    Y, trusted = _label_tables(chosen, classes, labelled)
    if len(classes) < 2 and Y.all():
        if len(chosen) == 1:
            raise OptionError(f"the only item with a label in {label!r} has {classes[0]!r}; two labels are needed.")
        raise OptionError(f"all {len(chosen)} items with a label in {label!r} have {classes[0]!r}; two are needed.")
    texts = _stacked_texts(text_of_label, classes, X.shape[1]) if text_of_label else None
    return Lesson(
        label=label,
        rules=rules or LabelRules(),
        space=embeddings.take([]),
        items=chosen,
        classes=classes,
        examples=Examples(X, Y, trusted, labelled.single, texts),
        dated=_dates(chosen),
        unlabelled=len(public) - len(all_labelled.given),
        automatic=sum(map(len, labelled.automatic.values())),
        blank=len(all_labelled.given) - len(chosen),
    )


def _with_vectors(labelled: Labelled, embeddings: Embeddings, label: str) -> Labelled:
    """Return the labels of the items whose vectors mean something: of those that are not blank."""
    blank_ids = {embeddings.ids[row] for row in np.flatnonzero(embeddings.blank).tolist()}
    remaining = labelled.without(blank_ids) if blank_ids else labelled
    if not remaining.given:
        raise OptionError(
            f"the model knows no token of the {counted(len(labelled.given), 'item')} with a label in {label!r}: "
            "nothing can be learned from such vectors; choose a model for this language."
        )
    return remaining


def _text_vectors(
    label_texts: Embeddings | None, embeddings: Embeddings, rules: LabelRules | None
) -> Mapping[str, FloatArray]:
    """Return the vector of the text of each label that has one, by its new name."""
    if label_texts is None:
        return {}
    embeddings.check_comparable(label_texts)
    renamed = rules.renamed if rules else {}
    return {renamed.get(name, name): row for name, row in zip(label_texts.ids, label_texts.vectors, strict=True)}


def _stacked_texts(text_of_label: Mapping[str, FloatArray], classes: Sequence[str], dim: int) -> FloatArray:
    """Return the vectors of texts as unit rows, shape (L, d); a zero row for a label without a text."""
    texts = np.zeros((len(classes), dim), np.float32)
    for column, name in enumerate(classes):
        if name in text_of_label:
            texts[column] = unit_rows(text_of_label[name][None])[0]
    return texts


def _label_tables(items: Sequence[Item], classes: Sequence[str], labelled: Labelled) -> tuple[BoolArray, BoolArray]:
    """Return which labels each item has, and which of these entries a person decided, both of shape (n, L)."""
    column_of = {name: column for column, name in enumerate(classes)}
    Y = np.zeros((len(items), len(classes)), dtype=bool)
    trusted = np.ones_like(Y)
    for row, item in enumerate(items):
        Y[row, [column_of[name] for name in labelled.given[item.id]]] = True
        automatic = labelled.automatic.get(item.id, ())
        trusted[row, [column_of[name] for name in automatic if name in column_of]] = False
    return Y, trusted


def _dates(items: Sequence[Item]) -> Float64Array | None:
    """Return the dates of items in seconds; None if fewer than half have one, or all have the same."""
    from recs.readers.dates import parse_date

    moments = [parse_date(item.published) for item in items]
    dates = np.array([moment.timestamp() if moment else np.nan for moment in moments], dtype=np.float64)
    is_dated = np.isfinite(dates)
    enough = is_dated.sum() * 2 >= len(dates) and len(np.unique(dates[is_dated])) > 1
    return dates if enough else None
