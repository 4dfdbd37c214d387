"""Removal of lines that most texts of a collection repeat."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

# Boilerplate stands in so large a part of different texts, and in so many at least.
_SHARE, _LEAST = 0.5, 5


def remove_boilerplate(texts: Sequence[str], groups: Sequence[str | None]) -> tuple[list[str], dict[str, int]]:
    """Remove the lines that stand in at least half of the n plain texts, or of those of one group (a series, a feed, or
    None).

    A line counts once a text, and equal texts count once. It has to stand in five different texts at least, and to hold
    a letter or a digit. A text of which nothing would remain is kept whole. A section that loses its first line, its
    heading, continues the section before it. The order of the rows changes nothing but the order of the result. Cost:
    linear in the characters.

    Returns the texts, and each line that was removed from some text, its white space folded, with the number of texts
    it was removed from; the most frequent first, ties in the order of the lines.
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
    if len(distinct) < _LEAST:
        return set()
    counts: Counter[str] = Counter()
    for text in distinct:
        counts.update({_fold(line) for line in text.split("\n")})
    return {line for line, count in counts.items() if count >= least and any(map(str.isalnum, line))}


def _fold(line: str) -> str:
    return " ".join(line.split())


def without_lines(text: str, common: set[str]) -> tuple[str, set[str]]:
    """Return a text without these lines (white space folded), whole where it is nothing else, and those it has lost."""
    gone: set[str] = set()
    kept: list[str] = []
    if not common:
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
            kept.append(("" if not kept else "\n\n" if lost_heading else "\n\n\n") + "\n\n".join(blocks))
    return ("".join(kept).strip(), gone) if kept else (text, set())
