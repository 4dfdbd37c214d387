"""Tells speech from what stands around it: names of speakers at the beginning of lines, and sounds."""

import re
from collections import Counter

from recs.readers.transcripts.cues import NAME_ENDS, NAME_OPENS

_WORD = r"[^\W_](?:[^\s:\[\]()<>\"“”!?;,\x02\x03]{0,30}[^\s:\[\]()<>\"“”!?;,.\x02\x03]|\.)?"
NAME = rf"{_WORD}(?:[ ](?:&[ ])?{_WORD}){{0,4}}"
"""The form of a name, of at most five words; `is_name` decides."""

_SPEAKER = re.compile(
    rf"^[ \t]*(?:(?P<arrows>>{{2,3}})[ \t]*|[-–—][ \t]?(?=[^\W\d_]))?(?P<name>{NAME}):(?=[ \t]|$)(?P<words>[^\n]*)",
    re.MULTILINE,
)
_ARROWS = re.compile(r"^[ \t]*>{2,3}[ \t]*|(?<=\s)>{2,3}(?!\S)[ \t]*", re.MULTILINE)
_DASH = re.compile(r"^[ \t]*[-–—][ \t]?(?=([^\W\d_]|[\"“'‘«¿¡]))", re.MULTILINE)
_PARTICLE = re.compile(r"of|the|and|und|von|van|de|der|den|di|da|du|la|le|el|al|zu|bin|ibn|y|&")
# Words before a colon that begin a remark. In a transcript they may stand at the beginning of many lines.
_REMARK = re.compile(
    r"notes?|nb|warning|tips?|hint|example|question|answer|remember|result|update|correction|caution|summary|spoiler|"
    r"disclaimer|sources?|links?|https?|ps|title|date|duration|recorded|kind|language|transcript|"
    r"achtung|hinweis|beispiel|frage|antwort|fazit|merke",
    re.IGNORECASE,
)
_LEAST_TURNS = 2
_MARKED = re.compile(f"{NAME_OPENS}([^{NAME_ENDS}]+){NAME_ENDS}")
_SPOKEN = re.compile(r"^[^\n]*?[^\W\d_]", re.MULTILINE)

_BRACKETS = re.compile(r"\[([^\[\]\n]{1,80})\]|\(([^()\n]{1,80})\)|[♪♫♩♬]+|\*([^*\n]{1,40})\*")
_SOUNDS = re.compile(
    r"\b(?:music|musik|musique|música|theme|jingle|song|singing|applause|applaus|clapping|cheer\w*|laugh\w*|lach\w*|"
    r"gelächter|rires?|risas|chuckl\w*|giggl\w*|sighs?|gasps?|cough\w*|sniff\w*|clears? throat|breath\w*|silence|pause|"
    r"inaudible|unintelligible|indistinct|unverständlich|crosstalk|cross talk|overlapping|noise|static|beep\w*|"
    r"ring\w*|blank[_ ]audio|no speech|foreign|sound|sounds|knock\w*|bark\w*)\b",
    re.IGNORECASE,
)


def is_name(text: str) -> bool:
    """Whether the words before a colon may be the name of a speaker.

    Examples
    --------
    >>> [is_name(text) for text in ("Dr. Ada von Holm", "SPEAKER 1", "Note", "the point is", "10")]
    [True, True, False, False, False]
    """
    words = text.split()
    return (
        len(text) <= 40
        and not _REMARK.fullmatch(text)
        and any(letter.isalpha() for letter in words[0])
        and not words[0][0].islower()
        and not any(word[0].islower() and not _PARTICLE.fullmatch(word) for word in words)
    )


def speaker_names(text: str) -> frozenset[str]:
    """Return the names that stand before a colon at the beginning of two lines that differ, or of all lines.

    One line is enough for a name that is marked elsewhere in the text.

    Examples
    --------
    >>> sorted(speaker_names("Ada: Hi.\\nBo: Hi.\\nAda: Note: it rains.\\nThen: we\\ngo.\\nBo: No."))
    ['Ada', 'Bo']
    """
    lines = {(match["name"], match["words"]) for match in _SPEAKER.finditer(text) if is_name(match["name"])}
    turns = Counter(name for name, _ in lines)
    is_all = _LEAST_TURNS <= len(lines) >= len(_SPOKEN.findall(text))
    least = 1 if is_all else _LEAST_TURNS
    marked = frozenset(_MARKED.findall(text))
    return frozenset(name for name, count in turns.items() if count >= least or name in marked)


def mark_speakers(text: str) -> str:
    """Return a text with a mark in place of each name that begins a line, and of each ">>".

    If the text has no names, a dash that begins a line and does not go on in lower case is a change of speakers too.

    Examples
    --------
    >>> marked = mark_speakers("ADA: Hi.\\n>> BO: It is 10:30.\\nADA: No.\\nBO: Yes.\\n>> Oh.")
    >>> marked.replace("\\x02", "<").replace("\\x03", ">")
    '<ADA>Hi.\\n<BO>It is 10:30.\\n<ADA>No.\\n<BO>Yes.\\n<>Oh.'
    """
    names = speaker_names(text) if ":" in text else frozenset()
    if names:
        text = _SPEAKER.sub(lambda match: _marked(match, names), text)
    if ">>" in text:
        text = _ARROWS.sub(NAME_OPENS + NAME_ENDS, text)
    if names or _MARKED.search(text):
        return text
    return _DASH.sub(lambda match: match[0] if match[1].islower() else NAME_OPENS + NAME_ENDS, text)


def _marked(match: re.Match[str], names: frozenset[str]) -> str:
    if match["name"] not in names:
        return match[0]
    return f"{NAME_OPENS}{match['name']}{NAME_ENDS}{match['words'].lstrip()}"


def without_sounds(text: str, *, is_captions: bool) -> str:
    """Return a text without notes and what brackets say about sounds: "[Music]", "(applause)".

    Other words in brackets stay, because they may be said; but square brackets alone on a line of captions are no
    speech.

    Examples
    --------
    >>> without_sounds("[Music] We plant ♪ (garlic) (laughs) here.", is_captions=True)
    ' We plant  (garlic)  here.'
    """

    def kept(match: re.Match[str]) -> str:
        inside = match[1] or match[2] or match[3]
        if not inside or _SOUNDS.search(inside):
            return ""
        is_alone = match.start() == 0 or text[match.start() - 1] == "\n"
        is_alone = is_alone and text[match.end() : match.end() + 1] in ("", "\n")
        return "" if match[1] and is_captions and is_alone else match[0]

    return _BRACKETS.sub(kept, text)
