"""Finds the heading that can serve as the title of a text without one."""

import re

from recs.items import Markup
from recs.text.hidden.comments import remove_comments
from recs.text.plain import normalise

_HEADING = re.compile("<h[1-6]", re.IGNORECASE)
_MOST_HEADINGS = 50


def first_heading(body: str, markup: Markup, *, leading: bool = False) -> str:
    """Return the first heading of a body on one line; "" if it has none. Hidden headings do not count.

    With `leading`, a heading counts only if it is the heading of the whole body: it has level 1, or no text before it.

    Examples
    --------
    >>> first_heading("Plant it in October.\\n\\n## Harvest\\n", "markdown")
    'Harvest'
    >>> first_heading("Plant it in October.\\n\\n## Harvest\\n", "markdown", leading=True)
    ''
    """
    if markup == "text":
        return ""
    from recs.text.html_walk import html_headings
    from recs.text.markdown import markdown_html

    source = remove_comments(body, markup)
    source = markdown_html(source) if markup == "markdown" else source
    if not _HEADING.search(source):
        return ""
    for heading in html_headings(source)[:_MOST_HEADINGS]:
        heads_all = heading.level == 1 or not heading.follows_words
        words = " ".join(normalise(heading.words).split())
        if words and (heads_all or not leading):
            return words
    return ""
