"""Removes the lines that most texts of a collection repeat."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import chain

# A line is boilerplate if at least this share of the different texts hold it, and at least this number.
_SHARE = 0.5
_LEAST = 5
_BLANKS = re.compile(r"[^\S\n]+")
_RARE_BLANKS = "\t\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


def remove_boilerplate(texts: Sequence[str], groups: Sequence[str | None]) -> tuple[list[str], dict[str, int]]:
    """Remove the lines that at least half of the texts hold, or at least half of the texts of one group.

    Parameters
    ----------
    texts
        n plain texts.
    groups
        The n groups of the texts, such as a series or a feed; None for a text without one.

    Returns
    -------
    texts : list of str
        The n texts without these lines, in the same order. A text that holds nothing else is kept whole.
    counts : dict
        Each removed line, with single spaces for white space, and the number of texts that lost it. The most frequent
        lines come first; ties are in the order of the lines.

    Notes
    -----
    A line counts once in each text, and equal texts count once. Only lines with a letter or a digit count, and only if
    at least five different texts hold them. If a section loses its first line, which is its heading, it continues the
    section before it. The order of the texts does not change which lines are removed. Cost: linear in the number of
    characters.

    Examples
    --------
    >>> days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
    >>> texts, counts = remove_boilerplate([f"{day} news\\n\\nRead our feed" for day in days], [None] * 5)
    >>> texts[0], counts
    ('Monday news', {'Read our feed': 5})
    """
    everywhere = _common_lines(texts)
    members: defaultdict[str, list[str]] = defaultdict(list)
    for text, group in zip(texts, groups, strict=True):
        if group is not None:
            members[group].append(text)
    common = {group: everywhere | _common_lines(its_texts) for group, its_texts in members.items()}
    counts: Counter[str] = Counter()
    cleaned = []
    for text, group in zip(texts, groups, strict=True):
        lines = everywhere if group is None else common[group]
        result, gone = without_lines(text, lines)
        counts.update(gone)
        cleaned.append(result)
    return cleaned, dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _common_lines(texts: Iterable[str]) -> set[str]:
    distinct = set(texts)
    least = max(_LEAST, _SHARE * len(distinct))
    return {line for line in repeated_lines(distinct, least) if any(map(str.isalnum, line))}


def repeated_lines(texts: Collection[str], least: float) -> set[str]:
    """Return the lines, with single spaces for white space, that at least so many of the texts hold.

    Examples
    --------
    >>> repeated_lines(["Monday\\nRead  our feed", "Tuesday\\nRead our feed"], least=2)
    {'Read our feed'}
    """
    if len(texts) < least:
        return set()
    # To fold every line of every text would take most of the time, so only lines that may be repeated are folded.
    squeezed_texts = [_squeezed(text).split(b"\n") for text in texts]
    squeezed_counts = Counter(chain.from_iterable(map(set, squeezed_texts)))
    often = {line for line, count in squeezed_counts.items() if line and count >= least}
    counts: Counter[str] = Counter()
    for text, squeezed_lines in zip(texts, squeezed_texts, strict=True):
        if not often.isdisjoint(squeezed_lines):
            lines = zip(text.split("\n"), squeezed_lines, strict=True)
            counts.update({_fold(line) for line, squeezed in lines if squeezed in often})
    return {line for line, count in counts.items() if count >= least}


def _squeezed(text: str) -> bytes:
    """Return a text without blanks, but with its line ends: lines that fold alike are then equal."""
    if any(blank in text for blank in _RARE_BLANKS):
        text = _BLANKS.sub("", text)
    return text.encode("utf-8", "surrogatepass").translate(None, b" ")


def _fold(line: str) -> str:
    return " ".join(line.split())


def without_lines(text: str, common: set[str]) -> tuple[str, set[str]]:
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
                gone.update(common.intersection(map(_fold, lines)))
                lost_heading = lost_heading or (number == 0 and _fold(lines[0]) in common)
            if any(rest):
                blocks.append("\n".join(rest))
        if blocks:
            if kept:
                kept.append("\n\n" if lost_heading else "\n\n\n")
            kept.append("\n\n".join(blocks))
    return ("".join(kept).strip(), gone) if kept else (text, set())
