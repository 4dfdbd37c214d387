"""Formats of text that are no trees of blocks, to HTML: Quill's Delta and Mobiledoc; JSON in a string."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from recs.comments import remove_comments

_LISTS = {"ordered": "ol", "bullet": "ul", "checked": "ul", "unchecked": "ul"}
_MOBILEDOC_TAG = re.compile(r"(?:h[1-6]|blockquote|pull-quote|aside|p)")


def parsed(value: object) -> object:
    """Return the blocks that a string holds as JSON; any other value as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[{", "{")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def link_html(address: str, html: str) -> str:
    """Return HTML as a link, or as it is where there is no address or nothing to see."""
    return f'<a href="{escape(address)}">{html}</a>' if address and html.strip() else html


def words_html(text: str) -> str:
    """Return plain words as HTML, without comments."""
    return escape(remove_comments(text, "text"), quote=False)


def unwrapped(html: str) -> str:
    """Return the content of a single paragraph; any other HTML as it is."""
    is_single = html.startswith("<p>") and html.endswith("</p>") and html.count("<p") == 1
    return html[3:-4] if is_single else html


def delta_html(ops: Sequence[object], html_of: Callable[[object], str]) -> str:
    """Return the HTML of a Delta: its pieces joined to lines, each formatted by the line break that ends it.

    `html_of` renders what is inserted and is no text.
    """
    lines: list[str] = []
    line: list[tuple[str, str]] = []  # a piece as it is, and as HTML
    for op in ops:
        inserted = op.get("insert") if isinstance(op, Mapping) else None
        said = op.get("attributes") if isinstance(op, Mapping) else None
        about = said if isinstance(said, Mapping) else {}
        if isinstance(inserted, str):
            first, *others = inserted.split("\n")
            line.append(_piece(first, about))
            for piece in others:
                lines.append(_delta_line(line, about))
                line = [_piece(piece, about)]
        else:
            embedded = unwrapped(html_of(inserted))
            line.append((embedded, f" {embedded} " if embedded else ""))
    lines.append(_delta_line(line, {}))
    html = "".join(lines).replace("</pre><pre>", "\n")
    return html.replace("</ul><ul>", "").replace("</ol><ol>", "")


def _piece(text: str, about: Mapping[str, Any]) -> tuple[str, str]:
    address = about.get("link")
    return text, link_html(address if isinstance(address, str) else "", words_html(text))


def _delta_line(line: Sequence[tuple[str, str]], about: Mapping[str, Any]) -> str:
    html = "".join(piece for _, piece in line)
    if about.get("code-block"):
        return f"<pre>{escape(''.join(text for text, _ in line), quote=False)}</pre>"
    if not html.strip():
        return ""
    if tag := _LISTS.get(str(about.get("list"))):
        return f"<{tag}><li>{html}</li></{tag}>"
    level = str(about.get("header"))
    tag = f"h{level}" if level in ("1", "2", "3", "4", "5", "6") else "blockquote" if about.get("blockquote") else "p"
    return f"<{tag}>{html}</{tag}>"


def mobiledoc_html(document: Mapping[str, Any], html_of: Callable[[object], str]) -> str:
    """Return the HTML of a Mobiledoc; `html_of` renders a card, as a block with the card's name for its kind."""
    parts = []
    for section in document["sections"]:
        match section:
            case [1, str(tag), list(markers), *_]:
                parts.append(_marked(tag if _MOBILEDOC_TAG.fullmatch(tag) else "p", markers, document))
            case [3, str(tag), list(items), *_]:
                entries = (_marked("li", item, document) for item in items if isinstance(item, list))
                tag = "ol" if tag == "ol" else "ul"
                parts.append(f"<{tag}>{''.join(entries)}</{tag}>")
            case [10, int(index), *_]:
                match _at(document.get("cards"), index):
                    case [str(name), Mapping() as content, *_]:
                        parts.append(html_of({**content, "_type": name}))
    return "".join(parts)


def _marked(tag: str, markers: Sequence[object], document: Mapping[str, Any]) -> str:
    """Return a line of Mobiledoc. A marker holds its kind, the marks it opens, how many it closes, and its text."""
    html, opened = "", [""]  # the address of the link that is open, with each mark
    for marker in markers:
        match marker:
            case [int(kind), list(opens), int(closes), text, *_]:
                for index in opens:
                    opened.append(_mark_address(_at(document.get("markups"), index)) or opened[-1])
                if kind == 1:
                    atom = _at(document.get("atoms"), text)
                    text = atom[1] if isinstance(atom, list) and len(atom) > 1 else ""
                words = words_html(text) if isinstance(text, str) else ""
                html += link_html(opened[-1], words.replace("\n", "<br>"))
                del opened[max(len(opened) - closes, 1) :]
    tag = {"pull-quote": "blockquote"}.get(tag, tag)
    return f"<{tag}>{html}</{tag}>" if html.strip() else ""


def _mark_address(mark: object) -> str:
    match mark:
        case ["a", ["href", str(address), *_], *_]:
            return address
    return ""


def _at(values: object, index: object) -> Any:
    """Return an entry of a list; None where there is none."""
    is_there = isinstance(values, list) and isinstance(index, int) and 0 <= index < len(values)
    return values[index] if is_there else None  # type: ignore[index]
