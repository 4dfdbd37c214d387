"""How many tokens texts have, and which of them are in no vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recs.arrays import BoolArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class TokenCounts:
    """The tokens of n items, and those of them that are in no vector; both may be unknown.

    Attributes
    ----------
    ids : n strings
    tokens, tokens_lost : int64 arrays of shape (n,), or empty
        As in `recs.Embeddings`.

    Examples
    --------
    >>> counts = TokenCounts(["a", "b", "c"], np.array([3, 2, 0]), np.array([1, 2, 1]))
    >>> counts.blank.tolist(), counts.missing.tolist()
    ([False, True, True], [False, False, True])
    """

    ids: Sequence[str]
    tokens: IntArray
    tokens_lost: IntArray

    @property
    def blank(self) -> BoolArray:
        """As `recs.Embeddings.blank`."""
        return np.asarray(self.tokens_lost >= self.tokens) if self._are_there else self._none

    @property
    def missing(self) -> BoolArray:
        """As `recs.Embeddings.missing`."""
        return np.asarray(self.tokens_lost > self.tokens) if self._are_there else self._none

    @property
    def _are_there(self) -> bool:
        return len(self.tokens) == len(self.tokens_lost) == len(self.ids)

    @property
    def _none(self) -> BoolArray:
        return np.zeros(len(self.ids), dtype=bool)
