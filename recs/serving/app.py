"""Vectors, related lists and search over HTTP, with OpenAI's API for embeddings and that of a Truss for predictions."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

import recs
from recs.contract import RelatedFile
from recs.embedding.documents import Overflow
from recs.embedding.embedder import Embedder
from recs.errors import MissingDependencyError, RecsError
from recs.models.tokenizer_file import read_tokenizer
from recs.serving.access import Access, restrict
from recs.serving.batcher import Batcher, Embedded, QueueFullError
from recs.serving.live_index import LiveIndex, QueryEmbedder
from recs.serving.requests import EmbedRequest, Limits, RequestError, RequestReader, ServedModel, decimal, dump, need

try:
    import prometheus_client as prometheus
    import uvicorn  # noqa: F401  (recs serve runs the application with it)
    from fastapi import FastAPI, Request, Response
    from fastapi.responses import FileResponse
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect

    from recs.serving.search_routes import search_router
    from recs.serving.topics import TopicsFile
    from recs.serving.traffic import Traffic, failed, in_thread, reply
except ImportError as error:
    raise MissingDependencyError("the server", "fastapi, uvicorn and prometheus-client", "serve") from error

# Larger bodies are parsed, and larger replies written, in another thread, so that other clients need not wait.
_INLINE_BYTES = 16_384
_INLINE_NUMBERS = 16_384


def create_app(
    embedder: Embedder | None,
    *,
    related: RelatedFile | None = None,
    index: Path | None = None,
    topics: Path | None = None,
    limits: Limits | None = None,
    overflow: Overflow = "error",
    access: Access | None = None,
    aliases: Sequence[str] = (),
) -> FastAPI:
    """Return an application that serves one model, the lists of a file that `load_related` opened, and an index.

    Parameters
    ----------
    embedder
        The model. One thread runs it. None: there are no vectors to ask for, and an index must have terms only.
    related
        The related lists; if left out, those of the index.
    index
        The folder of an index. If it is replaced, the new one is used.
    topics
        A file of topics that `recs cluster` wrote, for the items of the index.
    limits
        How much the server accepts; `Limits()` if left out.
    overflow
        What to do with a text past the context window if the request does not say it: as in `Embedder.embed`.
    access
        Who may use the server; everybody who reaches it, but no page of a web site, if left out.
    aliases
        Further names of the model, as ALIAS=MODEL. `OptionError` if it has another name, or the alias already.

    Raises
    ------
    SourceError, ModelError
        If the folder is no index, the file has no topics, or the index has vectors of another model.

    Notes
    -----
    When the application stops, it first embeds the texts in the queue.
    """
    access = access or Access()
    traffic = Traffic(limits or Limits())
    vectors = None if embedder is None else _Vectors(embedder, traffic, overflow, aliases)
    live = None if index is None else LiveIndex(index, None if vectors is None else vectors.queries)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        if vectors is not None:
            await asyncio.to_thread(vectors.batcher.close, 10.0)
        traffic.searches.shutdown(wait=False)

    options: Any = {"docs_url": None, "redoc_url": None, "redirect_slashes": False}
    app = FastAPI(title="recs", version=recs.__version__, lifespan=lifespan, **options)
    routes = _routes_of_vectors(vectors) + _other_routes(vectors, traffic, related)
    if live is not None:
        needs_key = access.api_key is not None
        options = {"with_related": related is None, "topics": None if topics is None else TopicsFile(topics)}
        app.include_router(search_router(live, traffic, needs_key=needs_key, **options))
    for path, endpoint, method in routes:
        app.add_route(path, traffic.measured(path, endpoint), methods=[method])
    app.add_exception_handler(HTTPException, failed)
    app.add_exception_handler(Exception, failed)
    restrict(app, access, free=() if live is None else ("/",))
    return app


class _Vectors:
    """The model of a server, and the routes that need it."""

    def __init__(self, embedder: Embedder, traffic: Traffic, overflow: Overflow, aliases: Sequence[str]) -> None:
        self.embedder = embedder
        self.traffic = traffic
        self.overflow = overflow
        self.model = ServedModel.of(embedder.spec.name).with_aliases(aliases)
        self.reader = RequestReader(embedder, self.model, traffic.limits, overflow)
        self.batcher = Batcher(embedder, queue_tokens=4 * traffic.limits.tokens, observe=self._observe)
        self.queries = QueryEmbedder(embedder, self.batcher, most_tokens=traffic.limits.tokens)
        shared: Any = {"registry": traffic.registry}
        self.tokens = prometheus.Counter("recs_tokens", "Tokens embedded.", **shared)
        buckets = [2**i for i in range(9)]
        self.jobs = prometheus.Histogram("recs_round_jobs", "Jobs embedded together.", buckets=buckets, **shared)
        gauge = prometheus.Gauge("recs_waiting_tokens", "Tokens in the queue.", **shared)
        gauge.set_function(lambda: self.batcher.waiting)

    def _observe(self, jobs: int, tokens: int) -> None:
        self.jobs.observe(jobs)
        self.tokens.inc(tokens)

    async def answer(
        self,
        request: Request,
        ask: Callable[[bytes], EmbedRequest],
        write: Callable[[EmbedRequest, Embedded], Response],
    ) -> Response:
        async with self.traffic.admitted():
            body = await self.traffic.body(request)
            asked = await in_thread(len(body) > _INLINE_BYTES, lambda: ask(body))
            result = await self._embed(request, asked)
            response: Response = await in_thread(result.vectors.size > _INLINE_NUMBERS, lambda: write(asked, result))
            return response

    async def _embed(self, request: Request, asked: EmbedRequest) -> Embedded:
        try:
            futures = self.batcher.submit(asked.texts, asked.titles, asked.counts, asked.options)
        except RecsError as error:
            refused = RequestError(429 if isinstance(error, QueueFullError) else 503, str(error))
            refused.retry_after = getattr(error, "retry_after", 1)
            raise refused from error
        gone: asyncio.Future[Any] = asyncio.ensure_future(_disconnected(request))
        done = asyncio.ensure_future(_all(futures))
        try:
            await asyncio.wait([gone, done], return_when=asyncio.FIRST_COMPLETED)
            if not done.done():
                raise ClientDisconnect
            parts = done.result()
        except RecsError as error:
            raise RequestError(500, str(error)) from error
        finally:  # nobody waits for what is not done
            gone.cancel()
            done.cancel()
            self.batcher.abandon(futures)
        vectors = np.concatenate([part.vectors for part in parts] or [np.zeros((0, 1), np.float32)])
        return Embedded(vectors, *(list(chain.from_iterable(part[i] for part in parts)) for i in (1, 2)))

    def openai(self, asked: EmbedRequest, result: Embedded) -> Response:
        if asked.binary:
            rows = [f'"{base64.b64encode(row.tobytes()).decode()}"' for row in result.vectors.astype("<f4")]
        else:
            rows = decimal(result.vectors)
        data = [f'{{"object":"embedding","index":{i},"embedding":{row}}}' for i, row in enumerate(rows)]
        usage = {"prompt_tokens": sum(asked.counts), "total_tokens": sum(asked.counts)}
        report = asked.report | {"chunks": result.chunks, "tokens_lost": result.lost}
        rest = dump({"model": self.model.id, "usage": usage, "recs": report})
        return reply(f'{{"object":"list","data":[{",".join(data)}],{rest[1:]}')

    def truss(self, asked: EmbedRequest, result: Embedded) -> Response:
        report = asked.report | {"chunks": sum(result.chunks), "tokens_lost": sum(result.lost)}
        return reply(f"[{','.join(decimal(result.vectors))}]", headers={"recs-report": dump(report)})

    async def models(self, request: Request) -> Response:
        one: str | None = request.path_params.get("model")
        if one is not None:
            self.model.check(one)
        entries = self.model.entries(self.embedder, {"overflow": self.overflow, "limits": asdict(self.traffic.limits)})
        if one is None:
            return reply({"object": "list", "data": entries})
        return reply(next((entry for entry in entries if entry["id"].lower() == one.lower()), entries[0]))

    async def tokenizer(self, _: Request) -> Response:
        spec = self.embedder.spec
        if spec.folder is None:
            raise RequestError(404, "the files of this model are not on the server.")
        path = spec.home / "tokenizer.json"
        return FileResponse(path) if path.exists() else reply(read_tokenizer(spec.home))


def _routes_of_vectors(vectors: _Vectors | None) -> list[tuple[str, Any, str]]:
    """Return path, endpoint and method of the routes that need a model."""
    if vectors is None:
        return [("/v1/{rest:path}", _no_model, method) for method in ("GET", "POST")]
    openai = partial(vectors.answer, ask=vectors.reader.openai, write=vectors.openai)
    truss = partial(vectors.answer, ask=vectors.reader.truss, write=vectors.truss)
    return [
        ("/v1/embeddings", openai, "POST"),
        ("/v1/models/model:predict", truss, "POST"),
        ("/v1/models", vectors.models, "GET"),
        ("/v1/models/{model:path}", vectors.models, "GET"),
        ("/v1/tokenizer", vectors.tokenizer, "GET"),
    ]


async def _no_model(_: Request) -> Response:
    raise RequestError(404, "this server has an index of terms and no model, so it has no vectors.")


def _other_routes(
    vectors: _Vectors | None, traffic: Traffic, related: RelatedFile | None
) -> list[tuple[str, Any, str]]:
    """Return path, endpoint and method of the routes that need no model."""

    async def related_to(request: Request) -> Response:
        item = str(request.path_params.get("id") or request.query_params.get("id") or "")
        if related is None:
            raise RequestError(404, "no related lists are loaded; start the server with --related FILE or --index DIR.")
        need(item, "name the item: /related?id=ID or /related/ID.", "id")
        need(item in related, f"no list for the id {item!r:.200}.", "id", status=404)
        return reply({"id": item, "related": related[item], "score": related.score, "model": related.model})

    async def health(_: Request) -> Response:
        model = None if vectors is None else vectors.model.id
        fingerprint = None if vectors is None else vectors.embedder.spec.fingerprint
        return reply({"status": "ok", "model": model, "fingerprint": fingerprint})

    async def metrics(_: Request) -> Response:
        return Response(prometheus.generate_latest(traffic.registry), media_type=prometheus.CONTENT_TYPE_LATEST)

    return [
        ("/related", related_to, "GET"),
        ("/related/{id:path}", related_to, "GET"),
        ("/health", health, "GET"),
        ("/metrics", metrics, "GET"),
    ]


async def _all(futures: list[Future[Embedded]]) -> list[Embedded]:
    return await asyncio.gather(*map(asyncio.wrap_future, futures))


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
