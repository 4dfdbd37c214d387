"""Finds HTML elements that are not shown in a text of unknown markup: hidden ones, scripts, styles, templates."""

import re
from collections.abc import Iterator

from recs.items import Span
from recs.text.hidden.attributes import is_hidden, read_attributes
from recs.text.hidden.tags import Tag, Tags, by_name
from recs.text.markdown import CodeFinder

_ELEMENT = re.compile(
    r"(?P<ticks>`+)|<(?P<end>/?)(?P<name>[a-z][\w-]{0,40})"
    r"(?P<attributes>(?:[\s/](?:[^<>\"']|\"[^\"<>]{0,1000}\"|'[^'<>]{0,1000}')*+)?)>",
    re.IGNORECASE,
)
_WITHOUT_END = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_NEVER_SHOWN = frozenset({"script", "style", "template"})
_LONGEST_START = 60


def hidden_elements(body: str, code: CodeFinder) -> Iterator[Span]:
    """Yield the spans of HTML elements that are not shown, outside of code.

    An element that is never closed hides the rest of the body if it begins a line. But a `<script>`, `<style>` or
    `<template>` that is never closed is text, since authors write about these tags.

    Examples
    --------
    >>> body = "Shown. <b hidden>Not shown.</b> Shown."
    >>> [body[start:stop] for start, stop in hidden_elements(body, CodeFinder(body))]
    ['<b hidden>Not shown.</b>']
    """
    opening: list[tuple[str, Tag]] = []
    tags: list[tuple[str, Tag]] = []
    position = 0
    while match := _ELEMENT.search(body, position):
        position = match.end()
        block = code.at(match.start())
        if block and block.kind == "fence":
            position = block.stop
        elif match["ticks"]:
            position = code.after_span(match, block) if block else match.end()
        elif (name := match["name"].lower()) not in _WITHOUT_END and not match[0].endswith("/>"):
            tag = Tag(*match.span(), bool(match["end"]))
            tags.append((name, tag))
            if not tag.is_end and _hides(name, match["attributes"]):
                opening.append((name, tag))
    yield from _closed(body, opening, by_name(tags))


def _hides(name: str, words: str) -> bool:
    if name in _NEVER_SHOWN:
        return True
    attributes = read_attributes(words)
    return is_hidden(attributes) or (name == "dialog" and "open" not in attributes)


def _closed(body: str, opening: list[tuple[str, Tag]], tags: dict[str, Tags]) -> Iterator[Span]:
    """Yield the spans of the elements that these tags open, without those inside other ones."""
    position = 0
    for name, tag in opening:
        if tag.start < position:
            continue
        stop = tags[name].end(tag.stop)
        if stop is None and name not in _NEVER_SHOWN and _begins_line(body, tag.start):
            stop = len(body)
        if stop is not None:
            yield tag.start, stop
            position = stop


def _begins_line(body: str, place: int) -> bool:
    before = body[max(place - _LONGEST_START, 0) : place]
    is_seen = "\n" in before or place < _LONGEST_START
    return is_seen and not before.rpartition("\n")[2].strip()
