"""Reads SubRip and WebVTT: cues below lines such as `00:00:01,000 --> 00:00:04,000`."""

import re
from collections.abc import Iterator

from recs.readers.transcripts.cues import NAME_ENDS, NAME_OPENS, Cue, clock_seconds, voices
from recs.readers.transcripts.rolling import Shown, unrolled
from recs.readers.transcripts.speech import mark_speakers, without_sounds

# Both times have digits and marks only, so that an arrow in a sentence is not taken for a line with times.
_TIMES = re.compile(r"^[ \t]*([-\d:.,]*\d[-\d:.,]*)[ \t]*-->[ \t]*([-\d:.,]*)(?![-\d:.,])[^\n]*$", re.MULTILINE)
_NOTES = re.compile(r"(?:^|(?<=\n\n))(?:NOTE|STYLE|REGION)(?=\s|\Z)(?:[^\n]+\n?)+(?=\n|\Z)")
_VOICE = re.compile(r"<v(?:\.[^\s<>]{0,80})?[ \t]+([^<>\n]{1,200})>")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>|<\d[\d:.]{0,20}>|\{\\[^{}\n]{0,200}\}")


def is_captions(text: str) -> bool:
    """Whether a text has a line with the times of a cue.

    Examples
    --------
    >>> is_captions("1\\n00:00:01,000 --> 00:00:02,000\\nHi."), is_captions("File --> Open")
    (True, False)
    """
    return _TIMES.search(text) is not None


def caption_cues(text: str, *, is_vtt: bool) -> Iterator[Cue]:
    """Yield the cues of a text in SubRip or WebVTT, in the order of the file; rolling captions are merged.

    Parameters
    ----------
    text
        The text, normalised.
    is_vtt
        Whether blocks of WebVTT that begin with NOTE, STYLE or REGION are left out.

    Examples
    --------
    >>> list(caption_cues("00:00:01,000 --> 00:00:02,000\\n<i>Hi.</i>", is_vtt=False))
    [Cue(start=1.0, end=2.0, speaker='', text='Hi.', is_change=False)]
    """
    if is_vtt:
        text = _NOTES.sub("", text)
    first = _TIMES.search(text)
    text = _bare(text[first.start() :]) if first else ""
    for shown in unrolled(list(_shown(text, is_vtt=is_vtt))):
        yield from voices(shown.start, shown.end, shown.body)


def _bare(text: str) -> str:
    """Return a text without styling and sounds, and with marks in place of all forms of speakers."""
    if "<v" in text:
        text = _VOICE.sub(rf"{NAME_OPENS}\1{NAME_ENDS}", text)
    if "<" in text or "{\\" in text:
        text = _TAG.sub("", text)
    return mark_speakers(without_sounds(text.replace("&gt;", ">"), is_captions=True))


def _shown(text: str, *, is_vtt: bool) -> Iterator[Shown]:
    matches = list(_TIMES.finditer(text))
    stops = [match.start() for match in matches[1:]]
    for match, stop in zip(matches, [*stops, None], strict=True):
        body = text[match.end() : stop]
        if stop is not None:
            body = _without_identifier(body, is_vtt=is_vtt)
        yield Shown(clock_seconds(match[1]), clock_seconds(match[2]), body.strip())


def _without_identifier(body: str, *, is_vtt: bool) -> str:
    """Return a body without the line directly before the next times, if that names the next cue.

    A number always is such a name; in WebVTT, any line after a blank one is.
    """
    before, _, last = body.removesuffix("\n").rpartition("\n")
    return before if last.isdecimal() or (is_vtt and last and before.endswith("\n")) else body
