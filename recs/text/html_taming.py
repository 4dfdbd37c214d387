"""Rewrites HTML for which a parser would need more than linear time, so that hostile markup costs no more than other.

Three shapes are dangerous: formatting elements that are never closed, elements that are nested without end, and tags
with thousands of attributes, since a parser compares each with all others.
"""

import re
from collections import Counter

from recs.text.html_elements import BREAKS, HEADINGS, names_in

# A formatting element that is left open is opened again in each later block, so n of them before n paragraphs make n²
# nodes. The other elements here change what a closing tag may close. Under another name they are all plain inline
# elements.
_RENAMED = (
    "(?=(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u"
    "|applet|button|form|marquee|object|select|template)[\\s/>])"
)
_OPENED = re.compile(f"<{_RENAMED}", re.IGNORECASE)
_CLOSED = re.compile(f"</{_RENAMED}", re.IGNORECASE)
# One token of the HTML standard: a comment, an element whose content is not markup, or a tag with its attributes.
_TOKEN = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|<(script|style|textarea|title|iframe|noembed|noframes|xmp)(?=[\s/>])(?:.*?</\1(?=[\s/>])|.*\Z)"
    r"|<(?P<end>/?)(?P<name>[a-z][^\s/>]*)"
    r"(?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?)?)*+>?",
    re.IGNORECASE | re.DOTALL,
)
# Void elements, and elements whose opening tag closes another one of the same kind.
_NOT_NESTING = names_in(
    """area base body br col colgroup embed head hr html img input link meta optgroup option p param source tbody td
    tfoot th thead tr track wbr"""
)
_ATTRIBUTE = r"(?:[\s/]++[^\s/>=\"'][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+))?)"
_MOST_ATTRIBUTES = 500
_MANY_ATTRIBUTES = re.compile(
    rf"(?P<kept><[a-z][^\s/>]*+{_ATTRIBUTE}{{{_MOST_ATTRIBUTES}}})(?:{_ATTRIBUTE})++", re.IGNORECASE
)
_DRAWING = re.compile(r"<svg\b(?:(?!<svg\b).)*?</svg\s*>", re.IGNORECASE | re.DOTALL)
# No page that a person wrote is nested so deep. At each tag a parser may look at all the elements that are open.
_DEEPEST = 256


def tame(source: str) -> str:
    """Return HTML with the same text that a parser reads in linear time.

    Formatting elements get other names. If elements are nested more than 256 deep, tags become breaks: `<br>` for a
    block, `<wbr>` for any other. A tag keeps its first 500 attributes.

    Examples
    --------
    >>> tame("<p><b>bold</b> move")
    '<p><x-b>bold</x-b> move'
    """
    source = _CLOSED.sub("</x-", _OPENED.sub("<x-", source.replace("\0", "")))
    source = _MANY_ATTRIBUTES.sub(r"\g<kept>", source)
    if source.count("<") - source.count("</") <= _DEEPEST:
        return source
    source = _DRAWING.sub("", source)  # its elements close themselves, and it holds no text
    return _TOKEN.sub(_flattened, source) if _is_too_deep(source) else source


def _flattened(token: re.Match[str]) -> str:
    """Return what replaces a token where elements are nested too deep."""
    name = (token["name"] or "p").lower()
    if name in _NOT_NESTING or name in HEADINGS:
        return token[0]
    return "<br>" if name in BREAKS else "<wbr>"


def _is_too_deep(source: str) -> bool:
    """Whether more elements are open at once than in any page that a person wrote. The count is never too low."""
    depth = _Depth()
    for token in _TOKEN.finditer(source):
        name = (token["name"] or "").lower()
        if not name or name in _NOT_NESTING:
            continue
        if token["end"]:
            depth.close(name)
            continue
        depth.open(name)
        if depth.total > _DEEPEST:
            return True
    return False


class _Depth:
    """How many elements are open, at most."""

    def __init__(self) -> None:
        # One counter for each table that is open, since a closing tag in a table closes nothing around it.
        self.tables = [Counter[str]()]
        self.total = 0
        self.last_item = ""

    def open(self, name: str) -> None:
        """Count an opening tag."""
        if name in ("dd", "dt", "li"):
            before = self.last_item
            self.last_item = name.replace("t", "d")
            if before == self.last_item:  # this tag closes the item before it
                return
        self.total += 1
        self.tables[-1][name] += 1
        if name == "table":
            self.tables.append(Counter())

    def close(self, name: str) -> None:
        """Count a closing tag; one without an opening tag closes nothing."""
        if name == "table" and len(self.tables) > 1:
            self.total -= self.tables.pop().total()
        closed = min(self.tables[-1][name], 1)
        self.tables[-1][name] -= closed
        self.total -= closed
