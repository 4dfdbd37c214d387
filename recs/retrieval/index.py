"""An index: the public items of a collection, their terms and their vectors, ready for queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray
from recs.contract import Entry
from recs.errors import OptionError, RecsError, SourceError
from recs.filters import Where, allowed
from recs.items import Item, Span
from recs.retrieval.context import Context, fill, token_counter
from recs.retrieval.hits import ROUNDING, Hit, HitVia, best, check_k, highest, named, passage_of
from recs.retrieval.passages import Candidate, Passage, QueryWords, trimmed, word_passages
from recs.retrieval.postings import RowArray, Terms
from recs.retrieval.query import Query, read_query
from recs.retrieval.scores import DENSE, DENSE_OF_TIES, TERMS, TERMS_ALONE, Scores, added
from recs.retrieval.segment import Segment
from recs.retrieval.table import Table, folded, joined, row_of
from recs.retrieval.vectors import JoinedVectors

if TYPE_CHECKING:
    from recs.embedding.embedder import Embedder

Signals = Literal["auto", "terms", "dense"]
_CANDIDATE_ITEMS = 50
_CANDIDATE_PASSAGES = 200


@dataclass(frozen=True, eq=False)
class Index:
    """The public items of a collection, ready for queries.

    Attributes
    ----------
    segments
        Its items with their terms and vectors, in one part or in several.
    find_embedder
        Returns the embedder for queries; it is called for the first query that needs one.
    notes
        What a person should know: a model that is missing.

    Examples
    --------
    >>> import recs
    >>> items = [recs.Item("garlic", "Plant the cloves in autumn.", title="Garlic"), recs.Item("tea", "Boil water.")]
    >>> index = recs.build_index(items, embedder=None, signals="terms")
    >>> [(hit.id, hit.passage.text) for hit in index.search("planting cloves")]
    [('garlic', 'Plant the cloves in autumn.')]
    """

    segments: tuple[Segment, ...]
    find_embedder: Callable[[], Embedder] | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def table(self) -> Table:
        """The items, sorted by id."""
        return joined([segment.table for segment in self.segments], self._rows)

    @cached_property
    def terms(self) -> Terms:
        """The terms of the items."""
        return Terms([segment.postings for segment in self.segments], self._rows)

    @cached_property
    def vectors(self) -> JoinedVectors | None:
        """The vectors of the items and of their passages; None if the index has no model."""
        vectors = [segment.vectors for segment in self.segments if segment.vectors is not None]
        return JoinedVectors(vectors, self._rows) if vectors else None

    @cached_property
    def by_terms(self) -> Index:
        """The same index without its vectors."""
        return Index(tuple(replace(segment, vectors=None) for segment in self.segments))

    @property
    def _rows(self) -> list[RowArray]:
        return [segment.rows for segment in self.segments]

    @cached_property
    def embedder(self) -> Embedder | None:
        """What embeds queries; None if the index has no vectors. Raises `ModelError` if its model is not there."""
        return None if self.vectors is None or self.find_embedder is None else self.find_embedder()

    def search(
        self,
        query: str,
        *,
        k: int = 10,
        signals: Signals = "auto",
        where: Where | None = None,
        min_score: float | None = None,
    ) -> list[Hit]:
        """Return the k best items for a query, best first, ties by id.

        Parameters
        ----------
        query
            Words or a question. What is in quotation marks comes first if an item holds it; so does the item whose id
            or title the query is. A word of five letters and more that no item has is looked for with one letter
            changed.
        k
            The most hits.
        signals
            "terms": the share of the query that the words of an item explain (BM25), from 0 to 1; items without any of
            the words are no hits. "dense": the mean cosine of the query with the item and with its best passage.
            "auto": .4 of the one and .6 of the other; the terms alone if the index has no vectors, and, but for ties,
            of items in a language that the model was not trained for.
        where
            Which items may be hits; see `recs.filters.allowed`. It acts before the best are chosen.
        min_score
            Hits with a lower score are left out.

        Raises
        ------
        OptionError
            If an option has a value that is not allowed, or "dense" is asked of an index without vectors.
        ModelError
            If the model of the index is not there, and signals are not "terms".

        Notes
        -----
        Time O(n d + m d) for n items with m passages.
        """
        check_k(k)
        scores = self._scores(query, signals)
        rows = self._best(scores, query, k, allowed(where, self.table), min_score)
        words = QueryWords(scores.query.text, self.terms)
        return [self._hit(row, via, scores, words) for row, via in rows]

    def best_ids(self, query: str, *, k: int = 10, signals: Signals = "auto") -> list[str]:
        """Return the ids that `search` finds, best first, without their passages: what an evaluation needs."""
        check_k(k)
        return [self.table[row].id for row, _ in self._best(self._scores(query, signals), query, k, None, None)]

    def passages(
        self,
        query: str,
        *,
        k: int = 10,
        signals: Signals = "auto",
        where: Where | None = None,
    ) -> list[Passage]:
        """Return the k best passages for a query, best first. The options are those of `search`.

        The passages come from the fifty best items and the two hundred passages that are nearest.
        """
        check_k(k)
        scores = self._scores(query, signals)
        mask = allowed(where, self.table)
        rows = {row for row, _ in self._best(scores, query, _CANDIDATE_ITEMS, mask, None)}
        if scores.passages is not None and self.vectors is not None:
            owners = self.vectors.owners
            may = (owners >= 0) if mask is None else (owners >= 0) & mask[owners]
            cosines = np.where(may, scores.passages, -np.inf)
            rows |= set(owners[highest(cosines, _CANDIDATE_PASSAGES)].tolist())
        words = QueryWords(scores.query.text, self.terms)
        items = {row: self.table[row] for row in sorted(rows)}
        candidates = [(row, one) for row, item in items.items() for one in self._candidates(row, item, scores, words)]
        candidates.sort(key=lambda pair: (-pair[1].score, pair[1].id, pair[1].span))
        return [passage_of(items[row], one.span, one.score, words) for row, one in candidates[:k]]

    def context(
        self,
        query: str,
        *,
        max_tokens: int = 2000,
        count_tokens: Callable[[str], int] | None = None,
        signals: Signals = "auto",
        where: Where | None = None,
    ) -> Context:
        """Return passages for a language model: the best ones that fit a budget of tokens.

        Parameters
        ----------
        max_tokens
            The most tokens of the prompt block, `Context.prompt`.
        count_tokens
            Counts the tokens of a text; by default with the tokenizer of the index's model, or, without one or for
            "terms", four tokens for three words.
        query, signals, where
            As in `search`.
        """
        count = count_tokens or token_counter(None if signals == "terms" else self.embedder)
        passages = self.passages(query, k=_CANDIDATE_PASSAGES, signals=signals, where=where)
        return fill(passages, self._texts, max_tokens, count)

    def similar(self, text: str, *, k: int = 5, where: Where | None = None) -> list[Hit]:
        """Return the k items that are most similar to a text, which is embedded as an item is, in whole."""
        check_k(k)
        return self._similar(text, k, allowed(where, self.table))

    def similar_to_id(self, name: str, *, k: int = 5, where: Where | None = None) -> list[Hit]:
        """Return the k items that are most similar to an item of the index, itself left out; no model is loaded.

        Raises `OptionError` if the index has no item with this id.
        """
        check_k(k)
        row = row_of(name, self.table)
        if row is None:
            raise OptionError(f"the index has no item with the id {name!r:.200}.")
        item = self.table[row]
        mask = allowed(where, self.table)
        others = np.ones(len(self), bool) if mask is None else mask
        others[row] = False
        return self._similar(f"{item.title}\n\n{item.text}", k, others, row)

    def get(self, item_id: object, k: int = 5) -> list[Entry]:
        """Return the k items that are most similar to an item, as `RelatedLists.get` does; none for an unknown id."""
        name = str(item_id)
        return [hit.entry for hit in self.similar_to_id(name, k=k)] if row_of(name, self.table) is not None else []

    def _similar(self, text: str, k: int, mask: BoolArray | None, row: int | None = None) -> list[Hit]:
        scores = self._scores(text, "auto", role="document", row=row)
        rows = self._best(scores, "", k, mask, None)
        words = QueryWords(text, self.terms)
        return [self._hit(each, via, scores, words) for each, via in rows]

    # Scores.

    def _scores(self, query: str, signals: Signals, *, role: str = "query", row: int | None = None) -> Scores:
        """Return the scores of all items. The vector of a query that is the text of an item is that of its row."""
        if signals not in get_args(Signals):
            raise OptionError(f"signals are {signals!r}, expected one of {', '.join(get_args(Signals))}.")
        if signals == "dense" and self.vectors is None:
            raise OptionError("the index has no vectors; signals can only be terms.")
        read = read_query(query, self.terms) if role == "query" else Query(query, query)
        explained = self.terms.explained(read.text) if signals != "dense" else np.zeros(len(self))
        if self.vectors is None or signals == "terms" or not folded(query):
            return Scores(read, explained, {"terms": explained}, None, explained > 0)
        vector = self._embedded(read.asked, role, self.vectors) if row is None else self.vectors.item(row)
        return added(read, explained, self.vectors, vector, with_terms=signals == "auto")

    def _embedded(self, text: str, role: str, vectors: JoinedVectors) -> FloatArray:
        if self.embedder is None:
            raise RecsError("the index has vectors and nothing that embeds queries.")
        return vectors.query(self.embedder.embed([text], role=role))

    def _best(
        self, scores: Scores, query: str, k: int, mask: BoolArray | None, min_score: float | None
    ) -> list[tuple[int, HitVia]]:
        """Return the rows of the best items with how they came first."""
        total = np.round(scores.total, ROUNDING)
        may = np.ones(len(self), bool) if mask is None else mask.copy()
        if min_score is not None:
            may &= total >= min_score
        first = {row: via for row, via in named(query, scores.query, self.table, self.terms) if may[row]}
        return best(total, may if scores.is_match is None else may & scores.is_match, first, k)

    # Passages.

    def _hit(self, row: int, via: HitVia, scores: Scores, words: QueryWords) -> Hit:
        item = self.table[row]
        candidates = self._candidates(row, item, scores, words)
        one = min(candidates, key=lambda one: (-one.score, one.span), default=None)
        passage = None if one is None else passage_of(item, one.span, one.score, words)
        parts = {name: round(float(part[row]), ROUNDING) for name, part in scores.parts.items()}
        return Hit(item.id, item.title, item.url, round(float(scores.total[row]), ROUNDING), passage, via, parts)

    def _candidates(self, row: int, item: Item, scores: Scores, words: QueryWords) -> list[Candidate]:
        """Return the passages of an item that have text."""
        spans, cosines = self._spans(row, item, scores)
        values = words.shares([item.text[slice(*span)] for span in spans])
        if cosines is not None and self.vectors is not None:
            is_readable = bool(self.vectors.readable[row])
            terms, dense = (TERMS, DENSE) if is_readable else (TERMS_ALONE, DENSE_OF_TIES)
            values = cosines if set(scores.parts) == {"dense"} else terms * values + dense * cosines
        pairs = zip(spans, np.round(values, ROUNDING).tolist(), strict=True)
        least = 0.0 if cosines is None else -np.inf  # by terms, a passage without any is no answer
        return [Candidate(score, item.id, span) for span, score in pairs if span[0] < span[1] and score > least]

    def _spans(self, row: int, item: Item, scores: Scores) -> tuple[list[Span], Float64Array | None]:
        """Return the spans of an item's passages, and their cosines with the query if there are any."""
        if self.vectors is not None:
            spans = [trimmed(item.text, span) for span in self.vectors.spans(row).tolist()]
            return spans, None if scores.passages is None else scores.passages[self.vectors.passages_of(row)]
        return word_passages(item.text), None

    def _texts(self, ids: Sequence[str]) -> Mapping[str, Item]:
        rows = {name: row_of(name, self.table) for name in ids}
        if absent := [name for name, row in rows.items() if row is None]:
            raise SourceError(f"a broken index (its digests do not have the id {absent[0][:80]!r}); make it again.")
        return {name: self.table[row] for name, row in rows.items() if row is not None}
