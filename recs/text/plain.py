"""Markup to the plain text that is embedded.

Plain text is in Unicode's form NFC. One blank line separates blocks (paragraphs, lists, tables, code), two blank lines
separate sections. A section begins with its heading, on a line of its own. Inside a block, each list item, each row of
a table, each line of code and each forced line break begins a new line. Plain text has no control characters, and no
white space at its beginning or end.
"""

import re
import unicodedata

from recs.items import Markup
from recs.text.characters import INVISIBLE, replace_surrogates
from recs.text.hidden.comments import remove_comments
from recs.text.html_elements import is_block, is_element

_OTHER_NEWLINES = "\r\v\f\x85\u2028\u2029"
_NEWLINES = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_ASCII = re.compile(r"[\x00-\x7f]+")
_MOST_MARKS = 30
_MARKS = re.compile(rf"[^\w\s\x00-\x7f]{{{_MOST_MARKS + 1},}}")


def plain_text(body: str, markup: Markup) -> str:
    """Return the plain text of a body, as the head of this module describes it; "" if the body has no words.

    Parts that the author's own tool hides are left out (`recs.text.hidden.comments`). A body with the markup "text" is
    then only normalised: a tab becomes four spaces, and there are at most two blank lines in a row.

    Cost: linear in the length of the body, whatever it holds.

    Examples
    --------
    >>> plain_text("# Garlic\\n\\nPlant it in **October**. <!-- check this -->", "markdown")
    'Garlic\\n\\nPlant it in October.'
    """
    body = remove_comments(body, markup)
    if markup == "text":
        return normalise(body)
    from recs.text.html_walk import html_text
    from recs.text.markdown import markdown_html

    is_markdown = markup == "markdown"
    body = replace_surrogates(body)  # no parser accepts them
    return normalise(html_text(markdown_html(body) if is_markdown else body, shortcodes=not is_markdown))


def normalise(text: str) -> str:
    """Return a text in NFC, without control characters, blanks at line ends, or more than two blank lines in a row.

    Examples
    --------
    >>> normalise("one  \\r\\ntwo\\n\\n\\n\\n\\nthree\\n")
    'one\\ntwo\\n\\n\\nthree'
    """
    # The cheap tests before a substitution are true for most texts, and save most of the time.
    if any(newline in text for newline in _OTHER_NEWLINES):
        text = _NEWLINES.sub("\n", text)
    text = replace_surrogates(INVISIBLE.sub("", text.replace("\t", "    ")))
    if any(len(run) > _MOST_MARKS for run in _ASCII.split(text)):
        text = _MARKS.sub(_fewer_marks, text)
    lines = [line.rstrip() for line in unicodedata.normalize("NFC", text).split("\n")]
    text = "\n".join(lines)
    return (re.sub(r"\n{4,}", "\n\n\n", text) if "\n\n\n\n" in text else text).strip()


def _fewer_marks(run: re.Match[str]) -> str:
    """Keep at most 30 combining marks in a row, as Unicode's stream-safe format does: sorting n takes n² time."""
    kept = []
    marks = 0
    for char in run[0]:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MOST_MARKS:
            kept.append(char)
    return "".join(kept)


# Code in Markdown: fences and code spans.
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
    """Return "html" or "text" for a body of unknown markup.

    A body is HTML if it begins with a block-level element, or if two elements in it enclose words outside of code. So a
    text that mentions `<div>` or `Vec<T>` stays a text. The answer is never "markdown": every text is valid Markdown,
    so the caller has to know.

    Examples
    --------
    >>> detect_markup("<p>Plant it in October.</p>"), detect_markup("A div opens with <div>.")
    ('html', 'text')
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
