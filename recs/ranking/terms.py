"""Terms of texts in any language and their weights as sparse rows: TF-IDF, BM25, and titles that texts mention.

There is no stop list and no stemmer. Words in a large part of the collection are left out. Words are cut to their first
letters, so that the forms of one word are equal; this works in every language alike. `recs.embedding.neighbors` and
`recs.ranking.fusion` compare the rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.text.words import STEM, tokenize

MIN_DOCUMENTS = 2  # a term in fewer documents connects nothing
# A term in a larger share of the documents, or in more of them, says nothing about one of them.
MAX_SHARE = 0.3
MAX_DOCUMENTS = 1000
SMALL_COLLECTION = 20  # with fewer documents every term is kept: the limits above would leave almost nothing
# A line of so many words in so many different texts comes from a template: no text is about its terms.
_LINE_WORDS = 5
_LINE_TEXTS = 3


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


def item_terms(titles: Sequence[str], texts: Sequence[str]) -> ItemTerms:
    """Weigh the terms of n items by (1 + ln tf) x ln((2 + n) / (1 + df)).

    Terms are words, cut to six letters, and pairs of neighbouring whole words. `TermCounts.connecting` says which of
    them count.

    Examples
    --------
    >>> terms = item_terms(["Garlic", "Soil"], ["Plant it in good soil.", "Garlic likes it."])
    >>> (terms.weights @ terms.weights.T).toarray().round(2).tolist()
    [[1.0, 0.08], [0.08, 1.0]]
    """
    texts = _without_repeated_lines(texts)
    counts = TermCounts([f"{title}\n{text}" for title, text in zip(titles, texts, strict=True)], _stems_and_pairs)
    weights, chosen = counts.select(counts.connecting())
    weigh_terms(weights, counts.idf[chosen])
    shares = _shares_of_titles(titles, counts)
    in_titles = np.bincount(shares.indices, minlength=len(counts.terms)) > 0
    present, columns = counts.select(in_titles & counts.shared)
    present.data[:] = 1
    return ItemTerms(weights[counts.rows], present[counts.rows], shares[:, columns])


def _shares_of_titles(titles: Sequence[str], counts: TermCounts) -> Any:
    """Return the share of each telling term in its title, a csr_array of shape (n, terms)."""
    from scipy import sparse

    is_telling = counts.telling()
    column_of_term = {term: column for column, term in enumerate(counts.terms) if is_telling[column]}
    rows: list[int] = []
    columns: list[int] = []
    for row, title in enumerate(titles):
        terms = sorted(set(_stems_and_pairs(title)))
        columns_of_title = [column_of_term[term] for term in terms if term in column_of_term]
        rows += [row] * len(columns_of_title)
        columns += columns_of_title
    n = len(counts.rows)
    shares = sparse.csr_array((counts.idf[columns], (rows, columns)), shape=(n, len(counts.terms)))
    totals = np.bincount(np.array(rows, np.int64), counts.idf[columns], minlength=n)
    more_than_totals = totals + np.log((1 + counts.distinct) / 2) + 1e-9
    shares.data /= np.repeat(more_than_totals, np.diff(shares.indptr))
    return shares


def _without_repeated_lines(texts: Sequence[str]) -> list[str]:
    """Return the texts without lines that several different texts have; a text of nothing else stays as it is."""
    lines_of_text = {text: [" ".join(line.split()) for line in text.split("\n")] for text in texts}
    texts_with_line = Counter(line for lines in lines_of_text.values() for line in set(lines))
    repeated = {line for line, n in texts_with_line.items() if n >= _LINE_TEXTS and len(tokenize(line)) >= _LINE_WORDS}
    shortened = {
        text: "\n".join(line for line in lines if line not in repeated) for text, lines in lines_of_text.items()
    }
    return [shortened[text] if shortened[text].strip() else text for text in texts]


class TermCounts:
    """How often each of v terms is in each of n texts; equal texts share a row.

    Attributes
    ----------
    rows : int64 array of shape (n,)
        The row of each text.
    terms
        The term of each column.
    distinct
        The number of rows.
    matrix : csr_array of float64, shape (distinct, v)
        How often each term is in each text.
    documents : int64 array of shape (v,)
        How many distinct texts have each term.
    shared : bool array of shape (v,)
        Whether two texts, equal or not, have the term.
    idf : float64 array of shape (v,)
    """

    def __init__(self, texts: Iterable[str], analyze: Callable[[str], list[str]]) -> None:
        from scipy import sparse

        row_of: dict[str, int] = {}
        self.rows = np.array([row_of.setdefault(text, len(row_of)) for text in texts], dtype=np.int64)
        column_of: defaultdict[str, int] = defaultdict()
        column_of.default_factory = column_of.__len__  # a new term gets the next column
        columns: list[int] = []
        frequencies: list[int] = []
        ends = [0]
        for text in row_of:
            counts = Counter(analyze(text))
            columns.extend(map(column_of.__getitem__, counts))
            frequencies += counts.values()
            ends.append(len(columns))
        self.terms = list(column_of)
        self.distinct = len(row_of)
        shape = (self.distinct, len(self.terms))
        data = np.array(frequencies, dtype=np.float64)
        self.matrix = sparse.csr_array((data, np.array(columns, dtype=np.int32), np.array(ends)), shape=shape)
        copies = np.bincount(self.rows, minlength=self.distinct)
        self.documents = np.bincount(self.matrix.indices, minlength=shape[1])
        in_texts = np.bincount(self.matrix.indices, np.repeat(copies, np.diff(ends)), minlength=shape[1])
        self.shared = in_texts >= MIN_DOCUMENTS
        self.idf = np.log((2 + self.distinct) / (1 + self.documents))  # above 0 also for a term of all texts

    def connecting(self) -> npt.NDArray[np.bool_]:
        """Return which terms are in enough texts to connect some, and in few enough to tell them from the others."""
        return np.asarray(self.telling() & (self.shared | (self.distinct < SMALL_COLLECTION)))

    def telling(self) -> npt.NDArray[np.bool_]:
        """Return which terms are in few enough texts to tell them from the others."""
        if self.distinct < SMALL_COLLECTION:
            return self.documents > 0
        return np.asarray(self.documents <= min(MAX_SHARE * self.distinct, MAX_DOCUMENTS))

    def select(self, keep: npt.NDArray[np.bool_]) -> tuple[Any, list[int]]:
        """Return the counts of some columns, sorted by term, and which columns they are."""
        columns = sorted(np.flatnonzero(keep).tolist(), key=self.terms.__getitem__)
        matrix = self.matrix[:, columns]
        matrix.sort_indices()
        return matrix, columns


def weigh_terms(counts: Any, idf: npt.NDArray[np.float64]) -> Any:
    """Turn counts into (1 + ln tf) x idf in place, rows scaled to length 1."""
    counts.data = (1 + np.log(counts.data)) * idf[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    norms = np.sqrt(np.bincount(rows, counts.data**2, minlength=counts.shape[0]))
    counts.data /= np.where(norms > 0, norms, 1)[rows]
    return counts


def _stems_and_pairs(text: str) -> list[str]:
    words = tokenize(text)
    return [word[:STEM] for word in words] + [f"{left} {right}" for left, right in pairwise(words)]
