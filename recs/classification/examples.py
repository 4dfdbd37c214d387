"""The labelled examples that a classifier learns from, as arrays, and what is computed from them directly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, unit_rows

TEXT_SCALE = 10.0  # brings cosines to the order of magnitude of scores


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is learned from: n items and L labels.

    Attributes
    ----------
    X : float32 array of shape (n, d), unit rows
    Y : bool array of shape (n, L)
        Which labels each item has.
    trusted : bool array of shape (n, L)
        Which entries of `Y` a person decided. The others are neither learned from nor judged.
    single
        Whether every item has exactly one label.
    texts : float32 array of shape (L, d), or None
        Vectors of the names or descriptions of the labels; zero rows for labels without one.
    """

    X: FloatArray
    Y: BoolArray
    trusted: BoolArray
    single: bool
    texts: FloatArray | None = None

    def take(self, rows: Any) -> Examples:
        """Return some of the items."""
        return Examples(self.X[rows], self.Y[rows], self.trusted[rows], self.single, self.texts)

    def take_labels(self, columns: BoolArray) -> Examples:
        """Return some of the labels, with all items."""
        texts = None if self.texts is None else self.texts[columns]
        return Examples(self.X, self.Y[:, columns], self.trusted[:, columns], self.single, texts)

    @property
    def y(self) -> IntArray:
        """The label of each item, if each has exactly one."""
        return np.asarray(self.Y.argmax(axis=1))

    @property
    def has_text(self) -> BoolArray:
        """Which labels have a text, shape (L,)."""
        return np.zeros(self.Y.shape[1], bool) if self.texts is None else np.asarray(np.any(self.texts, axis=1))

    def likeness(self, X: FloatArray) -> Float64Array | None:
        """Return how similar each row of X is to the text of each label, shape (m, L); None without texts."""
        return None if self.texts is None else X.astype(np.float64) @ text_directions(self.texts).T


def text_directions(texts: FloatArray) -> Float64Array:
    """Return the texts of labels minus their mean, scaled, shape (L, d); a zero row stays zero."""
    has_text = np.any(texts, axis=1)
    centred: Float64Array = np.where(has_text[:, None], texts - texts[has_text].mean(axis=0), 0.0)
    return TEXT_SCALE * centred


def centroids(examples: Examples) -> Float64Array:
    """Return the mean direction of the items of each label, shape (L, d), unit rows; zero for a label without items."""
    sums = examples.Y.T.astype(np.float64) @ examples.X
    return np.asarray(unit_rows(sums))


def nearest_centre(X: FloatArray | Float64Array, centres: Float64Array) -> Float64Array:
    """Return the cosine of each row of X, of unit length, to the nearest centre, shape (m,)."""
    return np.asarray((X.astype(np.float64) @ centres.T).max(axis=1, initial=-1.0))
