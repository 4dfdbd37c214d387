"""Turn scores into calibrated probabilities, and find the threshold that reaches a target precision.

References
----------
Guo et al., On calibration of modern neural networks, arXiv:1706.04599 (temperature; expected calibration error).
Platt, Probabilistic outputs for support vector machines (1999).
Wilson, Probable inference, the law of succession, and statistical inference, doi:10.1080/01621459.1927.10502953.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from recs.arrays import BoolArray, Float64Array, IntArray

ONE_SIDED_90 = 1.2816  # nine tenths of a normal distribution lie below this many standard deviations
_MIN_SLOPE = 1e-2
_TRUST = np.array([1.0, 0.3])
"""How strongly the slope and the offset of a label are pulled to the pooled ones, in items' worth of evidence."""

Weights = npt.NDArray[np.float64 | np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """How the scores of L labels become logits: `scale * (scores + text * likeness) + offset`.

    `scale` and `offset` have shape (L,). `text` is the weight of the likeness to the text of a label.
    """

    scale: Float64Array
    offset: Float64Array
    text: float = 0.0

    def apply(self, scores: Float64Array, likeness: Float64Array | None) -> Float64Array:
        """Return the logits of scores and likeness of shape (n, L)."""
        return self.scale * _with_texts(scores, likeness, self.text) + self.offset


def _with_texts(scores: Float64Array, likeness: Float64Array | None, weight: float) -> Float64Array:
    return scores if likeness is None else scores + weight * likeness


def probabilities_of(logits: Float64Array, *, single: bool, by_text: BoolArray | None = None) -> Float64Array:
    """Return the probabilities of logits of shape (n, L).

    With `single`, each item has exactly one label and each row sums to 1. Otherwise each label is judged by itself. So
    is a label of `by_text`, of shape (L,), in any case: it is in no sum.

    Examples
    --------
    >>> logits = np.array([[0.0, 0.0]])
    >>> probabilities_of(logits, single=True).tolist(), probabilities_of(logits + 2, single=False).round(2).tolist()
    ([[0.5, 0.5]], [[0.88, 0.88]])
    """
    if not single:
        return np.asarray(expit(logits))
    if by_text is None or not by_text.any():
        return np.asarray(softmax(logits, axis=1))
    probabilities = np.asarray(expit(logits))
    probabilities[:, ~by_text] = softmax(logits[:, ~by_text], axis=1)
    return probabilities


def uncalibrated(labels: int) -> Calibration:
    """Return the calibration that changes nothing."""
    return Calibration(np.ones(labels), np.zeros(labels))


def fit_temperature(scores: Float64Array, likeness: Float64Array | None, y: IntArray) -> Calibration:
    """Fit one temperature for all labels, and the weight of their texts, by the log loss of held-out scores.

    Parameters
    ----------
    scores : array of shape (n, L)
        Scores of items that the model had not seen.
    likeness : array of shape (n, L), or None
        How similar each item is to the text of each label.
    y : int array of shape (n,)
        The true label of each item.
    """
    n, labels = scores.shape
    if n == 0:
        return uncalibrated(labels)
    rows = np.arange(n)

    def loss(parameters: Float64Array) -> float:
        log_scale = parameters[0]
        combined = scores if likeness is None else scores + parameters[1] * likeness
        return -float(log_softmax(np.exp(log_scale) * combined, axis=1)[rows, y].mean())

    start = [0.0] if likeness is None else [0.0, 0.0]
    bounds = [(-4, 4), (0, None)][: len(start)]
    best = minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
    text_weight = 0.0 if likeness is None else float(best[1])
    return Calibration(np.full(labels, np.exp(best[0])), np.zeros(labels), text_weight)


def fit_pooled(scores: Float64Array, likeness: Float64Array | None, Y: BoolArray, weights: Weights) -> Calibration:
    """Fit one slope and one offset for all labels, and the weight of their texts; an item may have several labels.

    Parameters
    ----------
    scores, likeness : arrays of shape (n, L)
        As for `fit_temperature`.
    Y : bool array of shape (n, L)
        Which labels each item has.
    weights : array of shape (n, L)
        How much each entry of `Y` counts; 0 or False for not at all.
    """
    total = max(float(weights.sum()), 1e-12)

    def loss(parameters: Float64Array) -> tuple[float, Float64Array]:
        z = parameters[0] * scores + parameters[1] + (0 if likeness is None else parameters[2] * likeness)
        error = (expit(z) - Y) * weights
        gradient = [(error * scores).sum(), error.sum()]
        if likeness is not None:
            gradient.append((error * likeness).sum())
        return _log_loss(z, Y, weights) / total, np.array(gradient) / total

    start = [1.0, 0.0] if likeness is None else [1.0, 0.0, 0.0]
    bounds = [(_MIN_SLOPE, None), (None, None), (0, None)][: len(start)]
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    labels = scores.shape[1]
    slope = best[0]
    text_weight = 0.0 if likeness is None else float(best[2] / slope)
    return Calibration(np.full(labels, slope), np.full(labels, best[1]), text_weight)


def fit_platt(scores: Float64Array, likeness: Float64Array | None, Y: BoolArray, weights: Weights) -> Calibration:
    """Fit a slope and an offset for each label, pulled to the pooled ones where a label has few items.

    The parameters are those of `fit_pooled`.
    """
    pooled = fit_pooled(scores, likeness, Y, weights)
    combined = _with_texts(scores, likeness, pooled.text)
    scale = pooled.scale.copy()
    offset = pooled.offset.copy()
    for label in range(len(scale)):
        prior = np.array([pooled.scale[label], pooled.offset[label]])
        scale[label], offset[label] = fit_slope(combined[:, label], Y[:, label], weights[:, label], prior)
    return Calibration(scale, offset, pooled.text)


def fit_slope(scores: Float64Array, y: BoolArray, weights: Weights, prior: Float64Array) -> Float64Array:
    """Return the slope and the offset that turn scores of shape (n,) into logits, shape (2,), pulled to `prior`."""

    def loss(parameters: Float64Array) -> tuple[float, Float64Array]:
        z = parameters[0] * scores + parameters[1]
        error = (expit(z) - y) * weights
        pull = _TRUST * (parameters - prior)
        value = _log_loss(z, y, weights) + (pull * (parameters - prior)).sum()
        return value, np.array([(error * scores).sum(), error.sum()]) + 2 * pull

    bounds = [(_MIN_SLOPE, None), (None, None)]
    return np.asarray(minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=bounds).x)


