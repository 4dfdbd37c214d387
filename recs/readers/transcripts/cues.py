"""The nouns of a transcript, and what all its formats share: times, marks of speakers, one cue for each voice."""

import html
import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

# Marks that the readers put into a text in place of each form of "from here on, NAME speaks". A text that was read
# holds no control characters of its own.
NAME_OPENS = "\x02"
NAME_ENDS = "\x03"

_CLOCK = re.compile(r"-?(?:(?:(\d{1,6}):)?(\d{1,6}):)?(\d{1,9})(?:[.,](\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Cue:
    """What one speaker says within a stretch of time.

    Attributes
    ----------
    start, end
        Seconds from the beginning of the episode, at least 0; None if the file does not say.
    speaker
        The name of the speaker; "" if the file does not say.
    text
        The words on one line, never empty.
    is_change
        Whether another person speaks from here on whose name the file does not say.
    """

    start: float | None
    end: float | None
    speaker: str
    text: str
    is_change: bool = False


@dataclass(frozen=True, slots=True)
class Transcript:
    """The cues of an episode, ordered by time.

    Attributes
    ----------
    cues
        At least one. A cue without a start stands where it stands in the file.
    format
        "srt", "vtt", "json", "html" or "text".
    unread
        How many entries were left out because they have no words, or a form that is not known.
    """

    cues: tuple[Cue, ...]
    format: str
    unread: int = 0


def clock_seconds(clock: str) -> float | None:
    """Return the seconds of a time such as "01:02:03,500", "2:03" or "12.5"; None if it is no time.

    A negative time is 0.

    Examples
    --------
    >>> clock_seconds("01:02:03,500"), clock_seconds("100:00:00.000"), clock_seconds("-00:00:01.000")
    (3723.5, 360000.0, 0.0)
    """
    if len(clock) == len("00:00:00.000") and clock[2] == clock[5] == ":" and clock[8] in ".,":
        digits = f"{clock[:2]}{clock[3:5]}{clock[6:8]}{clock[9:]}"
        if digits.isascii() and digits.isdigit():  # nearly all times of captions, in a third of the time
            return ((int(clock[:2]) * 60 + int(clock[3:5])) * 60_000 + int(clock[6:8] + clock[9:])) / 1000
    match = _CLOCK.fullmatch(clock.strip())
    if match is None:
        return None
    if clock.lstrip().startswith("-"):
        return 0.0
    hours, minutes, seconds, fraction = match.groups()
    # All digits are turned into a number at once, so that 1.1 seconds are the number 1.1.
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds)
    return float(f"{whole}.{fraction or 0}")


def seconds_of(value: object) -> float | None:
    """Return the seconds that a value of JSON means, at least 0; None if it is no time.

    Examples
    --------
    >>> seconds_of(2.5), seconds_of("00:02.5"), seconds_of(True), seconds_of(float("nan"))
    (2.5, 2.5, None, None)
    """
    if isinstance(value, str):
        return clock_seconds(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def voices(start: float | None, end: float | None, body: str) -> Iterable[Cue]:
    """Return a cue for each voice in a body with marks of speakers; none if it has no words.

    Examples
    --------
    >>> [(cue.speaker, cue.text) for cue in voices(0.0, 2.0, "\\x02Ada\\x03Hi.\\n\\x02Bo\\x03Hello.")]
    [('Ada', 'Hi.'), ('Bo', 'Hello.')]
    """
    if "&" in body:
        body = unicodedata.normalize("NFC", html.unescape(body))
    first, *others = body.split(NAME_OPENS)
    words = " ".join(first.split())
    cues = [Cue(start, end, "", words)] if words else []
    for part in others:
        marked, _, rest = part.partition(NAME_ENDS)
        name = " ".join(marked.split())
        words = " ".join(rest.split())
        if words:
            cues.append(Cue(start, end, name, words, is_change=not name))
    return cues


def ordered(cues: Iterable[Cue]) -> tuple[Cue, ...]:
    """Return cues by time, each with the name of its speaker, and no end before its start.

    A cue without a name goes on with the speaker before it, unless it is a change of speakers. A cue without a start
    keeps its place after the cue before it.
    """
    timed: list[tuple[float, Cue]] = []
    latest = 0.0
    for cue in cues:
        latest = latest if cue.start is None else cue.start
        timed.append((latest, cue))
    timed.sort(key=lambda pair: pair[0])
    return tuple(_named(cue for _, cue in timed))


def _named(cues: Iterable[Cue]) -> Iterable[Cue]:
    speaker = ""
    for cue in cues:
        speaker = cue.speaker if cue.speaker or cue.is_change else speaker
        is_backwards = cue.start is not None and cue.end is not None and cue.end < cue.start
        if is_backwards or speaker != cue.speaker:
            yield Cue(cue.start, None if is_backwards else cue.end, speaker, cue.text, cue.is_change)
        else:
            yield cue
