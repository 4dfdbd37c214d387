"""`recs serve`: vectors, related lists and search over HTTP."""

import logging
import os
import signal
import socket
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from recs.cli.common.option_values import ModelOptions
from recs.cli.common.options import Place, grouped, model_options, topics_option
from recs.cli.common.terminal import say


@dataclass(frozen=True, slots=True, kw_only=True)
class _FileOptions:
    """What the server answers from, beside its model."""

    related: Path | None
    index: Path | None
    topics: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _LimitOptions:
    """How much the server accepts at the same time, and in one request."""

    max_items: int
    max_tokens: int
    max_bytes: int
    queue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _AccessOptions:
    """Who may use the server, and under which names."""

    api_key: str | None
    cors: tuple[str, ...]
    alias: tuple[str, ...]


@click.command("serve")
@grouped(
    "files",
    _FileOptions,
    click.option(
        "--related",
        type=Place(),
        metavar="FILE",
        help="Serve the lists in FILE, a result of `recs related`.",
    ),
    click.option(
        "--index",
        type=Place(),
        metavar="DIR",
        help="Search the index in DIR, which `recs index` wrote; the page is at /. If it has terms only and no --model "
        "is given, no model is loaded.",
    ),
    topics_option,
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port to listen on. 0: any free port.",
)
@grouped(
    "accepted",
    _LimitOptions,
    click.option(
        "--max-items", type=click.IntRange(1), default=2048, show_default=True, help="The most texts in one request."
    ),
    click.option(
        "--max-tokens",
        type=click.IntRange(1),
        default=262_144,
        show_default=True,
        help="The most tokens in one request.",
    ),
    click.option(
        "--max-bytes", type=click.IntRange(1), default=8 << 20, show_default=True, help="The most bytes in one request."
    ),
    click.option(
        "--queue", type=click.IntRange(1), default=256, show_default=True, help="The most requests at the same time."
    ),
)
@grouped(
    "callers",
    _AccessOptions,
    click.option(
        "--api-key",
        envvar="RECS_API_KEY",
        show_envvar=True,
        metavar="KEY",
        help="Answer only requests with the header `Authorization: Bearer KEY`. Other users of this machine can read a "
        "command line, so better set the variable.",
    ),
    click.option(
        "--cors",
        multiple=True,
        metavar="ORIGIN",
        help="Pages of this site may call the server from a browser: https://example.org. May be repeated.",
    ),
    click.option(
        "--alias",
        multiple=True,
        metavar="ALIAS=MODEL",
        help="A further name of the model, for clients that cannot name it. May be repeated.",
    ),
)
@click.option("-q", "--quiet", is_flag=True, help="Print no line for each request.")
@model_options
def command(
    *,
    files: _FileOptions,
    host: str,
    port: int,
    accepted: _LimitOptions,
    callers: _AccessOptions,
    quiet: bool,
    model: ModelOptions,
) -> None:
    """Serve vectors by OpenAI's API, related lists, and search. SIGTERM or Ctrl-C stops it after the running requests.

    POST /v1/embeddings, POST /v1/models/model:predict (as a Truss), GET /v1/models, /related/ID, /health, /metrics;
    with --index also GET /search, POST /passages, POST /related, and a page at /; with --topics GET /topics. A text
    past the context window is refused unless the request or --overflow says what to do with it.
    """
    bound = click.get_current_context().with_resource(_bind(host, port))
    embedder, app = _prepare(files, accepted, callers, model)
    if embedder is not None:
        embedder.embed(["the first text loads the weights"], instruction="")
    bound.listen(2048)
    address, actual = bound.getsockname()[:2]
    home = f"http://{f'[{address}]' if ':' in address else address}:{actual}/"
    if files.index is not None:
        say(f"search {files.index} at {home}")
    say(f"serving {embedder.spec.name} at {home}v1" if embedder is not None else "serving without a model")
    if callers.api_key:
        say("requests need the API key")
    if not (address.startswith("127.") or address == "::1"):
        risk = "the key and the texts are not encrypted; put a proxy with https before the server"
        open_to_all = "everybody who reaches this address can use it; set RECS_API_KEY, and use a proxy with https"
        say(f"note: {risk if callers.api_key else open_to_all}")
    run(app, bound, log_requests=not quiet)
    say("stopped")


# Other verbs embed a long text in chunks; here the request must ask for that.
next(option for option in command.params if option.name == "overflow").default = "error"


def _prepare(
    files: _FileOptions, accepted: _LimitOptions, callers: _AccessOptions, model: ModelOptions
) -> tuple[Any, Any]:
    """Return the embedder, or None, and the application. All options are checked before the weights are loaded."""
    from recs.contract import load_related
    from recs.errors import OptionError, SourceError
    from recs.serving.access import Access
    from recs.serving.app import create_app
    from recs.serving.requests import Limits

    access = Access(api_key=callers.api_key, origins=callers.cors)
    with warnings.catch_warnings(record=True, action="always") as caught:
        lists = load_related(files.related) if files.related else None
        len(lists or ())
    if caught:  # a site shows an empty list; but a person who starts a server can repair the file
        raise SourceError(str(caught[0].message))
    if files.topics is not None and files.index is None:
        raise OptionError("--topics needs --index: it is the index that says which items are public.")
    embedder = _embedder(files.index, model)
    if embedder is None and callers.alias:
        raise OptionError("--alias names a model, and the index has terms only; give --model too.")
    limits = Limits(
        items=accepted.max_items, tokens=accepted.max_tokens, bytes=accepted.max_bytes, queue=accepted.queue
    )
    options: Any = {"limits": limits, "overflow": model.overflow, "access": access, "aliases": callers.alias}
    return embedder, create_app(embedder, related=lists, index=files.index, topics=files.topics, **options)


def _embedder(index: Path | None, model: ModelOptions) -> Any:
    """Return the embedder that the user chose, or that of the index; None if the index has terms only."""
    if index is None or model.model is not None:
        return model.find(None)
    from recs.embedding.load import matching_embedder
    from recs.search import open_index

    vectors = open_index(index).vectors
    return None if vectors is None else matching_embedder(vectors.model, vectors.fingerprint, **model.loading)


def run(app: Any, bound: socket.socket, *, log_requests: bool) -> None:
    """Serve at a bound socket until SIGTERM or SIGINT, then finish the running requests, for at most 30 seconds."""
    import uvicorn

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger("uvicorn").addHandler(handler)
    logging.getLogger("uvicorn.access").setLevel(logging.INFO)
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises them once more when it has stopped
        signal.signal(number, lambda *_: None)
    options: dict[str, Any] = {"timeout_keep_alive": 65, "timeout_graceful_shutdown": 30, "ws": "none"}
    config = uvicorn.Config(app, log_config=None, access_log=log_requests, **options)
    uvicorn.Server(config).run(sockets=[bound])


def _bind(host: str, port: int) -> socket.socket:
    """Return a socket that does not listen yet. So a port that is in use is reported before the model is loaded."""
    from recs.errors import OptionError

    # If the protocol is given, asyncio sends at once; without it, a reply takes 40 ms more.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # on other systems this would allow two servers on one port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise OptionError(f"{host}:{port}: cannot listen there ({error.strerror or error}).") from error
    return bound
