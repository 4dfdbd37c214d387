"""How far a run of the model is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Progress:
    """How many texts and tokens the model has computed, of those that were not in the cache.

    Examples
    --------
    >>> Progress(texts_done=0, texts=3, tokens_done=0, tokens=90).after(texts=1, tokens=30)
    Progress(texts_done=1, texts=3, tokens_done=30, tokens=90)
    """

    texts_done: int
    texts: int
    tokens_done: int
    tokens: int

    def after(self, texts: int, tokens: int) -> Progress:
        """Return the progress after this many more texts and tokens."""
        return replace(self, texts_done=self.texts_done + texts, tokens_done=self.tokens_done + tokens)


OnProgress = Callable[[Progress], None] | None
