import csv
import io
import json
import os
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recs import Item, RecsError, read_items
from recs.errors import MissingDependencyError, OptionError, SourceError
from recs.readers.dates import parse_date

NOW = "2026-11-01"
POST = {"id": "a", "title": "A title", "text": "Some text of a post."}


def _read(source, **options):
    return read_items(source, **{"now": NOW, **options})


def _file(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


# Shapes of sources.


@pytest.mark.parametrize(
    "document",
    [
        [POST],
        {"items": [POST]},
        {"posts": [POST], "title": "a site"},
        {"Items": [POST]},
        {"count": 1, "results": [POST]},
        {"meta": {"status": 200}, "response": {"blog": {}, "posts": [POST]}},
        {"data": {"posts": [POST]}},
        {
            "version": "https://jsonfeed.org/version/1.1",
            "items": [{"id": "a", "title": "A title", "content_text": POST["text"]}],
        },
    ],
)
def test_read_items_json_shapes(tmp_path, document):
    (item,) = _read(_file(tmp_path, "posts.json", json.dumps(document)))
    assert (item.id, item.title, item.text) == ("a", "A title", "Some text of a post.")


def test_read_items_strings_get_their_position_for_an_id(tmp_path):
    expected = [("0", "one"), ("1", "two")]
    assert [(item.id, item.text) for item in _read(_file(tmp_path, "p.json", '["one", "two"]'))] == expected
    assert [(item.id, item.text) for item in _read(["one", "two"])] == expected


@pytest.mark.parametrize("name", ["p.jsonl", "p.ndjson", "p.json", "p"])
def test_read_items_json_lines(tmp_path, name):
    path = _file(tmp_path, name, "\n".join(json.dumps({**POST, "id": i}) for i in range(3)) + "\n\n")
    assert [item.id for item in _read(path)] == ["0", "1", "2"]


def test_read_items_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps([POST]).encode())))
    assert [item.id for item in _read("-")] == ["a"]


@pytest.mark.parametrize(("delimiter", "name"), [(",", "p.csv"), (";", "p.csv"), ("|", "p.csv"), ("\t", "p.tsv")])
def test_read_items_csv_keeps_leading_zeros_and_large_numbers(tmp_path, delimiter, name):
    rows = [
        ["id", "title", "text"],
        ["007", "Bond", '"two\nlines"'],
        ["9007199254740993", "big", "text"],
        ["nan", "", "x"],
    ]
    path = _file(tmp_path, name, "\ufeff" + "\r\n".join(delimiter.join(row) for row in rows))
    items = _read(path)
    assert [item.id for item in items] == ["007", "9007199254740993", "nan"]
    assert items[0].text == "two\nlines"


def test_read_items_parquet_and_data_frame_agree(tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is part of the extra 'tables'")
    pytest.importorskip("pyarrow", reason="pyarrow is part of the extra 'tables'")
    frame = pandas.DataFrame(
        {
            "id": [1, 2, 3],
            "text": ["one", None, "three"],
            "title": ["A", "B", None],
            "date": pandas.to_datetime(["2020-01-02", "2020-01-03", "2099-01-01"]),
            "tags": [["x", "y"], [], None],
        }
    )
    frame.to_parquet(tmp_path / "p.parquet")
    for items in (_read(frame), _read(tmp_path / "p.parquet")):
        assert [(i.id, i.text, i.title, i.tags, i.visibility) for i in items] == [
            ("1", "one", "A", ("x", "y"), "public"),
            ("3", "three", "", (), "scheduled"),
        ]
        assert [(s.id, s.reason) for s in items.skipped] == [("2", "no text")]


def test_read_items_a_folder_of_parquet_files_is_one_table(tmp_path):
    pandas = pytest.importorskip("pandas")
    for number, status in enumerate(("published", "draft")):
        part = tmp_path / f"status={status}"
        part.mkdir()
        rows = [{"id": f"{number}{row}", "text": f"Plant it, {number} {row}."} for row in range(3)]
        pandas.DataFrame(rows).to_parquet(part / "part-0.parquet")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "manifest.json").write_text("{}")
    items = _read(tmp_path)
    assert [item.id for item in items] == ["10", "11", "12", "00", "01", "02"]
    assert [item.id for item in items.public] == ["00", "01", "02"]  # the name of a folder may be what closes an item
    assert items.format == "2 Parquet files in a folder"
    assert [item.id for item in _read(tmp_path, format="parquet").public] == ["00", "01", "02"]
    (tmp_path / "readme.md").write_text("A post.")
    assert [item.text for item in _read(tmp_path)] == ["A post."]


def test_read_items_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"recs-toolkit\[tables\]"):
        _read(_file(tmp_path, "p.parquet", b"PAR1"))


def test_read_items_passes_items_and_collections_through():
    items = [Item(id="a", text="text"), Item(id="b", text="more")]
    collection = _read(items)
    assert list(collection) == items
    assert _read(collection) is collection


# Ids: one rule for every table.


def test_read_items_rows_of_a_frame_are_named_by_their_index_where_no_column_names_them():
    pandas = pytest.importorskip("pandas", reason="pandas is part of the extra 'tables'")
    frame = pandas.DataFrame({"text": [f"text {letter}" for letter in "abcd"]})
    shuffled = _read(frame.iloc[[2, 0, 3, 1]])
    assert {item.id: item.text for item in shuffled} == {"0": "text a", "1": "text b", "2": "text c", "3": "text d"}
    assert shuffled.notes == ("ids are those of the index: no column is called id, guid, slug or url",)
    assert [item.id for item in _read(frame.set_index(pandas.Index([1.5, "x", True, "y"])))] == [
        "1.5",
        "x",
        "True",
        "y",
    ]
    with pytest.raises(SourceError, match="row 1 and row 5 share the id '0'"):
        _read(pandas.concat([frame, frame]))


