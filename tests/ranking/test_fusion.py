"""Fusion against full matrices and plain loops."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recs.ranking import fusion
from recs.ranking.fusion import fuse
from recs.ranking.proposals import DenseProposals


@dataclass
class Table:
    """A signal that is a whole matrix."""

    matrix: np.ndarray
    weight: float = 1.0
    name: str = "table"

    @property
    def symmetric(self):
        return np.array_equal(self.matrix, self.matrix.T)

    def block(self, rows, columns):
        return self.matrix[rows] if columns is None else self.matrix[np.ix_(rows, columns)]

    def proposals(self, rows):
        return DenseProposals(self.matrix[rows], rows)


def random_signals(seed, n, *, symmetric=(True, False, True)):
    generator = np.random.default_rng(seed)
    signals = []
    for number, is_symmetric in enumerate(symmetric):
        matrix = generator.normal(generator.uniform(-1, 1), 10.0 ** generator.uniform(-2, 2), (n, n))
        matrix = matrix + matrix.T if is_symmetric else matrix
        signals.append(Table(matrix, [2.0, 1.0, 1.0][number]))
    return signals


def names(n):
    return [f"i{row:03}" for row in range(n)]


def oracle(signals):
    """Return the scores of all pairs: sum of standardised signals, standardised by row and by column, the mean."""
    n = len(signals[0].matrix)
    others = [[j for j in range(n) if j != i] for i in range(n)]

    def moments(matrix):
        means = np.array([matrix[i, others[i]].sum() / max(n - 1, 1) * n / (n + 5) for i in range(n)])
        return means, np.array([matrix[i, others[i]].var() if n > 1 else 0 for i in range(n)])

    def standing_out(matrix):
        means, variances = moments(matrix)
        variances = (n * variances + 5 * variances.mean()) / (n + 5)
        return (matrix - means[:, None]) / np.sqrt(variances)[:, None]

    total = np.zeros((n, n))
    for signal in signals:
        means, variances = moments(signal.matrix)
        total += signal.weight * signal.matrix / np.sqrt(variances.mean() + means.var())
    return (standing_out(total) + standing_out(total.T).T) / 2


def expected_lists(scores, depth, allowed=None):
    n = len(scores)
    lists = []
    for i in range(n):
        row = [j for j in range(n) if j != i and (allowed is None or allowed[i, j])]
        lists.append(sorted(row, key=lambda j: (-round(scores[i, j], 4), j))[:depth])
    return lists


def lists_of(fused):
    return [[column for column in row if column >= 0] for row in fused.indices.tolist()]


@pytest.mark.parametrize("n", [3, 4, 7, 25, 60])
@pytest.mark.parametrize("symmetric", [(True, True), (True, False), (False, False, True)])
def test_fuse_equals_full_matrices(n, symmetric):
    signals = random_signals(n, n, symmetric=symmetric)
    scores = oracle(signals)
    fused = fuse(signals, names(n), 10)
    assert lists_of(fused) == expected_lists(scores, 10)
    rows = np.arange(n)[:, None]
    np.testing.assert_allclose(fused.scores, scores[rows, fused.indices], atol=5.1e-5)
    for place, signal in enumerate(signals):
        np.testing.assert_array_equal(fused.values[:, :, place], signal.matrix[rows, fused.indices])


@given(seed=st.integers(0, 10_000), n=st.integers(2, 40), depth=st.integers(1, 50))
def test_fuse_parts_sum_to_the_score_and_order_holds(seed, n, depth):
    fused = fuse(random_signals(seed, n), names(n), depth)
    assert fused.indices.shape == fused.scores.shape == (n, min(depth, n - 1))
    np.testing.assert_allclose(fused.parts.sum(axis=2), fused.scores, atol=5.1e-5)
    assert (np.diff(fused.scores, axis=1) <= 0).all()
    assert all(row not in columns and len(set(columns)) == len(columns) for row, columns in enumerate(lists_of(fused)))


@given(seed=st.integers(0, 10_000), n=st.integers(2, 40))
def test_fuse_permuted_rows_give_the_same_lists(seed, n):
    signals = random_signals(seed, n)
    order = np.random.default_rng(seed).permutation(n)
    mixed = [Table(s.matrix[np.ix_(order, order)], s.weight) for s in signals]
    ids = names(n)
    moved = [ids[i] for i in order]
    found, expected = (
        {
            (rows[i], rows[j]): score
            for i, row in enumerate(fused.indices)
            for j, score in zip(row, fused.scores[i], strict=True)
        }
        for fused, rows in ((fuse(mixed, moved, n), moved), (fuse(signals, ids, n), ids))
    )
    assert found == pytest.approx(expected, abs=1.1e-4)


@pytest.mark.parametrize("factor", [1e-6, 3.0, 1e6])
@pytest.mark.parametrize("place", range(3))
def test_fuse_scale_of_a_signal_says_nothing(factor, place):
    signals = random_signals(4, 30)
    expected = fuse(signals, names(30), 10)
    signals[place].matrix = signals[place].matrix * factor
    found = fuse(signals, names(30), 10)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1.1e-4)


def test_fuse_ties_go_to_the_lower_row():
    matrix = np.zeros((120, 120))
    for signals in ([Table(matrix)], [Table(matrix), Table(matrix)]):
        fused = fuse(signals, names(120), 3)
        assert lists_of(fused) == [[j for j in range(120) if j != i][:3] for i in range(120)]
        assert (fused.scores == 0).all()


@pytest.mark.parametrize("number", [1, 3])
def test_fuse_mask_is_respected_and_acts_before_the_best_are_taken(number):
    n = 150
    signals = random_signals(1, n)[:number]
    allowed = np.random.default_rng(2).random((n, n)) < 0.1
    allowed[7] = False
    fused = fuse(signals, names(n), 8, mask=lambda rows, columns: allowed[rows, columns])
    scores = signals[0].matrix if number == 1 else oracle(signals)
    assert lists_of(fused) == expected_lists(scores, 8, allowed)
    assert lists_of(fused)[7] == []
    assert np.isnan(fused.scores[7]).all()
    assert np.isnan(fused.parts[7]).all()


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_fuse_tiny_collections(n):
    fused = fuse(random_signals(0, n), names(n), 5)
    assert fused.indices.shape == (n, max(n - 1, 0))
    assert fused.parts.shape == (n, max(n - 1, 0), 3)
    assert np.isfinite(fused.scores).all()
    assert [sorted(row) for row in lists_of(fused)] == [[j for j in range(n) if j != i] for i in range(n)]


@pytest.mark.parametrize("level", [0.0, 1.0, 0.1, 1 / 3, -7.3, 1e5 / 7])
@pytest.mark.parametrize("n", [2, 3, 30])
def test_fuse_signal_without_variance_changes_no_order(level, n):
    telling = random_signals(2, n)[0]
    constant = Table(np.full((n, n), level))
    both = fuse([telling, constant], names(n), 10)
    alone = fuse([telling, Table(np.zeros((n, n)))], names(n), 10)
    assert lists_of(both) == lists_of(alone)
    assert np.isfinite(both.scores).all()
    if n > 2:  # of two items every signal has but one value
        np.testing.assert_array_equal(both.scores, alone.scores)


def test_fuse_twins_are_each_others_first():
    vectors = np.random.default_rng(0).standard_normal((40, 6))
    vectors[31] = vectors[5]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = vectors @ vectors.T
    fused = fuse([Table(likeness), Table(likeness**3)], names(40), 4)
    assert (fused.indices[5, 0], fused.indices[31, 0]) == (31, 5)
    np.testing.assert_allclose(fused.scores[5, 0], fused.scores[31, 0])


@pytest.mark.parametrize("candidates", [12, 100])
def test_fuse_candidates_equal_all_pairs_where_sample_is_everything(monkeypatch, candidates):
    n = 70
    signals = random_signals(3, n)
    expected = fuse(signals, names(n), 5)
    monkeypatch.setattr(fusion, "_SAMPLE", 20)
    monkeypatch.setattr(fusion, "_CANDIDATES", candidates)
    monkeypatch.setattr(fusion, "sampled_rows", lambda ids: np.arange(len(ids)))
    found = fuse(signals, names(n), 5)
    if candidates > n:
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_allclose(found.parts, expected.parts, atol=1e-9)
    else:
        assert np.mean(found.indices[:, 0] == expected.indices[:, 0]) > 0.95


def test_fuse_sample_stands_for_all(monkeypatch):
    n = 400
    vectors = np.random.default_rng(5).standard_normal((n, 12))
    likeness = vectors @ vectors.T
    signals = [Table(likeness, 2.0), Table(np.tanh(likeness)), Table(likeness + vectors[:, 0])]
    expected = fuse(signals, names(n), 10)
    monkeypatch.setattr(fusion, "_SAMPLE", 150)
    found = fuse(signals, names(n), 10)
    shared = [len(set(a) & set(b)) / 10 for a, b in zip(lists_of(found), lists_of(expected), strict=True)]
    assert np.mean(shared) > 0.85
    assert np.abs(found.scores[:, 0] - expected.scores[:, 0]).mean() < 0.3


def test_sample_keeps_most_rows_when_an_item_is_added(monkeypatch):
    monkeypatch.setattr(fusion, "_SAMPLE", 50)
    ids = names(300)
    before = {ids[row] for row in fusion.sampled_rows(ids)}
    after = {[*ids, "new"][row] for row in fusion.sampled_rows([*ids, "new"])}
    assert len(before) == len(after) == 50
    assert len(before & after) >= 49
    assert np.array_equal(fusion.sampled_rows(ids[:50]), np.arange(50))


def unknown_oracle(signals):
    """Return the parts of all pairs, (n, n, s), where pairs of NaN have no part in means and add nothing."""
    n = len(signals[0].matrix)
    own = np.eye(n, dtype=bool)
    filled = []
    for signal in signals:
        matrix = np.where(own, np.nan, signal.matrix)
        overall = np.nanmean(matrix)
        means = [np.nanmean(row) if np.isfinite(row).any() else overall for row in matrix]
        filled.append(np.where(np.isnan(matrix), np.array(means)[:, None], matrix))

    def moments(matrix):
        others = [np.delete(matrix[i], i) for i in range(n)]
        return np.array([row.mean() * n / (n + 5) for row in others]), np.array([row.var() for row in others])

    weights = []
    for signal, matrix in zip(signals, filled, strict=True):
        means, variances = moments(matrix)
        weights.append(signal.weight / np.sqrt(variances.mean() + means.var()))
    _, variances = moments(sum(weight * matrix for weight, matrix in zip(weights, filled, strict=True)))
    deviations = np.sqrt((n * variances + 5 * variances.mean()) / (n + 5))
    parts = []
    for signal, matrix, weight in zip(signals, filled, weights, strict=True):
        part = (signal.matrix - moments(matrix)[0][:, None]) / deviations[:, None]
        parts.append(np.nan_to_num(weight * (part + part.T) / 2))
    return np.stack(parts, axis=2)


@pytest.mark.parametrize("sample", [2048, 29])
def test_fuse_pairs_of_which_a_signal_knows_nothing_are_ranked_by_the_others(monkeypatch, sample):
    monkeypatch.setattr(fusion, "_SAMPLE", sample)
    monkeypatch.setattr(fusion, "sampled_rows", lambda ids: np.arange(len(ids)))
    n, signals = 30, random_signals(5, 30, symmetric=(True, True))
    unknown = np.zeros((n, n), dtype=bool)
    unknown[[4, 11]] = unknown[:, [4, 11]] = True
    unknown[20, 21] = unknown[21, 20] = True
    signals[1].matrix[unknown] = np.nan
    fused = fuse(signals, names(n), n)
    expected = unknown_oracle(signals)
    rows = np.arange(n)[:, None]
    np.testing.assert_allclose(fused.parts, expected[rows, fused.indices], atol=1e-9)
    assert lists_of(fused) == expected_lists(expected.sum(axis=2), n)
    assert (fused.parts[:, :, 1][unknown[rows, fused.indices]] == 0).all()


def test_fuse_candidates_are_the_same_however_few_are_kept(monkeypatch):
    n, signals = 60, random_signals(6, 60, symmetric=(True, True, True))
    for signal in signals[1:]:
        signal.matrix += 30 * signal.matrix.std()  # nothing is known, and 0 is far from what is usual
        signal.matrix[[7, 8]] = signal.matrix[:, [7, 8]] = np.nan
    whole = lists_of(fuse(signals, names(n), n))
    monkeypatch.setattr(fusion, "_CANDIDATES", 5)
    assert lists_of(fuse(signals, names(n), 5)) == [row[:5] for row in whole]


@pytest.mark.parametrize("depth", [2, 11])
def test_fuse_one_signal_lists_no_pair_of_which_it_knows_nothing(monkeypatch, depth):
    monkeypatch.setattr(fusion, "_CANDIDATES", depth)
    (signal,) = random_signals(7, 12, symmetric=(True,))
    signal.matrix[3] = signal.matrix[:, 3] = np.nan
    expected = expected_lists(signal.matrix, depth, ~np.isnan(signal.matrix))
    assert expected[3] == []
    assert lists_of(fuse([signal], names(12), depth)) == expected


def test_fuse_a_signal_that_knows_nothing_changes_no_order():
    first, second = random_signals(8, 15, symmetric=(True, True))
    second.matrix[:] = np.nan
    expected = [[j for j in np.argsort(-first.matrix[row]) if j != row] for row in range(15)]
    fused = fuse([first, second], names(15), 14)
    assert (fused.parts[:, :, 1] == 0).all()
    assert np.mean([a[0] == b[0] for a, b in zip(lists_of(fused), expected, strict=True)]) > 0.5
