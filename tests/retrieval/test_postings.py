"""How much of a query each text explains, against plain BM25 over dicts."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recs.retrieval.postings import ARRAYS, Postings, Terms
from recs.text.words import tokenize

WORDS = st.sampled_from(["garden", "gardener", "gardening", "soil", "seed", "a", "of", "大蒜", "compost-heap", "don't"])
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)


def terms_of(text: str) -> Counter[tuple[str, ...]]:
    words = tokenize(text)
    return Counter([*((word[:6],) for word in words), *pairwise(words)])


def plain_bm25(titles: list[str], texts: list[str], query: str) -> list[float]:
    counts = [(terms_of(title), terms_of(text)) for title, text in zip(titles, texts, strict=True)]
    lengths = [len(tokenize(text)) for text in texts]
    mean = max(sum(lengths) / len(lengths), 1)
    sums, best = [0.0] * len(texts), 0.0
    for term in terms_of(query):
        documents = sum(bool(title[term] or text[term]) for title, text in counts)
        if not documents:
            continue
        idf = log(1 + (len(texts) - documents + 0.5) / (documents + 0.5))
        weight = idf * (1 if len(term) == 1 else 0.25)
        best += weight * 2.2
        for row, (title, text) in enumerate(counts):
            relative = lengths[row] / mean
            frequency = 4 * title[term] / (0.7 + 0.3 * relative) + text[term] / (0.25 + 0.75 * relative)
            sums[row] += weight * 2.2 * frequency / (1.2 + frequency)
    return [value / best if best else 0.0 for value in sums]


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=8), st.lists(st.integers(0, 8), max_size=3))
def test_joined_postings_are_those_of_all_texts(texts: list[tuple[str, str, str]], cuts: list[int]) -> None:
    bounds = [0, *sorted(min(cut, len(texts)) for cut in cuts), len(texts)]
    parts = [[list(column) for column in zip(*texts[start:stop], strict=True)] for start, stop in pairwise(bounds)]
    joined = Postings.joined([Postings.of(*(part or ([], [], []))) for part in parts])
    whole = Postings.of(*([list(column) for column in zip(*texts, strict=True)] or ([], [], [])))
    for name in ARRAYS:
        ours, theirs = getattr(joined, name), getattr(whole, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=8), TEXTS)
def test_explained_is_bm25_as_a_share_of_its_best_score(items: list[tuple[str, str]], query: str) -> None:
    titles, texts = [title for title, _ in items], [text for _, text in items]
    got = Terms.of(titles, texts).explained(query)
    assert got == pytest.approx(plain_bm25(titles, texts, query), abs=1e-12)
    assert ((got >= 0) & (got <= 1)).all()


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=8))
def test_documents_counts_the_items_that_have_a_term(items: list[tuple[str, str]]) -> None:
    from recs.text.term_numbers import digests

    terms = Terms.of([title for title, _ in items], [text for _, text in items])
    stems = ["garden", "soil", "absent"]
    held = [{word[:6] for part in item for word in tokenize(part)} for item in items]
    assert terms.documents(digests(stems)).tolist() == [sum(stem in one for one in held) for stem in stems]


def test_pair_of_a_transcript_counts_if_it_is_said_twice() -> None:
    once, twice = "plain soil and more", "plain soil and then plain soil"
    said = Postings.of(["", ""], ["", ""], [once, twice])
    written = Postings.of(["", ""], [once, twice])
    # In both, "plain" and "soil" are in both texts; a pair that is counted adds a term, and so a posting.
    assert len(said.rows) < len(written.rows)
    assert (said.lengths == [4, 6]).all()


def test_no_texts_have_no_scores() -> None:
    assert Terms.of([], []).explained("garlic").tolist() == []
    assert np.array_equal(Terms.of([""], [""]).explained("garlic"), [0.0])
