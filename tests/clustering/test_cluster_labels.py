"""Arithmetic on cluster labels against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from recs.clustering.labels import cluster_sizes, number_by_size, renumber, value_by_label, without_small_clusters


@pytest.fixture
def labels():
    return np.random.default_rng(0).integers(-1, 6, 50)


def test_value_by_label_equals_a_loop_for_numbers_and_for_rows(labels):
    numbers = np.arange(6) * 1.5
    expected = [numbers[label] if label >= 0 else np.inf for label in labels]
    np.testing.assert_array_equal(value_by_label(numbers, labels, missing=np.inf), expected)
    rows = np.arange(12.0).reshape(6, 2)
    expected = [rows[label] if label >= 0 else np.zeros(2) for label in labels]
    np.testing.assert_array_equal(value_by_label(rows, labels, missing=0), expected)


def test_value_by_label_without_clusters_is_the_missing_value():
    assert value_by_label(np.zeros(0), np.full(3, -1), missing=7.0).tolist() == [7.0] * 3
    assert renumber(np.full(2, -1), []).tolist() == [-1, -1]


def test_without_small_clusters_keeps_the_others_in_their_order(labels):
    sizes = cluster_sizes(labels)
    least = int(np.sort(sizes)[2])
    kept = [cluster for cluster in range(len(sizes)) if sizes[cluster] >= least]
    expected = [kept.index(label) if label in kept else -1 for label in labels.tolist()]
    assert without_small_clusters(labels, least).tolist() == expected


def test_number_by_size_gives_ties_to_the_earlier_row():
    assert number_by_size(np.array([-1, 2, 0, 0, 2, 1])).tolist() == [-1, 0, 1, 1, 0, 2]
    assert number_by_size(np.array([], np.int64)).tolist() == []
