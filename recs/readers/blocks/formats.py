"""Reads formats that are not trees of blocks (Quill's Delta, Mobiledoc, Draft.js), tables, and JSON in a string."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from itertools import accumulate
from typing import Any

from recs.readers.blocks.links import address_of, link_html
from recs.readers.values import fold
from recs.text.hidden.comments import comment_spans, remove_comments
from recs.text.hidden.cuts import cut

_LISTS = {"ordered": "ol", "bullet": "ul", "checked": "ul", "unchecked": "ul"}
_MOBILEDOC_TAG = re.compile(r"(?:h[1-6]|blockquote|pull-quote|aside|p)")
_CAPTIONS = {"alt", "alttext", "caption", "figcaption"}


def parsed(value: object) -> object:
    """Return the blocks in a string of JSON. Any other value stays as it is.

    Examples
    --------
    >>> parsed('[{"type": "p", "text": "Plant it."}]'), parsed("Plant it.")
    ([{'type': 'p', 'text': 'Plant it.'}], 'Plant it.')
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("[{", "{")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def words_html(text: str) -> str:
    """Return plain text as HTML, without comments."""
    return escape(remove_comments(text, "text"), quote=False)


def unwrapped(html: str) -> str:
    """Return the content of a single paragraph. Any other HTML stays as it is."""
    is_single = html.startswith("<p>") and html.endswith("</p>") and html.count("<p") == 1
    return html[3:-4] if is_single else html


def is_list_item(value: object) -> bool:
    """Whether a value is a list item of Editor.js. Such an item may hold another list."""
    return isinstance(value, Mapping) and value.keys() <= {"content", "text", "items", "meta", "checked", "id"}


def is_table(values: Sequence[object]) -> bool:
    """Whether values are rows of cells, and at least one cell has text."""
    rows = [row for row in values if isinstance(row, list | tuple)]
    if not rows or len(rows) < len(values):
        return False
    cells = [cell for row in rows for cell in row]
    are_plain = all(cell is None or isinstance(cell, str | int | float) for cell in cells)
    return are_plain and any(isinstance(cell, str) and cell.strip() for cell in cells)


def delta_html(ops: Sequence[object], html_of: Callable[[object], str]) -> str:
    """Return the HTML of a Delta. Its pieces are joined to lines; the line break at its end formats each line.

    `html_of` renders an inserted value that is not text.

    Examples
    --------
    >>> delta_html([{"insert": "Garlic"}, {"insert": "\\n", "attributes": {"header": 2}}], str)
    '<h2>Garlic</h2>'
    """
    lines: list[str] = []
    line: list[tuple[str, str]] = []  # pieces, each as it is and as HTML
    for op in ops:
        inserted = op.get("insert") if isinstance(op, Mapping) else None
        attributes = op.get("attributes") if isinstance(op, Mapping) else None
        attributes = attributes if isinstance(attributes, Mapping) else {}
        if isinstance(inserted, str):
            first, *others = inserted.split("\n")
            line.append(_piece(first, attributes))
            for piece in others:
                lines.append(_delta_line(line, attributes))
                line = [_piece(piece, attributes)]
        else:
            embedded = unwrapped(html_of(inserted))
            line.append((embedded, f" {embedded} " if embedded else ""))
    lines.append(_delta_line(line, {}))
    html = "".join(lines).replace("</pre><pre>", "\n")
    return html.replace("</ul><ul>", "").replace("</ol><ol>", "")


def _piece(text: str, attributes: Mapping[str, Any]) -> tuple[str, str]:
    url = attributes.get("link")
    return text, link_html(url if isinstance(url, str) else "", words_html(text))


