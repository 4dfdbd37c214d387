"""The heading that can stand for a missing title."""

import re

from recs.comments import remove_comments
from recs.items import Markup
from recs.markdown import markdown_html
from recs.text import plain_text

_HEADING = re.compile(r"<h(?P<level>[1-6])\b[^<>]{0,500}>(?P<inside>.{0,2000}?)</h(?P=level)\s*>", re.DOTALL | re.I)
_MOST_HEADINGS = 50


def first_heading(body: str, markup: Markup, *, leading: bool = False) -> str:
    """Return the first heading of a body as one line; "" where there is none.

    With `leading`, only one that heads the whole body: the first of the first level, or one with no text before it.
    """
    if markup == "text":
        return ""
    source = remove_comments(body, markup)
    source = markdown_html(source) if markup == "markdown" else source
    for number, match in enumerate(_HEADING.finditer(source)):
        if number == _MOST_HEADINGS:
            break
        heads_all = match["level"] == "1" or (number == 0 and not plain_text(source[: match.start()], "html"))
        if leading and not heads_all:
            continue
        words = " ".join(plain_text(match["inside"], "html").split())
        if words:
            return words
    return ""
