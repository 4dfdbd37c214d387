"""Every list is compared with one from a full float64 matrix that is sorted whole."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recs.embedding import neighbors
from recs.embedding.dense_scores import DenseScores
from recs.embedding.neighbors import top_k
from recs.errors import EmbeddingError, OptionError

SIMILARITIES = ("cosine", "dot", "euclidean")


def full_matrix(X, queries, similarity):
    keys, rows = X.astype(np.float64), queries.astype(np.float64)
    if similarity == "euclidean":
        return -np.sqrt(((rows[:, None, :] - keys[None, :, :]) ** 2).sum(axis=2))
    if similarity == "cosine":
        keys, rows = (Y / np.where(norms := np.linalg.norm(Y, axis=1), norms, 1)[:, None] for Y in (keys, rows))
    return (rows[:, None, :] * keys[None, :, :]).sum(axis=2)


def sorted_lists(scores, allowed, k):
    """The oracle: round, sort each row by score and column, cut."""
    indices = np.full((len(scores), k), -1)
    best = np.full((len(scores), k), np.nan)
    for row, values in enumerate(np.round(scores, 6) + 0.0):
        order = [c for c in np.lexsort((np.arange(len(values)), -values)) if allowed[row, c]][:k]
        indices[row, : len(order)] = order
        best[row, : len(order)] = values[order]
    return indices, best


def assert_same(found, expected):
    np.testing.assert_array_equal(found.indices, expected[0])
    np.testing.assert_allclose(found.scores, expected[1], rtol=1e-12, atol=1e-9)


def random_rows(rng, n, d, kind):
    if kind == "grid":  # many ties and twins, exact in any precision; zero rows
        return rng.integers(-1, 2, (n, d)).astype(np.float32)
    X = rng.standard_normal((n, d))
    if kind == "close":  # below what float32 tells apart
        X = X[rng.integers(0, max(n // 20, 1), n)] + 1e-7 * X if n else X
    if kind == "uneven":
        X *= 10.0 ** rng.uniform(-2, 1, (n, 1))
    if kind == "far":
        X += 30
    return X.astype(np.float32) if kind == "plain" else X


@settings(max_examples=150, deadline=None)
@given(
    n=st.one_of(st.sampled_from([0, 1, 2, 3, 5, 6, 7]), st.integers(0, 400)),
    d=st.sampled_from([1, 2, 3, 33]),
    k=st.sampled_from([0, 1, 5, 6, 40]),
    similarity=st.sampled_from(SIMILARITIES),
    kind=st.sampled_from(["grid", "plain", "close", "uneven", "far"]),
    share=st.sampled_from([None, 0.0, 0.02, 0.5]),
    own=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_top_k_any_input_equals_full_sort(n, d, k, similarity, kind, share, own, seed):
    rng = np.random.default_rng(seed)
    X = random_rows(rng, n, d, kind)
    queries = X if own else random_rows(rng, 9, d, kind)
    allowed = np.ones((len(queries), n), bool) if share is None else rng.random((len(queries), n)) < share
    found = top_k(
        X,
        k,
        similarity=similarity,
        queries=None if own else queries,
        mask=None if share is None else lambda start, stop: allowed[start:stop],
    )
    expected = allowed & ~np.eye(len(queries), n, dtype=bool) if own else allowed
    assert found.indices.dtype == np.int64
    assert found.indices.shape == found.scores.shape == (len(queries), k)
    assert_same(found, sorted_lists(full_matrix(X, queries, similarity), expected, k))


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_top_k_several_blocks_equals_full_sort(similarity, monkeypatch):
    monkeypatch.setattr(neighbors, "_BLOCK_BYTES", 1)  # 64 rows
    rng = np.random.default_rng(3)
    X = np.repeat(rng.standard_normal((350, 8)), 2, axis=0)
    found = top_k(X, 7, similarity=similarity)
    assert_same(found, sorted_lists(full_matrix(X, X, similarity), ~np.eye(700, dtype=bool), 7))


def test_top_k_neighbours_in_one_tile_are_all_found():
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((5, 16))
    X = np.repeat(centres, 300, axis=0) + 0.05 * rng.standard_normal((1500, 16))
    found = top_k(X, 2, decimals=12)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    scores = unit @ unit.T
    np.fill_diagonal(scores, -np.inf)
    np.testing.assert_array_equal(found.indices, np.argsort(-scores, axis=1)[:, :2])


def test_top_k_twin_is_listed_once_and_self_never():
    X = np.eye(4, dtype=np.float32)[[0, 1, 0, 2]]
    found = top_k(X, 3)
    assert found.indices[0].tolist() == [2, 1, 3]
    assert found.indices[2].tolist() == [0, 1, 3]
    assert found.scores[0].tolist() == [1.0, 0.0, 0.0]


@given(seed=st.integers(0, 1000), similarity=st.sampled_from(SIMILARITIES))
@settings(max_examples=20, deadline=None)
def test_top_k_rows_permuted_permutes_lists(seed, similarity):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((150, 12)).astype(np.float32)
    order = rng.permutation(150)
    straight = top_k(X, 6, similarity=similarity, decimals=12)  # with 6 decimals a few are ties, broken by row
    mixed = top_k(X[order], 6, similarity=similarity, decimals=12)
    np.testing.assert_array_equal(order[mixed.indices], straight.indices[order])
    np.testing.assert_array_equal(mixed.scores, straight.scores[order])


def test_top_k_rows_scaled_keeps_cosine_lists():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((300, 20))
    scaled = top_k(X * 10.0 ** rng.uniform(-30, 30, (300, 1)), 8)
    np.testing.assert_array_equal(scaled.indices, top_k(X, 8).indices)
    np.testing.assert_array_equal(scaled.scores, top_k(X, 8).scores)


def test_top_k_mask_that_allows_columns_broadcasts():
    X = np.random.default_rng(2).standard_normal((50, 4))
    found = top_k(X, 3, mask=lambda start, stop: np.arange(50) < 10)
    assert found.indices.max() < 10
    assert found.indices.min() >= 0


def test_top_k_mask_is_applied_before_the_cut():
    X = np.array([[1, 0], [1, 0.01], [1, 0.02], [0, 1]], dtype=np.float32)
    allowed = np.ones((4, 4), bool)
    allowed[0, 1:3] = False
    assert top_k(X, 1, mask=lambda start, stop: allowed[start:stop]).indices[0, 0] == 3


def count_pairs(monkeypatch):
    """Return a list that collects how many pairs each call scored exactly."""
    counts = []
    exact = DenseScores.exact
    monkeypatch.setattr(
        DenseScores, "exact", lambda self, rows, columns: counts.append(len(rows)) or exact(self, rows, columns)
    )
    return counts


def test_top_k_ten_thousand_twins_scores_each_once(monkeypatch):
    counts = count_pairs(monkeypatch)
    found = top_k(np.tile(np.random.default_rng(4).standard_normal(16).astype(np.float32), (10_000, 1)), 10)
    assert sum(counts) == 10_000
    assert found.indices[0].tolist() == list(range(1, 11))
    assert found.indices[5].tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert (found.indices[11:] == np.arange(10)).all()
    assert (found.scores == 1).all()


@pytest.mark.parametrize(("q", "n"), [(8_000, 8_000), (200, 200_000)])
def test_top_k_memory_is_far_below_the_full_matrix(q, n):
    X = np.random.default_rng(5).standard_normal((n, 4)).astype(np.float32)
    tracemalloc.start()
    top_k(X, 10, queries=None if q == n else X[:q])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < min(q * n * 4, 240e6) * 0.7


@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_block_scores_differ_from_exact_by_less_than_the_bound(similarity):
    rng = np.random.default_rng(8)
    X = np.abs(rng.standard_normal((300, 500))) * 10.0 ** rng.uniform(-2, 2, (300, 1))
    scores = DenseScores(X, None, similarity, decimals=6)
    block = scores.queries32 @ scores.keys32.T
    exact = full_matrix(X, X, similarity)
    for column in (0, 100, 299):  # no pair with a lower block score than the floor may round to a higher exact score
        floor = scores.floor(0, block[:, column])
        below = block < floor[:, None]
        assert (np.where(below, exact, -np.inf) < exact[:, [column]] - 0.99e-6).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"k": -1}, OptionError, "k is -1"),
        ({"similarity": "cosin"}, OptionError, "similarity is 'cosin', expected one of cosine, dot, euclidean"),
        ({"queries": np.ones((1, 3))}, EmbeddingError, r"\(2, 2\), queries of shape \(1, 3\)"),
        ({"vectors": np.ones(3)}, EmbeddingError, r"shape \(3,\)"),
        ({"vectors": np.array([[1, 0], [0, np.nan]])}, EmbeddingError, "row 1 holds NaN"),
        ({"queries": np.array([[np.inf, 0]])}, EmbeddingError, "row 0 holds NaN, infinity"),
    ],
)
def test_top_k_bad_input_is_an_error(options, error, message):
    options = {"vectors": np.eye(2), "k": 1} | options
    with pytest.raises(error, match=message):
        top_k(options.pop("vectors"), options.pop("k"), **options)
