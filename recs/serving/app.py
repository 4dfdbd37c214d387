"""Vectors and related lists over HTTP: OpenAI's contract for embeddings, a Truss's for predictions."""

import asyncio
import base64
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from recs.contract import RelatedFile
from recs.embedding.embedder import OVERFLOWS, ROLES, Embedder, Overflow
from recs.errors import MissingDependencyError, RecsError
from recs.models.registry import registry_row
from recs.models.spec import cut_model
from recs.readers.read import read_texts
from recs.serving.batcher import Batcher, Embedded, Options, QueueFullError
from recs.serving.requests import (
    EmbedRequest,
    Limits,
    RequestError,
    check,
    decimal,
    dump,
    kind,
    limit,
    need,
    parse,
)

try:
    import prometheus_client as prometheus
    import uvicorn  # noqa: F401  (what recs serve runs this with)
    from fastapi import FastAPI, Request, Response
    from fastapi.responses import FileResponse
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect
except ImportError as error:
    raise MissingDependencyError("the server", "fastapi, uvicorn and prometheus-client", "serve") from error

_HALF = re.compile("[\ud800-\udfff]")
_OPTIONS = {"role", "instruction", "overflow", "dimensions"}
# Larger bodies and replies are parsed and written on another thread, so that other clients are heard meanwhile.
_INLINE_BYTES, _INLINE_NUMBERS = 16_384, 16_384


