"""Scores of items that a model had not seen, by cross-validation, and the choice of C by their log loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import log_softmax

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.classification.calibration import fit_pooled, fit_temperature
from recs.classification.examples import Examples, centroids, nearest_centre
from recs.classification.logistic import NEVER, ClassWeight, Linear, fit_linear

GRID = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
MANY = 4000  # from this number of items on, C is chosen by one fold instead of all
FOLDS = 5
FOLDS_OF_MANY = 3


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Scores of n items by models that had not seen them.

    Attributes
    ----------
    C
        The chosen C.
    scores : float64 array of shape (n, L)
    likeness : float64 array of shape (n, L), or None
        How similar each item is to the text of each label; None without texts.
    centre : float64 array of shape (n,)
        The cosine to the nearest centre of a label; the centres are computed without the item.
    losses
        The mean log loss at each C that was tried, after fitting a temperature.
    fold : int64 array of shape (n,)
        The fold in which each item was held out.
    model
        The model of one fold, a start for further fits.
    """

    C: float
    scores: Float64Array
    likeness: Float64Array | None
    centre: Float64Array
    losses: dict[float, float]
    fold: IntArray
    model: Linear


def search_penalty(
    examples: Examples,
    *,
    C: float | Literal["auto"] = "auto",
    class_weight: ClassWeight | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> HeldOut:
    """Choose C by the log loss of held-out items, after fitting a temperature, and return their scores.

    "auto" tries the values of `GRID` in order, as long as the loss falls. An item is not judged if no other item has
    its label.
    """
    n = len(examples.X)
    k = min(FOLDS if n < MANY else FOLDS_OF_MANY, n)
    validation = _CrossValidation(examples, folds(examples, k, seed=seed), k, class_weight)
    losses: dict[float, float] = {}
    scores = np.zeros(examples.Y.shape)
    chosen = GRID[0] if C == "auto" else float(C)
    if C == "auto":
        for candidate in GRID:
            if progress is not None:
                progress(f"C = {candidate:g}")
            lowest = min(losses.values(), default=np.inf)
            candidate_scores, losses[candidate] = validation.judge(candidate, range(k) if n < MANY else range(1))
            if losses[candidate] >= lowest:
                break
            chosen = candidate
            scores = candidate_scores
    if n >= MANY or C != "auto":
        scores, loss = validation.judge(chosen, range(k))
        losses.setdefault(chosen, loss)
    return HeldOut(
        C=chosen,
        scores=scores,
        likeness=validation.likeness,
        centre=validation.nearest_centres(),
        losses=losses,
        fold=validation.fold,
        model=validation.models.get(0) or Linear(np.zeros(0), np.zeros(0)),
    )


class _CrossValidation:
    """Examples in k folds, and the model of each fold, which is fitted on the other folds."""

    def __init__(self, examples: Examples, fold: IntArray, k: int, class_weight: ClassWeight | None) -> None:
        self.examples = examples
        self.fold = fold
        self.class_weight = class_weight
        self.rest_of_fold = [examples.take(fold != place) for place in range(k)]
        self.likeness = examples.likeness(examples.X)
        self.models: dict[int, Linear] = {}

    def judge(self, C: float, folds_judged: Sequence[int]) -> tuple[Float64Array, float]:
        """Return the scores of the items of some folds, shape (n, L), and their log loss; other rows hold `NEVER`."""
        scores = np.full(self.examples.Y.shape, NEVER)
        for place in folds_judged:
            start = self.models.get(place) or self.models.get(0)
            model = fit_linear(self.rest_of_fold[place], C, class_weight=self.class_weight, start=start)
            self.models[place] = model
            held_out = self.fold == place
            scores[held_out] = model.scores(self.examples.X[held_out])
        counted = np.isin(self.fold, folds_judged)
        if self.examples.single:
            counted &= taught(scores, self.examples)
        likeness = None if self.likeness is None else self.likeness[counted]
        return scores, tempered_loss(scores[counted], likeness, self.examples.take(counted))

    def nearest_centres(self) -> Float64Array:
        """Return the cosine of each item to the nearest centre of the other folds, shape (n,)."""
        cosines = np.empty(len(self.fold))
        for place, rest in enumerate(self.rest_of_fold):
            held_out = self.fold == place
            cosines[held_out] = nearest_centre(self.examples.X[held_out], centroids(rest))
        return cosines


def folds(examples: Examples, k: int, *, seed: int) -> IntArray:
    """Return the fold, 0 to k - 1, of each item: each label is spread over all folds, equal vectors are in one fold.

    Items are expected in a canonical order; the seed shuffles it.

    Examples
    --------
    >>> Y = np.eye(2, dtype=bool)[[0, 0, 0, 1, 1, 1]]
    >>> X = np.eye(6, dtype=np.float32)
    >>> fold = folds(Examples(X, Y, np.ones_like(Y), single=True), 3, seed=0)
    >>> sorted(fold[:3].tolist()), sorted(fold[3:].tolist())
    ([0, 1, 2], [0, 1, 2])
    """
    _, first_row, group = np.unique(examples.X, axis=0, return_index=True, return_inverse=True)
    order = np.random.default_rng(seed).permutation(np.sort(first_row))
    items_with_label = np.where(examples.Y[order], examples.Y.sum(axis=0), len(examples.Y) + 1)
    rarest_label = items_with_label.argmin(axis=1)
    fold = np.empty(len(examples.X), np.int64)
    fold[order[np.argsort(rarest_label, kind="stable")]] = np.arange(len(order)) % k
    return np.asarray(fold[first_row[group.reshape(-1)]])


def taught(scores: Float64Array, examples: Examples) -> BoolArray:
    """Return which items have a single label that the model which scored them had learned, shape (n,)."""
    return np.asarray(scores[np.arange(len(scores)), examples.y] > NEVER)


def tempered_loss(scores: Float64Array, likeness: Float64Array | None, examples: Examples) -> float:
    """Return the mean log loss an item, after the temperature (and offset) that fits these scores best."""
    if not len(scores):
        return 0.0
    if examples.single:
        z = fit_temperature(scores, likeness, examples.y).apply(scores, likeness)
        return -float(log_softmax(z, axis=1)[np.arange(len(z)), examples.y].mean())
    z = fit_pooled(scores, likeness, examples.Y, examples.trusted).apply(scores, likeness)
    return float(((np.logaddexp(0, z) - z * examples.Y) * examples.trusted).sum() / len(z))
