"""Shards by a cluster of Ray: a task for each. The queue, the placement and the retries are Ray's."""

from __future__ import annotations

import logging
import os
import re
import secrets
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recs.bulk.runners import THREAD_VARIABLES, core_count
from recs.bulk.shards import Call, Done, Resources, ShardsError
from recs.errors import MissingDependencyError, OptionError
from recs.files import write_atomically

RETRIES = 3  # of a shard whose process or node was killed; Ray runs it again, on another node if it must
_QUIET = 10.0  # seconds without a shard after which the nodes are counted again
_ANSWER = 5.0  # seconds that a cluster has to answer
_PLACE = re.compile(r"(?:ray://)?(?P<host>[^/:\s]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class RayRunner:
    """Computes shards as tasks of Ray.

    Attributes
    ----------
    address
        Of the cluster: "host:port"; "ray://host:port"; "auto" for the one of this machine, or of the variable
        RAY_ADDRESS; "local" for a Ray of its own on this machine, which ends with the run. If this process is connected
        to Ray already, that connection is used, and is not closed.

    Notes
    -----
    All nodes need the same version of this package, and must share the file system of the shards. A shard has as many
    threads as cores, as with `LocalRunner`, so that the bytes are the same. A process or a node that is killed is
    Ray's to replace: it runs the shard again, at most `RETRIES` times. If the script is killed, Ray ends its tasks; the
    next run goes on from the whole shards. The start of a local Ray takes some 4 s, a connection 1 s:
    `connected` keeps one for several runs.

    References
    ----------
    Moritz et al. (2018), Ray: a distributed framework for emerging AI applications. OSDI. https://docs.ray.io
    """

    address: str = "auto"

    def __post_init__(self) -> None:
        if self.address not in ("auto", "local") and not _PLACE.fullmatch(self.address):
            raise OptionError(
                f"the address of Ray is {self.address!r}, expected 'auto', 'local', 'host:port' or 'ray://host:port'."
            )

    def run(self, calls: Sequence[Call], resources: Resources) -> Iterator[Done]:
        """Yield each shard when it is done."""
        if not calls:
            return
        with _connection(self.address) as ray, _marked(calls[0].folder) as mark:
            _check_cores(ray, self.address, resources)
            task = ray.remote(_compute).options(
                num_cpus=resources.cores,
                max_retries=RETRIES,
                runtime_env={"env_vars": dict.fromkeys(THREAD_VARIABLES, str(resources.cores))},
            )
            names = {task.remote(call, mark): call.name for call in calls}
            try:
                while names:
                    done, _ = ray.wait(list(names), num_returns=1, timeout=_QUIET)
                    if not done:
                        _check_cores(ray, self.address, resources)
                    for reference in done:
                        yield _result(ray, reference, names.pop(reference))
            finally:
                for reference in names:  # of a run that is broken off
                    ray.cancel(reference, force=True)

    @contextmanager
    def connected(self) -> Iterator[RayRunner]:
        """Stay connected to Ray inside the block, so that the runs in it do not start anew.

        Raises
        ------
        MissingDependencyError
            If Ray is not installed.
        ShardsError
            If there is no cluster at the address.
        """
        with _connection(self.address):
            yield self


@dataclass(frozen=True, slots=True)
class _Mark:
    """A file by which a node knows that it sees the folder of the shards, and the version of the package here."""

    path: Path
    token: str
    version: str

    def problem(self) -> str:
        """Return why shards cannot be computed on this node; nothing if they can."""
        from recs import __version__

        try:
            seen = self.path.read_text() == self.token
        except OSError:
            seen = False
        if not seen:
            return (
                f"the node {_node()} does not see the folder {self.path.parent}; all nodes must share the file "
                "system of the folder"
            )
        if __version__ != self.version:
            return f"the node {_node()} has version {__version__} of recs, expected {self.version}, as here"
        return ""


def _compute(call: Call, mark: _Mark) -> Done:
    """Compute a shard on a node."""
    problem = mark.problem()
    return Done(call.name, None, problem) if problem else call()


def _node() -> str:
    import ray

    return str(ray.util.get_node_ip_address())


@contextmanager
def _marked(folder: Path) -> Iterator[_Mark]:
    """Yield a mark in a folder, which is there inside the block."""
    from recs import __version__

    if not folder.is_absolute():
        raise OptionError(f"{folder}: the folder of shards on Ray must have an absolute path: nodes have their own.")
    token = secrets.token_hex(16)
    path = folder / f".{token}.partial"  # a new name, which no node can remember as missing; removed with torn files
    write_atomically(path, token.encode())
    try:
        yield _Mark(path, token, __version__)
    finally:
        path.unlink(missing_ok=True)


def _check_cores(ray: Any, address: str, resources: Resources) -> None:
    """Raise `ShardsError` if no node has the cores that a shard needs: Ray would wait for one."""
    cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    largest = max(cores, default=0)
    if largest < resources.cores:
        raise ShardsError(
            f"a shard needs {resources.cores} cores; the largest node of the cluster at {address} has {largest}. "
            "Start a larger node (ray start --num-cpus); the shards that are done are kept."
        )


def _result(ray: Any, reference: Any, name: str) -> Done:
    """Return what a task returned, or what happened to it."""
    errors = ray.exceptions
    try:
        done: Done = ray.get(reference)
    except errors.OutOfMemoryError:
        return Done(name, None, "the memory of a node was full; make smaller shards, or give it more memory")
    except (errors.WorkerCrashedError, errors.NodeDiedError, errors.LocalRayletDiedError):
        return Done(name, None, f"its process or node was killed, {RETRIES + 1} times; was memory full?")
    except Exception as error:  # one that the task could not catch: the package or the function cannot be loaded there
        last = str(error).strip().splitlines()[-1:] or [""]
        return Done(name, None, f"Ray could not compute it: {type(error).__name__}: {last[0].strip()}")
    return done


@contextmanager
def _connection(address: str) -> Iterator[Any]:
    """Yield the module `ray`, connected. A connection that is made here is closed at the end."""
    ray = _import_ray()
    if ray.is_initialized():
        yield ray
        return
    short = "/tmp" if Path("/tmp").is_dir() else None  # the path of a socket has at most some 100 characters
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ray-", dir=short, ignore_cleanup_errors=True))
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
            with _quiet({"RAY_TMPDIR": folder}):
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
    place = _PLACE.fullmatch(address)
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
    variables = {"RAY_USAGE_STATS_ENABLED": "0", **more}
    before = {name: os.environ.get(name) for name in variables}
    logger = logging.getLogger("ray")
    level = logger.level
    os.environ.update(variables)
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
