"""What every format keeps: public posts are read whole, closed ones are never shown, broken files end well.

A new reader adds a function to `FORMATS` that writes `Post`s as its system exports them, each way of closing included.
RECS_FUZZ=93 tries 100,000 exports.
"""

import csv
import io
import json
import os
import random
import sqlite3
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from itertools import count
from typing import get_args

import pytest

import recs
from recs.readers.opened import Format

NOW = "2026-11-01"
_EXPORTS = 60 * int(os.environ.get("RECS_FUZZ", "1"))
_ODD = ["", " & <3", ' "so"', " ]]>", " — été", " 🚲", "\nnext, line", " {x: [1]}", " ---", " 100 %", "’s"]


@dataclass(frozen=True)
class Post:
    """A post with a word that occurs nowhere else, and how it is closed ("" if it is public)."""

    id: str
    title: str
    text: str
    closing: str
    tag: str


def _wxr(posts):
    status = {"": "publish", "secret": "publish", "later": "future"}
    items = "".join(
        f"<item><title>{escape(post.title)}</title><link>https://a.example/{post.id}/</link>"
        f"<content:encoded><![CDATA[{escape(post.text)}]]></content:encoded><wp:post_id>{post.id}</wp:post_id>"
        f"<wp:post_date_gmt>{'2031' if post.closing == 'later' else '2024'}-01-01 10:00:00</wp:post_date_gmt>"
        f"<wp:status>{status.get(post.closing, post.closing)}</wp:status><wp:post_type>post</wp:post_type>"
        f"<wp:post_password>{'key' * (post.closing == 'secret')}</wp:post_password>"
        f'<category domain="post_tag" nicename="t"><![CDATA[{post.tag}]]></category></item>'
        for post in posts
    )
    spaces = 'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:wp="http://wordpress.org/export/1.2/"'
    return {"export.xml": f'<?xml version="1.0"?><rss version="2.0" {spaces}><channel>{items}</channel></rss>'}


def _rest(posts):
    status = {"": "publish", "secret": "publish", "later": "future"}
    records = [
        {
            "id": int(post.id),
            "date": "2024-01-01T10:00:00",
            "date_gmt": f"{'2031' if post.closing == 'later' else '2024'}-01-01T10:00:00",
            "type": "post",
            "status": status.get(post.closing, post.closing),
            "link": f"https://a.example/{post.id}/",
            "title": {"rendered": escape(post.title)},
            "content": {"rendered": f"<p>{escape(post.text)}</p>", "protected": post.closing == "secret"},
            "_embedded": {"wp:term": [[{"id": 1, "name": post.tag, "taxonomy": "post_tag"}]]},
        }
        for post in posts
    ]
    return {"posts.json": json.dumps(records)}


def _ghost(posts):
    status = {"": "published", "secret": "published", "later": "scheduled", "private": "published"}
    visibility = {"secret": "paid", "private": "members"}
    rows = [
        {
            "id": post.id,
            "slug": f"p{post.id}",
            "title": post.title,
            "html": f"<p>{escape(post.text)}</p>",
            "type": "post",
            "status": status.get(post.closing, "draft"),
            "visibility": visibility.get(post.closing, "public"),
            "published_at": "2031-01-01T10:00:00.000Z" if post.closing == "later" else "2024-01-01T10:00:00.000Z",
        }
        for post in posts
    ]
    tags = [{"id": post.tag, "name": post.tag, "slug": post.tag} for post in posts]
    joined = [{"post_id": post.id, "tag_id": post.tag} for post in posts]
    return {"ghost.json": json.dumps({"db": [{"data": {"posts": rows, "tags": tags, "posts_tags": joined}}]})}


def _fields(post):
    fields = {"id": post.id, "title": post.title, "content": f"<p>{escape(post.text)}</p>", "tags": [post.tag]}
    fields["date"] = "2031-01-01" if post.closing == "later" else "2024-01-01"
    fields["status"] = {"": "published", "later": "published", "secret": "members"}.get(post.closing, post.closing)
    return fields


