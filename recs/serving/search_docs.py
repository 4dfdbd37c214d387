"""What OpenAPI says of the routes of a search: the forms of replies, and a description of each route."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recs.retrieval.context import Context
from recs.retrieval.hits import Hit
from recs.serving.search_requests import PASSAGES, RELATED, SEARCH, address_parameters, body_schema


@dataclass(frozen=True)
class SearchReply:
    """The hits of a query, best first."""

    query: str
    hits: list[Hit]


@dataclass(frozen=True)
class PassagesReply(Context):
    """Passages for a language model: `prompt` is ready to use, and `sources` says where each numbered part is from."""

    query: str


@dataclass(frozen=True)
class RelatedReply:
    """Items that are similar to an item or to a text, best first. `id` is null for a text."""

    id: str | None
    related: list[Hit]
    score: dict[str, Any]
    model: str | None


@dataclass(frozen=True)
class FilterValue:
    """A value of a filter, and how many items have it."""

    value: str
    items: int


@dataclass(frozen=True)
class FiltersReply:
    """The values of each filter, those of most items first."""

    tag: list[FilterValue]
    category: list[FilterValue]
    series: list[FilterValue]
    lang: list[FilterValue]


@dataclass(frozen=True)
class TopicItem:
    """An item of a topic."""

    id: str
    title: str
    url: str | None


@dataclass(frozen=True)
class Topic:
    """A topic: its name, the phrases that tell it from the others, and how many items of the index it has."""

    id: int
    name: str
    phrases: list[str]
    items: int
    examples: list[TopicItem]


@dataclass(frozen=True)
class TopicReply(Topic):
    """A topic with its first items."""

    members: list[TopicItem]


@dataclass(frozen=True)
class TopicsReply:
    """The topics, largest first."""

    topics: list[Topic]


@dataclass(frozen=True)
class ErrorText:
    """What is wrong, in one line."""

    message: str
    type: str
    param: str | None
    code: str | None


@dataclass(frozen=True)
class ErrorReply:
    """An error, in the form of OpenAI's API."""

    error: ErrorText


_REFUSALS = {
    400: "A parameter is missing, unknown or has a wrong value.",
    401: "The API key is missing or wrong.",
    413: "The query, the text or the body is too long; the message names the limit.",
    429: "Too many requests wait; `retry-after` says for how many seconds.",
    503: "The index cannot be used now.",
}


def _described(
    summary: str, description: str, model: type, *, refusals: Mapping[int, str] = _REFUSALS, **extra: Any
) -> dict[str, Any]:
    """Return the arguments of `APIRouter.add_api_route` that describe a route."""
    replies: dict[int | str, dict[str, Any]] = {200: {"model": model}}
    replies |= {status: {"model": ErrorReply, "description": text} for status, text in refusals.items()}
    return {"summary": summary, "description": description, "responses": replies, "openapi_extra": extra}


_UNKNOWN_ID = {404: "The index has no item with this id."}
_ID = {"required": True, "description": "The id of the item.", "schema": {"type": "string"}, "example": "garlic"}
_TOPIC = {"required": True, "description": "The id of the topic.", "schema": {"type": "integer"}, "example": 0}
_QUESTION = {"query": "When do I plant garlic?", "max_tokens": 500, "lang": "en"}
_DRAFT = {"text": "Cloves of garlic go into the bed in autumn.", "k": 5}
_SIMILAR = "The items of the index that are most similar to one of them, which is left out. No model is used."

DESCRIPTIONS: Mapping[tuple[str, str], dict[str, Any]] = {
    ("GET", "/search"): _described(
        "Search the items",
        "The items that answer a query, each with its best passage. `highlights` are spans of characters in the text "
        "of the passage. They count Unicode code points, not UTF-16.",
        SearchReply,
        parameters=address_parameters("q", SEARCH),
    ),
    ("GET", "/search/filters"): _described("List the values of filters", "For pages that offer them.", FiltersReply),
    ("GET", "/topics"): _described(
        "List the topics", "The topics of the items, largest first, with the items in their middles.", TopicsReply
    ),
    ("GET", "/topics/{id}"): _described(
        "Read one topic",
        "A topic with its first k items by id.",
        TopicReply,
        refusals=_REFUSALS | {404: "There is no topic with this id."},
        parameters=[{"name": "id", "in": "path", **_TOPIC}, address_parameters(None, RELATED)[0]],
    ),
    ("POST", "/passages"): _described(
        "Passages for a language model",
        "The best passages that fit a budget of tokens, as one text with numbered sources.",
        PassagesReply,
        requestBody=body_schema("query", PASSAGES, _QUESTION),
    ),
    ("GET", "/related"): _described(
        "Items related to an item, by parameter",
        _SIMILAR,
        RelatedReply,
        refusals=_REFUSALS | _UNKNOWN_ID,
        parameters=[{"name": "id", "in": "query", **_ID}, *address_parameters(None, RELATED)],
    ),
    ("GET", "/related/{id}"): _described(
        "Items related to an item",
        _SIMILAR,
        RelatedReply,
        refusals=_REFUSALS | _UNKNOWN_ID,
        parameters=[{"name": "id", "in": "path", **_ID}, *address_parameters(None, RELATED)],
    ),
    ("POST", "/related"): _described(
        "Items related to a text",
        "The items that are most similar to a new text, such as a draft. All of it counts.",
        RelatedReply,
        requestBody=body_schema("text", RELATED, _DRAFT),
    ),
}
