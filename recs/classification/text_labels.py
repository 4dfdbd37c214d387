"""Labels that no item has: they are known by their text alone, and suggested where an item is like the text.

How like it must be is learned from the other labels: how often a label is right whose text is so like an item.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recs.arrays import BoolArray, Float64Array
from recs.classification.calibration import fit_slope
from recs.classification.classifier import Classifier
from recs.classification.examples import Examples, text_directions
from recs.classification.lesson import Lesson
from recs.text.counts import counted

_PRIOR = np.array([1.0, 0.0])  # slope and offset, of one item's worth of evidence


@dataclass(frozen=True, slots=True, eq=False)
class TextRule:
    """How labels known by their text alone are judged: logits are `X @ weights.T + offset`, one label at a time.

    Attributes
    ----------
    by_text : bool array of shape (L,)
        Which labels these are.
    weights : float64 array of shape (L, d)
        Zero rows for the other labels.
    """

    by_text: BoolArray
    weights: Float64Array
    offset: float

    @classmethod
    def learn(cls, examples: Examples) -> TextRule | None:
        """Return the rule; None if every label has an item, or no two labels with items have a text."""
        likeness = examples.likeness(examples.X)
        if examples.texts is None or likeness is None:
            return None
        has_items = (examples.Y & examples.trusted).any(axis=0)
        by_text = examples.has_text & ~has_items
        teaching = examples.has_text & has_items
        Y = examples.Y[:, teaching]
        if not by_text.any() or Y.all() or teaching.sum() < 2:
            return None
        trusted = examples.trusted[:, teaching].astype(np.float64)
        slope, offset = fit_slope(likeness[:, teaching].ravel(), Y.ravel(), trusted.ravel(), _PRIOR).tolist()
        weights = np.where(by_text[:, None], slope * text_directions(examples.texts), 0.0)
        return cls(by_text, weights, offset)

    def added_to(self, classifier: Classifier, lesson: Lesson) -> Classifier:
        """Return a classifier of the other labels with these labels, which it never assigns automatically."""
        columns = ~self.by_text
        texts = counted(int(self.by_text.sum()), "label has no item: it is", "labels have no item: they are")
        return replace(
            classifier,
            classes=lesson.classes,
            weights=self._widened(classifier.weights, 0.0) + self.weights,
            intercepts=self._widened(classifier.intercepts, self.offset),
            thresholds=self._widened(classifier.thresholds, np.inf),
            support=lesson.support,
            centres=self._widened(classifier.centres, 0.0),
            example_labels=np.ascontiguousarray(self._widened(classifier.example_labels.T, False).T),
            parameters={**classifier.parameters, "by_text": np.array(lesson.classes)[~columns].tolist()},
            metrics={**classifier.metrics, "labels": len(lesson.classes)},
            notes=(*classifier.notes, f"{texts} suggested by the text alone."),
        )

    def _widened(self, rows: Float64Array | BoolArray, missing: float) -> Float64Array:
        """Return the rows of the other labels in their places, and `missing` in the rows of these labels."""
        widened = np.full((len(self.by_text), *rows.shape[1:]), missing, dtype=rows.dtype)
        widened[~self.by_text] = rows
        return widened
