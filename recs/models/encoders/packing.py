"""Places the token ids of several texts in rows of one width, for a model that computes a row at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recs.arrays import IntArray

_SHARED_WIDTH = 128  # texts up to this many tokens share rows
# The kernels of attention are fast for widths that are multiples of these.
_STEP = 16
_SHARED_STEP = 32


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """m texts in `rows` rows of `width` tokens; each text is in one row."""

    rows: int
    width: int
    texts: IntArray  # (m,): the positions of the texts in the input
    starts: IntArray  # (m,): where each begins, counted over all rows
    lengths: IntArray  # (m,): the tokens of each
    slots: IntArray  # (m,): how many texts are before it in its row
    # (rows * width,): token id, position in the text, and 1 + index of the text in `texts`; all 0 without a token.
    ids: IntArray
    positions: IntArray
    owners: IntArray

    @property
    def is_shared(self) -> bool:
        """Whether two texts share a row."""
        return bool(self.slots.any())


def pack(ids: Sequence[Sequence[int]], *, tokens: int) -> Iterator[Sheet]:
    """Place n texts on sheets of at most `tokens` tokens; a longer text has a sheet alone.

    The longest texts come first, and texts of equal length are sorted by their ids. So the sheets depend on the texts
    and not on their order.

    Examples
    --------
    >>> sheet = next(pack([[5, 6], [7]], tokens=64))
    >>> sheet.rows, sheet.width, sheet.ids[:4].tolist(), sheet.owners[:4].tolist()
    (1, 16, [5, 6, 7, 0], [1, 1, 2, 0])
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
    """Return the width with the least unused space for texts of this length."""
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
    """Return the ids of n texts as an array (n, longest), filled up with `pad`, and a mask that is True for ids.

    Examples
    --------
    >>> pad_right([[5, 6], [7]], 0)[0].tolist()
    [[5, 6], [7, 0]]
    """
    lengths = np.array([len(sequence) for sequence in ids])
    mask = np.arange(lengths.max()) < lengths[:, None]
    padded = np.full(mask.shape, pad, np.int64)
    padded[mask] = np.concatenate(ids)
    return padded, mask
