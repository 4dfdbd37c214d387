"""Shards by a cluster of Ray: a task for each. The queue, the placement and the retries are Ray's."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recs.bulk.ray_connection import PLACE, connection
from recs.bulk.runners import thread_variables
from recs.bulk.shards import Call, Done, Resources, version
from recs.errors import OptionError, ShardsError
from recs.files import write_atomically

RETRIES = 3  # of a shard whose process or node was killed; Ray runs it again, on another node if it must
_FULL = f"memory was full, {RETRIES + 1} times; make smaller shards, or ask for more cores for each"
_QUIET = 10.0  # seconds without a shard after which the nodes are counted again


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
    next run goes on from the whole shards. The start of a local Ray takes some 10 s of processor time, and that of each
    worker 3 s: `connected` keeps them for several runs. Beside other programs Ray's workers give way, unless the
    variable RAY_worker_niceness is 0.

    References
    ----------
    Moritz et al. (2018), Ray: a distributed framework for emerging AI applications. OSDI. https://docs.ray.io

    Examples
    --------
    >>> RayRunner("10.0.0.5:6379").address
    '10.0.0.5:6379'
    """

    address: str = "auto"

    def __post_init__(self) -> None:
        if self.address not in ("auto", "local") and not PLACE.fullmatch(self.address):
            raise OptionError(
                f"the address of Ray is {self.address!r}, expected 'auto', 'local', 'host:port' or 'ray://host:port'."
            )

    def run(self, calls: Sequence[Call], resources: Resources) -> Iterator[Done]:
        """Yield each shard when it is done."""
        if not calls:
            return
        with connection(self.address) as ray, _marked(calls[0].folder) as mark:
            _check_cores(ray, self.address, resources)
            task = ray.remote(_compute).options(
                num_cpus=resources.cores,
                max_retries=RETRIES,
                runtime_env={"env_vars": thread_variables(1)},  # the same for all: others take another process
            )
            names = {task.remote(call, mark, resources.cores): call.name for call in calls}
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
        with connection(self.address):
            yield self


@dataclass(frozen=True, slots=True)
class _Mark:
    """A file by which a node knows that it sees the folder of the shards, and the version of the package here."""

    path: Path
    token: str
    version: str

    def problem(self) -> str:
        """Return why shards cannot be computed on this node; nothing if they can."""
        try:
            seen = self.path.read_text() == self.token
        except OSError:
            seen = False
        if not seen:
            return (
                f"the node {_node()} does not see the folder {self.path.parent}; all nodes must share the file "
                "system of the folder"
            )
        if version() != self.version:
            return f"the node {_node()} has version {version()} of recs, expected {self.version}, as here"
        return ""

    def count(self, name: str) -> str:
        """Count a try of a shard, and return why it is the last one: Ray has no end of them where memory is full."""
        try:
            with self.path.with_name(f".{self.token}.{name}.partial").open("ab") as file:
                file.write(b".")
                file.flush()
                return _FULL if file.tell() > RETRIES + 1 else ""
        except OSError as error:
            return f"{self.path.parent}: cannot be written: {error.strerror}"


def _compute(call: Call, mark: _Mark, cores: int) -> Done:
    """Compute a shard on a node."""
    os.environ.update(thread_variables(cores))  # a model that is loaded for this shard reads them
    problem = mark.problem() or mark.count(call.name)
    return Done(call.name, None, problem) if problem else call()


def _node() -> str:
    import ray

    return str(ray.util.get_node_ip_address())


@contextmanager
def _marked(folder: Path) -> Iterator[_Mark]:
    """Yield a mark in a folder, which is there inside the block."""
    if not folder.is_absolute():
        raise OptionError(f"{folder}: the folder of shards on Ray must have an absolute path: nodes have their own.")
    token = secrets.token_hex(16)
    path = folder / f".{token}.partial"  # a new name, which no node can remember as missing; removed with torn files
    write_atomically(path, token.encode())
    try:
        yield _Mark(path, token, version())
    finally:
        for file in folder.glob(f".{token}.*partial"):
            file.unlink(missing_ok=True)


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
        return Done(name, None, _FULL)
    except (errors.WorkerCrashedError, errors.NodeDiedError, errors.LocalRayletDiedError):
        return Done(name, None, f"its process or node was killed, {RETRIES + 1} times; was memory full?")
    except Exception as error:  # one that the task could not catch: the package or the function cannot be loaded there
        last = str(error).strip().splitlines()[-1:] or [""]
        return Done(name, None, f"Ray could not compute it: {type(error).__name__}: {last[0].strip()}")
    return done
