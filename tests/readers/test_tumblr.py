"""Tumblr: posts of every type and of blocks are read whole, what is not published is closed."""

import json

import pytest

import recs
from recs.readers.platforms.tumblr import is_tumblr

POST = {"id": 1, "id_string": "1", "blog_name": "a", "state": "published", "post_url": "https://a.tumblr.com/post/1/x"}


def _read(*posts, **response):
    return {"meta": {"status": 200, "msg": "OK"}, "response": {"blog": {"name": "a"}, "posts": posts, **response}}


def _items(tmp_path, *posts, **response):
    path = tmp_path / "posts.json"
    path.write_text(json.dumps(_read(*posts, **response)), encoding="utf-8")
    return recs.read_items(path, now="2026-11-01")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"type": "text", "title": "Garlic", "body": "<p>Plant it.</p>"}, "Plant it."),
        (
            {"type": "quote", "text": "Plant &amp; wait.", "source": "<a href='/b'>a book</a>"},
            "Plant & wait.\n\na book",
        ),
        (
            {"type": "link", "url": "https://b.example/", "title": "B", "description": "<p>Read it.</p>"},
            "B\n\nRead it.",
        ),
        (
            {"type": "photo", "caption": "<p>A bulb.</p>", "photos": [{"caption": "Its roots."}]},
            "A bulb.\n\nIts roots.",
        ),
        (
            {"type": "chat", "dialogue": [{"label": "A:", "name": "A", "phrase": "Why?"}, {"phrase": "So."}]},
            "A: Why?\n\nSo.",
        ),
        ({"type": "answer", "question": "When?", "answer": "<p>In October.</p>"}, "When?\n\nIn October."),
        ({"type": "video", "caption": "<p>A film.</p>"}, "A film."),
        ({"type": "a-new-type", "body": "<p>New.</p>"}, "New."),
    ],
)
def test_every_type_is_read(tmp_path, fields, text):
    (item,) = _items(tmp_path, {**POST, **fields, "tags": ["bulbs"], "timestamp": 1704103200})
    assert (item.text, item.url, item.tags) == (text, POST["post_url"], ("bulbs",))
    assert item.published == "2024-01-01T10:00:00Z"


def test_blocks_are_read_with_their_links(tmp_path):
    text = "Plant it, then <wait>."
    link = {"type": "link", "start": 0, "end": 5, "url": "https://a.tumblr.com/post/2"}
    content = [
        {"type": "text", "subtype": "heading1", "text": "Garlic"},
        {"type": "text", "text": text, "formatting": [link, {"type": "bold", "start": 0, "end": 99}]},
        {"type": "text", "subtype": "unordered-list-item", "text": "soil"},
        {"type": "link", "url": "https://b.example/", "title": "B", "description": "A page."},
        {"type": "image", "media": [], "caption": "A bulb."},
        {"type": "poll", "question": "When?"},
    ]
    other = {**POST, "id": 2, "id_string": "2", "post_url": "https://a.tumblr.com/post/2", "type": "text", "body": "x"}
    item, _ = _items(tmp_path, {**POST, "type": "blocks", "content": content, "trail": [{"content": content}]}, other)
    assert item.title == "Garlic"
    assert item.text.count(text) == 1
    assert [target.target for target in item.links] == ["2"]
    for words in ("soil", "A page.", "A bulb.", "When?"):
        assert words in item.text


@pytest.mark.parametrize(
    "formatting", [[{"type": "link", "start": -3, "end": 2, "url": "x"}], [{"type": "link"}], "x", [7]]
)
def test_odd_ranges_lose_no_text(tmp_path, formatting):
    (item,) = _items(tmp_path, {**POST, "content": [{"type": "text", "text": "Plant it.", "formatting": formatting}]})
    assert item.text == "Plant it."


@pytest.mark.parametrize(
    ("state", "visibility"),
    [
        ("published", "public"),
        ("draft", "draft"),
        ("queued", "scheduled"),
        ("private", "private"),
        ("submission", "draft"),
        ("unapproved", "unknown"),
        ("a-new-word", "unknown"),
    ],
)
def test_only_the_state_published_is_shown(tmp_path, state, visibility):
    (item,) = _items(tmp_path, {**POST, "type": "text", "body": "Plant it.", "state": state})
    assert item.visibility == visibility


def test_what_readers_must_pay_for_is_closed(tmp_path):
    content = [
        {"type": "text", "text": "Free."},
        {"type": "paywall", "subtype": "cta"},
        {"type": "text", "text": "Paid."},
    ]
    (item,) = _items(tmp_path, {**POST, "content": content})
    assert (item.visibility, item.closed_by) == ("private", ("paywalled", "true"))


def test_a_reblog_without_words_and_missing_posts_are_told(tmp_path):
    reblog = {**POST, "content": [], "trail": [{"content": [{"type": "text", "text": "Theirs."}]}]}
    collection = _items(tmp_path, reblog, {**POST, "id_string": "2", "type": "text", "body": "x"}, total_posts=30)
    assert [item.id for item in collection] == ["2"]
    assert [skipped.reason for skipped in collection.skipped] == [
        "a reblog without words of its own",
        "the blog has 30 posts, the document 2; fetch all of them",
    ]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"posts": [POST]}, True),
        ({"response": {"posts": [POST]}}, True),
        ({"posts": [{"id": 1, "title": "x", "slug": "x"}]}, False),
        ({"response": {"posts": []}}, False),
        ({"response": 7}, False),
        ([POST], False),
        ("posts", False),
    ],
)
def test_is_tumblr(document, expected):
    assert is_tumblr(document) is expected


def test_pages_of_the_export_are_closed_until_the_user_opens_them(tmp_path):
    folder = tmp_path / "posts" / "html"
    folder.mkdir(parents=True)
    page = (
        "<!DOCTYPE HTML><html><body><h1>Garlic</h1><p>Plant it.</p>"
        '<div id="footer"><span id="timestamp"> March 1st, 2019 3:21pm </span><span class="tag">bulbs</span></div>'
        "</body></html>"
    )
    (folder / "183100000001.html").write_text(page, encoding="utf-8")
    (item,) = recs.read_items(tmp_path)
    assert (item.id, item.visibility, item.closed_by) == ("183100000001", "unknown", ("status", "untold"))
    (item,) = recs.read_items(tmp_path, public=[("status", "untold")])
    assert (item.title, item.text, item.tags, item.is_public) == ("Garlic", "Plant it.", ("bulbs",), True)
