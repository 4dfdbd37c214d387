"""The index of a server while it is replaced, broken, withdrawn and made again."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from running_server import call, serving
from standins import BagEncoder, make_embedder

import recs
from recs.errors import SourceError
from recs.serving import live_index
from recs.serving.batcher import Batcher
from recs.serving.live_index import LiveIndex, QueryEmbedder
from recs.serving.requests import RequestError

TURNS = 20


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def write(folder: Path, turn: int, *, embedder: Any = None) -> None:
    """Write an index whose items all name the turn, so that a mixture of two would show."""
    items = [recs.Item(f"turn{turn}-{i}", f"Soil of turn{turn}. " * (1 + turn % 3), tags=["a"]) for i in range(5)]
    signals: Any = "terms" if embedder is None else "auto"
    recs.save_index(recs.build_index(items, embedder=embedder, signals=signals, cache=False), folder)


def turns_of(index: recs.Index) -> set[str]:
    hits = index.search("soil", k=100, where={"tag": "a"})
    assert len(hits) == 5
    for hit in hits:
        assert hit.passage is not None
        assert hit.id.partition("-")[0] in hit.passage.text
    return {hit.id.partition("-")[0] for hit in hits}


def queries() -> QueryEmbedder:
    batcher = Batcher(make_embedder(), queue_tokens=10**9, observe=lambda *_: None)
    return QueryEmbedder(make_embedder(), batcher, most_tokens=1000)


@pytest.mark.parametrize("with_vectors", [False, True])
def test_search_never_fails_or_mixes_while_the_index_is_rewritten(tmp_path, with_vectors):
    embedder = make_embedder(BagEncoder(4096)) if with_vectors else None
    write(tmp_path, 0, embedder=embedder)
    live = LiveIndex(tmp_path, queries() if with_vectors else None, every=0.0)
    done = threading.Event()
    failures: list[BaseException] = []
    seen: list[set[str]] = [set() for _ in range(3)]

    def search(turns: set[str]) -> None:
        try:
            while not done.is_set():
                one = turns_of(live.current())
                assert len(one) == 1
                turns |= one
        except BaseException as error:  # the thread hands it over
            failures.append(error)

    threads = [threading.Thread(target=search, args=(turns,)) for turns in seen]
    for thread in threads:
        thread.start()
    for turn in range(1, TURNS + 1):
        write(tmp_path, turn, embedder=embedder)
    done.set()
    for thread in threads:
        thread.join(20)
    assert not failures
    assert turns_of(live.current()) == {f"turn{TURNS}"}
    assert len(set.union(*seen)) > 2


def test_server_answers_from_the_new_index(tmp_path, monkeypatch):
    clock = Clock()
    monkeypatch.setattr("recs.serving.app.LiveIndex", lambda path, given: LiveIndex(path, given, clock=clock))
    write(tmp_path, 0)
    with serving(None, index=tmp_path) as port:
        for turn in range(1, 4):
            write(tmp_path, turn)
            clock.now += 1.0
            hits = call(port, "/search?q=soil&tag=a").json["hits"]
            assert {hit["id"].partition("-")[0] for hit in hits} == {f"turn{turn}"}


def test_folder_is_looked_at_once_a_second(tmp_path, monkeypatch):
    clock = Clock()
    looks: list[Path] = []
    stamp = live_index.manifest_stamp
    write(tmp_path, 0)
    live = LiveIndex(tmp_path, clock=clock)
    monkeypatch.setattr(live_index, "manifest_stamp", lambda path: looks.append(path) or stamp(path))
    for tenths in range(35):
        clock.now = tenths / 10
        live.current()
    assert len(looks) == 3


def test_index_that_is_replaced_while_it_is_opened_is_opened_again(tmp_path, monkeypatch):
    write(tmp_path, 0)
    live = LiveIndex(tmp_path, every=0.0)
    write(tmp_path, 1)
    monkeypatch.setattr(live_index, "open_index", open_late(live_index.open_index))
    assert turns_of(live.current()) == {"turn3"}


def open_late(open_index: Any) -> Any:
    """Return a function that opens an index, but the first time only after two others have replaced it."""
    turns = iter([2])

    def opened(path: Path, **options: Any) -> recs.Index:
        for turn in turns:
            (stale,) = (folder for folder in path.iterdir() if folder.name == generation(path))
            write(path, turn)
            write(path, turn + 1)
            assert not stale.exists()
            raise SourceError("the files of the manifest that was read are gone")
        index: recs.Index = open_index(path, **options)
        return index

    return opened


def generation(path: Path) -> str:
    return str(json.loads((path / "manifest.json").read_text("utf-8"))["generation"])


def test_old_index_is_usable_after_its_files_are_removed(tmp_path):
    write(tmp_path / "a", 0)
    old = LiveIndex(tmp_path / "a").current()
    shutil.rmtree(tmp_path / "a")
    assert turns_of(old) == {"turn0"}


def test_index_that_is_gone_answers_503_and_not_from_the_old_one_until_it_is_back(tmp_path, caplog):
    folder = tmp_path / "index"
    write(folder, 0)
    live = LiveIndex(folder, every=0.0)
    shutil.rmtree(folder)
    for _ in range(3):
        with pytest.raises(RequestError, match="cannot be used now") as caught:
            live.current()
        assert caught.value.status == 503
    assert [record.getMessage().split(":")[-1] for record in caplog.records] == [" recs index SOURCE -o index"]
    write(folder, 1)
    assert turns_of(live.current()) == {"turn1"}


@pytest.mark.parametrize("name", ["columns.json", "terms-rows.npy", "items.jsonl"])
def test_index_that_is_broken_answers_503(tmp_path, name):
    write(tmp_path, 0)
    live = LiveIndex(tmp_path, every=0.0)
    write(tmp_path, 1)
    newest = max(tmp_path.glob("*/"), key=lambda folder: (folder.is_dir(), folder.stat().st_mtime_ns))
    newest /= "0"  # its first segment
    size = (newest / name).stat().st_size
    (newest / name).write_bytes(b"{" * (size if name == "columns.json" else size - 1))
    with pytest.raises(RequestError, match="cannot be used now"):
        live.current()


def test_new_index_of_another_model_answers_503(tmp_path):
    write(tmp_path, 0, embedder=make_embedder())
    live = LiveIndex(tmp_path, queries(), every=0.0)
    write(tmp_path, 1, embedder=make_embedder(fingerprint="0" * 64))
    with pytest.raises(RequestError, match="cannot be used now"):
        live.current()
    write(tmp_path, 2)
    assert turns_of(live.current()) == {"turn2"}
