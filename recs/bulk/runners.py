"""Shards by processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from threading import Thread

from recs.bulk.shards import Call, Done, Resources, Runner
from recs.errors import OptionError

_SPAWN = multiprocessing.get_context("spawn")
_OF_MODELS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class LocalRunner:
    """Computes shards in processes of this machine.

    Attributes
    ----------
    workers
        How many cores are used: so many processes, or fewer if a shard needs several cores. With 0 this process
        computes all. The default is the number of cores.

    Notes
    -----
    The processes are started anew ("spawn"): a script that uses this needs the line `if __name__ == "__main__":`. While
    they start, the variables of this process that limit threads are set: to one for numpy, to the cores of a shard for
    models.

    Examples
    --------
    >>> LocalRunner(workers=4)
    LocalRunner(workers=4)
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and not 0 <= self.workers <= 1024:
            raise OptionError(f"workers is {self.workers}, expected 0 to 1024.")

    def run(self, calls: Sequence[Call], resources: Resources) -> Iterator[Done]:
        """Yield each shard when it is done."""
        with self.connected() as kept:
            yield from kept.run(calls, resources)

    @contextmanager
    def connected(self) -> Iterator[Runner]:
        """Keep the processes of shards that need one core from one run to the next inside the block."""
        if self.workers == 0:
            yield _Here()
            return
        processes = _Processes(self.workers or core_count())
        try:
            yield processes
        finally:
            processes.close()


class _Here:
    """Computes shards in this process."""

    def run(self, calls: Sequence[Call], resources: Resources) -> Iterator[Done]:  # noqa: ARG002
        yield from (call() for call in calls)

    def connected(self) -> AbstractContextManager[Runner]:
        return nullcontext(self)


class _Processes:
    """Computes shards in processes, of which those for one core are kept."""

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._kept: ProcessPoolExecutor | None = None

    def connected(self) -> AbstractContextManager[Runner]:
        return nullcontext(self)

    def close(self) -> None:
        """End the processes."""
        if self._kept is not None:
            self._kept.shutdown(cancel_futures=True)
            self._kept = None

    def run(self, calls: Sequence[Call], resources: Resources) -> Iterator[Done]:
        if resources.cores > 1:
            self.close()  # so that not more processes than cores are there
            with _pool(max(1, self._cores // resources.cores)) as pool:
                yield from _computed(pool, calls, resources.cores)
            return
        if self._kept is None:
            self._kept = _pool(self._cores)
        yield from _computed(self._kept, calls, resources.cores)


def _pool(processes: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(processes, _SPAWN, initializer=_end_with_driver)


def _end_with_driver() -> None:
    """End this process when the one that started it is killed; it would wait for shards without end."""
    if (driver := multiprocessing.parent_process()) is not None:
        Thread(target=_wait_and_end, args=(driver,), daemon=True).start()


def _wait_and_end(driver: BaseProcess) -> None:
    driver.join()
    os._exit(1)


def _computed(pool: ProcessPoolExecutor, calls: Sequence[Call], threads: int) -> Iterator[Done]:
    """Yield each shard when a process has computed it."""
    # Processes start when they get a shard, and their libraries read these variables when they are loaded. A process
    # that set them itself would be too late: the main script, which it imports first, may load numpy.
    with variables(thread_variables(threads)):
        futures = {pool.submit(call): call.name for call in calls}
    try:
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenProcessPool:
                yield Done(futures[future], None, "the process that computed it was killed; was memory full?")
    finally:
        for future in futures:
            future.cancel()


def thread_variables(cores: int) -> dict[str, str]:
    """Return the variables that limit the threads of a shard: models have as many as it has cores, numpy has one.

    numpy reads its variable when it is loaded, torch and tokenizers read theirs when a model is.
    """
    return {"OPENBLAS_NUM_THREADS": "1", **dict.fromkeys(_OF_MODELS, str(cores))}


def core_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment inside the block, for the processes that start there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