def _json(posts):
    return {"posts.json": json.dumps([_fields(post) for post in posts])}


def _json_lines(posts):
    return {"posts.jsonl": "\n".join(json.dumps(_fields(post)) for post in posts)}


def _table(posts):
    file = io.StringIO()
    writer = csv.DictWriter(file, list(_fields(posts[0])))
    writer.writeheader()
    writer.writerows({**_fields(post), "tags": post.tag} for post in posts)
    return {"posts.csv": file.getvalue()}


def _rss(posts):
    """A feed has no drafts: only a date in the future."""
    items = "".join(
        f"<item><title>{escape(escape(post.title))}</title><guid isPermaLink='false'>{post.id}</guid>"
        f"<description>{escape(f'<p>{escape(post.text)}</p>')}</description><category>{post.tag}</category>"
        f"<pubDate>Mon, 01 Jan {'2031' if post.closing else '2024'} 10:00:00 GMT</pubDate></item>"
        for post in posts
    )
    return {"feed.xml": f'<rss version="2.0"><channel><title>A</title>{items}</channel></rss>'}


def _folder(posts):
    closings = {"draft": "draft: true", "private": "published: false", "pending": "status: pending"}
    closings |= {"secret": "password: key", "later": "date: 2031-01-01"}
    return {
        f"{post.id}.md": f"---\ntitle: {json.dumps(post.title, ensure_ascii=False)}\ntags: [{post.tag}]\n"
        f"{closings.get(post.closing, '')}\n---\n\n{escape(post.text)}\n"
        for post in posts
    }


def _sqlite(posts):
    connection = sqlite3.connect(":memory:")
    fields = [{**_fields(post), "tags": post.tag} for post in posts]
    connection.execute(f"CREATE TABLE posts ({', '.join(fields[0])})")
    marks = ", ".join("?" * len(fields[0]))
    connection.executemany(f"INSERT INTO posts VALUES ({marks})", [tuple(one.values()) for one in fields])
    connection.commit()
    return {"posts.db": connection.serialize()}


def _medium(posts):
    """The export of Medium has drafts alone, and no tags."""
    page = (
        '<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title}</title></head><body><article class="h-entry">'
        '<header><h1 class="p-name">{title}</h1></header><section data-field="subtitle" class="p-summary">{text}'
        '</section><section data-field="body" class="e-content"><section name="1a2b" class="section">'
        '<h3 class="graf graf--h3 graf--title">{title}</h3><p class="graf graf--p">{text}</p></section></section>'
        "<footer>{footer}</footer></article></body></html>"
    )
    published = (
        '<p>On <a href="https://medium.com/p/{id}"><time class="dt-published" datetime="2024-01-01T10:00:00.000Z">'
        '</time></a>.</p><p><a href="https://medium.com/@a/post-{id}" class="p-canonical">Canonical link</a></p>'
    )
    draft = '<p><a href="https://medium.com/p/{id}">View original.</a></p>'
    return {
        f"posts/{'draft_' if post.closing else '2024-01-01_'}Post-{post.id}.html": page.format(
            title=escape(post.title),
            text=escape(post.text),
            footer=(draft if post.closing else published).format(id=post.id),
        )
        for post in sorted(posts, key=lambda post: (bool(post.closing), post.id))
    }


def _blogger_entry(post, inside):
    date = f"{'2031' if post.closing == 'later' else '2024'}-01-01T10:00:00Z"
    return (
        f"<entry><id>{post.id}</id>{inside}<published>{date}</published><updated>2024-01-01T10:00:00Z</updated>"
        f"<category scheme='http://www.blogger.com/atom/ns#' term='{post.tag}'/>"
        f"<title type='text'>{escape(post.title)}</title>"
        f"<content type='html'>{escape(f'<p>{escape(post.text)}</p>')}</content></entry>"
    )


