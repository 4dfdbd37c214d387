"""Calibrated probabilities, and thresholds that reach a precision."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from recs.classification.calibration import (
    Calibration,
    expected_calibration_error,
    fit_platt,
    fit_pooled,
    fit_temperature,
    precision_threshold,
    uncalibrated,
    wilson_lower,
)


def draw(rng, logits):
    """Return labels drawn at random, with the probabilities of the logits."""
    p = softmax(logits, axis=1)
    return np.array([rng.choice(p.shape[1], p=row) for row in p])


@pytest.mark.parametrize(
    ("hits", "n", "expected"),  # of the interval's formula, by hand for z = 1.96
    [
        (0, 10, 0.0),
        (10, 10, 0.7224672),
        (8, 10, 0.4901625),
        (1, 1, 0.2065432),
        (81, 263, 0.2552809),
        (15, 148, 0.0624010),
    ],
)
def test_wilson_lower_published_cases_agree(hits, n, expected):
    assert wilson_lower(hits, n, z=1.959964) == pytest.approx(expected, abs=2e-4)


def test_wilson_lower_is_the_root_of_the_score_equation():
    """The bound is the p at which (hits / n - p) is z standard deviations of a proportion p."""
    hits, n = np.array([1, 5, 9, 30, 99]), np.array([3, 5, 10, 40, 100])
    low = wilson_lower(hits, n, z=1.2816)
    assert hits / n - low == pytest.approx(1.2816 * np.sqrt(low * (1 - low) / n), abs=1e-12)


def test_expected_calibration_error_random_agrees_with_a_loop():
    rng = np.random.default_rng(0)
    confidence = np.concatenate([rng.random(500), [0.0, 1.0, 1 / 15, 0.2, 0.6, 1.0]])
    right = rng.random(len(confidence)) < confidence**2
    error = 0.0
    for place in range(15):
        inside = [i for i, c in enumerate(confidence) if place <= c * 15 and (c * 15 < place + 1 or place == 14)]
        if inside:
            error += len(inside) * abs(np.mean(confidence[inside]) - np.mean(right[inside]))
    assert expected_calibration_error(confidence, right) == pytest.approx(error / len(confidence))
    assert expected_calibration_error(np.zeros(0), np.zeros(0, bool)) == 0.0


def brute_threshold(confidence, right, target, z=1.2816):
    """The lowest confidence c such that the answers from c upwards pass; tried one by one."""
    passing = []
    for cut in set(confidence.tolist()):
        chosen = right[confidence >= cut]
        p, n = chosen.mean(), len(chosen)
        spread = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        if (p + z * z / (2 * n) - spread) / (1 + z * z / n) >= target:
            passing.append(cut)
    return max(min(passing), target) if passing else np.inf


@pytest.mark.parametrize("seed", range(30))
def test_precision_threshold_random_with_ties_agrees_with_trying_all(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 200))
    confidence = rng.random(n).round(int(rng.integers(1, 4)))
    right = rng.random(n) < confidence ** rng.uniform(0.2, 2)
    target = float(rng.uniform(0.3, 0.95))
    assert precision_threshold(confidence, right, target) == brute_threshold(confidence, right, target)


def test_precision_threshold_without_answers_or_with_few_is_infinite():
    assert precision_threshold(np.zeros(0), np.zeros(0, bool), 0.5) == np.inf
    assert precision_threshold(np.full(5, 0.99), np.ones(5, bool), 0.9) == np.inf  # five right answers are not enough
    assert precision_threshold(np.full(50, 0.99), np.ones(50, bool), 0.9) == 0.99


def test_precision_threshold_calibrated_scores_holds_the_target_on_others():
    rng = np.random.default_rng(0)
    for target in (0.6, 0.8, 0.9, 0.95):
        held = []
        for _ in range(40):
            p, q = rng.random(600), rng.random(20_000)
            cut = precision_threshold(p, rng.random(600) < p, target)
            held.append((rng.random(20_000) < q)[q >= cut].mean() if np.isfinite(cut) else 1.0)
        assert min(held) >= target  # calibrated: the share of right answers is at least the probability


@pytest.mark.parametrize("factor", [0.3, 5.0])
def test_fit_temperature_rescaled_scores_gives_the_scale_back(factor):
    rng = np.random.default_rng(1)
    logits = 2 * rng.standard_normal((3000, 6))
    y = draw(rng, logits)
    found = fit_temperature(logits * factor, None, y)
    assert found.scale * factor == pytest.approx(1.0, abs=0.08)
    p = softmax(found.apply(logits * factor, None), axis=1)
    raw = softmax(logits * factor, axis=1)
    error = expected_calibration_error(p.max(axis=1), p.argmax(axis=1) == y)
    assert error < 0.03 < 0.1 < expected_calibration_error(raw.max(axis=1), raw.argmax(axis=1) == y)


def test_fit_temperature_weights_the_likeness_by_its_information():
    rng = np.random.default_rng(2)
    scores, likeness = rng.standard_normal((2, 4000, 4))
    y = draw(rng, 2 * (scores + 0.7 * likeness))
    found = fit_temperature(scores, likeness, y)
    assert found.text == pytest.approx(0.7, abs=0.1)
    assert fit_temperature(scores, rng.standard_normal((4000, 4)), y).text == pytest.approx(0.0, abs=0.05)
    assert found.apply(scores, likeness) == pytest.approx(found.scale[0] * (scores + found.text * likeness))


def test_fit_temperature_nothing_to_learn_from_changes_nothing():
    found = fit_temperature(np.zeros((0, 3)), None, np.zeros(0, np.int64))
    assert found.scale.tolist() == [1, 1, 1]
    assert found.offset.tolist() == [0, 0, 0]


def test_fit_pooled_binary_scores_gives_slope_and_offset_back():
    rng = np.random.default_rng(3)
    scores = 2 * rng.standard_normal((3000, 4))
    Y = rng.random(scores.shape) < expit(0.5 * scores - 1)
    found = fit_pooled(scores, None, Y, np.ones(Y.shape))
    assert found.scale == pytest.approx(0.5, abs=0.06)
    assert found.offset == pytest.approx(-1, abs=0.1)


def test_fit_platt_label_with_two_items_is_pulled_to_the_pooled_fit():
    rng = np.random.default_rng(4)
    scores = 2 * rng.standard_normal((2000, 3))
    slopes, offsets = np.array([2.0, 0.5, 1.0]), np.array([0.5, -1.0, 0.0])
    Y = rng.random(scores.shape) < expit(slopes * scores + offsets)
    known = np.ones(Y.shape, bool)
    known[2:, 2] = False  # the third label has two items, and both contradict their scores
    scores[:2, 2], Y[:2, 2] = [1, -1], [False, True]
    pooled, found = fit_pooled(scores, None, Y, known), fit_platt(scores, None, Y, known)
    assert found.scale[:2] == pytest.approx(slopes[:2], abs=0.25)
    assert found.offset[:2] == pytest.approx(offsets[:2], abs=0.25)
    alone = fit_platt(scores, None, Y, known * 1000.0)  # a thousand such items would be enough
    assert alone.scale[2] == pytest.approx(0.01)
    assert 10 * alone.scale[2] < found.scale[2] < pooled.scale[2]


def test_fit_platt_labels_without_weight_change_nothing():
    rng = np.random.default_rng(5)
    scores = rng.standard_normal((300, 2))
    Y = rng.random(scores.shape) < expit(scores)
    known = rng.random(Y.shape) < 0.7
    one, other = fit_platt(scores, None, Y, known), fit_platt(scores, None, np.where(known, Y, ~Y), known)
    assert one.scale.tolist() == other.scale.tolist()
    assert one.offset.tolist() == other.offset.tolist()


def test_uncalibrated_scores_stay_as_they_are():
    scores = np.random.default_rng(0).standard_normal((4, 3))
    assert isinstance(uncalibrated(3), Calibration)
    assert uncalibrated(3).apply(scores, np.ones((4, 3))).tolist() == scores.tolist()
