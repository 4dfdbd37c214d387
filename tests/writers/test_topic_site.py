"""Topic pages: text of items is data, feeds are valid, files of others stay, and equal topics give equal bytes."""

from __future__ import annotations

import hashlib
import json
import re
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from recs.errors import OutputError
from recs.items import Item
from recs.writers.topic_site.slugs import topic_slugs
from recs.writers.topic_site.write import MANIFEST, write_topic_site

EVIL = "</title><script>alert(1)</script><img src=x onerror=alert(1)>]]>&amp;\"'\x00\x0b\ud800"


def clustering(names: list[str], size: int = 4) -> Any:
    """Return topics of `size` items each, whose ids are "0", "1" …; the last item is in no topic."""
    ids = tuple(str(at) for at in range(len(names) * size + 1))
    topics = tuple(
        SimpleNamespace(id=3 * at, name=name, size=size, phrases=(name, EVIL), exemplars=(ids[at * size],))
        for at, name in enumerate(names)
    )
    assigned = np.array([*np.repeat([topic.id for topic in topics], size), -1])
    return cast("Any", SimpleNamespace(ids=ids, topics=topics, assigned=assigned))


def items(n: int = 40, **fields: Any) -> list[Item]:
    return [
        Item(id=str(at), text=f"Text {at}", title=f"Title {at}", **{"published": f"2024-01-{1 + at % 28:02}", **fields})
        for at in range(n)
    ]


def contents(folder: Any) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_write_topic_site_same_topics_give_same_bytes_and_no_file_is_touched(tmp_path: Any) -> None:
    made = clustering(["Soil & seed", "園芸", "C++"])
    assert write_topic_site(made, items(), tmp_path / "a") == []
    first = contents(tmp_path / "a")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "a").rglob("*.html")}
    write_topic_site(made, items(), tmp_path / "a")
    write_topic_site(made, items(), tmp_path / "b")
    assert contents(tmp_path / "a") == first == contents(tmp_path / "b")
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    names = {name for name in first if name.endswith((".html", ".xml", ".md"))}
    slugs = ("soil-and-seed", "園芸", "c-plus-plus")
    assert names == {"index.html", *(each for slug in slugs for each in _files_of(slug))}


def _files_of(slug: str) -> tuple[str, str, str]:
    return f"{slug}.html", f"{slug}.xml", f"front-matter/{slug}.md"


def test_write_topic_site_links_lead_to_files_and_items(tmp_path: Any) -> None:
    from urllib.parse import unquote

    write_topic_site(clustering(["Soil & seed", "園芸"]), items(url="https://x.example/a?b=1&c=2"), tmp_path)
    for page in tmp_path.glob("*.html"):
        for link in re.findall(r'href="([^"]*)"', page.read_text(encoding="utf-8")):
            assert link in ("data:,", "https://x.example/a?b=1&amp;c=2") or (tmp_path / unquote(link)).is_file()
    assert "Title 3" in (tmp_path / "soil-and-seed.html").read_text(encoding="utf-8")
    assert "Title 8" not in "".join(page.read_text(encoding="utf-8") for page in tmp_path.glob("*.html"))  # in no topic


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//evil.example/", "data:text/html,x", "/\\evil.example", None])
def test_write_topic_site_hostile_texts_stay_text(tmp_path: Any, url: str | None) -> None:
    made = clustering([EVIL, "b"])
    texts = [
        Item(id=str(at), text=EVIL, title=EVIL, url=url, lang='x" onclick="a', published="2024-01-01")
        for at in range(9)
    ]
    write_topic_site(made, texts, tmp_path)
    for path in tmp_path.glob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert "<script" not in page
        assert "<img" not in page
        assert "onclick" not in page
        assert not re.search(r'href="(?!(data:,|[-\w]+\.(html|xml))")', page)
    for path in tmp_path.glob("*.xml"):
        assert "script" not in {each.tag for each in ElementTree.parse(path).iter()}
        assert "evil" not in path.read_text(encoding="utf-8").split("<title>")[0]


