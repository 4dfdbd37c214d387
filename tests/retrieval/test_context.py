"""Context for a language model: budget, order, neighbours, repeated texts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sites import make_index, make_items

import recs
from recs.errors import OptionError
from recs.retrieval.context import Context, fill
from recs.retrieval.passages import Passage

SENTENCES = [f"Sentence {n} tells of soil and seed and rain number {n}." for n in range(12)]
ITEMS = {
    "a": recs.Item("a", "\n\n".join(SENTENCES), title="A", url="https://a.example/"),
    "b": recs.Item("b", "\n\n".join(reversed(SENTENCES)), title="B"),
    "c": recs.Item("c", "Soil. " * 40),
}
COUNTERS: dict[str, Callable[[str], int]] = {
    "words": lambda text: len(text.split()),
    "characters": len,
    "bytes of four": lambda text: -(-len(text.encode()) // 4),
    "steps": lambda text: len(text) // 40 * 10,
}


def read(ids: Sequence[str]) -> Mapping[str, recs.Item]:
    return {name: ITEMS[name] for name in ids}


@st.composite
def passages_of_items(draw: st.DrawFn) -> list[Passage]:
    """Return disjoint passages of the items in any order, with scores and the marks of one word."""
    passages = []
    for name, item in ITEMS.items():
        place = 0
        for part in item.text.split("\n\n") if name != "c" else [item.text.strip()]:
            start = item.text.index(part, place)
            place = start + len(part)
            if draw(st.booleans()):
                marks = ((part.index("soil"), part.index("soil") + 4),) if "soil" in part else ()
                passages.append(
                    Passage(name, start, place, part, draw(st.sampled_from([0.1, 0.5, 0.9])), marks, None, item.url)
                )
    return sorted(draw(st.permutations(passages)), key=lambda passage: -passage.score)


def check(context: Context, budget: int, count: Callable[[str], int], items: Mapping[str, recs.Item]) -> None:
    """Assert what is true of every context."""
    assert context.tokens == (count(context.prompt) if context.prompt else 0) <= budget
    assert [source.number for source in context.sources] == list(range(1, len(context.sources) + 1))
    assert len({source.passage.text for source in context.sources}) == len(context.sources)
    blocks = []
    for source in context.sources:
        passage, item = source.passage, items[source.passage.id]
        assert source.title == item.title
        assert passage.text == item.text[passage.start : passage.stop]
        assert passage.text
        assert all(0 <= start < stop <= len(passage.text) for start, stop in passage.highlights)
        blocks.append(
            f"[{source.number}] {item.title or item.id}{f' ({passage.url})' if passage.url else ''}\n{passage.text}"
        )
    assert context.prompt == "\n\n".join(blocks)
    ids = [source.passage.id for source in context.sources]
    assert sum(one != other for one, other in itertools.pairwise(ids)) == max(len(set(ids)) - 1, 0)
    for one, other in zip(context.sources, context.sources[1:], strict=False):
        if one.passage.id == other.passage.id:
            between = items[one.passage.id].text[one.passage.stop : other.passage.start]
            assert one.passage.stop <= other.passage.start
            assert between.strip()


@given(passages_of_items(), st.integers(1, 400), st.sampled_from(sorted(COUNTERS)))
def test_context_is_within_its_budget_and_in_reading_order(passages: list[Passage], budget: int, counter: str) -> None:
    count = COUNTERS[counter]
    context = fill(passages, read, budget, count)
    check(context, budget, count, ITEMS)
    for source in context.sources:
        for start, stop in source.passage.highlights:
            assert source.passage.text[start:stop] == "soil"


@given(passages_of_items())
def test_large_budget_takes_each_text_once(passages: list[Passage]) -> None:
    context = fill(passages, read, 10**6, len)
    texts = {passage.text for passage in passages}
    # Each text is there as often as one item has it: once.
    assert {text: context.prompt.count(text) for text in texts if text in SENTENCES} == {
        text: 1 for text in texts if text in SENTENCES
    }
    assert context.left_out == 0


def test_neighbours_are_one_source() -> None:
    text = ITEMS["a"].text
    spans = [(text.index(part), text.index(part) + len(part)) for part in SENTENCES]
    passages = [Passage("a", *spans[n], SENTENCES[n], 0.9 - n / 100) for n in (3, 0, 1, 4)]
    context = fill(passages, read, 1000, len)
    assert [source.passage.text for source in context.sources] == [
        "\n\n".join(SENTENCES[:2]),
        "\n\n".join(SENTENCES[3:5]),
    ]


@pytest.mark.parametrize("terms", [True, False])
@pytest.mark.parametrize("budget", [1, 9, 40, 150, 2000])
def test_context_of_an_index_keeps_its_budget(budget: int, terms: bool) -> None:
    items = make_items()
    index = make_index(items, terms=terms)
    for count in COUNTERS.values():
        context = index.context("soil seed compost", max_tokens=budget, count_tokens=count)
        check(context, budget, count, {item.id: item for item in items})
    assert index.context("soil seed compost", max_tokens=budget).tokens <= budget


def test_budget_below_one_is_refused() -> None:
    with pytest.raises(OptionError, match="expected 1 or more"):
        make_index(terms=True).context("soil", max_tokens=0)
