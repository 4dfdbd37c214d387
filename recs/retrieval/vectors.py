"""The vectors of an index, and how similar a query is to each item and each passage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, Similarity, unit_rows
from recs.errors import EmbeddingError, FingerprintMismatchError

_DEVIATION = 0.12
_SAMPLE = 512  # items, by id
_PRIOR = 20  # items: for a few, the deviation says little
_LEAST, _MOST = 2.0, 8.0

if TYPE_CHECKING:
    from recs.embedding.vectors import Embeddings


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Vectors of n items and of their m passages, in one space.

    Attributes
    ----------
    items : float32 array of shape (n, d)
        Rows of length 1.
    passages : float32 array of shape (m, d)
        Rows of length 1, in the order of the items and of their texts.
    starts : int64 array of shape (n + 1,)
        The passages of item i are those from starts[i] to starts[i + 1]; every item has one.
    spans : int64 array of shape (m, 2)
        Start and stop of each passage in the text of its item, in characters; 0, 0 for one of the title alone.
    readable : uint16 array of shape (n,)
        1; or 0 where the vectors say little: the model was not trained for the language of the item, or knows no token.
    model, fingerprint, similarity
        The name of the model, its space, and its own similarity. A search compares directions: it uses the cosine.
    """

    items: FloatArray
    passages: FloatArray
    starts: IntArray
    spans: IntArray
    readable: npt.NDArray[np.uint16]
    model: str
    fingerprint: str
    similarity: Similarity

    @classmethod
    def of(cls, embeddings: Embeddings, foreign: Sequence[bool] | None = None) -> Vectors:
        """Return the vectors of embeddings with passages, in their order; `EmbeddingError` if an item has none.

        `foreign` says which items are in a language that the model was not trained for.
        """
        counts = np.bincount(embeddings.chunk_rows, minlength=len(embeddings))
        if not counts.all() or len(embeddings.chunk_spans) != counts.sum():
            raise EmbeddingError("these vectors have no passages; make them with recs.embed_items.")
        return cls(
            unit_rows(embeddings.vectors).astype(np.float32),
            unit_rows(embeddings.chunk_vectors).astype(np.float32),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            embeddings.chunk_spans,
            (~(embeddings.blank | np.array(foreign or [False] * len(embeddings), bool))).astype(np.uint16),
            embeddings.model,
            embeddings.fingerprint,
            embeddings.similarity,
        )

    @property
    def space(self) -> tuple[str, str, Similarity]:
        """The name of the model, its fingerprint and its similarity."""
        return self.model, self.fingerprint, self.similarity


class JoinedVectors:
    """The vectors of the n items of an index, in one segment or in several of the same space.

    The passages are those of all segments, one after the other. `owners` has the row of the item of each passage; -1 if
    the item is not in the index any more.

    Parameters
    ----------
    segments
        The vectors of each segment; one or more.
    rows : int32 arrays, one for each segment
        The row in the index of each item of the segment; -1 for one that is not in the index any more.
    """

    def __init__(self, segments: Sequence[Vectors], rows: Sequence[npt.NDArray[np.int32]]) -> None:
        self._segments = tuple(zip(segments, rows, strict=True))
        self._offsets = np.cumsum([0, *(len(vectors.passages) for vectors in segments)]).tolist()
        self._n = sum(int((each >= 0).sum()) for each in rows)
        self._segment_of = np.zeros(self._n, np.int32)
        self._place_of = np.zeros(self._n, np.int32)
        for number, each in enumerate(rows):
            places = np.flatnonzero(each >= 0)
            self._segment_of[each[places]] = number
            self._place_of[each[places]] = places
        self.model, self.fingerprint, self.similarity = segments[0].space

    @property
    def passage_count(self) -> int:
        """How many passages the items have that are in the index now."""
        return int(np.count_nonzero(self.owners >= 0))

    @cached_property
    def owners(self) -> npt.NDArray[np.int32]:
        """The row of the item of each passage, shape (m,); -1 if it is not in the index any more."""
        return np.concatenate([np.repeat(rows, np.diff(vectors.starts)) for vectors, rows in self._segments])

    @cached_property
    def stretch(self) -> float:
        """By how much the distance of a cosine from 1 is multiplied before it is added to what terms explain.

        Models use different parts of the scale: where all items have cosines near .75, .8 is much. If the cosines of a
        sample of the items deviate by less than half of what those of the default model do in most collections, they
        are stretched to that. Else it is 1.
        """
        rows = np.unique(np.linspace(0, self._n - 1, min(self._n, _SAMPLE)).astype(int)).tolist()
        sample = np.array([self.item(row) for row in rows], np.float32)
        pairs = (sample @ sample.T)[np.triu_indices(len(rows), 1)] if rows else np.zeros(0)
        variance = float(pairs.var()) if len(pairs) else 0.0
        variance = (_PRIOR * _DEVIATION**2 + len(rows) * variance) / (_PRIOR + len(rows))
        stretch = _DEVIATION / np.sqrt(variance)
        return float(min(stretch, _MOST)) if stretch > _LEAST else 1.0

    def stretched(self, cosines: Float64Array) -> Float64Array:
        """Return cosines with their distance from 1 multiplied: 1 stays 1."""
        return 1.0 - self.stretch * (1.0 - cosines)

    @cached_property
    def readable(self) -> BoolArray:
        """Of which items the vectors count beside words, shape (n,)."""
        readable = np.zeros(self._n + 1, bool)
        for vectors, rows in self._segments:
            readable[rows] = vectors.readable > 0
        return readable[:-1]

    def query(self, embeddings: Embeddings) -> FloatArray:
        """Return the unit vector of an embedded query; `FingerprintMismatchError` if it is of another space."""
        if embeddings.fingerprint != self.fingerprint:
            raise FingerprintMismatchError(
                f"the query was embedded by {embeddings.model}, the index by {self.model} in another space."
            )
        return np.asarray(unit_rows(embeddings.vectors)[0].astype(np.float32))

    def similarities(self, query: FloatArray) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the mean of the cosines of an item and its best passage, for n items, and those of the m passages."""
        of_items = np.zeros(self._n + 1, np.float32)  # the last one is that of items that are not in the index any more
        of_passages = [vectors.passages @ query for vectors, _ in self._segments]
        for (vectors, rows), cosines in zip(self._segments, of_passages, strict=True):
            if len(rows):
                best = np.maximum.reduceat(cosines, vectors.starts[:-1])
                of_items[rows] = 0.5 * (vectors.items @ query) + 0.5 * best
        return of_items[:-1], np.concatenate(of_passages)

    def item(self, row: int) -> FloatArray:
        """Return the vector of an item."""
        vectors, place = self._place(row)
        return np.asarray(vectors.items[place])

    def spans(self, row: int) -> IntArray:
        """Return the spans of the passages of an item, shape (count, 2)."""
        vectors, place = self._place(row)
        return np.asarray(vectors.spans[vectors.starts[place] : vectors.starts[place + 1]])

    def passage_vectors(self, row: int) -> FloatArray:
        """Return the vectors of the passages of an item, shape (count, d)."""
        vectors, place = self._place(row)
        return np.asarray(vectors.passages[vectors.starts[place] : vectors.starts[place + 1]])

    def passages_of(self, row: int) -> slice:
        """Return the places of the passages of an item among the m passages."""
        vectors, place = self._place(row)
        offset = self._offsets[self._segment_of[row]]
        return slice(offset + int(vectors.starts[place]), offset + int(vectors.starts[place + 1]))

    def _place(self, row: int) -> tuple[Vectors, int]:
        return self._segments[self._segment_of[row]][0], int(self._place_of[row])
