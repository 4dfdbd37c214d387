"""Whose word a label is, and which labels may be said."""

import pytest

from recs.errors import OptionError, SourceError
from recs.items import Item
from recs.labels import LabelRules, load_label_rules, read_labels


def items_with(*metas, **fields):
    return [Item(id=f"i{place}", text="t", meta=meta, **fields) for place, meta in enumerate(metas)]


def test_read_labels_automatic_ones_are_kept_apart():
    items = items_with({"kind": ["a", "b"], "kind_auto": ["b"]}, {"kind": "c", "kind_auto": "c"}, {"kind": "a"})
    found = read_labels(items, "kind")
    assert found.given == {"i0": ("a",), "i2": ("a",)}
    assert found.automatic == {"i0": {"b"}, "i1": {"c"}}
    assert found.single


def test_read_labels_automatic_one_that_was_taken_away_is_a_correction():
    items = items_with({"kind": ["a"], "kind_auto": ["b"]}, {"kind": ["a", "b"], "kind_auto": ["b"]})
    found = read_labels(items, "kind")
    assert found.given == {"i0": ("a",), "i1": ("a",)}
    assert found.automatic == {"i1": {"b"}}


def test_read_labels_renamed_ones_are_one():
    items = items_with(
        {"kind": ["old", "new"]}, {"kind": "old"}, {"kind": ["new"], "kind_auto": ["old"]}, {"kind": "x"}
    )
    found = read_labels(items, "kind", LabelRules(renamed={"old": "new"}))
    assert found.given == {"i0": ("new",), "i1": ("new",), "i3": ("x",)}
    assert found.single


def test_read_labels_of_fields_of_items_and_of_meta():
    item = Item(id="a", text="t", tags=("x", "y"), category="c", lang="en", meta={"tags": "no", "n": 3})
    assert read_labels([item], "tags").given == {"a": ("x", "y")}
    assert not read_labels([item], "tags").single
    assert read_labels([item], "category").given == {"a": ("c",)}
    assert read_labels([item], "n").given == {"a": ("3",)}


@pytest.mark.parametrize("value", ["", "  ", None, float("nan"), True, {"name": "a"}, [{"name": "a"}], 1.5, [], [None]])
def test_read_labels_what_is_no_name_is_no_label(value):
    with pytest.raises(OptionError, match=r"no item has a label in 'kind'.*: 'other'\.$"):
        read_labels(items_with({"kind": value, "other": "x"}), "kind")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a/b", "a/b"), ("=cmd()", "=cmd()"), ("<script>", "<script>"), (" two\n words ", "two words"), ("\ud800é", "?é")],
)
def test_read_labels_odd_names_are_names_on_one_line(value, expected):
    assert read_labels(items_with({"kind": value}), "kind").given == {"i0": (expected,)}


def test_may_say_knows_a_label_by_both_names():
    rules = LabelRules(allowed=("a", "new", "gone"), retired=("gone", "older"), renamed={"old": "new", "older": "a"})
    assert [name for name in ("a", "new", "old", "gone", "older", "x") if rules.may_say(name)] == ["a", "new", "old"]
    assert not LabelRules(allowed=()).may_say("a")
    assert LabelRules().may_say("a")


def test_load_label_rules_reads_what_the_file_says(tmp_path):
    path = tmp_path / "labels.toml"
    path.write_text('\ufeffallowed = ["a"]\nretired = ["b"]\n[renamed]\nx = "a"\n[texts]\na = "All about a"\n')
    rules, texts = load_label_rules(path)
    assert rules == LabelRules(("a",), ("b",), {"x": "a"})
    assert texts == {"a": "All about a"}


@pytest.mark.parametrize(
    "text",
    [
        "allowed = 'a'",
        "retired = [1]",
        "renamed = ['a']",
        "[renamed]\na = 1",
        "texts = 'a'",
        "[texts]\na = 1",
        "[",
        "x = 1",
    ],
)
def test_load_label_rules_anything_else_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "labels.toml"
    path.write_text(text)
    with pytest.raises(SourceError, match=r"labels\.toml: not a file of label rules"):
        load_label_rules(path)


def test_load_label_rules_missing_or_binary_file_is_refused(tmp_path):
    (tmp_path / "b").write_bytes(b"\xff\xfe\x00")
    for name in ("a", "b"):
        with pytest.raises(SourceError, match="not a file of label rules"):
            load_label_rules(tmp_path / name)
