"""Shards by processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from recs.bulk.shards import Call, Done, Resources
from recs.errors import OptionError

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class LocalRunner:
    """Computes shards in processes of this machine.

    Attributes
    ----------
    workers
        Processes at a time; with 0 this process computes all. The default is the number of cores, divided by those that
        a shard needs.

    Notes
    -----
    The processes are started anew ("spawn"): a script that uses this needs the line `if __name__ == "__main__":`.
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and not 0 <= self.workers <= 1024:
            raise OptionError(f"workers is {self.workers}, expected 0 to 1024.")

    def run(self, calls: Sequence[Call], resources: Resources) -> Iterator[Done]:
        """Yield each shard when it is done."""
        if self.workers == 0:
            yield from (call() for call in calls)
            return
        workers = min(self.workers or max(1, core_count() // resources.cores), len(calls))
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, _limit_threads, (resources.cores,)) as pool:
            futures = {pool.submit(call): call.name for call in calls}
            try:
                for future in as_completed(futures):
                    try:
                        yield future.result()
                    except BrokenProcessPool:
                        yield Done(futures[future], None, "the process that computed it was killed; was memory full?")
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def core_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _limit_threads(threads: int) -> None:
    """Let the libraries of a new process use so many threads; they read this when they are loaded, later."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(threads)
