"""Turns a transcript and chapters into one text of turns, in which each character has its time."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

from recs.readers.transcripts.chapters import Chapter
from recs.readers.transcripts.cues import Cue, Transcript
from recs.times import Times

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


class TimedText(NamedTuple):
    """A transcript as one text, and its times.

    `text` has paragraphs, separated by a blank line. The first paragraph of a turn begins with the name of its speaker
    and a colon, if the speaker has a name. A chapter is a section that begins with its title.
    """

    text: str
    times: Times


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


def timed_text(transcript: Transcript, chapters: Sequence[Chapter] = ()) -> TimedText:
    """Return the text of a transcript with its times.

    A turn of more than about 120 words becomes several paragraphs, which end with a sentence; a turn without full stops
    is cut between two words. In the times, a cue without a start has that of the cue before it; one without an end ends
    where the next one begins.

    Parameters
    ----------
    chapters
        The chapters of the episode, by time. Each title stands before the first cue that begins at its time or later;
        a chapter in which no cue begins is left out.

    Notes
    -----
    Cost: linear in the number of characters.

    Examples
    --------
    >>> cues = (Cue(1.0, 2.0, "Ada", "Plant"), Cue(2.0, 3.0, "Ada", "garlic."), Cue(3.0, None, "Bo", "When?"))
    >>> spoken = timed_text(Transcript(cues, "vtt"), [Chapter(2.5, "On time")])
    >>> spoken.text, spoken.times.offsets, spoken.times.starts
    ('Ada: Plant garlic.\\n\\n\\nOn time\\n\\nBo: When?', (0, 11, 21, 30), (1.0, 2.0, 2.5, 3.0))
    """
    starts = _carried(cue.start for cue in transcript.cues)
    following = (*starts[1:], None)
    ends = tuple(after if cue.end is None else cue.end for cue, after in zip(transcript.cues, following, strict=True))
    joined = _Joined()
    for chapter, section in _sections(transcript, starts, chapters):
        first, stop = joined.cues, joined.cues + len(section.cues)
        joined.add_section(chapter, section, starts[first:stop], ends[first:stop])
    return TimedText("".join(joined.texts), Times(tuple(joined.offsets), tuple(joined.starts), tuple(joined.ends)))


class _Joined:
    """The sections of a text, as they are put one after another."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.offsets: list[int] = []
        self.starts: list[float | None] = []
        self.ends: list[float | None] = []
        self.cues = 0
        self._length = 0

    def add_section(
        self,
        chapter: Chapter | None,
        section: Transcript,
        starts: Sequence[float | None],
        ends: Sequence[float | None],
    ) -> None:
        """Add the turns of a section with the times of its cues, below the title of its chapter if it has one."""
        if chapter is not None:
            self._add_block(chapter.title, [0], "\n\n\n")
            self.starts.append(chapter.start)
            self.ends.append(chapter.start)
        for turn in turns(section):
            self._add_block(*_paragraphs(*_joined(turn)), "\n\n")
        self.starts += starts
        self.ends += ends
        self.cues += len(section.cues)

    def _add_block(self, text: str, offsets: Iterable[int], gap: str) -> None:
        if self.texts:
            self.texts.append(gap)
            self._length += len(gap)
        self.offsets += (self._length + offset for offset in offsets)
        self.texts.append(text)
        self._length += len(text)


def _sections(
    transcript: Transcript, starts: Sequence[float | None], chapters: Sequence[Chapter]
) -> Iterator[tuple[Chapter | None, Transcript]]:
    """Yield the parts of a transcript with their chapters: what is said before the first one has none."""
    times = [-1.0 if start is None else start for start in starts]
    firsts = [bisect_left(times, chapter.start) for chapter in chapters]
    for chapter, (first, stop) in zip((None, *chapters), pairwise((0, *firsts, len(times))), strict=True):
        if first < stop:
            yield chapter, replace(transcript, cues=transcript.cues[first:stop])


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
