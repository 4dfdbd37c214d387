"""The folder of an index: what is in it, what is not, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sites import make_index, make_items
from standins import make_embedder

import recs
from recs.errors import OutputError, SourceError
from recs.retrieval.index import Index
from recs.retrieval.storage import is_index, verify

QUERIES = ("soil seed", "Kitchen 2", "p003", '"dough oven"', "brakw chain", "")


def saved(path: Path, items: Any = None, *, terms: bool = False) -> Index:
    index = make_index(items, terms=terms)
    recs.save_index(index, path)
    return index


def opened(path: Path) -> Index:
    return recs.open_index(path, embedder=make_embedder())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an index with vectors. Tests copy it before they change it."""
    path = tmp_path_factory.mktemp("index") / "whole"
    saved(path)
    return path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def change(path: Path, **changes: Any) -> None:
    manifest = json.loads((path / "manifest.json").read_text("utf-8"))
    (path / "manifest.json").write_text(json.dumps({**manifest, **changes}), "utf-8")


def file_of(path: Path, name: str) -> Path:
    (file,) = path.glob(f"*/*/{name}")
    return file


@pytest.mark.parametrize("terms", [True, False])
def test_opened_index_answers_as_the_saved_one(tmp_path: Path, terms: bool) -> None:
    index = saved(tmp_path / "index", terms=terms)
    again = opened(tmp_path / "index")
    assert len(again) == len(index)
    for query in QUERIES:
        for where in (None, {"tag": "garden"}, {"people": "bo"}, {"level": 1, "lang": "en"}, {"since": "2026-02"}):
            assert again.search(query, where=where) == index.search(query, where=where)
            assert again.passages(query, where=where) == index.passages(query, where=where)
        assert again.context(query, max_tokens=90) == index.context(query, max_tokens=90)


@pytest.mark.parametrize(
    "items",
    [
        [],
        [recs.Item("a", "", title="Only a title")],
        [recs.Item("a\ud83d", "Half a pair \ud83d here.", category="\ud83d", tags=["\ud83d"])],
        [recs.Item("a", "Plant it.", meta={"nan": float("nan"), "deep": {"b": [1]}, "long": "x" * 5000, "yes": True})],
        [recs.Item("a\nb\u2028c", "Plant\nit\u2028here.")],
    ],
)
@pytest.mark.parametrize("terms", [True, False])
def test_odd_items_are_written_and_read(tmp_path: Path, items: list[recs.Item], terms: bool) -> None:
    index = saved(tmp_path / "index", items, terms=terms)
    again = opened(tmp_path / "index")
    for query in ("plant pair", "only a title", "here"):
        assert again.search(query) == index.search(query)
    assert verify(tmp_path / "index") > 5


@pytest.mark.parametrize("how", ["status", "items"])
def test_nothing_of_a_closed_item_is_in_the_folder(tmp_path: Path, how: str) -> None:
    open_items = [{"id": "open", "title": "Open", "text": "Plant the cloves. <!-- xyzzy -->", "markup": "html"}]
    closed: list[dict[str, Any]] = [
        {"id": "xyzzy1", "text": "xyzzy", "status": "draft"},
        {"id": "xyzzy2", "text": "xyzzy", "status": "private"},
        {"id": "xyzzy3", "text": "xyzzy", "date": "2999-01-01"},
        {"id": "xyzzy4", "text": "xyzzy", "status": "no such status"},
        {"id": "xyzzy5", "text": "xyzzy", "password": "xyzzy"},
    ]
    source: Any = [*open_items, *closed]
    if how == "items":
        source = [recs.Item("open", "Plant the cloves.", body="<!-- xyzzy -->", markup="html", excludes=["xyzzy"])]
        for row, visibility in enumerate(("draft", "private", "scheduled", "unknown", "unlisted")):
            source.append(recs.Item(f"xyzzy{row}", "xyzzy", title="xyzzy", tags=["xyzzy"], visibility=visibility))
    index = saved(tmp_path / "index", source)
    assert [hit.id for hit in opened(tmp_path / "index").search("xyzzy cloves")] == ["open"]
    for query in ("xyzzy", "xyzzy1", '"xyzzy"'):
        assert all(hit.id == "open" for hit in index.search(query, k=99))
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(b"cloves" in file.read_bytes() for file in files)
    assert not [file.name for file in files if b"xyzzy" in file.read_bytes()]


