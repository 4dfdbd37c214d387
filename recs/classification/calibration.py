"""Scores to probabilities that mean something, and to a threshold that holds a precision.

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
from scipy.special import expit, log_softmax

from recs.arrays import BoolArray, Float64Array

ONE_SIDED_90 = 1.2816  # standard deviations of a normal below which nine in ten lie
_TRUST = np.array([1.0, 0.3])  # how many items' worth of evidence it takes to leave the pooled slope and offset


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """How the scores of L labels become logits: `scale * (scores + text * likeness) + offset`.

    `scale` and `offset` have shape (L,); `text` is how much the likeness to a label's own text counts.
    """

    scale: Float64Array
    offset: Float64Array
    text: float = 0.0

    def apply(self, scores: Float64Array, likeness: Float64Array | None) -> Float64Array:
        """Return the logits of scores and likeness of shape (n, L)."""
        return self.scale * (scores if likeness is None else scores + self.text * likeness) + self.offset


def uncalibrated(labels: int) -> Calibration:
    """Return the calibration that changes nothing."""
    return Calibration(np.ones(labels), np.zeros(labels))


def fit_temperature(scores: Float64Array, likeness: Float64Array | None, y: npt.NDArray[np.int64]) -> Calibration:
    """Return one temperature for all labels, and the weight of their texts, by the log loss of held-out scores.

    Parameters
    ----------
    scores : array of shape (n, L)
        Of items that the model had not seen.
    likeness : array of shape (n, L), or None
        How like each item is to each label's text.
    y : int array of shape (n,)
    """
    rows, labels = np.arange(len(y)), scores.shape[1]
    if not len(y):
        return uncalibrated(labels)

    def loss(v: Float64Array) -> float:
        z = np.exp(v[0]) * (scores if likeness is None else scores + v[1] * likeness)
        return -float(log_softmax(z, axis=1)[rows, y].mean())

    start = [0.0] if likeness is None else [0.0, 0.0]
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(-4, 4), (0, None)][: len(start)]).x
    return Calibration(np.full(labels, np.exp(found[0])), np.zeros(labels), float(found[1:].sum()))


def fit_pooled(
    scores: Float64Array, likeness: Float64Array | None, Y: BoolArray, known: npt.NDArray[np.float64 | np.bool_]
) -> Calibration:
    """Return one slope and one offset for all labels, and the weight of their texts, of labels that do not exclude.

    Parameters
    ----------
    scores, likeness, Y : arrays of shape (n, L)
        As for `fit_temperature`, and the truth.
    known : array of shape (n, L)
        How much each counts.
    """
    total = max(float(known.sum()), 1e-12)

    def loss(v: Float64Array) -> tuple[float, Float64Array]:
        z = v[0] * scores + v[1] + (0 if likeness is None else v[2] * likeness)
        error = (expit(z) - Y) * known
        terms = [error * scores, error, *(() if likeness is None else (error * likeness,))]
        return _log_loss(z, Y, known) / total, np.array([term.sum() for term in terms]) / total

    start = [1.0, 0.0] if likeness is None else [1.0, 0.0, 0.0]
    bounds = [(1e-2, None), (None, None), (0, None)][: len(start)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    labels = scores.shape[1]
    return Calibration(np.full(labels, found[0]), np.full(labels, found[1]), float(found[2:].sum() / found[0]))


def fit_platt(
    scores: Float64Array, likeness: Float64Array | None, Y: BoolArray, known: npt.NDArray[np.float64 | np.bool_]
) -> Calibration:
    """Return a slope and an offset a label, drawn to those of all together where a label has little to say.

    Parameters are those of `fit_pooled`.
    """
    pooled = fit_pooled(scores, likeness, Y, known)
    both = scores if likeness is None else scores + pooled.text * likeness
    scale, offset = pooled.scale.copy(), pooled.offset.copy()
    for label in range(len(scale)):
        z, y, weights = both[:, label], Y[:, label], known[:, label]
        middle = np.array([pooled.scale[label], pooled.offset[label]])

        def loss(v: Float64Array, z: Any = z, y: Any = y, weights: Any = weights, middle: Any = middle) -> Any:
            error = (expit(v[0] * z + v[1]) - y) * weights
            pulled = _TRUST * (v - middle)
            value = _log_loss(v[0] * z + v[1], y, weights) + (pulled * (v - middle)).sum()
            return value, np.array([(error * z).sum(), error.sum()]) + 2 * pulled

        found = minimize(loss, middle, jac=True, method="L-BFGS-B", bounds=[(1e-2, None), (None, None)]).x
        scale[label], offset[label] = found
    return Calibration(scale, offset, pooled.text)


def _log_loss(z: Float64Array, y: BoolArray, w: npt.NDArray[Any]) -> float:
    return float((w * (np.logaddexp(0, z) - z * y)).sum())


def expected_calibration_error(confidence: Float64Array, right: BoolArray, *, bins: int = 15) -> float:
    """Return the mean distance of confidence and accuracy over bins of equal width, weighted by their items: 0 to 1.

    Parameters
    ----------
    confidence, right : arrays of shape (n,)
        How sure an answer was, 0 to 1, and whether it was right.
    """
    if not len(confidence):
        return 0.0
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def wilson_lower(hits: npt.ArrayLike, n: npt.ArrayLike, z: float = ONE_SIDED_90) -> Float64Array:
    """Return the lower end of Wilson's interval of the proportion hits / n, n > 0, `z` standard deviations wide."""
    n = np.asarray(n, dtype=np.float64)
    p = np.asarray(hits) / n
    spread = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return np.asarray((p + z * z / (2 * n) - spread) / (1 + z * z / n))


def precision_threshold(confidence: Float64Array, right: BoolArray, target: float) -> float:
    """Return the lowest confidence from which upwards answers are right as often as `target`; infinity for none.

    Judged by the lower end of Wilson's interval, so few answers never suffice, and never below `target` itself: where
    confidences are probabilities, no answer that is likelier wrong than the target allows is let through.
    """
    order = np.argsort(-confidence, kind="stable")
    sure = confidence[order]
    bound = wilson_lower(np.cumsum(right[order]), np.arange(1, len(order) + 1)) if len(order) else np.zeros(0)
    last = np.append(sure[1:] < sure[:-1], True)[: len(order)]  # of equal confidences all are answered, or none
    enough = np.flatnonzero((bound >= target) & last)
    return max(float(sure[enough[-1]]), target) if len(enough) else float("inf")
