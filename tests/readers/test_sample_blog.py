"""The sample blog: one set of posts as JSON and as the folder of a Hugo site."""

import runpy

import pytest
from places import DATASETS, POSTS

import recs

BLOG = DATASETS / "blog"
NOW = "2026-11-01"


def files_of(folder):
    """Return the bytes of each file in a folder by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def both():
    """The posts of the file, and those of the folder, each by URL."""
    return tuple({item.url: item for item in recs.read_items(source, now=NOW)} for source in (POSTS, BLOG))


@pytest.fixture(scope="module")
def links():
    """The links between the posts of the file, and between those of the folder, as pairs of URLs."""
    pairs = []
    for source in (POSTS, BLOG):
        items = recs.read_items(source, now=NOW)
        url = {item.id: item.url for item in items}
        pairs.append({(item.url, url[link.target]) for item in items for link in item.links if link.target in url})
    return tuple(pairs)


def test_make_blog_writes_the_folder_that_is_there(tmp_path):
    runpy.run_path(str(DATASETS / "make_blog.py"))["main"](tmp_path / "blog")
    assert files_of(tmp_path / "blog") == files_of(BLOG)


def test_folder_has_the_addresses_of_the_file(both):
    of_file, of_folder = both
    assert set(of_folder) == set(of_file)


@pytest.mark.parametrize("name", ["title", "published", "tags", "category", "series", "group", "visibility"])
def test_folder_has_the_fields_of_the_file(both, name):
    of_file, of_folder = both
    assert {url: getattr(item, name) for url, item in of_folder.items()} == {
        url: getattr(item, name) for url, item in of_file.items()
    }


def test_folder_has_the_languages_that_the_file_declares(both):
    of_file, of_folder = both
    assert [url for url, item in of_file.items() if item.lang not in (None, of_folder[url].lang)] == []


def test_folder_has_the_texts_of_the_file(both):
    of_file, of_folder = both
    words = {url: "".join(item.text.split()) for url, item in of_file.items()}
    assert [url for url, item in of_folder.items() if "".join(item.text.split()) != words[url]] == []


def test_folder_has_the_links_of_the_file(links):
    of_file, of_folder = links
    assert of_folder == of_file


def test_both_close_drafts_the_private_post_and_those_of_the_future(both):
    for items in both:
        closed = sorted(item.visibility for item in items.values() if not item.is_public)
        assert closed == ["draft"] * 5 + ["private"] + ["scheduled"] * 2
