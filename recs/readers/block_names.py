"""What the names and the values in a list of blocks mean: kinds of blocks, what is text, what is hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from recs.readers.values import fold, is_missing, switch

# Names of what hides a block if it is true, and of what shows it; folded, without a leading "is".
_CLOSED = {
    *("hidden", "hide", "draft", "private", "disabled", "unpublished", "archived", "trashed", "intrash", "deleted"),
    *("unlisted", "invisible", "protected"),
}
_OPEN = {"visible", "published", "public", "enabled", "show", "shown", "live", "showonweb", "blockvisibility"}
_STATUS = {"visibility", "status"}
_SHOWN = {"public", "publish", "published", "visible", "live", "open", "active", "everyone", "all", "always", "shown"}
# Where a block keeps what is said of it.
_ABOUT = (
    "attrs",
    "attributes",
    "settings",
    "options",
    "meta",
    "metadata",
    "config",
    "props",
    "tunes",
    "data",
    "fields",
)
# Kinds of blocks that a page never shows to all: comments of editors, what is for newsletters or for members alone.
_HIDDEN_KINDS = {"comment", "editorcomment", "emailcta", "subscriberview"}

# The last word of a name that says that its value is no text.
_NO_TEXT_NAMES = {
    *("align", "alignment", "class", "classes", "classname", "checksum", "color", "colour", "component", "dir"),
    *("direction", "emoji", "extension", "filename", "format", "guid", "handle", "hash", "height", "href", "icon"),
    *("id", "ids", "indent", "key", "kind", "lang", "language", "layout", "level", "locale", "mime", "mimetype"),
    *("mode", "object", "params", "ref", "rel", "rev", "size", "slug", "src", "srcset", "status", "style"),
    *("styles", "tag", "target", "template", "theme", "type", "uid", "unit", "uri", "url", "urls", "uuid"),
    *("variant", "version", "visibility", "width"),
}
_NO_TEXT_WHOLE = {"blockname", "listitem", "listtype", "originalcontent"}
# Lists of what is said of the text, not of text.
NO_TEXT_LISTS = {"marks", "markdefs", "annotations", "inlinestyleranges", "entityranges", "sys", "icon", "tunes"}
# What stands under these names is text whatever it looks like.
_SURE_TEXT = {"text", "title", "heading", "caption", "quote", "label", "description", "paragraph", "code", "html"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NO_TEXT = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,30}:)?//\S*|(?:mailto|tel|data|javascript):\S*|/[\w./-]*|www\.\S+"  # addresses
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[0-9a-f]*\d)[0-9a-f]{12,}|field_[0-9a-f]+"  # ids
    r"|#[0-9a-f]{3,8}|(?:rgb|hsl)a?\([^()]*\)"
    r"|\S+\.(?:avif|bmp|gif|jpe?g|png|svg|webp|mp[34]|m4[av]|mov|og[gv]|wav|webm|pdf|zip|docx?|xlsx?|pptx?)(?:\?\S*)?"
    r"|true|false"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*",
    re.IGNORECASE,
)

_TAGS = {
    **dict.fromkeys(("paragraph", "p", "text", "unstyled", "normal", "default", "block"), "p"),
    **dict.fromkeys(("list", "bulletlist", "bulletedlist", "unorderedlist", "ul", "checklist", "tasklist"), "ul"),
    **dict.fromkeys(("orderedlist", "numberedlist", "ol"), "ol"),
    **dict.fromkeys(("listitem", "li", "taskitem", "checklistitem"), "li"),
    **dict.fromkeys(("bulletedlistitem", "unorderedlistitem", "todo"), "ul li"),
    **dict.fromkeys(("numberedlistitem", "orderedlistitem"), "ol li"),
    **dict.fromkeys(("quote", "blockquote", "pullquote"), "blockquote"),
    **dict.fromkeys(("code", "codeblock", "codefence", "preformatted", "pre"), "pre"),
    "table": "table",
    **dict.fromkeys(("tablerow", "tr"), "tr"),
    **dict.fromkeys(("tablecell", "tableheader", "tableheadercell", "td", "th"), "td"),
    **dict.fromkeys(("link", "hyperlink", "a", "autolink", "button", "cta"), "a"),
    **dict.fromkeys(("hardbreak", "linebreak", "softbreak", "br"), "br"),
    **dict.fromkeys(("heading", "header", "headline", "title", "subheading", "subtitle"), "h2"),
}
_LEVELS = {word: level for level, word in enumerate(("one", "two", "three", "four", "five", "six"), 1)}
_HEADING = re.compile(rf"(?:heading|header|h)(?P<level>[1-6]|{'|'.join(_LEVELS)})")
_LEAVES = {"text", "span", "extendedtext", "codehighlight", "hashtag", "tab", "leaf"}


def kind_of(node: Mapping[str, object]) -> str:
    """Return what a block calls its kind, folded, without the name of who made it; "" if it does not."""
    for key in ("_type", "type", "nodeType", "blockName", "component"):
        if isinstance(said := node.get(key), str):
            return fold(said.rpartition("/")[2])[:80]
    said = node.get("name")
    return fold(said.rpartition("/")[2]) if isinstance(said, str) and re.fullmatch(r"[a-z\d-]+/[a-z\d-]+", said) else ""


def tag_of(kind: str, node: Mapping[str, object]) -> str:
    """Return the element that a kind of block becomes: "ul li" for an item that is a list alone, "" for none."""
    if kind == "block":  # of Portable Text
        if item := node.get("listItem"):
            return "ol li" if item == "number" else "ul li"
        style = node.get("style")
        return tag_of(fold(style), {}) or "p" if isinstance(style, str) else "p"
    if heading := _HEADING.fullmatch(kind):
        level = heading["level"]
        return f"h{_LEVELS.get(level, level)}"
    tag = _TAGS.get(kind, "")
    if tag == "h2":
        return f"h{_level(node)}"
    return "ol" if tag == "ul" and is_ordered(node) else tag


def is_ordered(node: Mapping[str, object]) -> bool:
    """Whether a list says that its items are numbered."""
    return any(node.get(key) in ("ordered", "number", "ol", "decimal") for key in ("style", "listType", "tag"))


def _level(node: Mapping[str, object]) -> int:
    about = [node, *(said for key in _ABOUT if isinstance(said := node.get(key), Mapping))]
    for said in about:
        for key in ("level", "tag"):
            level = str(said.get(key)).lower().removeprefix("h")
            if level in ("1", "2", "3", "4", "5", "6"):
                return int(level)
    return 2


def is_leaf(node: object, key: str) -> bool:
    """Whether a value in the list `key` is a piece of a line, to be joined with its neighbours without a space."""
    if not isinstance(node, Mapping):
        return False
    if isinstance(node.get("plain_text"), str):
        return True
    kind = kind_of(node)
    if node.get("nodeType") == "text":
        return isinstance(node.get("value"), str)
    if key not in ("children", "content", "leaves") or not isinstance(node.get("text"), str):
        return False
    if kind or key == "content":
        return kind in _LEAVES
    others = (value for name, value in node.items() if name != "text" and is_text_name(name))
    return all(not isinstance(value, str | Mapping | list | tuple) for value in others)


def is_text_name(name: str) -> bool:
    """Whether the value of that name may be text."""
    words = _WORD.findall(name)
    return not (words and words[-1].lower() in _NO_TEXT_NAMES) and fold(name) not in _NO_TEXT_WHOLE


def is_text(name: str, value: str) -> bool:
    """Whether a value is text: neither its name nor its looks tell something else."""
    is_switch = switch(value) is not None and bool({fold(name), fold(name).removeprefix("is")} & (_CLOSED | _OPEN))
    if is_switch or not value.strip() or not is_text_name(name):
        return False
    return fold(name) in _SURE_TEXT or not _NO_TEXT.fullmatch(value.strip())


def is_hidden(node: Mapping[str, object], *, depth: int = 2) -> bool:
    """Whether a block says that it is not shown, itself or in what it keeps of its settings."""
    kind = kind_of(node)
    if kind in _HIDDEN_KINDS or (kind == "email" and "html" in node):
        return True
    if any(_hides(fold(str(key)), value) for key, value in node.items()):
        return True
    about = [said for key in _ABOUT if isinstance(said := node.get(key), Mapping)] if depth else []
    if depth and isinstance(tunes := node.get("tunes"), Mapping):
        about += [said for said in tunes.values() if isinstance(said, Mapping)]
    return any(is_hidden(said, depth=depth - 1) for said in about)


def _hides(name: str, value: object) -> bool:
    if is_missing(value) or value in ({}, []):
        return False
    names = {name, name.removeprefix("is")}
    if names & _CLOSED:
        return switch(value) is not False
    if names & _OPEN:
        return switch(value) is False
    if names & _STATUS:
        if isinstance(value, Mapping):
            return not _shows(value)
        return switch(value) is not True and str(value).strip().casefold() not in _SHOWN
    return False


def _shows(said: Mapping[str, object]) -> bool:
    """Whether a mapping of who sees a block says that a visitor of the page does: `{"web": {"nonMember": true}}`."""
    page = said.get("web", said)
    page = page.get("nonMember", page) if isinstance(page, Mapping) else page
    page = page.get("showOnWeb", page) if isinstance(page, Mapping) else page
    return any(map(switch, page.values())) if isinstance(page, Mapping) else switch(page) is True


def is_list_item(value: object) -> bool:
    """Whether a value is an item of a list in Editor.js, which may hold a list itself."""
    return isinstance(value, Mapping) and value.keys() <= {"content", "text", "items", "meta", "checked", "id"}


def is_table(values: Sequence[object]) -> bool:
    """Whether values are rows of cells, some of them words."""
    rows = [row for row in values if isinstance(row, list | tuple)]
    if not rows or len(rows) < len(values):
        return False
    cells = [cell for row in rows for cell in row]
    are_plain = all(cell is None or isinstance(cell, str | int | float) for cell in cells)
    return are_plain and any(isinstance(cell, str) and cell.strip() for cell in cells)


def is_editor_js(node: Mapping[str, Any]) -> bool:
    """Whether a block is one of Editor.js."""
    is_block = isinstance(node.get("type"), str) and isinstance(node.get("data"), Mapping)
    return is_block and node.keys() <= {"id", "type", "data", "tunes"}


def link_addresses(node: Mapping[str, Any]) -> dict[object, str]:
    """Return the addresses of the links in a block of Portable Text by the keys that its pieces call them."""
    said = node.get("markDefs")
    definitions = [mark for mark in said if isinstance(mark, Mapping)] if isinstance(said, list) else []
    return {str(mark.get("_key")): address_of(mark) for mark in definitions}


def address_of(node: Mapping[str, Any]) -> str:
    """Return where a link leads, as it says itself or among what is said of it."""
    about = [said for key in ("attrs", "data", "fields", "value") if isinstance(said := node.get(key), Mapping)]
    for said in (node, *about):
        for key in ("href", "url", "uri"):
            if isinstance(address := said.get(key), str) and address:
                return address
    return ""
