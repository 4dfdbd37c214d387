"""Formats of text that are no trees of blocks: Quill's Delta, Mobiledoc, Draft.js; links; JSON in a string."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from html import escape
from itertools import accumulate
from typing import Any

from recs.readers.values import fold, scalar
from recs.text.hidden.comments import comment_spans, cut, remove_comments

_LISTS = {"ordered": "ol", "bullet": "ul", "checked": "ul", "unchecked": "ul"}
_MOBILEDOC_TAG = re.compile(r"(?:h[1-6]|blockquote|pull-quote|aside|p)")
_ANCHOR = re.compile(r"<a\s(?P<attributes>[^<>]{1,2000})>", re.IGNORECASE)
_TO_PAGE = re.compile(r"(?<![\w-])linktype\s{0,9}=\s{0,9}[\"']?page\b", re.IGNORECASE)
_PAGE_ID = re.compile(r"(?<![\w-])id\s{0,9}=\s{0,9}[\"']?(?P<id>[\w-]{1,100})", re.IGNORECASE)
_HAS_HREF = re.compile(r"(?<![\w-])href\s{0,9}=", re.IGNORECASE)
# Where a link names the page that it leads to; these may hold its id alone, the others an object with the id.
_PAGES = ("doc", "document", "reference", "page", "post", "entry")
_TARGETS = (*_PAGES, "target", "asset", "item", "internal", "internalLink", "link", "to", "story")
_INTERNAL = {"internal", "reference", "entry", "page", "story"}
_CAPTIONS = {"alt", "alttext", "caption", "figcaption"}


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


def address_of(node: Mapping[str, Any]) -> str:
    """Return where a link leads, as it says itself or among what is said of it: an address, or the id of a page."""
    places = map(node.get, ("attrs", "data", "fields", "value"))
    about = [node, *(place for place in places if isinstance(place, Mapping))]
    said = (part.get(key) for part in about for key in ("href", "url", "uri"))
    address = next((value for value in said if isinstance(value, str) and value.strip()), "")
    kinds = (part.get(key) for part in about for key in ("linkType", "linktype", "type"))
    if address and not any(isinstance(kind, str) and kind.casefold() in _INTERNAL for kind in kinds):
        return address
    return next(filter(None, map(_page_of, about)), address)


def _page_of(said: Mapping[str, Any]) -> str:
    """Return the id of the page that a link names; "" for none."""
    named = next((scalar(said[key]) for key in _PAGES if _plain_id(said.get(key))), "")
    by_name = (_id_of(said[key]) for key in _TARGETS if isinstance(said.get(key), Mapping))
    by_looks = (_id_of(part) for part in said.values() if isinstance(part, Mapping) and "_ref" in part)
    return scalar(said.get("_ref")) or next(filter(None, (*by_name, *by_looks)), named)


def _id_of(page: Mapping[str, Any]) -> str:
    """Return the id of a page that is referred to, as a reference or as the page itself; else its slug."""
    if "relationTo" in page:  # of Payload
        value = page.get("value")
        return _id_of(value) if isinstance(value, Mapping) and "relationTo" not in value else _plain_id(value)
    about = page.get("sys")  # of Contentful
    ids = [about.get("id")] if isinstance(about, Mapping) else []
    ids += [page.get(key) for key in ("_ref", "_id", "id", "uuid")]
    return next(filter(None, map(_plain_id, ids)), _slug_of(page))


def _plain_id(value: object) -> str:
    return scalar(value).strip() if isinstance(value, int) or (isinstance(value, str) and " " not in value) else ""


def _slug_of(page: Mapping[str, Any]) -> str:
    slug = page.get("slug")
    return _plain_id(slug.get("current") if isinstance(slug, Mapping) else slug)


def link_addresses(node: Mapping[str, Any]) -> dict[object, str]:
    """Return the addresses of the links in a block of Portable Text by the keys that its pieces call them."""
    said = node.get("markDefs")
    definitions = [mark for mark in said if isinstance(mark, Mapping)] if isinstance(said, list) else []
    return {str(mark.get("_key")): address_of(mark) or _slug_of(mark) for mark in definitions}


def with_page_links(html: str) -> str:
    """Return HTML whose links to pages of Wagtail (`<a linktype="page" id="4">`) lead to the ids of these pages."""
    return _ANCHOR.sub(_page_link, html)


def _page_link(anchor: re.Match[str]) -> str:
    attributes = anchor["attributes"]
    page = _PAGE_ID.search(attributes)
    if page is None or not _TO_PAGE.search(attributes) or _HAS_HREF.search(attributes):
        return anchor[0]
    return f'<a href="{page["id"]}" {attributes}>'


def words_html(text: str) -> str:
    """Return plain words as HTML, without comments."""
    return escape(remove_comments(text, "text"), quote=False)


def unwrapped(html: str) -> str:
    """Return the content of a single paragraph; any other HTML as it is."""
    is_single = html.startswith("<p>") and html.endswith("</p>") and html.count("<p") == 1
    return html[3:-4] if is_single else html


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


def draft_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document of Draft.js with links on their words, and the captions of its images after their blocks.

    Nothing else of its entities is text. An entity that stands in many places has its caption once.
    """
    said = document["entityMap"]
    listed = said.items() if isinstance(said, Mapping) else enumerate(said if isinstance(said, list) else ())
    entities = {str(key): entity for key, entity in listed if isinstance(entity, Mapping)}
    waiting = dict(entities)
    blocks: list[object] = []
    for block in document["blocks"]:
        if not isinstance(block, Mapping) or not isinstance(block.get("text"), str):
            blocks.append(block)
            continue
        ranges = _entity_ranges(block, block["text"])
        is_code = fold(str(block.get("type"))) == "codeblock"
        pieces = _draft_pieces(block["text"], ranges, entities, is_code=is_code) if block["text"].strip() else []
        others = {key: value for key, value in block.items() if key != "text"}
        blocks.append({"content": pieces, **others})
        blocks += [_captions(waiting.pop(key)) for _, _, key in ranges if key in waiting]
    return {key: value for key, value in document.items() if key != "entityMap"} | {"blocks": blocks}


