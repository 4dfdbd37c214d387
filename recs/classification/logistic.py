"""Logistic regression on embeddings: out-of-fold scores, and C by their log loss. Arrays in, arrays out.

Single labels are one multinomial model, several labels an item one binary model each. The text of a label, where it is
given, stands in training as an example of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, unit_rows
from recs.classification.calibration import fit_pooled, fit_temperature
from recs.errors import MissingDependencyError

ClassWeight = Literal["balanced"]
GRID = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
MANY = 4000  # items from which C is searched on one fold instead of all
FOLDS, FOLDS_OF_MANY = 5, 3
TEXT_WEIGHT = 2.0  # a label's text counts as so many examples
TEXT_SCALE = 10.0  # brings cosines to the order of scores
NEVER = -30.0  # the score of a label without an example


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is learned from: n items and L labels.

    Attributes
    ----------
    X : float32 array of shape (n, d), unit rows
    Y : bool array of shape (n, L)
        Which labels each item has.
    known : bool array of shape (n, L)
        Where `Y` is the word of a person; the rest is neither learned from nor judged.
    single
        Whether every item has exactly one label.
    texts : float32 array of shape (L, d), or None
        Vectors of the labels' names or descriptions; zero rows for labels without one.
    """

    X: FloatArray
    Y: BoolArray
    known: BoolArray
    single: bool
    texts: FloatArray | None = None

    def take(self, rows: Any) -> Examples:
        """Return some of the items."""
        return Examples(self.X[rows], self.Y[rows], self.known[rows], self.single, self.texts)

    @property
    def y(self) -> IntArray:
        """The label of each item, where it has one."""
        return np.asarray(self.Y.argmax(axis=1))

    def likeness(self, X: FloatArray) -> Float64Array | None:
        """Return how like each row of X is to each label's text, shape (m, L)."""
        return None if self.texts is None else X.astype(np.float64) @ text_directions(self.texts).T


def text_directions(texts: FloatArray) -> Float64Array:
    """Return the texts of labels less what all have in common, shape (L, d); a zero row stays zero."""
    given = np.any(texts, axis=1)
    centred: Float64Array = np.where(given[:, None], texts - texts[given].mean(axis=0), 0.0)
    return TEXT_SCALE * centred


@dataclass(slots=True, eq=False)
class Linear:
    """Scores `X @ weights.T + intercepts`: float64 arrays of shapes (L, d) and (L,)."""

    weights: Float64Array
    intercepts: Float64Array
    fitted: dict[int, tuple[FloatArray, FloatArray]] = field(default_factory=dict, repr=False)

    def scores(self, X: FloatArray) -> Float64Array:
        """Return the score of each label for each row of X, shape (m, L)."""
        return np.asarray(X.astype(np.float64) @ self.weights.T + self.intercepts)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep linear algebra to one thread: more of them only wait for each other here, and change the last bits."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # comes with scikit-learn, whose absence is told where it is needed
        yield
        return
    with threadpool_limits(1):
        yield


