"""Means and deviations of signals among the pairs of each item, and scores on the scale that they give.

This module knows rows, not items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.ranking.signals import Signal

BLOCK_BYTES = 32 << 20
# Each item gets so many pairs more: of similarity 0, and of the deviation that is usual in the collection.
_PRIOR_PAIRS = 5
_ROUNDING = 1e-6  # a deviation that is a smaller part of the values comes from rounding


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Means and covariances of s signals over the pairs of each of n items, on one side of the pair.

    Attributes
    ----------
    means : float64 array of shape (n, s)
    covariances : float64 array of shape (n, s, s)
    """

    means: Float64Array
    covariances: Float64Array

    @classmethod
    def empty(cls, n: int, signals: int) -> Moments:
        return cls(np.empty((n, signals)), np.empty((n, signals, signals)))

    def fill(self, rows: IntArray, sample: IntArray, blocks: Sequence[Float64Array]) -> None:
        """Set the moments of some rows, from the similarities of each signal: blocks of shape (rows, sample)."""
        n = len(self.means)
        is_own = rows[:, None] == sample
        pairs = np.maximum(len(sample) - is_own.sum(axis=1), 1)[:, None]
        values = np.stack(blocks)
        values[:, is_own] = 0
        _fill_unknown(values, is_own)
        means = values.sum(axis=2).T / pairs
        products = np.einsum("krc,lrc->rkl", values, values, optimize=True) / pairs[:, :, None]
        covariances = products - means[:, :, None] * means[:, None, :]
        is_flat = np.einsum("rkk->rk", covariances) <= _ROUNDING**2 * np.einsum("rkk->rk", products)
        self.means[rows] = means * (n / (n + _PRIOR_PAIRS))
        self.covariances[rows] = np.where(is_flat[:, :, None] | is_flat[:, None, :], 0, covariances)


def _fill_unknown(values: Float64Array, is_own: BoolArray) -> None:
    """Replace each NaN of (s, rows, columns) by the mean of its row, or by the overall mean in a row of nothing else.

    So unknown values change no mean. The pair of an item with itself, which has the value 0, does not count.
    """
    is_unknown = np.isnan(values)
    if not is_unknown.any():
        return
    pairs = (~is_unknown & ~is_own).sum(axis=2)
    values[is_unknown] = 0
    sums = values.sum(axis=2)
    overall = sums.sum(axis=1) / np.maximum(pairs.sum(axis=1), 1)
    means = np.where(pairs > 0, sums / np.maximum(pairs, 1), overall[:, None])
    values[is_unknown] = np.broadcast_to(means[:, :, None], values.shape)[is_unknown]


def pair_moments(signals: Sequence[Signal], sample: IntArray, n: int) -> tuple[Moments, Moments]:
    """Return the moments of pairs (item, other), and of pairs (other, item); the others are those of the sample."""
    is_symmetric = all(signal.symmetric for signal in signals)
    as_first = Moments.empty(n, len(signals))
    as_second = as_first if is_symmetric else Moments.empty(n, len(signals))
    step = max(1, BLOCK_BYTES // (8 * len(sample) * len(signals)))
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        blocks = [signal.block(rows, sample) for signal in signals]
        as_first.fill(rows, sample, blocks)
        if not is_symmetric:
            pairs = zip(signals, blocks, strict=True)
            turned = [block if signal.symmetric else signal.block(sample, rows).T for signal, block in pairs]
            as_second.fill(rows, sample, turned)
    return as_first, as_second


class Scale:
    """Turns similarities of several signals into scores: by how many deviations a pair stands out, for both items.

    A single signal needs no common scale: its similarities are the scores.
    """

    def __init__(self, signals: Sequence[Signal], sample: IntArray, n: int) -> None:
        self._is_single = len(signals) == 1
        if self._is_single:
            return
        self._as_first, self._as_second = pair_moments(signals, sample, n)
        self._weights = self._standardised_weights(signals)
        self._deviation_as_first = self._deviation(self._as_first)
        self._deviation_as_second = self._deviation(self._as_second)

    def _standardised_weights(self, signals: Sequence[Signal]) -> Float64Array:
        """Return the weight of each signal, divided by its deviation over all pairs; 0 if all pairs are equal."""
        means = self._as_first.means
        variances = np.einsum("ikk->k", self._as_first.covariances) / len(means) + means.var(axis=0)
        deviations = np.sqrt(variances)
        differs = deviations > _ROUNDING * np.abs(means).max(axis=0)
        weights = np.array([signal.weight for signal in signals]) / np.where(differs, deviations, 1)
        return np.where(differs | ~differs.any(), weights, 0)

    def _deviation(self, moments: Moments, kept: Sequence[int] | None = None) -> Float64Array:
        """Return the deviation of the weighted sum of the kept signals (None for all) among the pairs of each item."""
        weights = self._weights.copy()
        if kept is not None:
            weights[np.setdiff1d(np.arange(len(weights)), kept)] = 0
        n = len(moments.means)
        variances = np.einsum("k,ikl,l->i", weights, moments.covariances, weights)
        variances = (n * variances + _PRIOR_PAIRS * variances.mean()) / (n + _PRIOR_PAIRS)
        return np.sqrt(np.where(variances > 0, variances, 1))

    def scores(self, rows: IntArray, blocks: Mapping[int, Float64Array]) -> Float64Array:
        """Return the scores of some rows with all columns, by the signals whose blocks are given."""
        if self._is_single:
            single = next(iter(blocks.values())).copy()
            single[np.isnan(single)] = -np.inf
            return single
        kept = list(blocks)
        weights = self._weights[kept]
        row_deviations = self._deviation(self._as_first, kept)[rows, None]
        column_deviations = self._deviation(self._as_second, kept)
        total = sum(
            self._weights[k] * self._without_unknown(k, rows, block, 1 / row_deviations, 1 / column_deviations)
            for k, block in blocks.items()
        )
        scores = total * (1 / row_deviations + 1 / column_deviations)
        scores -= (self._as_first.means[rows][:, kept] @ weights)[:, None] / row_deviations
        scores -= (self._as_second.means[:, kept] @ weights) / column_deviations
        return np.asarray(scores / 2)

    def _without_unknown(
        self, k: int, rows: IntArray, block: Float64Array, row_weights: Float64Array, column_weights: Float64Array
    ) -> Float64Array:
        """Return the block of a signal; each NaN is replaced by the similarity that adds nothing to the score."""
        is_unknown = np.isnan(block)
        if not is_unknown.any():
            return block
        weighted = self._as_first.means[rows, k, None] * row_weights + self._as_second.means[:, k] * column_weights
        return np.where(is_unknown, weighted / (row_weights + column_weights), block)

    def parts(self, row: int, columns: IntArray, values: Float64Array) -> Float64Array:
        """Return what each signal adds to the scores of some pairs; `values` and the result have shape (pairs, s)."""
        if self._is_single:
            return values
        stands_out = (values - self._as_first.means[row]) / self._deviation_as_first[row]
        stands_out += (values - self._as_second.means[columns]) / self._deviation_as_second[columns, None]
        stands_out[np.isnan(values)] = 0
        return np.asarray(stands_out * self._weights / 2)
