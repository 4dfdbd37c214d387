"""Vectors from a service with OpenAI's API for embeddings: `recs serve` or any other.

The name of a service is `URL#MODEL`, or `URL` if it has only one model. MODEL may end in `?max_tokens=N`, the context
window: http://127.0.0.1:8000/v1 and https://api.openai.com/v1#text-embedding-3-small?max_tokens=8191
"""

import base64
import hashlib
import ipaddress
import json
import logging
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import fields
from http.client import HTTPException
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import numpy as np

from recs.arrays import SIMILARITIES, FloatArray
from recs.errors import ModelError, ModelNotFoundError, OptionError
from recs.files import cache_folder, write_atomically
from recs.models.names import ModelName
from recs.models.registry import registry_row
from recs.models.spec import ModelSpec
from recs.models.tokenizer import ModelTokenizer

_log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 120.0
# These errors may pass, so the request is sent again. Any other refusal is final.
_PASSING = {429, 502, 503, 504}
_TRIES, _LONGEST_PAUSE = 5, 60.0
# Texts in a request, until the service refuses so many.
_TEXTS = 256
# The smallest context window in common use, for a model whose window is not given.
_WINDOW = 512


class ByteTokenizer:
    """The tokenizer for a model without one on this machine. A token is a byte of UTF-8; no real token is shorter.

    Examples
    --------
    >>> ByteTokenizer().count(["soil", "Töpfe"])
    [4, 6]
    """

    special_tokens = 4  # one at the start, one at the end, a space before the text, and one in reserve
    is_additive = True

    def count(self, texts: Sequence[str]) -> list[int]:
        """Return the number of bytes of each text."""
        return [len(text.encode("utf-8", "surrogatepass")) for text in texts]

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return for each byte of each text the span of its character."""
        return [
            [(i, i + 1) for i, char in enumerate(text) for _ in char.encode("utf-8", "surrogatepass")] for text in texts
        ]

    def tokens(self, text: str) -> list[str]:
        """Return the bytes of a text, in hexadecimal."""
        return [f"{byte:02x}" for byte in text.encode("utf-8", "surrogatepass")]


class ServiceEncoder:
    """A model of a service; the docstring of the module explains its name. Threads may share it.

    If the service is `recs serve`, `spec`, `tokenizer` and `precision` are those of its model, so that its vectors may
    be compared with local ones. For any other service, the fingerprint consists of model and dimension, tokens are
    bytes, and prompts and window come from the registry if it has the model. The API key is RECS_API_KEY, else
    OPENAI_API_KEY.

    Raises `ModelNotFoundError` if the service cannot be reached, and `ModelError` if it refuses a request or its answer
    does not follow the API.
    """

    batch_tokens = 32_768

    def __init__(self, name: str) -> None:
        asked = ModelName.parse(name)
        self._model = asked.model
        options = dict(parse_qsl(asked.options))
        window = options.pop("max_tokens", "0")
        parts = urlsplit(asked.url)
        if options or not window.isdecimal() or not parts.hostname or parts.username or parts.query:
            raise OptionError(f"{name}: expected http(s)://HOST/PATH#MODEL, with or without ?max_tokens=N after it.")
        self._url = asked.url.rstrip("/")
        self._texts = _TEXTS
        self._key = (os.environ.get("RECS_API_KEY") or os.environ.get("OPENAI_API_KEY") or "").strip()
        if not (self._key.isascii() and self._key.isprintable()):
            raise OptionError("the key in RECS_API_KEY or OPENAI_API_KEY has characters that no key has.")
        local = _is_loopback(parts.hostname)
        if self._key and parts.scheme == "http" and not local:
            _log.warning("%s: the key is sent without encryption; use https.", self._url)
        self._open = urllib.request.build_opener(_Direct, *[urllib.request.ProxyHandler({})] * local).open
        entry = self._entry()
        self._ours, self.precision = isinstance(entry.get("recs"), dict), "float32"
        if self._ours and int(window):
            raise OptionError(f"{name}: max_tokens is not for recs serve, which reports the window of its model.")
        try:
            self.spec = self._served(entry["recs"]) if self._ours else self._declared(int(window))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"{self._url}: its description of the model is not one of recs serve ({error!r})."
            ) from error
        self.tokenizer: Any = self._fetch_tokenizer() if self.spec.loader == "service" else ByteTokenizer()

    def encode(self, texts: Sequence[str], *, prompt: str = "") -> FloatArray:
        """Return the vectors of one batch, as `Encoder.encode` says."""
        options: dict[str, Any] = {"encoding_format": "float"}
        texts = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
        if self._ours:  # it adds the prompt itself; the pooling may need it
            texts = [text.removeprefix(prompt) for text in texts]
            options = {"encoding_format": "base64", "overflow": "error", **self._prompted(prompt)}
        rows: list[Any] = []
        while len(rows) < len(texts):
            batch = list(texts[len(rows) : len(rows) + self._texts])
            try:
                rows += self._vectors(batch, options)
            except _RefusedError as error:
                if not error.too_many or len(batch) == 1:
                    raise
                self._texts = len(batch) // 2
        try:
            return np.array(rows, np.float32)
        except ValueError as error:
            raise ModelError(f"{self._url}: its vectors do not all have the same dimension.") from error

    def _prompted(self, prompt: str) -> dict[str, str]:
        role = next((role for role, own in self.spec.prompts.items() if prompt == own), None)
        before, _, after = self.spec.instruction_template.partition("{instruction}")
        return {"role": role} if role else {"instruction": prompt.removeprefix(before).removesuffix(after)}

    def _vectors(self, texts: list[str], options: dict[str, Any]) -> list[Any]:
        answer = self._ask("/embeddings", {"model": self._model, "input": texts, **options})
        try:
            rows = {entry["index"]: entry["embedding"] for entry in answer["data"]}
            if rows.keys() != set(range(len(texts))):
                raise ValueError(f"{len(rows)} vectors for {len(texts)} texts")
            ordered = (rows[i] for i in range(len(texts)))
            binary = (np.frombuffer(base64.b64decode(row), "<f4") if isinstance(row, str) else row for row in ordered)
            return [np.array(row, np.float32) for row in binary]
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{self._url}: its answer does not follow OpenAI's API ({error!r}).") from error

    # The model of the service.

    def _entry(self) -> dict[str, Any]:
        """Return the entry of the model at /models; an empty one if the service does not list its models."""
        try:
            answer = self._ask(f"/models/{quote(self._model)}" if self._model else "/models", tries=2)
        except _RefusedError as error:
            if not self._model or error.status not in (404, 405, 501):
                raise
            return {}
        listed: Any = None
        if self._model:
            listed = [answer]
        elif isinstance(answer, dict):
            listed = answer.get("data")
        if isinstance(listed, list) and len(listed) > 1:
            listed = [entry for entry in listed if not _alias_of(entry)]
        if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], dict):
            names = [entry.get("id") for entry in listed or () if isinstance(entry, dict)]
            raise ModelError(f"{self._url}: name the model: {self._url}#MODEL; MODEL is one of {names[:9]}.")
        self._model = str(_alias_of(listed[0]) or listed[0].get("id") or self._model)
        return listed[0]

    def _served(self, described: dict[str, Any]) -> ModelSpec:
        values = {entry.name: described[entry.name] for entry in fields(ModelSpec) if entry.name in described}
        values |= {
            "full_dim": described["dim"],
            "languages": tuple(described["languages"]),
            "prompts": {**described["prompts"]},
        }
        spec = ModelSpec(**values, name=self._model, loader="service" if described["tokenizer"] else "bytes")
        self.precision = described["precision"]
        if spec.similarity not in SIMILARITIES or min(spec.dim, spec.max_tokens) < 1:
            raise ValueError(f"similarity {spec.similarity!r}, {spec.dim} dimensions")
        return spec

    def _declared(self, window: int) -> ModelSpec:
        row = registry_row(self._model)[1]
        if row and row.instruction:
            raise ModelError(f"{self._model} leaves its prompt out of the pooling, which only recs serve can do.")
        dim = row.dim if row else len(self._vectors(["dimension"], {})[0])
        names = ("max_tokens", "similarity", "prompts", "languages", "instruction_template")
        described: Any = {name: getattr(row, name) for name in names} if row else {"similarity": "cosine"}
        described |= {"max_tokens": window or described.get("max_tokens", _WINDOW), "pooling": "", "normalize": True}
        fingerprint = f"declared:{self._model}:{dim}"
        return ModelSpec(self._model, fingerprint, dim, full_dim=dim, loader="bytes", **described)

    def _fetch_tokenizer(self) -> ModelTokenizer:
        name = hashlib.sha256(self.spec.fingerprint.encode()).hexdigest()
        path = cache_folder() / "tokenizers" / name / "tokenizer.json"
        if not path.is_file():
            write_atomically(path, json.dumps(self._ask("/tokenizer")).encode())
        static = self.spec.architecture == "static"
        return ModelTokenizer(path.parent, lowercase=self.spec.lowercase, special_tokens=not static)

    # Requests.

    def _ask(self, path: str, content: dict[str, Any] | None = None, *, tries: int = _TRIES) -> Any:
        data, url = json.dumps(content).encode() if content else None, self._url + path
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        for attempt in range(tries):
            pause, last = 0.5 * 2**attempt, attempt == tries - 1
            try:
                with self._open(urllib.request.Request(url, data, headers), timeout=_TIMEOUT_SECONDS) as reply:
                    return json.loads(reply.read())
            except urllib.error.HTTPError as error:
                refused = _RefusedError(url, error.code, error.read(10_000))
                if last or error.code not in _PASSING:
                    raise refused from error
                seconds = error.headers.get("retry-after", "")
                pause = float(seconds) if seconds.isdecimal() else pause
            except (ValueError, RecursionError) as error:
                raise ModelError(f"{url}: its answer is not JSON ({error}).") from error
            except (OSError, HTTPException) as error:
                reason = getattr(error, "reason", error)
                if last or isinstance(reason, ssl.SSLCertVerificationError):
                    raise ModelNotFoundError(f"{url}: no answer ({reason}).") from error
            time.sleep(min(pause, _LONGEST_PAUSE))
        raise AssertionError("unreachable")


def _alias_of(entry: Any) -> Any:
    """Return the model for which an entry of recs serve is another name; None if it is not an alias."""
    described = entry.get("recs") if isinstance(entry, dict) else None
    return described.get("alias_of") if isinstance(described, dict) else None


class _RefusedError(ModelError):
    """The service answered with an error."""

    def __init__(self, url: str, status: int, body: bytes) -> None:
        text = body.decode("utf-8", "replace")
        try:
            content = json.loads(text)["error"]
            text = str(content["message"] if isinstance(content, dict) else content)
        except (ValueError, LookupError, TypeError):
            pass
        hint = ""
        if status in (401, 403):
            hint = "; the key is read from RECS_API_KEY or OPENAI_API_KEY"
        elif status == 404 and "/v1" not in url + text:  # recs serve says it itself
            hint = "; most services have /v1 at the end of their URL"
        super().__init__(f"{url}: refused with status {status}: {text[:300]!r}{hint}.")
        self.status = status
        self.too_many = status == 413 or (status == 422 and "batch size" in text)


class _Direct(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the key and the texts are only for the URL that the user gave."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