def create_app(
    embedder: Embedder,
    *,
    related: RelatedFile | None = None,
    limits: Limits | None = None,
    overflow: Overflow = "error",
) -> FastAPI:
    """Return an application that serves one model, and the lists of a file that `load_related` opened.

    `overflow` is what happens to a text past the context window where a request does not say. One thread runs the
    model; when the application stops, what waits is embedded first.
    """
    service = _Service(embedder, related, limits or Limits(), overflow)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.batcher.close, 10.0)

    app = FastAPI(title="recs", lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False)
    for path, endpoint, method in (
        ("/v1/embeddings", partial(service.answer, ask=service.ask_openai, write=service.openai), "POST"),
        ("/v1/models/model:predict", partial(service.answer, ask=service.ask_truss, write=service.truss), "POST"),
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
    return app


class _Service:
    """The routes and what they share."""

    def __init__(self, embedder: Embedder, related: RelatedFile | None, limits: Limits, overflow: Overflow) -> None:
        self.embedder, self.related, self.limits, self.overflow = embedder, related, limits, overflow
        self.at_work = 0
        base, at, dim = embedder.spec.name.partition("@")
        known, row = registry_row(base)
        self.id = (known if row else Path(base).resolve().name if Path(base).is_dir() else base) + at + dim
        self.names = {self.id.lower(), embedder.spec.name.lower(), row.hub_id.lower() + at + dim if row else ""}
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
        """Return an endpoint that times and counts its replies, errors included."""

        async def endpoint(request: Request) -> Response:
            started, status = time.perf_counter(), 500
            try:
                response = await handler(request)
                status = response.status_code
            except RequestError as error:
                status, response = error.status, _error_reply(error)
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
            raise RequestError(499, "the client went away.") from error
        finally:
            self.at_work -= 1

    async def _body(self, request: Request) -> bytes:
        """Return the body, or refuse what is too large before it is read; uvicorn then drops what still comes."""
        need(self.at_work <= self.limits.queue, f"{self.limits.queue} requests are at work; try again.", status=429)
        limit(int(request.headers.get("content-length") or 0), self.limits.bytes, "bytes")
        chunks, size = [], 0
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    limit(size, self.limits.bytes, "bytes")
                    chunks.append(chunk)
        except TimeoutError as error:
            raise RequestError(408, "the body was not here in time.") from error
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
        finally:  # what has not started never will
            gone.cancel()
            done.cancel()
        vectors = np.concatenate([part.vectors for part in parts] or [np.zeros((0, 1), np.float32)])
        return Embedded(vectors, *(list(chain.from_iterable(part[i] for part in parts)) for i in (1, 2)))

    def ask_openai(self, body: bytes) -> EmbedRequest:
        asked = parse(body)
        need(isinstance(asked, dict), f"the body is {kind(asked)}, expected an object with input and model.")
        model, given, form = asked.get("model"), asked.get("input"), asked.get("encoding_format") or "float"
        texts = [given] if isinstance(given, str) else given
        check(asked, "model", isinstance(model, str), repr(self.id))
        self._check_model(model)
        check(asked, "encoding_format", form in ("float", "base64"), "float or base64")
        check(asked, "input", isinstance(texts, list) and texts, "a string or a list of strings")
        ids = all(isinstance(text, int | list) for text in texts)
        advice = "send the text itself, as strings (LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))."
        need(not ids, f"input is token ids, and nothing says of which tokenizer; {advice}", "input")
        known = {"input", "model", "encoding_format", "user"}
        return self._asked(texts, [""] * len(texts), asked, known, binary=form == "base64")

    def ask_truss(self, body: bytes) -> EmbedRequest:
        given = parse(body)
        known = given.keys() & {"input", "texts", "items"} if isinstance(given, dict) else set()
        asked, known = (given, known) if len(known) == 1 else ({"input": given}, {"input"})
        content = asked[next(iter(known))]
        texts, titles = read_texts(content if isinstance(content, list) else [content])
        return self._asked(texts, titles, asked, known)

    def _asked(
        self, texts: list[str], titles: list[str], asked: dict[str, Any], known: set[str], *, binary: bool = False
    ) -> EmbedRequest:
        """Check texts and options, and count the tokens."""
        own = self.embedder.spec
        limit(len(texts), self.limits.items, "texts")
        for number, (text, title) in enumerate(zip(texts, titles, strict=True)):
            if not isinstance(text, str) or not (text.strip() or title.strip()) or _HALF.search(text + title):
                message = f"input {number} is {kind(text)}, expected text: not empty, no half of a surrogate pair."
                raise RequestError(400, message, "input")
        role, overflow = asked.get("role") or "document", asked.get("overflow") or self.overflow
        instruction, dim = asked.get("instruction"), asked.get("dimensions")
        dim = own.dim if dim is None else dim
        check(asked, "role", isinstance(role, str), "a string")
        check(asked, "instruction", isinstance(instruction, str | None), "a string")
        check(asked, "overflow", overflow in OVERFLOWS, f"one of {', '.join(OVERFLOWS)}")
        check(asked, "dimensions", type(dim) is int, "an integer")
        spec, prompt = cut_model(own, dim), self.embedder.prompt(role, instruction)
        headings = (prompt + title + "\n\n" if title else prompt for title in titles)
        counts = self.embedder.count_tokens([heading + text for heading, text in zip(headings, texts, strict=True)])
        limit(sum(counts), self.limits.tokens, "tokens")
        if overflow == "error":
            number, longest = max(enumerate(counts), key=lambda pair: pair[1], default=(0, 0))
            message = f"input {number} has {longest:,} tokens and {own.max_tokens:,} fit the context window of "
            message += f'{self.id}; send less, or "overflow": "chunk" (the mean of its chunks) or "truncate".'
            need(longest <= own.max_tokens, message, "input", code="context_length_exceeded")
            overflow = "chunk"  # they all fit: one call can embed them with those of others that need chunks
        ignored = sorted(asked.keys() - known - _OPTIONS)
        report = {"fingerprint": spec.fingerprint, "role": role, "ignored": ignored}
        options = Options(role, instruction, overflow, None if spec is own else dim)
        return EmbedRequest(texts, titles, counts, options, report, binary)

    def openai(self, asked: EmbedRequest, result: Embedded) -> Response:
        if asked.binary:
            rows = [f'"{base64.b64encode(row.tobytes()).decode()}"' for row in result.vectors.astype("<f4")]
        else:
            rows = decimal(result.vectors)
        data = [f'{{"object":"embedding","index":{i},"embedding":{row}}}' for i, row in enumerate(rows)]
        usage = {"prompt_tokens": sum(asked.counts), "total_tokens": sum(asked.counts)}
        report = asked.report | {"chunks": result.chunks, "tokens_lost": result.lost}
        rest = dump({"model": self.id, "usage": usage, "recs": report})
        return _reply(f'{{"object":"list","data":[{",".join(data)}],{rest[1:]}')

    def truss(self, asked: EmbedRequest, result: Embedded) -> Response:
        report = asked.report | {"chunks": sum(result.chunks), "tokens_lost": sum(result.lost)}
        return _reply(f"[{','.join(decimal(result.vectors))}]", headers={"recs-report": dump(report)})

    # Everything else.

    def _check_model(self, name: str) -> None:
        message = f"no model {name[:200]!r} here; this server has {self.id!r}."
        need(name.lower() in self.names, message, "model", status=404, code="model_not_found")

    async def models(self, request: Request) -> Response:
        one = request.path_params.get("model")
        if one is not None:
            self._check_model(one)
        spec = self.embedder.spec
        described = asdict(spec)
        for name in ("name", "folder", "loader", "transformer"):
            del described[name]
        described |= {"roles": sorted({*ROLES, *spec.prompts}), "precision": self.embedder.precision}
        described |= {"overflow": self.overflow, "limits": asdict(self.limits), "tokenizer": spec.folder is not None}
        model = {"id": self.id, "object": "model", "created": 0, "owned_by": "recs", "recs": described}
        return _reply({"object": "list", "data": [model]} if one is None else model)

    async def tokenizer(self, _: Request) -> Response:
        spec = self.embedder.spec
        if spec.folder is None:
            raise RequestError(404, "the files of this model are not here.")
        return FileResponse(spec.folder / spec.transformer / "tokenizer.json")

    async def related_to(self, request: Request) -> Response:
        item, lists = str(request.path_params.get("id") or request.query_params.get("id") or ""), self.related
        if lists is None:
            raise RequestError(404, "no related lists are loaded; start the server with --related FILE.")
        need(item, "say of which item: /related?id=ID or /related/ID.", "id")
        need(item in lists, f"no list for the id {item!r:.200}.", "id", status=404)
        return _reply({"id": item, "related": lists[item], "score": lists.score, "model": lists.model})

    async def health(self, _: Request) -> Response:
        return _reply({"status": "ok", "model": self.id, "fingerprint": self.embedder.spec.fingerprint})

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


async def _failed(_: Request, error: Exception) -> Response:
    message = getattr(error, "detail", f"the server failed ({type(error).__name__}); its log says more.")
    return _error_reply(RequestError(getattr(error, "status_code", 500), message))


def _reply(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = content if isinstance(content, str) else dump(content)
    return Response(text, status, headers, "application/json")


def _error_reply(error: RequestError) -> Response:
    return _reply(error.content, error.status, error.headers)
