"""Who may use the server: the key of its callers, and the web sites whose pages may call it."""

import hmac
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from recs.errors import OptionError
from recs.serving.requests import RequestError, dump

_ORIGIN = re.compile(r"https?://[a-z0-9.\-\[\]:_]+")
_HEALTH = "/health"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The API key that every request but those for /health must have, and the origins that browsers may call from.

    `OptionError` if the key cannot be sent in a header, or an origin is not like https://example.org.

    Examples
    --------
    >>> Access(origins=("https://Example.org",)).origins
    ('https://example.org',)
    """

    api_key: str | None = None
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        key = self.api_key
        if key is not None and (not key or not key.isascii() or not key.isprintable() or " " in key):
            raise OptionError("the API key is empty, or has spaces or characters beyond ASCII, which no client sends.")
        object.__setattr__(self, "origins", tuple(map(_checked_origin, self.origins)))

    def __repr__(self) -> str:  # never shows the key
        return f"Access(api_key={'***' if self.api_key else None}, origins={self.origins})"

    def allows(self, headers: list[tuple[bytes, bytes]]) -> bool:
        """Whether a request with these headers has the key. The time that this takes says nothing about the key."""
        if self.api_key is None:
            return True
        sent = [value for name, value in headers if name.lower() == b"authorization"]
        scheme, _, key = (sent[0] if len(sent) == 1 else b"").partition(b" ")
        return hmac.compare_digest(key.strip(), self.api_key.encode()) and scheme.lower() == b"bearer"


def restrict(app: Any, access: Access, *, free: Sequence[str] = ()) -> None:
    """Make an application of FastAPI answer only those that `access` lets in; `free` are paths that need no key."""
    from starlette.middleware.cors import CORSMiddleware

    if access.api_key is not None:
        app.add_middleware(_KeyMiddleware, access=access, free={_HEALTH, *free})
    if access.origins:  # around the other: a browser first asks without the key, and must be able to read a 401
        options = {"allow_methods": ["GET", "POST"], "allow_headers": ["*"]}
        options["expose_headers"] = ["recs-report", "retry-after"]
        app.add_middleware(CORSMiddleware, allow_origins=list(access.origins), **options)


class _KeyMiddleware:
    """An ASGI application that answers 401 to requests without the key, before it reads their bodies."""

    def __init__(self, app: Any, access: Access, free: Collection[str]) -> None:
        self._app = app
        self._free = free
        self._access = access

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_free = scope["type"] != "http" or scope["path"] in self._free
        if is_free or self._access.allows(scope["headers"]):
            await self._app(scope, receive, send)
            return
        message = "the API key is missing or wrong; send the header Authorization: Bearer KEY."
        body = dump(RequestError(401, message, code="invalid_api_key").content).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body)), "www-authenticate": "Bearer"}
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 401, "headers": encoded})
        await send({"type": "http.response.body", "body": body})


def _checked_origin(origin: str) -> str:
    lowered = origin.lower()
    try:
        parts = urlsplit(lowered)
        is_whole = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_whole = False
    if not is_whole or not _ORIGIN.fullmatch(lowered):
        raise OptionError(f"origin is {origin!r}, expected scheme and host, such as https://example.org.")
    return lowered
