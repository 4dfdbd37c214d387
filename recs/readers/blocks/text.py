"""Turns a body that is a list of blocks, as in a CMS or an editor, into HTML.

These formats are recognised by their shapes: Wagtail, Portable Text, Editor.js, Contentful, Drupal, Notion, ProseMirror
and Tiptap, Lexical, Slate, Draft.js, Mobiledoc, Quill, Gutenberg. In any other shape, every string is kept as text,
unless its name or its form shows that it is something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape, unescape
from typing import Any

from recs.readers.blocks.formats import (
    delta_html,
    draft_document,
    is_list_item,
    is_table,
    mobiledoc_html,
    parsed,
    unwrapped,
    words_html,
)
from recs.readers.blocks.links import address_of, link_addresses, link_html, with_page_links
from recs.readers.blocks.names import (
    is_editor_js,
    is_hidden,
    is_leaf,
    is_ordered,
    is_text,
    is_text_name,
    kind_of,
    tag_of,
    text_values,
)
from recs.readers.values import fold
from recs.text.hidden.comments import remove_comments
from recs.text.markdown import markdown_html
from recs.text.plain import detect_markup

_DEEPEST = 200
_HTML_NAMES = {"html", "rawhtml", "innerhtml", "rendered", "processed", "richtext", "fullhtml", "basichtml"}
_MARKDOWN_NAMES = {"markdown", "md", "markdowntext"}
_PLAIN_NAMES = {"plaintext", "plain"}
_CODE_NAMES = {"code", "codeblock"}
_ENTRIES = {"items", "cells"}
_INSIDE = {"tr": "table", "td": "tr"}
_VALUES = {"value", "text", "content", "body"}  # the kind of their block tells their markup
_CLOSING_TAG = re.compile(
    r"</(?:a|b|i|u|s|em|strong|code|sub|sup|mark|small|span|p|div|li|[uo]l|h[1-6]|blockquote)\s*>|<br\s*/?>", re.I
)
_BLOCK = re.compile(r"\s*<(?:p|div|h[1-6]|[uo]l|li|table|blockquote|pre|figure|section|hr)\b", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,500}>")


def blocks_html(value: object) -> str:
    """Return the text of all blocks as HTML, without hidden blocks; "" if there is no text.

    The pieces of a line are joined as they are. Paragraphs, headings, list items, code, tables and links become
    elements. Raises `ValueError` if blocks are nested more than 200 deep. Cost: linear in the number of characters.

    Examples
    --------
    >>> blocks_html([{"type": "header", "data": {"text": "Garlic", "level": 2}}, {"type": "p", "text": "Plant it."}])
    '<h2>Garlic</h2><p>Plant it.</p>'
    """
    return _Walk().read(value)


def hidden_blocks(value: object) -> int:
    """Return how many blocks `blocks_html` leaves out as hidden. A block inside a hidden block does not count."""
    walk = _Walk()
    walk.read(value)
    return walk.hidden


class _Walk:
    """One walk over nested blocks, with the state that the blocks around the current one set."""

    def __init__(self) -> None:
        self.hidden = 0
        self.depth = 0
        self.is_html = False  # Editor.js keeps text as HTML
        self.is_code = False
        self.inside = ""  # the element around the current block
        self.addresses: dict[object, str] = {}  # the URLs of the links in a block of Portable Text, by key

    def read(self, value: object) -> str:
        """Return the HTML of a whole body."""
        try:
            return self.html(parsed(value))
        except RecursionError as error:
            raise ValueError("nested too deeply") from error

    def html(self, value: object, name: str = "") -> str:
        """Return the HTML of the value of a field."""
        if isinstance(value, str):
            return self._words(value, name)
        if not isinstance(value, Mapping | list | tuple):
            return ""
        if self.depth >= _DEEPEST:
            raise ValueError("nested too deeply")
        self.depth += 1
        html = self._node(value) if isinstance(value, Mapping) else self._list(value, name)
        self.depth -= 1
        return html

    def _list(self, values: Sequence[object], name: str) -> str:
        if any(is_leaf(value, name) for value in values):
            line = "".join(self._run(value) if is_leaf(value, name) else self._inline(value) for value in values)
            return line if self.is_code or not line.strip() else f"<p>{line}</p>"
        if is_table(values):
            rows = ("".join(f"<td>{self._cell(cell)}</td>" for cell in row) for row in values)  # type: ignore[attr-defined]
            return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"
        return self._join([self.html(value) for value in values])

    def _cell(self, cell: object) -> str:
        if isinstance(cell, str):
            return unwrapped(self._words(cell, ""))
        return "" if cell is None or isinstance(cell, bool) else str(cell)

    def _join(self, parts: Iterable[str]) -> str:
        """Join blocks; successive lists become one list."""
        joined: list[str] = []
        for part in filter(None, parts):
            tag = part[:4]
            if tag.startswith("<a ") and not self.is_code:  # a block that is only a link
                joined.append(f"<p>{part}</p>")
            elif joined and tag in ("<ul>", "<ol>") and joined[-1].endswith(f"</{tag[1:]}"):
                joined[-1] = joined[-1][:-5]
                joined.append(part[4:])
            else:
                joined.append(part)
        return ("\n" if self.is_code else "").join(joined)

    def _inline(self, node: object) -> str:
        """Return a node between the pieces of a line: a link, a break, a mention."""
        html = unwrapped(self.html(node))
        is_link = isinstance(node, Mapping) and tag_of(kind_of(node), node) == "a"
        return html if html.startswith("<") or is_link or self.is_code or not html else f" {html} "

    def _run(self, node: Any) -> str:
        """Return a piece of a line with its link."""
        if is_hidden(node):
            self.hidden += 1
            return ""
        text = next(node[key] for key in ("plain_text", "text", "value") if isinstance(node.get(key), str))
        if self.is_code:
            return escape(text, quote=False)
        html = words_html(text).replace("\n", "<br>")
        listed = node.get("marks")
        marks = [mark for mark in listed if isinstance(mark, Mapping | str)] if isinstance(listed, list | tuple) else []
        names = [kind_of(mark) if isinstance(mark, Mapping) else mark for mark in marks]
        if html and ("code" in names or node.get("code") is True):
            html = f"<code>{html}</code>"
        links = [mark for mark in marks if isinstance(mark, Mapping) and kind_of(mark).endswith("link")]
        url = next(filter(None, map(address_of, [node, *links])), "")
        url = url or next((self.addresses[name] for name in names if name in self.addresses), "")
        return link_html(url, html)

    def _node(self, node: Mapping[str, Any]) -> str:
        """Return the HTML of one block."""
        if is_hidden(node):
            self.hidden += 1
            return ""
        if isinstance(node.get("ops"), list):
            return delta_html(node["ops"], self.html)
        if "entityMap" in node and isinstance(node.get("blocks"), list):
            node = draft_document(node)
        if isinstance(node.get("sections"), list) and ("markups" in node or "cards" in node):
            return mobiledoc_html(node, self.html)
        if "blockName" in node and (node.get("innerBlocks") or str(node.get("innerHTML") or "").strip()):
            return self._wordpress(node)  # other blocks have their text in their attributes
        return self._element(node, kind_of(node))

    def _element(self, node: Mapping[str, Any], kind: str) -> str:
        """Return a block as an HTML element, by its kind."""
        tag = tag_of(kind, node)
        if kind == "paywall":  # in Ghost: everything after it is for members
            return "<!--members-only-->"
        if tag == "br":
            return "\n" if self.is_code else "<br>"
        if _INSIDE.get(tag, self.inside) != self.inside:  # in HTML, a cell needs a row, and a row needs a table
            tag = ""
        before = self.is_code, self.is_html, self.addresses, self.inside
        self.inside = tag or self.inside
        self.is_code = self.is_code or tag == "pre"
        self.is_html = self.is_html or is_editor_js(node)
        self.addresses = link_addresses(node) or self.addresses
        content = self._content(node, kind, tag)
        self.is_code, self.is_html, self.addresses, self.inside = before
        return content if self.is_code else _wrapped(content, tag, node)

    def _wordpress(self, node: Mapping[str, Any]) -> str:
        """Return a parsed block of Gutenberg, with its inner blocks at their positions."""
        inner = node.get("innerBlocks")
        waiting = iter(inner if isinstance(inner, list) else [])
        content = node.get("innerContent")
        pieces = content if isinstance(content, list) and content else [node.get("innerHTML") or ""]
        parts = [piece if isinstance(piece, str) else self.html(next(waiting, None)) for piece in pieces]
        parts += [self.html(block) for block in waiting]
        return "".join(parts)

    def _content(self, node: Mapping[str, Any], kind: str, tag: str) -> str:
        """Return the text of all values of a block. If two values have the same words, only the first is kept."""
        parts: list[str] = []
        seen: set[str] = set()
        for name, value in text_values(node, kind, tag):
            if isinstance(value, str):
                if not (is_text_name(name) if self.is_code else is_text(name, value)):
                    continue
                part = self._words(value, _meaning(name, kind, node))
                words = " ".join(unescape(_TAG.sub(" ", part)).split())
                parts += [] if words in seen else [part]
                seen.add(words)
            elif isinstance(value, list | tuple) and not self.is_code and (tag in ("ul", "ol") or name in _ENTRIES):
                parts.append(self._entries(value, name, "ol" if tag == "ol" or is_ordered(node) else "ul"))
            else:
                parts.append(self.html(value, name))
        return self._join(parts)

    def _entries(self, values: Sequence[object], name: str, tag: str) -> str:
        """Return the items of a list, or the cells of a row."""
        if name == "cells" and self.inside == "tr":
            return "".join(f"<td>{unwrapped(self.html(value))}</td>" for value in values)
        is_list = name not in _ENTRIES or all(isinstance(value, str) or is_list_item(value) for value in values)
        if not is_list or any(is_leaf(value, name) for value in values):
            return self.html(values, name)
        parts = filter(None, (self.html(value, name) for value in values))
        items = "".join(part if part.startswith("<li>") else f"<li>{unwrapped(part)}</li>" for part in parts)
        return f"<{tag}>{items}</{tag}>" if items else ""

    def _words(self, text: str, name: str) -> str:
        """Return the HTML of a string. Its name tells its markup, or else the string itself does."""
        if self.is_code or not text.strip():
            return escape(text, quote=False) if text.strip() else ""
        name = fold(name)
        if name in _CODE_NAMES:
            return f"<pre>{escape(text, quote=False)}</pre>"
        if name in _MARKDOWN_NAMES:
            return markdown_html(remove_comments(text, "markdown"))
        if name in _PLAIN_NAMES or not (name in _HTML_NAMES or self.is_html or _is_html(text)):
            lines = escape(remove_comments(text, "text").strip(), quote=False)
            return _paragraphs(lines, "<br>")
        text = with_page_links(text)
        if _BLOCK.search(text):
            return text if _BLOCK.match(text) else f"<p>{text}</p>"
        return _paragraphs(text, "\n")


def _is_html(text: str) -> bool:
    return detect_markup(text) == "html" or bool(_CLOSING_TAG.search(text))


def _paragraphs(html: str, line_break: str) -> str:
    """Return a paragraph for each part between blank lines."""
    parts = re.split(r"\n\s*\n", html)
    return "".join("<p>" + part.replace("\n", line_break) + "</p>" for part in parts if part.strip())


def _meaning(name: str, kind: str, node: Mapping[str, Any]) -> str:
    """Return the name that tells the markup of a string: its own name, the kind of its block, or its format."""
    if fold(name) not in _VALUES:
        return name
    if kind in _HTML_NAMES | _MARKDOWN_NAMES | _CODE_NAMES:
        return kind
    return node["format"] if isinstance(node.get("format"), str) else name


def _wrapped(html: str, tag: str, node: Mapping[str, Any]) -> str:
    """Return HTML inside the element of its block. Blocks inside it stay blocks."""
    content = unwrapped(html)
    if not tag or not html.strip() or tag in ("ul", "ol"):
        return html
    if tag == "a":
        url = address_of(node)
        return html if _BLOCK.match(content) or not url else link_html(url, content)
    if tag in ("ul li", "ol li"):
        return f"<{tag[:2]}><li>{content}</li></{tag[:2]}>"
    if (tag == "p" or tag[0] == "h") and _BLOCK.match(content):
        return html
    return f"<{tag}>{content}</{tag}>"