def test_read_items_row_without_an_id_is_skipped_where_others_have_one(tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is part of the extra 'tables'")
    frame = pandas.DataFrame({"post_id": [1, 2, None, 4], "text": ["a", "b", "c", "d"]})
    csv_file = _file(tmp_path, "p.csv", "post_id,text\n1,a\n2,b\n,c\n4,d\n")
    records = [{"post_id": 1, "text": "a"}, {"post_id": 2, "text": "b"}, {"text": "c"}, {"post_id": 4, "text": "d"}]
    for source in (frame, csv_file, records):
        items = _read(source)
        assert [(item.id, item.text) for item in items] == [("1", "a"), ("2", "b"), ("4", "d")]
        assert [skipped.reason for skipped in items.skipped] == ["no id, although other items have one"]
    assert _read(frame).notes == ("ids are those of the column 'post_id', not those of the index",)
    assert _read(csv_file).notes == ("ids are those of the column 'post_id'",)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda pd: pd.DataFrame([["a", "b"]], columns=["text", "text"]), "two columns are called 'text'"),
        (lambda pd: pd.DataFrame([["a", "b"]], columns=[1, "1"]), "two columns are called '1'"),
        (lambda pd: pd.DataFrame({("a", "x"): ["a"]}), "its columns have several levels"),
        (lambda pd: pd.DataFrame({"text": ["a"]}, index=[["x"], ["y"]]), "its index has several levels"),
    ],
)
def test_read_items_frame_that_cannot_be_read_right_is_refused(make, said):
    pandas = pytest.importorskip("pandas", reason="pandas is part of the extra 'tables'")
    with pytest.raises(SourceError, match=said):
        _read(make(pandas))


def test_read_items_frames_of_other_libraries_are_read_or_refused():
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is part of the extra 'tables'")
    table = pyarrow.table({"id": [1, 2], "text": ["a", "b"]})
    assert [(item.id, item.text) for item in _read(table)] == [("1", "a"), ("2", "b")]
    rows = [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}]
    polars = type("DataFrame", (), {"__module__": "polars.dataframe.frame", "iter_rows": lambda _, named: iter(rows)})
    assert [(item.id, item.text) for item in _read(polars())] == [("1", "a"), ("2", "b")]
    lazy = type("LazyFrame", (), {"__module__": "polars.lazyframe.frame"})
    with pytest.raises(SourceError, match="a LazyFrame of polars is not a source"):
        _read(lazy())
    other = type("Frame", (), {"__module__": "dask.frame", "__dataframe__": None, "__iter__": lambda _: iter("ab")})
    with pytest.raises(SourceError, match="a Frame of dask is not a source"):
        _read(other())


# Fields.


class _Lazy:
    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


class _Mute:
    pass


def test_read_items_objects_of_a_cms_become_text():
    record = {
        "id": _Lazy("a"),
        "title": _Lazy("A title"),
        "text": _Lazy("Some text."),
        "url": Path("posts/a"),
        "tags": (_Lazy(name) for name in ("x", "y")),
        "keywords": {"p", "q"},
        "related": (name for name in ("b", "c")),
        "own": _Mute(),
    }
    (item,) = _read([record])
    assert (item.id, item.title, item.text, item.url) == ("a", "A title", "Some text.", "posts/a")
    assert (item.tags, item.pins) == (("x", "y"), ("b", "c"))
    assert isinstance(item.meta["own"], _Mute)
    item = Item(
        id=7,
        text=_Lazy("t"),
        url=Path("p/q"),
        tags=(_Lazy(name) for name in "xy"),
        pins=["b"],
        published=date(2020, 1, 2),
    )
    assert (item.id, item.text, item.url, item.tags) == ("7", "t", "p/q", ("x", "y"))
    assert (item.pins, item.published) == (("b",), "2020-01-02")


@pytest.mark.parametrize("name", ["title", "text", "url", "tags", "status", "date"])
def test_read_items_object_without_a_text_is_told(name):
    items = _read([{"id": "a", "text": "Some text.", name: _Mute()}])
    assert len(items) == 0
    assert (
        items.skipped[0].reason
        == f"its {name} is a _Mute, which is not text; expected text, a number, a list or a date"
    )
    with pytest.raises(SourceError, match=r"item 'a': (its|one of its) "):
        Item(**{"id": "a", "text": "t", ("tags" if name == "tags" else "title"): (_Mute(),)})


def test_read_items_endless_generator_is_told():
    items = _read([{"id": "a", "text": "Some text.", "tags": iter(int, 1)}])
    assert "more than 10,000 values" in items.skipped[0].reason


def test_read_items_teaser_is_read_only_where_there_is_no_body():
    records = [
        {"id": "a", "description": "A teaser.", "body_markdown": "---\ntitle: T\n---\n## The plan\n\nAll of the text."},
        {"id": "b", "summary": "A teaser.", "body_html": "<p>All of the text.</p>", "body_class": "a b c d e f g h i"},
        {"id": "c", "excerpt": "A teaser.", "main_content": "All of the text."},
        {"id": "d", "description": "A teaser.", "story": "All of the text, a long one, in a field of no known name."},
        {"id": "e", "story": "All of the text, a long one, in a field of no known name."},
        {"id": "f", "description": "A teaser.", "body_markdown": "---\ndraft: true\n---\nAll of the text."},
        {"id": "g", "description": "A teaser.", "body_markdown": "---\ntitle: [torn\n---\nAll of the text."},
    ]
    items = _read(records)
    assert {item.id: item.text for item in items} == {
        "a": "The plan\n\nAll of the text.",
        "b": "All of the text.",
        "c": "All of the text.",
        "d": "A teaser.",
        "f": "All of the text.",
    }
    assert (items[0].title, items[4].visibility) == ("T", "draft")
    assert items.notes == (
        "1 item without a body: the text is the field 'description'",
        "the field 'story' holds more text in 1 of these: --field text=story reads it",
    )
    assert {skipped.id: skipped.reason for skipped in items.skipped}["e"] == (
        "no text; its field 'story' holds some: --field text=story"
    )
    assert "front matter is not YAML" in items.skipped[1].reason


