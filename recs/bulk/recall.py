"""How many of the nearest items the search in cells found, against all products of some items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recs.arrays import IntArray
from recs.bulk.folder import ArrayFolder
from recs.bulk.nearest import read_mask
from recs.ranking.fusion import sampled_rows
from recs.ranking.proposals import best_columns

TOP = 10
_ROWS = 1000
_COLUMNS = 16_384  # at a time


def measured_recall(ids: Sequence[str], arrays: ArrayFolder) -> float:
    """Return which share of the ten nearest items of 1,000 items the search found, as the mean over the items.

    The items are those with the lowest digests of their ids. Those whose vectors say nothing do not count. Equal
    products count as found if as many were found.
    """
    rows = sampled_rows(ids, _ROWS)
    rows = rows[~arrays.read("blank")[rows]]
    exact = _exact(rows, arrays)
    listed = arrays.read("near.products")[rows, :TOP]
    worst = np.where(exact > -np.inf, exact, np.inf).min(axis=1, keepdims=True)
    expected = (exact > -np.inf).sum(axis=1)
    right = np.minimum((listed >= worst).sum(axis=1), expected)
    counted = expected > 0
    return float((right[counted] / expected[counted]).mean()) if counted.any() else 1.0


def _exact(rows: IntArray, arrays: ArrayFolder) -> np.ndarray:
    """Return the ten largest products of each row, of pairs that may be listed; -inf where there are fewer."""
    vectors = arrays.read("dense")
    blank = arrays.read("blank")
    mask = read_mask(arrays)
    queries = vectors[rows].astype(np.float32)
    best = np.full((len(rows), TOP), -np.inf, np.float32)
    for start in range(0, len(vectors), _COLUMNS):
        columns = np.arange(start, min(start + _COLUMNS, len(vectors)))
        products = queries @ vectors[columns].astype(np.float32).T
        may = (rows[:, None] != columns) & ~blank[columns]
        if mask is not None:
            may &= mask(rows[:, None], columns)
        both = np.concatenate([best, np.where(may, products, -np.inf)], axis=1)
        places = best_columns(both, TOP)
        best = np.where(places < 0, -np.inf, np.take_along_axis(both, np.maximum(places, 0), axis=1))
    return best
