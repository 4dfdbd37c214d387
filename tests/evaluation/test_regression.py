"""Logistic regression with a prior: the optimum by another program, and what few or many pairs do."""

import numpy as np
import pytest

from recs.evaluation.regression import fit_logistic


def pairs(n, weights=(1.5, -0.5, 0.0), seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    features = scale * rng.standard_normal((n, len(weights)))
    chances = 1 / (1 + np.exp(np.clip(1 - features @ np.array(weights), -30, 30)))
    return features, rng.random(n) < chances


@pytest.mark.parametrize("n", [1, 30, 400])
def test_fit_logistic_is_the_optimum_that_scipy_finds(n):
    from scipy.optimize import minimize

    features, linked = pairs(n)
    means, deviations = np.array([1.0, 0.0, 0.3]), np.array([0.3, 0.5, 1.0])

    def loss(values):
        totals = features @ values[:-1] + values[-1]
        prior = (((values[:-1] - means) / deviations) ** 2).sum() / 2 + (values[-1] / 3) ** 2 / 2
        return np.logaddexp(0, np.where(linked, -totals, totals)).sum() + prior

    best = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-9})
    weights, intercept = fit_logistic(features, linked, means, deviations)
    np.testing.assert_allclose([*weights, intercept], best.x, atol=1e-4)


def test_fit_logistic_few_pairs_stay_at_the_prior_and_many_leave_it():
    means, deviations = np.zeros(3), np.full(3, 0.1)
    distances = []
    for n in (0, 20, 200, 20_000):
        weights, _ = fit_logistic(*pairs(n), means, deviations)
        distances.append(np.abs(weights - [1.5, -0.5, 0.0]).max())
    assert distances == sorted(distances, reverse=True)
    assert distances[0] == 1.5
    assert distances[-1] < 0.2


@pytest.mark.parametrize("linked", [True, False])
def test_fit_logistic_pairs_of_one_kind_and_of_large_numbers_are_finite(linked):
    features, _ = pairs(50, scale=1e3)
    weights, intercept = fit_logistic(features, np.full(50, linked), np.zeros(3), np.ones(3))
    assert np.isfinite([*weights, intercept]).all()
    assert (intercept > 0) == linked
