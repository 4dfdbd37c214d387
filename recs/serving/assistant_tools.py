"""The tools that an assistant gets: their names, arguments and answers. Nothing here needs the protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from recs.errors import RecsError
from recs.items import Item
from recs.retrieval.hits import Hit
from recs.retrieval.index import Index
from recs.retrieval.table import row_of
from recs.search import related_to
from recs.serving.live_index import LiveIndex
from recs.serving.requests import RequestError, kind, need
from recs.serving.search_requests import (
    MOST_HITS,
    PASSAGES,
    RELATED,
    SEARCH,
    SearchRequest,
    from_arguments,
    object_schema,
)
from recs.serving.topics import TopicsFile
from recs.text.characters import has_surrogate

QUERY_CHARACTERS = 10_000
"""The longest query of an assistant, which writes whole questions."""
PART_CHARACTERS = 20_000
"""The most characters of a text in one answer; the next call goes on from there."""
_ID_CHARACTERS = 2000
_MEMBERS = 20  # of a topic, if the assistant does not say how many
_ID = {"type": "string", "minLength": 1, "maxLength": _ID_CHARACTERS, "description": "The id of an item, from a hit."}
_OFFSET = {
    "type": "integer",
    "minimum": 0,
    "default": 0,
    "description": "The character to begin with. Give next_offset of the answer before to read on.",
}


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes
    ----------
    title, description
        What it is for, for people and for the model that chooses a tool.
    schema
        Its arguments, as JSON Schema.
    answer
        Returns the answer of an index to arguments.
    """

    title: str
    description: str
    schema: Mapping[str, Any]
    answer: Callable[[Index, dict[str, Any]], dict[str, Any]]


