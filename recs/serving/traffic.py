"""What the routes of a server share: the count of requests at work, the reading of bodies, times, and replies."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import prometheus_client as prometheus
from fastapi import Request, Response
from starlette.requests import ClientDisconnect

from recs.errors import RecsError
from recs.serving.requests import Limits, RequestError, dump, limit, need

_SEARCHES = 16  # at the same time; those that wait for the model share its batches


class Traffic:
    """The requests of a server, all routes together."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.at_work = 0
        self.searches = ThreadPoolExecutor(_SEARCHES, thread_name_prefix="recs-search")
        """Threads in which indexes are searched."""
        self.registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self.registry)
        self._seconds = prometheus.Histogram(
            "recs_request_seconds", "Until the reply.", ["route", "status"], registry=self.registry
        )

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
                response = error_reply(error)
            finally:
                self._seconds.labels(route, status).observe(time.perf_counter() - started)
            return response

        return endpoint

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Count a request while it is worked on; `RequestError` if there are too many, or the client goes."""
        self.at_work += 1
        try:
            need(
                self.at_work <= self.limits.queue,
                f"the server already works on {self.limits.queue} requests; try again.",
                status=429,
            )
            yield
        except ClientDisconnect as error:
            raise RequestError(499, "the client closed the connection.") from error
        finally:
            self.at_work -= 1

    async def body(self, request: Request) -> bytes:
        """Return the body. If it is too large, it is refused before it is read, and uvicorn drops the rest."""
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


def reply(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a reply of JSON, or of text that is JSON already."""
    text = content if isinstance(content, str) else dump(content)
    return Response(text, status, headers, "application/json")


def error_reply(error: RequestError) -> Response:
    return reply(error.content, error.status, error.headers)


async def failed(request: Request, error: Exception) -> Response:
    """Return the reply to an unknown path or method, and to an error that nobody expected."""
    status = getattr(error, "status_code", 500)
    message = getattr(error, "detail", f"the server failed ({type(error).__name__}); its log says more.")
    if status == 404 and not request.url.path.startswith("/v1"):
        message = f"{message}; clients of OpenAI's API need the URL {request.base_url}v1"
    return error_reply(RequestError(status, message))


async def in_thread(large: bool, function: Callable[[], Any]) -> Any:
    """Return what a function returns, called in another thread if it is `large`."""
    try:
        return await asyncio.to_thread(function) if large else function()
    except RecsError as error:
        raise RequestError(400, str(error)) from error