def _blogger(posts):
    """What is not a draft or scheduled cannot be closed in Blogger, so other closings are comments here."""
    kind = "<category scheme='http://schemas.google.com/g/2005#kind' term='http://schemas.google.com/blogger/2008/kind#{}'/>"
    closed = (
        kind.format("post")
        + "<app:control xmlns:app='http://purl.org/atom/app#'><app:draft>yes</app:draft></app:control>"
    )
    kinds = {"": kind.format("post"), "later": kind.format("post"), "draft": closed, "private": closed}
    entries = "".join(_blogger_entry(post, kinds.get(post.closing, kind.format("comment"))) for post in posts)
    return {"blog-01-01-2024.xml": f"<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom'>{entries}</feed>"}


def _blogger_takeout(posts):
    statuses = {"": "LIVE", "later": "LIVE", "draft": "DRAFT", "private": "SOFT_TRASHED", "pending": "NEW_WORD"}
    entries = "".join(
        _blogger_entry(
            post,
            f"<blogger:type>{'COMMENT' if post.closing == 'secret' else 'POST'}</blogger:type>"
            f"<blogger:status>{statuses.get(post.closing, 'LIVE')}</blogger:status>",
        )
        for post in posts
    )
    spaces = "xmlns='http://www.w3.org/2005/Atom' xmlns:blogger='http://schemas.google.com/blogger/2018'"
    return {
        "Blogger/Blogs/A/feed.atom": f"<?xml version='1.0'?><feed {spaces}>{entries}</feed>",
        "Blogger/Blogs/A/settings.csv": "blog_name\nA\n",
    }


def _notion(posts):
    closings = {"secret": "Password: key", "later": "Date: January 1, 2031", "draft": "Draft: Yes"}
    return {
        f"Posts {'0' * 32}/Post {post.id}.md": f"# {post.title}\n\nTags: {post.tag}\n"
        f"{closings.get(post.closing, f'Status: {post.closing}')}\n\n"
        f"{escape(post.text)}\n"
        for post in posts
    }


def _tumblr(posts):
    """Old posts and posts of blocks in turn."""
    states = {"": "published", "later": "queued", "pending": "submission", "secret": "a-new-word"}
    records = [
        {
            "id": int(post.id),
            "id_string": post.id,
            "blog_name": "a",
            "post_url": f"https://a.tumblr.com/post/{post.id}",
            "title": post.title,
            "type": "text",
            "state": states.get(post.closing, post.closing),
            "timestamp": 1704103200,
            "tags": [post.tag],
            **(
                {"content": [{"type": "text", "text": post.text}], "is_blocks_post_format": True}
                if int(post.id) % 2
                else {"body": f"<p>{escape(post.text)}</p>"}
            ),
        }
        for post in posts
    ]
    return {"posts.json": json.dumps({"meta": {"status": 200}, "response": {"blog": {}, "posts": records}})}


def _buttondown(posts):
    statuses = {"draft": "draft", "pending": "about_to_send", "later": "scheduled"}
    records = [
        {
            "id": post.id,
            "subject": post.title,
            "body": f"<!-- buttondown-editor-mode: fancy --><p>{escape(post.text)}</p>",
            "status": statuses.get(post.closing, "imported" if int(post.id) % 2 else "sent"),
            "email_type": "premium" if post.closing == "secret" else "public",
            "archival_mode": "enabled_for_subscribers" if post.closing == "private" else "enabled",
            "absolute_url": f"https://buttondown.com/a/archive/{post.id}/",
            "publish_date": f"{'2031' if post.closing == 'later' else '2024'}-01-01T10:00:00Z",
            "tags": [post.tag],
        }
        for post in posts
    ]
    return {"emails.json": json.dumps({"results": records, "count": len(records), "next": None})}


_OF_TEXT = (_wxr, _rest, _ghost, _json, _json_lines, _table, _rss, _folder, _sqlite)
_OF_PLATFORMS = (_medium, _blogger, _blogger_takeout, _notion, _tumblr, _buttondown)
FORMATS = {make.__name__[1:]: make for make in _OF_TEXT + _OF_PLATFORMS}
WITHOUT_TAGS = {"medium"}
NAMES = {"wxr": "wordpress", "rest": "wordpress-rest", "json_lines": "jsonl", "table": "csv", "rss": "feed"}
NAMES |= {"blogger_takeout": "blogger"}
"""What --input-format calls the formats that have another name here."""


