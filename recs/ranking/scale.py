"""Means and deviations of signals among the pairs of each item, and scores on the scale that they give.

This module knows rows, not items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt

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
    def joined(cls, parts: Sequence[Moments]) -> Moments:
        """Return the moments of parts of the items as one."""
        means = np.concatenate([part.means for part in parts])
        return cls(means, np.concatenate([part.covariances for part in parts]))

    @classmethod
    def of(cls, rows: IntArray, sample: IntArray, n: int, blocks: Sequence[npt.NDArray[Any]]) -> Moments:
        """Return the moments of some of n items, from the similarities of each signal: blocks of (rows, sample)."""
        is_own = rows[:, None] == sample
        pairs = np.maximum(len(sample) - is_own.sum(axis=1), 1)[:, None]
        values = [_without_unknown(block.astype(np.float64), is_own) for block in blocks]
        is_unknown = np.stack([(np.isnan(block) | is_own).all(axis=1) for block in blocks], axis=1)
        means = np.stack([value.sum(axis=1) for value in values], axis=1) / pairs
        products = np.empty((len(rows), len(blocks), len(blocks)))
        for one, other in combinations_with_replacement(range(len(blocks)), 2):
            products[:, one, other] = products[:, other, one] = np.einsum("rc,rc->r", values[one], values[other])
        products /= pairs[:, :, None]
        covariances = products - means[:, :, None] * means[:, None, :]
        is_flat = np.einsum("rkk->rk", covariances) <= _ROUNDING**2 * np.einsum("rkk->rk", products)
        covariances = np.where(is_flat[:, :, None] | is_flat[:, None, :], 0, covariances)
        means = np.where(is_unknown & (len(sample) > is_own.sum(axis=1))[:, None], np.nan, means)
        return cls(means * (n / (n + _PRIOR_PAIRS)), covariances)

    def filled(self) -> Moments:
        """Return the moments with the mean of all items for an item of which a signal knows nothing."""
        is_unknown = np.isnan(self.means)
        if not is_unknown.any():
            return self
        items = np.maximum((~is_unknown).sum(axis=0), 1)
        overall = np.where(is_unknown, 0, self.means).sum(axis=0) / items
        return Moments(np.where(is_unknown, overall, self.means), self.covariances)


def _without_unknown(values: Float64Array, is_own: BoolArray) -> Float64Array:
    """Replace each NaN of (rows, columns) by the mean of its row, or by 0 in a row of nothing else.

    So unknown values change no mean. The pair of an item with itself does not count: its value is set to 0.
    """
    values[is_own] = 0
    is_unknown = np.isnan(values)
    if is_unknown.any():
        pairs = (~is_unknown & ~is_own).sum(axis=1)
        values[is_unknown] = 0
        sums = values.sum(axis=1)
        means = sums / np.maximum(pairs, 1)
        values[is_unknown] = np.broadcast_to(means[:, None], values.shape)[is_unknown]
    return values


def pair_moments(signals: Sequence[Signal], sample: IntArray, rows: IntArray, n: int) -> tuple[Moments, Moments]:
    """Return the moments of some of n items: as first items of pairs, and as second ones; the others are the sample."""
    is_symmetric = all(signal.symmetric for signal in signals)
    as_first: list[Moments] = []
    as_second: list[Moments] = []
    step = max(1, BLOCK_BYTES // (8 * len(sample) * len(signals)))
    for start in range(0, len(rows), step):
        of_block = rows[start : start + step]
        blocks = [signal.block(of_block, sample) for signal in signals]
        as_first.append(Moments.of(of_block, sample, n, blocks))
        if not is_symmetric:
            pairs = zip(signals, blocks, strict=True)
            turned = [block if signal.symmetric else signal.block(sample, of_block).T for signal, block in pairs]
            as_second.append(Moments.of(of_block, sample, n, turned))
    joined = Moments.joined(as_first)
    return joined, joined if is_symmetric else Moments.joined(as_second)


class Scale:
    """Turns similarities of several signals into scores: by how many deviations a pair stands out, for both items.

    A single signal needs no common scale: its similarities are the scores. `moments` are those of all items.
    """

    def __init__(self, signals: Sequence[Signal], moments: tuple[Moments, Moments] | None) -> None:
        self._is_single = len(signals) == 1
        if moments is None:
            return
        self._as_first, self._as_second = (of_side.filled() for of_side in moments)
        self._weights = self._standardised_weights(signals)
        self._deviation_as_first = self._deviation(self._as_first)
        self._deviation_as_second = self._deviation(self._as_second)

    @classmethod
    def of(cls, signals: Sequence[Signal], sample: IntArray, n: int) -> Scale:
        """Return the scale of n items, with the pairs of a sample of them."""
        return cls(signals, None if len(signals) == 1 else pair_moments(signals, sample, np.arange(n), n))

    def _standardised_weights(self, signals: Sequence[Signal]) -> Float64Array:
        """Return the weight of each signal, divided by its deviation over all pairs; 0 if all pairs are equal."""
        means = self._as_first.means
        variances = np.einsum("ikk->k", self._as_first.covariances) / len(means) + means.var(axis=0)
        deviations = np.sqrt(variances)
        differs = deviations > _ROUNDING * np.abs(means).max(axis=0)
        weights = np.array([signal.weight for signal in signals]) / np.where(differs, deviations, 1)
        return np.where(differs | ~differs.any(), weights, 0)

    def _deviation(self, moments: Moments) -> Float64Array:
        """Return the deviation of the weighted sum of the signals among the pairs of each item."""
        n = len(moments.means)
        variances = np.einsum("k,ikl,l->i", self._weights, moments.covariances, self._weights)
        variances = (n * variances + _PRIOR_PAIRS * variances.mean()) / (n + _PRIOR_PAIRS)
        return np.sqrt(np.where(variances > 0, variances, 1))

    def scores(self, rows: IntArray, columns: IntArray, values: Sequence[npt.NDArray[Any]]) -> Float64Array:
        """Return the scores of pairs, shape (r, c): NaN where the only signal knows nothing about a pair.

        Parameters
        ----------
        rows : int64 array of shape (r,)
        columns : int64 array of shape (r, c)
            The second items of the pairs of each row.
        values
            The similarities of the pairs: for each signal an array of shape (r, c).
        """
        if self._is_single:
            return values[0].astype(np.float64)
        total = np.zeros(columns.shape)
        for place, similarities in enumerate(values):
            total += self._part(place, rows[:, None], columns, similarities)
        return total

    def parts(self, rows: IntArray, columns: IntArray, values: Float64Array) -> Float64Array:
        """Return what each signal adds to the scores of pairs; `values` and the result have shape (r, c, s)."""
        if self._is_single:
            return values
        parts = [self._part(place, rows[:, None], columns, values[:, :, place]) for place in range(values.shape[2])]
        return np.stack(parts, axis=2)

    def _part(self, place: int, rows: IntArray, columns: IntArray, similarities: npt.NDArray[Any]) -> Float64Array:
        """Return what a signal adds: by how much the pairs stand out for both items; 0 where it knows nothing."""
        by_row = self._weights[place] / 2 / self._deviation_as_first
        by_column = self._weights[place] / 2 / self._deviation_as_second
        usual = by_column * self._as_second.means[:, place]
        part = similarities * (by_row[rows] + by_column[columns])
        part -= (by_row * self._as_first.means[:, place])[rows]
        part -= usual[columns]
        part[np.isnan(part)] = 0
        return np.asarray(part)
