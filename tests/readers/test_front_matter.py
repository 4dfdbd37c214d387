"""Front matter with and without fences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recs.errors import SourceError
from recs.readers.folders.front_matter import has_front_matter, split_front_matter, split_properties
from recs.readers.values import Repeated

HEXO = """\
title: "Notes: on a raise"
date: 2016/3/5 9:05:03
tags:
- money
- private life
published: false
---
What I asked for."""


def test_split_front_matter_without_opening_fence_is_read_whole():
    matter, body = split_front_matter(HEXO, "a.md")
    assert matter == {
        "title": "Notes: on a raise",
        "date": "2016/3/5 9:05:03",
        "tags": ["money", "private life"],
        "published": "false",
    }
    assert body == "What I asked for."


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("title: A\ntags:\n  - x\n  - y\ndraft: true\n---\n", {"title": "A", "tags": ["x", "y"], "draft": "true"}),
        ("title: A\n\n\ndraft: true\n---\n", {"title": "A", "draft": "true"}),
        ("title: A\n# a comment\ndraft: true\n...\n", {"title": "A", "draft": "true"}),
        ("title: A\ntags: [x,\n  y\n]\ndraft: true\n---\n", {"title": "A", "tags": ["x", "y"], "draft": "true"}),
        ("Title: A\nTags: x, y\n    z\nDraft: true\n\n", {"Title": "A", "Tags": "x, y\n    z", "Draft": "true"}),
        ("title: A\ntags:\n- x\ndraft: true\n\n", {"title": "A", "tags": ["x"], "draft": "true"}),
        ('title = "A"\ndraft = true\n+++\n', {"title": "A", "draft": True}),
        ('"title": "A",\n"draft": true\n;;;\n', {"title": "A", "draft": True}),
        (';;;\n"title": "A",\n"draft": true\n;;;\n', {"title": "A", "draft": True}),
        ("---\ntitle: A\ndraft: true\n...\n", {"title": "A", "draft": "true"}),
        (".. title: A\n.. draft: true\n\n", {"title": "A", "draft": "true"}),
        ("<!--\n.. title: A\n.. draft: true\n-->\n", {"title": "A", "draft": "true"}),
        ("<!--\ntitle: A\ndraft: true\n-->\n", {"title": "A", "draft": "true"}),
        ("\ufeff\n\n---\ntitle: A\ndraft: true\n---\n", {"title": "A", "draft": "true"}),
    ],
)
def test_split_front_matter_form(head, expected):
    matter, body = split_front_matter(f"{head}The text.", "a.md")
    assert matter == expected
    assert body.strip().endswith("The text.")


@pytest.mark.parametrize(
    "text",
    [
        "Note: this is prose.\n\nIt goes on.",
        "A thing about gardens: they grow.\n---\nA heading was above.",
        "Words first.\n\ntitle: no front matter",
        "# A heading\n\nText.",
        "- a list: of things\n- draft: no",
        "<!-- a remark on drafts: none -->\n\nText.",
        "Status of the garden: good.\n\nText.",
        "",
    ],
)
def test_split_front_matter_of_prose_leaves_all_of_it(text):
    assert split_front_matter(text, "a.md") == ({}, text.removeprefix("<!-- a remark on drafts: none -->\n\n"))


@pytest.mark.parametrize(
    "text",
    [
        'title: A\nfoo: "unclosed\npublished: false\n---\nText',
        "title: A: b: c\ntags:\n- x\n---\nText",
        'title = "A"\ndraft = true\n\nText',
        "---\ntitle: A\nText without an end",
        "---\ntitle: A\n---\n\npublished: false\n\nText",
        "# A heading\n\nStatus: Draft\nOwner: me\n\nText",
        "title: A\n\npublished: false\n\nText",
    ],
)
def test_split_front_matter_that_cannot_be_read_whole_is_an_error_that_names_the_file(text):
    with pytest.raises(SourceError, match=r"^a\.md: its (front matter|text begins)") as caught:
        split_front_matter(text, "a.md")
    assert "\n" not in str(caught.value)


def test_split_front_matter_name_that_comes_twice_has_both_values():
    matter, _ = split_front_matter("---\ndraft: false\ntitle: A\ndraft: true\n---\nText", "a.md")
    assert matter["draft"] == Repeated(("false", "true"))
    assert matter["title"] == "A"


def test_split_properties_of_notion_are_no_text():
    text = (
        "# Storing leeks\n\nCreated: April 3, 2024 10:12 AM\nStatus: Draft\nOwner: N. N.\n\nLeeks stay in the ground."
    )
    properties, body = split_properties(text, "a.md")
    assert properties == {"Created": "April 3, 2024 10:12 AM", "Status": "Draft", "Owner": "N. N."}
    assert body == "# Storing leeks\n\nLeeks stay in the ground."
    odd = "# T\n\n🏷 Tags: a, b\nAuthor/Editor: Jo\nPublished?: No\n\nText."
    assert split_properties(odd, "a.md")[0] == {"🏷 Tags": "a, b", "Author/Editor": "Jo", "Published?": "No"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("---\ntitle: A\n---\nx", True), ("---\n\nA rule above.", False), ("+++\na = 1\n+++", True), ("x", False)],
)
def test_has_front_matter(text, expected):
    assert has_front_matter(text) is expected


def _split_or_message(text):
    try:
        return split_front_matter(text, "a.md")[1], ""
    except SourceError as error:
        return "", str(error)


@given(st.text(alphabet=st.sampled_from("-+;:=#.<!>\"'[]{} \n\tatidre,")))
def test_split_front_matter_of_anything_returns_or_raises_one_line(text):
    body, said = _split_or_message(text)
    assert "\n" not in said
    assert text.endswith(body)


def test_split_front_matter_of_hostile_text_takes_linear_time():
    for text in ("a: b\n" * 100_000, "<!--" * 200_000, "---\n" * 200_000, " " * 1_000_000, "a" * 1_000_000 + ":"):
        assert len(_split_or_message(text)[1]) < 500
