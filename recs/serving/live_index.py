"""The index of a server: it is opened again after it was replaced, and queries are embedded in the server's queue."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from recs.embedding.embedder import Embedder
from recs.embedding.vectors import Embeddings
from recs.errors import ModelError, RecsError, SourceError
from recs.retrieval.index import Index
from recs.retrieval.storage import manifest_stamp, open_folder
from recs.search import open_index
from recs.serving.batcher import Batcher, Options
from recs.serving.requests import RequestError, limit, need

if TYPE_CHECKING:
    from recs.models.tokenizer import ModelTokenizer

_LOG = logging.getLogger("recs")
_ATTEMPTS = 5  # to open an index that is replaced meanwhile


class QueryEmbedder:
    """Embeds queries in the queue of a server, where they share batches with other requests.

    An index uses it in place of an `Embedder`: only what an index needs is there.
    """

    def __init__(self, embedder: Embedder, batcher: Batcher, *, most_tokens: int) -> None:
        self.spec = embedder.spec
        self._embedder = embedder
        self._batcher = batcher
        self._most_tokens = most_tokens

    @property
    def tokenizer(self) -> ModelTokenizer:
        return self._embedder.tokenizer

    def embed(self, texts: Sequence[str], *, role: str) -> Embeddings:
        """Return the vectors of n texts; `RequestError` if one is empty, or all have too many tokens."""
        need(all(text.strip() for text in texts), "the query has no words.")
        prompt = self._embedder.prompt(role, None)
        counts = self._embedder.count_tokens([prompt + text for text in texts])
        limit(sum(counts), self._most_tokens, "tokens")
        futures = self._batcher.submit(texts, [""] * len(texts), counts, Options(role, None, "chunk", None))
        vectors = np.concatenate([future.result().vectors for future in futures])
        ids = tuple(map(str, range(len(texts))))
        spec = self.spec
        return Embeddings(ids, vectors, spec.fingerprint, spec.similarity, spec.name, role, prompt)


class LiveIndex:
    """The index in a folder, the newest one. Threads may share it.

    Parameters
    ----------
    path
        The folder.
    queries
        What embeds queries; None if the server has no model.
    find_embedder
        Instead of `queries`: returns the embedder of a model by its name and fingerprint, for the first query that
        needs it.
    every
        The folder is looked at when the index is asked for, but at most once in so many seconds.
    clock
        Returns the time in seconds.

    Raises
    ------
    SourceError
        If the folder is no index.
    ModelError
        If the index has vectors of another model than the server has. With `find_embedder`, the first query tells.
    """

    def __init__(
        self,
        path: Path,
        queries: QueryEmbedder | None = None,
        *,
        find_embedder: Callable[[str, str], Embedder] | None = None,
        every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._queries = queries
        self._find_embedder = find_embedder
        self._every = every
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = clock()
        self._stamp = manifest_stamp(path)
        self._index: Index | RecsError = self._open()

    def current(self) -> Index:
        """Return the index that is in the folder now. An index that was returned earlier can still be used.

        Raises `RequestError` if what is in the folder now cannot be used: the earlier index may hold items that were
        withdrawn since, so it is not used again.
        """
        if self._lock.acquire(blocking=False):  # another thread looks already: this one need not wait for it
            try:
                self._look()
            finally:
                self._lock.release()
        if isinstance(self._index, RecsError):
            raise RequestError(503, "the index of the server cannot be used now; the server's log says why.")
        return self._index

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked < self._every:
            return
        self._looked = now
        stamp = manifest_stamp(self._path)
        if stamp == self._stamp and stamp is not None and not isinstance(self._index, RecsError):
            return
        self._stamp = stamp
        try:
            self._index = self._open()
        except RecsError as error:
            if str(error) != str(self._index):
                _LOG.warning("%s", error)
            self._index = error

    def _open(self) -> Index:
        """Return the index; if it is replaced while it is opened, the next one."""
        for _ in range(_ATTEMPTS):
            stamp = manifest_stamp(self._path)
            try:
                return self._opened()
            except SourceError:
                if manifest_stamp(self._path) == stamp:
                    raise
        return self._opened()

    def _opened(self) -> Index:
        # An index asks its embedder for vectors and the tokenizer alone.
        embedder = cast(Embedder, self._queries) if self._queries else None
        find = self._find_embedder
        index = open_index(self._path, embedder=embedder) if find is None else open_folder(self._path, find)
        try:  # now: the folder may be removed while this index is in use
            index.table.column("tags")
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise SourceError(f"{self._path}: a broken index (its columns cannot be read); make it again.") from error
        vectors = index.vectors
        if find is not None or vectors is None:
            return index
        if self._queries is None or self._queries.spec.fingerprint != vectors.fingerprint:
            here = "no model" if self._queries is None else self._queries.spec.name
            advice = f"start it with --model {vectors.model}, or make the index again with its model."
            raise ModelError(f"{self._path}: the index is of {vectors.model}, and the server has {here}; {advice}")
        return index