def _entity_ranges(block: Mapping[str, Any], text: str) -> list[tuple[int, int, str]]:
    """Return start, stop and key of the entities of a block, in order; Draft.js counts in units of UTF-16."""
    units = list(accumulate((1 + (char > "\uffff") for char in text), initial=0))
    said = block.get("entityRanges")
    found = []
    for part in said if isinstance(said, list) else []:
        match part:
            case {"key": int() | str() as key, "offset": int(start), "length": int(length)}:
                found.append((bisect_left(units, start), bisect_left(units, start + length), str(key)))
    return sorted(found)


def _draft_pieces(
    text: str, ranges: Sequence[tuple[int, int, str]], entities: Mapping[str, Mapping[str, Any]], *, is_code: bool
) -> list[dict[str, str]]:
    """Return the text of a block as pieces, some with a link; of ranges that overlap the first, without comments."""
    hidden = [] if is_code else comment_spans(text, "text")
    text = cut(text, [(start, stop, "\0" * (stop - start)) for start, stop in hidden])
    pieces, position = [], 0
    for start, stop, key in ranges:
        address = address_of(entities.get(key, {}))
        if address and start >= position:
            pieces += [(text[position:start], ""), (text[start:stop], address)]
            position = max(stop, start)
    pieces.append((text[position:], ""))
    shown = [(piece.replace("\0", ""), address) for piece, address in pieces]
    return [{"type": "text", "text": piece, "href": address} for piece, address in shown if piece]


def _captions(entity: Mapping[str, Any]) -> dict[str, object]:
    """Return a block with what an entity says in words; what the entity says of its visibility holds for it."""
    said = entity.get("data")
    about = said if isinstance(said, Mapping) else {}
    words = {str(key): value for key, value in about.items() if fold(str(key)) in _CAPTIONS and isinstance(value, str)}
    return {**words, "tunes": {"entity": about}} if words else {}


def _at(values: object, index: object) -> Any:
    """Return an entry of a list; None where there is none."""
    is_there = isinstance(values, list) and isinstance(index, int) and 0 <= index < len(values)
    return values[index] if is_there else None  # type: ignore[index]
