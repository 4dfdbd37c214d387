"""Bodies that are lists of blocks: all text of all blocks once, as HTML; what is hidden is left out and counted."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recs.items import Item
from recs.readers.blocks.text import blocks_html, hidden_blocks
from recs.text.links import resolve_links
from recs.text.plain import plain_text


def text_of(value: object) -> str:
    return plain_text(blocks_html(value), "html")


WAGTAIL = [
    {"type": "heading", "value": "In winter", "id": "a1"},
    {"type": "paragraph", "value": '<p data-block-key="x">Cut <b>shoots</b> first.</p>', "id": "a2"},
    {"type": "text", "value": "Fish & chips < soup", "id": "a3"},
    {"type": "image", "value": {"image": 12, "caption": "Apples", "url": "/media/apple.jpg"}, "id": "a4"},
    {"type": "bullets", "value": ["one saw", "two shears"], "id": "a5"},
    {
        "type": "card",
        "value": {
            "card_title": "A card",
            "alignment": "left",
            "link_url": "https://site.example/x/",
            "parts": [{"type": "item", "value": {"answer": "Nested words"}, "id": "c9a1"}],
        },
        "id": "6fb2b5a2-0f33-4b7e-9d7c-2d8c5a1b2c3d",
    },
    {"type": "image", "value": 7, "id": "a7"},
    {"type": "table", "value": {"data": [["Kind", "Trees"], ["Apple", 3]], "table_caption": "What grows"}},
    {"type": "quote", "value": {"quote": "Cut less.", "author": "Ann"}},
    {"type": "code", "value": {"language": "python", "code": "a = 1\nb < 2"}},
    {"type": "markdown", "value": "Some **strong** words <!-- secret -->"},
]


def test_blocks_html_of_wagtail_reads_every_block() -> None:
    assert text_of(WAGTAIL) == (
        "In winter\n\nCut shoots first.\n\nFish & chips < soup\n\nApples\n\none saw\n\ntwo shears\n\nA card\n\n"
        "Nested words\n\nKind | Trees\nApple | 3\n\nWhat grows\n\nCut less.\n\nAnn\n\na = 1\nb < 2\n\nSome strong words"
    )


def test_blocks_html_of_portable_text_joins_spans_and_keeps_links() -> None:
    value = [
        {"_type": "block", "_key": "a", "style": "h2", "children": [{"_type": "span", "text": "Head"}], "markDefs": []},
        {
            "_type": "block",
            "style": "normal",
            "markDefs": [{"_key": "k1", "_type": "link", "href": "/blog/soil/"}],
            "children": [
                {"_type": "span", "_key": "s1", "text": "un", "marks": []},
                {"_type": "span", "_key": "s2", "text": "believ", "marks": ["strong"]},
                {"_type": "span", "_key": "s3", "text": "able ", "marks": []},
                {"_type": "span", "_key": "s4", "text": "soil", "marks": ["k1"]},
            ],
        },
        *(
            {"_type": "block", "listItem": "number", "level": 1, "children": [{"_type": "span", "text": word}]}
            for word in ("first", "second")
        ),
        {
            "_type": "image",
            "asset": {"_ref": "image-a0b1c2d3e4f5a6b7-200x300-jpg", "_type": "reference"},
            "alt": "A bed",
        },
    ]
    assert text_of(value) == "Head\n\nunbelievable soil\n\n1. first\n2. second\n\nA bed"
    assert '<a href="/blog/soil/">soil</a>' in blocks_html(value)


def test_blocks_html_of_a_piece_with_two_links_takes_the_first() -> None:
    keys = [f"k{number}" for number in range(20)]
    marks = [{"_key": key, "_type": "link", "href": f"/{key}/"} for key in reversed(keys)]
    value = {"_type": "block", "markDefs": marks, "children": [{"_type": "span", "text": "a", "marks": keys}]}
    assert blocks_html(value) == '<p><a href="/k0/">a</a></p>'


def test_blocks_html_of_editor_js_reads_all_its_blocks() -> None:
    value = {
        "time": 1700000000000,
        "version": "2.28.0",
        "blocks": [
            {"id": "x1", "type": "header", "data": {"text": "Head &amp; tail", "level": 3}},
            {"id": "x2", "type": "paragraph", "data": {"text": "A <b>bold</b> word"}},
            {
                "type": "list",
                "data": {
                    "style": "ordered",
                    "items": [
                        "plain",
                        {"content": "outer", "meta": {}, "items": [{"content": "<i>inner</i>", "items": []}]},
                    ],
                },
            },
            {"type": "quote", "data": {"text": "Said", "caption": "Ann", "alignment": "left"}},
            {"type": "code", "data": {"code": "<b>x</b>\n  y"}},
            {"type": "table", "data": {"withHeadings": True, "content": [["A", "B"], ["1", "<b>2</b>"]]}},
            {"type": "checklist", "data": {"items": [{"text": "done", "checked": True}]}},
            {"type": "image", "data": {"file": {"url": "https://x.example/a.png"}, "caption": "A cat"}},
            {"type": "delimiter", "data": {}},
        ],
    }
    html = blocks_html(value)
    assert html.startswith("<h3>Head &amp; tail</h3><p>A <b>bold</b> word</p><ol><li>plain</li>")
    assert text_of(value) == (
        "Head & tail\n\nA bold word\n\n1. plain\n2. outer\n- inner\n\nSaid\n\nAnn\n\n<b>x</b>\n  y\n\nA | B\n1 | 2\n\n"
        "- done\n\nA cat"
    )


def _contentful(kind: str, *content: Any, **data: Any) -> dict[str, Any]:
    return {"nodeType": kind, "data": data, "content": list(content)}


def _words(text: str, *marks: str) -> dict[str, Any]:
    return {"nodeType": "text", "value": text, "marks": [{"type": mark} for mark in marks], "data": {}}


def test_blocks_html_of_contentful_rich_text() -> None:
    link = _contentful("hyperlink", _words("soil"), uri="https://site.example/soil/")
    value = _contentful(
        "document",
        _contentful("heading-4", _words("Head")),
        _contentful("paragraph", _words("good "), link, _words("!", "bold")),
        _contentful("unordered-list", _contentful("list-item", _contentful("paragraph", _words("item")))),
        _contentful(
            "table",
            _contentful("table-row", *(_contentful("table-cell", _contentful("paragraph", _words(w))) for w in "ab")),
        ),
        _contentful(
            "embedded-asset-block", target={"sys": {"id": "4kQ", "type": "Link"}, "fields": {"title": "A pot"}}
        ),
    )
    assert text_of(value) == "Head\n\ngood soil!\n\n- item\n\na | b\n\nA pot"
    assert '<h4>Head</h4><p>good <a href="https://site.example/soil/">soil</a>!</p>' in blocks_html(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"value": "<p>raw</p>", "format": "full_html", "processed": "<p>shown</p>", "summary": "short"}], "shown"),
        ({"value": "Raw & plain <b>", "format": "plain_text", "summary": "short"}, "Raw & plain <b>"),
        ([{"value": "<p>one</p>", "format": "x"}, {"value": "<p>two</p>", "format": "x"}], "one\n\ntwo"),
        ({"value": "*strong*\n\n- a", "format": "markdown"}, "strong\n\n- a"),
        ({"rendered": "<p>Shown</p>\n", "raw": "Shown", "protected": False}, "Shown"),
        ({"rendered": "", "protected": True}, ""),
    ],
)
def test_blocks_html_of_drupal_and_wordpress_values(value: object, expected: str) -> None:
    assert text_of(value) == expected


def _notion(kind: str, *runs: Any, children: tuple[Any, ...] = (), **more: Any) -> dict[str, Any]:
    said = {"rich_text": list(runs), "color": "default", **more}
    said |= {"children": list(children)} if children else {}
    return {
        "object": "block",
        "id": "b1b2c3d4-e5f6-0718-293a-4b5c6d7e8f91",
        "type": kind,
        kind: said,
        "archived": False,
    }


def _plain(text: str, href: str | None = None) -> dict[str, Any]:
    link = {"url": href} if href else None
    return {
        "type": "text",
        "text": {"content": text, "link": link},
        "plain_text": text,
        "href": href,
        "annotations": {},
    }


def test_blocks_html_of_notion_reads_children_tables_and_each_run_once() -> None:
    row = {"object": "block", "type": "table_row", "table_row": {"cells": [[_plain("A")], [_plain("B"), _plain("C")]]}}
    value = {
        "object": "list",
        "results": [
            _notion("heading_1", _plain("Head")),
            _notion("paragraph", _plain("good "), _plain("soil", "/soil/"), _plain("!")),
            _notion("bulleted_list_item", _plain("outer"), children=(_notion("bulleted_list_item", _plain("inner")),)),
            _notion("bulleted_list_item", _plain("next")),
            _notion("to_do", _plain("do it"), checked=False),
            _notion("code", _plain("x = 1\ny"), language="python", caption=[]),
            _notion("callout", _plain("Mind"), icon={"type": "emoji", "emoji": "💡"}),
            {"object": "block", "type": "table", "table": {"table_width": 2, "children": [row]}},
            {
                "type": "image",
                "image": {"type": "external", "external": {"url": "https://x.example/i"}, "caption": [_plain("A cat")]},
            },
            {"type": "child_page", "child_page": {"title": "A page"}},
            _notion("paragraph", _plain("gone")) | {"archived": True},
        ],
    }
    assert text_of(value) == (
        "Head\n\ngood soil!\n\n- outer\n- inner\n- next\n- do it\n\nx = 1\ny\n\nMind\n\nA | BC\n\nA cat\n\nA page"
    )
    assert '<a href="/soil/">soil</a>' in blocks_html(value)
    assert hidden_blocks(value) == 1


def test_blocks_html_of_prosemirror_and_tiptap() -> None:
    link = {"type": "link", "attrs": {"href": "/soil/", "target": "_blank"}}
    value = {
        "type": "doc",
        "content": [
            {
                "type": "heading",
                "attrs": {"level": 3, "textAlign": "left"},
                "content": [{"type": "text", "text": "Head"}],
            },
            {
                "type": "paragraph",
                "content": [
                    {"type": "text", "text": "un"},
                    {"type": "text", "marks": [{"type": "bold"}], "text": "do "},
                    {"type": "text", "marks": [link], "text": "soil"},
                    {"type": "hardBreak"},
                    {"type": "text", "text": "ask"},
                    {"type": "mention", "attrs": {"id": "u7", "label": "Ann"}},
                ],
            },
            {
                "type": "bulletList",
                "content": [
                    {"type": "listItem", "content": [{"type": "paragraph", "content": [{"type": "text", "text": w}]}]}
                    for w in ("a", "b")
                ],
            },
            {"type": "codeBlock", "attrs": {"language": "js"}, "content": [{"type": "text", "text": "a {# b #}\nc"}]},
        ],
    }
    assert text_of(value) == "Head\n\nundo soil\nask Ann\n\n- a\n- b\n\na {# b #}\nc"
    assert blocks_html(value).startswith('<h3>Head</h3><p>undo <a href="/soil/">soil</a><br>')


def _lexical(*children: Any) -> dict[str, Any]:
    return {"root": {"type": "root", "format": "", "indent": 0, "version": 1, "direction": "ltr", "children": children}}


def _leaf(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "format": 0, "mode": "normal", "style": "", "detail": 0, "version": 1}


def test_blocks_html_of_lexical_with_the_cards_of_ghost() -> None:
    link = {"type": "link", "url": "/soil/", "rel": "noopener", "title": "a tip", "children": [_leaf("soil")]}
    value = _lexical(
        {"type": "heading", "tag": "h2", "children": [_leaf("Head")]},
        {"type": "paragraph", "children": [_leaf("un"), _leaf("do "), link, {"type": "linebreak"}, _leaf("end")]},
        {
            "type": "list",
            "listType": "number",
            "tag": "ol",
            "children": [
                {"type": "listitem", "value": 1, "children": [_leaf("one")]},
                {"type": "listitem", "value": 2, "children": [_leaf("two")]},
            ],
        },
        {
            "type": "code",
            "language": "py",
            "children": [
                {"type": "code-highlight", "text": "a"},
                {"type": "linebreak"},
                {"type": "code-highlight", "text": "b"},
            ],
        },
        {
            "type": "html",
            "html": "<p>raw <b>words</b></p>",
            "visibility": {"web": {"nonMember": True, "memberSegment": ""}},
        },
        {"type": "html", "html": "<p>secret</p>", "visibility": {"web": {"nonMember": False, "memberSegment": "x"}}},
        {"type": "markdown", "markdown": "*some* words"},
        {"type": "callout", "calloutText": "Mind", "calloutEmoji": "💡", "backgroundColor": "blue"},
        {"type": "email", "html": "<p>secret</p>"},
        {"type": "paywall"},
        {"type": "paragraph", "children": [_leaf("secret")]},
    )
    assert text_of(value) == "Head\n\nundo soil\nend\n\n1. one\n2. two\n\na\nb\n\nraw words\n\nsome words\n\nMind"
    assert hidden_blocks(value) == 2


def test_blocks_html_of_slate_and_draft_js() -> None:
    slate = [
        {"type": "heading-two", "children": [{"text": "Head"}]},
        {
            "children": [
                {"text": "un"},
                {"text": "do ", "bold": True},
                {"type": "link", "url": "/soil/", "children": [{"text": "soil"}]},
                {"text": ""},
            ]
        },
        {"type": "ul", "children": [{"type": "li", "children": [{"type": "lic", "children": [{"text": "item"}]}]}]},
    ]
    assert text_of(slate) == "Head\n\nundo soil\n\n- item"
    draft = {
        "blocks": [
            {"key": "a1", "text": "Head", "type": "header-three", "depth": 0, "entityRanges": [], "data": {}},
            {"key": "a2", "text": "Plain & simple", "type": "unstyled", "inlineStyleRanges": [{"style": "BOLD"}]},
            {"key": "a3", "text": "one", "type": "ordered-list-item"},
            {"key": "a4", "text": "two", "type": "ordered-list-item"},
        ],
        "entityMap": {"0": {"type": "LINK", "data": {"url": "https://x.example/"}}},
    }
    assert text_of(draft) == "Head\n\nPlain & simple\n\n1. one\n2. two"
    assert "<h3>Head</h3>" in blocks_html(draft)


def test_blocks_html_of_mobiledoc_reads_markers_atoms_and_cards() -> None:
    value = {
        "version": "0.3.1",
        "atoms": [["mention", "@ann", {}], ["soft-return", "", {}]],
        "cards": [
            ["html", {"html": "<p>raw</p>"}],
            ["markdown", {"markdown": "*some*"}],
            ["paywall", {}],
            ["code", {"code": "a < b", "language": "c"}],
        ],
        "markups": [["strong"], ["a", ["href", "/soil/"]]],
        "sections": [
            [1, "h2", [[0, [], 0, "Head"]]],
            [1, "p", [[0, [], 0, "un"], [0, [0], 0, "do "], [0, [1], 2, "soil"], [0, [], 0, " "], [1, [], 0, 0]]],
            [3, "ol", [[[0, [], 0, "one"]], [[0, [], 0, "two"]]]],
            [10, 0],
            [10, 1],
            [10, 3],
            [10, 9],
            [10, 2],
            [1, "p", [[0, [], 0, "secret"]]],
        ],
    }
    assert text_of(value) == "Head\n\nundo soil @ann\n\n1. one\n2. two\n\nraw\n\nsome\n\na < b"
    assert '<a href="/soil/">soil</a> @ann' in blocks_html(value)
    assert text_of(json.dumps(value)) == text_of(value), "as a string, as exports of Ghost keep it"


def test_blocks_html_of_quill_joins_pieces_to_lines() -> None:
    value = {
        "ops": [
            {"insert": "Head"},
            {"insert": "\n", "attributes": {"header": 1}},
            {"insert": "un"},
            {"insert": "do ", "attributes": {"bold": True}},
            {"insert": "soil", "attributes": {"link": "/soil/"}},
            {"insert": "\nnext "},
            {"insert": {"mention": {"value": "line"}}},
            {"insert": "\n"},
            {"insert": {"image": "https://x.example/i.png"}},
            {"insert": "one\n", "attributes": {"list": "ordered"}},
            {"insert": "two"},
            {"insert": "\n", "attributes": {"list": "ordered"}},
            {"insert": "a  b\nc", "attributes": {"code-block": True}},
            {"insert": "\n", "attributes": {"code-block": True}},
            {"insert": "end"},
        ]
    }
    assert text_of(value) == "Head\n\nundo soil\n\nnext line\n\n1. one\n2. two\n\na  b\nc\n\nend"
    assert '<h1>Head</h1><p>undo <a href="/soil/">soil</a></p>' in blocks_html(value)


def test_blocks_html_of_gutenberg_puts_inner_blocks_in_their_places() -> None:
    item = {"blockName": "core/list-item", "attrs": {}, "innerHTML": "<li>item</li>", "innerContent": ["<li>item</li>"]}
    value = [
        {"blockName": None, "attrs": {}, "innerBlocks": [], "innerHTML": "\n\n", "innerContent": ["\n\n"]},
        {
            "blockName": "core/list",
            "attrs": {"className": "x y"},
            "innerBlocks": [item],
            "innerHTML": "<ul></ul>",
            "innerContent": ["<ul>", None, "</ul>"],
        },
        {
            "blockName": "core/group",
            "innerHTML": "<div></div>",
            "innerBlocks": [{"blockName": "core/paragraph", "innerHTML": "<p>in</p>"}],
        },
        {
            "blockName": "acf/card",
            "attrs": {"name": "acf/card", "data": {"words": "Custom", "_words": "field_5f1a"}},
            "innerHTML": "",
        },
        {
            "name": "core/paragraph",
            "attributes": {"content": "of the <b>editor</b>"},
            "innerBlocks": [],
            "clientId": "a",
        },
        {"blockName": "core/paragraph", "innerHTML": "<p>no</p>", "attrs": {"metadata": {"blockVisibility": False}}},
    ]
    value += [{"blockName": "core/group", "innerHTML": "", "innerBlocks": [{"blockName": "core/x", "hidden": True}]}]
    assert text_of(value) == "- item\n\nin\n\nCustom\n\nof the editor"
    assert hidden_blocks(value) == 2


@pytest.mark.parametrize(
    "said",
    [
        *({name: True} for name in ("hidden", "is_hidden", "isHidden", "hide", "draft", "private", "disabled")),
        *({"hidden": value} for value in ("true", "True", 1, "1", "yes", "on", "on phones")),
        *({"visibility": value} for value in ("private", "members", "hidden", False, {"desktop": False})),
        *({"status": value} for value in ("draft", "pending", 0, "no idea")),
        *({name: False} for name in ("published", "visible", "isVisible", "enabled", "public", "show")),
        {"settings": {"hidden": True}},
        {"attrs": {"enabled": "false"}},
        {"tunes": {"visibility": {"hidden": True}}},
    ],
)
def test_blocks_html_leaves_out_what_says_that_it_is_hidden(said: dict[str, Any]) -> None:
    for block in (
        {"type": "paragraph", "value": "secret", **said},
        {"type": "card", "value": {"text": "secret", **said}},
        {"type": "paragraph", "children": [{"text": "secret"}], **said},
        {"blockName": "core/paragraph", "innerHTML": "<p>secret</p>", **said},
    ):
        assert blocks_html([block]) == ""
        assert hidden_blocks([{"type": "p", "value": "x"}, block]) == 1


@pytest.mark.parametrize(
    "said",
    [
        *({"hidden": value} for value in (False, "false", 0, "0", "no", None, "", [], {})),
        *(
            {"visibility": value}
            for value in ("public", "Visible", "everyone", None, {"desktop": True, "phone": False})
        ),
        *({"status": value} for value in ("published", "live", 1, "1", True)),
        {"published": True},
        {"disabled": False},
        {"issue": True},
    ],
)
def test_blocks_html_keeps_what_says_that_it_is_shown(said: dict[str, Any]) -> None:
    block = {"type": "paragraph", "value": "words", **said}
    assert (text_of([block]), hidden_blocks([block])) == ("words", 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "word") for name in ("id", "_key", "_type", "style", "lang", "backgroundColor", "slug", "html_class")),
        *((name, "word") for name in ("level", "version", "hash", "text_align", "anchor_id", "videoURL")),
        ("unknown", "https://site.example/a-b/"),
        ("unknown", "//cdn.example/x"),
        ("unknown", "/media/a/b"),
        ("unknown", "mailto:ann@site.example"),
        ("unknown", "6fb2b5a2-0f33-4b7e-9d7c-2d8c5a1b2c3d"),
        ("unknown", "507f1f77bcf86cd799439011"),
        ("unknown", "#ff8800"),
        ("unknown", "rgba(1, 2, 3, .5)"),
        ("unknown", "summer-01.JPG"),
        ("unknown", "report.pdf"),
        ("unknown", "2024-03-01T10:00:00Z"),
    ],
)
def test_blocks_html_leaves_out_what_is_no_text(name: str, value: str) -> None:
    assert text_of([{name: value, "unknown_text": "kept"}]) == "kept"


@pytest.mark.parametrize("value", ["Node.js", "see https://x.example", "decade", "a#b", "C#", "valid", "1/2"])
@pytest.mark.parametrize("name", ["unknown", "grid", "paid", "left", "answer_text"])
def test_blocks_html_keeps_text_that_only_resembles_something_else(name: str, value: str) -> None:
    assert text_of([{name: value}]) == value


@pytest.mark.parametrize(
    "fields",
    [
        {"linkType": "internal", "doc": {"value": "b", "relationTo": "posts"}},
        {"linkType": "internal", "doc": {"value": "b", "relationTo": "posts"}, "url": "https://", "newTab": True},
        {"linkType": "internal", "doc": {"value": {"id": "b", "title": "Other page"}, "relationTo": "posts"}},
        {"linkType": "custom", "url": "b", "doc": None},
        {"linkType": "custom", "url": "b", "doc": {"value": "old", "relationTo": "posts"}},
    ],
)
def test_blocks_html_of_links_of_payload_stay_in_their_sentence(fields: dict[str, Any]) -> None:
    for link in ({"type": "link", "fields": fields}, {"type": "link", **fields}):
        value = _lexical(
            {"type": "paragraph", "children": [_leaf("see "), {**link, "children": [_leaf("b's")]}, _leaf("!")]}
        )
        assert blocks_html(value) == '<p>see <a href="b">b\'s</a>!</p>'


def test_blocks_html_of_internal_links_without_a_target_keeps_the_sentence() -> None:
    link = {"type": "link", "fields": {"linkType": "internal", "doc": None}, "children": [_leaf("soil")]}
    assert text_of(_lexical({"type": "paragraph", "children": [_leaf("good "), link, _leaf("!")]})) == "good soil!"


def test_blocks_html_of_references_of_payload_has_no_ids() -> None:
    value = [{"type": "relationship", "relationTo": "posts", "value": "b", "caption": "Words"}]
    value += [{"type": "upload", "relationTo": "media", "value": {"alt": "A bed"}}]
    assert text_of(value) == "Words\n\nA bed"


@pytest.mark.parametrize("kind", ["entry-hyperlink", "asset-hyperlink", "resource-hyperlink"])
@pytest.mark.parametrize("fields", [{}, {"fields": {"title": "Other page"}}])
def test_blocks_html_of_links_of_contentful_to_entries_lead_to_ids(kind: str, fields: dict[str, Any]) -> None:
    link = _contentful(
        kind, _words("soil"), target={"sys": {"id": "4kQ", "type": "Link", "linkType": "Entry"}, **fields}
    )
    value = _contentful("document", _contentful("paragraph", _words("good "), link, _words("!")))
    assert blocks_html(value) == '<p>good <a href="4kQ">soil</a>!</p>'


@pytest.mark.parametrize(
    "said",
    [
        {"reference": {"_type": "reference", "_ref": "b"}},
        {"anyName": {"_type": "reference", "_ref": "b"}},
        {"_ref": "b"},
        {"page": {"_id": "b", "title": "Other page"}},
        {"slug": {"_type": "slug", "current": "b"}},
        {"href": "b"},
    ],
)
def test_blocks_html_of_marks_of_sanity_lead_to_ids(said: dict[str, Any]) -> None:
    spans = [{"_type": "span", "text": "good "}, {"_type": "span", "text": "soil", "marks": ["strong", "k"]}]
    value = [{"_type": "block", "children": spans, "markDefs": [{"_key": "k", "_type": "internalLink", **said}]}]
    assert blocks_html(value) == '<p>good <a href="b">soil</a></p>'


def test_blocks_html_of_marks_of_prosemirror_lead_to_ids() -> None:
    mark = {"type": "internalLink", "attrs": {"entry": "b", "target": "_blank"}}
    value = {"type": "paragraph", "content": [{"type": "text", "text": "soil", "marks": [mark]}]}
    assert blocks_html(value) == '<p><a href="b">soil</a></p>'


@pytest.mark.parametrize(
    ("anchor", "href"),
    [
        ('<a linktype="page" id="4">', "4"),
        ("<a id='4' parent-id=\"3\" linktype='page'>", "4"),
        ('<a parent-id="3" linktype="page" id="4">', "4"),
        ('<a linktype="page" id="4" href="/b/">', "/b/"),
        ('<a linktype="document" id="4">', ""),
        ('<a id="4">', ""),
    ],
)
def test_blocks_html_of_links_of_wagtail_lead_to_ids(anchor: str, href: str) -> None:
    html = blocks_html([{"type": "paragraph", "value": f"<p>good {anchor}soil</a></p>"}])
    assert re.findall(r'href="(.*?)"', html) == ([href] if href else [])
    assert plain_text(html, "html") == "good soil"


def test_resolve_links_finds_the_ids_that_blocks_link_to() -> None:
    value = [{"type": "paragraph", "value": '<p><a linktype="page" id="4">soil</a></p>'}]
    items = [Item(id="3", text="soil", body=blocks_html(value), markup="html"), Item(id="4", text="x", body="x")]
    assert [link.target for link in next(resolve_links(items)).links] == ["4"]


def _draft(text: str, *ranges: tuple[int, int, int], kind: str = "unstyled") -> dict[str, Any]:
    said = [{"key": key, "offset": offset, "length": length} for key, offset, length in ranges]
    return {"key": "a", "text": text, "type": kind, "depth": 0, "entityRanges": said, "data": {}}


def _entity(kind: str, **data: Any) -> dict[str, Any]:
    return {"type": kind, "mutability": "MUTABLE", "data": data}


LINK_AND_IMAGE = {
    "0": _entity("LINK", url="/b", title="tip", target="_blank"),
    "1": _entity("IMAGE", src="https://x.example/i.png", alt="A bed", caption="In May", credit="nobody"),
    "2": _entity("EMBED", url="https://x.example/v", provider="youtube", html="<b>no</b>"),
}


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (_draft("see other!", (0, 4, 5)), '<p>see <a href="/b">other</a>!</p>'),
        (_draft("🌱 see other!", (0, 7, 5)), '<p>🌱 see <a href="/b">other</a>!</p>'),
        (_draft("other", (0, 0, 99)), '<p><a href="/b">other</a></p>'),
        (_draft("ab cd", (0, 3, 2), (0, 0, 2)), '<p><a href="/b">ab</a> <a href="/b">cd</a></p>'),
        (_draft("abcd", (0, 0, 3), (0, 1, 3)), '<p><a href="/b">abc</a>d</p>'),
        (_draft("ab", (7, 0, 2)), "<p>ab</p>"),
        (_draft("a", (0, 0, 1), kind="unordered-list-item"), '<ul><li><a href="/b">a</a></li></ul>'),
        (_draft("a <!-- b c --> d", (0, 9, 1)), "<p>a  d</p>"),
        (_draft(" ", (1, 0, 1), kind="atomic"), "<p>A bed</p><p>In May</p>"),
        (_draft(" ", (2, 0, 1), kind="atomic"), ""),
        (_draft("a <!-- b --> d", kind="code-block"), "<pre>a &lt;!-- b --&gt; d</pre>"),
        (_draft("Plain & <b>simple</b>"), "<p>Plain &amp; &lt;b&gt;simple&lt;/b&gt;</p>"),
    ],
)
def test_blocks_html_of_draft_js_puts_links_on_their_words(block: dict[str, Any], expected: str) -> None:
    assert blocks_html({"blocks": [block], "entityMap": LINK_AND_IMAGE}) == expected
    assert blocks_html({"entityMap": list(LINK_AND_IMAGE.values()), "blocks": [block]}) == expected


def test_blocks_html_of_draft_js_uses_an_entity_again_and_its_caption_once() -> None:
    blocks = [_draft("one", (0, 0, 3)), _draft("two", (0, 0, 3)), *[_draft(" ", (1, 0, 1), kind="atomic")] * 3]
    html = blocks_html({"blocks": blocks, "entityMap": LINK_AND_IMAGE})
    assert html.count('href="/b"') == 2
    assert plain_text(html, "html") == "one\n\ntwo\n\nA bed\n\nIn May"


def test_blocks_html_of_draft_js_counts_a_hidden_image() -> None:
    value = {
        "blocks": [_draft(" ", (0, 0, 1), kind="atomic")],
        "entityMap": {"0": _entity("IMAGE", alt="x", hidden=True)},
    }
    assert (blocks_html(value), hidden_blocks(value)) == ("", 1)


@pytest.mark.parametrize(
    "block",
    [
        {
            "type": "embed",
            "data": {"service": "youtube", "source": "https://x.example/v", "embed": "https://x.example/e"},
        },
        {"type": "video", "provider_name": "YouTube", "url": "https://x.example/v"},
        {"type": "taskItem", "attrs": {"localId": "8f2c", "state": "DONE"}},
        {"type": "decisionItem", "attrs": {"localId": "8f2c", "state": "DECIDED"}},
        {"type": "media", "attrs": {"type": "file", "id": "6f", "collection": "contentId-12"}},
        {"type": "emoji", "attrs": {"shortName": ":smile:"}},
        {"type": "date", "attrs": {"timestamp": "1582152559"}},
        {
            "blockName": "acf/x",
            "attrs": {"data": {"_quote": "field_123", "_label": "field_quote_label"}},
            "innerHTML": "",
        },
        {"class": "btn btn-primary", "css": "a b", "classes": ["one two", "three"], "wrapper_class": "well set"},
        {"style": "deep dark", "className": "plain words", "rel": "noopener noreferrer", "icon": "fa star"},
        {
            "theme": "card card--wide",
            "size": "10px 20px",
            "layout": "top left",
            "variant": "color: red; margin: 0 auto",
        },
        {"format": "Full HTML", "unit": "spoons", "tag": "YYYY-MM-DD", "key": "2 3"},
    ],
)
def test_blocks_html_leaves_out_words_that_are_no_writing(block: dict[str, Any]) -> None:
    assert text_of([block, {"text": "kept"}]) == "kept"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("unit", "heaped spoons"),
        ("unit", "per 100 g"),
        ("unit", "大さじ二杯"),
        ("key", "Garden compost"),
        ("key", "Garden compost: two parts; water: one"),
        ("size", "two metres"),
        ("plant_size", "1.5 m and more"),
        ("level", "Not hard at all"),
        ("object", "a rusty spade"),
        ("tag", "well-rotted manure"),
        ("format", "Hardback edition"),
        ("service", "gardening"),
        ("state", "California"),
        ("_quote", "field notes"),
        ("provider", "Ann"),
    ],
)
def test_blocks_html_keeps_writing_under_names_of_settings(name: str, value: str) -> None:
    assert text_of([{name: value}]) == value
    assert text_of([{"type": "ingredient", "value": {name: value}}]) == value


def test_blocks_html_of_code_leaves_out_its_language() -> None:
    assert text_of([_notion("code", _plain("x = 1"), language="plain text", caption=[])]) == "x = 1"


def test_blocks_html_of_links_that_stand_alone() -> None:
    value = [{"type": "link", "value": {"text": "A", "url": "/a/"}}, {"type": "button", "label": "B", "url": "/b/"}]
    value += [{"one": {"type": "link", "text": "C"}, "two": {"type": "link", "text": "D", "url": "/d/"}, "three": "E"}]
    assert text_of(value) == "A\n\nB\n\nC\n\nD\n\nE"
    assert '<p><a href="/a/">A</a></p><p><a href="/b/">B</a></p>' in blocks_html(value)


def test_blocks_html_of_strings_with_some_html_keeps_their_paragraphs() -> None:
    value = [{"body": "line one\nline <b>two</b>\n\npara two"}, {"body": "x < y\nz\n\nw"}, {"body": "a <p>b</p>"}]
    assert text_of(value) == "line one line two\n\npara two\n\nx < y\nz\n\nw\n\na\n\nb"


def test_blocks_html_of_two_forms_of_one_text_reads_it_once() -> None:
    assert text_of([{"html": "<p>One <b>two</b></p>", "text": "One  two", "markdown": "One **two**"}]) == "One two"
    assert text_of([{"text": "One", "html": "<p>Two</p>"}]) == "One\n\nTwo"


def test_blocks_html_hides_comments_in_strings() -> None:
    value = [{"type": "text", "value": "shown <!-- secret --> words"}, {"text": "{% comment %}secret{% endcomment %}"}]
    value += [{"type": "paragraph", "children": [{"text": "a {# secret #} b"}]}, {"html": "<p>c <!-- secret --></p>"}]
    assert text_of(value) == "shown words\n\na b\n\nc"


@pytest.mark.parametrize(
    "value", [None, 7, True, "", "  ", [], {}, [None, {}], [{"type": "image", "value": 3}], {"ops": []}]
)
def test_blocks_html_without_text_is_empty(value: object) -> None:
    assert blocks_html(value) == ""
    assert hidden_blocks(value) == 0


@pytest.mark.parametrize(
    ("wrap", "times"),
    [
        (lambda value: [value], 195),
        (lambda value: {"value": value}, 195),
        (lambda value: {"type": "listitem", "children": [value]}, 95),
    ],
)
def test_blocks_html_of_deep_nesting_raises(wrap: Any, times: int) -> None:
    value: Any = "words"
    for _ in range(times):
        value = wrap(value)
    assert "words" in blocks_html(value)
    for _ in range(10):
        value = wrap(value)
    with pytest.raises(ValueError, match="nested too deeply"):
        blocks_html(value)
    for _ in range(100_000):
        value = wrap(value)
    with pytest.raises(ValueError, match="nested too deeply"):
        blocks_html(value)
    while isinstance(value, list | dict):  # taken apart here, since Python frees it by recursion
        value = value[0] if isinstance(value, list) else value.get("value", value.get("children"))


@pytest.mark.parametrize(
    "junk", [[1, "x", None, [[]]], {"ops": [1, {"insert": None}]}, {"sections": [1, [1], [10, "a"]], "cards": 3}]
)
def test_blocks_html_of_malformed_documents_does_not_fail(junk: object) -> None:
    blocks_html(junk)
    blocks_html([{"type": ["x"], "marks": 3, "text": "a"}, {"children": [{"text": "a", "marks": 3}]}, {"markDefs": 5}])


KEYS = [
    "headline",
    "intro",
    "body",
    "left",
    "answer_text",
    "unknownThing",
    "content",
    "value",
    "items",
    "children",
    "text",
]
KEYS += ["title", "caption", "data", "rows", "columns", "blocks", "attrs", "cells", "quote", "paragraph"]
TYPES = [
    "paragraph",
    "heading",
    "quote",
    "list",
    "listItem",
    "table",
    "card",
    "hero",
    "section",
    "accordion",
    "h3",
    "link",
]


def _nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(st.sampled_from(KEYS), leaves, min_size=1, max_size=4)
    typed = st.builds(lambda kind, more: {"type": kind, **more}, st.sampled_from(TYPES), named)
    return st.one_of(st.lists(leaves, min_size=1, max_size=4), named, typed)


@given(shape=st.recursive(st.just(""), _nested, max_leaves=25))
def test_blocks_html_of_any_shape_holds_every_word_once(shape: Any) -> None:
    count = 0

    def with_words(value: Any) -> Any:
        nonlocal count
        if isinstance(value, str):
            count += 1
            return f"marker{count}"
        if isinstance(value, list):
            return [with_words(part) for part in value]
        return {name: part if name == "type" else with_words(part) for name, part in value.items()}

    filled = with_words(shape)
    found = Counter(re.findall(r"marker\d+\b", text_of(filled)))
    assert found == {f"marker{number}": 1 for number in range(1, count + 1)}


@pytest.mark.parametrize(
    "said",
    [
        {"active": False},
        {"state": "draft"},
        {"access": "members"},
        {"deletedAt": "2020-01-01"},
        {"audience": "only_paid"},
    ],
    ids=str,
)
def test_blocks_html_block_that_a_status_closes_is_left_out(said):
    body = [{"type": "text", "value": "open words"}, {"type": "text", "value": "secret words", **said}]
    assert "secret" not in blocks_html(body)
    assert hidden_blocks(body) == 1
    shown = [{"type": "text", "value": "open words", "state": "California", "access": "by bus"}]
    assert "open words" in blocks_html(shown)
