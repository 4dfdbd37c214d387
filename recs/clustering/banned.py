"""Words that no name of a topic may hold."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from recs.errors import SourceError
from recs.text.words import tokenize


@dataclass(frozen=True, slots=True)
class BannedWords:
    """Words, or phrases of several words, that are banned in any case; other words that hold them are not.

    Examples
    --------
    >>> banned = BannedWords((("post",), ("read", "more")))
    >>> [text for text in ("A Post", "Postgres", "Read more", "more to read") if banned.within(text)]
    ['A Post', 'Read more']
    """

    phrases: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def read(cls, path: str | os.PathLike[str] | None) -> Self:
        """Return the words in a file, one a line; none without a file.

        Raises
        ------
        SourceError
        """
        if path is None:
            return cls()
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as error:
            raise SourceError(f"{path}: cannot read banned words ({error}); expected text, one word a line.") from error
        return cls(tuple(words for line in lines if (words := tuple(tokenize(line)))))

    def within(self, text: str) -> bool:
        """Return whether a text holds one of the words."""
        words = tuple(tokenize(text)) if self.phrases else ()
        return any(
            words[start : start + len(phrase)] == phrase for phrase in self.phrases for start in range(len(words))
        )
