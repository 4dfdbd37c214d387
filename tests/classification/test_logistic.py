"""Logistic regression on vectors agrees with scikit-learn; cross-validation keeps equal vectors together."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit, softmax

from recs.classification import logistic
from recs.classification.examples import Examples, centroids, text_directions
from recs.classification.held_out import FOLDS, GRID, folds, search_penalty, taught
from recs.classification.logistic import NEVER, fit_linear
from recs.errors import MissingDependencyError

linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is part of the extra 'classify'")


def examples_of(y, *, labels=None, dim=8, spread=0.8, seed=0, texts=None):
    """Return examples with single labels (y is a vector of ints) or several (y is a bool matrix)."""
    y = np.asarray(y)
    rng = np.random.default_rng(seed)
    single = y.ndim == 1
    Y = np.eye(labels or int(y.max()) + 1, dtype=bool)[y] if single else y.astype(bool)
    middle = rng.standard_normal((Y.shape[1], dim))
    X = Y @ middle + spread * rng.standard_normal((len(Y), dim))
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    return Examples(X, Y, np.ones_like(Y), single, texts)


def exact(X, y, C, weight=None, **options):
    model = linear_model.LogisticRegression(C=C, tol=1e-10, max_iter=100_000, **options)
    return model.fit(X.astype(np.float64), y, sample_weight=weight)


@pytest.mark.parametrize("labels", [2, 3, 7])
@pytest.mark.parametrize("C", [1.0, 30.0, 300.0])
@pytest.mark.parametrize("weight", [None, "balanced"])
def test_fit_linear_single_labels_agrees_with_scikit_learn_at_its_optimum(labels, C, weight):
    y = np.random.default_rng(labels).integers(labels, size=150) // 2 * 2 % labels
    y[:labels] = np.arange(labels)
    examples = examples_of(y)
    oracle = exact(examples.X, y, C, class_weight=weight)
    found = softmax(fit_linear(examples, C, class_weight=weight).scores(examples.X), axis=1)
    assert found == pytest.approx(oracle.predict_proba(examples.X.astype(np.float64)), abs=0.02)
    assert fit_linear(examples, C, class_weight=weight).weights.shape == (labels, 8)


def test_fit_linear_several_labels_is_one_binary_model_each_on_trusted_labels():
    Y = np.random.default_rng(0).random((120, 4)) < 0.3
    examples = examples_of(Y)
    examples.trusted[::3, 1] = False
    found = expit(fit_linear(examples, 10.0).scores(examples.X))
    for label in range(4):
        rows = examples.trusted[:, label]
        oracle = exact(examples.X[rows], Y[rows, label], 10.0).predict_proba(examples.X.astype(np.float64))[:, 1]
        assert found[:, label] == pytest.approx(oracle, abs=0.02)
    turned = Examples(examples.X, np.where(examples.trusted, Y, ~Y), examples.trusted, False)
    assert fit_linear(turned, 10.0).weights.tolist() == fit_linear(examples, 10.0).weights.tolist()


def test_fit_linear_started_elsewhere_ends_at_the_same_probabilities():
    examples = examples_of(np.arange(90) % 5)
    cold = fit_linear(examples, 30.0).scores(examples.X)
    warm = fit_linear(examples, 30.0, start=fit_linear(examples, 1.0)).scores(examples.X)
    assert softmax(warm, axis=1) == pytest.approx(softmax(cold, axis=1), abs=0.01)


def test_fit_linear_label_without_example_never_wins_and_one_label_always_does():
    examples = examples_of(np.arange(30) % 2, labels=4)
    scores = fit_linear(examples, 10.0).scores(examples.X)
    assert (scores[:, 2:] == NEVER).all()
    assert softmax(scores, axis=1)[:, 2:].max() < 1e-9
    one = examples_of(np.zeros(6, int), labels=2)
    assert (fit_linear(one, 1.0).scores(one.X).argmax(axis=1) == 0).all()
    assert (fit_linear(one.take(slice(0, 0)), 1.0).scores(one.X) == NEVER).all()


def test_fit_linear_label_with_only_a_text_is_learned_from_it():
    rng = np.random.default_rng(0)
    examples = examples_of(np.arange(60) % 2, labels=3)
    direction = rng.standard_normal(8)
    texts = np.zeros((3, 8), np.float32)
    texts[0], texts[1] = examples.X[::2].mean(axis=0), examples.X[1::2].mean(axis=0)
    texts[2] = direction / np.linalg.norm(direction)
    moved = (
        texts[2:] - texts.mean(axis=0) + examples.X.mean(axis=0)
    )  # moved from the place of texts to the place of items
    moved /= np.linalg.norm(moved)
    scores = fit_linear(Examples(examples.X, examples.Y, examples.trusted, True, texts), 30.0).scores(moved)
    assert scores.argmax() == 2
    assert text_directions(texts).sum(axis=0) == pytest.approx(0, abs=1e-4)
    assert not text_directions(np.vstack([texts, np.zeros((1, 8), np.float32)]))[3].any()


def test_fit_linear_without_scikit_learn_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.linear_model", None)
    with pytest.raises(MissingDependencyError, match=r"scikit-learn.*\[classify\]"):
        fit_linear(examples_of(np.arange(10) % 2), 1.0)


def test_fit_linear_is_computed_on_one_thread_so_that_their_number_changes_no_bit(monkeypatch):
    from threadpoolctl import threadpool_info, threadpool_limits

    seen = []
    fit = logistic._fit
    monkeypatch.setattr(logistic, "_fit", lambda *a, **k: seen.append(threadpool_info()) or fit(*a, **k))
    with threadpool_limits(2):
        fit_linear(examples_of(np.arange(30) % 3), 1.0)
    assert all(pool["num_threads"] == 1 for pools in seen for pool in pools)
    assert seen


def test_folds_every_label_is_spread_and_equal_vectors_are_together():
    y = np.repeat(np.arange(6), [100, 50, 25, 10, 5, 1])
    examples = examples_of(y)
    examples.X[100:104] = examples.X[0]
    examples.X[30:40] = examples.X[30]
    fold = folds(examples, FOLDS, seed=0)
    assert set(fold) == set(range(FOLDS))
    assert len(set(fold[100:104]) | {fold[0]}) == 1
    assert len(set(fold[30:40])) == 1
    for label, at_most in zip(range(6), (30, 14, 7, 3, 2, 1), strict=True):
        assert np.bincount(fold[y == label], minlength=FOLDS).max() <= at_most
    assert folds(examples, FOLDS, seed=0).tolist() == fold.tolist()
    assert folds(examples, FOLDS, seed=1).tolist() != fold.tolist()


def test_folds_all_identical_is_one_fold():
    examples = examples_of(np.arange(12) % 2)
    examples.X[:] = examples.X[0]
    assert len(set(folds(examples, FOLDS, seed=0))) == 1


def test_search_every_item_is_scored_by_a_model_that_had_not_seen_it():
    y = np.arange(60) % 3
    examples = examples_of(y, spread=1.0)
    held = search_penalty(examples, C=10.0)
    for place in range(FOLDS):
        rows = held.fold == place
        oracle = exact(examples.X[~rows], y[~rows], 10.0)
        p = oracle.predict_proba(examples.X[rows].astype(np.float64))
        assert softmax(held.scores[rows], axis=1) == pytest.approx(p, abs=0.02)
    middle = np.stack([examples.X[(y == label) & (held.fold != 0)].mean(axis=0) for label in range(3)])
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    own = held.fold == 0
    assert held.centre[own] == pytest.approx((examples.X[own] @ middle.T).max(axis=1), abs=1e-5)


def test_search_climbs_the_grid_while_the_loss_falls():
    said = []
    held = search_penalty(examples_of(np.arange(120) % 4, spread=0.6), progress=said.append)
    tried = list(held.losses)
    assert tried == list(GRID[: len(tried)])
    assert held.losses[held.C] == min(held.losses.values())
    assert len(said) == len(tried)
    losses = list(held.losses.values())
    assert all(after < before for before, after in pairwise(losses[:-1]))


def test_search_where_nothing_can_be_judged_stays_at_the_strongest_penalty():
    examples = examples_of(np.arange(12))  # every label is on one item: no model has seen the label of a held-out item
    held = search_penalty(examples)
    assert GRID[0] == held.C
    assert not taught(held.scores, examples).any()


def test_centroids_are_mean_directions_and_zero_for_none():
    examples = examples_of(np.arange(20) % 2, labels=3)
    found = centroids(examples)
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 1, 0])
    mean = examples.X[::2].mean(axis=0)
    assert found[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