def test_index_leaves_out_what_only_rules_and_links_need(tmp_path: Path) -> None:
    saved(tmp_path / "index", [recs.Item("a", "Plain.", body="<b>Plain.</b>", markup="html", pins=["b"])], terms=True)
    kept = json.loads(file_of(tmp_path / "index", "items.jsonl").read_bytes())
    assert kept == {"id": "a", "text": "Plain."}


def names_of_files() -> list[str]:
    parts = (
        "ids",
        "contents",
        "rows",
        "offsets",
        "titles",
        "terms-terms",
        "terms-starts",
        "terms-rows",
        "terms-in_title",
    )
    more = (
        "terms-in_text",
        "terms-lengths",
        "vectors-items",
        "vectors-passages",
        "vectors-starts",
        "vectors-spans",
        "vectors-readable",
    )
    return [*(f"{name}.npy" for name in (*parts, *more)), "items.jsonl", "columns.json"]


def test_names_of_files_are_all_files(whole: Path) -> None:
    assert {file.name for file in whole.glob("*/*/*")} == set(names_of_files())


@pytest.mark.parametrize("name", names_of_files())
@pytest.mark.parametrize("how", ["removed", "cut", "empty", "longer"])
def test_torn_folder_is_refused_in_one_line(copy: Path, name: str, how: str) -> None:
    file = file_of(copy, name)
    data = file.read_bytes()
    if how == "removed":
        file.unlink()
    else:
        file.write_bytes({"cut": data[:-3], "empty": b"", "longer": data + b"x"}[how])
    for read in (recs.open_index, verify):
        with pytest.raises(SourceError) as caught:
            read(copy)
        assert "\n" not in str(caught.value)
        assert str(copy) in str(caught.value)


@pytest.mark.parametrize("name", names_of_files())
def test_verify_notices_a_changed_byte_and_a_search_never_ends_in_a_traceback(copy: Path, name: str) -> None:
    file = file_of(copy, name)
    data = file.read_bytes()
    messages: list[str] = []
    places = sorted({0, 6, 60, len(data) // 2, len(data) - 9, len(data) - 1})
    for place in places:
        file.write_bytes(data[:place] + bytes([data[place] ^ 0x85]) + data[place + 1 :])
        with pytest.raises(SourceError, match=name):
            verify(copy)
        try:
            index = opened(copy)
            for query in QUERIES:
                index.search(query, where={"tag": ["garden", "tools"]}, k=99)
                index.context(query)
        except recs.RecsError as error:
            messages.append(str(error))
    assert not any("\n" in message for message in messages)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "recs.index/1"},
        {"schema": "recs.related/1"},
        {"schema": None},
        {"generation": "../copy"},
        {"generation": ".."},
        {"generation": "."},
        {"generation": ""},
        {"generation": "/"},
        {"generation": "a\0b"},
        {"generation": 7},
        {"generation": "0" * 16},
        {"files": []},
        {"files": {}},
        {"files": {"ids.npy": 3}},
        {"files": {"../../secret.npy": {"bytes": 1, "sha256": ""}}},
        {"space": "abc"},
        {"space": [1, 2, 3]},
        {"space": ["a", "b"]},
    ],
)
def test_manifest_that_is_not_ours_is_refused(copy: Path, changes: dict[str, Any]) -> None:
    change(copy, **changes)
    with pytest.raises(SourceError) as caught:
        recs.open_index(copy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff\xfe", b'{"schema": "recs.index/2"}']
)
def test_foreign_manifest_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(text)
    for read in (recs.open_index, verify):
        with pytest.raises(SourceError):
            read(tmp_path)


