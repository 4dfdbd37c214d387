"""The connection to Ray: a cluster that is there, or one of its own on this machine."""

from __future__ import annotations

import logging
import os
import re
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from traceback import format_exception
from typing import Any

from recs.bulk.runners import core_count, variables
from recs.errors import MissingDependencyError, ShardsError

PLACE = re.compile(r"(?:ray://)?(?P<host>[^/:\s]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")
_KEPT = "3600000"  # milliseconds that a process of a Ray of our own is kept without work: a new one loads numpy anew
_ANSWER = 5.0  # seconds that a cluster has to answer


@contextmanager
def connection(address: str) -> Iterator[Any]:
    """Yield the module `ray`, connected. A connection that is made here is closed at the end."""
    ray = _import_ray()
    if ray.is_initialized():
        yield ray
        return
    short = "/tmp" if Path("/tmp").is_dir() else None  # the path of a socket has at most some 100 characters
    with ExitStack() as stack:
        folder = ""
        if address == "local":
            place = tempfile.TemporaryDirectory(prefix="ray-", dir=short, ignore_cleanup_errors=True)
            folder = stack.enter_context(place)
        stack.enter_context(_clean_output())
        stack.callback(_leave, ray)  # after a start that failed too: some of its processes may run
        _connect(ray, address, folder)
        yield ray


def _leave(ray: Any) -> None:
    with redirect_stdout(sys.stderr):  # what Ray has not said yet
        ray.shutdown()


@contextmanager
def _clean_output() -> Iterator[None]:
    """Keep standard output for data: Ray reports there, from a thread of its own, that a process was killed."""
    ours = _Output(sys.stdout)
    sys.stdout = ours
    try:
        yield
    finally:
        if sys.stdout is ours:
            sys.stdout = ours.stream


@dataclass(frozen=True, slots=True)
class _Output:
    """Standard output, but standard error for that thread of Ray."""

    stream: Any

    def __getattr__(self, name: str) -> Any:
        of_ray = threading.current_thread().name == "ray_listen_error_messages"
        return getattr(sys.stderr if of_ray else self.stream, name)


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingDependencyError("work in shards on Ray", "Ray", "ray") from error
    return ray


def _connect(ray: Any, address: str, folder: str) -> None:
    """Connect to a cluster, or start a Ray on this machine whose files are in a folder; `ShardsError` if it fails."""
    options = {"log_to_driver": False, "configure_logging": False}
    try:
        if address == "local":
            with _quiet({"RAY_TMPDIR": folder, "RAY_idle_worker_killing_time_threshold_ms": _KEPT}):
                ray.init(address, num_cpus=core_count(), include_dashboard=False, **options)
            return
        address = _recorded() if address == "auto" else address
        _check_answer(address)
        with _quiet({"RAY_gcs_server_port_wait_time_s": "5"}):  # tries, of a second or more; without it 20
            ray.init(address, **options)
    except Exception as error:  # Ray raises many kinds, and Exception itself if it starts too slowly
        if "ray[client]" in str(error):
            raise MissingDependencyError(
                f"the address {address}", "grpcio (pip install grpcio) and Ray", "ray"
            ) from error
        first = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        advice = "" if address == "local" else " Start one with `ray start --head`, or use the address 'local'."
        if "InvalidAuthToken" in "".join(format_exception(error)):  # as `ray start` asks for by default
            advice = (
                " It asks for a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN if ~/.ray/auth_token is not its."
            )
        raise ShardsError(f"no cluster of Ray at {address} ({first}).{advice}") from error


def _recorded() -> str:
    """Return the address that "auto" stands for, where it is written down; "auto" if it is not: Ray looks for one."""
    if address := os.environ.get("RAY_ADDRESS"):
        return address
    file = Path(os.environ.get("RAY_TMPDIR") or "/tmp", "ray", "ray_current_cluster")  # of the last `ray start`
    return file.read_text().strip() if file.is_file() else "auto"


def _check_answer(address: str) -> None:
    """Raise `OSError` if nothing that could be Ray answers: it would wait for minutes.

    Ray speaks HTTP/2, in which a server greets with a frame of settings (RFC 9113, section 3.4).
    """
    place = PLACE.fullmatch(address)
    if place is None or os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
        return
    greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
    with socket.create_connection((place["host"].strip("[]"), int(place["port"])), timeout=_ANSWER) as connection:
        connection.sendall(greeting)
        answer = connection.recv(9)
    if answer[3:4] != b"\x04":
        raise OSError("what answers there is not Ray")


@contextmanager
def _quiet(more: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the start of Ray alone: it sends no statistics, and says nothing of how it starts."""
    logger = logging.getLogger("ray")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with variables({"RAY_USAGE_STATS_ENABLED": "0", **more}):
            yield
    finally:
        logger.setLevel(level)