class Tools:
    """The tools over the index in a folder.

    Parameters
    ----------
    live
        The index.
    topics
        The topics of the items; without them there is no tool for topics.
    terms_only
        Whether words alone rank; then no model is loaded.
    """

    def __init__(self, live: LiveIndex, *, topics: TopicsFile | None = None, terms_only: bool = False) -> None:
        self._live = live
        self.offered: Mapping[str, Tool] = TOOLS if topics is None else {**TOOLS, "topics": _topics_tool(topics)}
        self._terms_only = terms_only

    def call(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer of a tool. It holds only what UTF-8 can hold.

        Raises
        ------
        RequestError, RecsError
            With a message for the assistant, if the arguments cannot be used or the index cannot answer.
        """
        need(name in self.offered, f"no tool {name[:80]!r} here, expected one of {', '.join(self.offered)}.")
        asked = {each: _whole(value) for each, value in arguments.items() if value is not None and value != ""}
        index = self._live.current()
        is_by_terms = self._terms_only or asked.get("signals") == "terms"
        answer = self.offered[name].answer(index.by_terms if is_by_terms else index, asked)
        text = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
        return dict(json.loads(text))


def one_line(error: Exception) -> str:
    """Return the message of an error in one line; of an error that nobody expected, only its type."""
    if isinstance(error, RequestError | RecsError):
        return " ".join(str(error).split()).encode("utf-8", "replace").decode()
    return f"the server failed ({type(error).__name__})."


def _whole(value: Any) -> Any:
    """Return 5 for 5.0, which JSON does not tell apart."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# The answers.


def _search(index: Index, asked: dict[str, Any]) -> dict[str, Any]:
    request = from_arguments(asked, "query", SEARCH, longest=QUERY_CHARACTERS)
    hits = index.search(request.text, k=request.k, signals=request.signals, where=request.where)
    return {"hits": _hits(hits, index)}


def _passages(index: Index, asked: dict[str, Any]) -> dict[str, Any]:
    request = from_arguments(asked, "query", PASSAGES, longest=QUERY_CHARACTERS)
    options: Any = {"signals": request.signals, "where": request.where}
    context = index.context(request.text, max_tokens=request.max_tokens, **options)
    sources = []
    for source in context.sources:
        passage = source.passage
        span = {"start": passage.start, "stop": passage.stop}
        item = _item(passage.id, index)
        sources.append({"number": source.number, **_described(item), **span, **_moment(passage.seconds, passage.url)})
    return {"prompt": context.prompt, "sources": sources, "tokens": context.tokens, "left_out": context.left_out}


def _get_item(index: Index, asked: dict[str, Any]) -> dict[str, Any]:
    _no_others(asked, ("id", "offset"))
    item = _item(_id(asked), index)
    length = len(item.text)
    offset = asked.get("offset", 0)
    need(type(offset) is int, f"offset is {kind(offset)}, expected a whole number.")
    need(0 <= offset <= length, f"offset is {min(offset, 10**9):,}, expected 0 to {length:,}.")
    stop = _end_of_part(item.text, offset)
    more = {"category": item.category, "series": item.series, "lang": item.lang, "updated": item.updated}
    return {
        **_described(item),
        **{name: value for name, value in more.items() if value},
        "text": item.text[offset:stop],
        "offset": offset,
        "next_offset": stop if stop < length else None,
        "characters": length,
    }


def _related(index: Index, asked: dict[str, Any]) -> dict[str, Any]:
    need(("id" in asked) != ("text" in asked), "give an id or a text, one of the two.")
    if "text" in asked:
        request = from_arguments(asked, "text", RELATED)
        return {"related": _hits(related_to(request.text, index, request.k, where=request.where), index)}
    item = _item(_id(asked), index)
    others: SearchRequest = from_arguments({name: asked[name] for name in asked if name != "id"}, None, RELATED)
    return {"related": _hits(index.similar_to_id(item.id, k=others.k, where=others.where), index)}


def _topics(topics: TopicsFile, index: Index, asked: dict[str, Any]) -> dict[str, Any]:
    _no_others(asked, ("id", "k"))
    if "id" not in asked:
        return {"topics": topics.listed(index)}
    number = asked["id"]
    need(type(number) is int, f"id is {kind(number)}, expected the id of a topic as a number.")
    return topics.one(number, index, from_arguments({"k": asked.get("k", _MEMBERS)}, None, RELATED).k)


# Parts of the answers.


def _no_others(asked: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in asked:
        need(name in names, f"{name[:40]!r} is no parameter here, expected one of {', '.join(names)}.")


def _id(asked: Mapping[str, Any]) -> str:
    name = asked.get("id")
    if not isinstance(name, str) or has_surrogate(name) or len(name) > _ID_CHARACTERS:
        raise RequestError(400, f"id is {kind(name)}, expected the id of an item as a string.")
    return name


def _item(name: str, index: Index) -> Item:
    row = row_of(name, index.table)
    if row is None:
        raise RequestError(404, f"no item with the id {name!r:.200}; search gives the ids of items.")
    return index.table[row]


def _hits(hits: Sequence[Hit], index: Index) -> list[dict[str, Any]]:
    return [_hit(hit, _item(hit.id, index)) for hit in hits]


def _hit(hit: Hit, item: Item) -> dict[str, Any]:
    entry: dict[str, Any] = {**_described(item), "score": hit.score, "via": hit.via}
    if hit.passage is not None:
        span = {"start": hit.passage.start, "stop": hit.passage.stop}
        entry["passage"] = {"text": hit.passage.text, **span, **_moment(hit.passage.seconds, hit.passage.url)}
    return entry


def _described(item: Item) -> dict[str, Any]:
    return {"id": item.id, "title": item.title, "url": item.url, "date": item.published, "tags": list(item.tags)}


def _moment(seconds: tuple[float | None, float | None] | None, url: str | None) -> dict[str, Any]:
    """Return when a passage of a transcript is said, and the address of that moment."""
    return {"seconds": list(seconds), "url": url} if seconds else {}


def _end_of_part(text: str, offset: int) -> int:
    """Return where a part of a text ends that begins at an offset: after a space, if there is one near the end."""
    stop = offset + PART_CHARACTERS
    if stop >= len(text):
        return len(text)
    space = text.rfind(" ", stop - PART_CHARACTERS // 10, stop)
    return stop if space < 0 else space + 1


# The tools.


def _with_id(schema: dict[str, Any]) -> dict[str, Any]:
    about = "A text to compare with, such as a draft, instead of an id."
    text = {**schema["properties"]["text"], "description": about}
    return {**schema, "required": [], "properties": {"id": _ID, **schema["properties"], "text": text}}


TOOLS: Mapping[str, Tool] = {
    "search": Tool(
        "Search",
        "Find items (posts, pages, episodes) that answer a query, best first. Each hit has an id, title, URL, date, "
        "tags, a score from 0 to about 1, and the passage that fits best. A phrase in quotation marks comes "
        "first where a text holds it. Use it to see what there is; use passages to answer a question from the texts.",
        object_schema("query", SEARCH, longest=QUERY_CHARACTERS),
        _search,
    ),
    "passages": Tool(
        "Passages",
        "Find the passages that answer a question, as one block of text with numbered sources that fits into "
        "max_tokens. Answer from the block and cite its numbers; sources says which item each number is, with its URL.",
        object_schema("query", PASSAGES, longest=QUERY_CHARACTERS),
        _passages,
    ),
    "get_item": Tool(
        "Get an item",
        f"Read one item: its title, URL, date, tags and text. A text of more than {PART_CHARACTERS:,} characters comes "
        "in parts: while next_offset is a number, call again with it as offset.",
        {
            "type": "object",
            "required": ["id"],
            "properties": {"id": _ID, "offset": _OFFSET},
            "additionalProperties": False,
        },
        _get_item,
    ),
    "related": Tool(
        "Related items",
        "Find the items that are most similar to an item (give its id) or to a text (give the text, such as a draft), "
        "best first. Give one of the two. The item itself is left out.",
        _with_id(object_schema("text", RELATED)),
        _related,
    ),
}


def _topics_tool(topics: TopicsFile) -> Tool:
    number = {"type": "integer", "minimum": 0, "description": "The id of a topic, from the list of topics."}
    count = {
        "type": "integer",
        "minimum": 1,
        "maximum": MOST_HITS,
        "default": _MEMBERS,
        "description": "How many items.",
    }
    return Tool(
        "Topics",
        "List the topics of the collection, largest first: what it is about, how many items, examples. Give the "
        "id of a topic to read which items it has.",
        {"type": "object", "required": [], "properties": {"id": number, "k": count}, "additionalProperties": False},
        partial(_topics, topics),
    )