@pytest.mark.parametrize("place", ["absent", "x" * 300, "a\0b"])
def test_place_without_an_index_is_refused(tmp_path: Path, place: str) -> None:
    assert not is_index(tmp_path / place)
    with pytest.raises(SourceError, match="no index"):
        recs.open_index(tmp_path / place)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("terms-rows", lambda rows: rows + np.int32(99)),
        ("terms-rows", lambda rows: rows - np.int32(99)),
        ("terms-starts", lambda starts: starts[::-1].copy()),
        ("offsets", lambda offsets: offsets[::-1].copy()),
        ("vectors-starts", lambda starts: np.concatenate([[0, 0], starts[2:]])),
        ("vectors-items", lambda items: items.astype(np.float64)),
        ("ids", lambda ids: ids.astype(object)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(copy: Path, name: str, array: Callable[[Any], Any]) -> None:
    file = file_of(copy, f"{name}.npy")
    np.save(file, array(np.load(file)), allow_pickle=True)
    manifest = json.loads((copy / "manifest.json").read_text("utf-8"))
    manifest["files"][f"0/{file.name}"]["bytes"] = file.stat().st_size
    change(copy, files=manifest["files"])
    with pytest.raises(SourceError, match="broken index"):
        recs.open_index(copy)


def test_reader_goes_on_with_the_generation_that_it_opened(tmp_path: Path) -> None:
    path = tmp_path / "index"
    before = saved(path)
    reader = opened(path)
    saved(path, [recs.Item("new", "Soil and seed.")])
    for query in QUERIES:
        assert reader.search(query, where={"tag": "garden"}) == before.search(query, where={"tag": "garden"})
    assert [hit.id for hit in opened(path).search("soil")] == ["new"]
    assert len([folder for folder in path.iterdir() if folder.is_dir()]) == 2

    late = opened(path)
    for _ in range(2):
        saved(path, [recs.Item("newest", "Soil and seed.")])
    assert [hit.id for hit in late.search("soil")] == ["new"]
    with pytest.raises(SourceError, match="open it again"):  # a file that it had not read yet is gone
        late.search("soil", where={"tag": "garden"})


def test_other_files_are_neither_replaced_nor_removed(tmp_path: Path) -> None:
    path = tmp_path / "site"
    path.mkdir()
    (path / "note.txt").write_text("mine")
    with pytest.raises(OutputError, match="is no index"):
        saved(path)
    with pytest.raises(OutputError):
        saved(path / "note.txt")
    assert [file.name for file in path.iterdir()] == ["note.txt"]

    (path / "note.txt").unlink()
    saved(path)
    (path / "photos").mkdir()
    (path / "photos" / "one.jpg").write_text("mine")
    for _ in range(3):
        saved(path)
    assert (path / "photos" / "one.jpg").read_text() == "mine"
    assert verify(path) == len(names_of_files())


def test_failed_write_leaves_the_earlier_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path / "index")
    before = sorted(tmp_path.rglob("*"))

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OutputError, match="No space left"):
        saved(tmp_path / "index", terms=True)
    assert sorted(tmp_path.rglob("*")) == before
    assert len(opened(tmp_path / "index").search("soil")) > 1


def test_model_that_is_another_one_now_is_refused(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recs.embedding.load.load_embedder", lambda name, **_: make_embedder(fingerprint="e" * 64))
    index = recs.open_index(whole)
    assert index.search("soil", signals="terms")
    with pytest.raises(recs.RecsError, match="not the model that the vectors were made with"):
        index.search("soil")
    with pytest.raises(recs.RecsError, match="another space"):
        recs.open_index(whole, embedder=make_embedder(fingerprint="e" * 64)).search("soil")


def test_search_items_takes_the_folder_of_an_index(whole: Path) -> None:
    embedder = make_embedder()
    assert recs.search_items("soil seed", whole, embedder=embedder) == opened(whole).search("soil seed")
    assert recs.search_items("soil seed", str(whole), embedder=embedder, k=1) == opened(whole).search("soil seed", k=1)
    assert recs.search_items("soil", make_items(), signals="terms") == make_index(terms=True).search("soil")
    assert recs.search_passages("soil", whole, embedder=embedder) == opened(whole).passages("soil")
