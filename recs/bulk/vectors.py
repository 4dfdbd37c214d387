"""Vectors of a large collection: from the model, then less the mean of all, in whole numbers, in the order of cells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, unit_rows
from recs.bulk.folder import ArrayFolder, list_column, lists_of
from recs.bulk.shards import read_shard
from recs.bulk.store import StoredTexts
from recs.embedding.cache import Cache
from recs.embedding.documents import Overflow
from recs.embedding.load import find_embedder
from recs.embedding.pipeline import open_cache
from recs.embedding.tables import head_of, space_of, with_head
from recs.errors import ShardsError
from recs.ranking.cells import SAMPLE_OF_CELL, assign, cells_of, in_cells, learn_cells
from recs.ranking.centred import share_of_mean, whole_rows
from recs.ranking.vector_signals import grouped, groups_of_chunks

if TYPE_CHECKING:
    import pyarrow as pa

    from recs.embedding.embedder import Embedder
    from recs.embedding.vectors import Embeddings
    from recs.models.spec import ModelSpec

_FIXED = 2.0**32  # a number of a unit vector in whole parts of this: their sum is exact in any order
_PIECE = 16_384  # rows that are written at a time
_SAMPLE = 65_536  # rows at least from which cells are learned


@dataclass(frozen=True, slots=True)
class EmbedTexts:
    """Embeds the items of a shard; it holds names, so that another process can load the model.

    Attributes
    ----------
    model, loading
        The arguments of `recs.load_embedder`.
    role, overflow, window
        As in `recs.embed_items`.
    cache
        The folder of the vector cache; None for none.

    Examples
    --------
    >>> EmbedTexts("all-MiniLM-L6-v2", loading=(("offline", True),)).overflow
    'chunk'
    """

    model: str
    loading: tuple[tuple[str, Any], ...] = ()
    overflow: Overflow = "chunk"
    cache: Path | None = None
    cached_only: bool = False
    role: str = "document"
    window: int | None = None

    def __call__(self, path: Path) -> pa.Table:
        stored = StoredTexts.read(path)
        embeddings = self.embed(stored)
        return vector_table(embeddings, groups_of_chunks(stored.written, embeddings))

    def embed(self, stored: StoredTexts) -> Embeddings:
        """Return the vectors of the texts of a shard."""
        with open_cache(self.cache or False) as cache:
            embedder = _embedder(self) if cache is None else self.find(cache)
            return embedder.embed(
                stored.texts,
                ids=stored.ids,
                titles=stored.titles,
                written=stored.written,
                role=self.role,
                overflow=self.overflow,
                window=self.window,
                store=cache,
                cached_only=self.cached_only,
            )

    def fingerprint(self) -> str:
        """Return the fingerprint of the vector space: a name may mean other weights later."""
        return self.spec().fingerprint

    def spec(self) -> ModelSpec:
        """Return what is known of the model; `ModelError` if it cannot be loaded."""
        with open_cache(self.cache or False) as cache:
            return self.find(cache).spec

    def find(self, cache: Cache | None) -> Embedder:
        """Return the embedder; `ModelError` if the model cannot be loaded."""
        return find_embedder(self.model, cache, cached_only=self.cached_only, **dict(self.loading))


def made_anew(embedding: EmbedTexts | None, *folders: str) -> tuple[str, ...]:
    """Return these folders of a run if they must be made anew: with `cached_only` the cache may hold more now."""
    return folders if embedding is not None and embedding.cached_only else ()


@lru_cache(maxsize=1)
def _embedder(texts: EmbedTexts) -> Embedder:
    """Return the embedder that a process keeps from shard to shard."""
    return texts.find(None)


def vector_table(embeddings: Embeddings, groups: IntArray | None) -> pa.Table:
    """Return the vectors of the items of a shard and of their passages: chunks, or groups of chunks."""
    import pyarrow as pa

    chunks, rows = embeddings.chunk_vectors, embeddings.chunk_rows
    if groups is not None:
        chunks, rows = grouped(chunks, rows, groups)
    n = len(embeddings)
    ends = np.searchsorted(rows, np.arange(n + 1)) * embeddings.dim
    columns = {
        "vector": list_column(embeddings.vectors.ravel(), np.arange(n + 1) * embeddings.dim),
        "chunks": list_column(chunks.ravel(), ends),
        "count": pa.array(np.bincount(embeddings.chunk_rows, minlength=n)),
        "tokens": pa.array(embeddings.tokens),
        "lost": pa.array(embeddings.tokens_lost),
    }
    return with_head(pa.table(columns), space_of(embeddings))


def one_space(tables: Sequence[pa.Table]) -> dict[str, Any]:
    """Return the space of the vectors of all shards; `ShardsError` if they are of two models."""
    space, *others = (head_of(table.schema) for table in tables)
    if any(other != space for other in others):
        raise ShardsError("the shards have vectors of two models; remove the folder of this run and run it again.")
    return space


@dataclass(frozen=True, slots=True, eq=False)
class VectorShards:
    """The vectors of all items, in shards.

    Attributes
    ----------
    same
        What is the same for all: the model's name, its fingerprint, the similarity, role, prompt and dim.
    blank : bool array of shape (n,)
    tokens, lost, counts : int64 arrays of shape (n,)
        Tokens of an item, those that are in no vector, and its chunks.
    """

    paths: Sequence[Path]
    same: dict[str, Any]
    blank: BoolArray
    tokens: IntArray
    lost: IntArray
    counts: IntArray

    @classmethod
    def of(cls, paths: Sequence[Path]) -> VectorShards:
        """Return the vectors of these files; `ShardsError` if they are of two models."""
        tables = [read_shard(path, ["tokens", "lost", "count"]) for path in paths]
        same = one_space(tables)
        tokens, lost, counts = (
            np.concatenate([table[name].to_numpy() for table in tables]) for name in ("tokens", "lost", "count")
        )
        return cls(paths, same, lost >= tokens, tokens, lost, counts)

    @property
    def dim(self) -> int:
        """The number of dimensions."""
        return int(self.same["dim"])

    def rows(self, column: str) -> Iterator[tuple[FloatArray, IntArray]]:
        """Yield the vectors of each shard, and the item of each vector among all items."""
        start = 0
        for path in self.paths:
            values, ends = lists_of(read_shard(path, [column])[column])
            counts = np.diff(ends) // self.dim
            yield values.reshape(-1, self.dim), start + np.repeat(np.arange(len(counts)), counts)
            start += len(counts)


def write_vectors(vectors: VectorShards, ids: Sequence[str], arrays: ArrayFolder, *, passages: bool) -> None:
    """Write the vectors in whole numbers, and their cells, for the signals of vectors."""
    n = len(ids)
    arrays.save("blank", vectors.blank)
    shape = (n, vectors.dim)
    arrays.write("vectors", (rows for rows, _ in vectors.rows("vector")), shape=shape, dtype=np.float32)
    arrays.write("dense", _whole(vectors, "vector"), shape=shape, dtype=np.int16)
    chosen = _by_digest([name.encode("utf-8", "surrogatepass") for name in ids])
    _Rows(arrays.read("dense"), np.arange(n), ~vectors.blank).write_cells("dense", chosen, arrays)
    if not passages:
        return
    items = np.concatenate([rows for _, rows in vectors.rows("chunks")])
    arrays.save("chunks.items", items)
    arrays.write("chunks", _whole(vectors, "chunks"), shape=(len(items), vectors.dim), dtype=np.int16)
    places = np.arange(len(items)) - np.searchsorted(items, items)
    chosen = _by_digest(
        [f"{place} {ids[item]}".encode("utf-8", "replace") for place, item in zip(places, items, strict=True)]
    )
    says = ~vectors.blank[items]
    whole = arrays.read("chunks")
    _Rows(whole, np.arange(len(items)), says).write_cells("chunks", chosen, arrays)
    of_long = np.bincount(items, minlength=n)[items] > 1
    _Rows(whole, np.flatnonzero(of_long), says[of_long]).write_cells("long", chosen, arrays)


def _by_digest(names: Sequence[bytes]) -> IntArray:
    """Return the rows in the order of the digests of their names."""
    digests = np.array([hashlib.blake2b(name, digest_size=8).digest() for name in names])
    return np.argsort(digests, kind="stable")


def _whole(vectors: VectorShards, column: str) -> Iterator[FloatArray]:
    """Yield the vectors of each shard, less the mean of all, as whole numbers; zeros for those that mean nothing."""
    total = np.zeros(vectors.dim, np.int64)
    count = 0
    for rows, items in vectors.rows(column):
        units = unit_rows(rows[~vectors.blank[items]].astype(np.float64))
        total += np.rint(units * _FIXED).astype(np.int64).sum(axis=0)
        count += len(units)
    subtracted: Float64Array = share_of_mean(total / (_FIXED * max(count, 1)), count)
    for rows, items in vectors.rows(column):
        says = ~vectors.blank[items]
        whole = np.zeros(rows.shape, np.float32)
        whole[says] = whole_rows(unit_rows(unit_rows(rows[says].astype(np.float64)) - subtracted))
        yield whole


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Rows of an array in whole numbers that become cells: of all `columns` those that are `listed`."""

    whole: npt.NDArray[np.int16]
    columns: IntArray
    listed: BoolArray

    def write_cells(self, name: str, order: IntArray, arrays: ArrayFolder) -> None:
        """Write the cells and the rows in their order; they are learned from rows of the array in this order."""
        count = cells_of(len(self.columns))
        centroids = learn_cells(self.whole[order[: max(_SAMPLE, count * SAMPLE_OF_CELL)]], count)
        is_all = len(self.columns) == len(self.whole)
        assigned = assign(self.whole if is_all else self.whole[self.columns], centroids)
        places, starts = in_cells(assigned, len(centroids), self.listed)
        columns = self.columns[places]
        arrays.save(f"{name}.centroids", centroids)
        arrays.save(f"{name}.columns", columns)
        arrays.save(f"{name}.starts", starts)
        pieces = (self.whole[columns[start : start + _PIECE]] for start in range(0, len(columns), _PIECE))
        arrays.write(f"{name}.rows", pieces, shape=(len(columns), self.whole.shape[1]), dtype=np.int16)
