"""The signals to fuse: how similar two items are by their vectors, passages and terms, and titles that a text mentions.

    terms       words and pairs of words that both items have (TF-IDF)              needs no model
    mentions    the title of one item is in the text of the other                   needs no model
    dense       the vectors of the two items
    passages    the most similar pair of chunks, one of each item

`make_signals` makes those that are asked for.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, Similarity, unit_rows
from recs.embedding.vectors import Embeddings
from recs.items import Item
from recs.ranking.terms import item_terms
from recs.text.counts import counted

TERM_SIGNALS = ("terms", "mentions")  # these need no model
SIGNALS = (*TERM_SIGNALS, "dense", "passages")

# In a small collection the mean is mostly made of its own few items. So only n / (n + this) of it is subtracted: then
# the items of a collection of two do not become opposites. With 500 items 98 % is subtracted.
_MEAN_PRIOR = 10
_BLOCK_PAIRS = 1 << 22
_MOST_SAID = 16  # groups of chunks of one transcript
_NAMED = 3  # items in a note


class Signal(Protocol):
    """A similarity between the n items of a collection.

    In a large collection, a signal that does not propose candidates is computed for candidates only.
    """

    name: str
    weight: float  # in the sum of the standardised signals
    proposes: bool  # whether it takes part in finding candidates
    symmetric: bool  # whether the order of a pair makes no difference

    def block(self, rows: IntArray, columns: IntArray | None) -> Float64Array:
        """Return the similarities of some rows with some columns, or with all; NaN for pairs it knows nothing about."""


def make_signals(items: Sequence[Item], embeddings: Embeddings | None, names: Sequence[str]) -> list[Signal]:
    """Return the named signals of n items, in the order of `SIGNALS`.

    A signal is left out if there is nothing to compute it from: "dense" and "passages" without embeddings, "passages"
    without chunk vectors, "mentions" if no title has a telling term. Signals of vectors are NaN for an item of which
    the model knows no token.

    Parameters
    ----------
    embeddings
        Of the same items, in the same order.
    """
    signals: list[Signal] = []
    if "terms" in names or "mentions" in names:
        texts = [item.text for item in items]
        terms = item_terms([item.title for item in items], texts, [item.written for item in items])
        if "terms" in names:
            signals.append(_Products("terms", 2.0, terms.weights, terms.weights))
        if "mentions" in names and terms.titles.nnz:
            signals.append(_Products("mentions", 1.0, terms.present, terms.titles))
    if embeddings is None:
        return signals
    if "dense" in names:
        signals.append(_Dense(embeddings.vectors, embeddings.similarity, embeddings.blank))
    if "passages" in names and len(embeddings.chunk_vectors) > len(items):
        chunks = (embeddings.chunk_vectors, embeddings.chunk_rows)
        groups = _groups(items, embeddings)
        signals.append(Passages(*chunks, embeddings.similarity, embeddings.blank, groups=groups))
    return signals


def centre(vectors: FloatArray, blank: BoolArray | None = None) -> Float64Array:
    """Return unit rows from which the mean row was subtracted; for small n only a part of it.

    Parameters
    ----------
    vectors : float32 array of shape (n, d)
    blank : bool array of shape (n,), optional
        These rows do not count in the mean, and become zeros.

    Examples
    --------
    >>> centre(np.array([[1, 0], [0, 1]], np.float32)).round(3).tolist()
    [[0.996, -0.091], [-0.091, 0.996]]
    """
    exact: Float64Array = unit_rows(vectors.astype(np.float64))
    if blank is not None and blank.any():
        centred = np.zeros_like(exact)
        centred[~blank] = centre(vectors[~blank])
        return centred
    n = len(exact)
    if n:
        exact -= exact.mean(axis=0) * (n / (n + _MEAN_PRIOR))
    return np.asarray(unit_rows(exact))


def _groups(items: Sequence[Item], embeddings: Embeddings) -> IntArray | None:
    """Return the group of each chunk, from 0, in the order of the chunks; None if each is a group of its own.

    The chunks of a long transcript are joined to 16 groups of neighbours, since all pairs of the chunks of hour-long
    talks would take minutes.
    """
    rows = embeddings.chunk_rows
    if not len(embeddings.chunk_spans) or all(item.times is None for item in items):
        return None
    written = np.array([item.written for item in items])
    is_said = embeddings.chunk_spans[:, 0] >= np.maximum(written[rows], 1)
    said = np.bincount(rows[is_said], minlength=len(items))
    places = np.arange(len(rows)) - np.repeat(np.searchsorted(rows, np.arange(len(items))), np.bincount(rows))
    places -= (np.bincount(rows, minlength=len(items)) - said)[rows]  # from 0 at the first chunk of the transcript
    parts = np.minimum(said, _MOST_SAID)[rows]
    parts = np.where(is_said, places * parts // np.maximum(said[rows], 1), places)
    starts = np.flatnonzero((np.diff(rows, prepend=-1) != 0) | (np.diff(parts, prepend=-1) != 0) | ~is_said)
    return np.repeat(np.arange(len(starts)), np.diff(starts, append=len(rows)))


def blank_note(embeddings: Embeddings) -> str | None:
    """Return a message that names items whose vectors mean nothing; None if there are none."""
    blank_ids = _ids_where(embeddings, embeddings.blank & ~embeddings.missing)
    if not blank_ids:
        return None
    if len(blank_ids) == 1:
        says_nothing = "its vector says nothing about it and ranks nothing"
        return f"the model knows no token of 1 item ({_named(blank_ids)}): {says_nothing}."
    items = f"{len(blank_ids):,} items ({_named(blank_ids)})"
    return f"the model knows no token of {items}: their vectors say nothing about them and rank nothing."


def missing_note(embeddings: Embeddings, what_happens: str = "ranked by terms alone") -> str | None:
    """Return a message that names items that have no vector in the cache, and what happens to them; None without."""
    missing_ids = _ids_where(embeddings, embeddings.missing)
    if not missing_ids:
        return None
    have = ("item has no vector in the cache and is", "items have no vector in the cache and are")
    return f"{counted(len(missing_ids), *have)} {what_happens}: {_named(missing_ids)}."


def _ids_where(embeddings: Embeddings, chosen: BoolArray) -> list[str]:
    return [name for name, is_chosen in zip(embeddings.ids, chosen.tolist(), strict=True) if is_chosen]


def _named(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:_NAMED])) + (", …" if len(ids) > _NAMED else "")


class _Products:
    """Products of sparse rows: the row in `left` of the first item of a pair, and in `right` of the second."""

    proposes = True

    def __init__(self, name: str, weight: float, left: Any, right: Any) -> None:
        self.name = name
        self.weight = weight
        self.symmetric = left is right
        self._left = left
        self._right = right
        self._columns = right.T.tocsr()

    def block(self, rows: IntArray, columns: IntArray | None) -> Float64Array:
        right = self._columns if columns is None else self._right[columns].T.tocsr()
        return np.asarray((self._left[rows] @ right).toarray())


class _Dense:
    """The model's own similarity of the items' vectors; for cosine the mean of the collection is subtracted first."""

    name = "dense"
    weight = 1.0
    proposes = True
    symmetric = True

    def __init__(self, vectors: FloatArray, similarity: Similarity, blank: BoolArray | None = None) -> None:
        self._vectors = centre(vectors, blank) if similarity == "cosine" else vectors.astype(np.float64)
        self._squares = np.einsum("ij,ij->i", self._vectors, self._vectors) if similarity == "euclidean" else None
        self._blank = np.zeros(len(vectors), dtype=bool) if blank is None else blank

    def block(self, rows: IntArray, columns: IntArray | None) -> Float64Array:
        others = slice(None) if columns is None else columns
        products = self._vectors[rows] @ self._vectors[others].T
        if self._squares is not None:
            products = -np.sqrt(np.maximum(self._squares[rows, None] + self._squares[others] - 2 * products, 0))
        return _without(np.asarray(products), self._blank[rows], self._blank[others])


class Passages:
    """The similarity of the two chunks, one of each item, that are most similar.

    Parameters
    ----------
    vectors : float32 array of shape (m, d)
        The vectors of all chunks, one item after the other.
    rows : int64 array of shape (m,)
        The item of each chunk, ascending; every item has one.
    blank : bool array of shape (n,), optional
        Items whose vectors say nothing.
    groups : int64 array of shape (m,), optional
        Neighbouring chunks with one number, from 0 and ascending, count as one chunk with their mean as its vector.
        `best_pair` still finds single chunks.
    """

    name = "passages"
    weight = 1.0
    proposes = False
    symmetric = True

    def __init__(
        self,
        vectors: FloatArray,
        rows: IntArray,
        similarity: Similarity,
        blank: BoolArray | None = None,
        *,
        groups: IntArray | None = None,
    ) -> None:
        self._ungrouped = None if groups is None else (vectors, rows, similarity, blank)
        if groups is not None:
            first = np.searchsorted(groups, np.arange(groups[-1] + 1))
            sizes = np.diff(first, append=len(groups))
            vectors = (np.add.reduceat(vectors, first, axis=0) / sizes[:, None]).astype(np.float32)
            rows = rows[first]
        self._chunks = _Dense(vectors, similarity, None if blank is None else blank[rows])
        self._counts = np.bincount(rows)
        self._starts = np.cumsum(self._counts) - self._counts

    def block(self, rows: IntArray, columns: IntArray | None) -> Float64Array:
        columns = np.arange(len(self._counts)) if columns is None else columns
        ours, our_starts = self._chunks_of(rows)
        theirs, their_starts = self._chunks_of(columns)
        best = np.empty((len(rows), len(columns)))
        chunks_at_a_time = max(1, _BLOCK_PAIRS // max(len(theirs), 1))
        start = 0
        while start < len(rows):  # whole items at a time, at least one
            stop = max(int(np.searchsorted(our_starts, our_starts[start] + chunks_at_a_time)), start + 1)
            end = our_starts[stop] if stop < len(rows) else len(ours)
            pairs = self._chunks.block(ours[our_starts[start] : end], theirs)
            pairs = np.maximum.reduceat(pairs, their_starts, axis=1)
            best[start:stop] = np.maximum.reduceat(pairs, our_starts[start:stop] - our_starts[start], axis=0)
            start = stop
        return best

    def best_pair(self, row: int, column: int) -> tuple[int, int]:
        """Return the two chunks, one of each item, that are most similar."""
        if self._single is not None:
            return self._single.best_pair(row, column)
        ours, _ = self._chunks_of(np.array([row]))
        theirs, _ = self._chunks_of(np.array([column]))
        best = int(np.argmax(np.round(self._chunks.block(ours, theirs), 6)))
        return int(ours[best // len(theirs)]), int(theirs[best % len(theirs)])

    @cached_property
    def _single(self) -> "Passages | None":
        """The signal of single chunks, if this one is of groups."""
        return Passages(*self._ungrouped) if self._ungrouped else None

    def _chunks_of(self, items: IntArray) -> tuple[IntArray, IntArray]:
        """Return the chunks of some items, one item after the other, and the place of each item's first chunk."""
        counts = self._counts[items]
        starts = np.cumsum(counts) - counts
        chunks = np.arange(counts.sum()) - np.repeat(starts, counts) + np.repeat(self._starts[items], counts)
        return chunks, starts


def _without(similarities: Float64Array, blank_rows: BoolArray, blank_columns: BoolArray) -> Float64Array:
    """Return similarities with NaN for every pair with a blank item: its vector says nothing."""
    if blank_rows.any() or blank_columns.any():
        similarities[blank_rows] = np.nan
        similarities[:, blank_columns] = np.nan
    return similarities
