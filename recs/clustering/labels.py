"""Helpers for cluster labels: arrays of numbers from 0 to c - 1, one for each row; -1 marks a row without a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import IntArray


def value_by_label(values: npt.NDArray[Any], labels: IntArray, *, missing: Any) -> npt.NDArray[Any]:
    """Return for each row the value of its cluster, and `missing` for a row without a cluster.

    Examples
    --------
    >>> value_by_label(np.array([10, 20]), np.array([1, 0, -1]), missing=0).tolist()
    [20, 10, 0]
    """
    fill = np.full((1, *values.shape[1:]), missing, values.dtype)
    return np.concatenate([values, fill])[labels]  # label -1 reads the last row, which is the fill


def renumber(labels: IntArray, ids: Sequence[int]) -> IntArray:
    """Return labels in which the number of each cluster is replaced by its id; -1 stays.

    Examples
    --------
    >>> renumber(np.array([1, 0, -1]), [5, 8]).tolist()
    [8, 5, -1]
    """
    return value_by_label(np.array(ids, np.int64), labels, missing=-1)


def cluster_sizes(labels: IntArray, clusters: int = 0) -> IntArray:
    """Return how many rows each cluster has; the result has at least `clusters` entries."""
    return np.bincount(labels[labels >= 0], minlength=clusters)


def without_small_clusters(labels: IntArray, size: int) -> IntArray:
    """Return labels in which clusters of fewer than `size` rows are -1, and the others are numbered from 0 again.

    Examples
    --------
    >>> without_small_clusters(np.array([0, 1, 2, 2, 1]), 2).tolist()
    [-1, 0, 1, 1, 0]
    """
    is_large = cluster_sizes(labels) >= size
    new_numbers = np.where(is_large, np.cumsum(is_large) - 1, -1)
    return renumber(labels, new_numbers.tolist())


def number_by_size(labels: IntArray) -> IntArray:
    """Return labels in which the largest cluster is 0; of equal clusters the one with the earlier first row is first.

    Examples
    --------
    >>> number_by_size(np.array([0, 1, 1, -1])).tolist()
    [1, 0, 0, -1]
    """
    sizes = cluster_sizes(labels)
    first_rows = np.array([int(np.argmax(labels == cluster)) for cluster in range(len(sizes))])
    order = np.lexsort((first_rows, -sizes))
    return renumber(labels, np.argsort(order).tolist())
