"""Baselines for related lists: a naive script, TF-IDF, BM25, shared tags, newest first, chance."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import Float64Array
from recs.embedding.neighbors import top_k
from recs.embedding.pipeline import embed_items
from recs.items import Item
from recs.ranking.terms import count_words, weigh_terms
from recs.readers.dates import parse_date

DEPTH = 10
Ranked = dict[str, list[str]]
"""By the id of an item, the ids of the others, best first."""
Block = Callable[[int, int], npt.NDArray[Any]]
"""A function from `start, stop` to the scores of these rows for all n items, shape (stop - start, n)."""

_ROWS = 256  # ranked at a time
_K1 = 1.2  # both as in Robertson and Zaragoza, The probabilistic relevance framework, doi:10.1561/1500000019
_B = 0.75
_QUERY_TERMS = 40


def naive_ranking(items: Sequence[Item], **options: Any) -> Ranked:
    """Rank as a first script does: by cosines of texts that were cut at the context window."""
    plain = [replace(item, title="", text=f"{item.title}\n\n{item.text}".strip(), times=None) for item in items]
    embeddings = embed_items(plain, overflow="truncate", **options)
    neighbours = top_k(embeddings.vectors, DEPTH, similarity=embeddings.similarity).indices.tolist()
    return {
        item.id: [items[column].id for column in columns if column >= 0]
        for item, columns in zip(items, neighbours, strict=True)
    }


def ranked_by_score(items: Sequence[Item], block: Block) -> Ranked:
    """Rank all other items by scores that come in blocks of rows; ties by id. A score of -inf leaves an item out.

    Examples
    --------
    >>> items = [Item(id=name, text="-") for name in "abc"]
    >>> scores = np.array([[9.0, 1.0, 2.0], [5.0, 9.0, 5.0], [-np.inf, 1.0, 9.0]])
    >>> ranked_by_score(items, lambda start, stop: scores[start:stop])
    {'a': ['c', 'b'], 'b': ['a', 'c'], 'c': ['b']}
    """
    ranked: Ranked = {}
    for start in range(0, len(items), _ROWS):
        scores = np.array(block(start, min(start + _ROWS, len(items))), dtype=np.float64)
        own_columns = np.arange(start, start + len(scores))
        scores[np.arange(len(scores)), own_columns] = -np.inf
        best_columns = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH].tolist()
        for row, columns in enumerate(best_columns):
            item = items[start + row]
            ranked[item.id] = [items[column].id for column in columns if scores[row, column] > -np.inf]
    return ranked


def recency_scores(items: Sequence[Item]) -> npt.NDArray[np.float64]:
    """Return, for each item, the share of the items that are older; 0 for an item without a date."""
    dates = [moment.timestamp() if (moment := parse_date(item.published)) else -np.inf for item in items]
    return np.searchsorted(np.sort(dates), dates) / max(len(dates), 1)


def tag_scores(items: Sequence[Item]) -> Block:
    """Score by the number of shared tags, newer items first among equals; items without a shared tag get -inf."""
    from scipy import sparse

    tags_by_row = [(row, tag.casefold()) for row, item in enumerate(items) for tag in set(item.tags)]
    column_of: dict[str, int] = {}
    for _, tag in tags_by_row:
        column_of.setdefault(tag, len(column_of))
    rows = [row for row, _ in tags_by_row]
    columns = [column_of[tag] for _, tag in tags_by_row]
    matrix = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(items), len(column_of)))
    recency = recency_scores(items)

    def block(start: int, stop: int) -> npt.NDArray[Any]:
        shared = (matrix[start:stop] @ matrix.T).toarray()
        return np.where(shared > 0, shared + recency, -np.inf)

    return block


def random_scores(items: Sequence[Item]) -> Block:
    """Score by the digests of the two ids, mixed, so that the order of the items does not matter."""
    digests = [hashlib.blake2b(item.id.encode("utf-8", "surrogatepass"), digest_size=8).digest() for item in items]
    numbers = np.array([int.from_bytes(digest) for digest in digests], np.uint64)

    def block(start: int, stop: int) -> Float64Array:
        mixed = (numbers[start:stop, None] * np.uint64(3) + numbers) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        return np.asarray(mixed >> np.uint64(11), np.float64)

    return block


@dataclass(frozen=True, slots=True, eq=False)
class TermVectors:
    """Weights of n documents over v terms.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array of float64, shape (n, v)
        Rows of length 1, or zero if a document holds no term of the vocabulary. Columns are sorted within each row.
    terms
        The terms of the columns, sorted.
    """

    matrix: Any
    terms: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.matrix.shape[0])


def tfidf_matrix(texts: Iterable[str]) -> TermVectors:
    """Weigh the words of n texts: (1 + ln tf) x (1 + ln((1 + n) / (1 + df))), rows then scaled to length 1.

    The vocabulary has the terms that are in at least `MIN_DOCUMENTS` documents, in at most `MAX_SHARE` of them and in
    at most `MAX_DOCUMENTS`; if there are fewer than `SMALL_COLLECTION` documents, it has all terms. To count a title,
    put it before its text. The order of the texts changes the order of the rows and nothing else.

    Equal texts count once in n and df, so that many copies of one text do not make its words common. A term that only
    such copies hold still connects them. Time and memory are linear in the number of tokens.

    Examples
    --------
    >>> vectors = tfidf_matrix(["garden soil", "garden seeds"])
    >>> vectors.terms, vectors.matrix.toarray().round(2).tolist()
    (('garden', 'seeds', 'soil'), [[0.58, 0.0, 0.81], [0.58, 0.81, 0.0]])
    """
    counts, words = count_words(texts)
    matrix, columns = counts.select(counts.connecting())
    idf = 1 + np.log((1 + counts.distinct) / (1 + counts.documents[columns]))
    return TermVectors(weigh_terms(matrix, idf)[counts.rows], tuple(words[column] for column in columns))


def bm25_scores(texts: Sequence[str]) -> Callable[[int, int], npt.NDArray[np.float64]]:
    """Return a function that scores all n texts by BM25 for a range of them as queries, shape (rows, n).

    The query of a text is its forty terms with the largest weights.
    """
    counts, _ = count_words(texts)
    idf = np.log1p((counts.distinct - counts.documents + 0.5) / (counts.documents + 0.5))
    documents = counts.matrix.copy()
    lengths = np.asarray(documents.sum(axis=1)).ravel()
    norms = _K1 * (1 - _B + _B * lengths / (lengths.mean() or 1)) if len(lengths) else lengths
    documents.data *= (_K1 + 1) / (documents.data + np.repeat(norms, np.diff(documents.indptr)))
    documents.data *= idf[documents.indices]
    queries = _strongest_terms(documents)[counts.rows]
    documents_by_term = documents[counts.rows].T.tocsr()
    return lambda start, stop: np.asarray((queries[start:stop] @ documents_by_term).toarray())


def _strongest_terms(documents: Any) -> Any:
    """Return a matrix with 1 for the terms of each document with the largest weights, 0 for the others."""
    queries = documents.copy()
    for start, stop in pairwise(queries.indptr.tolist()):
        if stop - start > _QUERY_TERMS:
            weakest = np.argsort(-queries.data[start:stop], kind="stable")[_QUERY_TERMS:]
            queries.data[start + weakest] = 0
    queries.data = (queries.data > 0).astype(np.float64)
    return queries
