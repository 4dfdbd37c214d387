"""Cuts spans out of a body, or masks them."""

import re
from collections.abc import Iterable

from recs.items import Span

Cut = tuple[int, int, str]
"""A span, from start to stop, and the text that replaces it."""

_NOT_LINE_END = re.compile(r"[^\r\n]")
_LONGEST_END = 60  # characters at the end of a line, after a comment


def cut(body: str, cuts: Iterable[Cut]) -> str:
    """Return a body with spans replaced. A span that begins inside another one is removed with it.

    Examples
    --------
    >>> cut("one two three", [(4, 7, "2")])
    'one 2 three'
    """
    pieces = []
    position = 0
    for start, stop, fill in sorted(cuts):
        if start >= position:
            pieces += [body[position:start], fill]
        position = max(position, stop)
    return "".join([*pieces, body[position:]])


def widened(body: str, start: int, stop: int, least: int) -> Cut:
    """Return the cut for a comment. If it stands on lines of its own, the blank lines around it are cut too."""
    first, last = start, stop
    while first and body[first - 1] in " \t\r\n":
        first -= 1
    while last < len(body) and body[last] in " \t\r\n":
        last += 1
    before, after = body.count("\n", first, start), body.count("\n", stop, last)
    is_whole = (before or not first) and (after or last == len(body))
    if not is_whole:
        return start, stop, ""
    next_line = max(body.rfind("\n", stop, last) + 1, stop)  # its indentation stays
    is_between = first and last < len(body)
    return first, next_line, "\n" * max(before, after, least) if is_between else ""


def merged(spans: list[Span]) -> list[Span]:
    """Return the spans sorted, with overlapping ones joined.

    Examples
    --------
    >>> merged([(5, 9), (0, 2), (7, 12)])
    [(0, 2), (5, 12)]
    """
    disjoint: list[Span] = []
    for start, stop in sorted(spans):
        if disjoint and start < disjoint[-1][1]:
            disjoint[-1] = (disjoint[-1][0], max(stop, disjoint[-1][1]))
        else:
            disjoint.append((start, stop))
    return disjoint


def masked(body: str, spans: list[Span]) -> str:
    """Return a body with blanks in place of comments, so that everything else keeps its line and column.

    If words follow in the line there are letters instead of blanks: blanks would indent the words and make them code.

    Examples
    --------
    >>> masked("Plant it. <!-- why? -->\\n", [(10, 23)])
    'Plant it.              \\n'
    """
    cuts = []
    for start, stop in spans:
        lines, line_end, last = body[start:stop].rpartition("\n")
        is_followed = bool(body[stop : stop + _LONGEST_END].partition("\n")[0].strip())
        fill = _NOT_LINE_END.sub(" ", lines) + line_end + ("x" if is_followed else " ") * len(last)
        cuts.append((start, stop, fill))
    return cut(body, cuts)
