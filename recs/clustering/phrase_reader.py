"""Reads the words of items for phrases: as they are written, as they are compared, and what stands between them."""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from recs.arrays import BoolArray, IntArray
from recs.errors import SourceError
from recs.items import Item
from recs.text.words import tokenize, word_pattern

BREAK = 0
"""Between two words: the end of a clause, a title or a text. No phrase runs over it."""
SPACE = 1
"""Between two words: only space, or nothing in a script without spaces between words."""

_SELDOM = 3  # so many times without a capital for each time with one
_ADDRESS = re.compile(r"(?:\w+://|www\.)\S+")
_PARTS = re.compile(r"[-/\N{HYPHEN}:]+")  # these join words that are also read alone: "pre-release", "client/server"
_ENDS = re.compile(r"[^\w\s]*[,;!?()\[\]{}<>|\"“”„«»–—…`*=\\、。，；：！？（）「」『』؟،؛][^\w\s]*")
_SENTENCE = re.compile(r"[.!?。！？]\s|[。！？]|\n\n")
_SUFFIX = re.compile(r"(?:\+\+|#)(?!\w)")  # of "C++" and "C#"
_PREFIX = re.compile(r"(?:^|\s)\.$")  # of ".NET"


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """The words of all items in order, each array of shape (words,).

    Attributes
    ----------
    words, forms
        Number of the word as it is compared, and as it is written.
    owners
        The row of the item.
    in_title
        Whether the word is of the title.
    gaps
        What stands before the word: `BREAK`, `SPACE` or the number of a joint.
    starts
        Whether the word is the first of a title or a text.
    may_name
        Whether it may be in a phrase: a number only if it is joined to a word, as in "COVID-19".
    binds
        Whether it is a part of the word before, as "io" is in "crates.io".
    """

    words: IntArray
    forms: IntArray
    owners: IntArray
    in_title: IntArray
    gaps: IntArray
    starts: IntArray
    may_name: BoolArray
    binds: BoolArray


class WordReader:
    """Turns texts into numbers of words."""

    def __init__(self, *, limit: int) -> None:
        self.limit = limit
        self.number_of_word: dict[str, int] = {}
        self.number_of_form: dict[str, int] = {}
        self.number_of_joint: dict[str, int] = {"": BREAK, " ": SPACE}
        self._rows: list[tuple[int, int, int, int, int, int]] = []
        self._capitals: dict[str, Counter[bool]] = {}  # of words that begin a sentence
        self._usual_capital = 0

    def read(self, row: int, item: Item) -> None:
        for in_title, part in ((1, item.title), (0, item.text)):
            starts = 1
            for form, folded, joint, begins in _first_words(part, self.limit):
                word = self.number_of_word.setdefault(folded, len(self.number_of_word))
                written = self.number_of_form.setdefault(form, len(self.number_of_form))
                gap = self.number_of_joint.setdefault(joint, len(self.number_of_joint))
                self._rows.append((word, written, row, in_title, gap, starts))
                if begins:
                    self._capitals.setdefault(folded, Counter())[form[:1].isupper()] += 1
                    self._usual_capital += 1 if form[:1].isupper() else -1
                starts = 0

    def read_words(self) -> Words:
        """Return the words of all items that were read."""
        columns = [np.ascontiguousarray(column) for column in np.array(self._rows, np.int64).reshape(-1, 6).T]
        words, gaps = columns[0], columns[4]
        number = np.array([_is_number(folded) for folded in self.number_of_word], bool)[words]
        is_joined = np.append(False, ~number[:-1])[: len(words)] & (gaps > SPACE)
        binds = np.array([_binds(joint) for joint in self.number_of_joint], bool)[gaps]
        return Words(
            words, columns[1], columns[2], columns[3], gaps, columns[5], may_name=~number | is_joined, binds=binds
        )

    def begins_in_upper_case(self, word: str) -> bool:
        """Return whether a word has a capital where a sentence begins: as most words, unless it seldom has ("npm")."""
        counts = self._capitals.get(word.casefold(), Counter())
        return self._usual_capital > 0 and counts[False] <= _SELDOM * counts[True] + 1


def _first_words(text: str, limit: int) -> Iterator[tuple[str, str, str, bool]]:
    """Yield the first words of a text: as written, as compared, what joins it to the last, if it begins a sentence."""
    written = _ADDRESS.sub("\n\n", unicodedata.normalize("NFKC", text).replace("’", "'"))
    end = 0
    last = ""
    count = 0
    for match in word_pattern(written).finditer(written):
        between = written[end : match.start()]
        end = match.end()
        word = match.group()
        if _PREFIX.search(between) and (not last or len(between) > 1):
            between, word = between[:-1], f".{word}"
        suffix = _SUFFIX.match(written, end)
        if suffix:
            word += suffix.group()
            end = suffix.end()
        joint = _joint(between, last, word) if last else ""
        begins = not last or (joint == "" and _SENTENCE.search(between) is not None)
        last = word
        for form, folded in _terms(word):
            yield form, folded, joint, begins
            joint, begins = " ", False
            count += 1
        if count >= limit:
            return


def _joint(between: str, last: str, word: str) -> str:
    """Return what joins two words: "" for nothing, " " for space, or a string as in "Node.js"."""
    if between.isspace():
        return "" if "\n\n" in between else " "
    if between == ". " and len(last) == 1 and last.isupper() and word[:1].isupper():
        return between  # of an initial: "Felix S. Klock"
    if _ENDS.fullmatch(between) or any(char.isspace() for char in between):
        return ""
    return between


@functools.lru_cache(maxsize=1 << 16)
def _terms(word: str) -> tuple[tuple[str, str], ...]:
    if not word[-1:].isalnum() or word[0] == ".":
        return ((word, word.casefold()),)
    folded = tokenize(word)
    return ((word, folded[0]),) if len(folded) == 1 else tuple((part, part) for part in folded)


def _is_number(folded: str) -> bool:
    return folded.replace(".", "").isdigit()


def _binds(joint: str) -> bool:
    """Return whether the parts of a form with this joint are no words by themselves: "crates.io"."""
    return joint not in ("", " ") and not _PARTS.fullmatch(joint)


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
