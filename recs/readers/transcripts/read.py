"""Reads a transcript in any of its formats."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from recs.errors import SourceError
from recs.readers.json_files import json_document, read_text
from recs.readers.transcripts.captions import caption_cues, is_captions
from recs.readers.transcripts.cues import Cue, Transcript, ordered
from recs.readers.transcripts.documents import html_words, json_cues, json_segments, text_cues
from recs.text.plain import normalise

_HTML = re.compile(
    r"\s*<(?:!doctype\s+html|html|head|body|article|section|div|main|p|cite|time|h[1-6])\b", re.IGNORECASE
)
_XML = re.compile(r"\s*<(?:\?xml|tt|rss|feed|SAMI)\b", re.IGNORECASE)
_WITH_CITES = re.compile(r"<(?:cite|time)\b[^<>]*>", re.IGNORECASE)
_FORMATS = {"srt": "srt", "subrip": "srt", "vtt": "vtt", "json": "json", "html": "html", "htm": "html"}
_EXPECTED = "SubRip, WebVTT, JSON with segments, HTML or plain text"


def read_transcript(data: bytes, name: str) -> Transcript:
    """Return the transcript in a file, whose format is recognised by its content, then by its name.

    Parameters
    ----------
    data
        The bytes of the file: SubRip, WebVTT, the JSON of the podcast namespace or of Whisper, HTML as the podcast
        namespace describes it, or plain text. UTF-8, UTF-16 or UTF-32.
    name
        The name of the file or its address, for messages and its suffix; or its MIME type.

    Returns
    -------
    Transcript
        At least one cue, ordered by time; cues of one time in the order of the file.

    Raises
    ------
    SourceError
        If the file cannot be decoded, is damaged, has another format, or holds no words.

    Notes
    -----
    Cost: linear in the length of the file.

    Examples
    --------
    >>> read_transcript(b"WEBVTT\\n\\n00:01.000 --> 00:02.500\\n<v Ada>Plant the garlic.", "ep1.vtt").cues
    (Cue(start=1.0, end=2.5, speaker='Ada', text='Plant the garlic.', is_change=False),)
    """
    entries: Iterable[Cue | None]
    text = _text(data, name)
    kind = _kind(text, name)
    if kind == "json":
        entries = json_cues(_segments(text, name))
    elif kind in ("srt", "vtt"):
        entries = _captions(text, name, is_vtt=kind == "vtt")
    else:
        entries = text_cues(html_words(text) if kind == "html" else normalise(text))
    return _transcript(entries, kind, name)


def _transcript(entries: Iterable[Cue | None], kind: str, name: str) -> Transcript:
    read = list(entries)
    cues = ordered(cue for cue in read if cue is not None)
    if not cues:
        raise SourceError(f"{name}: no words of a transcript; expected {_EXPECTED}.")
    return Transcript(cues, kind, len(read) - len(cues))


def _text(data: bytes, name: str) -> str:
    if not data.strip():
        raise SourceError(f"{name}: empty; expected a transcript.")
    if data[:2] not in (b"\xff\xfe", b"\xfe\xff") and b"\0" in data[:2]:
        # UTF-16 without a byte order mark: each letter of ASCII has one byte that is 0.
        data = (b"\xff\xfe" if data[1:2] == b"\0" else b"\xfe\xff") + data
    text = read_text(data, name)
    if "\0" in text[:1000]:
        raise SourceError(f"{name}: binary data; expected a transcript as text.")
    return text.replace("\r\r\n", "\n")


def _kind(text: str, name: str) -> str:
    """Return the format of a transcript: "srt", "vtt", "json", "html" or "text"."""
    begin = text.lstrip()[:1]
    # "[" may begin the time or the sound on the first line of a plain text.
    if begin == "{" or (begin == "[" and re.match(r"\s*\[\s*[{\]]", text)):
        return "json"
    if text.lstrip().startswith("WEBVTT"):
        return "vtt"
    suffix = PurePosixPath(re.split("[?;]", name, maxsplit=1)[0].lower().strip()).name.rpartition(".")[2]
    kind = _FORMATS.get(suffix.removeprefix("x-"), "text")
    if _HTML.match(text) or (kind == "text" and _WITH_CITES.search(text, 0, 5_000)):
        return "html"
    if _XML.match(text):
        raise SourceError(f"{name}: XML; expected {_EXPECTED}.")
    if kind == "text" and is_captions(text):
        return "srt"
    return kind


def _captions(text: str, name: str, *, is_vtt: bool) -> Iterable[Cue]:
    text = normalise(text)
    if not is_captions(text):
        raise SourceError(f"{name}: no line with times, expected lines such as 00:00:01.000 --> 00:00:04.000.")
    return caption_cues(text, is_vtt=is_vtt)


def _segments(text: str, name: str) -> list[object]:
    segments = json_segments(json_document(text, name))
    if segments is None:
        raise SourceError(f'{name}: JSON without a list of segments; expected {{"segments": [...]}}.')
    return segments