def test_read_items_yes_for_published_does_not_hide_the_date():
    (item,) = _read([{**POST, "published": True, "published_at": "2020-01-02"}])
    assert item.published == "2020-01-02T00:00:00Z"


def test_read_items_date_of_several_moments():
    (item,) = _read([{**POST, "date": {"created": "2020-01-02", "updated": "2021-02-03"}}])
    assert (item.published, item.updated) == ("2020-01-02T00:00:00Z", "2021-02-03T00:00:00Z")


def test_read_items_blocks_are_read_whole_and_hidden_ones_counted():
    body = [
        {"type": "text", "value": "<p>One.</p>"},
        {"type": "text", "value": "Two."},
        {"type": "x", "hidden": True, "value": "No."},
    ]
    items = _read([{"id": "a", "body": body}])
    assert items[0].text == "One.\n\nTwo."
    assert items.notes == ("left out of bodies, since they are marked as hidden: 1 block",)


def test_read_items_raw_names_of_labels_are_kept():
    (item,) = _read([{**POST, "keywords": "x, y", "section": "News"}])
    assert (item.tags, item.category, item.meta) == (("x", "y"), "News", {"keywords": "x, y", "section": "News"})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"tags": "['a', 'b']"}, ("a", "b")),
        ({"tags": '["a", "b c"]'}, ("a", "b c")),
        ({"tags": "a;b"}, ("a", "b")),
        ({"tags": "a|b"}, ("a", "b")),
        ({"tags": "#a #b"}, ("a", "b")),
        ({"tags": "a b"}, ("a b",)),
        ({"tags": [["a"], ["b"], None]}, ("a", "b")),
        ({"tags": {"data": [{"attributes": {"name": "a"}}, {"attributes": {"name": "b"}}]}}, ("a", "b")),
        ({"tags": {"a": True, "b": True}}, ("a", "b")),
        ({"tags": [], "keywords": ["a"]}, ("a",)),
        ({"tag_list": "a, b"}, ("a", "b")),
        ({"tags": [{"title": "a"}, {"label": "b"}]}, ("a", "b")),
    ],
)
def test_read_items_tags_in_whatever_form(fields, expected):
    (item,) = _read([{**POST, **fields}])
    assert item.tags == expected


def test_read_items_value_that_cannot_be_read_gives_way_to_the_next_field_and_is_told():
    record = {
        **POST,
        "title": [],
        "name": "A name",
        "url": ["/a"],
        "language": {"code": "de"},
        "modified": "03/04/2015",
    }
    items = _read([{**record, "category": [{"_ref": "c1"}]}])
    (item,) = items
    assert (item.title, item.url, item.lang, item.category, item.updated) == ("A name", "/a", "de", None, None)
    assert items.notes == (
        "the field 'category' could not be read in 1 item",
        "the field 'modified' could not be read in 1 item",
    )


def test_read_items_fields_in_several_languages_are_read_in_one():
    fields = {
        "title": {"en-US": "Frost", "de-DE": "Frost auf Deutsch"},
        "body": {"en-US": "English words.", "de-DE": "Deutsche Worte."},
        "tags": {"en-US": ["garden"]},
    }
    items = _read([{"sys": {"id": "e1"}, "fields": fields}])
    (item,) = items
    assert (item.id, item.title, item.text, item.tags) == ("e1", "Frost", "English words.", ("garden",))
    assert "1 item in several languages (en-US, de-DE): en-US is read, the others are not" in items.notes
    (closed,) = _read([{**POST, "draft": {"en-US": False, "de-DE": True}}])
    assert closed.visibility == "draft"
    (item,) = _read([{**POST, "tags": {"id": 3}}])
    assert item.visibility == "public"


def test_read_items_body_that_is_json_in_a_string_is_read_as_blocks():
    blocks = [{"type": "text", "value": "open words"}, {"type": "text", "value": "secret words", "hidden": True}]
    items = _read([{"id": "a", "body": json.dumps(blocks)}, {"id": "b", "text": '{"not": "blocks", of course}'}])
    assert items[0].text == "open words"
    assert items[1].text == '{"not": "blocks", of course}'


def test_read_items_html_without_words_gives_way_to_the_text_beside_it():
    (item,) = _read([{"id": "a", "content_html": "<p> </p>", "content_text": "Real words."}])
    assert item.text == "Real words."


def test_read_items_lists_beside_the_one_that_is_read_are_told(tmp_path):
    document = {"posts": [POST], "pages": [{"id": "b", "text": "x"}], "next_url": "https://example.org/2"}
    items = _read(_file(tmp_path, "p.json", json.dumps(document)))
    assert [item.id for item in items] == ["a"]
    assert [(skipped.where, skipped.reason) for skipped in items.skipped] == [
        ("p.json: pages", "1 entries; only 'posts' is read"),
        ("p.json: next_url", "the document continues there"),
    ]


def test_read_items_lines_that_stand_in_drafts_alone_are_told_to_nobody():
    drafts = [{"id": str(n), "text": f"Own text {n}.\n\nCONFIDENTIAL, do not share", "draft": True} for n in range(8)]
    assert _read([*drafts, POST]).boilerplate == {}


