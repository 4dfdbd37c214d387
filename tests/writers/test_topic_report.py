"""Topics as Markdown and as tags: text of items is no markup, and no formula of a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from recs.cluster import cluster_items
from recs.embedding.vectors import Embeddings
from recs.errors import OptionError
from recs.items import Item
from recs.writers.topic_report import topic_report, topic_tags

pytest.importorskip("hdbscan")

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = [
    "</td><script>alert(1)</script>",
    "[a](javascript:alert(1)) ![x](y)",
    "a | b\n\n# heading",
    "1. list",
    "- - -",
    "`code` *em* __strong__ ~~s~~ &amp; \\",
    "=1+1",
    "see https://evil.example and @you",
]


@pytest.fixture(scope="module")
def found():
    """Four blobs of twelve items, whose titles, phrases and names are hostile."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(4), 12)
    X = rng.standard_normal((4, 24))[truth] + 0.3 * rng.standard_normal((48, 24))
    items = [
        Item(
            id=f"{row:02}",
            text=f"text no{row}",
            title=HOSTILE[row % len(HOSTILE)],
            url="https://x.example/a b)<" if row % 3 else "javascript:alert(1)",
            published=f"20{10 + row % 15}-01-01",
        )
        for row in range(48)
    ]
    clustering = cluster_items(items, Embeddings.from_array([item.id for item in items], X, model="made_up"))
    topics = tuple(
        replace(topic, name=HOSTILE[at], phrases=tuple(HOSTILE)) for at, topic in enumerate(clustering.topics)
    )
    return replace(clustering, topics=topics, notes=tuple(HOSTILE)), items


def parsed(text):
    """Return the tokens of a Markdown text, and what a reader sees of each block."""
    blocks = MARKDOWN.parse(text)
    inline = [block for block in blocks if block.type == "inline"]
    seen = ["".join(token.content or " " * (token.type == "softbreak") for token in one.children) for one in inline]
    return [token for block in blocks for token in (block, *(block.children or ()))], seen


def flat(text):
    return " ".join(text.split())


def test_topic_report_has_every_topic_and_escapes_all_text(found):
    clustering, items = found
    tokens, seen = parsed(topic_report(clustering, items))
    assert {token.type for token in tokens}.isdisjoint({"html_block", "html_inline", "image", "fence", "code_inline"})
    assert {token.type for token in tokens}.isdisjoint({"em_open", "strong_open", "s_open", "hr", "ordered_list_open"})
    assert {token.attrs["href"] for token in tokens if token.type == "link_open"} == {"https://x.example/a%20b%29%3C"}
    titles = {flat(item.title) for item in items}
    for at, topic in enumerate(clustering.topics):
        place = max(i for i, text in enumerate(seen) if text == flat(HOSTILE[at]) and "items," in [*seen, ""][i + 1])
        assert seen[place + 1].startswith(f"{flat(', '.join(HOSTILE))}: {topic.size:,} items")
        assert set(seen[place + 2 : place + 2 + len(topic.exemplars)]) <= titles
    headings = [token.tag for token in tokens if token.type == "heading_open"]
    assert headings == ["h1", *["h2"] * (3 + len(clustering.topics))]
    assert [f"Note: {flat(text)}" for text in HOSTILE] == [text for text in seen if text.startswith("Note: ")]


def test_topic_report_table_over_time_adds_up(found):
    clustering, items = found
    _, seen = parsed(topic_report(clustering, items))
    start = seen.index("Over time") + 1
    assert seen[start : start + 16] == ["topic", *(str(year) for year in range(2010, 2025))]
    for at, topic in enumerate(clustering.topics):
        row = seen[start + 16 * (at + 1) : start + 16 * (at + 2)]
        assert row[0] == flat(HOSTILE[at])
        assert sum(map(int, row[1:])) == topic.size


def test_topic_report_of_nothing_says_so():
    report = topic_report(cluster_items([], Embeddings.from_array([], np.zeros((0, 4)), model="m")), [])
    assert "0 items, 0 topics" in report
    assert "no clusters found" in report
    assert "|" not in report


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp", "Cn"]), min_size=1))
def test_topic_report_any_title_comes_back_as_text(found, title):
    clustering, items = found
    report = topic_report(clustering, [replace(item, title=title, url=None) for item in items])
    _, seen = parsed(report)
    assert seen.count(title[:120]) >= sum(len(topic.exemplars) for topic in clustering.topics)


def test_topic_tags_give_each_item_its_topic_and_no_formula(found):
    clustering, _ = found
    names = {topic.id: topic.name for topic in clustering.topics}
    topic_of = dict(zip(clustering.ids, clustering.assigned.tolist(), strict=True))
    tags = json.loads(topic_tags(clustering, format="json"))
    assert tags == {name: [names[topic]] if topic >= 0 else [] for name, topic in topic_of.items()}
    renamed = replace(clustering, topics=tuple(replace(topic, name="=1+1") for topic in clustering.topics))
    rows = list(csv.DictReader(io.StringIO(topic_tags(renamed, format="csv"))))
    assert {row["id"]: int(row["topic"]) for row in rows} == {n: topic for n, topic in topic_of.items() if topic >= 0}
    assert {row["name"] for row in rows} == {"'=1+1"}
    with pytest.raises(OptionError, match="expected one of json, csv"):
        topic_tags(clustering, format="txt")
