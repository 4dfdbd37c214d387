"""Logistic regression on embeddings, at a given C. Arrays in, arrays out.

Single labels are one multinomial model. Several labels an item are one binary model for each label. The text of a
label, if it has one, is added to the training data as an example of the label.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, unit_rows
from recs.classification.examples import Examples
from recs.errors import MissingDependencyError

ClassWeight = Literal["balanced"]
TEXT_WEIGHT = 2.0  # the text of a label counts as so many examples
NEVER = -30.0  # the score of a label without an example

Coefficients = tuple[FloatArray, FloatArray]
"""What scikit-learn fitted: coefficients and intercepts, in its own shapes."""


@dataclass(slots=True, eq=False)
class Linear:
    """Scores `X @ weights.T + intercepts`: float64 arrays of shapes (L, d) and (L,).

    `fitted` holds what scikit-learn returned for each model, so that a fit at another C can start there.
    """

    weights: Float64Array
    intercepts: Float64Array
    fitted: dict[int, Coefficients] = field(default_factory=dict, repr=False)

    def scores(self, X: FloatArray) -> Float64Array:
        """Return the score of each label for each row of X, shape (m, L)."""
        return np.asarray(X.astype(np.float64) @ self.weights.T + self.intercepts)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep linear algebra to one thread: several are not faster for these sizes, and they change the last bits."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # it comes with scikit-learn; `_logistic_regression` reports that scikit-learn is missing
        yield
        return
    with threadpool_limits(1):
        yield


@_one_thread()
def fit_linear(
    examples: Examples, C: float, *, class_weight: ClassWeight | None = None, start: Linear | None = None
) -> Linear:
    """Fit the model of all labels at one C.

    Parameters
    ----------
    start
        A model fitted at another C. The fit begins there and needs fewer iterations.

    Examples
    --------
    >>> X = np.repeat(np.eye(2, dtype=np.float32), 10, axis=0)
    >>> Y = np.repeat(np.eye(2, dtype=bool), 10, axis=0)
    >>> model = fit_linear(Examples(X, Y, np.ones_like(Y), single=True), C=10.0)
    >>> model.scores(np.eye(2, dtype=np.float32)).argmax(axis=1).tolist()
    [0, 1]
    """
    n, labels = examples.Y.shape
    model = Linear(np.zeros((labels, examples.X.shape[1])), np.full(labels, NEVER))
    if n == 0:  # all items are held out: there is one item, or all items have one text
        return model
    data = _TrainingData.of(examples)
    settings = {"C": C, "class_weight": class_weight}
    starts = {} if start is None else start.fitted
    if examples.single:
        _fit_single(model, data, settings, starts)
    else:
        _fit_several(model, data, settings, starts)
    return model


@dataclass(frozen=True, slots=True, eq=False)
class _TrainingData:
    """The items, followed by the texts of labels as further examples; fields as in `Examples`."""

    X: FloatArray
    Y: BoolArray
    trusted: BoolArray
    weights: FloatArray

    @classmethod
    def of(cls, examples: Examples) -> _TrainingData:
        X = examples.X
        weights = np.ones(len(X), np.float32)
        labels_with_text: IntArray = np.flatnonzero(examples.has_text)
        if examples.texts is None or not len(labels_with_text):
            return cls(X, examples.Y, examples.trusted, weights)
        texts = examples.texts[labels_with_text]
        # The vectors of short label texts lie apart from those of items: move their mean to the mean of the items.
        moved = texts - texts.mean(axis=0) + X.mean(axis=0)
        own_label = np.eye(examples.Y.shape[1], dtype=bool)[labels_with_text]
        return cls(
            np.concatenate([X, unit_rows(moved).astype(np.float32)]),
            np.concatenate([examples.Y, own_label]),
            np.concatenate([examples.trusted, own_label]),
            np.concatenate([weights, np.full(len(texts), TEXT_WEIGHT, np.float32)]),
        )


def _fit_single(model: Linear, data: _TrainingData, settings: dict[str, Any], starts: dict[int, Coefficients]) -> None:
    """Fill the model by one multinomial regression."""
    y = data.Y.argmax(axis=1)
    present = np.unique(y)
    if len(present) == 1:
        model.intercepts[present] = 0.0
        return
    coef, intercept = _fit(data.X, y, data.weights, start=starts.get(0), **settings)
    model.fitted[0] = coef, intercept
    if len(present) == 2:  # scikit-learn keeps the difference of the two
        model.weights[present] = np.concatenate([-coef, coef]).astype(np.float64) / 2
        model.intercepts[present] = np.concatenate([-intercept, intercept]).astype(np.float64) / 2
    else:
        model.weights[present] = coef
        model.intercepts[present] = intercept


def _fit_several(model: Linear, data: _TrainingData, settings: dict[str, Any], starts: dict[int, Coefficients]) -> None:
    """Fill the model by one binary regression for each label, on the items whose label is trusted."""
    for label in range(data.Y.shape[1]):
        rows = np.flatnonzero(data.trusted[:, label])
        y = data.Y[rows, label]
        if y.all() or not y.any():
            model.intercepts[label] = _smoothed_log_odds(y)
            continue
        coef, intercept = _fit(data.X[rows], y, data.weights[rows], start=starts.get(label), **settings)
        model.fitted[label] = coef, intercept
        model.weights[label] = coef[0]
        model.intercepts[label] = intercept[0]


def _smoothed_log_odds(y: BoolArray) -> float:
    return float(np.log((y.sum() + 0.5) / ((~y).sum() + 0.5))) if len(y) else NEVER


def _fit(
    X: FloatArray,
    y: npt.NDArray[Any],
    weights: FloatArray,
    *,
    C: float,
    class_weight: ClassWeight | None,
    start: Coefficients | None,
) -> Coefficients:
    """Fit scikit-learn's model, from `start` on if its shape agrees."""
    # With a large C, nearly all that is minimised is the mean loss: it needs a smaller tolerance.
    tolerance = min(1e-4, 3e-4 / C**0.5)
    model = _logistic_regression()(C=C, class_weight=class_weight, max_iter=1000, tol=tolerance)
    classes = len(np.unique(y))
    if start is not None and len(start[0]) == (classes if classes > 2 else 1):
        model.warm_start = True
        model.coef_ = start[0].copy()
        model.intercept_ = start[1].copy()
    with warnings.catch_warnings():  # few examples a label are a valid input here, not a mistake
        warnings.filterwarnings("ignore", "The number of unique classes is greater", UserWarning)
        model.fit(X, y, sample_weight=weights)
    return model.coef_, model.intercept_


def _logistic_regression() -> Any:
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise MissingDependencyError("training a classifier", "scikit-learn", "classify") from error
    return LogisticRegression