@pytest.mark.parametrize(
    "options",
    [
        {"markup": "nope"},
        {"fields": {"text": ["text", "b"]}},
        {"public": ["status=x"]},
        {"public": {"status": "q"}},
        {"boilerplate": "some"},
    ],
)
def test_read_items_option_of_no_use_is_an_error(options):
    with pytest.raises(OptionError):
        _read([POST], **options)


def test_read_items_collection_takes_no_option_of_reading():
    collection = _read([{**POST, "unlisted": True}])
    with pytest.raises(OptionError, match="is already read"):
        _read(collection, include_unlisted=True)
    assert _read(list(collection), include_unlisted=True)[0].is_public


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": None}, "its id is a NoneType"),
        ({"text": None}, "its text is a NoneType"),
        ({"tags": 7}, "its tags are a int; expected strings"),
        ({"tags": {"a": 1}}, "its tags are a dict"),
        ({"markup": "md"}, "its markup is 'md', expected text, html, markdown"),
        ({"visibility": "published"}, "its visibility is 'published', expected public"),
        ({"links": ("b",)}, "its links must be of the type Link"),
    ],
)
def test_item_of_what_databases_hold_is_read_or_refused(fields, said):
    with pytest.raises(SourceError, match=said):
        Item(**{"id": "a", "text": "t", **fields})
    item = Item(id="a", text="t", title=None, body=None, tags={"b", "a", "c"})
    assert (item.title, item.body, item.tags) == ("", "", ("a", "b", "c"))


def test_read_items_read_again_is_the_same():
    records = [
        {"id": "a", "url": "/a/", "content_html": "<p>See <a href='/b/'>the other</a>.</p>", "links": ["b"]},
        {"id": "b", "url": "/b/", "content_html": "<p>Text.</p>"},
    ]
    once = _read(records)
    again = _read(list(once))
    assert list(again) == list(once)
    assert [link.target for link in once[0].links] == [link.target for link in _read(list(again))[0].links]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"guid": 17}, {"id": "17"}),
        ({"slug": "s", "url": "/u"}, {"id": "s", "url": "/u"}),
        ({"link": "https://example.org/x"}, {"id": "https://example.org/x", "url": "https://example.org/x"}),
        ({"id": 3.0}, {"id": "3"}),
        ({"id": "a", "name": "N &amp; M"}, {"title": "N & M"}),
        ({"id": "a", "title": {"rendered": "A &#8211; B"}}, {"title": "A – B"}),
        ({"id": "a", "Tags": "x, y ,x"}, {"tags": ("x", "y")}),
        ({"id": "a", "tags": [{"name": "x"}, {"slug": "y"}]}, {"tags": ("x", "y")}),
        ({"id": "a", "pubDate": "Thu, 02 Jan 2020 10:00:00 +0200"}, {"published": "2020-01-02T08:00:00Z"}),
        ({"id": "a", "date": 1577962800}, {"published": "2020-01-02T11:00:00Z"}),
        ({"id": "a", "language": "pt-BR"}, {"lang": "pt-BR"}),
        ({"id": "a", "section": "News"}, {"category": "News"}),
        ({"id": "a", "authors": ["M"]}, {"meta": {"authors": ["M"]}}),
    ],
)
def test_read_items_field_aliases(record, expected):
    (item,) = _read([{"content": "text", **record}])
    assert {name: getattr(item, name) for name in expected} == expected


def test_read_items_prefers_the_whole_content_to_the_summary():
    (item,) = _read(
        [
            {
                "id": "a",
                "summary": "short",
                "description": "short",
                "content_text": "plain",
                "content_html": "<p>rich</p>",
            }
        ]
    )
    assert (item.text, item.markup) == ("rich", "html")


def test_read_items_mapped_field_wins_over_aliases():
    records = [{"id": "a", "text": "no", "body_md": "# Yes\n\ntext", "nr": 5}]
    (item,) = _read(records, fields={"text": "body_md", "id": "nr"}, markup="markdown")
    assert (item.id, item.text) == ("5", "Yes\n\ntext")


def test_read_items_mapped_field_that_is_nowhere_names_what_is_there():
    with pytest.raises(OptionError, match="no record has the field 'body_md' for text; found 'id', 'text', 'title'"):
        _read([POST], fields={"text": "body_md"})
    with pytest.raises(OptionError, match="no field is called 'txt' here"):
        _read([POST], fields={"txt": "text"})


def test_read_items_counts_fields_without_a_place():
    assert _read([{**POST, "views": 1}, {**POST, "id": "b", "views": 2, "mood": "x"}]).ignored_fields == {
        "views": 2,
        "mood": 1,
    }


def test_read_items_mapped_visibility_is_read_as_status():
    records = [{**POST, "post_state": "draft"}, {**POST, "id": "b", "post_state": "live"}]
    assert [i.visibility for i in _read(records, fields={"visibility": "post_state"})] == ["draft", "public"]


def test_read_items_mapped_date_wins_over_every_other():
    record = {**POST, "date": "spring", "day": "2019-03-01"}
    assert [i.visibility for i in _read([record], fields={"published": "day"})] == ["public"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(7), "7"),
        (np.float32(7), "7"),
        (np.str_("a"), "a"),
        (Decimal("7.00"), "7"),
        (Decimal("7.10"), "7.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (["a"], None),
        (b"a", None),
        (Decimal("sNaN"), "item"),
    ],
)
def test_read_items_id_is_kept_or_its_item_is_skipped(value, expected):
    items = _read([{"id": value, "text": "some text", "url": "item"}])
    assert [item.id for item in items] == ([expected] if expected else [])
    assert len(items.skipped) == (expected is None)


