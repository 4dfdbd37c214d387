"""A folder with a file for each item: safe names for any id, nothing written without a change, nothing left behind."""

import hashlib
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recs import Item, Match, RelatedLists
from recs.errors import OutputError
from recs.ranking.probability import ScoreScale
from recs.writers.item_files import file_name, write_item_files
from recs.writers.related import write_related

HARD_IDS = [
    "",
    ".",
    "..",
    "../../etc/passwd",
    "a/b",
    "A",
    "a",
    "con",
    "nul.txt",
    "x" * 5000,
    "e\u0301",
    "\u00e9",
    "\0",
    "7",
]


def stamps(folder):
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()}


def read(folder):
    return {
        document["id"]: document["related"]
        for document in (json.loads(path.read_text(encoding="utf-8")) for path in folder.iterdir())
    }


@given(st.text(st.characters(exclude_categories=())))
def test_file_name_is_safe_and_made_of_the_id_alone(item_id):
    digest = hashlib.sha256(item_id.encode("utf-8", "surrogatepass")).hexdigest()
    assert file_name(item_id) == digest[:32] + ".json"


def test_write_item_files_writes_one_file_for_any_id(tmp_path):
    lists = {name: [{"id": other} for other in HARD_IDS[:2]] for name in HARD_IDS}
    write_item_files(lists, tmp_path / "out")
    assert read(tmp_path / "out") == lists
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert len({path.name.casefold() for path in (tmp_path / "out").iterdir()}) == len(HARD_IDS)


def test_write_item_files_touches_only_what_changes(tmp_path):
    lists = {"a": [{"id": "b"}], "b": [{"id": "a"}], "c": []}
    write_item_files(lists, tmp_path)
    before = stamps(tmp_path)
    write_item_files(lists, tmp_path)
    assert stamps(tmp_path) == before
    write_item_files({**lists, "b": []}, tmp_path)
    after = stamps(tmp_path)
    assert {name for name in after if after[name] != before[name]} == {file_name("b")}


def test_write_item_files_removes_items_that_are_gone_and_nothing_else(tmp_path):
    others = {"index.html": "x", "0" * 32 + ".json": "{}", "README": ""}
    for name, text in others.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    write_item_files({"a": [], "secret": [{"id": "a"}]}, tmp_path)
    write_item_files({"a": []}, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, file_name("a")])


def test_write_item_files_beside_a_lone_surrogate_can_be_read_and_removed(tmp_path):
    write_item_files(dict.fromkeys(["a\ud800", "a\ud801"], ()), tmp_path)
    assert [list(read(tmp_path)), len(list(tmp_path.iterdir()))] == [["a?"], 2]
    write_item_files({}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_write_item_files_where_a_file_is_in_the_way_is_one_line(tmp_path):
    (tmp_path / "out").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="a file is in the way"):
        write_item_files({"a": []}, tmp_path / "out")


@pytest.mark.parametrize("form", ["files", "hugo", "jekyll", "eleventy", "json", "csv"])
def test_write_related_with_nothing_new_keeps_every_file(tmp_path, form):
    items = {name: Item(id=name, text="t") for name in ("a", "b")}
    lists = RelatedLists(
        lists={"a": (Match("b", 0.5),), "b": ()},
        items=items,
        model=None,
        score=ScoreScale("x", (0.0, 1.0)),
        config={},
        counts={},
        corpus="0" * 64,
    )
    write_related(lists, tmp_path / "out", format=form)
    files = [path for path in [tmp_path / "out", *tmp_path.glob("out/*")] if path.is_file()]
    for path in files:
        os.utime(path, ns=(10**9, 10**9))
    write_related(lists, tmp_path / "out", format=form)
    assert [path.stat().st_mtime_ns for path in files] == [10**9] * (2 if form == "files" else 1)
