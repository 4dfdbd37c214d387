"""Requests for vectors: parses and checks them; the errors of a reply, and numbers as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from recs.embedding.documents import OVERFLOWS, Overflow
from recs.embedding.embedder import ROLES, Embedder
from recs.errors import OptionError
from recs.models.names import ModelName
from recs.models.registry import registry_row
from recs.models.spec import cut_model
from recs.readers.read import read_texts
from recs.serving.batcher import Options
from recs.text.characters import has_surrogate

_OPTIONS = {"role", "instruction", "overflow", "dimensions"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest request, the longest time for its body, and the most requests at the same time (`queue`)."""

    items: int = 2048
    tokens: int = 262_144
    bytes: int = 8 << 20
    body_seconds: float = 30.0
    queue: int = 256


class RequestError(Exception):
    """An error that becomes a reply in the form of OpenAI's API."""

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
    """Texts to embed. `counts` are the tokens of each with prompt and title; `report` is a part of the reply."""

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
        raise RequestError(400, f"the body is not JSON in UTF-8: {error}.") from error


def kind(value: Any) -> str:
    kinds = {bool: "a boolean", type(None): "missing or null", dict: "an object", list: "a list" if value else "empty"}
    return repr(value[:40]) if isinstance(value, str) else kinds.get(type(value), "a number")


def decimal(vectors: Any) -> list[str]:
    # Nine significant digits give back every float32 exactly.
    return ["[" + ",".join([f"{value:.9g}" for value in row]) + "]" for row in vectors.tolist()]


