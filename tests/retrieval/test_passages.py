"""Passages: their text, their highlights, and when they are said."""

from __future__ import annotations

import pytest
from places import ROOT
from sites import make_index, make_items

import recs
from recs.retrieval.table import ItemsInMemory
from recs.text.words import tokenize

ITEMS = make_items()
LONG = recs.Item(
    "long", "\n\n".join(f"Part {n}. " + "Water the soil and the seed well. " * 9 for n in range(9)), title="Water"
)


@pytest.mark.parametrize("terms", [True, False])
@pytest.mark.parametrize("query", ["watering the SOIL", "seed", "Kitchen 2", "part absent"])
def test_passage_is_a_span_of_its_item_and_highlights_are_words_of_the_query(query: str, terms: bool) -> None:
    items = {item.id: item for item in [*ITEMS, LONG]}
    index = make_index(list(items.values()), terms=terms)
    stems = {word[:6] for word in tokenize(query)}
    passages = index.passages(query, k=60)
    marked = 0
    for passage in passages:
        assert passage.text == items[passage.id].text[passage.start : passage.stop] == passage.text.strip()
        assert passage.text
        for start, stop in passage.highlights:
            assert {word[:6] for word in tokenize(passage.text[start:stop])} <= stems
            marked += 1
    assert marked
    assert [one.score for one in passages] == sorted((one.score for one in passages), reverse=True)
    assert len({(one.id, one.start) for one in passages}) == len(passages)


@pytest.mark.parametrize("terms", [True, False])
def test_hit_has_the_best_passage_of_its_item(terms: bool) -> None:
    index = make_index([*ITEMS, LONG], terms=terms)
    passages = index.passages("part 7 soil", k=999)
    for hit in index.search("part 7 soil", k=99):
        assert hit.passage is not None
        assert hit.passage.score == max(one.score for one in passages if one.id == hit.id)


@pytest.mark.parametrize("terms", [True, False])
def test_passage_of_an_episode_has_the_times_of_its_cues(terms: bool) -> None:
    collection = recs.read_items(ROOT / "datasets" / "podcast.xml")
    items = {item.id: item for item in collection.public}
    index = make_index(collection, terms=terms)
    timed = 0
    for passage in index.passages("the canal lock and the water", k=400):
        times = items[passage.id].times
        if times is None or passage.start < times.begin:
            assert passage.seconds is None
            assert passage.url == items[passage.id].url
            continue
        # Without bisection: the last cue that begins at or before the first and the last character.
        first = max(n for n, offset in enumerate(times.offsets) if offset <= passage.start)
        last = max(n for n, offset in enumerate(times.offsets) if offset < passage.stop)
        start = times.starts[first]
        if start is None:
            assert passage.seconds is None
            continue
        assert passage.seconds == (start, times.ends[last])
        address = items[passage.id].audio or items[passage.id].url
        assert passage.url == (f"{address}#t={int(start)}" if address else None)
        timed += 1
    assert timed > 3


def test_table_in_memory_has_columns_of_fields_and_of_meta() -> None:
    table = ItemsInMemory(ITEMS)
    assert list(table.column("category")) == [item.category for item in ITEMS]
    assert list(table.column("topic")) == [item.meta["topic"] for item in ITEMS]
    assert list(table.column("absent")) == [None] * len(ITEMS)
