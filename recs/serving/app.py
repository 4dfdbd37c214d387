"""Vectors and related lists over HTTP, with the API of OpenAI for embeddings and that of a Truss for predictions."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from recs.contract import RelatedFile
from recs.embedding.documents import Overflow
from recs.embedding.embedder import Embedder
from recs.errors import MissingDependencyError, RecsError
from recs.models.tokenizer_file import read_tokenizer
from recs.serving.access import Access, restrict
from recs.serving.batcher import Batcher, Embedded, QueueFullError
from recs.serving.requests import (
    EmbedRequest,
    Limits,
    RequestError,
    RequestReader,
    ServedModel,
    decimal,
    dump,
    limit,
    need,
)

try:
    import prometheus_client as prometheus
    import uvicorn  # noqa: F401  (recs serve runs the application with it)
    from fastapi import FastAPI, Request, Response
    from fastapi.responses import FileResponse
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect
except ImportError as error:
    raise MissingDependencyError("the server", "fastapi, uvicorn and prometheus-client", "serve") from error

# Larger bodies are parsed, and larger replies written, in another thread, so that other clients need not wait.
_INLINE_BYTES = 16_384
_INLINE_NUMBERS = 16_384


def create_app(
    embedder: Embedder,
    *,
    related: RelatedFile | None = None,
    limits: Limits | None = None,
    overflow: Overflow = "error",
    access: Access | None = None,
    aliases: Sequence[str] = (),
) -> FastAPI:
    """Return an application that serves one model, and the lists of a file that `load_related` opened.

    Parameters
    ----------
    embedder
        The model. One thread runs it.
    related
        The related lists, or None.
    limits
        How much the server accepts; `Limits()` if left out.
    overflow
        What to do with a text past the context window if the request does not say it: as in `Embedder.embed`.
    access
        Who may use the server; everybody who reaches it, but no page of a web site, if left out.
    aliases
        Further names of the model, as ALIAS=MODEL. `OptionError` if it has another name, or the alias already.

    Notes
    -----
    When the application stops, it first embeds the texts in the queue.
    """
    model = ServedModel.of(embedder.spec.name).with_aliases(aliases)
    service = _Service(embedder, model, related, limits or Limits(), overflow)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.batcher.close, 10.0)

    app = FastAPI(title="recs", lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False)
    for path, endpoint, method in (
        ("/v1/embeddings", partial(service.answer, ask=service.reader.openai, write=service.openai), "POST"),
        ("/v1/models/model:predict", partial(service.answer, ask=service.reader.truss, write=service.truss), "POST"),
        ("/v1/models", service.models, "GET"),
        ("/v1/models/{model:path}", service.models, "GET"),
        ("/v1/tokenizer", service.tokenizer, "GET"),
        ("/related", service.related_to, "GET"),
        ("/related/{id:path}", service.related_to, "GET"),
        ("/health", service.health, "GET"),
        ("/metrics", service.metrics, "GET"),
    ):
        app.add_route(path, service.measured(path, endpoint), methods=[method])
    app.add_exception_handler(HTTPException, _failed)
    app.add_exception_handler(Exception, _failed)
    restrict(app, access or Access())
    return app


class _Service:
    """The routes and what they share."""

    def __init__(
        self,
        embedder: Embedder,
        model: ServedModel,
        related: RelatedFile | None,
        limits: Limits,
        overflow: Overflow,
    ) -> None:
        self.embedder = embedder
        self.related = related
        self.limits = limits
        self.overflow = overflow
        self.at_work = 0
        self.model = model
        self.reader = RequestReader(embedder, self.model, limits, overflow)
        self.batcher = Batcher(embedder, queue_tokens=4 * limits.tokens, observe=self._observe)
        self.registry = prometheus.CollectorRegistry()
        shared: Any = {"registry": self.registry}
        prometheus.ProcessCollector(**shared)
        self.seconds = prometheus.Histogram("recs_request_seconds", "Until the reply.", ["route", "status"], **shared)
        self.tokens = prometheus.Counter("recs_tokens", "Tokens embedded.", **shared)
        buckets = [2**i for i in range(9)]
        self.jobs = prometheus.Histogram("recs_round_jobs", "Jobs embedded together.", buckets=buckets, **shared)
        gauge = prometheus.Gauge("recs_waiting_tokens", "Tokens in the queue.", **shared)
        gauge.set_function(lambda: self.batcher.waiting)

    def _observe(self, jobs: int, tokens: int) -> None:
        self.jobs.observe(jobs)
        self.tokens.inc(tokens)

    def measured(self, route: str, handler: Callable[[Request], Awaitable[Response]]) -> Any:
        """Return an endpoint that counts its replies and measures their time, errors included."""

        async def endpoint(request: Request) -> Response:
            started = time.perf_counter()
            status = 500
            try:
                response = await handler(request)
                status = response.status_code
            except RequestError as error:
                status = error.status
                response = _error_reply(error)
            finally:
                self.seconds.labels(route, status).observe(time.perf_counter() - started)
            return response

        return endpoint

    # Vectors.

    async def answer(
        self,
        request: Request,
        ask: Callable[[bytes], EmbedRequest],
        write: Callable[[EmbedRequest, Embedded], Response],
    ) -> Response:
        self.at_work += 1
        try:
            body = await self._body(request)
            asked = await _in_thread(len(body) > _INLINE_BYTES, lambda: ask(body))
            result = await self._embed(request, asked)
            response: Response = await _in_thread(result.vectors.size > _INLINE_NUMBERS, lambda: write(asked, result))
            return response
        except ClientDisconnect as error:
            raise RequestError(499, "the client closed the connection.") from error
        finally:
            self.at_work -= 1

    async def _body(self, request: Request) -> bytes:
        """Return the body. If it is too large, it is refused before it is read, and uvicorn drops the rest."""
        need(
            self.at_work <= self.limits.queue,
            f"the server already works on {self.limits.queue} requests; try again.",
            status=429,
        )
        limit(int(request.headers.get("content-length") or 0), self.limits.bytes, "bytes")
        chunks = []
        size = 0
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    limit(size, self.limits.bytes, "bytes")
                    chunks.append(chunk)
        except TimeoutError as error:
            raise RequestError(408, "the body did not arrive in time.") from error
        return b"".join(chunks)

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
        return _reply(f'{{"object":"list","data":[{",".join(data)}],{rest[1:]}')

    def truss(self, asked: EmbedRequest, result: Embedded) -> Response:
        report = asked.report | {"chunks": sum(result.chunks), "tokens_lost": sum(result.lost)}
        return _reply(f"[{','.join(decimal(result.vectors))}]", headers={"recs-report": dump(report)})

    # Other routes.

    async def models(self, request: Request) -> Response:
        one: str | None = request.path_params.get("model")
        if one is not None:
            self.model.check(one)
        entries = self.model.entries(self.embedder, {"overflow": self.overflow, "limits": asdict(self.limits)})
        if one is None:
            return _reply({"object": "list", "data": entries})
        return _reply(next((entry for entry in entries if entry["id"].lower() == one.lower()), entries[0]))

    async def tokenizer(self, _: Request) -> Response:
        spec = self.embedder.spec
        if spec.folder is None:
            raise RequestError(404, "the files of this model are not on the server.")
        path = spec.home / "tokenizer.json"
        return FileResponse(path) if path.exists() else _reply(read_tokenizer(spec.home))

    async def related_to(self, request: Request) -> Response:
        item = str(request.path_params.get("id") or request.query_params.get("id") or "")
        lists = self.related
        if lists is None:
            raise RequestError(404, "no related lists are loaded; start the server with --related FILE.")
        need(item, "name the item: /related?id=ID or /related/ID.", "id")
        need(item in lists, f"no list for the id {item!r:.200}.", "id", status=404)
        return _reply({"id": item, "related": lists[item], "score": lists.score, "model": lists.model})

    async def health(self, _: Request) -> Response:
        return _reply({"status": "ok", "model": self.model.id, "fingerprint": self.embedder.spec.fingerprint})

    async def metrics(self, _: Request) -> Response:
        return Response(prometheus.generate_latest(self.registry), media_type=prometheus.CONTENT_TYPE_LATEST)


async def _in_thread(large: bool, function: Callable[[], Any]) -> Any:
    try:
        return await asyncio.to_thread(function) if large else function()
    except RecsError as error:
        raise RequestError(400, str(error)) from error


async def _all(futures: list[Future[Embedded]]) -> list[Embedded]:
    return await asyncio.gather(*map(asyncio.wrap_future, futures))


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _failed(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    message = getattr(error, "detail", f"the server failed ({type(error).__name__}); its log says more.")
    if status == 404 and not request.url.path.startswith("/v1"):
        message = f"{message}; clients of OpenAI's API need the URL {request.base_url}v1"
    return _error_reply(RequestError(status, message))


def _reply(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = content if isinstance(content, str) else dump(content)
    return Response(text, status, headers, "application/json")


def _error_reply(error: RequestError) -> Response:
    return _reply(error.content, error.status, error.headers)
