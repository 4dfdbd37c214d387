"""Embeds the texts of many callers together: a queue with a limit, and one thread that uses the model.

While one round is computed, the texts of the next round arrive. So thirty callers with one line each cost one batch
instead of thirty. The result of a caller differs from that of a separate call only as batches differ (see `Embedder`).
"""

import heapq
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple
from weakref import WeakSet

import numpy as np

from recs.arrays import FloatArray
from recs.embedding.documents import Overflow
from recs.embedding.embedder import Embedder
from recs.errors import RecsError

# A large request is split into parts, each as large as a round. Every part waits this much longer than the one before
# it. So a line of text does not wait for a whole archive, and the archive does not wait for ever.
_SECONDS_A_PART = 0.25
_ROUND_TOKENS = 4096


class Options(NamedTuple):
    """Texts with the same options can be embedded in one call. A `dim` of None means all dimensions."""

    role: str
    instruction: str | None
    overflow: Overflow
    dim: int | None


class Embedded(NamedTuple):
    """Vectors (n, d), and for each text the number of its chunks and of its tokens that are in no vector."""

    vectors: FloatArray
    chunks: list[int]
    lost: list[int]


class QueueFullError(RecsError):
    """The queue is full; after `retry_after` seconds it may have room."""

    retry_after = 1


class _AbandonedError(RecsError):
    """Nobody waits for any of the texts that are computed."""


class _Job(NamedTuple):
    texts: Sequence[str]
    titles: Sequence[str]
    options: Options
    tokens: int
    future: Future[Embedded]


class Batcher:
    """The queue of one embedder. Threads may share it. Its own thread starts with the first texts.

    Parameters
    ----------
    embedder
        The model.
    queue_tokens
        How many tokens may wait. An empty queue accepts one request of any size.
    observe
        Called after every round with the numbers of its jobs and tokens.
    """

    def __init__(self, embedder: Embedder, *, queue_tokens: int, observe: Callable[[int, int], None]) -> None:
        self.waiting = 0
        """The number of tokens in the queue."""
        self._embedders: dict[int | None, Embedder] = {None: embedder}
        self._queue_tokens, self._observe = queue_tokens, observe
        self._round_tokens, self._tokens_per_second = _ROUND_TOKENS, 1000.0
        self._heap: list[tuple[float, int, _Job]] = []
        self._count = 0
        self._abandoned = WeakSet[Future[Embedded]]()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(
        self, texts: Sequence[str], titles: Sequence[str], tokens: Sequence[int], options: Options
    ) -> list[Future[Embedded]]:
        """Put n texts into the queue; return futures whose results, in this order, are those of the texts.

        Raises `QueueFullError`, and `RecsError` if the batcher is closed.
        """
        jobs = []
        start = 0
        job_tokens = 0
        for stop, count in enumerate(tokens, 1):
            job_tokens += count
            if stop == len(tokens) or job_tokens + tokens[stop] > self._round_tokens:
                jobs.append(_Job(texts[start:stop], titles[start:stop], options, job_tokens, Future()))
                start = stop
                job_tokens = 0
        total = sum(tokens)
        with self._changed:
            if self._closed:
                raise RecsError("the server is stopping.")
            if self.waiting and self.waiting + total > self._queue_tokens:
                full = QueueFullError(f"{self.waiting:,} tokens wait; with {total:,} more the queue is too long.")
                full.retry_after = min(math.ceil(self.waiting / self._tokens_per_second), 60)
                raise full
            for part, job in enumerate(jobs):
                self._count += 1
                heapq.heappush(self._heap, (time.monotonic() + part * _SECONDS_A_PART, self._count, job))
            self.waiting += total
            if self._thread is None or not self._thread.is_alive():  # it does not survive a fork
                self._thread = threading.Thread(target=self._work, name="recs-model", daemon=True)
                self._thread.start()
            self._changed.notify()
        return [job.future for job in jobs]

    def abandon(self, futures: Sequence[Future[Embedded]]) -> None:
        """Take the texts of these futures from the queue. If they are being computed, stop after the batch.

        A batch that has texts of other callers too is computed on.
        """
        with self._changed:
            self._abandoned.update(future for future in futures if not future.cancel() and not future.done())
            self._heap = [entry for entry in self._heap if not entry[2].future.cancelled()]
            heapq.heapify(self._heap)
            self.waiting = sum(job.tokens for _, _, job in self._heap)

    def close(self, timeout: float | None = None) -> None:
        """Accept no more texts, compute those in the queue, and return then or after `timeout` seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout)

    def _work(self) -> None:
        while (jobs := self._take()) is not None:
            started, groups = time.perf_counter(), dict[Options, list[_Job]]()
            for job in jobs:
                groups.setdefault(job.options, []).append(job)
            for options, group in groups.items():
                self._embed(options, group)
            if jobs:
                tokens = sum(job.tokens for job in jobs)
                rate = tokens / max(time.perf_counter() - started, 1e-6)
                self._tokens_per_second += 0.1 * (rate - self._tokens_per_second)
                self._observe(len(jobs), tokens)

    def _take(self) -> list[_Job] | None:
        """Wait for jobs and return those of one round, in their order; None if the queue is closed and empty."""
        jobs: list[_Job] = []
        tokens = 0
        with self._changed:
            self._changed.wait_for(lambda: self._heap or self._closed)
            if not self._heap:
                return None
            while self._heap and (not jobs or tokens + self._heap[0][2].tokens <= self._round_tokens):
                job = heapq.heappop(self._heap)[2]
                self.waiting -= job.tokens
                if job.future.set_running_or_notify_cancel():
                    jobs.append(job)
                    tokens += job.tokens
        return jobs

    def _embed(self, options: Options, jobs: list[_Job]) -> None:
        try:
            whole = self._embedders[None]
            if options.dim not in self._embedders:
                self._embedders[options.dim] = whole.with_dim(options.dim or 0)
            embeddings = self._embedders[options.dim].embed(
                [text for job in jobs for text in job.texts],
                titles=[title for job in jobs for title in job.titles],
                role=options.role,
                instruction=options.instruction,
                overflow=options.overflow,
                progress=lambda _: self._stop_if_abandoned(jobs),
            )
            self._round_tokens = max(_ROUND_TOKENS, 2 * whole.batch_tokens)
        except _AbandonedError as error:
            for job in jobs:
                job.future.set_exception(error)
            return
        except Exception as error:  # of any type: the callers get it, and the thread continues
            if len(jobs) > 1:  # one job is wrong, and the others must still get an answer
                for job in jobs:
                    self._embed(options, [job])
            else:
                jobs[0].future.set_exception(error)
            return
        chunks = np.bincount(embeddings.chunk_rows, minlength=len(embeddings)).tolist()
        lost = embeddings.tokens_lost.tolist()
        start = 0
        for job in jobs:
            rows = slice(start, start + len(job.texts))
            start = rows.stop
            job.future.set_result(Embedded(embeddings.vectors[rows], chunks[rows], lost[rows]))

    def _stop_if_abandoned(self, jobs: list[_Job]) -> None:
        if all(job.future in self._abandoned for job in jobs):
            raise _AbandonedError("the caller hung up.")
