"""What a request asks for and its errors: parsing, checking, and writing numbers."""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple

from recs.serving.batcher import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one request: texts, tokens, bytes, seconds until all of it is here. `queue`: requests at work at once."""

    items: int = 2048
    tokens: int = 262_144
    bytes: int = 8 << 20
    body_seconds: float = 30.0
    queue: int = 256


class RequestError(Exception):
    """A reply that is an error, in OpenAI's form."""

    retry_after = 1

    def __init__(self, status: int, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        kind = {429: "rate_limit_error", 500: "server_error", 503: "server_error"}.get(status, "invalid_request_error")
        self.content = {"error": {"message": message, "type": kind, "param": param, "code": code}}

    @property
    def headers(self) -> dict[str, str] | None:
        return {"retry-after": str(self.retry_after)} if self.status == 429 else None


class EmbedRequest(NamedTuple):
    """Texts to embed; `counts` are tokens as the model sees them, `report` goes into the reply."""

    texts: list[str]
    titles: list[str]
    counts: list[int]
    options: Options
    report: dict[str, Any]
    binary: bool


def need(held: object, message: str, param: str | None = None, *, status: int = 400, code: str | None = None) -> None:
    if not held:
        raise RequestError(status, message, param, code)


def limit(came: int, limit: int, what: str) -> None:
    need(came <= limit, f"{came:,} {what} came; the limit is {limit:,} a request: send less at once.", status=413)


def check(asked: dict[str, Any], name: str, held: object, expected: str) -> None:
    need(held, f"{name} is {kind(asked.get(name))}, expected {expected}.", name)


def parse(body: bytes) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    try:
        return json.loads(body.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"the body is not JSON in UTF-8 that can be read: {error}.") from error


def kind(value: Any) -> str:
    kinds = {bool: "a boolean", type(None): "missing or null", dict: "an object", list: "a list" if value else "empty"}
    return repr(value[:40]) if isinstance(value, str) else kinds.get(type(value), "a number")


def decimal(vectors: Any) -> list[str]:
    # Nine significant digits bring every float32 back exactly.
    return ["[" + ",".join([f"{value:.9g}" for value in row]) + "]" for row in vectors.tolist()]


def dump(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"), default=dict)
