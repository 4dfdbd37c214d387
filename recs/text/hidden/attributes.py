"""Tells from its attributes, classes and styles whether an element is hidden, in any markup."""

import re
from collections.abc import Mapping

# Classes that hide an element, and classes that show it again on some screens.
_HIDDEN_NAME = re.compile(r"hidden|is-hidden|hide|invisible|d-none")
_SHOWN_AGAIN = re.compile(r"(?:sm|md|lg|xl|2xl|print):.*|d-(?:sm|md|lg|xl|xxl|print)-.*")
_STYLE_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_ZERO = r"(?:0{1,9}(?:\.0{0,9})?|\.0{1,9})"
_HIDING_STYLE = re.compile(
    r"(?:^|[;\s])(?:display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}(?:hidden|collapse)"
    rf"|(?:opacity|font-size)\s{{0,9}}:\s{{0,9}}{_ZERO}(?:%|[a-z]{{1,4}})?\s{{0,9}}(?:[!;]|$))",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(
    r"(?P<name>[\w:-]{1,80})\s{0,9}=\s{0,9}(?:\"(?P<double>[^\"]{0,2000})\"|'(?P<single>[^']{0,2000})'"
    r"|(?P<plain>[^\s\"'{}<>]{1,500}))|\.(?P<class>[\w-]{1,100})|#[\w:.-]{1,100}|(?P<lone>[\w:-]{1,80})"
)


def is_hidden(attributes: Mapping[str, str | None]) -> bool:
    """Whether an element with these attributes is not shown.

    Examples
    --------
    >>> is_hidden({"class": "note hidden"}), is_hidden({"style": "display: none"}), is_hidden({"class": "note"})
    (True, True, False)
    """
    names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}".split()
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or (any(map(_HIDDEN_NAME.fullmatch, names)) and not any(map(_SHOWN_AGAIN.fullmatch, names)))
        or bool(_HIDING_STYLE.search(_STYLE_COMMENT.sub("", attributes.get("style") or "")))
    )


def read_attributes(words: str, *, lone: bool = True) -> dict[str, str]:
    """Return the attributes of an HTML tag, or of a list such as `.class key="value"`.

    All classes are in "class". A name without a value counts if `lone`.

    Examples
    --------
    >>> read_attributes('.note .wide lang="en" hidden')
    {'lang': 'en', 'hidden': '', 'class': ' note wide'}
    """
    attributes: dict[str, str] = {}
    classes = []
    for match in _ATTRIBUTE.finditer(words):
        if match["name"]:
            value = match["double"] or match["single"] or match["plain"] or ""
            attributes.setdefault(match["name"].lower(), value)
        elif match["class"]:
            classes.append(match["class"])
        elif match["lone"] and lone:
            attributes.setdefault(match["lone"].lower(), "")
    if classes:
        attributes["class"] = " ".join([attributes.get("class", ""), *classes])
    return attributes
