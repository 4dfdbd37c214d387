"""Logistic regression that starts from what is known of other sites: a normal prior on each weight."""

from __future__ import annotations

import numpy as np

from recs.arrays import BoolArray, Float64Array

_STEPS = 50
_LONGEST = 2.0  # of a step, in any weight: a full step of Newton's may leave the range where it is right
_PRECISE = 1e-8
_INTERCEPT = 3.0  # its deviation around 0


def fit_logistic(
    features: Float64Array, linked: BoolArray, means: Float64Array, deviations: Float64Array
) -> tuple[Float64Array, float]:
    """Return the weights and the intercept that are likeliest for n pairs and a normal prior on each of d weights.

    Without a pair they are the means of the prior, and the more pairs there are, the less the prior counts.

    Parameters
    ----------
    features : float64 array of shape (n, d)
    linked : bool array of shape (n,)
    means, deviations : float64 arrays of shape (d,)
        Of the prior. The intercept has the prior 0 with a deviation of 3.

    Notes
    -----
    The logarithm of the probability is concave, so that Newton's steps lead to its one maximum. Time O(n d²) a step.

    Examples
    --------
    >>> weights, intercept = fit_logistic(np.zeros((0, 1)), np.zeros(0, bool), np.array([1.0]), np.array([0.5]))
    >>> weights.tolist(), intercept
    ([1.0], 0.0)
    """
    table = np.column_stack([features, np.ones(len(features))])
    start = np.append(means, 0.0)
    precision = np.append(deviations, _INTERCEPT) ** -2.0
    weights = start.copy()
    for _ in range(_STEPS):
        probabilities = 1 / (1 + np.exp(-np.clip(table @ weights, -30, 30)))
        slope = table.T @ (probabilities - linked) + precision * (weights - start)
        curvature = (table * (probabilities * (1 - probabilities))[:, None]).T @ table + np.diag(precision)
        step = np.linalg.solve(curvature, slope)
        longest = float(np.abs(step).max())
        weights = weights - step * min(1.0, _LONGEST / max(longest, _PRECISE))
        if longest < _PRECISE:
            break
    return weights[:-1], float(weights[-1])
