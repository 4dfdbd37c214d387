"""Which labels a person gave, and which labels may be given by a classifier."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recs.classification.labels import Labelled, LabelRules, load_label_rules, read_labels
from recs.errors import OptionError, SourceError
from recs.items import Item
from recs.readers.field_names import ALIASES


def items_with(*metas, **fields):
    return [Item(id=f"i{place}", text="t", meta=meta, **fields) for place, meta in enumerate(metas)]


def test_read_labels_automatic_ones_are_kept_apart():
    items = items_with({"kind": ["a", "b"], "kind_auto": ["b"]}, {"kind": "c", "kind_auto": "c"}, {"kind": "a"})
    found = read_labels(items, "kind")
    assert found.given == {"i0": ("a",), "i2": ("a",)}
    assert found.automatic == {"i0": {"b"}, "i1": {"c"}}
    assert found.single


def test_read_labels_automatic_one_that_was_removed_is_a_correction():
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


@pytest.mark.parametrize("value", ["", "  ", None, float("nan"), [], [None], ["", float("nan")], {}, np.nan])
def test_read_labels_empty_values_are_no_labels(value):
    with pytest.raises(OptionError, match=r"no item has a label in 'kind' .*: 'other'\.$"):
        read_labels(items_with({"kind": value, "other": "x"}), "kind")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False, True], ["true", "false", "true"]),
        ([np.bool_(True), False], ["true", "false"]),
        ([3, 0, -1], ["3", "0", "-1"]),
        ([3.0, 4, float("nan")], ["3", "4", None]),
        ([np.int64(3), np.float32(4)], ["3", "4"]),
        ([Decimal(7), 7.0, 2**64], ["7", "7", str(2**64)]),
        (["3", "3.0", "true", "False"], ["3", "3.0", "true", "False"]),
        (["a", ["b", "c"], ("c",), None], ["a", ("b", "c"), "c", None]),
        ([[{"name": "A b", "slug": "a"}, {"slug": "s"}], {"name": "C"}], [("A b", "s"), "C"]),
        ([["a", {"name": "b"}], "c"], [("a", "b"), "c"]),
        ([frozenset(("b", "a"))], [("a", "b")]),
        ([np.array(["a", "b"])], [("a", "b")]),
    ],
)
def test_read_labels_of_one_kind_are_names(values, expected):
    found = read_labels(items_with(*({"kind": value} for value in values)), "kind")
    names = [(name,) if isinstance(name, str) else name for name in expected]
    assert found.given == {f"i{place}": name for place, name in enumerate(names) if name is not None}
    assert found.single == all(len(name) == 1 for name in names if name is not None)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            [[1, 0, 1], [0, 0, 1]],
            r"lists of numbers \(2, such as \[1, 0, 1\]\); a one-hot list .* give their names",
        ),
        ([[0.5, 1.0]], r"lists of numbers \(1, such as \[0\.5, 1\.0\]\)"),
        ([np.array([1, 0])], r"lists of numbers \(1, such as \[1, 0\]\)"),
        (
            [[True, False], "a"],
            r"lists of booleans \(1, such as \[True, False\]\) and strings \(1, such as 'a'\); a one-hot",
        ),
        (
            [True, "maybe", True],
            r"booleans \(2, such as True\) and strings \(1, such as 'maybe'\); .* write all of them as",
        ),
        ([True, 1], "booleans .* and whole numbers .* of one kind"),
        ([3, "three", "four"], r"strings \(2, such as 'three'\) and whole numbers \(1, such as 3\); .* of one kind"),
        ([True, ["a"]], "booleans .* and lists of strings"),
        ([["a", 3]], "lists of mixed values .* write all labels of a list as strings"),
        ([["a", ["b"]]], "lists of mixed values"),
        ([["a", {"x": 1}]], "lists of mixed values"),
        (
            [0.25, 1.0, 2],
            r"whole numbers \(2, such as 1\.0\) and numbers with a fraction \(1, such as 0\.25\); a measurement is not",
        ),
        ([1e300, float("inf")], "numbers with a fraction"),
        ([Decimal("0.5")], "numbers with a fraction"),
        ([10**400], "too long to be names"),
        ([{"a": 1}], r"mappings \(1, such as \{'a': 1\}\); a mapping is not a label"),
        ([{"name": 5}], "mappings"),
        ([date(2024, 1, 1)], "values of type date .* write each label as a string"),
        ([b"a"], "values of type bytes"),
        (["x\ny" * 999, 1], r"such as 'x\\"),
    ],
)
def test_read_labels_values_that_name_no_label_are_refused(values, said):
    items = items_with(*({"kind": value, "other": "x"} for value in values))
    for required in (True, False):
        with pytest.raises(OptionError, match=f"^the label field 'kind' holds .*{said}") as told:
            read_labels(items, "kind", required=required)
        assert "\n" not in str(told.value)
        assert len(str(told.value)) < 400


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
_VALUES = _SCALARS | st.lists(_SCALARS | st.dictionaries(st.sampled_from(["name", "slug", "x"]), _SCALARS), max_size=3)


@given(values=st.lists(_VALUES | st.dictionaries(st.sampled_from(["name", "x"]), _VALUES), max_size=6))
def test_read_labels_drops_no_value_silently(values):
    items = items_with(*({"kind": value} for value in values))
    try:
        found = read_labels(items, "kind", required=False)
    except OptionError:
        return
    empty = (None, "", [], {})
    for item in items:
        value = item.meta["kind"]
        parts = value if isinstance(value, list) else [value]
        held = [part for part in parts if part == part and part not in empty and str(part).strip()]
        assert bool(held) == (item.id in found.given)
        assert len({str(part) for part in held}) >= len(found.given.get(item.id, ()))


def test_read_labels_automatic_ones_of_every_kind_are_kept_apart():
    items = items_with(
        {"spam": True, "spam_auto": True}, {"spam": False, "spam_auto": ["true"]}, {"spam": True}, {"spam_auto": "x"}
    )
    found = read_labels(items, "spam")
    assert found.given == {"i1": ("false",), "i2": ("true",)}
    assert found.automatic == {"i0": {"true"}}
    numbered = items_with({"n": 3.0, "n_auto": [3]}, {"n": 4, "n_auto": ["3"]})
    assert read_labels(numbered, "n").given == {"i1": ("4",)}
    with pytest.raises(OptionError, match="the label field 'n_auto' holds mappings"):
        read_labels(items_with({"n": 3, "n_auto": {"3": 0.9}}), "n")


def test_read_labels_of_a_field_that_the_reader_took_for_tags_keep_their_own_values():
    items = [
        Item(id="a", text="t", tags=("x", "y"), category="c", meta={"labels": "x, y", "section": "One, two"}),
        Item(id="b", text="t", tags=("1", "0"), meta={"labels": "y", "Key-Words": ["k"]}),
    ]
    assert read_labels(items, "labels").given == {"a": ("x", "y"), "b": ("y",)}
    assert read_labels(items, "section").given == {"a": ("One, two",)}
    assert read_labels(items, "key_words").given == {"b": ("k",)}
    one_hot = [Item(id="a", text="t", tags=("1", "0"), meta={"labels": [1, 0, 1]})]
    with pytest.raises(OptionError, match="'labels' holds lists of numbers"):
        read_labels(one_hot, "labels")


@pytest.mark.parametrize("name", [name for name in ALIASES["tags"] if name != "tags"])
@pytest.mark.parametrize("spelled", [str, str.upper, lambda name: f"{name[:3]}_{name[3:]}"])
def test_read_labels_a_string_in_any_field_of_tags_is_several(name, spelled):
    field = spelled(name)
    metas = ({field: "soil, seed"}, {field: "frost"}, {field: "seed, rain", f"{field}_auto": "rain, snow"})
    found = read_labels(items_with(*metas), field)
    assert found.given == {"i0": ("seed", "soil"), "i1": ("frost",), "i2": ("seed",)}
    assert found.automatic == {"i2": {"rain"}}
    assert not found.single
    assert read_labels(items_with({"subject": "soil, seed"}), "subject").given == {"i0": ("soil, seed",)}


def test_without_leaves_out_items_and_their_labels():
    found = read_labels(items_with({"kind": ["a", "b"]}, {"kind": "c", "kind_auto": []}, {"kind": "d"}), "kind")
    assert found.without({"i0", "i9"}) == Labelled({"i1": ("c",), "i2": ("d",)}, {}, single=True)
    assert not found.without({"i1"}).single


@pytest.mark.parametrize("label", ["My-Label", "my_label", "MYLABEL", "my label"])
def test_read_labels_a_name_that_is_missing_is_folded(label):
    items = items_with({"my-label": "a"}, {"My_Label": "b"}, {"my-label": None, "My_Label": "c"}, {"x": "y"})
    expected = {"i0": ("a",), "i1": ("b",), "i2": ("c",)}
    assert read_labels(items, label).given == expected
    assert read_labels(items, "My_Label").given == expected
    assert read_labels(items_with({"Kind": "a", "kind": "b"}), "kind").given == {"i0": ("b",)}
    with pytest.raises(OptionError, match="'KIND' may be 'Kind' and 'kind', and item 'i0' has both; name one"):
        read_labels(items_with({"Kind": "a", "kind": "b"}), "KIND")


def test_read_labels_own_fields_are_preferred_to_folded_names():
    item = Item(id="a", text="t", tags=("x",), meta={"tags": "no"})
    assert read_labels([item], "Tags").given == {"a": ("x",)}
    assert read_labels([Item(id="a", text="t", tags=("x",), meta={"Tags": "yes"})], "Tags").given == {"a": ("yes",)}


def test_read_labels_unknown_field_is_an_error_that_names_other_fields():
    many = {f"f{number:02}": "x" for number in range(11)}
    metas = [
        {"kind": "ab"[place % 2], "kind_auto": [], "hot": [1, 0], "score": place / 7, "guid": f"g{place}", **many}
        for place in range(10)
    ]
    items = [
        Item(id=f"i{n}", text="t", category="c", meta={**meta, "body": "long " * 99}) for n, meta in enumerate(metas)
    ]
    listed = ", ".join(map(repr, ["category", *many]))
    said = (
        rf"no item has a label in 'kidn' \(there is no such field, or it is empty\); fields .*: {listed} and 1 more\.$"
    )
    with pytest.raises(OptionError, match=said):
        read_labels(items, "kidn")
    assert read_labels(items, "kidn", required=False).given == {}


def test_read_labels_only_automatic_ones_is_an_error():
    with pytest.raises(OptionError, match=r"no item has a label in 'kind' that a person gave; .*: 'kind'"):
        read_labels(items_with({"kind": "a", "kind_auto": ["a"]}), "kind")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("a/b", "a/b"), ("=cmd()", "=cmd()"), ("<script>", "<script>"), (" two\n words ", "two words"), ("\ud800é", "?é")],
)
def test_read_labels_odd_names_are_names_on_one_line(value, expected):
    assert read_labels(items_with({"kind": value}), "kind").given == {"i0": (expected,)}


def test_may_say_accepts_the_old_and_the_new_name():
    rules = LabelRules(allowed=("a", "new", "gone"), retired=("gone", "older"), renamed={"old": "new", "older": "a"})
    assert [name for name in ("a", "new", "old", "gone", "older", "x") if rules.may_say(name)] == ["a", "new", "old"]
    assert not LabelRules(allowed=()).may_say("a")
    assert LabelRules().may_say("a")


def test_load_label_rules_reads_all_tables_of_the_file(tmp_path):
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
