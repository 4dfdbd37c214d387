"""Candidates of dense and of sparse similarities, against sorted lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from recs.ranking import proposals
from recs.ranking.proposals import DenseProposals, SparseProposals, best_columns, union


def sorted_columns(scores, k):
    """Return the k best columns of each row, none of -inf, -1 after the last."""
    lists = []
    for row in scores:
        order = [column for column in sorted(range(len(row)), key=lambda j: (-row[j], j)) if row[column] > -np.inf]
        lists.append((order + [-1] * k)[:k])
    return lists


@given(seed=st.integers(0, 10_000), n=st.integers(1, 70), k=st.integers(0, 70), tile=st.sampled_from([1, 3, 128]))
def test_best_columns_are_the_k_best_and_ties_go_to_the_lower_column(seed, n, k, tile):
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, generator.integers(1, 50), (4, n)).astype(float)
    scores[generator.random((4, n)) < 0.2] = -np.inf
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proposals, "_TILE", tile)
        assert best_columns(scores, k).tolist() == sorted_columns(scores, k)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), k=st.integers(1, 40))
def test_proposals_sparse_and_dense_are_the_allowed_best(seed, n, k):
    generator = np.random.default_rng(seed)
    similarities = generator.integers(0, 5, (3, n)) / 4
    allowed = generator.random((n, n)) < 0.7 if n % 2 else None
    mask = None if allowed is None else lambda rows, columns: allowed[rows, columns]
    own = generator.integers(0, n, 3)
    columns = generator.integers(-1, n, (3, 5))
    oracle = similarities.copy() if allowed is None else np.where(allowed[own], similarities, -np.inf)
    oracle[np.arange(3), own] = -np.inf
    for made in (SparseProposals(sparse.csr_array(similarities), own), DenseProposals(similarities.copy(), own)):
        is_sparse = isinstance(made, SparseProposals)
        expected = np.where(similarities > 0, oracle, -np.inf) if is_sparse else oracle
        assert made.best(k, mask).tolist() == sorted_columns(expected, k)
        taken = np.take_along_axis(similarities, np.maximum(columns, 0), axis=1)
        is_other = (columns >= 0) & (columns != own[:, None])
        np.testing.assert_array_equal(made.at(columns)[is_other], taken[is_other])


def test_proposals_of_pairs_that_nothing_is_known_about_are_none():
    made = DenseProposals(np.array([[np.nan, 0.2, 0.5], [np.nan, np.nan, np.nan]]), np.array([0, 1]))
    assert made.best(2, None).tolist() == [[2, 1], [-1, -1]]


def test_union_has_each_column_once():
    parts = [np.array([[5, 2, -1], [-1, -1, -1]]), np.array([[2, 7, 0], [1, -1, -1]])]
    assert union(parts).tolist() == [[-1, -1, 0, 2, 5, 7], [-1, -1, -1, -1, -1, 1]]
