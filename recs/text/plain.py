"""Markup to the plain text that is embedded, and the removal of lines that every text repeats.

Plain text is NFC; its lines end in a newline; blocks (paragraphs, lists, tables, code) are separated by one blank line,
sections by two; a section begins with its heading, on a line of its own. List items, rows of tables, lines of code and
forced line breaks are lines of one block. There are no control characters, and nothing stands before or after it.
"""

import re
import unicodedata

from recs.items import Markup
from recs.text.hidden.comments import remove_comments
from recs.text.html import INVISIBLE, html_text, is_block, is_element
from recs.text.markdown import markdown_html

_NEWLINES = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MARKS = re.compile(r"[^\w\s\x00-\x7f]{31,}")
_MOST_MARKS = 30


def plain_text(body: str, markup: Markup) -> str:
    """Return the plain text of a body as the head of this module describes it; "" where there are no words.

    What the author's own tool hides is left out (`recs.text.hidden.comments`). With the markup "text" the rest is only
    normalised: a tab becomes four spaces, three and more newlines become two blank lines. Cost: linear in the length of
    the body, whatever it holds.
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