def test_write_topic_site_feeds_are_read_by_a_feed_parser(tmp_path: Any) -> None:
    feedparser = pytest.importorskip("feedparser")
    write_topic_site(clustering(["Soil <1>"], size=30), items(31, url="https://x.example/"), tmp_path)
    feed = feedparser.parse((tmp_path / "soil-1.xml").read_bytes())
    assert not feed.bozo
    assert feed.version == "atom10"
    assert feed.feed.title == "Soil <1>"
    assert feed.feed.id.startswith("urn:uuid:")
    dates = [entry.updated for entry in feed.entries]
    assert len(dates) == 20
    assert dates == sorted(dates, reverse=True)
    assert feed.feed.updated == dates[0] == "2024-01-28T00:00:00Z"
    assert {entry.link for entry in feed.entries} == {"https://x.example/"}


def test_write_topic_site_front_matter_and_data_are_read_back(tmp_path: Any) -> None:
    names = ["Soil: \U0001f955 \x85 'q' \"p\" #", "no", "2024"]
    write_topic_site(clustering(names), items(), tmp_path)
    data = json.loads((tmp_path / "data/topics.json").read_bytes())
    fields = {}
    for topic in data["topics"]:
        text = (tmp_path / f"front-matter/{topic['slug']}.md").read_text(encoding="utf-8")
        fields[topic["id"]] = yaml.safe_load(text.split("---\n")[1])
    assert [fields[3 * at]["title"] for at in range(3)] == [" ".join(name.split()) for name in names]
    assert fields[0]["all_items"] == ["0", "1", "2", "3"]
    assert data["items"]["4"] == {"topics": ["no"], "tags": ["no"]}
    assert "12" not in data["items"]


def test_write_topic_site_removes_only_what_it_wrote(tmp_path: Any) -> None:
    write_topic_site(clustering(["a", "b", "c"]), items(), tmp_path)
    (tmp_path / "mine.html").write_text("mine")
    (tmp_path / "b.html").write_text("changed by hand")
    notes = write_topic_site(clustering(["a"]), items(), tmp_path)
    left = set(contents(tmp_path)) - {MANIFEST, ".lock"}
    assert left == {"index.html", "data/topics.json", *_files_of("a"), "mine.html", "b.html"}
    assert len(notes) == 1
    assert "somebody changed" in notes[0]


def test_write_topic_site_refuses_files_of_others_and_broken_manifests(tmp_path: Any) -> None:
    (tmp_path / "index.html").write_text("my site")
    with pytest.raises(OutputError, match="recs did not write this file"):
        write_topic_site(clustering(["a"]), items(), tmp_path)
    assert set(contents(tmp_path)) <= {"index.html", ".lock"}
    outside = tmp_path.parent / "outside.txt"
    outside.write_text("x")
    (tmp_path / "index.html").unlink()
    digest = hashlib.sha256(b"x").hexdigest()
    manifest = {"schema": "recs.topic-site/1", "files": {"../outside.txt": digest, str(outside): digest}}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    write_topic_site(clustering(["a"]), items(), tmp_path)
    assert outside.exists()
    for text in ("[]", "{", '{"schema": "x"}', "null"):
        (tmp_path / MANIFEST).write_text(text)
        with pytest.raises(OutputError, match="no list of files"):
            write_topic_site(clustering(["a"]), items(), tmp_path)
    with pytest.raises(OutputError):
        write_topic_site(clustering(["a"]), items(), outside)


def test_write_topic_site_items_without_dates_have_no_feed(tmp_path: Any) -> None:
    write_topic_site(clustering(["a"]), items(published=None), tmp_path)
    assert not list(tmp_path.glob("*.xml"))
    assert "Feed" not in (tmp_path / "a.html").read_text(encoding="utf-8")
    write_topic_site(clustering([]), [], tmp_path)
    assert set(contents(tmp_path)) - {MANIFEST, ".lock"} == {"index.html", "data/topics.json"}


@given(st.lists(st.text(max_size=80), max_size=12))
def test_topic_slugs_are_safe_and_each_is_there_once(names: list[str]) -> None:
    topics = [SimpleNamespace(id=at, name=name) for at, name in enumerate(names)]
    slugs = topic_slugs(cast("Any", topics))
    assert len({slug.casefold() for slug in slugs.values()}) == len(names)
    assert all(re.fullmatch(r"[^\W_]+(-[^\W_]+)*", slug) and slug not in ("index", "con") for slug in slugs.values())
    assert topic_slugs(cast("Any", topics[::-1])) == slugs
    assert all(
        topic_slugs(cast("Any", topics[: at + 1]))[at] == slugs[at] for at in range(len(names))
    )  # later ones change none
