"""Turns a transcript into one text of turns, in which each character has its time."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from recs.readers.transcripts.cues import Cue, Transcript

_PARAGRAPH = 120
"""Words after which a paragraph of a long turn ends with its sentence."""

_WORDS = re.compile(rf"(?:\S+ ){{{_PARAGRAPH}}}")
# A sentence that ends within 800 characters; the last word has three letters, so that it is hardly an abbreviation.
_SENTENCE = re.compile(r".{0,800}?(?:\w\w\w[.!?…]+[\"'”’)\]]*|[。！？])( )(?![a-z])")
_CLOSERS = re.compile(r"[,.;:!?…)\]”’。、，！？]")
_WIDE = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says until another one speaks: one cue or more."""

    speaker: str
    cues: tuple[Cue, ...]


@dataclass(frozen=True, slots=True)
class TimedText:
    """A text, and the time of each of its characters.

    Attributes
    ----------
    text
        Paragraphs, separated by a blank line. The first paragraph of a turn begins with the name of its speaker and a
        colon, if the speaker has a name.
    offsets
        Where each cue begins in the text, ascending. The name of a speaker belongs to the first cue of the turn, and
        what separates two cues belongs to the earlier one.
    starts, ends
        Seconds of each cue. A cue without a start has that of the cue before it; one without an end ends where the next
        one begins. None if that is missing too.
    """

    text: str
    offsets: tuple[int, ...]
    starts: tuple[float | None, ...]
    ends: tuple[float | None, ...]

    def seconds_at(self, offset: int) -> float | None:
        """Return when the cue begins that holds the character at an offset.

        Examples
        --------
        >>> spoken = timed_text(Transcript((Cue(1.0, 2.0, "Ada", "Hi."), Cue(2.0, 4.0, "Bo", "Hello.")), "srt"))
        >>> spoken.seconds_at(0), spoken.seconds_at(spoken.text.index("Hello"))
        (1.0, 2.0)
        """
        return self.starts[self._cue_at(offset)] if self.starts else None

    def span_seconds(self, start: int, stop: int) -> tuple[float | None, float | None]:
        """Return when the first cue of a span begins and when its last cue ends; a span is `text[start:stop]`.

        Examples
        --------
        >>> spoken = timed_text(Transcript((Cue(1.0, 2.0, "Ada", "Hi."), Cue(2.0, 4.0, "Bo", "Hello.")), "srt"))
        >>> spoken.span_seconds(0, len(spoken.text))
        (1.0, 4.0)
        """
        last = max(start, stop - 1)
        return self.seconds_at(start), self.ends[self._cue_at(last)] if self.ends else None

    def _cue_at(self, offset: int) -> int:
        return max(0, bisect_right(self.offsets, offset) - 1)


def turns(transcript: Transcript) -> list[Turn]:
    """Return the turns of a transcript, in its order.

    Examples
    --------
    >>> cues = (Cue(0, 1, "Ada", "Hi."), Cue(1, 2, "Ada", "So."), Cue(2, 3, "Bo", "Yes."))
    >>> [(turn.speaker, len(turn.cues)) for turn in turns(Transcript(cues, "srt"))]
    [('Ada', 2), ('Bo', 1)]
    """
    cues_of_turns: list[list[Cue]] = []
    for cue in transcript.cues:
        if cues_of_turns and cue.speaker == cues_of_turns[-1][0].speaker and not cue.is_change:
            cues_of_turns[-1].append(cue)
        else:
            cues_of_turns.append([cue])
    return [Turn(cues[0].speaker, tuple(cues)) for cues in cues_of_turns]


def timed_text(transcript: Transcript) -> TimedText:
    """Return the text of a transcript with its times.

    A turn of more than about 120 words becomes several paragraphs, which end with a sentence; a turn without full stops
    is cut between two words.

    Notes
    -----
    Cost: linear in the number of characters.

    Examples
    --------
    >>> cues = (Cue(1.0, 2.0, "Ada", "Plant"), Cue(2.0, 3.0, "Ada", "garlic."), Cue(3.0, None, "Bo", "When?"))
    >>> timed_text(Transcript(cues, "vtt"))
    TimedText(text='Ada: Plant garlic.\\n\\nBo: When?', offsets=(0, 11, 20), starts=(1.0, 2.0, 3.0),
              ends=(2.0, 3.0, None))
    """
    texts: list[str] = []
    offsets: list[int] = []
    length = 0
    for turn in turns(transcript):
        text, places = _paragraphs(*_joined(turn))
        offsets += (length + place for place in places)
        texts.append(text)
        length += len(text) + 2
    starts = _carried(cue.start for cue in transcript.cues)
    following = (*starts[1:], None)
    ends = tuple(after if cue.end is None else cue.end for cue, after in zip(transcript.cues, following, strict=True))
    return TimedText("\n\n".join(texts), tuple(offsets), starts, ends)


def _joined(turn: Turn) -> tuple[str, list[int]]:
    """Return the words of a turn on one line, and where each cue begins."""
    pieces = [f"{turn.speaker}: {turn.cues[0].text}" if turn.speaker else turn.cues[0].text]
    offsets = [0]
    length = len(pieces[0])
    for earlier, cue in pairwise(turn.cues):
        is_wide = _WIDE.match(cue.text) and _WIDE.match(earlier.text[-1])
        gap = "" if is_wide or _CLOSERS.match(cue.text) else " "
        offsets.append(length + len(gap))
        pieces += (gap, cue.text)
        length += len(gap) + len(cue.text)
    return "".join(pieces), offsets


def _paragraphs(text: str, offsets: Sequence[int]) -> tuple[str, Sequence[int]]:
    """Return a line as paragraphs, with the offsets moved by the blank lines between them."""
    cuts: list[int] = []
    begin = 0
    while words := _WORDS.match(text, begin):
        sentence = _SENTENCE.match(text, words.end() - 4) or None
        if sentence is None and not (words := _WORDS.match(text, words.end())):
            break
        space = sentence.start(1) if sentence else words.end() - 1
        cuts.append(space)
        begin = space + 1
    if not cuts:
        return text, offsets
    parts = [text[start + 1 : stop] for start, stop in pairwise((-1, *cuts, len(text)))]
    return "\n\n".join(parts), [offset + bisect_left(cuts, offset) for offset in offsets]


def _carried(starts: Iterable[float | None]) -> tuple[float | None, ...]:
    carried: list[float | None] = []
    for start in starts:
        carried.append(carried[-1] if start is None and carried else start)
    return tuple(carried)