def dump(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"), default=dict)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The model of a server: its id, and all names that a request may use, in lower case."""

    id: str
    names: frozenset[str]
    aliases: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str) -> Self:
        """Return a model with its names: those of the registry, or the last part of a folder's path."""
        parts = ModelName.parse(name)
        cut = f"@{parts.dim}" if parts.dim is not None else ""
        own_name, row = registry_row(parts.base)
        if row is None and Path(parts.base).is_dir():
            own_name = Path(parts.base).resolve().name
        names = {own_name + cut, name}
        if row is not None:
            names.add(row.hub_id + cut)
        return cls(own_name + cut, frozenset(each.lower() for each in names))

    def with_aliases(self, given: Sequence[str]) -> Self:
        """Return the model with further names; each is ALIAS=MODEL, where MODEL is one of its names.

        Raises `OptionError` if MODEL is not, or the alias is already a name.
        """
        names = set(self.names)
        aliases = []
        for text in given:
            alias, _, model = (part.strip() for part in text.partition("="))
            if not alias or model.lower() not in self.names:
                raise OptionError(f"alias is {text!r}, expected ALIAS=MODEL, where MODEL is {self.id!r}.")
            if alias.lower() in names:
                raise OptionError(f"alias {alias!r} is already a name of {self.id!r}; choose another alias.")
            names.add(alias.lower())
            aliases.append(alias)
        return replace(self, names=frozenset(names), aliases=tuple(aliases))

    def entries(self, embedder: Embedder, described: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the entries of the model and of its aliases in the list of models; `described` goes into each."""
        spec = embedder.spec
        told = asdict(spec)
        for name in ("name", "folder", "loader", "transformer"):
            del told[name]
        told |= {"roles": sorted({*ROLES, *spec.prompts}), "precision": embedder.precision}
        told |= described | {"tokenizer": spec.folder is not None}
        entry = {"id": self.id, "object": "model", "created": 0, "owned_by": "recs", "recs": told}
        return [entry, *({**entry, "id": name, "recs": told | {"alias_of": self.id}} for name in self.aliases)]

    def check(self, name: str) -> None:
        """Raise `RequestError` if a request is for another model."""
        message = f"no model {name[:200]!r} here; this server has {self.id!r}."
        need(name.lower() in self.names, message, "model", status=404, code="model_not_found")


class RequestReader:
    """Reads and checks the bodies of requests for vectors, and counts their tokens."""

    def __init__(self, embedder: Embedder, model: ServedModel, limits: Limits, overflow: Overflow) -> None:
        self._embedder = embedder
        self._model = model
        self._limits = limits
        self._overflow = overflow

    def openai(self, body: bytes) -> EmbedRequest:
        """Read a request in the form of OpenAI's API."""
        asked = parse(body)
        need(isinstance(asked, dict), f"the body is {kind(asked)}, expected an object with input and model.")
        given = asked.get("input")
        texts = [given] if isinstance(given, str) else given
        encoding = asked.get("encoding_format") or "float"
        check(asked, "model", isinstance(asked.get("model"), str), repr(self._model.id))
        self._model.check(asked["model"])
        check(asked, "encoding_format", encoding in ("float", "base64"), "float or base64")
        check(asked, "input", isinstance(texts, list) and texts, "a string or a list of strings")
        are_ids = all(isinstance(text, int | list) for text in texts)
        advice = "send the text itself, as strings (LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))."
        need(not are_ids, f"input is token ids, and the request does not say of which tokenizer; {advice}", "input")
        fields = {"input", "model", "encoding_format", "user"}
        return self._checked(texts, [""] * len(texts), asked, fields, binary=encoding == "base64")

    def truss(self, body: bytes) -> EmbedRequest:
        """Read a request in the form of a Truss: a text, a list, or an object with input, texts or items."""
        given = parse(body)
        named = given.keys() & {"input", "texts", "items"} if isinstance(given, dict) else set()
        asked, fields = (given, named) if len(named) == 1 else ({"input": given}, {"input"})
        content = asked[next(iter(fields))]
        texts, titles = read_texts(content if isinstance(content, list) else [content])
        return self._checked(texts, titles, asked, fields)

    def _checked(
        self, texts: list[str], titles: list[str], asked: dict[str, Any], fields: set[str], *, binary: bool = False
    ) -> EmbedRequest:
        """Check texts and options, and count the tokens; `fields` are the fields that are not options."""
        self._check_texts(texts, titles)
        options = self._options(asked)
        spec = self._embedder.spec if options.dim is None else cut_model(self._embedder.spec, options.dim)
        prompt = self._embedder.prompt(options.role, options.instruction)
        headings = (prompt + title + "\n\n" if title else prompt for title in titles)
        counts = self._embedder.count_tokens([heading + text for heading, text in zip(headings, texts, strict=True)])
        limit(sum(counts), self._limits.tokens, "tokens")
        if options.overflow == "error":
            self._check_window(counts)
            options = options._replace(overflow="chunk")  # all fit: they can be embedded with texts that need chunks
        ignored = sorted(asked.keys() - fields - _OPTIONS)
        report = {"fingerprint": spec.fingerprint, "role": options.role, "ignored": ignored}
        return EmbedRequest(texts, titles, counts, options, report, binary)

    def _check_texts(self, texts: list[str], titles: list[str]) -> None:
        limit(len(texts), self._limits.items, "texts")
        for number, (text, title) in enumerate(zip(texts, titles, strict=True)):
            is_text = isinstance(text, str) and bool(text.strip() or title.strip())
            if not is_text or has_surrogate(text + title):
                message = f"input {number} is {kind(text)}, expected text: not empty, no half of a surrogate pair."
                raise RequestError(400, message, "input")

    def _options(self, asked: dict[str, Any]) -> Options:
        role = asked.get("role") or "document"
        overflow = asked.get("overflow") or self._overflow
        instruction = asked.get("instruction")
        dim = asked.get("dimensions")
        if dim is None:
            dim = self._embedder.spec.dim
        check(asked, "role", isinstance(role, str), "a string")
        check(asked, "instruction", isinstance(instruction, str | None), "a string")
        check(asked, "overflow", overflow in OVERFLOWS, f"one of {', '.join(OVERFLOWS)}")
        check(asked, "dimensions", type(dim) is int, "an integer")
        return Options(role, instruction, overflow, None if dim == self._embedder.spec.dim else dim)

    def _check_window(self, counts: list[int]) -> None:
        """Raise `RequestError` if a text is longer than the context window."""
        number, longest = max(enumerate(counts), key=lambda pair: pair[1], default=(0, 0))
        window = self._embedder.spec.max_tokens
        message = (
            f"input {number} has {longest:,} tokens and {window:,} fit the context window of {self._model.id}; "
            'send less, or "overflow": "chunk" (the mean of its chunks) or "truncate".'
        )
        need(longest <= window, message, "input", code="context_length_exceeded")
