"""Removes the lines that most texts of a collection repeat."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain

# A line is boilerplate if at least this share of the different texts hold it, and at least this number.
_SHARE = 0.5
_LEAST = 5
_BLOCK = 50_000_000  # characters of texts whose lines are counted at a time
_BLANKS = re.compile(r"[^\S\n]+")
_RARE_BLANKS = "\t\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


@dataclass(frozen=True, slots=True)
class CommonLines:
    """The lines that at least half of all texts hold, and for each group also those that half of its texts hold.

    The lines have single spaces for white space.

    Examples
    --------
    >>> lines = CommonLines(frozenset(["Read our feed"]), {})
    >>> lines.removed_from("Monday news\\n\\nRead  our feed", group=None)
    ('Monday news', {'Read our feed'})
    """

    everywhere: frozenset[str]
    of_groups: Mapping[str | None, frozenset[str]]

    def removed_from(self, text: str, group: str | None) -> tuple[str, set[str]]:
        """Return a text of a group without these lines, and the lines that it lost: see `without_lines`."""
        return without_lines(text, self.of_groups.get(group, self.everywhere))


def common_lines(texts: Sequence[str], groups: Sequence[str | None]) -> CommonLines:
    """Return the lines that at least half of n texts hold, or at least half of the texts of one group.

    Parameters
    ----------
    texts
        n plain texts. They are read several times, a part of them at a time, so a sequence may take them from a disk.
    groups
        The n groups of the texts, such as a series or a feed; None for a text without one.

    Notes
    -----
    A line counts once in each text, and equal texts count once. Only lines with a letter or a digit count, and only if
    at least five different texts hold them. The order of the texts does not change which lines these are. Cost: linear
    in the number of characters; memory: the digests of the texts, and the lines of some 50 million characters.

    Examples
    --------
    >>> days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
    >>> common_lines([f"{day} news\\n\\nRead our feed" for day in days], [None] * 5).everywhere
    frozenset({'Read our feed'})
    """
    members: defaultdict[str, list[int]] = defaultdict(list)
    for row, group in enumerate(groups):
        if group is not None:
            members[group].append(row)
    everywhere = _common_lines(texts)
    of_groups: dict[str | None, frozenset[str]] = {
        group: everywhere | _common_lines(_Some(texts, rows)) for group, rows in members.items()
    }
    return CommonLines(everywhere, of_groups)


@dataclass(frozen=True, slots=True)
class _Some:
    """Some of the texts of a sequence, one after the other."""

    texts: Sequence[str]
    rows: Sequence[int]

    def __iter__(self) -> Iterator[str]:
        return (self.texts[row] for row in self.rows)


def _common_lines(texts: Iterable[str]) -> frozenset[str]:
    """Return the lines that at least half of the different texts hold, which are read twice if they are many.

    Such a line is held by at least half of the texts of one block, so that only the lines of one block are in memory.
    """
    counts: Counter[str] = Counter()
    number = blocks = 0
    for block in _blocks(_distinct(texts)):
        number += len(block)
        blocks += 1
        counts.update(repeated_lines(block, _SHARE * len(block)))
    if blocks > 1:
        candidates = counts.keys()
        counts = Counter(line for text in _distinct(texts) for line in candidates & _lines(text))
    least = max(_LEAST, _SHARE * number)
    return frozenset(line for line, count in counts.items() if count >= least and any(map(str.isalnum, line)))


def _distinct(texts: Iterable[str]) -> Iterator[str]:
    seen: set[bytes] = set()
    for text in texts:
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if digest not in seen:
            seen.add(digest)
            yield text


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    block: list[str] = []
    size = 0
    for text in texts:
        block.append(text)
        size += len(text)
        if size >= _BLOCK:
            yield block
            block, size = [], 0
    if block:
        yield block


def _lines(text: str) -> set[str]:
    return set(map(_fold, text.split("\n")))


def repeated_lines(texts: Collection[str], least: float) -> dict[str, int]:
    """Return the lines, with single spaces for white space, that at least so many of the texts hold, and how many do.

    Examples
    --------
    >>> repeated_lines(["Monday\\nRead  our feed", "Tuesday\\nRead our feed"], least=2)
    {'Read our feed': 2}
    """
    if len(texts) < least:
        return {}
    # To fold every line of every text would take most of the time, so only lines that may be repeated are folded.
    squeezed_texts = [_squeezed(text).split(b"\n") for text in texts]
    squeezed_counts = Counter(chain.from_iterable(map(set, squeezed_texts)))
    often = {line for line, count in squeezed_counts.items() if line and count >= least}
    counts: Counter[str] = Counter()
    for text, squeezed_lines in zip(texts, squeezed_texts, strict=True):
        if not often.isdisjoint(squeezed_lines):
            lines = zip(text.split("\n"), squeezed_lines, strict=True)
            counts.update({_fold(line) for line, squeezed in lines if squeezed in often})
    return {line: count for line, count in counts.items() if count >= least}


def _squeezed(text: str) -> bytes:
    """Return a text without blanks, but with its line ends: lines that fold alike are then equal."""
    if any(blank in text for blank in _RARE_BLANKS):
        text = _BLANKS.sub("", text)
    return text.encode("utf-8", "surrogatepass").translate(None, b" ")


def _fold(line: str) -> str:
    return " ".join(line.split())


def without_lines(text: str, common: AbstractSet[str]) -> tuple[str, set[str]]:
    """Return a text without these lines, and the lines that it lost. A text that holds nothing else is kept whole.

    The lines in `common` have single spaces for white space.
    """
    gone: set[str] = set()
    kept: list[str] = []
    if not common or common.isdisjoint(map(_fold, text.split("\n"))):
        return text, gone
    for section in text.split("\n\n\n"):
        blocks = []
        lost_heading = False
        for number, block in enumerate(section.split("\n\n")):
            lines = block.split("\n")
            rest = [line for line in lines if _fold(line) not in common]
            if len(rest) < len(lines):
                gone.update(common & set(map(_fold, lines)))
                lost_heading = lost_heading or (number == 0 and _fold(lines[0]) in common)
            if any(rest):
                blocks.append("\n".join(rest))
        if blocks:
            if kept:
                kept.append("\n\n" if lost_heading else "\n\n\n")
            kept.append("\n\n".join(blocks))
    return ("".join(kept).strip(), gone) if kept else (text, set())