def _log_loss(z: Float64Array, y: BoolArray, weights: npt.NDArray[Any]) -> float:
    return float((weights * (np.logaddexp(0, z) - z * y)).sum())


def expected_calibration_error(confidence: Float64Array, right: BoolArray, *, bins: int = 15) -> float:
    """Return the mean distance between confidence and accuracy, 0 to 1, over bins of equal width weighted by size.

    Parameters
    ----------
    confidence : array of shape (n,)
        The probability of each answer, 0 to 1.
    right : bool array of shape (n,)
        Whether each answer was right.

    Examples
    --------
    >>> expected_calibration_error(np.array([0.75, 0.75, 0.75, 0.75]), np.array([True, True, True, False]))
    0.0
    """
    if not len(confidence):
        return 0.0
    bin_of_answer = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(bin_of_answer, confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def wilson_lower(hits: npt.ArrayLike, n: npt.ArrayLike, z: float = ONE_SIDED_90) -> Float64Array:
    """Return the lower end of Wilson's interval of the proportion hits / n, n > 0; `z` is in standard deviations.

    Examples
    --------
    >>> wilson_lower([9, 90, 900], [10, 100, 1000]).round(3).tolist()
    [0.718, 0.855, 0.887]
    """
    n = np.asarray(n, dtype=np.float64)
    p = np.asarray(hits) / n
    spread = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return np.asarray((p + z * z / (2 * n) - spread) / (1 + z * z / n))


def precision_threshold(confidence: Float64Array, right: BoolArray, target: float) -> float:
    """Return the lowest confidence from which on answers are right as often as `target`; infinity if there is none.

    The lower end of Wilson's interval has to reach `target`, so a few right answers are not enough. The threshold is
    never below `target` itself: an answer whose own probability is lower than the target is not accepted.

    Examples
    --------
    >>> precision_threshold(np.linspace(0.5, 1, 101), np.arange(101) >= 40, 0.9)
    0.9
    >>> precision_threshold(np.array([0.99, 0.98]), np.array([True, True]), 0.9)
    inf
    """
    if not len(confidence):
        return float("inf")
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    bound = wilson_lower(np.cumsum(right[order]), np.arange(1, len(order) + 1))
    enough = np.flatnonzero((bound >= target) & _ends_a_tie(sorted_confidence))
    return max(float(sorted_confidence[enough[-1]]), target) if len(enough) else float("inf")


def _ends_a_tie(descending: Float64Array) -> BoolArray:
    """Return which of n > 0 sorted values is the last of its equals: equal confidences are all accepted, or none is."""
    is_last = np.ones(len(descending), dtype=bool)
    is_last[:-1] = descending[1:] < descending[:-1]
    return is_last
