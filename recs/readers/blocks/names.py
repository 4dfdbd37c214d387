"""Tells what names and values in a list of blocks mean: the kinds of blocks, what is text, what is hidden."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recs.readers.blocks.links import address_of
from recs.readers.values import fold, is_missing, switch
from recs.readers.visibility.readings import closes

# Settings that hide a block if they are true, and settings that show it; folded, without a leading "is".
_CLOSED = {
    *("hidden", "hide", "draft", "private", "disabled", "unpublished", "archived", "trashed", "intrash", "deleted"),
    *("unlisted", "invisible", "protected", "deletedat", "archivedat", "trashedat", "removedat"),
}
_OPEN = {"visible", "published", "public", "enabled", "show", "shown", "live", "showonweb", "blockvisibility", "active"}
_STATUS = {"visibility", "status"}
_OTHER_STATUS = {"state", "access", "audience"}  # they may also have another meaning
_SHOWN = {"public", "publish", "published", "visible", "live", "open", "active", "everyone", "all", "always", "shown"}
# Fields with the settings of a block.
_SETTINGS = (
    *("attrs", "attributes", "settings", "options", "meta", "metadata", "config", "props", "tunes", "data"),
    "fields",
)
# Kinds of blocks that are not for everyone: comments of editors, parts for newsletters or for members only.
_HIDDEN_KINDS = {"comment", "internalnote", "privatenote", "editorcomment", "emailcta", "subscriberview"}

# The last words of names whose value is a setting, not text.
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
# Those of them whose value is not text even if it is a phrase.
_NEVER_TEXT_NAMES = {
    *("align", "alignment", "checksum", "class", "classes", "classname", "component", "css", "emoji", "extension"),
    *("filename", "guid", "hash", "href", "icon", "id", "ids", "kind", "mime", "mimetype", "params", "rel", "slug"),
    *("src", "srcset", "style", "styles", "type", "uid", "uri", "url", "urls", "uuid"),
}
# Fields with the service of an embedded video or file, which is one word.
_SERVICES = {"service", "provider", "providername", "platform", "collection"}
_EMBEDS = {"embed", "oembed", "video", "rich", "media", "file"}
_STATES = {"done", "todo", "decided", "undecided", "checked", "unchecked", "complete", "completed", "incomplete"}
# Attributes of the text, and settings of a block or a form.
_NO_TEXT_LISTS = {"marks", "markdefs", "annotations", "inlinestyleranges", "entityranges", "sys", "icon", "tunes"}
_NO_TEXT_LISTS |= {"visibility", "labels", "successmessage"}
# A value with one of these names is text, whatever it looks like.
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
# Two letters of a script without blanks between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]{2}")
# If a block has one text in two forms, the page shows the first form; the others are dropped.
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
    """Return the kind of a block, folded, without the name of a vendor; "" if it has none.

    Examples
    --------
    >>> kind_of({"blockName": "core/list-item"})
    'listitem'
    """
    for key in ("_type", "type", "nodeType", "blockName", "component"):
        if isinstance(kind := node.get(key), str):
            return fold(kind.rpartition("/")[2])[:80]
    name = node.get("name")
    return fold(name.rpartition("/")[2]) if isinstance(name, str) and re.fullmatch(r"[a-z\d-]+/[a-z\d-]+", name) else ""


def tag_of(kind: str, node: Mapping[str, object]) -> str:
    """Return the HTML element for a kind of block: "ul li" for a list with one item, "" for none."""
    if kind == "block":  # in Portable Text
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
    for settings in (node, *_settings_of(node)):
        for key in ("level", "tag"):
            level = str(settings.get(key)).lower().removeprefix("h")
            if level in ("1", "2", "3", "4", "5", "6"):
                return int(level)
    return 2


def _settings_of(node: Mapping[str, object]) -> list[Mapping[str, object]]:
    return [settings for key in _SETTINGS if isinstance(settings := node.get(key), Mapping)]


def is_leaf(node: object, key: str) -> bool:
    """Whether a value in the list `key` is a piece of a line, which is joined to the next one without a space."""
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
    """Whether a value with this name may be text."""
    words = _WORD.findall(name)
    return not (words and words[-1].lower() in _NO_TEXT_NAMES) and not _never_holds_text(name)


def is_text(name: str, value: str) -> bool:
    """Whether a value is text, because neither its name nor its form shows that it is something else."""
    folded = fold(name)
    is_switch = switch(value) is not None and bool({folded, folded.removeprefix("is")} & (_CLOSED | _OPEN))
    is_field = name.startswith("_") and re.fullmatch(r"field_\w+", value.strip())  # a field of ACF
    is_state = folded == "state" and fold(value) in _STATES  # the state of a task
    if is_switch or is_field or is_state or not value.strip():
        return False
    if not is_text_name(name) and not _is_phrase(name, value):
        return False
    return folded in _SURE_TEXT or not _NO_TEXT.fullmatch(value.strip())


def _is_phrase(name: str, value: str) -> bool:
    """Whether a value with the name of a setting is text all the same: words, not CSS and not class names."""
    if _never_holds_text(name) or _CSS.search(value) or (fold(name) == "format" and _FORMAT.fullmatch(value.strip())):
        return False
    words = value.split()
    has_words = any(any(map(str.isalpha, word)) and word not in _CSS_WORDS for word in words)
    is_phrase = has_words and (len(words) > 1 or bool(_UNSPACED.search(value)))
    return is_phrase and not _are_classes(words)


def _never_holds_text(name: str) -> bool:
    words = _WORD.findall(name)
    is_listed = fold(name) in _NO_TEXT_WHOLE or fold(name).endswith(_NO_TEXT_ENDS)
    return is_listed or bool(words and words[-1].lower() in _NEVER_TEXT_NAMES)


def _are_classes(words: Sequence[str]) -> bool:
    """Whether words are CSS classes, as in `btn btn-primary`: each has a hyphen, or begins another one that has."""
    if not all(map(_CLASS.fullmatch, words)):
        return False
    starts = {re.split(r"[-_:/]", word, maxsplit=1)[0] for word in words if not word.isalnum()}
    return all(not word.isalnum() or word in starts for word in words)


def text_values(node: Mapping[str, Any], kind: str, tag: str) -> Iterator[tuple[str, object]]:
    """Yield the names and values of a block that may hold text. If a text has two forms, the better one is taken.

    Examples
    --------
    >>> list(text_values({"rendered": "Plant it.", "raw": "Plant *it*.", "marks": []}, "p", "p"))
    [('rendered', 'Plant it.')]
    """
    dropped = {"name"} if kind and "/" in str(node.get("name")) else set()
    for name, others in _PREFERRED.items():
        if isinstance(better := node.get(name), str) and better.strip():
            dropped |= others
    if "relationTo" in node and not isinstance(node.get("value"), Mapping | list):
        dropped.add("value")  # the id of another page
    has_words = isinstance(node.get("children", node.get("content")), list)
    is_link = tag == "a" and has_words and bool(address_of(node))
    if is_link:
        dropped.add("title")  # the title of a link is a tooltip
    urls = (node.get(key) for key in ("embed", "source", "embedUrl"))
    is_embed = kind in _EMBEDS or any(isinstance(url, str) and "//" in url for url in urls)
    for key, value in node.items():
        name = str(key)
        is_service = is_embed and fold(name) in _SERVICES and isinstance(value, str) and len(value.split()) == 1
        if key in dropped or fold(name) in _NO_TEXT_LISTS or is_service:
            continue
        if (is_link and isinstance(value, Mapping)) or (_never_holds_text(name) and _are_strings(value)):
            continue  # the target of a link; a list of class names
        yield name, value


def _are_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def is_hidden(node: Mapping[str, object], *, depth: int = 2) -> bool:
    """Whether the fields or the settings of a block say that it is not shown.

    Examples
    --------
    >>> is_hidden({"type": "p", "settings": {"hidden": True}}), is_hidden({"type": "p", "text": "Plant it."})
    (True, False)
    """
    kind = kind_of(node)
    if kind in _HIDDEN_KINDS or (kind == "email" and "html" in node):
        return True
    if any(_hides(fold(str(key)), value) for key, value in node.items()):
        return True
    if not depth:
        return False
    all_settings = _settings_of(node)
    if isinstance(tunes := node.get("tunes"), Mapping):
        all_settings += [settings for settings in tunes.values() if isinstance(settings, Mapping)]
    return any(is_hidden(settings, depth=depth - 1) for settings in all_settings)


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


def _shows(audience: Mapping[str, object]) -> bool:
    """Whether the audience of a block includes every visitor of the page: `{"web": {"nonMember": true}}`."""
    page = audience.get("web", audience)
    fields = page if isinstance(page, Mapping) else {"web": page}
    switches = {fold(str(name)): switch(value) for name, value in fields.items() if name != "showOnEmail"}
    if "emailonly" in switches:
        return switches["emailonly"] is False
    named = [switches[name] for name in ("nonmember", "nonmembers", "showonweb") if name in switches]
    return any(named[:1] or switches.values())


def is_editor_js(node: Mapping[str, Any]) -> bool:
    """Whether a block is one of Editor.js."""
    is_block = isinstance(node.get("type"), str) and isinstance(node.get("data"), Mapping)
    return is_block and node.keys() <= {"id", "type", "data", "tunes"}