def _posts(chance):
    """Return posts at random; each word of them is a post's own."""
    numbers = count(1)
    posts = []
    for _ in range(chance.randint(1, 6)):
        number = next(numbers)
        closing = chance.choice(["", "", "draft", "private", "pending", "secret", "later"])
        word = f"{'closed' if closing else 'open'}word{number}x"
        title = f"Title {word}{chance.choice(_ODD)}".replace("\n", " ")
        paragraph = f"Text {word}{chance.choice(_ODD)} and {word}."
        posts.append(Post(f"1{number:031}", title, paragraph, closing, f"tag{word}"))
    return posts


def _written(files, folder):
    """Return the source that holds these files: the only one, or the folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    first = next(iter(files))
    return folder / first if len(files) == 1 and not first.endswith(".md") and "/" not in first else folder


def _zipped(files, folder):
    folder.mkdir()
    with zipfile.ZipFile(folder / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return folder / "export.zip"


def _shown(collection):
    """Return all that a result may show of the public items, and what the reports say."""
    public = [(item.id, item.title, item.text, item.tags, item.excerpt, dict(item.meta)) for item in collection.public]
    return repr((public, collection.boilerplate))


@pytest.mark.parametrize("place", [_written, _zipped], ids=["plain", "zip"])
@pytest.mark.parametrize("name", FORMATS)
def test_public_posts_are_read_and_closed_ones_are_not_shown(name, place, tmp_path):
    chance = random.Random(name)
    for number in range(max(_EXPORTS // (1 if place is _written else 4), 1)):
        posts = _posts(chance)
        collection = recs.read_items(place(FORMATS[name](posts), tmp_path / str(number)), now=NOW)
        public = [post for post in posts if not post.closing]
        assert [item.id for item in collection.public] == [post.id for post in public], posts
        for item, post in zip(collection.public, public, strict=True):
            assert item.title == " ".join(post.title.split()), posts
            assert item.text.split()[1].startswith(post.text.split()[1]), posts
            assert post.tag in item.tags or name in WITHOUT_TAGS, posts
        assert "closedword" not in _shown(collection), posts


@pytest.mark.parametrize("place", [_written, _zipped], ids=["plain", "zip"])
@pytest.mark.parametrize("name", FORMATS)
def test_the_format_may_be_named_and_another_one_is_one_line_or_shows_nothing_closed(name, place, tmp_path):
    posts = [*_posts(random.Random(name)), Post("2" * 32, "Title openword9x", "Text openword9x.", "", "tagopenword9x")]
    source = place(FORMATS[name](posts), tmp_path / "source")
    recognised = recs.read_items(source, now=NOW)
    for format in get_args(Format):
        try:
            collection = recs.read_items(source, now=NOW, format=format)
        except recs.RecsError as error:
            message = str(error)
            assert message.startswith((source.name, *FORMATS[name](posts))), format  # or a file in an archive
            assert "\n" not in message, format
            assert format != NAMES.get(name, name), message
            continue
        if format == NAMES.get(name, name):
            assert collection.items == recognised.items
        if (name, format) != ("tumblr", "json"):  # a state of Tumblr may be anything else in another system
            assert "closedword" not in _shown(collection), format


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_cut_off_shows_nothing_closed(name, tmp_path):
    chance = random.Random(name)
    for number in range(_EXPORTS):
        files = FORMATS[name](_posts(chance))
        cut = chance.choice(sorted(files))
        data = files[cut] if isinstance(files[cut], bytes) else files[cut].encode()
        source = _written({**files, cut: data[: chance.randrange(len(data))]}, tmp_path / str(number))
        shown = ""
        with suppress(recs.RecsError):
            shown = _shown(recs.read_items(source, now=NOW))
        assert "closedword" not in shown, source
