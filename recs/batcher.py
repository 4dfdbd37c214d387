"""Texts of many callers embedded together: a bounded queue, and one thread that owns the model.

The thread takes whatever waits, up to a budget of tokens, and embeds it in one call, so that thirty callers with a line
each cost one batch instead of thirty. A caller's vectors then differ from those of a call of its own by no more than
any other batch composition makes them differ (`Embedder`).
"""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recs.embedder import Embedder, Overflow
from recs.embeddings import FloatArray
from recs.errors import EmbeddingError, RecsError

# A large request is cut into parts of one round each; every part waits its turn this much longer than the one before,
# so that a line of text need not wait for a whole archive and the archive is not overtaken for ever.
_SECONDS_A_PART = 0.25
# A round holds at least so many tokens: the fixed costs of a call are then shared by many callers.
_ROUND_TOKENS = 4096
# How long the thread waits for company while several callers are about.
_WAIT_SECONDS = 0.003


class Options(NamedTuple):
    """What texts must have in common to be embedded in one call."""

    role: str = "document"
    instruction: str | None = None
    overflow: Overflow = "chunk"
    dim: int | None = None


class Embedded(NamedTuple):
    """Vectors (n, d), and of each text how many chunks it was embedded in and how many tokens are in none."""

    vectors: FloatArray
    chunks: list[int]
    lost: list[int]


class QueueFullError(RecsError):
    """More waits than the queue takes; `retry_after` says in how many seconds that may have changed."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(slots=True)
class _Job:
    texts: Sequence[str]
    titles: Sequence[str]
    options: Options
    tokens: int
    future: Future[Embedded]


class Batcher:
    """The queue before one embedder. Threads may share it; the thread that owns the model starts with the first text.

    Parameters
    ----------
    queue_tokens
        Tokens that may wait; a first request is always taken.
    observe
        Called after every round with its jobs and tokens.
    """

    def __init__(
        self, embedder: Embedder, *, queue_tokens: int, observe: Callable[[int, int], None] | None = None
    ) -> None:
        self.embedder = embedder
        self.waiting = 0
        """Tokens that wait."""
        self._queue_tokens = queue_tokens
        self._observe = observe
        self._round_tokens = _ROUND_TOKENS
        self._tokens_per_second = 1000.0
        self._cut: dict[int | None, Embedder] = {None: embedder}
        self._heap: list[tuple[float, int, _Job]] = []
        self._submitted = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(
        self, texts: Sequence[str], titles: Sequence[str], tokens: Sequence[int], options: Options
    ) -> list[Future[Embedded]]:
        """Put n texts into the queue; the results of the futures, one after the other, are theirs, in their order.

        A future that is cancelled before its turn costs nothing.

        Raises
        ------
        QueueFullError
        EmbeddingError
            If the batcher is closed.
        """
        jobs = self._jobs(texts, titles, tokens, options)
        with self._changed:
            if self._closed:
                raise EmbeddingError("the server is stopping.")
            if self.waiting and self.waiting + sum(tokens) > self._queue_tokens:
                seconds = min(max(math.ceil(self.waiting / self._tokens_per_second), 1), 60)
                raise QueueFullError(
                    f"{self.waiting:,} tokens wait and {sum(tokens):,} came; the queue takes {self._queue_tokens:,}.",
                    seconds,
                )
            now = time.monotonic()
            for part, job in enumerate(jobs):
                self._submitted += 1
                heapq.heappush(self._heap, (now + part * _SECONDS_A_PART, self._submitted, job))
                self.waiting += job.tokens
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

    def _jobs(self, texts: Sequence[str], titles: Sequence[str], tokens: Sequence[int], options: Options) -> list[_Job]:
        jobs: list[_Job] = []
        start = held = 0
        for stop, count in enumerate(tokens, 1):
            held += count
            if stop == len(texts) or held + tokens[stop] > self._round_tokens:
                jobs.append(_Job(texts[start:stop], titles[start:stop], options, held, Future()))
                start, held = stop, 0
        return jobs

    # The thread that owns the model.

    def _work(self) -> None:
        crowded = False
        while jobs := self._take(crowded):
            crowded = len(jobs) > 1
            started = time.perf_counter()
            groups: dict[Options, list[_Job]] = {}
            for job in jobs:
                groups.setdefault(job.options, []).append(job)
            for options, group in groups.items():
                self._embed(options, group)
            seconds, tokens = time.perf_counter() - started, sum(job.tokens for job in jobs)
            self._tokens_per_second += 0.1 * (tokens / max(seconds, 1e-6) - self._tokens_per_second)
            if self._observe is not None:
                self._observe(len(jobs), tokens)

    def _take(self, crowded: bool) -> list[_Job]:
        """Wait for jobs and return those of one round, the first in turn first; none once all is done."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._heap or self._closed)
                if crowded and not self._closed:
                    self._changed.wait_for(lambda: self._closed or self.waiting >= self._round_tokens, _WAIT_SECONDS)
                jobs: list[_Job] = []
                tokens = 0
                while self._heap and (not jobs or tokens + self._heap[0][2].tokens <= self._round_tokens):
                    job = heapq.heappop(self._heap)[2]
                    self.waiting -= job.tokens
                    if job.future.set_running_or_notify_cancel():
                        jobs.append(job)
                        tokens += job.tokens
                if jobs or (self._closed and not self._heap):
                    return jobs

    def _embed(self, options: Options, jobs: list[_Job]) -> None:
        try:
            results = self._call(options, jobs)
        except Exception as error:
            if len(jobs) > 1:  # one of them is at fault, and the others must not suffer for it
                for job in jobs:
                    self._embed(options, [job])
            else:
                jobs[0].future.set_exception(error)
            return
        for job, result in zip(jobs, results, strict=True):
            job.future.set_result(result)

    def _call(self, options: Options, jobs: list[_Job]) -> list[Embedded]:
        if options.dim not in self._cut:
            self._cut[options.dim] = self.embedder.with_dim(options.dim or 0)
        embeddings = self._cut[options.dim].embed(
            [text for job in jobs for text in job.texts],
            titles=[title for job in jobs for title in job.titles],
            role=options.role,
            instruction=options.instruction,
            overflow=options.overflow,
        )
        self._round_tokens = max(_ROUND_TOKENS, 2 * self.embedder.batch_tokens)
        chunks = np.bincount(embeddings.chunk_rows, minlength=len(embeddings)).tolist()
        results, start = [], 0
        for job in jobs:
            rows = slice(start, start := start + len(job.texts))
            lost = embeddings.tokens_lost[rows].tolist()
            results.append(Embedded(embeddings.vectors[rows], chunks[rows], lost))
        return results
