"""Markup to plain text (a first version)."""

from __future__ import annotations

import re
import unicodedata

from recs.boilerplate import Cleaned, remove_boilerplate
from recs.items import Markup

__all__ = ["Cleaned", "detect_markup", "plain_text", "remove_boilerplate"]


def plain_text(body: str, markup: Markup) -> str:
    """Return the plain text of a body."""
    from selectolax.lexbor import LexborHTMLParser

    if markup == "markdown":
        from markdown_it import MarkdownIt

        body = MarkdownIt("commonmark").enable("table").render(body)
    if markup != "text":
        body = LexborHTMLParser(body).text(separator="\n")
    body = unicodedata.normalize("NFC", body.replace("\r\n", "\n"))
    return re.sub(r"\n{3,}", "\n\n\n", re.sub(r"[ \t]+\n", "\n", body)).strip()


def detect_markup(body: str) -> Markup:
    """Return "html" or "text"."""
    return "html" if re.match(r"\s*<[a-z]", body) else "text"
