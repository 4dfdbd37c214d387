"""Small sources that people were caught by. They lie in a folder that RECS_CASES names."""

import os
from pathlib import Path

import pytest

from recs import RecsError, read_items
from recs.classification.labels import read_labels

_FOLDER = os.environ.get("RECS_CASES", "")
pytestmark = pytest.mark.skipif(not _FOLDER, reason="RECS_CASES names no folder of cases")
CASES = Path(_FOLDER or ".")
NOW = "2026-11-28"


def _public(name, **options):
    return {item.id for item in read_items(CASES / name, now=NOW, **options).public}


def _read_or_message(path):
    try:
        items = read_items(path, now=NOW)
    except RecsError as error:
        return 0, str(error)
    return len(items) + len(items.skipped), ""


@pytest.mark.parametrize(
    ("name", "public", "closed"),
    [
        ("hexo-no-fence", "b c", "a"),
        ("hugo-site/content/posts", "bundle-compost cold-compost worm-bin", "hidden-old hidden-page"),
        ("hugo-site/content", "posts/bundle-compost posts/cold-compost posts/worm-bin", "posts/hidden-page"),
        ("hugo-site", "content/posts/bundle-compost content/posts/cold-compost content/posts/worm-bin", ""),
        ("eleventy", "posts/a", "posts/b posts/secret"),
        ("dates-wrong", "", "js pm"),
        ("jekyll-tags", "_posts/2024-01-01-alpha _posts/2024-01-02-beta", ""),
        ("mixed", "2024-01-04-leeks a b c e", ""),
        ("substack", "1001.winter-light", "1002.night-trains 1003.unfinished"),
        ("substack/posts", "1001.winter-light", "1002.night-trains 1003.unfinished"),
        ("substack/joined.csv", "1001 1003", "1002"),
        ("buttondown.json", "e1", "e2"),
        ("tumblr.json", "1", ""),
        ("sep.csv", "1 2 3", ""),
        ("wagtail/pages.json", "7 8", ""),
        (
            "yaml",
            "emptytitle null publishnull sexagesimal",
            "Upper dgfalse draftword dup2 expired hide listed nav pubdate pw robots stage status unpub wip",
        ),
    ],
)
def test_case_shows_what_is_public_and_names_what_is_closed(name, public, closed):
    items = read_items(CASES / name, now=NOW)
    assert set(public.split()) <= {item.id for item in items.public}
    told = {item.id: item.closed_by for item in items if not item.is_public}
    assert set(closed.split()) <= told.keys()
    assert all(told.values())
    assert {item.id for item in items.public}.isdisjoint(closed.split())


def test_case_every_file_is_read_or_is_one_line():
    for path in sorted(CASES.rglob("*")):
        if path.suffix in (".json", ".csv", ".jsonl", ".vtt") or path.is_dir():
            read, said = _read_or_message(path)
            assert read > 0 or (path.name in said and "\n" not in said)


def test_case_dates_are_the_moment_that_was_meant_or_closed_and_named():
    items = {item.id: item for item in read_items(CASES / "dates", now=NOW)}
    expected = {
        "p00": "2024-01-01T05:00:00Z",
        "p04": "2016-03-05T09:05:03Z",
        "p06": "2016-03-05T09:05:00Z",
        "p08": "2014-12-05T00:00:23Z",
        "p10": "2015-03-01T00:00:00Z",
        "p16": "2013-10-27T16:20:00Z",
        "p18": "2014-03-01T00:00:00Z",
        "p26": "2015-01-01T00:00:00Z",
        "p30": "2024-05-14T00:00:00Z",
        "p38": "2015-03-15T06:00:00Z",
    }
    assert {name: items[name].published for name in expected} == expected
    assert items["p36"].closed_by == ("date", "05.09.20")
    assert [name for name, item in items.items() if not item.is_public] == ["p36"]
    assert {item.published for item in read_items(CASES / "dates-wrong", now=NOW)} == {
        "2026-11-29T06:00:00Z",
        "2026-11-28T23:00:00Z",
    }


def test_case_obsidian_comments_are_nowhere_and_links_are_kept():
    items = {item.id: item for item in read_items(CASES / "obsidian", now=NOW)}
    grafting, rootstocks = items["Grafting"], items["Rootstocks"]
    assert not items["2024-05-01 Diary"].is_public
    for word in ("neighbour", "Mr X", "%%", "knife.png", "[[", "]]", "^union", "[!note]", "TABLE"):
        assert word not in grafting.text
    for words in ("dwarfing rootstocks", "a walk", "Tools", "A sharp knife"):
        assert words in grafting.text
    assert {link.target for link in grafting.links} >= {"Rootstocks"}
    assert [link.target for link in rootstocks.links].count("Grafting") == 3
    assert "What is a scion?" in {link.target for link in rootstocks.links}


def test_case_notion_has_titles_and_no_property_lines():
    items = {item.title: item for item in read_items(CASES / "notion", now=NOW)}
    assert {title: item.is_public for title, item in items.items()} == {
        "Growing leeks": True,
        "Onions from sets": True,
        "Storing leeks": False,
    }
    assert all("Created" not in item.text and "Status" not in item.text for item in items.values())


def test_case_bodies_are_read_whole():
    pages = {item.id: item.text for item in read_items(CASES / "wagtail" / "pages.json", now=NOW)}
    assert "In the last days of winter" in pages["7"]
    assert "crossing branches" in pages["7"]
    assert "A saw with a thin blade" in pages["7"]
    (first, *_) = read_items(CASES / "devto" / "articles.json", now=NOW)
    assert "external merge sort" in first.text
    assert first.published == "2024-02-01T10:00:00Z"


def test_case_languages_of_file_names():
    items = read_items(CASES / "multilang", now=NOW)
    assert {item.lang for item in items} == {"de", "en"}
    assert all(item.id.endswith(f".{item.lang}") for item in items)


def test_case_tables_take_no_row_for_another():
    items = read_items(CASES / "tables" / "one_id_missing.csv", now=NOW)
    assert [item.id for item in items] == ["1", "2", *map(str, range(4, 13))]
    assert items.skipped[0].reason == "no id, although other items have one"


def test_case_labels_are_typed_or_refused():
    folder = CASES / "labels"
    spam = read_labels(read_items(folder / "label_bool.json"), "spam")
    assert set(spam.given.values()) == {("true",), ("false",)}
    assert len(read_labels(read_items(folder / "label_column_labels.csv"), "labels").given) > 50
    with pytest.raises(RecsError, match="label"):
        read_labels(read_items(folder / "label_multihot.jsonl"), "label")
