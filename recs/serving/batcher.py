"""Texts of many callers embedded together: a bounded queue, and one thread that owns the model.

While one round is computed the next gathers, so thirty callers with a line each cost one batch instead of thirty. What
a caller gets differs from a call of its own by no more than another batch composition makes it (`Embedder`).
"""

import heapq
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np

from recs.arrays import FloatArray
from recs.embedding.documents import Overflow
from recs.embedding.embedder import Embedder
from recs.errors import RecsError

# A large request is cut into parts of a round each, every one of which waits its turn so much longer than the one
# before: a line of text does not wait for a whole archive, and the archive is not overtaken for ever.
_SECONDS_A_PART = 0.25
_ROUND_TOKENS = 4096


class Options(NamedTuple):
    """What texts must have in common to be embedded in one call; `dim` None for all dimensions."""

    role: str
    instruction: str | None
    overflow: Overflow
    dim: int | None


class Embedded(NamedTuple):
    """Vectors (n, d), and of each text its chunks and its tokens that are in none."""

    vectors: FloatArray
    chunks: list[int]
    lost: list[int]


class QueueFullError(RecsError):
    """More waits than the queue takes; in `retry_after` seconds it may take this."""

    retry_after = 1


class _Job(NamedTuple):
    texts: Sequence[str]
    titles: Sequence[str]
    options: Options
    tokens: int
    future: Future[Embedded]


class Batcher:
    """The queue before one embedder; threads may share it. Its own thread starts with the first texts.

    `queue_tokens` may wait, or one request of any size; `observe` is told jobs and tokens of every round.
    """

    def __init__(self, embedder: Embedder, *, queue_tokens: int, observe: Callable[[int, int], None]) -> None:
        self.waiting = 0
        """Tokens that wait."""
        self._embedders: dict[int | None, Embedder] = {None: embedder}
        self._queue_tokens, self._observe = queue_tokens, observe
        self._round_tokens, self._tokens_per_second = _ROUND_TOKENS, 1000.0
        self._heap: list[tuple[float, int, _Job]] = []
        self._count = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(
        self, texts: Sequence[str], titles: Sequence[str], tokens: Sequence[int], options: Options
    ) -> list[Future[Embedded]]:
        """Queue n texts; return futures whose results, one after the other, are those of the texts.

        A future that is cancelled before its turn costs nothing.

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
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="recs-model", daemon=True)
                self._thread.start()
            self._changed.notify()
        return [job.future for job in jobs]

    def close(self, timeout: float | None = None) -> None:
        """Take no more, finish what waits, and return then or after `timeout` seconds."""
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
        """Wait for jobs and return those of one round, the first in turn first; None once all is done."""
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
            )
            self._round_tokens = max(_ROUND_TOKENS, 2 * whole.batch_tokens)
        except Exception as error:  # of any kind: the callers get it, and the thread goes on
            if len(jobs) > 1:  # one of them is wrong, and the others must still be answered
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
