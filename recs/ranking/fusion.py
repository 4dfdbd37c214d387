"""Several signals of how related two items are, fused into one score.

Each signal is a similarity on a scale of its own. It is divided by its standard deviation over the collection at hand,
the signals are added with fixed weights, and the sum is standardised for the two items: by how many deviations the pair
stands out among all pairs of the one, and among all pairs of the other. So an item that resembles everything (a hub)
gains nothing by it, and an item that resembles nothing still has its nearest. No label and no link is used. Where a
signal says NaN of a pair, it knows nothing of it and adds nothing to its score.

This module knows rows, not items: the caller sorts them by id, and ties go to the lower row.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.embedding.neighbors import Mask

DECIMALS = 4
_CANDIDATES = 100  # of each row
_SAMPLE = 2048  # rows that means and deviations are taken over: all of them in most collections
_BLOCK_BYTES = 32 << 20
_PRIOR = 5  # pairs of no likeness, and of the deviation usual in the collection, that every item is given on top
_FLAT = 1e-6  # a deviation that is a smaller part of the values is rounding


class Signal(Protocol):
    """A similarity between the n items of a collection.

    What has no part in finding candidates is asked, in a large collection, for those alone.
    """

    name: str
    weight: float  # in the sum of the standardised signals
    proposes: bool  # whether it has a part in finding candidates
    symmetric: bool  # whether the order of a pair makes no difference

    def block(self, rows: IntArray, columns: IntArray | None) -> Float64Array:
        """Return the similarities of some rows with some columns, or with all; NaN where nothing is known of a pair."""


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """The best `depth` columns of each of n rows, best first, ties to the lower column.

    With one signal the scores are its similarities; with more, the mean of how many standard deviations the pair stands
    out among the pairs of either item.
    """

    indices: IntArray  # (n, depth), -1 where a row has fewer
    scores: Float64Array  # (n, depth), rounded; NaN where `indices` is -1
    parts: Float64Array  # (n, depth, s): what each signal adds to the score; they sum to it but for rounding
    values: Float64Array  # (n, depth, s): the similarities themselves


def fuse(signals: Sequence[Signal], ids: Sequence[str], depth: int, *, mask: Mask | None = None) -> Fused:
    """Rank for each of n rows the others by the fused score of at least one signal, of which the first proposes.

    `ids` are those of the rows; their digests choose the sample, so that it changes little as the collection does.
    `mask` tells the pairs that may be listed, as `recs.embedding.neighbors.top_k` takes it.

    Up to 2,048 rows all is computed. Beyond, the hundred best of each row by the signals that propose are candidates,
    those alone are scored by all signals, and means and deviations are taken over a sample of 2,048 rows. Time O(n² d)
    in blocks for the signals that propose; memory O(n (depth + s²)) and some 200 MB.
    """
    n = len(ids)
    depth = min(depth, max(n - 1, 0))
    parts, held = np.full((2, n, depth, len(signals)), np.nan)
    fused = Fused(np.full((n, depth), -1, np.int64), np.full((n, depth), np.nan), parts, held)
    if not depth:
        return fused
    if n <= _SAMPLE:
        signals = [_Held(signal, n) for signal in signals]
    scale = _Scale(signals, _sample(ids), n)
    first = [k for k, signal in enumerate(signals) if signal.proposes]
    step = max(1, min(256, _BLOCK_BYTES // (8 * n)))
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        blocks = {k: signals[k].block(rows, None) for k in first}
        rough = scale.scores(rows, blocks)
        if mask is not None:
            rough[~np.broadcast_to(mask(start, start + len(rows)), rough.shape)] = -np.inf
        rough[np.arange(len(rows)), rows] = -np.inf
        wanted = _best(rough, max(_CANDIDATES, depth))
        for place, row in enumerate(rows.tolist()):
            columns = np.flatnonzero(wanted[place])
            values = np.empty((len(columns), len(signals)))
            for k, signal in enumerate(signals):
                values[:, k] = blocks[k][place, columns] if k in blocks else signal.block(rows[[place]], columns)[0]
            of_row = scale.parts(row, columns, values)
            scores = np.round(of_row.sum(axis=1), DECIMALS) + 0.0
            best = np.argsort(-scores, kind="stable")[:depth]
            for table, found in ((fused.indices, columns), (fused.scores, scores), (parts, of_row), (held, values)):
                table[row, : len(best)] = found[best]
    return fused


def _best(scores: Float64Array, k: int) -> BoolArray:
    """Return which columns hold the k best scores of a row, equals of the last in the order of columns; never -inf."""
    n = scores.shape[1]
    allowed = scores > -np.inf
    if n <= k:
        return allowed
    kth = np.partition(scores, n - k, axis=1)[:, n - k, None]
    above, equal = scores > kth, scores == kth
    room = k - above.sum(axis=1, keepdims=True)
    return np.asarray((above | (equal & (np.cumsum(equal, axis=1) <= room))) & allowed)


class _Held:
    """All similarities of a small collection, computed once: means and ranking both ask for them."""

    proposes = True

    def __init__(self, signal: Signal, n: int) -> None:
        self.name, self.weight, self.symmetric = signal.name, signal.weight, signal.symmetric
        self._matrix = signal.block(np.arange(n), None)

    def block(self, rows: IntArray, columns: IntArray | None) -> Float64Array:
        return np.asarray(self._matrix[rows] if columns is None else self._matrix[np.ix_(rows, columns)])


class _Scale:
    """Means and deviations of every signal among the pairs of each item, on either side of the pair.

    With one signal there is nothing to compare, and its similarities are left as they are.
    """

    def __init__(self, signals: Sequence[Signal], sample: IntArray, n: int) -> None:
        self._alone = len(signals) == 1
        if self._alone:
            return
        self._from, self._to = _moments(signals, sample, n)
        means, covariances = self._from
        spread = np.sqrt(np.einsum("ikk->k", covariances) / n + means.var(axis=0))  # over all pairs of the collection
        tells = spread > _FLAT * np.abs(means).max(axis=0)  # what is the same for all pairs tells nothing
        weights = np.array([signal.weight for signal in signals]) / np.where(tells, spread, 1)
        self._weights = np.where(tells | ~tells.any(), weights, 0)
        self._deviations = {True: self._deviation(self._from), False: self._deviation(self._to)}

    def _deviation(self, moments: tuple[Float64Array, Float64Array], kept: Sequence[int] | None = None) -> Float64Array:
        """Return the deviation of the weighted sum of some signals, or of all, for each item."""
        weights = self._weights.copy()
        if kept is not None:
            weights[np.setdiff1d(np.arange(len(weights)), kept)] = 0
        variances = np.einsum("k,ikl,l->i", weights, moments[1], weights)
        variances = (len(variances) * variances + _PRIOR * variances.mean()) / (len(variances) + _PRIOR)
        return np.sqrt(np.where(variances > 0, variances, 1))

    def scores(self, rows: IntArray, blocks: Mapping[int, Float64Array]) -> Float64Array:
        """Return the scores of some rows with all columns by some of the signals, whose blocks are given."""
        if self._alone:
            alone = next(iter(blocks.values())).copy()
            alone[np.isnan(alone)] = -np.inf
            return alone
        kept = list(blocks)
        weights = self._weights[kept]
        from_deviations, to_deviations = (self._deviation(side, kept) for side in (self._from, self._to))
        ours, theirs = 1 / from_deviations[rows, None], 1 / to_deviations
        known = {k: self._known(k, rows, block, ours, theirs) for k, block in blocks.items()}
        total = sum(self._weights[k] * block for k, block in known.items())
        scores = total * (ours + theirs)
        scores -= ((self._from[0][rows][:, kept] @ weights) / from_deviations[rows])[:, None]
        scores -= (self._to[0][:, kept] @ weights) / to_deviations
        return np.asarray(scores / 2)

    def _known(
        self, k: int, rows: IntArray, block: Float64Array, ours: Float64Array, theirs: Float64Array
    ) -> Float64Array:
        """Return the block of a signal with, in place of NaN, the similarity that adds nothing to the score."""
        unknown = np.isnan(block)
        if not unknown.any():
            return block
        neutral = (self._from[0][rows, k, None] * ours + self._to[0][:, k] * theirs) / (ours + theirs)
        return np.where(unknown, neutral, block)

    def parts(self, row: int, columns: IntArray, values: Float64Array) -> Float64Array:
        """Return what each signal adds to the scores of some pairs, in the shape of `values`: (pairs, s)."""
        if self._alone:
            return values
        stands_out = (values - self._from[0][row]) / self._deviations[True][row]
        stands_out += (values - self._to[0][columns]) / self._deviations[False][columns, None]
        stands_out[np.isnan(values)] = 0
        return np.asarray(stands_out * self._weights / 2)


def _sample(ids: Sequence[str]) -> IntArray:
    """Return the rows that stand for all: those with the lowest digests, sorted."""
    if len(ids) <= _SAMPLE:
        return np.arange(len(ids))
    digests = [hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in ids]
    return np.sort(np.argsort(np.array(digests), kind="stable")[:_SAMPLE])


Moments = tuple[Float64Array, Float64Array]


def _moments(signals: Sequence[Signal], sample: IntArray, n: int) -> tuple[Moments, Moments]:
    """Return means (n, s) and covariances (n, s, s) of the signals: over the pairs of each row, and of each column."""
    is_symmetric = all(signal.symmetric for signal in signals)
    sides = [(np.empty((n, len(signals))), np.empty((n, len(signals), len(signals)))) for _ in range(2 - is_symmetric)]
    step = max(1, _BLOCK_BYTES // (8 * len(sample) * len(signals)))
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        own = rows[:, None] == sample
        pairs = np.maximum(len(sample) - own.sum(axis=1), 1)[:, None]
        blocks = [signal.block(rows, sample) for signal in signals]
        for side, (means, covariances) in enumerate(sides):
            if side:
                turned = zip(signals, blocks, strict=True)
                blocks = [block if signal.symmetric else signal.block(sample, rows).T for signal, block in turned]
            stack = np.stack(blocks)
            stack[:, own] = 0
            _fill_unknown(stack, own)
            mean = stack.sum(axis=2).T / pairs
            products = np.einsum("krc,lrc->rkl", stack, stack, optimize=True) / pairs[:, :, None]
            means[rows] = mean * (n / (n + _PRIOR))
            covariance = products - mean[:, :, None] * mean[:, None, :]
            flat = np.einsum("rkk->rk", covariance) <= _FLAT**2 * np.einsum("rkk->rk", products)
            covariances[rows] = np.where(flat[:, :, None] | flat[:, None, :], 0, covariance)
    return sides[0], sides[-1]


def _fill_unknown(stack: Float64Array, own: BoolArray) -> None:
    """Put in place of every NaN of (s, rows, columns) the mean of its row; of all rows where the row has nothing else.

    So what is not known changes no mean. An item's own pair, which holds 0, does not count.
    """
    unknown = np.isnan(stack)
    if unknown.any():
        known = (~unknown & ~own).sum(axis=2)
        stack[unknown] = 0
        sums = stack.sum(axis=2)
        overall = sums.sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        means = np.where(known > 0, sums / np.maximum(known, 1), overall[:, None])
        stack[unknown] = np.broadcast_to(means[:, :, None], stack.shape)[unknown]
