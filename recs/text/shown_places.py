"""Tells which places of a body are in its plain text, and not in navigation, in a hidden part or in an injected list.

A mark is written at each place, and the walk that makes the text tells which marks it passes. So text and links follow
the same rules.
"""

import re
from collections.abc import Sequence

from recs.items import Markup
from recs.text.characters import replace_surrogates
from recs.text.html_elements import DROPPED, PAGE_PARTS

# A body without any of these has no part that the walk leaves out. It may match more; then the walk decides.
_MAY_LEAVE_OUT = re.compile(
    rf"<(?:{'|'.join(sorted({*DROPPED, *PAGE_PARTS, 'dialog', 'applet', 'button', 'form', 'object', 'select'}))})[\s/>]"
    r"|<(?:html|body|main)\b|<[a-z][^<>]{0,1000}\s(?:class|id|role|style|hidden|aria-hidden)\b",
    re.IGNORECASE,
)


def shown_places(body: str, markup: Markup, places: Sequence[int]) -> list[bool]:
    """Return for each place in a body whether the plain text holds what stands there.

    Parameters
    ----------
    body
        A body without comments (`recs.text.hidden.cuts.masked`).
    markup
        Its markup. In a body with the markup "text", every place is shown.
    places
        Positions in ascending order, each where a link begins.

    Examples
    --------
    >>> shown_places("<p>a b</p><nav>c</nav>", "html", [5, 15])
    [True, False]
    """
    if not places or markup == "text" or not _MAY_LEAVE_OUT.search(body):
        return [True] * len(places)
    from recs.text.html_walk import MARK, shown_marks
    from recs.text.markdown import markdown_html

    ends = [*places[1:], len(body)]
    pieces = [body[start:stop] for start, stop in zip(places, ends, strict=True)]
    marked = [f"<wbr {MARK}={number}>{piece}" for number, piece in enumerate(pieces)]
    source = replace_surrogates(body[: places[0]] + "".join(marked))
    if markup == "html":
        marks = shown_marks(source)
    else:
        html = markdown_html(source)
        # Indented lines may be code or, in some dialects, part of a note. Links in them stay.
        marks = shown_marks(html, shortcodes=False).union(re.findall(rf"&lt;wbr {MARK}=(\d+)&gt;", html))
    return [str(number) in marks for number in range(len(places))]
