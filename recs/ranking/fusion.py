"""The fusion of several signals into one ranking.

Each signal is a similarity on a scale of its own. It is divided by its standard deviation over the collection, the
signals are added with fixed weights, and the sum is standardised for both items of a pair: by how many deviations the
pair stands out among all pairs of the one, and among all pairs of the other. So an item that is similar to everything
(a hub) has no advantage, and an item that is similar to nothing still has a nearest item. No label and no link is used.
If a signal is NaN for a pair, it knows nothing about the pair and adds nothing to its score.

This module knows rows, not items: the caller sorts them by id, and ties go to the lower row.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import Float64Array, IntArray
from recs.ranking.pairs import Mask
from recs.ranking.proposals import DenseProposals, best_columns, union
from recs.ranking.scale import Scale
from recs.ranking.signals import Signal

DECIMALS = 4
_CANDIDATES = 50  # of each row and signal, at least
_SAMPLE = 2048  # rows from which means and deviations are computed: all rows in most collections
_BLOCK_ROWS = 256
_BLOCK_BYTES = 128 << 20  # of the similarities of one signal


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

    def put(self, rows: IntArray, block: "Fused") -> None:
        """Set some rows to those of a block."""
        self.indices[rows] = block.indices
        self.scores[rows] = block.scores
        self.parts[rows] = block.parts
        self.values[rows] = block.values


def fuse(signals: Sequence[Signal], ids: Sequence[str], depth: int, *, mask: Mask | None = None) -> Fused:
    """Rank for each of n rows the other rows by the fused score of the signals.

    Parameters
    ----------
    signals
        One or more.
    ids
        The ids of the rows. Their digests choose the sample, so that it changes little when the collection does.
    mask
        Which pairs may be listed; all if None.

    Notes
    -----
    Up to 2,048 rows, all pairs are scored by all signals. Beyond, each signal proposes fifty candidates for each row,
    or `depth` if that is more; all signals score these, and means and deviations are computed from a sample of 2,048
    rows. Time O(n² d) in blocks for signals of vectors; memory O(n (depth + s²)) and some 200 MB.

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
    is_small = is_all_pairs(n)
    if is_small:
        signals = [_ComputedOnce(signal, n) for signal in signals]
    ranker = Ranker(signals, Scale.of(signals, sampled_rows(ids), n), mask, n, depth, all_pairs=is_small)
    for rows in ranker.blocks(np.arange(n)):
        fused.put(rows, ranker.rank(rows))
    return fused


def is_all_pairs(n: int) -> bool:
    """Return whether all pairs of n items are scored by all signals."""
    return n <= _SAMPLE


class _ComputedOnce:
    """All similarities of a small collection: the scale and the ranking both need them."""

    def __init__(self, signal: Signal, n: int) -> None:
        self.name = signal.name
        self.weight = signal.weight
        self.symmetric = signal.symmetric
        self._matrix = signal.block(np.arange(n), None)

    def block(self, rows: IntArray, columns: IntArray | None) -> npt.NDArray[Any]:
        return np.asarray(self._matrix[rows] if columns is None else self._matrix[np.ix_(rows, columns)])

    def proposals(self, rows: IntArray) -> DenseProposals:
        return DenseProposals(self._matrix[rows], rows)


def sampled_rows(ids: Sequence[str], most: int | None = None) -> IntArray:
    """Return the rows from which means and deviations are computed: those with the lowest digests, sorted.

    `most` is how many at most; 2,048 if left out.
    """
    most = most or _SAMPLE
    if len(ids) <= most:
        return np.arange(len(ids))
    digests = [hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in ids]
    return np.sort(np.argsort(np.array(digests), kind="stable")[:most])


@dataclass(frozen=True, slots=True, eq=False)
class Ranker:
    """Ranks some of n rows: the `depth` best columns of each.

    Attributes
    ----------
    all_pairs
        Whether every column is scored, or only those that a signal proposes.
    """

    signals: Sequence[Signal]
    scale: Scale
    mask: Mask | None
    n: int
    depth: int
    all_pairs: bool = False

    def blocks(self, rows: IntArray) -> list[IntArray]:
        """Return the rows in blocks of a size that `rank` takes."""
        step = max(1, min(_BLOCK_ROWS, _BLOCK_BYTES // (4 * self.n)))
        return [rows[start : start + step] for start in range(0, len(rows), step)]

    def rank(self, rows: IntArray) -> Fused:
        """Return the ranking of a block of rows."""
        if self.all_pairs:
            columns = np.broadcast_to(np.arange(self.n), (len(rows), self.n))
            values = [signal.block(rows, None) for signal in self.signals]
        else:
            proposals = [signal.proposals(rows) for signal in self.signals]
            columns = union([each.best(max(_CANDIDATES, self.depth), self.mask) for each in proposals])
            values = [each.at(columns) for each in proposals]
        is_pair = (columns >= 0) & (columns != rows[:, None])
        if self.mask is not None:
            is_pair &= self.mask(rows[:, None], np.maximum(columns, 0))
        scores = np.round(self.scale.scores(rows, columns, values), DECIMALS) + 0.0  # adding 0: no negative zeros
        scores[~is_pair | np.isnan(scores)] = -np.inf
        places = best_columns(scores, self.depth)
        return self._taken(rows, np.take_along_axis(columns, places, axis=1), places, scores=scores, values=values)

    def _taken(
        self,
        rows: IntArray,
        columns: IntArray,
        places: IntArray,
        *,
        scores: Float64Array,
        values: Sequence[npt.NDArray[Any]],
    ) -> Fused:
        """Return the best columns of some rows, which are at some places of the scores and values."""
        is_listed = places >= 0
        best = np.stack([np.take_along_axis(value, places, axis=1) for value in values], axis=2, dtype=np.float64)
        parts = self.scale.parts(rows, columns, best)
        return Fused(
            indices=np.where(is_listed, columns, -1),
            scores=np.where(is_listed, np.take_along_axis(scores, places, axis=1), np.nan),
            parts=np.where(is_listed[:, :, None], parts, np.nan),
            values=np.where(is_listed[:, :, None], best, np.nan),
        )
