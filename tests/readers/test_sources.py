"""Every format by path, as an open file and in an archive: recognised by content, read alike, nothing left behind."""

import io
import json
import tempfile
import zipfile

import pytest
from places import DATASETS

import recs
from recs.errors import SourceError

GHOST = {
    "db": [
        {
            "meta": {"version": "5.0.0"},
            "data": {
                "posts": [
                    {"id": "1", "slug": "garlic", "title": "Garlic", "html": "<p>Plant it.</p>", "status": "published",
                     "visibility": "public", "type": "post", "published_at": "2026-01-01T00:00:00.000Z"},
                    {"id": "2", "slug": "leeks", "title": "Leeks", "html": "<p>Sow them.</p>", "status": "draft",
                     "visibility": "public", "type": "post"},
                ],
                "tags": [],
                "posts_tags": [],
            },
        }
    ]
}  # fmt: skip
ATOM = b"""<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Garden</title><id>x</id>
<entry><id>a</id><title>Garlic</title><content type="html">&lt;p&gt;Plant it.&lt;/p&gt;</content></entry></feed>"""
REST = [
    {"id": 7, "link": "https://x.example/garlic/", "date": "2026-01-01T00:00:00", "status": "publish", "type": "post",
     "title": {"rendered": "Garlic &amp; leeks"}, "content": {"rendered": "<p>Plant it.</p>", "protected": False}}
]  # fmt: skip
WXR = (DATASETS / "wordpress.xml").read_bytes()
FILES = {
    "ghost.json": (json.dumps(GHOST).encode(), "posts of Ghost"),
    "feed.atom": (ATOM, "a feed"),
    "posts.json": (json.dumps(REST).encode(), "posts of WordPress's REST API"),
    "export.xml": (WXR, "a WordPress export"),
}


def packed(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


@pytest.mark.parametrize("name", FILES)
def test_a_format_is_recognised_by_its_content_and_read_alike_from_everywhere(tmp_path, name):
    content, recognised = FILES[name]
    (tmp_path / name).write_bytes(content)
    (tmp_path / "export.bin").write_bytes(content)
    (tmp_path / "export.zip").write_bytes(packed({f"export/{name}": content}))
    by_path = recs.read_items(tmp_path / name)
    assert by_path.format.startswith(recognised)
    assert by_path.public
    others = [
        tmp_path / "export.bin",
        tmp_path / "export.zip",
        io.BytesIO(content),
        io.BytesIO(packed({name: content})),
    ]
    for source in others:
        collection = recs.read_items(source)
        assert collection.items == by_path.items
        assert recognised in collection.format


def test_a_folder_with_the_parts_of_a_wordpress_export_is_one_source(tmp_path):
    for number in (1, 2):
        part = WXR.replace(b"<wp:post_id>", b"<wp:post_id>%d" % number)
        (tmp_path / f"part-{number}.xml").write_bytes(part)
    both = recs.read_items(tmp_path)
    one = recs.read_items(tmp_path / "part-1.xml")
    assert both.format == "a WordPress export in 2 files, by their content"
    assert len(both) == 2 * len(one)
    parts = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    in_archive = recs.read_items(io.BytesIO(packed(parts)))
    assert in_archive.items == both.items
    assert in_archive.format == "a zip archive of a WordPress export in 2 files, by their content"


def test_a_folder_that_holds_more_than_an_export_is_a_folder(tmp_path):
    (tmp_path / "part.xml").write_bytes(WXR)
    (tmp_path / "garlic.md").write_text("Plant it.", encoding="utf-8")
    assert [item.id for item in recs.read_items(tmp_path)] == ["garlic"]


def test_an_archive_of_a_folder_is_that_folder_and_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    files = {
        "blog/garlic.md": "Plant it.",
        "blog/leeks.md": "---\ndraft: true\n---\nSow them.",
        "blog/../../x.md": "Out.",
    }
    (tmp_path / "blog.zip").write_bytes(packed(files))
    collection = recs.read_items(tmp_path / "blog.zip")
    assert [(item.id, item.visibility) for item in collection] == [("garlic", "public"), ("leeks", "draft")]
    assert collection.format == "a zip archive of a folder of documents"
    assert collection.source == "blog.zip"
    assert any("leads out of the archive" in skipped.reason for skipped in collection.skipped)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_the_backup_of_ghost_is_its_posts():
    data = packed({"data/ghost.json": FILES["ghost.json"][0], "data/redirects.json": b'[{"from": "/a/", "to": "/b/"}]'})
    collection = recs.read_items(io.BytesIO(data))
    assert [(item.id, item.visibility) for item in collection] == [("1", "public"), ("2", "draft")]


def test_an_archive_that_cannot_be_read_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with pytest.raises(SourceError, match="no Markdown, HTML or text files"):
        recs.read_items(io.BytesIO(packed({"a/table.xlsx": "x", "b/notes.bin": "y"})))
    assert list((tmp_path / "temporary").iterdir()) == []


def test_the_sample_export_shows_what_its_authors_published():
    collection = recs.read_items(DATASETS / "wordpress.xml", now="2026-11-01")
    assert len(collection.public) >= 5
    assert {"draft", "private", "scheduled"} <= {item.visibility for item in collection}
    assert not [item.id for item in collection if "[gallery" in item.text or "<!-- wp:" in item.text]
    assert sum(len(item.links) for item in collection.public) >= 2