@_one_thread()
def fit_linear(
    examples: Examples, C: float, *, class_weight: ClassWeight | None = None, start: Linear | None = None
) -> Linear:
    """Fit the model of all labels at one C; `start` is one fitted at another C, from which it is found sooner."""
    model = Linear(np.zeros((examples.Y.shape[1], examples.X.shape[1])), np.full(examples.Y.shape[1], NEVER))
    X, weights = examples.X, np.ones(len(examples.X), np.float32)
    if not len(X):  # left out are all items there are, or all are one text
        return model
    names = np.zeros(0, np.int64) if examples.texts is None else np.flatnonzero(np.any(examples.texts, axis=1))
    if examples.texts is not None and len(names):
        moved = examples.texts[names] - examples.texts[names].mean(axis=0) + X.mean(axis=0)
        X = np.concatenate([X, unit_rows(moved).astype(np.float32)])
        weights = np.append(weights, np.full(len(names), TEXT_WEIGHT, np.float32))

    def fit(key: int, rows: Any, y: npt.NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        earlier = start.fitted.get(key) if start is not None else None
        model.fitted[key] = _fit(X[rows], y, weights[rows], C=C, class_weight=class_weight, start=earlier)
        return model.fitted[key]

    if examples.single:
        y = np.concatenate([examples.y, names])
        present = np.unique(y)
        if len(present) == 1:
            model.intercepts[present] = 0.0
            return model
        coef, intercept = fit(0, slice(None), y)
        if len(present) == 2:  # scikit-learn keeps the difference of the two
            model.weights[present] = np.concatenate([-coef, coef]).astype(np.float64) / 2
            model.intercepts[present] = np.concatenate([-intercept, intercept]).astype(np.float64) / 2
        else:
            model.weights[present], model.intercepts[present] = coef, intercept
        return model
    own = np.eye(examples.Y.shape[1], dtype=bool)[names]
    Y, known = np.concatenate([examples.Y, own]), np.concatenate([examples.known, own])
    for label in range(Y.shape[1]):
        rows = np.flatnonzero(known[:, label])
        y = Y[rows, label]
        if y.all() or not y.any():
            model.intercepts[label] = np.log((y.sum() + 0.5) / ((~y).sum() + 0.5)) if len(y) else NEVER
        else:
            coef, intercept = fit(label, rows, y)
            model.weights[label], model.intercepts[label] = coef[0], intercept[0]
    return model


def _fit(
    X: FloatArray,
    y: npt.NDArray[Any],
    weights: FloatArray,
    *,
    C: float,
    class_weight: ClassWeight | None,
    start: tuple[FloatArray, FloatArray] | None,
) -> tuple[FloatArray, FloatArray]:
    """Return the coefficients and intercepts of scikit-learn's model, begun at `start` where that is of one shape."""
    # Where C is large, the mean loss is nearly all that is minimised, and needs to be met more closely.
    tolerance = min(1e-4, 3e-4 / C**0.5)
    model = _logistic_regression()(C=C, class_weight=class_weight, max_iter=1000, tol=tolerance)
    classes = len(np.unique(y))
    if start is not None and len(start[0]) == (classes if classes > 2 else 1):
        model.warm_start, (model.coef_, model.intercept_) = True, (start[0].copy(), start[1].copy())
    with warnings.catch_warnings():  # with few examples a label, that is so: nothing to warn of
        warnings.filterwarnings("ignore", "The number of unique classes is greater", UserWarning)
        model.fit(X, y, sample_weight=weights)
    return model.coef_, model.intercept_


def _logistic_regression() -> Any:
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingDependencyError("training a classifier", "scikit-learn", "classify") from error
    return LogisticRegression


def folds(examples: Examples, k: int, *, seed: int) -> IntArray:
    """Return the fold, 0 to k - 1, of each item: every label spread over all, equal vectors together.

    Items are expected in a canonical order, which the seed shuffles.
    """
    _, first, twin = np.unique(examples.X, axis=0, return_index=True, return_inverse=True)
    order = np.random.default_rng(seed).permutation(np.sort(first))
    rarest = np.where(examples.Y[order], examples.Y.sum(axis=0), len(examples.Y) + 1).argmin(axis=1)
    fold = np.empty(len(examples.X), np.int64)
    fold[order[np.argsort(rarest, kind="stable")]] = np.arange(len(order)) % k
    return np.asarray(fold[first[twin.reshape(-1)]])


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What `search` found.

    Attributes
    ----------
    C
        The one that was chosen.
    scores, likeness : float64 arrays of shape (n, L)
        Of models that had not seen the item; likeness to the labels' texts, None without texts.
    centre : float64 array of shape (n,)
        The cosine to the middle of the nearest label, of labels without the item.
    losses
        The mean log loss at each C that was tried, after a temperature.
    fold : int64 array of shape (n,)
    model
        Of one fold, to begin from.
    """

    C: float
    scores: Float64Array
    likeness: Float64Array | None
    centre: Float64Array
    losses: dict[float, float]
    fold: IntArray
    model: Linear


def search(
    examples: Examples,
    *,
    C: float | Literal["auto"] = "auto",
    class_weight: ClassWeight | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> HeldOut:
    """Choose C by the log loss of items left out, after a temperature; return the scores of the items left out.

    The grid is climbed while the loss falls. An item whose label no other item has cannot be told and is not judged.
    """
    n, labels = examples.Y.shape
    k = min(FOLDS if n < MANY else FOLDS_OF_MANY, n)
    fold = folds(examples, k, seed=seed)
    parts = [examples.take(fold != place) for place in range(k)]
    likeness = examples.likeness(examples.X)
    models: list[Linear | None] = [None] * k

    def judge(C: float, places: Sequence[int]) -> tuple[Float64Array, float]:
        scores, seen = np.full((n, labels), NEVER), np.isin(fold, places)
        for place in places:
            rows = fold == place
            start = models[place] or models[0]
            models[place] = model = fit_linear(parts[place], C, class_weight=class_weight, start=start)
            scores[rows] = model.scores(examples.X[rows])
        if examples.single:
            seen &= taught(scores, examples)
        given = None if likeness is None else likeness[seen]
        return scores, tempered_loss(scores[seen], given, examples.take(seen))

    losses: dict[float, float] = {}
    scores = np.zeros((n, labels))
    chosen = GRID[0] if C == "auto" else float(C)
    if C == "auto":
        for candidate in GRID:
            if progress is not None:
                progress(f"C = {candidate:g}")
            lowest = min(losses.values(), default=np.inf)
            found, losses[candidate] = judge(candidate, range(k) if n < MANY else range(1))
            if losses[candidate] >= lowest:
                break
            chosen, scores = candidate, found
    if n >= MANY or C != "auto":
        scores, loss = judge(chosen, range(k))
        losses.setdefault(chosen, loss)
    centre = np.empty(n)
    for place in range(k):
        rows = fold == place
        centre[rows] = nearest_centre(examples.X[rows], centroids(parts[place]))
    return HeldOut(chosen, scores, likeness, centre, losses, fold, models[0] or Linear(np.zeros(0), np.zeros(0)))


def taught(scores: Float64Array, examples: Examples) -> BoolArray:
    """Return which items' only labels were known to the models that scored them, shape (n,)."""
    return np.asarray(scores[np.arange(len(scores)), examples.y] > NEVER)


def tempered_loss(scores: Float64Array, likeness: Float64Array | None, examples: Examples) -> float:
    """Return the mean log loss an item, after the temperature (and offset) that fits these scores best."""
    if not len(scores):
        return 0.0
    if examples.single:
        z = fit_temperature(scores, likeness, examples.y).apply(scores, likeness)
        return -float(log_softmax(z, axis=1)[np.arange(len(z)), examples.y].mean())
    z = fit_pooled(scores, likeness, examples.Y, examples.known).apply(scores, likeness)
    return float(((np.logaddexp(0, z) - z * examples.Y) * examples.known).sum() / len(z))


def centroids(examples: Examples) -> Float64Array:
    """Return the mean direction of the items of each label, shape (L, d), unit rows; zero for none."""
    sums = examples.Y.T.astype(np.float64) @ examples.X
    return np.asarray(unit_rows(sums))


def nearest_centre(X: FloatArray | Float64Array, centres: Float64Array) -> Float64Array:
    """Return the cosine of each row of X, of unit length, to the nearest centre, shape (m,)."""
    return np.asarray((X.astype(np.float64) @ centres.T).max(axis=1, initial=-1.0))
