"""Terms of texts in any language, and their TF-IDF weights as sparse rows.

There is no stop list and nothing is stemmed: words that stand in a large part of the collection are left out instead,
which works in every language alike. Comparing the rows is the business of `recs.neighbors`.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

MIN_DOCUMENTS = 2
"""A term that stands in fewer documents connects nothing."""

MAX_SHARE = 0.3
"""A term that stands in a larger share of the documents says nothing about one of them."""

SMALL_COLLECTION = 20
"""Collections of fewer documents keep every term: there the two limits above would leave next to nothing."""

# Scripts that write no spaces between words, and Hangul, whose words carry particles.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai and Lao; Burmese; Khmer
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"  # Hangul
    "\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff"  # kana and iteration marks
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_RUNS = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")


@dataclass(frozen=True, slots=True, eq=False)
class TermVectors:
    """TF-IDF weights of n documents over v terms.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array of float64, shape (n, v)
        Rows of length 1, or zero where a document holds no term of the vocabulary; columns sorted within each row.
    terms : tuple of str, length v
        The term of each column, sorted.
    """

    matrix: Any
    terms: tuple[str, ...]

    def __len__(self) -> int:
        return int(self.matrix.shape[0])


def tfidf_matrix(texts: Iterable[str]) -> TermVectors:
    """Weigh the terms of each text: (1 + ln tf) x (1 + ln((1 + n) / (1 + df))), rows then scaled to length 1.

    Parameters
    ----------
    texts : n strings
        Put a title before its text to have it counted.

    Returns
    -------
    TermVectors
        Of the terms that stand in at least `MIN_DOCUMENTS` documents and in at most `MAX_SHARE` of them; of all terms
        where there are fewer than `SMALL_COLLECTION` documents. The order of the texts changes the order of the rows
        and nothing else.

    Notes
    -----
    Equal texts count once in n and df, so that many copies of one text do not make its words common; a term
    that only they hold connects them all the same. Time and memory are linear in the number of tokens.
    """
    row_of: dict[str, int] = {}
    rows = [row_of.setdefault(text, len(row_of)) for text in texts]
    distinct = _distinct_matrix(row_of, np.bincount(rows, minlength=len(row_of)))
    if len(row_of) == len(rows):
        return distinct
    return TermVectors(matrix=distinct.matrix[rows], terms=distinct.terms)


def _distinct_matrix(texts: Iterable[str], copies: Any) -> TermVectors:
    from scipy import sparse

    column_of: dict[str, int] = {}
    columns: list[int] = []
    frequencies: list[int] = []
    ends = [0]
    for text in texts:
        counts = Counter(tokenize(text))
        columns += [column_of.setdefault(term, len(column_of)) for term in counts]
        frequencies += counts.values()
        ends.append(len(columns))
    n = len(ends) - 1
    all_columns = np.array(columns, dtype=np.int32)
    all_rows = np.repeat(np.arange(n, dtype=np.int32), np.diff(ends))
    documents = np.bincount(all_columns, minlength=len(column_of))
    shared = np.bincount(all_columns, copies[all_rows], minlength=len(column_of)) >= MIN_DOCUMENTS
    terms, new_column = _vocabulary(column_of, documents, shared, n)

    kept = new_column[all_columns] >= 0
    rows = all_rows[kept]
    weights = 1 + np.log(np.array(frequencies, dtype=np.float64)[kept])
    weights *= 1 + np.log((1 + n) / (1 + documents[all_columns[kept]]))
    matrix = sparse.csr_array((weights, (rows, new_column[all_columns[kept]])), shape=(n, len(terms)))
    norms = np.sqrt(np.bincount(np.repeat(np.arange(n), np.diff(matrix.indptr)), matrix.data**2, minlength=n))
    matrix.data /= np.repeat(norms, np.diff(matrix.indptr))
    return TermVectors(matrix=matrix, terms=terms)


def _vocabulary(column_of: dict[str, int], documents: Any, shared: Any, n: int) -> tuple[tuple[str, ...], Any]:
    """Return the terms to keep, sorted, and the new column of each old one (-1: left out)."""
    keep = documents > 0
    if n >= SMALL_COLLECTION:
        keep = shared & (documents <= MAX_SHARE * n)
    terms = tuple(sorted(term for term, column in column_of.items() if keep[column]))
    new_column = np.full(len(column_of), -1, dtype=np.int32)
    new_column[[column_of[term] for term in terms]] = np.arange(len(terms))
    return terms, new_column


def tokenize(text: str) -> list[str]:
    """Return the terms of a text in order: words and numbers, case and compatibility forms folded.

    Combining marks and inner apostrophes belong to a word. Where a script writes no spaces (Chinese, Japanese, Thai,
    ...), and in Hangul, each run of it gives its pairs of neighbouring characters.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    words: list[str] = _word_pattern().findall(folded.replace("’", "'"))
    if not _UNSPACED_CHARACTER.search(folded):
        return words
    return [term for word in words for run in _RUNS.findall(word) for term in _bigrams(run)]


def _bigrams(run: str) -> list[str]:
    if len(run) == 1 or not _UNSPACED_CHARACTER.match(run):
        return [run]
    return [run[i : i + 2] for i in range(len(run) - 1)]


@functools.cache
def _word_pattern() -> re.Pattern[str]:
    """Words with the combining marks that `\\w` leaves out, without which Indic and vocalised words would break."""
    marks = "".join(char for char in map(chr, range(0x300, 0xAC00)) if unicodedata.category(char).startswith("M"))
    return re.compile(rf"[\w{marks}]+(?:'[\w{marks}]+)*")
