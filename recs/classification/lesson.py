"""What a classifier learns from: the labelled public items, and their labels as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recs.arrays import Float64Array, FloatArray, IntArray, unit_rows
from recs.classification.labels import LabelRules, read_labels
from recs.classification.logistic import Examples
from recs.embedding.vectors import Embeddings
from recs.errors import OptionError
from recs.items import Collection, Item


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