def test_read_items_values_of_other_libraries_mean_what_python_s_mean():
    pandas = pytest.importorskip("pandas", reason="pandas is part of the extra 'tables'")
    (item,) = _read(
        [{**POST, "draft": np.bool_(False), "date": pandas.NaT, "status": pandas.NA, "tags": np.array(["x", "y"])}]
    )
    assert (item.visibility, item.published, item.tags) == ("public", None, ("x", "y"))
    (item,) = _read([{**POST, "date": np.datetime64("2020-01-02", "ns")}])
    assert item.published == "2020-01-02T00:00:00Z"
    with pytest.raises(SourceError, match="Series of pandas is not a source"):
        _read(pandas.Series(["a"]))
    frame = pandas.DataFrame({"text": ["a"], "read": [True]})
    assert [item.text for item in _read(frame)] == ["a"]


@pytest.mark.parametrize("mode", ["r", "rb"])
def test_read_items_open_file_is_read(tmp_path, mode):
    path = _file(tmp_path, "p.jsonl", json.dumps({**POST, "title": "é"}))
    with path.open(mode, **({"encoding": "utf-8"} if mode == "r" else {})) as file:
        assert [item.title for item in _read(file)] == ["é"]
    with pytest.raises(SourceError, match="cannot be read"):
        _read(file)


def test_read_items_closed_stdin_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SourceError, match="stdin: closed"):
        _read("-")


def test_read_items_csv_that_names_its_separator_as_excel_does(tmp_path):
    items = _read(_file(tmp_path, "p.csv", "sep=;\r\nid;text\r\n1;a, b\r\n2\r\n"))
    assert [(item.id, item.text) for item in items] == [("1", "a, b")]
    assert items.skipped[0].where == "p.csv: line 4"


def test_read_items_csv_torn_row_is_skipped_and_commas_too_many_are_not_columns(tmp_path):
    limit = csv.field_size_limit()
    items = _read(_file(tmp_path, "p.csv", "id,text,status,,\n1,a,draft\n2,b\n3,c,publish,,\n"))
    assert [(item.id, item.visibility) for item in items] == [("1", "draft"), ("3", "public")]
    assert [(s.where, s.reason) for s in items.skipped] == [
        ("p.csv: line 3", "2 cells under 3 columns; the row is incomplete")
    ]
    assert csv.field_size_limit() == limit


def test_read_items_markup_by_name_by_body_and_by_force():
    records = [
        {"id": "1", "content_html": "a &amp; b"},
        {"id": "2", "text": "<p>one</p><p>two</p>"},
        {"id": "3", "text": "a Vec<T> and x < y && y > z"},
    ]
    assert [item.text for item in _read(records)] == ["a & b", "one\n\ntwo", "a Vec<T> and x < y && y > z"]
    assert [item.markup for item in _read(records, markup="text")] == ["text"] * 3


# Visibility: closed unless it is understood and open.


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "public"),
        ({"status": "publish"}, "public"),
        ({"status": "Published"}, "public"),
        ({"visibility": "public", "status": "draft"}, "draft"),
        ({"status": "draft"}, "draft"),
        ({"status": "pending"}, "draft"),
        ({"status": "private"}, "private"),
        ({"status": "future"}, "scheduled"),
        ({"status": "embargoed"}, "unknown"),
        ({"status": 7}, "unknown"),
        ({"status": ["publish"]}, "unknown"),
        ({"status": ""}, "public"),
        ({"status": None}, "public"),
        ({"visibility": "members"}, "private"),
        ({"Post_Status": "draft"}, "draft"),
        ({"draft": True}, "draft"),
        ({"draft": "yes"}, "draft"),
        ({"draft": False}, "public"),
        ({"draft": "maybe"}, "unknown"),
        ({"published": False}, "draft"),
        ({"published": "false"}, "draft"),
        ({"published": True}, "public"),
        ({"published": "2020-01-02"}, "public"),
        ({"published": "2099-01-02"}, "scheduled"),
        ({"unlisted": True}, "unlisted"),
        ({"hidden": 1}, "unlisted"),
        ({"password": "secret"}, "private"),
        ({"password": ""}, "public"),
        ({"date": "2026-11-01"}, "public"),
        ({"date": "2026-11-02"}, "scheduled"),
        ({"date": "2026-11-01T00:00:01Z"}, "scheduled"),
        ({"date": "2026-11-01T01:00:00+02:00"}, "public"),
        ({"date": 4102444800}, "scheduled"),
        ({"date": "soon"}, "unknown"),
        ({"date": "0000-00-00 00:00:00"}, "unknown"),
        ({"publishDate": "2030-01-01", "date": "2020-01-01"}, "scheduled"),
        ({"expiryDate": "2020-01-01"}, "private"),
        ({"expiryDate": "2030-01-01"}, "public"),
        ({"date": "2020-01-01", "pubDate": "2099-01-01"}, "scheduled"),
        ({"date": "2020-01-01", "published_at": "soon"}, "unknown"),
        ({"Status": "publish", "status": "draft"}, "draft"),
        ({"password": "0"}, "private"),
        ({"post_password": "no"}, "private"),
        ({"password": False}, "public"),
        ({"unpublished": True}, "draft"),
        ({"publish": False}, "draft"),
        ({"is_hidden": True}, "unlisted"),
        ({"is_draft": "1"}, "draft"),
        ({"scheduled": True}, "scheduled"),
        ({"scheduled": "2099-01-01"}, "scheduled"),
        ({"scheduled": False}, "public"),
        ({"status": "trashed"}, "private"),
        ({"trashed": 1}, "private"),
        ({"visible": "false"}, "draft"),
        ({"date": 10**400}, "unknown"),
        ({"date": datetime.fromisoformat("9999-12-31T23:59:59-12:00")}, "unknown"),
    ],
)
def test_read_items_visibility(fields, expected):
    (item,) = _read([{**POST, **fields}])
    assert item.visibility == expected


