"""Merges rolling captions, in which a cue shows the last lines of the cue before it again and adds words."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

_LONGEST_GAP = 1.0  # seconds; after a longer pause, equal words were said again
_FLASH = 0.1  # seconds; a shorter cue only repeats
_LEAST_PAIRS = 2


class Shown(NamedTuple):
    """What is on the screen within a stretch of time: lines with marks of speakers."""

    start: float | None
    end: float | None
    body: str


def unrolled(cues: Sequence[Shown]) -> Iterable[Shown]:
    """Return the cues with each word once, if they are rolling captions; else the cues as they are.

    Captions are rolling if at least half of the cues begin with whole lines that the cue before them ended with, and
    go on or drop lines. A whole cue that is only said twice is no sign of it. In rolling captions too, words count as
    shown again only if the cue before ended with them and ended when this one begins.

    Cost: linear in the number of words.

    Examples
    --------
    >>> cues = [Shown(0, 2, "plant the"), Shown(2, 4, "plant the\\ngarlic now"), Shown(4, 6, "garlic now\\nin rows")]
    >>> [cue.body for cue in unrolled(cues)]
    ['plant the', 'garlic now', 'in rows']
    """
    cues = [cue for cue in cues if cue.body]
    overlaps = [0, *(_overlap(earlier, cue) for earlier, cue in pairwise(cues))]
    # A whole cue that is repeated is a sign only if nobody could have said it in the time.
    signs = sum(
        overlap > 0 and (cue.body != earlier.body or _is_flash(cue))
        for (earlier, cue), overlap in zip(pairwise(cues), overlaps[1:], strict=True)
    )
    if signs < _LEAST_PAIRS or signs * 2 < len(cues) - 1:
        return cues
    parts = zip(cues, overlaps, strict=True)
    return [cue._replace(body=" ".join(cue.body.split()[overlap:])) for cue, overlap in parts]


def _overlap(earlier: Shown, cue: Shown) -> int:
    """Return how many words of a cue were shown before: the earlier lines but for some that rolled away.

    If several numbers of words would do, the largest one that leaves words for a cue with time to say some.
    """
    words = cue.body.split()
    # Most captions do not roll, and this test is cheap.
    if words[0] not in earlier.body or not _follows(earlier, cue):
        return 0
    lines = earlier.body.split("\n")
    whole = 0
    for number in range(len(lines)):
        rest = " ".join(lines[number:]).split()
        if rest and rest == words[: len(rest)]:
            if len(rest) < len(words) or _is_flash(cue):
                return len(rest)
            whole = whole or len(rest)
    return whole


def _follows(earlier: Shown, cue: Shown) -> bool:
    if cue.start is None or earlier.start is None:
        return False
    return cue.start - (earlier.start if earlier.end is None else earlier.end) <= _LONGEST_GAP


def _is_flash(cue: Shown) -> bool:
    return cue.start is not None and cue.end is not None and cue.end - cue.start <= _FLASH
