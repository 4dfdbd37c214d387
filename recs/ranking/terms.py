"""Terms of texts in any language and their weights as sparse rows: TF-IDF, BM25, and titles that texts mention.

There is no stop list and no stemmer. Words in a large part of the collection are left out. Words are cut to their first
letters, so that the forms of one word are equal; this works in every language alike. `recs.embedding.neighbors` and
`recs.ranking.fusion` compare the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.text.boilerplate import repeated_lines, without_lines
from recs.text.term_numbers import TermArray, TermNumbers
from recs.text.words import tokenize

_T = TypeVar("_T")

MIN_DOCUMENTS = 2  # a term in fewer documents connects nothing
# A term in a larger share of the documents, or in more of them, says nothing about one of them.
MAX_SHARE = 0.3
MAX_DOCUMENTS = 1000
SMALL_COLLECTION = 20  # with fewer documents every term is kept: the limits above would leave almost nothing
# A line of so many words in so many different texts comes from a template: no text is about its terms.
LINE_WORDS = 5
LINE_TEXTS = 3
_LEAST_SAID = 200  # terms of a transcript, however little was written


@dataclass(frozen=True, slots=True, eq=False)
class ItemTerms:
    """Terms of n items: how similar two items are, and which item mentions the title of which.

    All are scipy.sparse.csr_array of float64. The part of the title of j that is in the text of i is
    present[i] · titles[j].

    Attributes
    ----------
    weights : shape (n, v)
        TF-IDF of title and text, rows of length 1; the product of two rows is their similarity.
    present : shape (n, w)
        1 where an item has a term of some title.
    titles : shape (n, w)
        The share of each term in its title, by idf. A row sums to less than 1; the shorter the title the smaller the
        sum, since a single word says little.
    """

    weights: Any
    present: Any
    titles: Any


def item_terms(titles: Sequence[str], texts: Sequence[str], written: Sequence[int] | None = None) -> ItemTerms:
    """Weigh the terms of n items by (1 + ln tf) x ln((2 + n) / (1 + df)).

    Terms are words, cut to six letters, and pairs of neighbouring whole words. `TermCounts.connecting` says which of
    them count.

    Parameters
    ----------
    written
        Where a transcript begins in each text: its length if it has none. A transcript has as many terms as what comes
        before it, or 200 if that is more: those of the highest weight. A pair of words must be said twice in it.

    Examples
    --------
    >>> terms = item_terms(["Garlic", "Soil"], ["Plant it in good soil.", "Garlic likes it."])
    >>> (terms.weights @ terms.weights.T).toarray().round(2).tolist()
    [[1.0, 0.08], [0.08, 1.0]]
    """
    numbers = TermNumbers()
    rows, own, said = _term_lists(titles, texts, written or [len(text) for text in texts], numbers)
    counts = TermCounts(rows, [np.concatenate(both) for both in zip(own, said, strict=True)])
    weights, _ = connecting_weights(counts, own, said)
    shares = shares_of_titles(numbers.of(titles), counts)
    in_titles = np.bincount(shares.indices, minlength=len(counts.terms)) > 0
    present, columns = counts.select(in_titles & counts.shared)
    present.data[:] = 1
    return ItemTerms(weights[counts.rows], present[counts.rows], shares[:, columns])


def connecting_weights(counts: TermCounts, own: Sequence[TermArray], said: Sequence[TermArray]) -> tuple[Any, IntArray]:
    """Return the weights of the terms that connect texts, rows of length 1, and the places of these terms.

    `own` are the terms that were written in each text, `said` those of its transcript.
    """
    weights, chosen = counts.select(counts.connecting())
    idf = counts.idf[chosen]
    for row in (row for row, terms in enumerate(said) if len(terms)):
        _limit_said(weights, row, np.isin(counts.terms[chosen], own[row]), idf)
    weights.eliminate_zeros()
    return weigh_terms(weights, idf), chosen


def _term_lists(
    titles: Sequence[str], texts: Sequence[str], places: Sequence[int], numbers: TermNumbers
) -> tuple[IntArray, list[TermArray], list[TermArray]]:
    """Return the row of each item among distinct ones, and the terms of each row: those written, and those said."""
    parts = [text[:place] for text, place in zip(texts, places, strict=True)]
    transcripts = [text[place:] for text, place in zip(texts, places, strict=True)]
    parts, transcripts = _without_repeated_lines(parts, transcripts)
    whole_texts = [f"{title}\n{part}" for title, part in zip(titles, parts, strict=True)]
    rows, distinct = _distinct(zip(whole_texts, transcripts, strict=True))
    own = numbers.of([text for text, _ in distinct])
    return rows, own, numbers.of([transcript for _, transcript in distinct], least_pairs=2)


def _limit_said(counts: Any, row: int, is_own: BoolArray, idf: Float64Array) -> None:
    """Set to zero the counts of a row that are only said in its transcript, but for those of the highest weight.

    `is_own` says of each column whether its term is in what was written.
    """
    places = slice(counts.indptr[row], counts.indptr[row + 1])
    columns = counts.indices[places]
    only_said = np.flatnonzero(~is_own[columns])
    limit = max(len(columns) - len(only_said), _LEAST_SAID)
    said = columns[only_said]
    weights = (1 + np.log(counts.data[places][only_said])) * idf[said]
    order = np.lexsort((said, -weights.round(9)))  # ties by term
    counts.data[places.start + only_said[order[limit:]]] = 0


def shares_of_titles(titles: Sequence[TermArray], counts: TermCounts) -> Any:
    """Return the share of each telling term in its title, a csr_array of shape (n, terms)."""
    from scipy import sparse

    is_telling = counts.telling()
    idf = counts.idf
    columns_of_titles = []
    for title in titles:
        columns = np.searchsorted(counts.terms, np.unique(title))  # a title's terms are in the text of its item
        columns_of_titles.append(columns[is_telling[columns]])
    columns = np.concatenate([np.zeros(0, np.int64), *columns_of_titles])
    ends = np.cumsum([0, *map(len, columns_of_titles)])
    rows = np.repeat(np.arange(len(titles)), np.diff(ends))
    totals = np.bincount(rows, idf[columns], minlength=len(titles))
    more_than_totals = totals + np.log((1 + counts.distinct) / 2) + 1e-9
    shape = (len(titles), len(counts.terms))
    return sparse.csr_array((idf[columns] / more_than_totals[rows], columns, ends), shape=shape)


def _without_repeated_lines(*groups: Sequence[str]) -> list[list[str]]:
    """Return groups of texts without lines that several different texts have; a text of nothing else stays as it is."""
    repeated = repeated_lines({text for texts in groups for text in texts}, LINE_TEXTS)
    lines = {line for line in repeated if len(tokenize(line)) >= LINE_WORDS}
    return [[without_lines(text, lines)[0] for text in texts] for texts in groups]


def _distinct(texts: Iterable[_T]) -> tuple[IntArray, list[_T]]:
    """Return the row of each text among the distinct texts, and these."""
    row_of: dict[_T, int] = {}
    rows = [row_of.setdefault(text, len(row_of)) for text in texts]
    return np.array(rows, dtype=np.int64), list(row_of)


def count_words(texts: Iterable[str]) -> tuple[TermCounts, list[str]]:
    """Return how often each word is in each text, and the words of the columns, sorted.

    Examples
    --------
    >>> counts, words = count_words(["garden soil", "garden seeds"])
    >>> words, counts.matrix.toarray().tolist()
    (['garden', 'seeds', 'soil'], [[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    """
    rows, distinct = _distinct(texts)
    words_of_texts = [tokenize(text) for text in distinct]
    words = sorted({word for words_of_text in words_of_texts for word in words_of_text})
    place_of = {word: place for place, word in enumerate(words)}
    places = [np.array([place_of[word] for word in text], dtype=np.uint64) for text in words_of_texts]
    return TermCounts(rows, places), words


class TermCounts:
    """How often each of v terms is in each of n texts; equal texts share a row.

    Attributes
    ----------
    rows : int64 array of shape (n,)
        The row of each text.
    terms : uint64 array of shape (v,)
        The term of each column, sorted.
    distinct
        The number of rows.
    matrix : csr_array of float64, shape (distinct, v)
        How often each term is in each text.
    documents : int64 array of shape (v,)
        How many distinct texts have each term.
    shared : bool array of shape (v,)
        Whether two texts, equal or not, have the term.
    """

    def __init__(self, rows: IntArray, texts: Sequence[TermArray]) -> None:
        from scipy import sparse

        counted = [np.unique(text, return_counts=True) for text in texts]
        none = np.zeros(0, np.uint64)
        self.rows = rows
        self.distinct = len(texts)
        terms_of_texts = np.concatenate([none, *(terms for terms, _ in counted)])
        self.terms, columns = np.unique(terms_of_texts, return_inverse=True)
        ends = np.cumsum([0, *(len(terms) for terms, _ in counted)])
        data = np.concatenate([none, *(counts for _, counts in counted)]).astype(np.float64)
        shape = (self.distinct, len(self.terms))
        self.matrix = sparse.csr_array((data, columns.astype(np.int32), ends), shape=shape)
        copies = np.bincount(rows, minlength=self.distinct)
        self.documents = np.bincount(columns, minlength=shape[1])
        in_texts = np.bincount(columns, np.repeat(copies, np.diff(ends)), minlength=shape[1])
        self.shared = in_texts >= MIN_DOCUMENTS

    @property
    def idf(self) -> Float64Array:
        """The weights of the terms: the fewer texts have one, the larger; above 0 also for a term of all texts."""
        return np.asarray(np.log((2 + self.distinct) / (1 + self.documents)))

    def connecting(self) -> BoolArray:
        """Return which terms are in enough texts to connect some, and in few enough to tell them from the others."""
        return np.asarray(self.telling() & (self.shared | (self.distinct < SMALL_COLLECTION)))

    def telling(self) -> BoolArray:
        """Return which terms are in few enough texts to tell them from the others."""
        return is_telling(self.documents, self.distinct)

    def select(self, keep: BoolArray) -> tuple[Any, IntArray]:
        """Return the counts of some columns, and which columns they are."""
        columns = np.flatnonzero(keep)
        return self.matrix[:, columns], columns


def is_telling(documents: IntArray, distinct: int) -> BoolArray:
    """Return which terms are in few enough of the different texts to tell them apart."""
    if distinct < SMALL_COLLECTION:
        return documents > 0
    return np.asarray(documents <= min(MAX_SHARE * distinct, MAX_DOCUMENTS))


def weigh_terms(counts: Any, idf: Float64Array) -> Any:
    """Turn counts into (1 + ln tf) x idf in place, rows scaled to length 1."""
    counts.data = (1 + np.log(counts.data)) * idf[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    norms = np.sqrt(np.bincount(rows, counts.data**2, minlength=counts.shape[0]))
    counts.data /= np.where(norms > 0, norms, 1)[rows]
    return counts
