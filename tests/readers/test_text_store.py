"""Items whose texts are on the disk are the same items."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

import recs
from recs.readers import text_store
from recs.readers.text_store import StoredItem, TextStore
from recs.times import Times

DATASETS = Path(__file__).parents[2] / "datasets"
texts = st.text(st.characters(), max_size=40)  # halves of characters too: a source may hold them
seconds = st.none() | st.floats(0, 1e6)
cues = st.lists(st.tuples(st.integers(0, 40), seconds, seconds), max_size=4)


@given(text=texts, body=texts, cues=cues)
def test_a_stored_item_is_equal_to_the_item(text: str, body: str, cues: list[tuple[int, float, float]]) -> None:
    times = Times(*zip(*sorted(cues, key=lambda cue: cue[0]), strict=True)) if cues else None
    item = recs.Item("é", text, title="T", body=body, times=times, tags=("a",), meta={"n": 1})
    stored = TextStore(in_memory=0).keep(item)
    if text or body or cues:
        assert isinstance(stored, StoredItem)
    assert (stored.text, stored.body, stored.times, stored.written) == (text, body, times, item.written)
    assert stored == item
    assert item == stored
    assert hash(stored) == hash(item)
    assert stored != replace(item, text=text + "x")
    assert item != replace(stored, body=body + "x")
    again = pickle.loads(pickle.dumps(stored))
    assert type(again) is recs.Item
    assert again == item


def test_changed_items_stay_where_they_were() -> None:
    store = TextStore(in_memory=6)
    first, second = (store.keep(recs.Item(name, "Soil.")) for name in "ab")
    assert [type(item) for item in (first, second)] == [recs.Item, StoredItem]
    changed = store.keep_change(second, replace(second, text="Seed.", visibility="draft"))
    assert type(changed) is StoredItem
    assert (changed.text, changed.visibility) == ("Seed.", "draft")
    assert second.text == "Soil."
    assert type(store.keep_change(first, replace(first, text="A longer text."))) is recs.Item


def test_threads_read_while_another_one_writes() -> None:
    store = TextStore(in_memory=0)
    items = [store.keep(recs.Item(str(number), f"{number} " * 500)) for number in range(50)]
    wrong: list[str] = []

    def read() -> None:
        wrong.extend(item.id for _ in range(20) for item in items if item.text != f"{item.id} " * 500)

    threads = [Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(300):
        store.keep(recs.Item(f"more {number}", "x" * 5_000))
    for thread in threads:
        thread.join()
    assert not wrong


def test_threads_keep_items_in_one_store() -> None:
    store = TextStore(in_memory=0)
    kept: list[recs.Item] = []

    def keep(name: str) -> None:
        kept.extend(store.keep(recs.Item(f"{name} {number}", f"{name} {number} " * 40)) for number in range(200))

    threads = [Thread(target=keep, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [item.id for item in kept if item.text != f"{item.id} " * 40] == []


def test_the_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECS_CACHE_DIR", str(tmp_path))
    item = TextStore(in_memory=0).keep(recs.Item("garlic", "Plant it."))
    assert item.text == "Plant it."
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("source", ["posts.json", "blog", "podcast.xml"])
def test_a_source_that_does_not_fit_is_the_same_collection(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = DATASETS / source
    in_memory = recs.read_items(path, now="2026-11-01")
    monkeypatch.setattr(text_store, "IN_MEMORY", 2_000)
    on_disk = recs.read_items(path, now="2026-11-01")
    assert sum(isinstance(item, StoredItem) for item in on_disk) > len(on_disk) // 2
    assert on_disk == in_memory
    lists = [recs.related_items(items, signals="terms", k=3) for items in (in_memory, on_disk)]
    assert lists[0].lists == lists[1].lists
    assert lists[0].corpus == lists[1].corpus
