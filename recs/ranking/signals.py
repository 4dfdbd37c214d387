"""The signals to fuse: how similar two items are by their vectors, passages and terms, and titles that a text mentions.

    terms       words and pairs of words that both items have (TF-IDF)              needs no model
    mentions    the title of one item is in the text of the other                   needs no model
    dense       the vectors of the two items
    passages    the most similar pair of chunks, one of each item

`make_signals` makes those that are asked for.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.embedding.counts import TokenCounts
from recs.embedding.vectors import Embeddings
from recs.items import Item
from recs.ranking.proposals import Proposals, SparseProposals
from recs.ranking.terms import item_terms
from recs.ranking.vector_signals import Dense, Passages, groups_of_chunks
from recs.text.counts import counted

TERM_SIGNALS = ("terms", "mentions")  # these need no model
SIGNALS = (*TERM_SIGNALS, "dense", "passages")

_NAMED = 3  # items in a note
_PARTS = 8  # of all pairs of a small collection


class Signal(Protocol):
    """A similarity between the n items of a collection.

    `block` is for all pairs of a small collection and for samples; `proposals` finds candidates in a large one.
    """

    name: str
    weight: float  # in the sum of the standardised signals
    symmetric: bool  # whether the order of a pair makes no difference

    def block(self, rows: IntArray, columns: IntArray | None) -> npt.NDArray[Any]:
        """Return the similarities of some rows with some columns, or with all; NaN for pairs it knows nothing about."""

    def proposals(self, rows: IntArray) -> Proposals:
        """Return what the signal says about some rows and all columns."""


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
            signals.append(Products("terms", 2.0, terms.weights, terms.weights))
        if "mentions" in names and terms.titles.nnz:
            signals.append(Products("mentions", 1.0, terms.present, terms.titles))
    if embeddings is None:
        return signals
    if "dense" in names:
        is_one_of_several = len(names) > 1
        vectors = (embeddings.vectors, embeddings.similarity, embeddings.blank)
        signals.append(Dense(*vectors, coarse=is_one_of_several))
    if "passages" in names and len(embeddings.chunk_vectors) > len(items):
        chunks = (embeddings.chunk_vectors, embeddings.chunk_rows)
        groups = groups_of_chunks([item.written for item in items], embeddings)
        signals.append(Passages(*chunks, embeddings.similarity, embeddings.blank, groups=groups))
    return signals


def blank_note(embeddings: Embeddings | TokenCounts) -> str | None:
    """Return a message that names items whose vectors mean nothing; None if there are none."""
    blank_ids = _ids_where(embeddings, embeddings.blank & ~embeddings.missing)
    if not blank_ids:
        return None
    if len(blank_ids) == 1:
        says_nothing = "its vector says nothing about it and ranks nothing"
        return f"the model knows no token of 1 item ({_named(blank_ids)}): {says_nothing}."
    items = f"{len(blank_ids):,} items ({_named(blank_ids)})"
    return f"the model knows no token of {items}: their vectors say nothing about them and rank nothing."


def missing_note(embeddings: Embeddings | TokenCounts, what_happens: str = "ranked by terms alone") -> str | None:
    """Return a message that names items that have no vector in the cache, and what happens to them; None without."""
    missing_ids = _ids_where(embeddings, embeddings.missing)
    if not missing_ids:
        return None
    have = ("item has no vector in the cache and is", "items have no vector in the cache and are")
    return f"{counted(len(missing_ids), *have)} {what_happens}: {_named(missing_ids)}."


def _ids_where(embeddings: Embeddings | TokenCounts, chosen: BoolArray) -> list[str]:
    return [name for name, is_chosen in zip(embeddings.ids, chosen.tolist(), strict=True) if is_chosen]


def _named(ids: Sequence[str]) -> str:
    return ", ".join(map(repr, ids[:_NAMED])) + (", …" if len(ids) > _NAMED else "")


class Products:
    """Products of sparse rows: the row in `left` of the first item of a pair, and in `right` of the second.

    `turned` are the columns of `right` as rows, if they are known.
    """

    def __init__(self, name: str, weight: float, left: Any, right: Any, turned: Any = None) -> None:
        self.name = name
        self.weight = weight
        self.symmetric = left is right
        self._left = left
        self._right = right
        self._columns = right.T.tocsr() if turned is None else turned

    def block(self, rows: IntArray, columns: IntArray | None) -> Float64Array:
        if columns is None and self.symmetric and len(rows) == len(self._right.indptr) - 1:
            return self._all_pairs(len(rows))
        right = self._columns if columns is None else self._right[columns].T.tocsr()
        return np.asarray((self._left[rows] @ right).toarray())

    def _all_pairs(self, n: int) -> Float64Array:
        """Return the products of all pairs: half of them are computed."""
        products = np.empty((n, n))
        step = max(1, -(-n // _PARTS))
        for start in range(0, n, step):
            part = slice(start, min(start + step, n))
            products[part, start:] = (self._left[part] @ self._right[start:].T.tocsr()).toarray()
            products[start:, part] = products[part, start:].T
        return products

    def proposals(self, rows: IntArray) -> SparseProposals:
        return SparseProposals(self._left[rows] @ self._columns, rows)
