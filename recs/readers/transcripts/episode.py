"""An episode: what was written about it, and what is said in it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from recs.errors import SourceError
from recs.items import Item
from recs.readers.transcripts.captions import is_captions
from recs.readers.transcripts.documents import json_segments
from recs.readers.transcripts.read import read_transcript
from recs.readers.transcripts.timed import TimedText, timed_text
from recs.text.plain import detect_markup, plain_text
from recs.text.written import GAP
from recs.times import Times


class Episode(NamedTuple):
    """A record with the text of its transcript."""

    fields: Mapping[str, object]
    spoken: TimedText


def joined(written: str, spoken: TimedText) -> tuple[str, Times]:
    """Return the text of an episode, its transcript as a section at the end, and the times of that text.

    Examples
    --------
    >>> text, times = joined("Notes.", TimedText("Hi.", Times((0,), (1.5,), (2.0,))))
    >>> text, times.offsets
    ('Notes.\\n\\n\\nHi.', (9,))
    """
    before = f"{written}{GAP}" if written else ""
    return f"{before}{spoken.text}", spoken.times.moved(len(before))


def with_spoken(item: Item, spoken: TimedText) -> Item:
    """Return an item with a transcript at the end of its text."""
    text, times = joined(item.text, spoken)
    return replace(item, text=text, times=times)


def spoken_field(value: object) -> TimedText | None:
    """Return the transcript in a field: SubRip, WebVTT, a list of segments, HTML or text; None if it holds no words.

    Examples
    --------
    >>> spoken_field("WEBVTT\\n\\n00:01.000 --> 00:02.000\\nHi.")
    TimedText(text='Hi.', times=Times(offsets=(0,), starts=(1.0,), ends=(2.0,)))
    """
    if isinstance(value, list | Mapping):
        text = json.dumps(value) if json_segments(value) else ""
    else:
        text = value if isinstance(value, str) else ""
        if not is_captions(text) and detect_markup(text) == "markdown":
            text = plain_text(text, "markdown")
    try:
        return timed_text(read_transcript(text.encode("utf-8", "replace"), "transcript"))
    except SourceError:
        return None
