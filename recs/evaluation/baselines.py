"""Rankings to compare with: TF-IDF, BM25, shared tags, newest first, chance."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.embedding.neighbors import top_k
from recs.embedding.pipeline import embed_items
from recs.items import Item
from recs.ranking.terms import TermCounts, weigh_terms
from recs.readers.dates import parse_date
from recs.text.words import tokenize

DEPTH = 10
Ranked = dict[str, list[str]]


def naive_scores(items: Sequence[Item], **options: Any) -> Ranked:
    """Rank as a first script does: cosines of texts that were cut at the context window."""
    plain = [replace(item, title="", text=f"{item.title}\n\n{item.text}".strip()) for item in items]
    embeddings = embed_items(plain, overflow="truncate", **options)
    columns = top_k(embeddings.vectors, DEPTH, similarity=embeddings.similarity).indices.tolist()
    return {item.id: [items[i].id for i in row if i >= 0] for item, row in zip(items, columns, strict=True)}


Block = Callable[[int, int], npt.NDArray[Any]]


def ranked_by_score(items: Sequence[Item], block: Block) -> Ranked:
    """Rank all other items by scores that come in blocks of rows; ties by id, and what scores -inf is left out."""
    ranked: Ranked = {}
    for start in range(0, len(items), 256):
        scores = np.array(block(start, min(start + 256, len(items))), dtype=np.float64)
        scores[np.arange(len(scores)), np.arange(start, start + len(scores))] = -np.inf
        for row, order in enumerate(np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH].tolist(), start):
            ranked[items[row].id] = [items[column].id for column in order if scores[row - start, column] > -np.inf]
    return ranked


def recency_scores(items: Sequence[Item]) -> npt.NDArray[np.float64]:
    """Return for each item the share of items that are older; 0 where no date is known."""
    dates = [moment.timestamp() if (moment := parse_date(item.published)) else -np.inf for item in items]
    return np.searchsorted(np.sort(dates), dates) / max(len(dates), 1)


def tag_scores(items: Sequence[Item]) -> Block:
    """Score by the number of shared tags, the newer first among equals; what shares none is not related."""
    from scipy import sparse

    column: dict[str, int] = {}
    tags = [(row, tag.casefold()) for row, item in enumerate(items) for tag in set(item.tags)]
    pairs = [(row, column.setdefault(tag, len(column))) for row, tag in tags]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    matrix = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(items), len(column)))
    recency = recency_scores(items)

    def block(start: int, stop: int) -> npt.NDArray[Any]:
        shared = (matrix[start:stop] @ matrix.T).toarray()
        return np.where(shared > 0, shared + recency, -np.inf)

    return block


def random_scores(items: Sequence[Item]) -> Block:
    """Score by a digest of the two ids: the same for the same items, whatever their order."""

    def score(*pair: Item) -> int:
        return int.from_bytes(hashlib.blake2b("\n".join(item.id for item in pair).encode(), digest_size=6).digest())

    return lambda start, stop: np.array([[score(a, b) for b in items] for a in items[start:stop]], dtype=np.float64)


_K1, _B = 1.2, 0.75  # Robertson and Zaragoza, The probabilistic relevance framework, doi:10.1561/1500000019
_QUERY_TERMS = 40


@dataclass(frozen=True, slots=True, eq=False)
class TermVectors:
    """Weights of n documents over v terms.

    matrix is a scipy.sparse.csr_array of float64, shape (n, v): rows of length 1, or zero where a document holds no
    term of the vocabulary, columns sorted within each row. terms are those of the columns, sorted.
    """

    matrix: Any
    terms: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.matrix.shape[0])


def tfidf_matrix(texts: Iterable[str]) -> TermVectors:
    """Weigh the words of n texts: (1 + ln tf) x (1 + ln((1 + n) / (1 + df))), rows then scaled to length 1.

    Of the terms that stand in at least `MIN_DOCUMENTS` documents, in at most `MAX_SHARE` of them and in at most
    `MAX_DOCUMENTS`; of all terms where there are fewer than `SMALL_COLLECTION` documents. Put a title before its text
    to have it counted. The order of the texts changes the order of the rows and nothing else.

    Equal texts count once in n and df, so that many copies of one text do not make its words common; a term that only
    they hold connects them all the same. Time and memory are linear in the number of tokens.
    """
    counts = TermCounts(texts, tokenize)
    matrix, columns = counts.select(counts.connecting())
    idf = 1 + np.log((1 + counts.distinct) / (1 + counts.documents[columns]))
    return TermVectors(weigh_terms(matrix, idf)[counts.rows], tuple(counts.terms[c] for c in columns))


def bm25_scores(texts: Sequence[str]) -> Callable[[int, int], npt.NDArray[np.float64]]:
    """Return what scores all n texts for a range of them as queries, shape (rows, n), by BM25.

    A query is made of the forty terms of a text that weigh most in it.
    """
    counts = TermCounts(texts, tokenize)
    idf = np.log1p((counts.distinct - counts.documents + 0.5) / (counts.documents + 0.5))
    documents = counts.matrix.copy()
    lengths = np.asarray(documents.sum(axis=1)).ravel()
    norms = _K1 * (1 - _B + _B * lengths / (lengths.mean() or 1)) if len(lengths) else lengths
    documents.data *= (_K1 + 1) / (documents.data + np.repeat(norms, np.diff(documents.indptr)))
    documents.data *= idf[documents.indices]
    queries = documents.copy()
    for start, stop in pairwise(queries.indptr.tolist()):
        if stop - start > _QUERY_TERMS:
            queries.data[start + np.argsort(-queries.data[start:stop], kind="stable")[_QUERY_TERMS:]] = 0
    queries.data = (queries.data > 0).astype(np.float64)
    queries, documents = queries[counts.rows], documents[counts.rows].T.tocsr()
    return lambda start, stop: np.asarray((queries[start:stop] @ documents).toarray())
