"""`recs serve`: vectors and related lists over HTTP."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import warnings
from pathlib import Path
from typing import Any

import click

from recs.cli.options import find_options_embedder, model_options
from recs.cli.terminal import say

_STOP_SECONDS = 30


@click.command("serve")
@click.option("--related", type=click.Path(path_type=Path), metavar="FILE", help="Serve the lists of recs related too.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any that is free.")
@click.option("--max-items", type=click.IntRange(1), default=2048, show_default=True, help="Texts in a request.")
@click.option("--max-tokens", type=click.IntRange(1), default=262_144, show_default=True, help="Tokens in a request.")
@click.option("--max-bytes", type=click.IntRange(1), default=8 << 20, show_default=True, help="Bytes of a request.")
@click.option("--queue", type=click.IntRange(1), default=256, show_default=True, help="Requests at work at once.")
@click.option("-q", "--quiet", is_flag=True, help="No line for every request.")
@model_options
def command(*, related: Path | None, host: str, port: int, quiet: bool, **values: Any) -> None:
    """Serve vectors as OpenAI's API does, and related lists, until SIGTERM or Ctrl-C; requests at work are finished.

    POST /v1/embeddings, POST /v1/models/model:predict (as a Truss), GET /v1/models, /related/ID, /health, /metrics.
    A text past the context window is refused unless the request or --overflow says what to do with it.
    """
    from recs.errors import MissingDependencyError

    try:
        import uvicorn
    except ImportError as error:
        raise MissingDependencyError("the server", "fastapi, uvicorn and prometheus-client", "serve") from error
    from recs.server import Limits, create_app

    bound = _bind(host, port)
    embedder = find_options_embedder(values, None)
    embedder.embed(["the first text loads the weights"], instruction="")
    limits = Limits(
        items=values["max_items"], tokens=values["max_tokens"], bytes=values["max_bytes"], queue=values["queue"]
    )
    lists = _lists(related) if related else None
    app = create_app(embedder, related=lists, limits=limits, overflow=values["overflow"])
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger("uvicorn").addHandler(handler)
    logging.getLogger("uvicorn.access").setLevel(logging.INFO)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=not quiet,
        ws="none",
        timeout_keep_alive=65,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = uvicorn.Server(config)
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises them again once it has stopped
        signal.signal(number, lambda *_: None)
    bound.listen(config.backlog)
    address, actual = bound.getsockname()[:2]
    say(f"serving {embedder.spec.name} at http://{f'[{address}]' if ':' in address else address}:{actual}/v1")
    if not (address.startswith("127.") or address == "::1"):
        say("note: whoever reaches this address can use it; there are no keys and no encryption")
    server.run(sockets=[bound])
    say("stopped")


# Elsewhere a long text is embedded in chunks; over HTTP nobody reads a summary, so it has to be asked for.
next(option for option in command.params if option.name == "overflow").default = "error"


def _bind(host: str, port: int) -> socket.socket:
    """Return a socket that is bound and does not listen yet, so that a taken port is told before a model is loaded."""
    from recs.errors import OptionError

    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        raise OptionError(f"{host}:{port}: cannot listen there ({error.strerror or error}).") from error
    return bound


def _lists(path: Path) -> Any:
    """Return the lists of a file; one that cannot be used is an error here, where somebody can mend it."""
    from recs.contract import load_related
    from recs.errors import SourceError

    lists = load_related(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        len(lists)
    if caught:
        raise SourceError(str(caught[0].message))
    return lists
