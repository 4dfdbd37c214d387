"""Blogger: both forms of its backup; only posts and pages are items, and what is not live is closed."""

import io
import zipfile

import pytest

import recs
from recs.errors import SourceError
from recs.readers.platforms.blogger import is_blogger

KIND = (
    "<category scheme='http://schemas.google.com/g/2005#kind' term='http://schemas.google.com/blogger/2008/kind#{}'/>"
)
SPACES = (
    "xmlns='http://www.w3.org/2005/Atom' xmlns:app='http://purl.org/atom/app#' "
    "xmlns:blogger='http://schemas.google.com/blogger/2018'"
)


def _feed(*entries, inside=""):
    return f"<?xml version='1.0' encoding='UTF-8'?><feed {SPACES}>{inside}{''.join(entries)}</feed>"


def _entry(inside, post_id="1", content="&lt;p&gt;Plant it.&lt;/p&gt;"):
    title = "<title type='text'>A &amp; B</title>"
    return f"<entry><id>{post_id}</id>{inside}{title}<content type='html'>{content}</content></entry>"


def _new(kind="POST", status="LIVE", more=""):
    status = f"<blogger:status>{status}</blogger:status>" if status else ""
    return f"<blogger:type>{kind}</blogger:type>{status}{more}"


def _read(feed, **options):
    return recs.read_items(io.BytesIO(feed.encode()), now="2026-11-01", **options)


def test_old_backup_has_labels_urls_and_dates():
    links = (
        "<published>2024-03-01T10:00:00.000-08:00</published><updated>2024-03-02T10:00:00.000-08:00</updated>"
        "<category scheme='http://www.blogger.com/atom/ns#' term='bulbs'/>"
        "<link rel='replies' href='https://x.example/comments'/><link rel='edit' href='https://x.example/edit'/>"
        "<link rel='alternate' type='text/html' href='https://a.example/2024/03/a.html'/>"
    )
    collection = _read(_feed(_entry(KIND.format("post") + links), _entry(KIND.format("page"), "2")))
    post, page = collection
    assert (post.id, post.title, post.text, post.tags) == ("1", "A & B", "Plant it.", ("bulbs",))
    assert (post.url, post.published) == ("https://a.example/2024/03/a.html", "2024-03-01T18:00:00Z")
    assert (page.id, page.meta["kind"]) == ("2", "page")
    assert collection.format == "a backup of Blogger, by its content"


@pytest.mark.parametrize("kind", ["comment", "template", "settings", "poll"])
@pytest.mark.parametrize("form", [KIND.format, lambda kind: _new(kind.upper())])
def test_only_posts_and_pages_are_items_and_the_rest_is_counted(kind, form):
    collection = _read(_feed(_entry(form("post")), _entry(form(kind), "2"), _entry(form(kind), "3")))
    assert [item.id for item in collection] == ["1"]
    reason = f"entries of the kind {kind!r}, which are not posts or pages: 2"
    assert [skipped.reason for skipped in collection.skipped] == [reason]


def test_an_entry_of_two_kinds_is_no_post():
    both = _entry(KIND.format("post") + KIND.format("settings"), "2")
    assert [item.id for item in _read(_feed(_entry(KIND.format("post")), both))] == ["1"]


@pytest.mark.parametrize(
    ("inside", "visibility"),
    [
        (_new(), "public"),
        (_new(kind="PAGE"), "public"),
        (_new(status="DRAFT"), "draft"),
        (_new(status="SOFT_TRASHED"), "private"),
        (_new(status="SOMETHING_NEW"), "unknown"),
        (_new(status=""), "unknown"),
        (_new(more="<blogger:status>DRAFT</blogger:status>"), "draft"),
        (_new(more="<blogger:trashed>2024-01-01T10:00:00Z</blogger:trashed>"), "private"),
        (_new(more="<published>2031-01-01T10:00:00Z</published>"), "scheduled"),
        (KIND.format("post") + "<app:control><app:draft>yes</app:draft></app:control>", "draft"),
        (KIND.format("post") + "<app:control><app:draft>no</app:draft></app:control>", "public"),
        (
            KIND.format("post") + "<x:control xmlns:x='http://www.w3.org/2007/app'><x:draft>yes</x:draft></x:control>",
            "draft",
        ),
    ],
)
def test_what_is_not_live_is_closed(inside, visibility):
    (item,) = _read(_feed(_entry(inside)))
    assert item.visibility == visibility


def test_new_backup_has_paths_that_lead_between_posts():
    first = _new(more="<blogger:filename>/2024/03/a.html</blogger:filename>")
    second = _new(more="<blogger:filename>/2024/04/b.html</blogger:filename>")
    link = "See &lt;a href='https://a.example/2024/03/a.html'&gt;A&lt;/a&gt;."
    home = "<link rel='alternate' href='https://a.example/'/>"
    one, two = _read(_feed(_entry(first), _entry(second, "2", link), inside=home))
    assert one.url == "https://a.example/2024/03/a.html"
    assert [target.target for target in two.links] == ["1"]


def test_takeout_is_read_from_a_folder_and_from_an_archive(tmp_path):
    files = {
        "Takeout/Blogger/Blogs/A/feed.atom": _feed(_entry(_new())),
        "Takeout/Blogger/Blogs/A/settings.csv": "a\n1\n",
        "Takeout/Blogger/Blogs/B/feed.atom": _feed(_entry(_new(status="DRAFT"), "2")),
        "Takeout/Blogger/Comments/A/feed.atom": _feed(_entry(_new(kind="COMMENT"), "3")),
    }
    with zipfile.ZipFile(tmp_path / "takeout.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
            (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "folder" / name).write_text(text, encoding="utf-8")
    for source in (tmp_path / "folder", tmp_path / "takeout.zip"):
        assert {item.id: item.visibility for item in recs.read_items(source)} == {"1": "public", "2": "draft"}


def test_a_backup_that_ends_early_shows_the_posts_before_and_says_so():
    feed = _feed(_entry(_new()), _entry(_new(status="DRAFT"), "2"))
    collection = _read(feed[: feed.index("DRAFT")])
    assert [item.id for item in collection] == ["1"]
    assert "the file is truncated" in collection.skipped[-1].reason


def test_the_public_feed_of_a_blog_is_a_feed():
    entry = "<entry><id>1</id><category scheme='http://www.blogger.com/atom/ns#' term='a'/><content>x</content></entry>"
    assert not is_blogger(_feed(entry).encode())
    assert _read(_feed(entry)).format == "a feed, by its content"


def test_no_entry_is_one_line():
    with pytest.raises(SourceError, match="no <entry>; expected a backup of Blogger"):
        _read(_feed(), format="blogger")