@given(
    st.dictionaries(
        st.sampled_from(["status", "visibility", "draft", "published", "private", "date"]),
        st.text() | st.integers() | st.booleans() | st.floats(),
    )
)
def test_read_items_visibility_of_anything_is_open_only_where_understood(fields):
    (item,) = _read([{**POST, **fields}])
    open_words = {
        "public",
        "publish",
        "published",
        "live",
        "open",
        "visible",
        "active",
        "sent",
        "true",
        "yes",
        "on",
        "y",
        "1",
        "1.0",
        "",
    }
    status = str(fields.get("status", "")).strip().casefold()
    if item.is_public and fields.get("status") == fields.get("status"):
        assert status in open_words


@pytest.mark.parametrize("now", [NOW, date(2026, 11, 1), datetime(2026, 11, 1), datetime(2026, 11, 1, tzinfo=UTC)])
def test_read_items_now_takes_every_kind_of_date(now):
    (item,) = _read([{**POST, "date": "2026-11-02"}], now=now)
    assert item.visibility == "scheduled"


def test_read_items_bad_now_is_an_error():
    with pytest.raises(OptionError, match="expected a date such as 2026-11-01"):
        _read([POST], now="tomorrow")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2020-01-02", "2020-01-02T00:00"),
        ("2020/01/02", "2020-01-02T00:00"),
        ("2020-1-2", "2020-01-02T00:00"),
        ("2020-01-02T03:04:05Z", "2020-01-02T03:04"),
        ("2020-01-02 03:04:05 +0100", "2020-01-02T02:04"),
        ("2020-01-02 03:04:05 UTC", "2020-01-02T03:04"),
        ("Thu, 2 Jan 2020 03:04:05 GMT", "2020-01-02T03:04"),
        ("Jan 2, 2020", "2020-01-02T00:00"),
        ("2 January 2020", "2020-01-02T00:00"),
        (1577934245, "2020-01-02T03:04"),
        (1577934245000, "2020-01-02T03:04"),
        ("1577934245000", "2020-01-02T03:04"),
        (True, None),
        ("", None),
        ("2020", "2020-01-01T00:00"),
        ("2020-13-01", None),
        (float("nan"), None),
        (1e300, None),
        ([], None),
    ],
)
def test_parse_date(value, expected):
    moment = parse_date(value)
    assert (moment and moment.strftime("%Y-%m-%dT%H:%M")) == expected


# What is skipped, and what is an error.


def test_read_items_skips_and_reports_what_has_no_text():
    records = [
        POST,
        {"id": "b", "text": ""},
        {"id": "c"},
        {"id": "d", "text": "<p> </p>", "title": "x"},
        7,
        None,
        ["x"],
        "",
        {"id": "e", "text": None},
    ]
    items = _read(records)
    assert [item.id for item in items] == ["a"]
    assert [(s.where, s.id) for s in items.skipped] == [
        ("item 2", "b"),
        ("item 3", "c"),
        ("item 4", "d"),
        ("item 5", None),
        ("item 6", None),
        ("item 7", None),
        ("item 8", "7"),
        ("item 9", "e"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.json", "", r"p\.json: empty"),
        ("p.json", " \n ", "empty"),
        ("p.json", '[{"id": "a", "text": "b"}, {"id"', r"p\.json: ends in the middle of JSON at line 1.* truncated"),
        ("p.json", '[\n{"id": a}]', r"p\.json: not JSON at line 2, column 8"),
        ("p.json", "7", "holds JSON of type int, expected a list"),
        ("p.json", '{"meta": 1}', "an object with 'meta'; expected a list"),
        ("p.json", "[" * 100_000, "p.json: "),
        ("p.json", b'["caf\xe9"]', r"p\.json: line 1, byte 5 \(0xe9\) is not UTF-8"),
        ("p.json", b'["a",\n"caf\xe9"]', "line 2, byte 10"),
        ("p.jsonl", '{"id": 1, "text": "a"}\n{"id": 2, "te', r"p\.jsonl: line 2: ends in the middle"),
        ("p.csv", 'id,text\n1,"open', "p.csv: line"),
        ("p.csv", "id,text\n1,a,b,c", "line 2: 4 cells under 2 columns"),
        ("p.csv", "id,id\n1,a", "two columns are called 'id'"),
        ("p.csv", "id,text\n1,a\0b", "NUL"),
        ("p.parquet", b"PAR1 torn", "not readable as Parquet"),
        ("p.json", json.dumps([POST, {**POST, "text": "other"}]), r"p\.json: item 1 and item 2 share the id 'a'"),
        ("p.jsonl", "\n".join(map(json.dumps, [POST, 7, POST])), r"p\.jsonl: line 1 and line 3 share the id"),
        ("p.xml", "<garden></garden>", "XML or HTML that is neither a feed nor an export of WordPress"),
        ("p.md", "# A post", "a single Markdown file; give its folder"),
        ("p.txt", "A post", r"a single \.txt file; give its folder"),
        ("p.db", b"SQLite format 3\0" + b"\0" * 80, r"p\.db: a broken SQLite database"),
        ("p.pdf", b"%PDF-1.7 x", "a PDF; convert it"),
        ("p.json", b"PK\x03\x04 x", "the zip archive is damaged"),
        ("p.gz", b"\x1f\x8b x", "a gzip archive"),
        ("p.html", "<p>A post.</p>", r"a single \.html file; give its folder"),
        ("p.yaml", "a: b", r"a \.yaml file, which is not read"),
        ("p.xls", b"\xd0\xcf\x11\xe0 x", "an office document; save a text as HTML, a sheet as CSV"),
        ("p.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nHello", "a transcript in WebVTT"),
        ("p", "id,text\n1,a", "--input-format csv"),
        ("p", json.dumps(POST), "--input-format jsonl"),
        ("p.json", b"\xef\xbb\xbf\xff", "is not UTF-8;"),
    ],
)
def test_read_items_bad_file_is_one_line_that_names_it(tmp_path, name, content, said):
    with pytest.raises(SourceError, match=said) as caught:
        _read(_file(tmp_path, name, content))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["no-such-file.json", "no/such/folder", "a\0b", 7, {"id": "a"}, None])
