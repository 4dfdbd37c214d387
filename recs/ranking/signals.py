"""The signals to fuse: likeness of vectors, of passages, of terms, and titles that a text mentions."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray, Similarity, unit_rows
from recs.embedding.vectors import Embeddings
from recs.items import Item
from recs.ranking.fusion import Signal
from recs.ranking.terms import item_terms

TERM_SIGNALS = ("terms", "mentions")  # these need no model
SIGNALS = (*TERM_SIGNALS, "dense", "passages")

# The mean of a small corpus is mostly its own few items: it is taken out by n / (n + this) only, so that two items that
# are all there is do not come out as opposites. At 500 items it is out by 98 %.
_MEAN_PRIOR = 10
_BLOCK_PAIRS = 1 << 22


def make_signals(items: Sequence[Item], embeddings: Embeddings | None, names: Sequence[str]) -> list[Signal]:
    """Return the named signals of n items, in the order of `SIGNALS`.

    `embeddings` are of the same items in the same order; without them only what needs no model can be asked for, and
    without chunk vectors no passages. Of an item that the model knows no token of, signals of vectors say NaN.
    """
    made: list[Signal] = []
    if "terms" in names or "mentions" in names:
        terms = item_terms([item.title for item in items], [item.text for item in items])
        if "terms" in names:
            made.append(_Products("terms", 2.0, terms.weights, terms.weights))
        if "mentions" in names and terms.titles.nnz:
            made.append(_Products("mentions", 1.0, terms.present, terms.titles))
    if embeddings is not None and "dense" in names:
        made.append(_Dense(embeddings.vectors, embeddings.similarity, embeddings.blank))
    if embeddings is not None and "passages" in names and len(embeddings.chunk_vectors) > len(items):
        passages = (embeddings.chunk_vectors, embeddings.chunk_rows, embeddings.similarity, embeddings.blank)
        made.append(Passages(*passages))
    return made


def centre(vectors: FloatArray, blank: BoolArray | None = None) -> Float64Array:
    """Return unit rows after the mean row was taken out, shrunk for small n. `vectors` has shape (n, d).

    Rows that are `blank`, of shape (n,), have no part in the mean and come out as zeros.
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


def blank_note(embeddings: Embeddings) -> str | None:
    """Say of which items the model knows no token: such vectors rank nothing; None where there are none."""
    blank = [name for name, is_blank in zip(embeddings.ids, embeddings.blank.tolist(), strict=True) if is_blank]
    if not blank:
        return None
    named = ", ".join(repr(name) for name in blank[:3]) + (", …" if len(blank) > 3 else "")
    if len(blank) == 1:
        return f"the model knows no token of 1 item ({named}): its vector says nothing of it and ranks nothing."
    items = f"{len(blank):,} items ({named})"
    return f"the model knows no token of {items}: their vectors say nothing of them and rank nothing."


class _Products:
    """Products of sparse rows: `left` of the first item of a pair with `right` of the second."""

    proposes = True

    def __init__(self, name: str, weight: float, left: Any, right: Any) -> None:
        self.name, self.weight, self.symmetric = name, weight, left is right
        self._left, self._right = left, right
        self._columns = right.T.tocsr()

    def block(self, rows: IntArray, columns: IntArray | None) -> Float64Array:
        right = self._columns if columns is None else self._right[columns].T.tocsr()
        return np.asarray((self._left[rows] @ right).toarray())


class _Dense:
    """The model's own similarity of the items' vectors; for cosine after the mean of the collection was taken out."""

    name, weight, proposes, symmetric = "dense", 1.0, True, True

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
    """The similarity of the two chunks, one of each item, that are most alike."""

    name, weight, proposes, symmetric = "passages", 1.0, False, True

    def __init__(
        self, vectors: FloatArray, rows: IntArray, similarity: Similarity, blank: BoolArray | None = None
    ) -> None:
        self._chunks = _Dense(vectors, similarity, None if blank is None else blank[rows])
        self._counts = np.bincount(rows)
        self._starts = np.cumsum(self._counts) - self._counts

    def block(self, rows: IntArray, columns: IntArray | None) -> Float64Array:
        columns = np.arange(len(self._counts)) if columns is None else columns
        ours, our_starts = self._of(rows)
        theirs, their_starts = self._of(columns)
        best = np.empty((len(rows), len(columns)))
        step = max(1, _BLOCK_PAIRS // max(len(theirs), 1))  # chunks at a time, whole items
        start = 0
        while start < len(rows):
            stop = max(int(np.searchsorted(our_starts, our_starts[start] + step)), start + 1)
            end = our_starts[stop] if stop < len(rows) else len(ours)
            pairs = self._chunks.block(ours[our_starts[start] : end], theirs)
            pairs = np.maximum.reduceat(pairs, their_starts, axis=1)
            best[start:stop] = np.maximum.reduceat(pairs, our_starts[start:stop] - our_starts[start], axis=0)
            start = stop
        return best

    def best_pair(self, row: int, column: int) -> tuple[int, int]:
        """Return the two chunks, one of each item, that are most alike."""
        (ours, _), (theirs, _) = self._of(np.array([row])), self._of(np.array([column]))
        best = int(np.argmax(np.round(self._chunks.block(ours, theirs), 6)))
        return int(ours[best // len(theirs)]), int(theirs[best % len(theirs)])

    def _of(self, items: IntArray) -> tuple[IntArray, IntArray]:
        """Return the chunks of some items, one after the other, and where each item's begin among them."""
        counts = self._counts[items]
        starts = np.cumsum(counts) - counts
        chunks = np.arange(counts.sum()) - np.repeat(starts, counts) + np.repeat(self._starts[items], counts)
        return chunks, starts


def _without(similarities: Float64Array, blank_rows: BoolArray, blank_columns: BoolArray) -> Float64Array:
    """Return similarities with NaN for every pair of which one is blank: its vector says nothing."""
    if blank_rows.any() or blank_columns.any():
        similarities[blank_rows] = np.nan
        similarities[:, blank_columns] = np.nan
    return similarities
