"""Metrics against scikit-learn, against scipy and against tables made by hand."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import ndcg_score

from recs.evaluation.metrics import bootstrap, gini, ndcg, recall, reciprocal_rank, skewness


@pytest.mark.parametrize("seed", range(20))
def test_ndcg_agrees_with_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    n = int(generator.integers(11, 40))
    order = generator.permutation(n)
    relevant = generator.random(n) < generator.choice([0.05, 0.3, 0.9])
    relevant[generator.integers(n)] = True
    scores = np.empty(n)
    scores[order] = np.arange(n, 0, -1)
    ours = ndcg([str(i) for i in order], {str(i) for i in np.flatnonzero(relevant)}, 10)
    assert ours == pytest.approx(ndcg_score(relevant[None], scores[None], k=10))


@pytest.mark.parametrize(
    ("ranked", "relevant", "expected"),
    [
        ("abc", "a", (1, 1, 1)),
        ("abc", "b", (0.6309297535714575, 1, 0.5)),
        ("abc", "bz", (0.6309297535714575 / 1.6309297535714575, 0.5, 0.5)),
        ("abc", "z", (0, 0, 0)),
        ("", "z", (0, 0, 0)),
        ("abcd", "d", (0, 0, 0)),
    ],
)
def test_metrics_of_three_agree_with_a_table(ranked, relevant, expected):
    found = [metric(list(ranked), set(relevant), 3) for metric in (ndcg, recall, reciprocal_rank)]
    assert found == pytest.approx(expected)


def test_gini_agrees_with_its_definition():
    counts = np.random.default_rng(0).poisson(3, 200)
    differences = np.abs(counts[:, None] - counts[None, :]).mean()
    assert gini(counts) == pytest.approx(differences / (2 * counts.mean()))
    assert gini([4, 4, 4]) == pytest.approx(0)
    assert gini([]) == gini([0, 0]) == 0


def test_skewness_agrees_with_scipy():
    counts = np.random.default_rng(0).poisson(3, 200)
    assert skewness(counts) == pytest.approx(stats.skew(counts))
    assert skewness([2, 2]) == skewness([]) == 0


def test_bootstrap_interval_agrees_with_the_standard_error_and_ignores_order():
    values = np.random.default_rng(0).normal(0.4, 0.3, 400)
    found = bootstrap(values)
    error = values.std() / np.sqrt(400)
    assert found.mean == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert found == bootstrap(values[::-1])
    assert bootstrap([0.5]).low == bootstrap([0.5]).high == 0.5
