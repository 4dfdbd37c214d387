"""An index that is made from an earlier one: it answers as a fresh one does, and only what changed is done again."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sites import make_items
from standins import make_embedder

import recs
from recs.errors import OutputError
from recs.retrieval.index import Index
from recs.retrieval.segment import Segment, carried
from recs.retrieval.storage import verify

QUERIES = ("soil seed", "Kitchen 2", "p003", '"dough oven"', "brakw chain", "")
FILTERS: tuple[dict[str, Any] | None, ...] = (None, {"tag": "garden"}, {"people": "bo"}, {"since": "2026-02"})


def built(items: Sequence[recs.Item], previous: Index | None = None, *, terms: bool = False) -> Index:
    how: dict[str, Any] = {"signals": "terms"} if terms else {"embedder": make_embedder()}
    return recs.build_index(items, previous=previous, cache=False, **how)


def changed(items: Sequence[recs.Item], draw: random.Random) -> list[recs.Item]:
    """Return the items after some were edited, retagged, withdrawn, added, or put back as they were at first."""
    now = {item.id: item for item in items}
    pool = make_items(40)
    for _ in range(draw.choice((0, 1, 1, 2, 9))):
        item = draw.choice(pool)
        kind = draw.choice(("add", "edit", "retag", "withdraw"))
        if kind == "withdraw":
            now.pop(item.id, None)
        else:
            edits: dict[str, Any] = {"edit": {"text": f"{item.text} Brake chain."}, "retag": {"tags": ("garden",)}}
            now[item.id] = replace(item, **edits.get(kind, {}))
    return draw.sample(list(now.values()), len(now))


@pytest.mark.parametrize("terms", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_updated_index_answers_as_a_fresh_one(tmp_path: Path, terms: bool, seed: int) -> None:
    draw = random.Random(seed)
    items: Sequence[recs.Item] = make_items(24)
    recs.save_index(built(items, terms=terms), tmp_path / "index")
    most = 0
    for _ in range(12):
        items = changed(items, draw)
        earlier = recs.open_index(tmp_path / "index", embedder=make_embedder())
        index = built(items, earlier, terms=terms)
        recs.save_index(index, tmp_path / "index")
        fresh = built(items, terms=terms)
        again = recs.open_index(tmp_path / "index", embedder=make_embedder())
        most = max(most, len(again.segments))
        for one in (index, again):
            same_answers(one, fresh)
        assert verify(tmp_path / "index")
    assert 2 <= most <= 5


def same_answers(one: Index, fresh: Index) -> None:
    assert [one.table[row].id for row in range(len(one))] == [fresh.table[row].id for row in range(len(fresh))]
    assert np.array_equal(one.table.contents, fresh.table.contents)
    for query in QUERIES:
        for where in FILTERS:
            near(one.search(query, where=where, k=99), fresh.search(query, where=where, k=99))
        near(one.passages(query, k=999), fresh.passages(query, k=999))
    near(one.similar("Plain soil and seed.", k=99), fresh.similar("Plain soil and seed.", k=99))
    if len(fresh):
        name = fresh.table[0].id
        near(one.similar_to_id(name, k=99), fresh.similar_to_id(name, k=99))


def near(ours: Sequence[Any], theirs: Sequence[Any]) -> None:
    """Assert that the same hits or passages came, in an order that differs at most where scores differ by 1e-5."""
    score = {(each.id, getattr(each, "start", 0)): each.score for each in ours}
    assert score == pytest.approx({(each.id, getattr(each, "start", 0)): each.score for each in theirs}, abs=1e-5)
    assert [each.score for each in ours] == pytest.approx([each.score for each in theirs], abs=1e-5)


def test_only_what_changed_is_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    items = make_items(30)
    index = built(items)
    embedder = make_embedder()
    asked: list[str] = []
    embed = type(embedder).embed
    monkeypatch.setattr(
        type(embedder), "embed", lambda self, texts, **how: (asked.extend(how["ids"]), embed(self, texts, **how))[1]
    )
    items[7] = replace(items[7], text="Another text.")
    index = built([*items[:20], *items[21:], recs.Item("new", "New.")], index)
    assert sorted(asked) == sorted(["new", items[7].id])
    assert [len(segment.rows) for segment in index.segments] == [30, 2]
    asked.clear()
    index = built([item for item in items if item.id != items[20].id], index)
    assert not asked  # nothing new; "new" was withdrawn
    index = built(items, index)
    assert set(asked) == {items[20].id, items[7].id}  # the small segment is counted again


def test_segments_are_few_and_each_item_is_counted_few_times() -> None:
    table = built(make_items(1), terms=True).table
    index = built([recs.Item("0000", "Soil.")], terms=True)
    counted = 0
    for n in range(2, 130):
        items = [recs.Item(f"{row:04}", "Soil.") for row in range(n)]
        index = built(items, index, terms=True)
        counted += len(index.segments[-1].rows)
        assert len(index.segments) <= np.log2(n) + 1
    assert counted <= 129 * (np.log2(129) + 1)
    assert len(table) == 1


def test_half_empty_segment_is_counted_again() -> None:
    items = [recs.Item(f"{row}", "Soil.") for row in range(8)]
    index = built(items, terms=True)
    for kept, sizes in ((5, [8]), (4, [8]), (3, [3])):
        assert [len(segment.rows) for segment in built(items[:kept], index, terms=True).segments] == sizes
    assert carried(index.segments, built([], terms=True).table) == ([], [])


def test_segments_of_full_size_are_not_counted_again_for_new_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recs.retrieval.segment.SEGMENT_ITEMS", 10)
    items = [recs.Item(f"{row:04}", "Soil.") for row in range(60)]
    whole = [Segment.of(items[start : start + 10], None, range(start, start + 10)) for start in range(0, 60, 10)]
    index = Index(tuple(whole))
    sizes = [10] * 6
    for new, last in ((6, [6]), (1, [6, 1]), (2, [9]), (5, [14]), (8, [14, 8]), (5, [14, 13]), (30, [14, 13, 30])):
        items += [recs.Item(f"{len(items) + row:04}", "Soil.") for row in range(new)]
        index = built(items, index, terms=True)
        assert [len(segment.rows) for segment in index.segments] == sizes + last
    items[:60] = [replace(item, text="Seed.") if row % 10 < 4 else item for row, item in enumerate(items[:60])]
    index = built(items, index, terms=True)  # each has lost four of its items, and is kept
    assert [len(segment.rows) for segment in index.segments] == [*sizes, 14, 13, 30, 24]
    near(index.search("seed soil", k=999), built(items, terms=True).search("seed soil", k=999))


@pytest.mark.parametrize("how", ["withdrawn", "edited"])
def test_text_that_is_gone_is_not_in_the_new_generation(tmp_path: Path, how: str) -> None:
    items = make_items(12)
    secret = replace(items[5], title="Xyzzy", text="Xyzzy is here.", tags=("xyzzy",))
    before = [*items[:5], secret, *items[6:]]
    recs.save_index(built(before), tmp_path / "index")
    after = [*items[:5], *items[6:]] if how == "withdrawn" else items
    for _ in range(2):
        recs.save_index(built(after, recs.open_index(tmp_path / "index")), tmp_path / "index")
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(file.stat().st_nlink > 1 for file in files)  # the segment was kept
    assert not [file for file in files if b"yzzy" in file.read_bytes()]
    assert verify(tmp_path / "index")
    recs.save_index(built(before, recs.open_index(tmp_path / "index")), tmp_path / "index")
    same_answers(recs.open_index(tmp_path / "index", embedder=make_embedder()), built(before))


def test_index_of_another_model_is_not_used() -> None:
    items = make_items(6)
    of_terms, of_vectors = built(items, terms=True), built(items)
    same_answers(built(items, of_terms), of_vectors)
    same_answers(built(items, of_vectors, terms=True), of_terms)
    other = recs.build_index(items, embedder=make_embedder(fingerprint="e" * 64), previous=of_vectors, cache=False)
    assert other.vectors is not None
    assert other.vectors.fingerprint == "e" * 64


def test_reader_of_an_updated_index_goes_on(tmp_path: Path) -> None:
    items = make_items(20)
    recs.save_index(built(items), tmp_path / "index")
    reader = recs.open_index(tmp_path / "index", embedder=make_embedder())
    expected = reader.search("soil seed", where={"tag": "garden"}, k=99)
    for row in range(3):
        items[row] = replace(items[row], text="Changed.")
        recs.save_index(built(items, recs.open_index(tmp_path / "index")), tmp_path / "index")
    assert reader.search("soil seed", where={"tag": "garden"}, k=99) == expected


def test_index_that_was_replaced_twice_meanwhile_is_refused(tmp_path: Path) -> None:
    items = make_items(20)
    recs.save_index(built(items), tmp_path / "index")
    late = built([*items, recs.Item("new", "New.")], recs.open_index(tmp_path / "index"))
    for _ in range(2):
        recs.save_index(built(items), tmp_path / "index")
    with pytest.raises(OutputError, match="run it again"):
        recs.save_index(late, tmp_path / "index")
    same_answers(recs.open_index(tmp_path / "index", embedder=make_embedder()), built(items))


WRITER = """
import sys
sys.path[:0] = sys.argv[2:]
from sites import make_items
import recs
for row in range(8):
    items = make_items(20 + row)
    recs.save_index(recs.build_index(items, signals="terms"), sys.argv[1])
"""


def test_two_writers_do_not_remove_what_the_other_one_writes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "index"), str(Path(__file__).parent), *sys.path]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    assert [writer.communicate()[1] for writer in writers] == [b""] * 3
    assert verify(tmp_path / "index")
    assert len(recs.open_index(tmp_path / "index")) == 27
