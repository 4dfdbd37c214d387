"""Terms of texts in any language and their weights as sparse rows: TF-IDF, BM25, and titles that texts mention.

There is no stop list and no stemmer: words that stand in a large part of the collection are left out, and words are cut
to their first letters where forms of one word should meet, which works in every language alike. Comparing the rows is
the business of `recs.embedding.neighbors` and `recs.ranking.fusion`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.text.words import STEM, tokenize

MIN_DOCUMENTS = 2  # a term that stands in fewer connects nothing
# A term that stands in a larger share of the documents, or in more of them, says nothing about one of them.
MAX_SHARE, MAX_DOCUMENTS = 0.3, 1000
SMALL_COLLECTION = 20  # of fewer documents every term is kept: the two limits above would leave next to nothing
# A line of so many words in so many different texts comes from a template: its terms are nobody's subject.
_LINE_WORDS, _LINE_TEXTS = 5, 3


@dataclass(frozen=True, slots=True, eq=False)
class ItemTerms:
    """Terms of n items, words and pairs of words, for two questions: how alike two items are, and who mentions whom.

    All are scipy.sparse.csr_array of float64. How much of the title of j stands in i is present[i] · titles[j].
    """

    weights: Any  # (n, v): TF-IDF of title and text, rows of length 1; the product of two rows is their likeness
    present: Any  # (n, w): 1 where an item holds a term of some title
    # (n, w): what part each term is of its title, by idf; a row sums to less than 1, the more so the shorter the title,
    # since a single word says little.
    titles: Any


def item_terms(titles: Sequence[str], texts: Sequence[str]) -> ItemTerms:
    """Weigh the terms of n items by (1 + ln tf) x ln((2 + n) / (1 + df)).

    Terms are words, cut to six letters, and pairs of neighbouring whole words; which of them count is said at
    `tfidf_matrix`, and so is what the order of the items changes.
    """
    from scipy import sparse

    texts = _without_repeated_lines(texts)
    counts = TermCounts([f"{title}\n{text}" for title, text in zip(titles, texts, strict=True)], _stems_and_pairs)
    weights, chosen = counts.select(counts.connecting())
    weigh_terms(weights, counts.idf[chosen])
    telling = counts.telling()
    column = {term: place for place, term in enumerate(counts.terms) if telling[place]}
    rows: list[int] = []
    columns: list[int] = []
    for row, title in enumerate(titles):
        known = [column[term] for term in sorted(set(_stems_and_pairs(title))) if term in column]
        rows += [row] * len(known)
        columns += known
    parts = sparse.csr_array((counts.idf[columns], (rows, columns)), shape=(len(counts.rows), len(counts.terms)))
    totals = np.bincount(np.array(rows, np.int64), counts.idf[columns], minlength=len(counts.rows))
    parts.data /= np.repeat(totals + np.log((1 + counts.distinct) / 2) + 1e-9, np.diff(parts.indptr))
    named = np.zeros(len(counts.terms), np.bool_)
    named[columns] = True
    present, named_columns = counts.select(named & counts.shared)
    present.data[:] = 1
    return ItemTerms(weights[counts.rows], present[counts.rows], parts[:, named_columns])


def _without_repeated_lines(texts: Sequence[str]) -> list[str]:
    """Return the texts without lines that several different ones hold; a text that is nothing else stays."""
    folded = {text: [" ".join(line.split()) for line in text.split("\n")] for text in texts}
    counts = Counter(line for lines in folded.values() for line in set(lines))
    gone = {line for line, n in counts.items() if n >= _LINE_TEXTS and len(tokenize(line)) >= _LINE_WORDS}
    kept = {text: "\n".join(line for line in lines if line not in gone) for text, lines in folded.items()}
    return [kept[text] if kept[text].strip() else text for text in texts]


class TermCounts:
    """How often each term stands in each of n texts; equal texts are one row.

    matrix is a csr_array of float64, shape (distinct, v); rows the row of each text, terms the term of each column. Of
    shape (v,): documents, distinct texts with the term; shared, whether two texts, equal ones too, hold it; idf.
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
        self.idf = np.log((2 + self.distinct) / (1 + self.documents))  # above 0 even for what all texts hold

    def connecting(self) -> npt.NDArray[np.bool_]:
        """Return which terms stand in enough texts to connect some and in few enough to tell them apart."""
        return np.asarray(self.telling() & (self.shared | (self.distinct < SMALL_COLLECTION)))

    def telling(self) -> npt.NDArray[np.bool_]:
        """Return which terms stand in few enough texts to tell some apart."""
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
