"""Reads transcripts that are documents: JSON of the podcast namespace and of Whisper, HTML, and plain text."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from recs.readers.transcripts.cues import NAME_ENDS, NAME_OPENS, Cue, clock_seconds, seconds_of, voices
from recs.readers.transcripts.speech import NAME, is_name, mark_speakers, without_sounds
from recs.text.plain import normalise, plain_text

_LISTS = ("segments", "transcription", "cues", "monologues", "results")
_STARTS = ("startTime", "start", "start_time", "from")
_ENDS = ("endTime", "end", "end_time", "to")
_TEXTS = ("body", "text", "words", "content")
_SPEAKERS = ("speaker", "speaker_name", "speaker_label")
_INLINE = re.compile(r"(?=</?(?:cite|time)\b)", re.IGNORECASE)
_TIME = r"\d{1,4}:\d\d(?::\d\d)?(?:[.,]\d{1,3})?"
_BEFORE = re.compile(
    rf"^[ \t]*(?:[\[(](?P<closed>{_TIME})[\])]|(?P<bare>{_TIME})(?=[ \t\n]|$))[ \t]*[-–—:]?[ \t]*", re.M
)
# "Ada: 0:03", and "Ada 0:03" or "Ada (0:03):" before its words or alone on a line.
_AFTER = re.compile(
    rf"^[ \t]*(?P<name>{NAME})(?:[ \t]?:[ \t]*[\[(]?(?P<time>{_TIME})[\])]?(?=[ \t:]|$)[ \t]*:?"
    rf"|[ \t]+[\[(]?(?P<bare>{_TIME})[\])]?[ \t]*(?::(?=[ \t]|$)|$))",
    re.MULTILINE,
)
_PARTS = re.compile(r"(\x04[^\x05]*\x05)|\n{2,}")
_STAMP = re.compile(r"\x04([^\x05]*)\x05")


def json_segments(document: object) -> list[Any] | None:
    """Return the list of segments of a transcript in JSON; None if the document has none.

    Examples
    --------
    >>> json_segments({"version": "1.0.0", "segments": [{"startTime": 0, "body": "Hi."}]})
    [{'startTime': 0, 'body': 'Hi.'}]
    """
    if isinstance(document, Mapping):
        document = next((document[name] for name in _LISTS if isinstance(document.get(name), list)), None)
    return document if isinstance(document, list) else None


def json_cues(segments: Iterable[object]) -> Iterator[Cue | None]:
    """Yield the cue of each segment; None for a segment without words.

    Examples
    --------
    >>> list(json_cues([{"start": 0, "end": 1.5, "text": " Hi."}, 7]))
    [Cue(start=0.0, end=1.5, speaker='', text='Hi.', is_change=False), None]
    """
    for segment in segments:
        fields = segment if isinstance(segment, Mapping) else {}
        text = _first(fields, _TEXTS)
        words = " ".join(normalise(without_sounds(text, is_captions=True)).split()) if isinstance(text, str) else ""
        if not words:
            yield None
            continue
        times = fields.get("timestamps") if isinstance(fields.get("timestamps"), Mapping) else fields
        speaker = _first(fields, _SPEAKERS)
        name = " ".join(normalise(str(speaker)).split()) if isinstance(speaker, str | int) else ""
        yield Cue(seconds_of(_first(times, _STARTS)), seconds_of(_first(times, _ENDS)), name, words)


def _first(fields: Any, names: Iterable[str]) -> object:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def html_words(source: str) -> str:
    """Return the plain text of a transcript in HTML, in which names and times begin lines.

    Examples
    --------
    >>> html_words("<cite>Ada:</cite><time>0:09</time><p>Hi.</p>")
    'Ada: 0:09\\n\\nHi.'
    """
    return plain_text(_INLINE.sub(" ", source), "html")


def text_cues(text: str) -> Iterator[Cue]:
    """Yield a cue for each time, speaker and paragraph of a plain text, in its order.

    Parameters
    ----------
    text
        The text, normalised. A line may begin with a name and a colon, with a time, or with both in either order; both
        may stand on a line of their own. A time without brackets counts if more than half of the paragraphs begin with
        one, or if it stands with a name or alone.

    Examples
    --------
    >>> cues = text_cues("[0:09] Ada: Hi.\\n\\nBo: 0:12\\nHello.\\n\\nAda: At 10:30?\\nBo: No.")
    >>> [(cue.start, cue.speaker, cue.text) for cue in cues]
    [(9.0, 'Ada', 'Hi.'), (12.0, 'Bo', 'Hello.'), (None, 'Ada', 'At 10:30?'), (None, 'Bo', 'No.')]
    """
    text = mark_speakers(_stamped(without_sounds(text, is_captions=False)))
    start: float | None = None
    name = ""
    for part in _PARTS.split(text):
        stamp = _STAMP.fullmatch(part or "")
        if stamp:
            start = clock_seconds(stamp[1])
            continue
        cues = list(voices(start, None, name + (part or "")))
        yield from cues
        # A name or a time alone on a line belongs to the words after it.
        name = "" if cues else name + (part or "").strip()
        start = None if cues else start


def _stamped(text: str) -> str:
    """Return a text with each time that counts between marks, before the name of its speaker."""
    names = {match["name"] for match in _AFTER.finditer(text) if is_name(match["name"])}
    text = _AFTER.sub(lambda match: _name_after_time(match, names), text)
    paragraphs = len(re.findall(r"(?:\A|\n\n)[^\n]", text))
    matches = list(_BEFORE.finditer(text))
    has_bare = sum(match["bare"] is not None for match in matches) * 2 > paragraphs

    def stamped(match: re.Match[str]) -> str:
        time = match["closed"] or match["bare"]
        rest = text[match.end() : match.end() + 1]
        is_time = bool(match["closed"]) or has_bare or rest in ("", "\n", NAME_OPENS)
        # The mark ends a line, so that a name after it begins one.
        return f"\n\x04{time}\x05\n" if is_time else match[0]

    return _BEFORE.sub(stamped, text)


def _name_after_time(match: re.Match[str], names: Collection[str]) -> str:
    if match["name"] not in names:
        return match[0]
    return f"[{match['time'] or match['bare']}] \n{NAME_OPENS}{match['name']}{NAME_ENDS}"
