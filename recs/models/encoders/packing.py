"""Token ids of several texts laid out as rows of one width, for a model that runs each row at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recs.arrays import IntArray

_SHARED_WIDTH = 128  # texts up to this many tokens share rows
# The kernels of attention are fast at widths that are multiples of these.
_STEP = 16
_SHARED_STEP = 32


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Some texts, m of them, in `rows` rows of `width` tokens; none crosses from one row to the next."""

    rows: int
    width: int
    texts: IntArray  # (m,): which texts these are
    starts: IntArray  # (m,): where each begins, counted over all rows
    lengths: IntArray  # (m,): its tokens
    slots: IntArray  # (m,): how many texts stand before it in its row
    # (rows * width,): token id, position in its text, and 1 + index of the text in `texts`; all 0 where there is none.
    ids: IntArray
    positions: IntArray
    owners: IntArray

    @property
    def is_shared(self) -> bool:
        """Whether two texts share a row."""
        return bool(self.slots.any())


def pack(ids: Sequence[Sequence[int]], *, tokens: int) -> Iterator[Sheet]:
    """Lay n texts out on sheets of at most `tokens` tokens; a text longer than that has a sheet alone.

    Notes
    -----
    Longest first, equal ones by their ids, so that the sheets depend on the texts and not on their order.
    """
    order = sorted(range(len(ids)), key=lambda i: (-len(ids[i]), ids[i]))
    placed: list[tuple[int, int, int, int]] = []  # text, row, column, texts before it in its row
    used: list[int] = []  # tokens in each row
    counts: list[int] = []  # texts in each row
    width = 0
    for i in order:
        length = len(ids[i])
        row = next((row for row, taken in enumerate(used) if taken + length <= width), len(used))
        if row == len(used):
            if placed and (len(used) + 1) * width > tokens:
                yield _sheet(ids, placed, len(used), width)
                placed = []
                used = []
                counts = []
                row = 0
            if not placed:
                width = _width(length, min(tokens, sum(map(len, ids))))
            used.append(0)
            counts.append(0)
        placed.append((i, row, used[row], counts[row]))
        used[row] += length
        counts[row] += 1
    if placed:
        yield _sheet(ids, placed, len(used), width)


def _width(longest: int, tokens: int) -> int:
    """Return the width that fits texts of this length with the least room to spare."""
    if longest > _SHARED_WIDTH // 2:
        return -(-longest // _STEP) * _STEP
    least = -(-longest // _STEP) * _STEP
    widths = [width for width in range(_SHARED_STEP, _SHARED_WIDTH + 1, _SHARED_STEP) if least <= width <= tokens]
    return min(widths, key=lambda width: (width % longest / width, width), default=least)


def _sheet(ids: Sequence[Sequence[int]], placed: Sequence[tuple[int, ...]], rows: int, width: int) -> Sheet:
    texts, row, column, slots = np.array(placed, np.int64).T
    starts = row * width + column
    lengths = np.array([len(ids[i]) for i in texts], np.int64)
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    cells = np.repeat(starts, lengths) + within
    sheet = Sheet(rows, width, texts, starts, lengths, slots, *np.zeros((3, rows * width), np.int64))
    sheet.ids[cells] = np.concatenate([ids[i] for i in texts])
    sheet.positions[cells] = within
    sheet.owners[cells] = np.repeat(np.arange(1, len(texts) + 1), lengths)
    return sheet


def pad_right(ids: Sequence[Sequence[int]], pad: int) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Return the ids of n texts as an array (n, longest) with `pad` behind them, and where it holds ids."""
    lengths = np.array([len(sequence) for sequence in ids])
    mask = np.arange(lengths.max()) < lengths[:, None]
    padded = np.full(mask.shape, pad, np.int64)
    padded[mask] = np.concatenate(ids)
    return padded, mask