def test_read_items_source_that_is_none_is_an_error(source):
    with pytest.raises(SourceError):
        _read(source)


def test_read_items_utf_16_with_its_mark_is_read(tmp_path):
    (item,) = _read(_file(tmp_path, "p.json", json.dumps(["naïve café"], ensure_ascii=False).encode("utf-16")))
    assert item.text == "naïve café"


def test_read_items_lone_surrogate_can_be_written_again(tmp_path):
    (item,) = _read(_file(tmp_path, "p.json", '[{"id": "\\ud800", "title": "\\ud800", "text": "x \\ud800 y"}]'))
    (item.id + item.title + item.text).encode("utf-8")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "text", "title", "date", "url", "tags", "status", "items", "content", "x"]),
            children,
            max_size=5,
        )
    ),
    max_leaves=12,
)


def _read_or_one_line(path):
    """Return what is read, or None where one of our errors says in one line why nothing is."""
    try:
        return _read(path)
    except RecsError as error:
        said = str(error)
    assert said
    assert "\n" not in said
    return None


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_JSON)
def test_read_items_any_json_is_read_or_is_one_of_our_errors(tmp_path, value):
    path = _file(tmp_path, "p.json", json.dumps(value))
    collection = _read_or_one_line(path)
    if collection is not None:
        rows = value if isinstance(value, list) else next(v for k, v in value.items() if k in ("items",))
        assert len(collection) + len(collection.skipped) == len(rows)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from(["p.json", "p.jsonl", "p.csv", "p.tsv", "p.md", "p"]))
def test_read_items_any_bytes_are_read_or_are_one_of_our_errors(tmp_path, data, name):
    path = _file(tmp_path, name, data)
    _read_or_one_line(path)


def test_read_items_boilerplate_is_removed_and_counted():
    records = [{"id": str(i), "text": f"Own text {i}.\n\nSubscribe to the letter."} for i in range(8)]
    items = _read(records)
    assert items.boilerplate == {"Subscribe to the letter.": 8}
    assert items[3].text == "Own text 3."
    assert _read(records, boilerplate="keep")[3].text == "Own text 3.\n\nSubscribe to the letter."


# Folders of Markdown.


@pytest.fixture
def site(tmp_path):
    files = {
        "posts/garlic.md": "---\ntitle: Garlic\ndate: 2021-11-05\ntags: [a, b]\nno: no\n---\nPlant **it** in November.",
        "posts/bundle/index.md": (
            '+++\ntitle = "Bundle"\ndate = 2020-01-02T10:00:00Z\ndraft = false\n+++\nText of the bundle.'
        ),
        "posts/json.md": '{\n"title": "Json"\n}\nText under JSON.',
        "posts/_index.md": "---\ntitle: List\n---\nA list page.",
        "posts/draft.md": "---\ntitle: Draft\ndraft: true\n---\nNot yet.",
        "posts/later.md": "---\ntitle: Later\npublishDate: 2030-01-01\n---\nNot yet.",
        "posts/gone.md": "---\ntitle: Gone\nexpiryDate: 2020-01-01\n---\nNo more.",
        "_posts/2020-01-02-jekyll-post.markdown": "---\ntitle: Jekyll\npublished: true\n---\nA post of Jekyll.",
        "_posts/2020-01-03-unpublished.md": "---\npublished: false\n---\nNot shown.",
        "_drafts/idea.md": "An idea.",
        "plain.md": "No front matter at all.",
        "broken.md": "---\ntitle: [unclosed\n---\nText.",
        "open.md": "---\ntitle: no end\nText.",
        "latin.md": b"---\ntitle: x\n---\ncaf\xe9",
        "node_modules/x/readme.md": "Not a post.",
        ".hidden/x.md": "Not a post.",
        "bom.md": "\ufeff---\ntitle: Bom\nslug: 007\n---\nWith a mark.",
        "notes.txt": "Not Markdown.",
        "notes.org": "Not read.",
    }
    for name, content in files.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path / "site"


def test_read_items_folder_ids_titles_and_visibility(site):
    items = {item.id: item for item in _read(site)}
    assert {name: (item.title, item.visibility) for name, item in items.items()} == {
        "_drafts/idea": ("idea", "draft"),
        "_posts/2020-01-02-jekyll-post": ("Jekyll", "public"),
        "_posts/2020-01-03-unpublished": ("unpublished", "draft"),
        "bom": ("Bom", "public"),
        "notes": ("notes", "public"),
        "plain": ("plain", "public"),
        "posts/bundle": ("Bundle", "public"),
        "posts/draft": ("Draft", "draft"),
        "posts/garlic": ("Garlic", "public"),
        "posts/gone": ("Gone", "private"),
        "posts/json": ("Json", "public"),
        "posts/later": ("Later", "scheduled"),
    }
    assert items["posts/garlic"].text == "Plant it in November."
    assert items["posts/garlic"].tags == ("a", "b")
    assert items["posts/garlic"].meta == {"no": "no"}
    assert items["_posts/2020-01-02-jekyll-post"].published == "2020-01-02T00:00:00Z"


