"""The routes of a search: hits, passages for a language model, related items, and the page."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import HTTPBearer

from recs.errors import EmbeddingError, OptionError, RecsError
from recs.retrieval.index import Index
from recs.retrieval.table import row_of
from recs.search import related_to
from recs.serving.batcher import QueueFullError
from recs.serving.live_index import LiveIndex
from recs.serving.requests import RequestError, need
from recs.serving.search_docs import DESCRIPTIONS
from recs.serving.search_page import page_reply
from recs.serving.search_requests import PASSAGES, RELATED, SEARCH, SearchRequest, from_address, from_body
from recs.serving.topics import TopicsFile
from recs.serving.traffic import Traffic, reply

_MOST_VALUES = 500  # of a filter that a page offers
_SCORE = {"kind": "search", "range": (-1.0, 1.0)}
_COLUMNS = {"tag": "tags", "category": "category", "series": "series", "lang": "lang"}


def search_router(
    live: LiveIndex, traffic: Traffic, *, with_related: bool, needs_key: bool, topics: TopicsFile | None = None
) -> APIRouter:
    """Return the routes of a search.

    Parameters
    ----------
    live
        The index.
    traffic
        The requests of the server.
    with_related
        Whether the index answers GET /related; if not, that is left to a file of lists.
    topics
        The topics of the items, if there are any.
    needs_key
        Whether requests need an API key. `recs.serving.access` checks it; here it is only described.
    """
    routes = _Routes(live, traffic)
    endpoints: dict[tuple[str, str], Callable[[Request], Awaitable[Response]]] = {
        ("GET", "/search"): routes.search,
        ("GET", "/search/filters"): routes.filters,
        ("POST", "/passages"): routes.passages,
        ("POST", "/related"): routes.related_to_text,
    }
    if with_related:
        endpoints |= {("GET", "/related"): routes.related_to_id, ("GET", "/related/{id}"): routes.related_to_id}
    if topics is not None:
        of_topics = _TopicRoutes(live, traffic, topics)
        endpoints |= {("GET", "/topics"): of_topics.topics, ("GET", "/topics/{id}"): of_topics.topic}
    key = [Depends(HTTPBearer(auto_error=False, description="The API key of the server."))] if needs_key else []
    router = APIRouter(tags=["search"], dependencies=key)
    for (method, path), endpoint in endpoints.items():
        described: dict[str, Any] = DESCRIPTIONS[method, path]
        name = method.lower() + path.replace("{id}", "of_id").replace("/", "_")
        route = path.replace("{id}", "{id:path}")
        measured = traffic.measured(route, endpoint)
        router.add_api_route(route, measured, methods=[method], operation_id=name, **described)
    router.add_api_route("/", traffic.measured("/", routes.page), methods=["GET"], include_in_schema=False)
    return router


class _Routes:
    def __init__(self, live: LiveIndex, traffic: Traffic) -> None:
        self._live = live
        self._traffic = traffic

    async def search(self, request: Request) -> Response:
        """Answer a query by items."""

        def hits(index: Index) -> dict[str, Any]:
            results = index.search(asked.text, k=asked.k, signals=asked.signals, where=asked.where)
            return {"query": asked.text, "hits": [asdict(hit) for hit in results]}

        async with self._traffic.admitted():
            asked = from_address(request.query_params.multi_items(), "q", SEARCH)
            return await self._answer(hits)

    async def passages(self, request: Request) -> Response:
        """Answer a query by passages for a language model."""

        def context(index: Index) -> dict[str, Any]:
            options: Any = {"signals": asked.signals, "where": asked.where}
            return {"query": asked.text, **asdict(index.context(asked.text, max_tokens=asked.max_tokens, **options))}

        async with self._traffic.admitted():
            asked = from_body(await self._traffic.body(request), "query", PASSAGES)
            return await self._answer(context)

    async def related_to_id(self, request: Request) -> Response:
        """Return what is similar to an item of the index."""

        def related(index: Index) -> dict[str, Any]:
            need(row_of(item, index.table) is not None, f"no item with the id {item!r:.200}.", "id", status=404)
            hits = index.similar_to_id(item, k=asked.k, where=asked.where)
            return _related(item, hits, index)

        async with self._traffic.admitted():
            pairs = request.query_params.multi_items()
            in_path = request.path_params.get("id")
            item = str(in_path or request.query_params.get("id") or "")
            need(item, "name the item: /related?id=ID or /related/ID.", "id")
            asked = from_address(pairs, None, RELATED if in_path else ("id", *RELATED))
            return await self._answer(related)

    async def related_to_text(self, request: Request) -> Response:
        """Return what is similar to a text."""

        def related(index: Index) -> dict[str, Any]:
            return _related(None, related_to(asked.text, index, asked.k, where=asked.where), index)

        async with self._traffic.admitted():
            asked: SearchRequest = from_body(await self._traffic.body(request), "text", RELATED)
            return await self._answer(related)

    async def filters(self, _: Request) -> Response:
        """Return the values of filters that items have."""
        async with self._traffic.admitted():
            return await self._answer(_filter_values)

    async def page(self, _: Request) -> Response:
        """Return the page. It holds no data: it asks for them as any client does."""
        return page_reply()

    async def _answer(self, ask: Callable[[Index], dict[str, Any]]) -> Response:
        """Return the reply to a question, worked out in a thread of its own."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._traffic.searches, lambda: reply(ask(self._live.current())))
        except QueueFullError as error:
            refused = RequestError(429, str(error))
            refused.retry_after = error.retry_after
            raise refused from error
        except (OptionError, EmbeddingError) as error:
            raise RequestError(400, str(error)) from error
        except RecsError as error:
            raise RequestError(503, str(error)) from error


class _TopicRoutes(_Routes):
    def __init__(self, live: LiveIndex, traffic: Traffic, topics: TopicsFile) -> None:
        super().__init__(live, traffic)
        self._topics = topics

    async def topics(self, _: Request) -> Response:
        """Return the topics."""
        async with self._traffic.admitted():
            return await self._answer(lambda index: {"topics": self._topics.listed(index)})

    async def topic(self, request: Request) -> Response:
        """Return a topic with its items."""
        async with self._traffic.admitted():
            name = str(request.path_params["id"])
            is_number = name.isascii() and name.isdigit() and len(name) < 10
            need(is_number, f"no topic with the id {name!r:.40}.", "id", status=404)
            asked = from_address(request.query_params.multi_items(), None, RELATED)
            need(not asked.where, "a topic has no filters.")
            return await self._answer(lambda index: self._topics.one(int(name), index, asked.k))


def _related(item: str | None, hits: list[Any], index: Index) -> dict[str, Any]:
    model = None if index.vectors is None else index.vectors.model
    return {"id": item, "related": [asdict(hit) for hit in hits], "score": _SCORE, "model": model}


def _filter_values(index: Index) -> dict[str, Any]:
    values = {}
    for name, column in _COLUMNS.items():
        counts = Counter(value for cell in index.table.column(column) for value in _listed(cell))
        ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_VALUES]
        values[name] = [{"value": value, "items": count} for value, count in ordered]
    return values


def _listed(cell: object) -> set[str]:
    if cell is None or cell == "":
        return set()
    return set(map(str, cell)) if isinstance(cell, list | tuple) else {str(cell)}
