"""The fusion of several signals into one ranking.

Each signal is a similarity on a scale of its own. It is divided by its standard deviation over the collection, the
signals are added with fixed weights, and the sum is standardised for both items of a pair: by how many deviations the
pair stands out among all pairs of the one, and among all pairs of the other. So an item that is similar to everything
(a hub) has no advantage, and an item that is similar to nothing still has a nearest item. No label and no link is used.
If a signal is NaN for a pair, it knows nothing about the pair and adds nothing to its score.

This module knows rows, not items: the caller sorts them by id, and ties go to the lower row.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.embedding.neighbors import Mask
from recs.ranking.scale import BLOCK_BYTES, Scale
from recs.ranking.signals import Signal

DECIMALS = 4
_CANDIDATES = 100  # of each row
_SAMPLE = 2048  # rows from which means and deviations are computed: all rows in most collections
_BLOCK_ROWS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """The best `depth` columns of each of n rows, best first; ties go to the lower column.

    With one signal the scores are its similarities. With more they say by how many standard deviations a pair stands
    out among the pairs of its items, as the mean over both items.

    Attributes
    ----------
    indices : int64 array of shape (n, depth)
        The columns; -1 where a row has fewer.
    scores : float64 array of shape (n, depth)
        Rounded; NaN where `indices` is -1.
    parts : float64 array of shape (n, depth, s)
        What each signal adds to the score. The sum is the score, except for rounding.
    values : float64 array of shape (n, depth, s)
        The similarities themselves.
    """

    indices: IntArray
    scores: Float64Array
    parts: Float64Array
    values: Float64Array

    @classmethod
    def empty(cls, n: int, depth: int, signals: int) -> "Fused":
        parts = np.full((n, depth, signals), np.nan)
        return cls(np.full((n, depth), -1, np.int64), np.full((n, depth), np.nan), parts, parts.copy())


def fuse(signals: Sequence[Signal], ids: Sequence[str], depth: int, *, mask: Mask | None = None) -> Fused:
    """Rank for each of n rows the other rows by the fused score of the signals.

    Parameters
    ----------
    signals
        One or more; the first must propose candidates.
    ids
        The ids of the rows. Their digests choose the sample, so that it changes little when the collection does.
    mask
        The pairs that may be listed, as `recs.embedding.neighbors.top_k` takes it.

    Notes
    -----
    Up to 2,048 rows, all pairs are scored by all signals. Beyond, the hundred best of each row by the signals that
    propose are candidates, only these are scored by all signals, and means and deviations are computed from a sample of
    2,048 rows. Time O(n² d) in blocks for the signals that propose; memory O(n (depth + s²)) and some 200 MB.

    Examples
    --------
    >>> from recs.items import Item
    >>> from recs.ranking.signals import make_signals
    >>> items = [Item(id=str(row), text=text) for row, text in enumerate(["red apple", "green apple", "green pear"])]
    >>> signals = make_signals(items, None, ("terms",))
    >>> fuse(signals, ["0", "1", "2"], 1).indices.tolist()
    [[1], [0], [1]]
    """
    n = len(ids)
    depth = min(depth, max(n - 1, 0))
    fused = Fused.empty(n, depth, len(signals))
    if not depth:
        return fused
    if n <= _SAMPLE:
        signals = [_ComputedOnce(signal, n) for signal in signals]
    ranker = _Ranker(signals, Scale(signals, _sample(ids), n), mask, fused)
    step = max(1, min(_BLOCK_ROWS, BLOCK_BYTES // (8 * n)))
    for start in range(0, n, step):
        ranker.rank(np.arange(start, min(start + step, n)))
    return fused


class _ComputedOnce:
    """All similarities of a small collection: the scale and the ranking both need them."""

    proposes = True

    def __init__(self, signal: Signal, n: int) -> None:
        self.name = signal.name
        self.weight = signal.weight
        self.symmetric = signal.symmetric
        self._matrix = signal.block(np.arange(n), None)

    def block(self, rows: IntArray, columns: IntArray | None) -> Float64Array:
        return np.asarray(self._matrix[rows] if columns is None else self._matrix[np.ix_(rows, columns)])


def _sample(ids: Sequence[str]) -> IntArray:
    """Return the rows from which means and deviations are computed: those with the lowest digests, sorted."""
    if len(ids) <= _SAMPLE:
        return np.arange(len(ids))
    digests = [hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in ids]
    return np.sort(np.argsort(np.array(digests), kind="stable")[:_SAMPLE])


@dataclass(frozen=True, slots=True, eq=False)
class _Ranker:
    """Ranks rows, a block at a time, and writes the result into `fused`."""

    signals: Sequence[Signal]
    scale: Scale
    mask: Mask | None
    fused: Fused

    def rank(self, rows: IntArray) -> None:
        """Rank a block of neighbouring rows."""
        blocks = {k: signal.block(rows, None) for k, signal in enumerate(self.signals) if signal.proposes}
        is_candidate = self._candidates(rows, blocks)
        for place, row in enumerate(rows.tolist()):
            columns = np.flatnonzero(is_candidate[place])
            values = np.empty((len(columns), len(self.signals)))
            for k, signal in enumerate(self.signals):
                is_ready = k in blocks
                values[:, k] = blocks[k][place, columns] if is_ready else signal.block(rows[[place]], columns)[0]
            self._rank_candidates(row, columns, values)

    def _candidates(self, rows: IntArray, blocks: Mapping[int, Float64Array]) -> BoolArray:
        """Return which columns are candidates of each row: the best allowed ones by the signals that propose."""
        scores = self.scale.scores(rows, blocks)
        if self.mask is not None:
            allowed = self.mask(int(rows[0]), int(rows[-1]) + 1)
            scores[~np.broadcast_to(allowed, scores.shape)] = -np.inf
        scores[np.arange(len(rows)), rows] = -np.inf  # an item is not its own candidate
        return _best_columns(scores, max(_CANDIDATES, self.fused.indices.shape[1]))

    def _rank_candidates(self, row: int, columns: IntArray, values: Float64Array) -> None:
        parts = self.scale.parts(row, columns, values)
        scores = np.round(parts.sum(axis=1), DECIMALS) + 0.0  # adding 0 leaves no negative zeros
        best = np.argsort(-scores, kind="stable")[: self.fused.indices.shape[1]]
        self.fused.indices[row, : len(best)] = columns[best]
        self.fused.scores[row, : len(best)] = scores[best]
        self.fused.parts[row, : len(best)] = parts[best]
        self.fused.values[row, : len(best)] = values[best]


def _best_columns(scores: Float64Array, k: int) -> BoolArray:
    """Return which columns hold the k best scores of each row, never -inf; of equal scores the lower columns."""
    n = scores.shape[1]
    allowed = scores > -np.inf
    if n <= k:
        return allowed
    kth = np.partition(scores, n - k, axis=1)[:, n - k, None]
    is_above = scores > kth
    is_equal = scores == kth
    room = k - is_above.sum(axis=1, keepdims=True)
    fits = is_equal & (np.cumsum(is_equal, axis=1) <= room)
    return np.asarray((is_above | fits) & allowed)
