"""Lists of the nearest columns, with their products as whole numbers, and what their own pairs add to them.

A pair is one number, its key: the product, then the column. So the lowest keys are the best pairs, ties go to the lower
column, and no two keys of a row are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import FloatArray, IntArray

NO_PAIR = np.iinfo(np.int64).max
_COLUMN_BITS = 32
_ANY_COLUMN = (1 << _COLUMN_BITS) - 1
_NO_PRODUCT = 1 << 25  # more than any
_BLOCK_ROWS = 1024
_FOLLOWED = 10  # columns of a list whose neighbours may be near as well
_TAKEN = 20  # neighbours of each


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """The k nearest columns of q queries, best first, ties in the order of columns.

    Attributes
    ----------
    columns : int64 array of shape (q, k)
        -1 where a query has fewer.
    products : float32 array of shape (q, k)
        Whole numbers; a cosine is the product divided by `longest_whole_row(d) ** 2`. NaN where `columns` is -1.
    compared : int64 array of shape (q,)
        The rows that each query was multiplied with; centroids are not counted.
    """

    columns: IntArray
    products: FloatArray
    compared: IntArray

    @classmethod
    def empty(cls, queries: int, k: int) -> Nearest:
        shape = (queries, k)
        return cls(np.full(shape, -1, np.int64), np.full(shape, np.nan, np.float32), np.zeros(queries, np.int64))

    def write(self, places: IntArray | slice, keys: IntArray) -> None:
        """Set the lists of some queries to the sorted keys of their pairs."""
        best = keys[:, : self.columns.shape[1]]
        is_pair = best < NO_PAIR
        self.columns[places] = np.where(is_pair, best & _ANY_COLUMN, -1)
        self.products[places] = np.where(is_pair, products_of(best), np.nan)

    def keys(self, start: int, stop: int) -> IntArray:
        """Return the keys of the pairs of some queries, in the shape of the lists."""
        columns = self.columns[start:stop]
        keys = pair_keys(np.nan_to_num(self.products[start:stop]), columns)
        return np.where(columns >= 0, keys, NO_PAIR)


def pair_keys(products: npt.NDArray[Any], columns: IntArray) -> IntArray:
    """Return the keys of pairs: whole numbers in the order of the best pair first.

    Examples
    --------
    >>> np.argsort(pair_keys(np.array([5.0, 7.0, 7.0]), np.array([0, 4, 2]))).tolist()
    [2, 1, 0]
    """
    return (_NO_PRODUCT - products.astype(np.int64) << _COLUMN_BITS) + columns


def products_of(keys: IntArray) -> IntArray:
    """Return the products in the keys of pairs; anything for `NO_PAIR`."""
    return _NO_PRODUCT - (keys >> _COLUMN_BITS)


def first_of_rows(rows: IntArray, keys: IntArray, shape: tuple[int, int]) -> IntArray:
    """Return the lowest keys of each row, sorted, in a table filled up with `NO_PAIR`.

    Examples
    --------
    >>> first_of_rows(np.array([1, 0, 1, 1]), np.array([5, 9, 4, 7]), (2, 2))[1].tolist()
    [4, 5]
    """
    order = np.lexsort((keys, rows))
    rows, keys = rows[order], keys[order]
    ranks = np.arange(len(rows)) - np.searchsorted(rows, rows)
    fits = ranks < shape[1]
    table = np.full(shape, NO_PAIR)
    table[rows[fits], ranks[fits]] = keys[fits]
    return table


def without(keys: IntArray, own: IntArray) -> IntArray:
    """Return sorted keys, shape (q, k), without the pair of each row with one column, shape (q,)."""
    return np.sort(np.where(keys & _ANY_COLUMN == own[:, None], NO_PAIR, keys), axis=1)


def pairs_around(lists: npt.NDArray[Any], rows: IntArray) -> tuple[IntArray, IntArray]:
    """Return places in `rows` and columns: the neighbours of the neighbours of some rows, without those in their lists.

    A neighbour that an approximate search misses is often near to one that it has. Of each list the first ten columns
    are followed, and of theirs the first twenty are taken.

    Parameters
    ----------
    lists : int array of shape (n, k)
        The nearest columns of each of n rows, best first; -1 fills up.
    rows : int64 array of shape (r,)

    Examples
    --------
    >>> places, columns = pairs_around(np.array([[1, 2], [3, 0], [0, -1], [1, 2]]), np.array([0]))
    >>> places.tolist(), columns.tolist()
    ([0], [3])
    """
    followed = lists[rows, :_FOLLOWED].astype(np.int64)
    theirs = lists[followed, :_TAKEN].astype(np.int64)
    theirs[followed < 0] = -1
    columns = np.sort(theirs.reshape(len(rows), -1), axis=1)
    columns[:, 1:][columns[:, 1:] == columns[:, :-1]] = -1
    columns[columns == rows[:, None]] = -1
    places, ranks = np.nonzero(columns >= 0)
    columns = columns[places, ranks]
    listed = np.arange(len(rows))[:, None] * len(lists) + lists[rows]
    is_new = ~np.isin(places * len(lists) + columns, listed[lists[rows] >= 0])
    return places[is_new], columns[is_new]


def with_pairs(nearest: Nearest, places: IntArray, columns: IntArray, products: FloatArray) -> Nearest:
    """Return the lists with more pairs of some queries; a pair that a list has already counts once.

    Parameters
    ----------
    places : int64 array of shape (p,)
        The place of the query of each pair, in any order.
    columns : int64 array of shape (p,)
    products : float32 array of shape (p,)
    """
    q, k = nearest.columns.shape
    joined = Nearest.empty(q, k)
    joined.compared[:] = nearest.compared
    order = np.argsort(places, kind="stable")
    starts = np.arange(0, q if k else 0, _BLOCK_ROWS)
    ends = np.searchsorted(places[order], starts + _BLOCK_ROWS)
    for start, new in zip(starts.tolist(), np.split(order, ends), strict=False):
        old = nearest.keys(start, start + _BLOCK_ROWS)
        keys = pair_keys(products[new], columns[new])
        both = np.concatenate([old, first_of_rows(places[new] - start, keys, old.shape)], axis=1)
        both.sort(axis=1)
        both[:, 1:][both[:, 1:] == both[:, :-1]] = NO_PAIR
        joined.write(slice(start, start + len(old)), np.sort(both, axis=1))
    return joined