def _delta_line(line: Sequence[tuple[str, str]], attributes: Mapping[str, Any]) -> str:
    html = "".join(piece for _, piece in line)
    if attributes.get("code-block"):
        return f"<pre>{escape(''.join(text for text, _ in line), quote=False)}</pre>"
    if not html.strip():
        return ""
    if tag := _LISTS.get(str(attributes.get("list"))):
        return f"<{tag}><li>{html}</li></{tag}>"
    level = str(attributes.get("header"))
    tag = "blockquote" if attributes.get("blockquote") else "p"
    if level in ("1", "2", "3", "4", "5", "6"):
        tag = f"h{level}"
    return f"<{tag}>{html}</{tag}>"


def mobiledoc_html(document: Mapping[str, Any], html_of: Callable[[object], str]) -> str:
    """Return the HTML of a Mobiledoc. `html_of` renders a card, which becomes a block with the card's name as kind."""
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
                    case [str(name), *more]:
                        content = more[0] if more and isinstance(more[0], Mapping) else {}
                        parts.append(html_of({**content, "_type": name}))
    return "".join(parts)


def _marked(tag: str, markers: Sequence[object], document: Mapping[str, Any]) -> str:
    """Return a line of Mobiledoc. A marker holds its kind, the marks it opens, how many it closes, and its text."""
    html = ""
    opened = [""]  # for each open mark, the URL of the link that is open
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
    """Return a document of Draft.js with links around their words, and image captions after their blocks.

    Nothing else in its entities is text. If an entity is used more than once, its caption appears once.
    """
    entities = _entities(document["entityMap"])
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


def _entities(entity_map: object) -> dict[str, Mapping[str, Any]]:
    if isinstance(entity_map, Mapping):
        listed: Iterable[tuple[object, object]] = entity_map.items()
    else:
        listed = enumerate(entity_map if isinstance(entity_map, list) else ())
    return {str(key): entity for key, entity in listed if isinstance(entity, Mapping)}


def _entity_ranges(block: Mapping[str, Any], text: str) -> list[tuple[int, int, str]]:
    """Return start, stop and key of the entities of a block, in order. Draft.js counts in units of UTF-16."""
    units = list(accumulate((1 + (char > "\uffff") for char in text), initial=0))
    listed = block.get("entityRanges")
    ranges = []
    for part in listed if isinstance(listed, list) else []:
        match part:
            case {"key": int() | str() as key, "offset": int(start), "length": int(length)}:
                ranges.append((bisect_left(units, start), bisect_left(units, start + length), str(key)))
    return sorted(ranges)


def _draft_pieces(
    text: str, ranges: Sequence[tuple[int, int, str]], entities: Mapping[str, Mapping[str, Any]], *, is_code: bool
) -> list[dict[str, str]]:
    """Return the text of a block as pieces, some with a link, without comments. If ranges overlap, the first counts."""
    hidden = [] if is_code else comment_spans(text, "text")
    text = cut(text, [(start, stop, "\0" * (stop - start)) for start, stop in hidden])
    pieces = []
    position = 0
    for start, stop, key in ranges:
        url = address_of(entities.get(key, {}))
        if url and start >= position:
            pieces += [(text[position:start], ""), (text[start:stop], url)]
            position = max(stop, start)
    pieces.append((text[position:], ""))
    shown = [(piece.replace("\0", ""), url) for piece, url in pieces]
    return [{"type": "text", "text": piece, "href": url} for piece, url in shown if piece]


def _captions(entity: Mapping[str, Any]) -> dict[str, object]:
    """Return a block with the captions of an entity. The settings of the entity, which may hide it, go with it."""
    data = entity.get("data")
    data = data if isinstance(data, Mapping) else {}
    words = {str(key): value for key, value in data.items() if fold(str(key)) in _CAPTIONS and isinstance(value, str)}
    return {**words, "tunes": {"entity": data}} if words else {}


def _at(values: object, index: object) -> Any:
    """Return an entry of a list; None if there is no such entry."""
    is_there = isinstance(values, list) and isinstance(index, int) and 0 <= index < len(values)
    return values[index] if is_there else None  # type: ignore[index]
