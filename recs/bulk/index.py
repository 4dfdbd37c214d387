"""The index of a large collection: its shards are computed apart, and its segments are written one by one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recs.bulk.folder import ArrayFolder, about_arrays, array_table, arrays_of
from recs.bulk.languages import languages_of
from recs.bulk.run import Progress, Watched, opened_run
from recs.bulk.runners import LocalRunner
from recs.bulk.shards import EMBEDDING, Runner, map_shards, read_shard
from recs.bulk.store import SHARD_ITEMS, Part, StoredTexts, store_items
from recs.bulk.vectors import EmbedTexts, made_anew
from recs.errors import ShardsError
from recs.items import Collection, Item
from recs.retrieval.index import Index
from recs.retrieval.postings import ARRAYS, Postings, RowArray, postings_from
from recs.retrieval.segment import SEGMENT_ITEMS, Segment
from recs.retrieval.storage import VECTORS
from recs.retrieval.table import ItemsInMemory
from recs.retrieval.vectors import Vectors
from recs.retrieval.writing import write_segments
from recs.search import PASSAGE_TOKENS, foreign, open_index, reused
from recs.text.languages import uncovered_note

if TYPE_CHECKING:
    import pyarrow as pa

_VERSION = "index/1"  # changed when the files of a step change
_SPACE = ("model", "fingerprint", "similarity")


def index_in_shards(
    collection: Collection,
    embedding: EmbedTexts | None,
    path: str | os.PathLike[str],
    *,
    previous: Index | None = None,
    runner: Runner | None = None,
    folder: str | os.PathLike[str] | None = None,
    shard_items: int = SHARD_ITEMS,
    segment_items: int = SEGMENT_ITEMS,
    progress: Progress | None = None,
) -> Index:
    """Write the index of the public items of a collection into a folder, and return it.

    Its hits are those of an index that `recs.build_index` makes.

    Parameters
    ----------
    embedding
        What embeds the texts, in passages of 128 tokens; None for an index of terms alone.
    path
        The folder of the index.
    previous
        An earlier index of the collection, as in `recs.build_index`: only new and changed items are computed.
    runner, folder, progress
        As in `recs.related_in_shards`.
    shard_items, segment_items
        Items of a shard, and the most items of a segment of the index, which is made of whole shards.

    Returns
    -------
    Index
        As `recs.open_index` returns it. Segments that were made now have no `folder`. A note says which items are in
        languages that the model was not trained for.

    Raises
    ------
    ShardsError
        If shards failed.
    OutputError
        If a folder cannot be written.
    MissingDependencyError
        If pyarrow is not installed.

    Notes
    -----
    Memory: the items, and the terms of one segment; for each worker a shard. A query takes an eighth of a millisecond
    more for each segment, and an index that is open keeps nine files open for each.

    Examples
    --------
    >>> import recs, tempfile
    >>> items = recs.Collection((recs.Item("garlic", "Plant it in autumn."), recs.Item("tea", "Boil the water.")))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     here = recs.LocalRunner(workers=0)
    ...     index = index_in_shards(items, None, f"{folder}/index", runner=here, folder=f"{folder}/work", shard_items=1)
    ...     len(index.segments), [hit.id for hit in index.search("boiling water")]
    (1, ['tea'])
    """
    if embedding is not None:
        embedding = replace(embedding, role="document", overflow="chunk", window=PASSAGE_TOKENS)
    fingerprint = None if embedding is None else embedding.fingerprint()
    items = collection.public
    kept, rows = reused(items, previous, fingerprint)
    fresh = [items[row] for row in rows]
    anew = made_anew(embedding, "vectors")
    with opened_run(fresh, (_VERSION, embedding, fingerprint, shard_items), folder, anew=anew) as place:
        parts = store_items(fresh, place / "items", runner=LocalRunner(workers=0), shard_items=shard_items)
        with (runner or LocalRunner()).connected() as connected:
            shards = _Shards.made(parts, place, embedding, runner=Watched(connected, progress))
        made = shards.segments(
            fresh,
            np.array(rows, np.int32),
            fingerprint,
            ArrayFolder(place / "arrays"),
            max(segment_items // shard_items, 1),
        )
        empty = [] if kept or fresh else [Segment.of([], None)]
        write_segments(chain(kept, made, empty), Path(path))
    return _reopened(Path(path), len(kept), shards.notes)


def _reopened(path: Path, kept: int, notes: tuple[str, ...]) -> Index:
    """Return the index that was written; all its segments but the first ones are new."""
    index = open_index(path)
    new = [replace(segment, folder=None, files=None) for segment in index.segments[kept:]]
    return replace(index, segments=(*index.segments[:kept], *new), notes=notes)


def count_terms(path: Path) -> pa.Table:
    """Return the postings of the items of a shard."""
    stored = StoredTexts.read(path)
    texts = list(zip(stored.texts, stored.written, strict=True))
    written, said = [text[:stop] for text, stop in texts], [text[stop:] for text, stop in texts]
    postings = Postings.of(stored.titles, written, said)
    return array_table({name: getattr(postings, name) for name in ARRAYS})


@dataclass(frozen=True, slots=True)
class EmbedPassages:
    """Returns the vectors of the items of a shard and of their passages."""

    embedding: EmbedTexts

    def __call__(self, path: Path) -> pa.Table:
        vectors = Vectors.of(self.embedding.embed(StoredTexts.read(path)))
        about = {**{name: getattr(vectors, name) for name in _SPACE}, "dim": vectors.items.shape[1]}
        return array_table({name: getattr(vectors, name) for name in VECTORS}, about=about)


@dataclass(frozen=True, slots=True)
class _Shards:
    """The files of all shards; no `vectors` in an index of terms. `foreign` has a value for each item."""

    parts: Sequence[Part]
    terms: Sequence[Path]
    vectors: Sequence[Path]
    foreign: Sequence[bool]
    notes: tuple[str, ...]

    @classmethod
    def made(cls, parts: Sequence[Part], place: Path, embedding: EmbedTexts | None, *, runner: Runner) -> _Shards:
        """Compute what is not there."""
        files = [part.path for part in parts]
        terms = map_shards(count_terms, files, place / "terms", runner=runner)
        if embedding is None:
            return cls(parts, terms, (), (), ())
        spec = embedding.spec()
        languages: list[str | None] = [None] * sum(part.stop - part.start for part in parts)
        if spec.languages:
            languages = languages_of(parts, place, embedding.cache, runner=runner)
        passages = EmbedPassages(embedding)
        vectors = map_shards(passages, files, place / "vectors", runner=runner, resources=EMBEDDING)
        note = uncovered_note(languages, spec.languages, spec.name)
        return cls(parts, terms, vectors, foreign(languages, spec.languages), (note,) if note else ())

    def segments(
        self, items: Sequence[Item], rows: RowArray, fingerprint: str | None, arrays: ArrayFolder, of_segment: int
    ) -> Iterator[Segment]:
        """Yield the segments, each of so many shards; `rows` are those of the items in the index.

        The vectors of a segment are memory maps in the folder of arrays, until the next one is asked for.
        """
        for first in range(0, len(self.parts), of_segment):
            some = slice(first, first + of_segment)
            own = slice(self.parts[some][0].start, self.parts[some][-1].stop)
            postings = Postings.joined([postings_from(arrays_of(read_shard(path))) for path in self.terms[some]])
            vectors = _joined(self.vectors[some], self.foreign[own], fingerprint, arrays) if self.vectors else None
            yield Segment(ItemsInMemory(items[own]), postings, vectors, rows[own])
            del postings, vectors
            shutil.rmtree(arrays.path, ignore_errors=True)


def _joined(paths: Sequence[Path], is_foreign: Sequence[bool], fingerprint: str | None, arrays: ArrayFolder) -> Vectors:
    """Return the vectors of shards, one after the other, as memory maps."""
    tables = [read_shard(path, ["starts", "spans", "readable"]) for path in paths]
    about = about_arrays(tables[0])
    if any(about_arrays(table)["fingerprint"] != fingerprint for table in tables):
        raise ShardsError("the model was replaced while its vectors were made; run it again.")
    parts = [arrays_of(table) for table in tables]
    counts = np.concatenate([np.diff(part["starts"]) for part in parts])
    starts = np.concatenate([[0], np.cumsum(counts)])
    for name, count in (("items", len(counts)), ("passages", int(starts[-1]))):
        pieces = (arrays_of(read_shard(path, [name]))[name] for path in paths)
        arrays.write(name, pieces, shape=(count, about["dim"]), dtype=np.float32)
    readable = np.concatenate([part["readable"] for part in parts]) * ~np.array(is_foreign, bool)
    return Vectors(
        arrays.read("items"),
        arrays.read("passages"),
        starts,
        np.concatenate([part["spans"] for part in parts]),
        readable.astype(np.uint16),
        *(about[name] for name in _SPACE),
    )
