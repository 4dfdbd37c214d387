"""Cells of dense rows against all pairs: exact with all cells searched, and few pairs missed otherwise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recs.ranking import cell_search, cells, nearest
from recs.ranking.cells import Cells, assign, cells_of, in_cells, learn_cells
from recs.ranking.centred import centre, longest_whole_row, whole_rows
from recs.ranking.nearest import Nearest, pairs_around, with_pairs


def rows_of(seed, n, dim=8, spread=3):
    """Return whole-number rows, many of them equal or tied if `spread` is small."""
    generator = np.random.default_rng(seed)
    return whole_rows(centre(generator.integers(-spread, spread + 1, (n, dim)).astype(np.float32)))


def clustered_rows(n, dim=48):
    generator = np.random.default_rng(3)
    centres = generator.standard_normal((n // 40, dim))
    noisy = centres[generator.integers(0, len(centres), n)] + generator.standard_normal((n, dim))
    return whole_rows(centre(noisy.astype(np.float32)))


def exact(rows, k, mask=None, queries=None, own=None):
    """Return the k best columns of each row from all products in int64."""
    queries = rows if queries is None else queries
    own = np.arange(len(rows)) if own is None else own
    products = queries.astype(np.int64) @ rows.astype(np.int64).T
    lists = []
    for place, row in enumerate(products.tolist()):
        order = sorted(range(len(rows)), key=lambda column: (-row[column], column))
        order = [each for each in order if each != own[place] and (mask is None or mask[place, each])]
        lists.append((order + [-1] * k)[:k])
    return np.array(lists, np.int64).reshape(len(queries), k)


def with_reverse(lists, mask=None):
    """Return the lists of all rows with the pairs from the other side."""
    rows, ranks = np.nonzero(lists.columns >= 0)
    columns = lists.columns[rows, ranks]
    may = np.ones(len(rows), bool) if mask is None else mask(columns, rows)
    return with_pairs(lists, columns[may], rows[may], lists.products[rows, ranks][may])


def recall(got, expected):
    return np.mean([len(set(one) & set(other)) / len(other) for one, other in zip(got.tolist(), expected.tolist())])  # noqa: B905


blocks = st.sampled_from([(1 << 15, 8), (7, 8), (7, 1), (30, 1)])  # columns at a time, and how many are many


@given(seed=st.integers(0, 10_000), n=st.integers(0, 60), k=st.integers(0, 70), count=st.integers(1, 80), block=blocks)
def test_all_cells_searched_is_exact_with_ties(seed, n, k, count, block):
    rows = rows_of(seed, n, dim=3, spread=1)
    found_cells = Cells.of(rows, learn_cells(rows, count, rounds=2))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in zip(("_BLOCK_COLUMNS", "_MANY"), block, strict=True):
            patch.setattr(cell_search, name, value)
        lists = found_cells.propose(rows, np.arange(n), k, share=1)
    np.testing.assert_array_equal(lists.columns, exact(rows, k))
    is_pair = lists.columns >= 0
    products = (rows.astype(np.int64)[:, None, :] * rows.astype(np.int64)[lists.columns]).sum(axis=2) if n else 0
    np.testing.assert_array_equal(lists.products[is_pair], products[is_pair] if n else [])
    assert np.isnan(lists.products[~is_pair]).all()
    assert (lists.compared == (n if k else 0)).all()


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 80),
    k=st.integers(1, 12),
    share=st.sampled_from([0.01, 0.1, 0.4]),
    likely=st.sampled_from([0.02, 0.3, 0.9]),
)
def test_lists_are_allowed_and_short_only_if_no_more_may_be_listed(seed, n, k, share, likely):
    rows = rows_of(seed, n, dim=4)
    generator = np.random.default_rng(seed)
    pairs = generator.random((n, n)) < likely
    listed = generator.random(n) < 0.8
    may = pairs & listed
    made = Cells.of(rows, learn_cells(rows, cells_of(n)), listed)
    options = {"mask": lambda one, other: pairs[one, other]}
    one_side = made.propose(rows, np.arange(n), k, share=share, **options)
    for lists in (one_side, with_reverse(one_side, mask=lambda one, other: may[one, other])):
        for place, columns in enumerate(lists.columns.tolist()):
            taken = [each for each in columns if each >= 0]
            possible = set(np.flatnonzero(may[place]).tolist()) - {place}
            assert set(taken) <= possible
            assert len(taken) == len(set(taken)) == min(k, len(possible))
            assert columns[len(taken) :] == [-1] * (k - len(taken))
    everything = made.propose(rows, np.arange(n), k, share=1, **options)
    np.testing.assert_array_equal(everything.columns, exact(rows, k, may))


def test_a_list_depends_on_its_query_alone(monkeypatch):
    rows = clustered_rows(1500)
    made = Cells.of(rows, learn_cells(rows, cells_of(1500)))
    together = made.propose(rows, np.arange(1500), 10)
    order = np.random.default_rng(0).permutation(1500)[:300]
    monkeypatch.setattr(cell_search, "_BLOCK_QUERIES", 7)
    monkeypatch.setattr(cell_search, "BLOCK_NUMBERS", 100)
    monkeypatch.setattr(cell_search, "_PENDING", 50)
    monkeypatch.setattr(cell_search, "_MANY", 1)
    apart = made.propose(rows[order], order, 10)
    np.testing.assert_array_equal(apart.columns, together.columns[order])
    np.testing.assert_array_equal(apart.products, together.products[order])
    np.testing.assert_array_equal(apart.compared, together.compared[order])


def test_another_order_of_the_rows_changes_nothing():
    rows = np.unique(clustered_rows(800), axis=0)
    n = len(rows)
    centroids = learn_cells(rows, cells_of(n))
    order = np.random.default_rng(0).permutation(n)
    lists = Cells.of(rows, centroids).propose(rows, np.arange(n), 5)
    permuted = Cells.of(rows[order], centroids).propose(rows[order], np.arange(n), 5)
    is_untied = (np.diff(lists.products, axis=1) < 0).all(axis=1)
    assert is_untied.mean() > 0.9
    np.testing.assert_array_equal(order[permuted.columns][np.argsort(order)][is_untied], lists.columns[is_untied])
    np.testing.assert_array_equal(permuted.products[np.argsort(order)], lists.products)


def test_recall_at_a_tenth_of_the_products():
    n = 4000
    rows = clustered_rows(n)
    lists = Cells.of(rows, learn_cells(rows, cells_of(n))).propose(rows, np.arange(n), 10, share=0.035)
    products = rows @ rows.T
    np.fill_diagonal(products, -np.inf)
    expected = np.argsort(-products, axis=1, kind="stable")[:, :10]
    assert lists.compared.max() <= 0.035 * n
    assert lists.compared.max() + cells_of(n) <= 0.1 * n
    one_sided = recall(lists.columns, expected)
    both_sides = recall(with_reverse(lists).columns, expected)
    assert one_sided > 0.95
    assert both_sides > max(one_sided, 0.98)


def test_cells_are_of_exact_whole_numbers():
    rows = clustered_rows(2000)
    centroids = learn_cells(rows, 50)
    assert centroids.dtype == np.float32
    np.testing.assert_array_equal(centroids, np.rint(centroids))
    lengths = np.sqrt((centroids.astype(np.int64) ** 2).sum(axis=1))
    assert (lengths <= 2**12).all()
    assert (lengths > longest_whole_row(48) - 4).all()
    products = rows.astype(np.int64) @ centroids.astype(np.int64).T
    np.testing.assert_array_equal(assign(rows, centroids), np.argmax(products, axis=1))
    np.testing.assert_array_equal(learn_cells(rows.astype(np.int16), 50), centroids)


def test_blocks_change_no_cell(monkeypatch):
    rows = clustered_rows(1000)
    expected = learn_cells(rows, 30)
    monkeypatch.setattr(cells, "BLOCK_NUMBERS", 700)
    np.testing.assert_array_equal(learn_cells(rows, 30), expected)


def test_learning_finds_the_directions_of_well_separated_groups():
    generator = np.random.default_rng(0)
    centres = whole_rows(np.linalg.qr(generator.standard_normal((12, 12)))[0])
    rows = np.rint(centres[np.arange(600) % 12] + generator.normal(0, 60, (600, 12))).astype(np.float32)
    assigned = assign(rows, learn_cells(rows, 12, rounds=10))
    assert all(len(set(assigned[group::12].tolist())) == 1 for group in range(12))
    assert len(set(assigned.tolist())) == 12


@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), k=st.integers(1, 25))
def test_pairs_around_are_the_neighbours_of_neighbours_that_a_list_lacks(seed, n, k):
    generator = np.random.default_rng(seed)
    lists = np.full((n, k), -1)
    for row in range(n):
        others = [each for each in generator.permutation(n).tolist() if each != row][: generator.integers(0, k + 1)]
        lists[row, : len(others)] = others
    rows = np.sort(generator.permutation(n)[: generator.integers(1, n + 1)])
    places, columns = pairs_around(lists.astype(np.int32), rows)
    expected = set()
    for place, row in enumerate(rows.tolist()):
        theirs = {far for near in lists[row, :10].tolist() if near >= 0 for far in lists[near, :20].tolist()}
        expected |= {(place, far) for far in theirs - {-1, row} - set(lists[row].tolist())}
    pairs = list(zip(places.tolist(), columns.tolist(), strict=True))
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == expected


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_tiny_collections(n):
    rows = rows_of(1, n)
    made = Cells.of(rows, learn_cells(rows, 5))
    assert len(made.centroids) == n
    np.testing.assert_array_equal(made.propose(rows, np.arange(n), 2).columns, exact(rows, 2))


def test_rows_that_are_all_equal_are_listed_in_the_order_of_columns():
    rows = np.tile(whole_rows(np.array([[0.6, 0.8]])), (700, 1))
    lists = Cells.of(rows, learn_cells(rows, 10)).propose(rows, np.arange(700), 3, share=0.01)
    assert lists.columns[0].tolist() == [1, 2, 3]
    assert lists.columns[1].tolist() == [0, 2, 3]
    assert (lists.columns[3:] == [0, 1, 2]).all()


def test_queries_that_are_no_columns_and_rows_on_disk(tmp_path):
    rows = rows_of(4, 300)
    columns, starts = in_cells(assign(rows, centroids := learn_cells(rows, 20)), 20)
    np.save(tmp_path / "rows.npy", rows[columns].astype(np.int16))
    made = Cells(centroids, columns, starts, np.load(tmp_path / "rows.npy", mmap_mode="r"))
    queries = rows_of(5, 40)
    own = np.full(40, -1)
    np.testing.assert_array_equal(
        made.propose(queries, own, 4, share=1).columns, exact(rows, 4, queries=queries, own=own)
    )


@given(seed=st.integers(0, 10_000), n=st.integers(1, 30), k=st.integers(1, 6), block=st.sampled_from([1, 4, 1024]))
def test_lists_with_reverse_pairs_are_the_best_of_both_sides(seed, n, k, block):
    generator = np.random.default_rng(seed)
    products = generator.integers(-5, 5, (n, n))
    products = products + products.T
    pairs = [set() for _ in range(n)]
    lists = Nearest.empty(n, k)
    for row in range(n):
        others = [each for each in generator.permutation(n).tolist() if each != row][: generator.integers(0, k + 1)]
        best = sorted(others, key=lambda other: (-products[row, other], other))
        lists.columns[row, : len(best)] = best
        lists.products[row, : len(best)] = products[row, best]
        for other in best:
            pairs[row].add(other)
            pairs[other].add(row)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "_BLOCK_ROWS", block)
        joined = with_reverse(lists)
    for row in range(n):
        best = sorted(pairs[row], key=lambda other: (-products[row, other], other))[:k]
        assert joined.columns[row].tolist() == [*best, *[-1] * (k - len(best))]
        assert joined.products[row, : len(best)].tolist() == products[row, best].tolist()
