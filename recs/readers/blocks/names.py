"""What the names and the values in a list of blocks mean: kinds of blocks, what is text, what is hidden."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recs.readers.blocks.formats import address_of
from recs.readers.values import fold, is_missing, switch
from recs.readers.visibility.readings import closes

# Names of what hides a block if it is true, and of what shows it; folded, without a leading "is".
_CLOSED = {
    *("hidden", "hide", "draft", "private", "disabled", "unpublished", "archived", "trashed", "intrash", "deleted"),
    *("unlisted", "invisible", "protected", "deletedat", "archivedat", "trashedat", "removedat"),
}
_OPEN = {"visible", "published", "public", "enabled", "show", "shown", "live", "showonweb", "blockvisibility", "active"}
_STATUS = {"visibility", "status"}
_OTHER_STATUS = {"state", "access", "audience"}  # which may also be of another matter
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
_HIDDEN_KINDS = {"comment", "internalnote", "privatenote", "editorcomment", "emailcta", "subscriberview"}

# The last word of a name that says that its value is no text.
_NO_TEXT_NAMES = {
    *("align", "alignment", "class", "classes", "classname", "checksum", "color", "colour", "component", "css", "dir"),
    *("direction", "emoji", "extension", "filename", "format", "guid", "handle", "hash", "height", "href", "icon"),
    *("id", "ids", "indent", "key", "kind", "lang", "language", "layout", "level", "locale", "mime", "mimetype"),
    *("mode", "object", "params", "ref", "rel", "rev", "size", "slug", "src", "srcset", "status", "style"),
    *("styles", "tag", "target", "template", "theme", "timestamp", "type", "uid", "unit", "uri", "url", "urls", "uuid"),
    *("variant", "version", "visibility", "width"),
}
_NO_TEXT_WHOLE = {"blockname", "listitem", "listtype", "originalcontent", "relationto"}
_NO_TEXT_ENDS = ("classname", "classnames", "filename")  # folded: `wrapperClassName`
# Of these, the last words of names whose value is no text even where it is a phrase.
_NEVER_TEXT_NAMES = {
    *("align", "alignment", "checksum", "class", "classes", "classname", "component", "css", "emoji", "extension"),
    *("filename", "guid", "hash", "href", "icon", "id", "ids", "kind", "mime", "mimetype", "params", "rel", "slug"),
    *("src", "srcset", "style", "styles", "type", "uid", "uri", "url", "urls", "uuid"),
}
# Who serves an embedded video or file: one word beside its address.
_SERVICES = {"service", "provider", "providername", "platform", "collection"}
_EMBEDS = {"embed", "oembed", "video", "rich", "media", "file"}
_STATES = {"done", "todo", "decided", "undecided", "checked", "unchecked", "complete", "completed", "incomplete"}
# Lists of what is said of the text, not of text.
_NO_TEXT_LISTS = {"marks", "markdefs", "annotations", "inlinestyleranges", "entityranges", "sys", "icon", "tunes"}
# What stands under these names is text whatever it looks like.
_SURE_TEXT = {"text", "title", "heading", "caption", "quote", "label", "description", "paragraph", "code", "html"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NO_TEXT = re.compile(
    r"(?:[a-z][a-z0-9+.-]{0,30}:)?//\S*|(?:mailto|tel|data|javascript):\S*|/[\w./-]*|www\.\S+"  # addresses
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[0-9a-f]*\d)[0-9a-f]{12,}|field_[0-9a-f]+"  # ids
    r"|#[0-9a-f]{3,8}|(?:rgb|hsl)a?\([^()]*\)"
    r"|\S+\.(?:avif|bmp|gif|jpe?g|png|svg|webp|mp[34]|m4[av]|mov|og[gv]|wav|webm|pdf|zip|docx?|xlsx?|pptx?)(?:\?\S*)?"
    r"|true|false|:[a-z0-9_+-]+:"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*",
    re.IGNORECASE,
)

_CSS = re.compile(r"\d(?:px|r?em|v[hw]|fr)\b|\b(?:calc|var|url|[a-z]+-gradient)\(|[{}]|^\s*[a-z-]{1,40}\s*:[^;]*;")
_CSS_WORDS = {
    *("auto", "baseline", "block", "bottom", "center", "contain", "cover", "fixed", "flex", "grid", "hidden"),
    *("inherit", "initial", "inline", "inset", "left", "no-repeat", "none", "repeat", "right", "solid", "top"),
    "unset",
}
_CLASS = re.compile(r"[a-z][a-z0-9]*(?:[-_:/][a-z0-9_:/.-]+)?")
_FORMAT = re.compile(r"\w+ (?:html|text|markdown|markup)|.*(?:\byyyy\b|\bhh?:mm).*", re.IGNORECASE)
# Two letters of a script that writes no blanks between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]{2}")
# Of two forms of one text, the first is what a page shows.
_PREFERRED = {
    "processed": {"value", "summary", "safe_value", "safe_summary"},
    "safe_value": {"value", "summary", "safe_summary"},
    "rendered": {"raw"},
    "html": {"markdown", "md", "plaintext", "plain", "mobiledoc", "lexical"},
    "value": {"summary"},
}

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
    tag = _TAGS.get(kind, "a" if kind.endswith("link") else "")
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
    return not (words and words[-1].lower() in _NO_TEXT_NAMES) and not _never_holds_text(name)


def is_text(name: str, value: str) -> bool:
    """Whether a value is text: neither its name nor its looks tell something else."""
    folded = fold(name)
    is_switch = switch(value) is not None and bool({folded, folded.removeprefix("is")} & (_CLOSED | _OPEN))
    is_field = name.startswith("_") and re.fullmatch(r"field_\w+", value.strip())  # of ACF
    is_state = folded == "state" and fold(value) in _STATES  # of a task
    if is_switch or is_field or is_state or not value.strip():
        return False
    if not is_text_name(name) and not _is_phrase(name, value):
        return False
    return folded in _SURE_TEXT or not _NO_TEXT.fullmatch(value.strip())


def _is_phrase(name: str, value: str) -> bool:
    """Whether a value whose name says that it is a setting is writing: words, no CSS, no names of classes."""
    if _never_holds_text(name) or _CSS.search(value) or (fold(name) == "format" and _FORMAT.fullmatch(value.strip())):
        return False
    words = value.split()
    spoken = [word for word in words if any(map(str.isalpha, word)) and word not in _CSS_WORDS]
    is_written = bool(spoken) and (len(words) > 1 or bool(_UNSPACED.search(value)))
    return is_written and not _are_classes(words)


def _never_holds_text(name: str) -> bool:
    words = _WORD.findall(name)
    is_known = fold(name) in _NO_TEXT_WHOLE or fold(name).endswith(_NO_TEXT_ENDS)
    return is_known or bool(words and words[-1].lower() in _NEVER_TEXT_NAMES)


def _are_classes(words: Sequence[str]) -> bool:
    """Whether words are names of CSS classes: `btn btn-primary`; each has a hyphen or begins another that has."""
    if not all(map(_CLASS.fullmatch, words)):
        return False
    starts = {re.split(r"[-_:/]", word, maxsplit=1)[0] for word in words if not word.isalnum()}
    return all(not word.isalnum() or word in starts for word in words)


def text_values(node: Mapping[str, Any], kind: str, tag: str) -> Iterator[tuple[str, object]]:
    """Yield the names and values of a block that may hold text; of two forms of one text the better."""
    dropped = {"name"} if kind and "/" in str(node.get("name")) else set()
    for name, others in _PREFERRED.items():
        if isinstance(better := node.get(name), str) and better.strip():
            dropped |= others
    if "relationTo" in node and not isinstance(node.get("value"), Mapping | list):
        dropped.add("value")  # the id of another page
    has_words = isinstance(node.get("children", node.get("content")), list)
    is_link = tag == "a" and has_words and bool(address_of(node))
    if is_link:
        dropped.add("title")  # of the link, not of the page: a reader sees it who points at the link
    said = (node.get(key) for key in ("embed", "source", "embedUrl"))
    is_embed = kind in _EMBEDS or any(isinstance(address, str) and "//" in address for address in said)
    for key, value in node.items():
        name = str(key)
        is_service = is_embed and fold(name) in _SERVICES and isinstance(value, str) and len(value.split()) == 1
        if key in dropped or fold(name) in _NO_TEXT_LISTS or is_service:
            continue
        if (is_link and isinstance(value, Mapping)) or (_never_holds_text(name) and _are_strings(value)):
            continue  # where a link leads; names of classes in a list
        yield name, value


def _are_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


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
    return bool(names & _OTHER_STATUS) and isinstance(value, str) and closes(value)


def _shows(said: Mapping[str, object]) -> bool:
    """Whether a mapping of who sees a block says that a visitor of the page does: `{"web": {"nonMember": true}}`."""
    page = said.get("web", said)
    page = page.get("nonMember", page) if isinstance(page, Mapping) else page
    page = page.get("showOnWeb", page) if isinstance(page, Mapping) else page
    return any(map(switch, page.values())) if isinstance(page, Mapping) else switch(page) is True


def is_editor_js(node: Mapping[str, Any]) -> bool:
    """Whether a block is one of Editor.js."""
    is_block = isinstance(node.get("type"), str) and isinstance(node.get("data"), Mapping)
    return is_block and node.keys() <= {"id", "type", "data", "tunes"}
