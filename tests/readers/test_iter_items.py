"""`recs.iter_items`: the items of `read_items`, one at a time; and JSON Lines that recs reads back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import recs
from recs.writers.items import item_lines

DATASETS = Path(__file__).parents[2] / "datasets"
NOW = "2026-11-01"
POSTS = [
    {"id": "a", "html": "<p>Garlic.</p>", "published_at": "2024-01-01"},
    {"id": "b", "html": "<p>Leeks.</p>", "published_at": ""},  # closed, since others have a moment of publication
    {"id": "c"},
    {"html": "<p>No id.</p>", "published_at": "2024-01-01"},
    {"id": "3", "text": "An id that is also a position.", "published_at": "2024-01-02"},
    {"id": "d", "text": "Not listed.", "published_at": "2024-01-02", "unlisted": True},
]


def _without_links(items):
    return [replace(item, links=()) for item in items]


@pytest.mark.parametrize("source", [POSTS, ["one", "two"], str(DATASETS / "posts.json"), DATASETS / "wordpress.xml"])
@pytest.mark.parametrize("include_unlisted", [False, True])
def test_the_items_are_those_of_read_items(source, include_unlisted):
    options = {"now": NOW, "include_unlisted": include_unlisted}
    collection = recs.read_items(source, boilerplate="keep", **options)
    skipped = []
    items = list(recs.iter_items(source, on_skipped=skipped.append, **options))
    assert _without_links(items) == _without_links(collection.items)
    assert sorted(skipped, key=repr) == sorted(collection.skipped, key=repr)


def test_an_item_that_a_later_one_closes_is_closed():
    first = next(recs.iter_items([POSTS[1], POSTS[0]], now=NOW))
    assert (first.id, first.visibility) == ("b", "draft")


def test_an_error_comes_before_the_first_item():
    posts = [{"id": "a", "text": "Garlic."}, {"id": "b", "text": "Leeks."}, {"id": "a", "text": "Onions."}]
    with pytest.raises(recs.RecsError, match="item 1 and item 3 share the id 'a'"):
        next(recs.iter_items(posts))


@pytest.mark.parametrize("source", ["-", iter(POSTS), (post for post in POSTS)])
def test_a_source_that_can_be_read_only_once_is_refused(source):
    with pytest.raises(recs.RecsError, match="reads its source twice"):
        recs.iter_items(source)


@pytest.mark.parametrize("later", [{"id": "a", "text": "Garlic."}, None])
def test_a_source_that_changes_in_between_is_refused(tmp_path, later):
    file = tmp_path / "posts.jsonl"
    posts = [{"id": "b", "text": "Leeks."}, {"id": "c", "text": "Onions."}]
    file.write_text("\n".join(map(json.dumps, posts)))

    class Changing(list):
        times = 0

        def __iter__(self):
            self.times += 1
            return iter(posts if self.times < 2 else [later, *posts] if later else posts[:1])

    with pytest.raises(recs.RecsError, match="changed while it was read"):
        list(recs.iter_items(Changing()))


def test_json_lines_hold_the_public_items_and_are_read_back(tmp_path):
    items = recs.read_items(DATASETS / "posts.json", now=NOW).items
    file = tmp_path / "items.jsonl"
    file.write_bytes(b"".join(item_lines(items)))
    again = {item.id: item for item in recs.read_items(file, now=NOW, boilerplate="keep")}
    public = [item for item in items if item.is_public]
    assert set(again) == {item.id for item in public}
    names = ("text", "title", "url", "lang", "published", "updated", "tags", "category", "series", "visibility")
    for item in public:
        assert [getattr(again[item.id], name) for name in names] == [getattr(item, name) for name in names]


def test_what_an_author_hid_in_a_body_is_in_no_line():
    items = recs.read_items([{"id": "a", "html": "<p>Garlic.</p><!-- geheim --><p hidden>geheim</p>"}])
    assert b"geheim" not in b"".join(item_lines(items))


def test_a_text_that_looks_like_markup_is_read_back_as_it_is(tmp_path):
    text = "Use <b>bold</b> tags and <p>x</p>.\n\n# not a heading, *stars* and [a](b)"
    file = tmp_path / "items.jsonl"
    file.write_bytes(b"".join(item_lines([recs.Item(id="a", text=text)])))
    assert recs.read_items(file)[0].text == text
