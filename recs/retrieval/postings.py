"""Terms of n items as postings, and how much of a query each item explains: a share of the best score of BM25.

Terms are words, cut to six letters, and pairs of neighbouring whole words. There is no stop list: a frequent word has a
small weight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import Float64Array, IntArray
from recs.text.term_numbers import TermArray, TermNumbers

RowArray = npt.NDArray[np.int32]
# The usual constants of BM25, and those of a title: a word in it counts like four in a text of usual length.
_K1 = 1.2
_B = 0.75
_TITLE_WEIGHT = 4.0
_TITLE_B = 0.3
_PAIR_WEIGHT = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """Which of v terms are in which of n texts, and how often.

    Attributes
    ----------
    terms : uint64 array of shape (v,)
        Sorted, each once.
    starts : int64 array of shape (v + 1,)
        The postings of term i are those from starts[i] to starts[i + 1].
    rows : int32 array of shape (p,)
        The text of each posting, ascending for each term.
    in_title, in_text : uint16 arrays of shape (p,)
        How often the term is in the title and in the text of that item.
    lengths : int32 array of shape (n,)
        How many words each text has, without its title.

    Examples
    --------
    >>> postings = Postings.of(["Garlic", "Leeks"], ["Plant it in autumn.", "Plant them in spring."])
    >>> len(postings), len(postings.terms)
    (2, 14)
    """

    terms: TermArray
    starts: IntArray
    rows: RowArray
    in_title: npt.NDArray[np.uint16]
    in_text: npt.NDArray[np.uint16]
    lengths: npt.NDArray[np.int32]

    @classmethod
    def of(cls, titles: Sequence[str], texts: Sequence[str], transcripts: Sequence[str] | None = None) -> Postings:
        """Count the terms of n items. `transcripts` are those parts of texts in which a pair counts if said twice."""
        numbers = TermNumbers()
        own = numbers.of(texts)
        said = numbers.of(transcripts or [""] * len(texts), least_pairs=2)
        bodies = [np.concatenate(both) for both in zip(own, said, strict=True)]
        lengths = [(len(terms) + 1) // 2 for terms in own]
        if transcripts:
            lengths = [length + len(text.split()) for length, text in zip(lengths, transcripts, strict=True)]
        return cls._merged(_counted(numbers.of(titles)), _counted(bodies), np.array(lengths, np.int32))

    @classmethod
    def _merged(cls, titles: _Counts, bodies: _Counts, lengths: npt.NDArray[np.int32]) -> Postings:
        terms = np.concatenate([titles.terms, bodies.terms])
        rows = np.concatenate([titles.rows, bodies.rows])
        order = np.lexsort((rows, terms))
        terms, rows = terms[order], rows[order]
        is_first = np.ones(len(terms), bool)
        is_first[1:] = (terms[1:] != terms[:-1]) | (rows[1:] != rows[:-1])
        places = np.cumsum(is_first) - 1
        counts = np.zeros((2, int(is_first.sum())), np.uint16)
        of_title = order < len(titles.terms)
        both = np.concatenate([titles.counts, bodies.counts])[order]
        counts[0, places[of_title]] = both[of_title]
        counts[1, places[~of_title]] = both[~of_title]
        terms, rows = terms[is_first], rows[is_first]
        distinct, starts = np.unique(terms, return_index=True)
        return cls(distinct, np.append(starts, len(terms)), rows, counts[0], counts[1], lengths)

    @classmethod
    def joined(cls, parts: Sequence[Postings]) -> Postings:
        """Return the postings of the texts of all parts, one part after the other; there must be one part.

        Examples
        --------
        >>> parts = [Postings.of([title], ["Plant it."]) for title in ("Garlic", "Leeks")]
        >>> whole = Postings.of(["Garlic", "Leeks"], ["Plant it.", "Plant it."])
        >>> bool((Postings.joined(parts).rows == whole.rows).all())
        True
        """
        starts = np.cumsum([0, *map(len, parts)])
        rows = [part.rows + np.int32(start) for part, start in zip(parts, starts[:-1], strict=True)]
        terms = np.concatenate([np.repeat(part.terms, np.diff(part.starts)) for part in parts])
        order = np.argsort(terms, kind="stable")  # the rows of a term stay in their order
        distinct, first = np.unique(terms[order], return_index=True)
        in_title, in_text, lengths = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("in_title", "in_text", "lengths")
        )
        ends = np.append(first, len(terms))
        return cls(distinct, ends, np.concatenate(rows)[order], in_title[order], in_text[order], lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def places(self, terms: TermArray) -> tuple[IntArray, IntArray]:
        """Return where the postings of each term begin and end; the two are equal for a term that no text has."""
        if not len(self.terms):
            return np.zeros(len(terms), np.int64), np.zeros(len(terms), np.int64)
        places = np.minimum(np.searchsorted(self.terms, terms), len(self.terms) - 1)
        starts = self.starts[places]
        return starts, np.where(self.terms[places] == terms, self.starts[places + 1], starts)


class Terms:
    """The terms of the n items of an index, in one segment or in several.

    Parameters
    ----------
    segments
        The postings of each segment.
    rows : int32 arrays, one for each segment
        The row in the index of each text of the segment; -1 for one that is not in the index any more.

    Examples
    --------
    >>> terms = Terms.of(["Garlic", "Leeks"], ["Plant it in autumn.", "Plant them in spring."])
    >>> terms.explained("plant in autumn").round(2).tolist()
    [0.45, 0.13]
    """

    def __init__(self, segments: Sequence[Postings], rows: Sequence[RowArray]) -> None:
        self._segments = tuple(zip(segments, rows, strict=True))
        self._n = sum(int((each >= 0).sum()) for each in rows)
        words = sum(int(postings.lengths[each >= 0].sum()) for postings, each in self._segments)
        mean = max(words / max(self._n, 1), 1.0)
        self._relative = [postings.lengths / mean for postings, _ in self._segments]

    @classmethod
    def of(cls, titles: Sequence[str], texts: Sequence[str], transcripts: Sequence[str] | None = None) -> Terms:
        """Count the terms of n items, as `Postings.of` does; they are one segment."""
        return cls([Postings.of(titles, texts, transcripts)], [np.arange(len(titles), dtype=np.int32)])

    def __len__(self) -> int:
        return self._n

    def explained(self, query: str) -> Float64Array:
        """Return the share of a query that each item explains, from 0 to 1, shape (n,).

        Terms that no item has count nothing. All shares are 0 if there is no other term.
        """
        (terms,) = TermNumbers().of([query])
        stems, pairs = np.split(terms, [(len(terms) + 1) // 2])
        scores = np.zeros(self._n + 1)  # the last one is that of all texts that are not in the index any more
        best = 0.0
        for some, weight in ((stems, 1.0), (pairs, _PAIR_WEIGHT)):
            for held in self._held(np.array(sorted(set(some.tolist())), np.uint64)):
                best += self._add(held, weight, scores)
        return scores[:-1] / best if best else scores[:-1]

    def documents(self, terms: TermArray) -> IntArray:
        """Return how many items have each of these terms, in their titles or texts."""
        counts = np.zeros(len(terms), np.int64)
        for postings, rows in self._segments:
            starts, stops = postings.places(terms)
            counts += stops - starts
            for place in np.flatnonzero(stops > starts).tolist() if (rows < 0).any() else ():
                counts[place] -= np.count_nonzero(rows[postings.rows[starts[place] : stops[place]]] < 0)
        return counts

    def _held(self, terms: TermArray) -> Iterator[list[slice]]:
        """Yield where the postings of each term are, in each segment."""
        places = [postings.places(terms) for postings, _ in self._segments]
        for number in range(len(terms)):
            yield [slice(int(starts[number]), int(stops[number])) for starts, stops in places]

    def _add(self, held: Sequence[slice], weight: float, scores: Float64Array) -> float:
        """Add what a term explains, and return the most that it could."""
        parts = [self._frequencies(number, some) for number, some in enumerate(held) if some.stop > some.start]
        count = sum(int(np.count_nonzero(rows >= 0)) for rows, _ in parts)
        if not count:
            return 0.0
        idf = float(np.log1p((self._n - count + 0.5) / (count + 0.5)))
        for rows, frequency in parts:
            scores[rows] += weight * idf * (_K1 + 1) * frequency / (_K1 + frequency)
        return weight * idf * (_K1 + 1)

    def _frequencies(self, number: int, some: slice) -> tuple[RowArray, Float64Array]:
        """Return the rows of the items with a term of a segment, and how often they have it, for their lengths."""
        postings, rows = self._segments[number]
        texts = postings.rows[some]
        relative = self._relative[number][texts]
        frequency = _TITLE_WEIGHT * postings.in_title[some] / (1 - _TITLE_B + _TITLE_B * relative)
        frequency += postings.in_text[some] / (1 - _B + _B * relative)
        return rows[texts], frequency


@dataclass(frozen=True, slots=True, eq=False)
class _Counts:
    """How often the terms of n texts are in them: terms, rows and counts of one length."""

    terms: TermArray
    rows: npt.NDArray[np.int32]
    counts: npt.NDArray[np.uint16]


def _counted(texts: Sequence[TermArray]) -> _Counts:
    counted = [np.unique(terms, return_counts=True) for terms in texts]
    none = [np.zeros(0, np.uint64)]
    lengths = [len(terms) for terms, _ in counted]
    counts = np.concatenate([*none, *(counts for _, counts in counted)])
    return _Counts(
        np.concatenate([*none, *(terms for terms, _ in counted)]),
        np.repeat(np.arange(len(texts), dtype=np.int32), lengths),
        np.minimum(counts, np.iinfo(np.uint16).max).astype(np.uint16),
    )


ARRAYS: tuple[str, ...] = tuple(field.name for field in fields(Postings))


def postings_from(arrays: dict[str, Any]) -> Postings:
    """Return postings from arrays by name, such as memory maps."""
    return Postings(**{name: arrays[name] for name in ARRAYS})
