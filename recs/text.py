"""Markup to the plain text that is embedded, and the removal of lines that every text repeats.

Plain text is NFC; its lines end in a newline; blocks (paragraphs, lists, tables, code) are separated by one blank line,
sections by two; a section begins with its heading, on a line of its own. List items, rows of tables, lines of code and
forced line breaks are lines of one block. There are no control characters, and nothing stands before or after it.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from recs.comments import remove_comments
from recs.html import INVISIBLE, html_text, is_block, is_element
from recs.items import Markup
from recs.markdown import markdown_html

_NEWLINES = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKS = re.compile(r"[^\w\s\x00-\x7f]{31,}")
_MOST_MARKS = 30


def plain_text(body: str, markup: Markup) -> str:
    """Return the plain text of a body as the head of this module describes it; "" where there are no words.

    What the author's own tool hides is left out (`recs.comments`). With the markup "text" the rest is only normalised:
    a tab becomes four spaces, three and more newlines become two blank lines. Cost: linear in the length of the body,
    whatever it holds.
    """
    body = remove_comments(body, markup)
    if markup == "text":
        return normalise(body)
    is_markdown = markup == "markdown"
    body = _SURROGATE.sub("\ufffd", body)  # no parser takes them
    return normalise(html_text(markdown_html(body) if is_markdown else body, shortcodes=not is_markdown))


def normalise(text: str) -> str:
    """Return a text in NFC without control characters, blanks at the ends of lines and more than two blank lines."""
    text = INVISIBLE.sub("", _NEWLINES.sub("\n", text).replace("\t", "    "))
    text = _SURROGATE.sub("\ufffd", text)
    text = unicodedata.normalize("NFC", _MARKS.sub(_fewer_marks, text))
    lines = [line.rstrip() for line in text.split("\n")]
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip()


def _fewer_marks(run: re.Match[str]) -> str:
    """Keep at most 30 combining marks in a row, as Unicode's stream-safe format does: to sort n of them costs n²."""
    kept, marks = [], 0
    for char in run[0]:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MOST_MARKS:
            kept.append(char)
    return "".join(kept)


# Fences and spans of code in Markdown.
CODE = re.compile(r"(?P<fence>`{3,}+|~{3,}+).*?(?:(?P=fence)|\Z)|(?<!`)(?P<ticks>`++)[^`]{1,1000}(?P=ticks)", re.DOTALL)
_OPENING = re.compile(
    r"\s*(?:<!--.{0,2000}?-->\s*)*(?:<!doctype html|<!-- wp:|<(?P<name>[a-z][a-z0-9]*)(?:\s[^<>]{0,2000})?/?>)",
    re.IGNORECASE | re.DOTALL,
)
_LEAF = re.compile(
    r"<(?P<name>[a-z][a-z0-9]*)(?P<attributes>\s[^<>]{0,2000})?>[^<]{0,2000}?(?:\w|<img\s)[^<]{0,2000}</(?P=name)\s*>",
    re.I,
)
_EMPTY = re.compile(r"<(?:br\s*/?|img\s[^<>]{0,2000})>|&(?:nbsp|hellip|[lr][sd]quo|[mn]dash|#8\d{3});", re.IGNORECASE)
_LONE = frozenset({"br", "hr", "img", "p", "li"})


def detect_markup(body: str) -> Markup:
    """Tell whether a body of unknown markup is "html" or "text".

    HTML is what begins with a block-level element, or holds two elements around words outside of code, so that a text
    that mentions `<div>` or `Vec<T>` stays a text. Never "markdown": any text is Markdown too, so a reader has to know.
    """
    if "<" not in body:
        return "text"
    opening = _OPENING.match(body.removeprefix("\ufeff"))
    if opening:
        name = (opening["name"] or "html").lower()
        if name in _LONE or name == "html" or (is_block(name) and re.search(rf"</{name}\s*>", body, re.IGNORECASE)):
            return "html"
    outside = CODE.sub(" ", body)
    evidence = min(len(_EMPTY.findall(outside)), 1)
    for leaf in _LEAF.finditer(outside):
        if is_element(leaf["name"]):
            evidence += 2 if "href=" in (leaf["attributes"] or "") else 1
        if evidence > 1:
            return "html"
    return "text"


# Boilerplate stands in so large a part of different texts, and in so many at least.
_SHARE, _LEAST = 0.5, 5


def remove_boilerplate(texts: Sequence[str], groups: Sequence[str | None]) -> tuple[list[str], dict[str, int]]:
    """Remove the lines that stand in at least half of the n plain texts, or of those of one group (a series, a feed, or
    None).

    A line counts once a text, and equal texts count once. It has to stand in five different texts at least, and to hold
    a letter or a digit. A text of which nothing would remain is kept whole. A section that loses its first line, its
    heading, continues the section before it. The order of the rows changes nothing but the order of the result. Cost:
    linear in the characters.

    Returns the texts, and each line that was removed from some text, its white space folded, with the number of texts
    it was removed from; the most frequent first, ties in the order of the lines.
    """
    everywhere = _common_lines(texts)
    members: defaultdict[str, list[str]] = defaultdict(list)
    for text, group in zip(texts, groups, strict=True):
        if group is not None:
            members[group].append(text)
    common = {group: everywhere | _common_lines(its_texts) for group, its_texts in members.items()}
    counts: Counter[str] = Counter()
    cleaned = []
    for text, group in zip(texts, groups, strict=True):
        lines = everywhere if group is None else common[group]
        result, gone = without_lines(text, lines)
        counts.update(gone)
        cleaned.append(result)
    return cleaned, dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _common_lines(texts: Iterable[str]) -> set[str]:
    distinct = set(texts)
    least = max(_LEAST, _SHARE * len(distinct))
    if len(distinct) < _LEAST:
        return set()
    counts: Counter[str] = Counter()
    for text in distinct:
        counts.update({_fold(line) for line in text.split("\n")})
    return {line for line, count in counts.items() if count >= least and any(map(str.isalnum, line))}


def _fold(line: str) -> str:
    return " ".join(line.split())


def without_lines(text: str, common: set[str]) -> tuple[str, set[str]]:
    """Return a text without these lines (white space folded), whole where it is nothing else, and those it has lost."""
    gone: set[str] = set()
    kept: list[str] = []
    if not common:
        return text, gone
    for section in text.split("\n\n\n"):
        blocks = []
        lost_heading = False
        for number, block in enumerate(section.split("\n\n")):
            lines = block.split("\n")
            rest = [line for line in lines if _fold(line) not in common]
            if len(rest) < len(lines):
                gone.update(common.intersection(map(_fold, lines)))
                lost_heading = lost_heading or (number == 0 and _fold(lines[0]) in common)
            if any(rest):
                blocks.append("\n".join(rest))
        if blocks:
            kept.append(("" if not kept else "\n\n" if lost_heading else "\n\n\n") + "\n\n".join(blocks))
    return ("".join(kept).strip(), gone) if kept else (text, set())
