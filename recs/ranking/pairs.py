"""Which pairs of a row and a column may be listed, for any pairs that are asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from recs.arrays import BoolArray, IntArray

Mask = Callable[[IntArray, IntArray], BoolArray]
"""A function of rows and of columns, whose shapes broadcast: whether the column may be in the list of the row."""


@dataclass(frozen=True, slots=True, eq=False)
class AllowedPairs:
    """The pairs of n items that may be listed, from what is known of each item.

    Attributes
    ----------
    listed : bool array of shape (n,)
        Whether an item may be in any list.
    excluded : int64 array of shape (e,)
        Pairs that are excluded, as row * n + column, ascending.
    first_copy : int64 array of shape (n,), optional
        The first item with the same title and text: an item is not in the list of a copy.
    languages, scripts : int64 arrays of shape (n,), optional
        The number of the declared language, 0 for none; the scripts of the text as bits, 0 for too little text. A pair
        is allowed if both items declare one language, or if one declares none and they share a script.

    Examples
    --------
    >>> pairs = AllowedPairs(np.array([True, True, False]), excluded_pairs([(1,), (), ()], 3))
    >>> pairs(np.array([[0], [1]]), np.arange(3)).tolist()
    [[True, False, False], [True, True, False]]
    """

    listed: BoolArray
    excluded: IntArray
    first_copy: IntArray | None = None
    languages: IntArray | None = None
    scripts: IntArray | None = None

    def __call__(self, rows: IntArray, columns: IntArray) -> BoolArray:
        may = np.array(np.broadcast_to(self.listed[columns], np.broadcast_shapes(rows.shape, columns.shape)))
        if self.first_copy is not None:
            may &= self.first_copy[rows] != self.first_copy[columns]
        if self.languages is not None and self.scripts is not None:
            may &= self._together(rows, columns, self.languages, self.scripts)
        if len(self.excluded):
            may &= ~np.isin(rows * len(self.listed) + columns, self.excluded)
        return may

    def _together(self, rows: IntArray, columns: IntArray, languages: IntArray, scripts: IntArray) -> BoolArray:
        """Return whether two items are in one language, as far as that is known."""
        language = languages[rows]
        language_of_columns = languages[columns]
        script = scripts[rows]
        script_of_columns = scripts[columns]
        share_script = (script & script_of_columns != 0) | (script == 0) | (script_of_columns == 0)
        is_undeclared = (language == 0) | (language_of_columns == 0)
        return np.asarray(np.where(is_undeclared, share_script, language == language_of_columns), np.bool_)


def excluded_pairs(columns_of_rows: Sequence[Sequence[int]], n: int) -> IntArray:
    """Return the pairs of each of n rows with its excluded columns, as `AllowedPairs.excluded` has them."""
    pairs = [row * n + column for row, columns in enumerate(columns_of_rows) for column in columns]
    return np.unique(np.array(pairs, np.int64))