def test_read_items_folder_reports_what_it_skips(site):
    skipped = {s.where.partition("/")[2]: s.reason for s in _read(site).skipped}
    assert sorted(skipped) == ["", "broken.md", "latin.md", "node_modules", "open.md", "posts/_index.md"]
    assert skipped[""] == "1 file .org, a format that recs does not read"
    assert "not YAML" in skipped["broken.md"]
    assert "no end" in skipped["open.md"]
    assert "is not UTF-8" in skipped["latin.md"]


def test_read_items_folder_follows_no_link_out_of_it(site, tmp_path):
    (tmp_path / "secret.md").write_text("secret")
    try:
        (site / "link.md").symlink_to(tmp_path / "secret.md")
        (site / "loop").symlink_to(site)
    except OSError:
        pytest.skip("this system makes no symbolic links")
    assert all("secret" not in item.text for item in _read(site))


def test_read_items_folder_without_markdown_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="no Markdown, HTML or text files"):
        _read(tmp_path)


def test_read_items_yaml_bomb_is_read_in_no_time(site):
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
    )
    (site / "bomb.md").write_text(f"---\n{bomb}tags: *j\n---\nText.")
    assert "bomb" in {item.id for item in _read(site)}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("\n\n---\ndraft: true\n---\nText", "draft"),
        ("<!-- a licence -->\n---\ndraft: true\n---\nText", "draft"),
        ('{"title": "x", "draft": true}\n\nText', "draft"),
        ("Title: x\nStatus: draft\n\nText", "draft"),
        ("Status: draft\nText of Pelican", "draft"),
        ("Post Status: publish\nAuthor: me\n    and you\n\nText", "public"),
        ("Note: this is prose.\n\nText", "public"),
        ("---\nbase: &b\n  draft: true\n<<: *b\n---\nText", "draft"),
        ("---\nbase: &b {draft: true}\n<<: [*b]\ndraft: false\n---\nText", "public"),
        ("---\ndraft: null\ndate: ~\nimage: null\nseries:\nstatus: NULL\n---\nText", "public"),
        ("---\nstatus: 'null'\n---\nText", "unknown"),
        ("+++\ndate = 9999-12-31T23:59:59-12:00\n+++\nText", "unknown"),
        ("---yaml\ndraft: true\n---\nText", None),
        (";;;\n{}\n;;;\nText", "public"),
        (';;;\n{"draft": true}\n;;;\nText', "draft"),
        ("----\ndraft: true\n----\nText", None),
        ("---\na: " + "[" * 30_000 + "\n---\nText", None),
        ("---\na: " + "[" * 300 + "]" * 300 + "\n---\nText", None),
        ("+++\na = " + "1" * 5_000 + "\n+++\nText", None),
    ],
)
def test_read_items_front_matter_of_every_kind_is_heeded_or_its_file_skipped(tmp_path, content, expected):
    _file(tmp_path, "a.md", content)
    items = _read(tmp_path)
    assert [item.visibility for item in items] == ([expected] if expected else [])
    assert all("Text" in item.text and not item.image and not item.series for item in items)
    assert [s.where.rpartition("/")[2] for s in items.skipped] == ([] if expected else ["a.md"])


def test_read_items_folder_list_page_of_a_language_is_none_of_the_posts(site):
    (site / "posts" / "_index.fr.md").write_text("---\ntitle: Liste\n---\nUne page.")
    assert "site/posts/_index.fr.md" in {s.where for s in _read(site).skipped}


def test_read_items_folder_names_two_files_of_one_id(site):
    (site / "posts" / "garlic.markdown").write_text("Again.")
    with pytest.raises(SourceError, match=r"site: posts/garlic\.markdown and posts/garlic\.md share the id"):
        _read(site)


def test_read_items_folder_link_in_a_circle_is_skipped(site):
    try:
        (site / "loop.md").symlink_to(site / "loop.md")
    except OSError:
        pytest.skip("this system makes no symbolic links")
    assert "site/loop.md" in {s.where for s in _read(site).skipped}


def test_read_items_folder_reports_what_cannot_be_listed(site, monkeypatch):
    scandir, closed = os.scandir, [site / "posts"]

    def refuse(path):  # permissions would not stop a test that runs as root
        if str(path) in map(str, closed):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    skipped = {s.where: s.reason for s in _read(site).skipped}
    assert skipped["site/posts"] == "a folder that cannot be read (Permission denied)"
    closed.append(site)
    with pytest.raises(SourceError, match=r"site: a folder that cannot be read \(Permission denied\)"):
        _read(site)


def test_read_items_list_page_that_cascades_a_draft_closes_the_pages_below_it(tmp_path):
    files = {
        "posts/_index.md": "---\ncascade:\n  draft: true\n  tags: [x]\n---\n",
        "posts/2020/a.md": "---\ntitle: A\n---\nText of a.",
        "posts/b.md": "---\ntitle: B\ndraft: false\n---\nText of b.",
        "notes/_index.md": "+++\n[[cascade]]\nprivate = true\n[cascade.target]\npath = '/notes/x'\n+++\n",
        "notes/c.md": "Text of c.",
        "d.md": "Text of d.",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = {item.id: item.visibility for item in read_items(tmp_path)}
    assert found == {"posts/2020/a": "draft", "posts/b": "public", "notes/c": "private", "d": "public"}


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("id,text,status\n1,One.,\n2,Two.,", ["1"]),  # "draft" may be missing
        ("id,text,status\n1,One.,\n2,Two.,\n", ["1", "2"]),
        ("id,text,note\n1,One.,\n2,Two.,", ["1", "2"]),
    ],
)
def test_last_row_of_a_table_that_is_cut_before_its_status_is_not_read(tmp_path, text, ids):
    (tmp_path / "p.csv").write_text(text, encoding="utf-8")
    items = read_items(tmp_path / "p.csv")
    assert [item.id for item in items] == ids
    assert [one.where for one in items.skipped] == ["p.csv: line 3"] * (2 - len(ids))
