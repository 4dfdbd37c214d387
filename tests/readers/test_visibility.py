"""Whether an item may be shown, against a table of facts that was written from the manuals of the generators.

RECS_FUZZ=40 tries 100,000 posts in each of the last tests.
"""

import json
import os
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import ROOT

from recs import read_items
from recs.errors import OptionError
from recs.readers.values import fold
from recs.readers.visibility.closings import PATTERNS, TABLE, rule_of
from recs.readers.visibility.readings import WORDS

NOW = "2026-11-01"
_FUZZ = int(os.environ.get("RECS_FUZZ", "1"))

# (fields, visibility), values as a YAML loader leaves them that makes nothing of scalars, or as JSON has them.
CLOSED = [
    ({"build": {"render": "never", "list": "never"}}, "private"),
    ({"_build": {"render": "false", "list": "false"}}, "private"),
    ({"build": {"list": "never"}}, "unlisted"),
    ({"build": {"list": "local", "render": "always"}}, "unlisted"),
    ({"build": {"render": "link"}}, "private"),
    ({"build": {"render": "sometimes"}}, "unknown"),
    ({"permalink": "false"}, "private"),
    ({"permalink": False}, "private"),
    ({"permalink": {"build": False}}, "private"),
    ({"eleventyExcludeFromCollections": "true"}, "unlisted"),
    ({"eleventyExcludeFromCollections": ["posts"]}, "unlisted"),
    ({"dg-publish": "false"}, "draft"),
    ({"listed": "false"}, "unlisted"),
    ({"nav_exclude": "true"}, "unlisted"),
    ({"search_exclude": "yes"}, "unlisted"),
    ({"exclude_from_search": True}, "unlisted"),
    ({"hiddenInHomeList": "true"}, "unlisted"),
    ({"searchHidden": "true"}, "unlisted"),
    ({"bookHidden": "true"}, "unlisted"),
    ({"robots": "noindex"}, "unlisted"),
    ({"robots": "NOINDEX, nofollow"}, "unlisted"),
    ({"robots": "noindex, follow"}, "unlisted"),
    ({"robots": "none"}, "unlisted"),
    ({"robots": ["noindex", "follow"]}, "unlisted"),
    ({"robots": {"index": False}}, "unlisted"),
    ({"robots": {"index": "noindex", "follow": "follow"}}, "unlisted"),
    ({"robots": False}, "unlisted"),
    ({"robots": "perhaps"}, "unknown"),
    ({"robotsNoIndex": True}, "unlisted"),
    ({"noindex": "true"}, "unlisted"),
    ({"sitemap": "false"}, "unlisted"),
    ({"sitemap": {"disable": "true"}}, "unlisted"),
    ({"sitemap": {"exclude": True}}, "unlisted"),
    ({"sitemap": {"disable": "perhaps"}}, "unknown"),
    ({"search": {"exclude": "true"}}, "unlisted"),
    ({"search": "false"}, "unlisted"),
    ({"search": "exclude"}, "unlisted"),
    ({"wip": "true"}, "draft"),
    ({"protected": "true"}, "private"),
    ({"content": {"rendered": "text", "protected": True}}, "private"),
    ({"exclude": "true"}, "unlisted"),
    ({"hide": "true"}, "unlisted"),
    ({"hide": ["toc", "page"]}, "unknown"),
    ({"stage": "draft"}, "draft"),
    ({"stage": "growing"}, "unknown"),
    ({"audience": "only_paid"}, "private"),
    ({"audience": "founding"}, "private"),
    ({"audience": "engineers"}, "unknown"),
    ({"tags": ["garden", "draft"]}, "draft"),
    ({"tags": "garden, Private"}, "private"),
    ({"tags": ["#draft"]}, "draft"),
    ({"categories": [{"name": "private"}]}, "private"),
    ({"expire_at": "2026-10-31"}, "private"),
    ({"expire_at": "someday"}, "unknown"),
    ({"go_live_at": "2026-11-02"}, "scheduled"),
    ({"go_live_at": "soon"}, "unknown"),
    ({"embargo_until": "2027-01-01"}, "scheduled"),
    ({"status": "Veröffentlicht"}, "unknown"),
    ({"status": "Entwurf"}, "draft"),
    ({"status": "In Review"}, "draft"),
    ({"status": {"name": "Draft"}}, "draft"),
    ({"state": "draft"}, "draft"),
    ({"state": "queued"}, "scheduled"),
    ({"redirect_to": "/elsewhere/"}, "unlisted"),
    ({"layout": "redirect"}, "unlisted"),
    ({"render": "false"}, "private"),
    ({"enabled": False}, "private"),
    ({"pagefind": False}, "unlisted"),
    ({"navigation": "false"}, "unlisted"),
    ({"sidebar": {"hidden": True}}, "unlisted"),
    ({"meta": {"status": "draft"}}, "draft"),
    ({"attributes": {"status": False}}, "draft"),
    ({"seo": {"noindex": True}}, "unlisted"),
    ({"params": {"hidden": "true"}}, "unlisted"),
    ({"yoast_head_json": {"robots": {"index": "noindex"}}}, "unlisted"),
    ({"_id": "drafts.3f2a"}, "draft"),
    ({"encrypt": "true"}, "private"),
    ({"password": "hunter2"}, "private"),
    ({"deleted_at": "2020-01-01"}, "private"),
    ({"Draft?": "TRUE"}, "draft"),
    ({"Published?": "No"}, "draft"),
    ({"wp:status": "private"}, "private"),
    ({"wp:post_password": "hunter2"}, "private"),
    ({"pubDatetime": "2030-01-01T00:00:00Z"}, "scheduled"),
    ({"published_date": "2030-01-01"}, "scheduled"),
    ({"publish_up": "2030-01-01"}, "scheduled"),
    ({"release_date": "soon"}, "unknown"),
    ({"publish_down": "2020-01-01"}, "private"),
    ({"expired_at": "2020-01-01"}, "private"),
    ({"valid_until": "2020-01-01"}, "private"),
    ({"archived_at": "2020-01-01"}, "private"),
    ({"sys": {"archivedAt": "2020-01-01"}}, "private"),
    ({"in_trash": True}, "private"),
    ({"state": 0}, "draft"),
    ({"state": "-2"}, "draft"),
    ({"state": "DRAFT_AB"}, "draft"),
    ({"privacyStatus": "draft"}, "draft"),
    ({"Statut": "brouillon"}, "draft"),
    ({"状态": "草稿"}, "draft"),
    ({"post_state": "draft"}, "draft"),
    ({"status": "sent", "email_only": True}, "private"),
    ({"internal_tags": ["#draft"]}, "draft"),
    ({"_id": "versions.r1.abc"}, "draft"),
    ({"hide_from_search_engines": True}, "unlisted"),
    ({"tags": [{"label": "draft"}]}, "draft"),
    ({"tags": "diary|private"}, "private"),
    ({"tag_list": "private"}, "private"),
    ({"attributes": {"seo": {"metaRobots": "noindex, nofollow"}}}, "unlisted"),
    ({"meta": [{"key": "draft", "value": "true"}]}, "draft"),
    ({"passphrase": "x"}, "private"),
    ({"eleventyComputed": {"permalink": False}}, "private"),
    ({"date": "2026-11-01", "time": "23:00"}, "scheduled"),
    ({"date": "2026-10-31 20:00", "timezone": "America/Los_Angeles"}, "scheduled"),
    ({"date": {"start": "2026-10-31T20:00:00", "time_zone": "America/Los_Angeles"}}, "scheduled"),
    ({"date": "1409-08-10"}, "unknown"),
    ({"lastmod": "2030-01-01"}, "scheduled"),
]
OPEN = [
    {"build": {"render": "always", "list": "always", "publishResources": "false"}},
    {"permalink": "/a-garden/"},
    {"permalink": "true"},
    {"hide": ["toc", "navigation"]},
    {"hide": "toc"},
    {"hide": "false"},
    {"robots": "index, follow"},
    {"robots": "follow, max-snippet:-1, max-image-preview:large"},
    {"robots": "all"},
    {"sitemap": {"changefreq": "weekly", "priority": "0.5", "disable": "false"}},
    {"sitemap": "true"},
    {"search": {"boost": "2", "exclude": "false"}},
    {"search": "true"},
    {"state": "California"},
    {"state": "Bavaria", "city": "Draft"},
    {"status": "Published"},
    {"status": "publish"},
    {"status": "1"},
    {"audience": "everyone"},
    {"listed": "true"},
    {"exclude": ["other-post"]},
    {"excludes": "other-post"},
    {"tags": ["drafting tables", "privateer", "garden"]},
    {"expire_at": "2027-01-01"},
    {"expire_at": None, "go_live_at": None},
    {"go_live_at": "2026-10-31T23:59:59Z"},
    {"dg-publish": "true"},
    {"publish": None},
    {"draft": "false"},
    {"render": "some-template"},
    {"enabled": True},
    {"eleventyExcludeFromCollections": "false"},
    {"redirect_to": "false"},
    {"layout": "post"},
    {"meta": {"likes": 3}},
    {"_id": "3f2a"},
    {"nav_order": "3"},
    {"index": "12"},
    {"no_list_price": "true"},
    {"password": ""},
    {"index": "0"},
    {"live": "https://demo.example.org"},
    {"status": [{"value": True}]},
    {"status": "featured"},
    {"date": "git Last Modified"},
    {"robots": "noai, noimageai"},
    {"robots": "max-snippet: -1, index"},
    {"state": "1"},
    {"lastmod": "2030-01-01", "date": "2020-01-01"},
    {"updated": "soon"},
]


def _verdict(fields):
    (item,) = read_items([{"id": "a", "text": "Some text.", **fields}], now=NOW)
    return item


@pytest.mark.parametrize(("fields", "expected"), CLOSED, ids=str)
def test_visibility_field_that_closes_is_named(fields, expected):
    item = _verdict(fields)
    assert (item.visibility, item.is_public) == (expected, False)
    name, value = item.closed_by
    assert name.split(".")[0] in fields
    assert value


@pytest.mark.parametrize("fields", OPEN, ids=str)
def test_visibility_field_of_another_matter_is_open(fields):
    item = _verdict(fields)
    assert (item.visibility, item.closed_by) == ("public", None)


@pytest.mark.parametrize("name", ["password", "protected", "encrypt", "secret", "private"])
def test_visibility_secret_is_not_shown(name):
    assert _verdict({name: "hunter2 and a remark"}).closed_by == (name, "(set)")


def test_visibility_boolean_permalink_is_no_url():
    assert _verdict({"permalink": "true"}).url is None
    assert _verdict({"permalink": "/a/"}).url == "/a/"
    assert _verdict({"permalink": "/{{ page.fileSlug }}/"}).url is None


def test_read_items_public_opens_one_value_of_one_field():
    records = [
        {"id": "a", "text": "Text.", "status": "Veröffentlicht"},
        {"id": "b", "text": "Text.", "status": "Entwurf"},
        {"id": "c", "text": "Text.", "status": "Veröffentlicht", "draft": True},
    ]
    items = read_items(records, public=[("Status", "veröffentlicht")])
    assert [item.visibility for item in items] == ["public", "draft", "draft"]
    with pytest.raises(OptionError, match="no record has the field 'stand' to be public"):
        read_items(records, public=[("stand", "x")])


def test_read_items_include_unlisted_opens_what_is_unlisted_and_nothing_else():
    records = [{"id": str(n), "text": "Text.", **fields} for n, (fields, _) in enumerate(CLOSED)]
    records = [{**record, "id": record["id"]} for record in records if "_id" not in record]
    closed = read_items(records, now=NOW)
    opened = read_items(records, now=NOW, include_unlisted=True)
    unlisted = {item.id for item in closed if item.visibility == "unlisted"}
    assert {item.id for item in opened if item.is_public} == unlisted
    assert len(unlisted) > 10


def test_read_items_tool_that_publishes_what_says_yes_closes_what_is_silent():
    records = [
        {"id": "a", "text": "Text.", "dg-publish": True},
        {"id": "b", "text": "Text."},
        {"id": "c", "text": "Text.", "dg-publish": False},
    ]
    items = read_items(records)
    assert [item.is_public for item in items] == [True, False, False]
    assert items[1].closed_by == ("dg-publish", "(absent)")
    assert [item.is_public for item in read_items(records[1:2])] == [True]


def test_read_items_empty_moment_of_publication_closes_where_others_have_one():
    records = [
        {"id": "a", "text": "Text.", "publishedAt": "2020-01-01"},
        {"id": "b", "text": "Text.", "publishedAt": None},
        {"id": "c", "text": "Text.", "publishedAt": None, "status": "published"},
        {"id": "d", "text": "Text."},
    ]
    assert [item.is_public for item in read_items(records)] == [True, False, True, True]
    assert [item.is_public for item in read_items([{**record, "publishedAt": None} for record in records])] == [
        True
    ] * 4


def test_read_items_box_that_is_not_ticked_closes_where_others_are():
    records = [{"id": "a", "text": "x", "Published": "checked"}, {"id": "b", "text": "x", "Published": ""}]
    assert [item.is_public for item in read_items(records)] == [True, False]
    assert [item.is_public for item in read_items(records[1:])] == [True]


@pytest.mark.parametrize("values", [("false", "true"), ("true", "false"), ("false", "true", "false")])
@pytest.mark.parametrize("form", ["yaml", "json", "lines", "record"])
def test_read_items_name_that_comes_twice_closes_if_any_value_does(tmp_path, values, form):
    rows = {
        "yaml": "---\n" + "".join(f"draft: {value}\n" for value in values) + "---\nText.",
        "json": "{\n" + ",\n".join(f'"draft": {value}' for value in values) + "\n}\nText.",
        "lines": "".join(f"Draft: {value}\n" for value in values) + "\nText.",
        "record": '[{"id": "a", "text": "Text.", ' + ", ".join(f'"draft": {value}' for value in values) + "}]",
    }
    path = tmp_path / ("a.json" if form == "record" else "a.md")
    path.write_text(rows[form])
    items = read_items(path if form == "record" else tmp_path)
    assert [item.visibility for item in items] == ["draft"]


def test_table_of_visibility_has_each_name_once():
    names = [name for rule in TABLE for name in rule.names.split()]
    assert sorted(set(names)) == sorted(names)
    assert all(rule_of(fold(name)) for name in names)
    assert all(first.says and first.whose for first, _ in pairwise(TABLE))


def test_table_of_visibility_stands_in_the_docs():
    page = (ROOT / "docs" / "visibility.md").read_text(encoding="utf-8")
    for rule in (*TABLE, *(rule for _, rule in PATTERNS)):
        assert f"| {', '.join(rule.names.split())} | {rule.says} | {rule.whose} |\n" in page
    for shown, words in WORDS.items():
        assert f"| {shown} | {', '.join(words.split())} |\n" in page


# Anything that a tool writes: facts with a known truth, in every form of front matter and in records.

_WRITTEN = st.sampled_from(
    [
        *(
            (name, value, True)
            for name in ("draft", "Draft", "wip", "is_draft")
            for value in ("true", "True", "yes", "perhaps")
        ),
        *((name, "false", True) for name in ("published", "publish", "listed", "dg-publish", "Published", "public")),
        *(
            (name, "true", True)
            for name in ("private", "unlisted", "hidden", "nav_exclude", "search_exclude", "noindex")
        ),
        *(
            ("status", value, True)
            for value in ("draft", "Entwurf", "idea", "privat", "future", "trash", "Veröffentlicht")
        ),
        *(("date", value, True) for value in ("2026-11-02", "soon", "Nov 1, 2026 11:00 PM", "05.09.20")),
        *(("robots", value, True) for value in ("noindex", "none")),
        *(("audience", value, True) for value in ("only_paid", "nobody")),
        *(("expiryDate", value, True) for value in ("2020-01-01", "2026-10-31T23:59:59Z")),
        ("permalink", "false", True),
        ("sitemap", "false", True),
        *((name, "false", False) for name in ("draft", "wip", "private", "unlisted", "hidden", "nav_exclude")),
        *((name, "true", False) for name in ("published", "listed", "dg-publish")),
        *(("status", value, False) for value in ("published", "Publish", "live")),
        *(("date", value, False) for value in ("2026-10-31", "2020", "March 3rd, 2014", "2026-11-01T00:00:00Z")),
        *((name, value, False) for name, value in (("state", "Ohio"), ("mood", "draft"), ("robots", "index, follow"))),
        ("audience", "everyone", False),
        ("permalink", "/a/", False),
        ("expiryDate", "2027-01-01", False),
    ]
)
_POST = st.lists(_WRITTEN, min_size=1, max_size=4, unique_by=lambda fact: fact[0].casefold())
_FORMS = {
    "fenced": lambda facts: "---\ntitle: T\n" + _lines(facts) + "---\nText of the post.",
    "windows": lambda facts: ("---\ntitle: T\n" + _lines(facts) + "---\nText of the post.").replace("\n", "\r\n"),
    "no fence": lambda facts: "title: T\ntags:\n- a\n- b c\n" + _lines(facts) + "---\nText of the post.",
    "blank lines": lambda facts: "title: T\n\n" + _lines(facts) + "---\nText of the post.",
    "pelican": lambda facts: "Title: T\n" + _lines(facts) + "\nText of the post.",
    "toml": lambda facts: '+++\ntitle = "T"\n' + _assigned(facts) + "+++\nText of the post.",
    "json": lambda facts: (
        json.dumps({"title": "T", **{name: value for name, value, _ in facts}}) + "\nText of the post."
    ),
    "hexo json": lambda facts: (
        json.dumps({"title": "T", **{name: value for name, value, _ in facts}}, indent=0)[2:-2]
        + "\n;;;\nText of the post."
    ),
    "nikola": lambda facts: (
        "<!--\n.. title: T\n" + "".join(f".. {n}: {v}\n" for n, v, _ in facts) + "-->\n\nText of the post."
    ),
    "comment": lambda facts: "<!-- a licence -->\n\n---\n" + _lines(facts) + "---\nText of the post.",
}


def _lines(facts):
    return "".join(f"{name}: {value}\n" for name, value, _ in facts)


def _assigned(facts):
    return "".join(
        f"{name} = {value if value in ('true', 'false') else json.dumps(value)}\n" for name, value, _ in facts
    )


def _check(items, posts):
    """No closed post is public, none is lost without a word, and none is closed without a reason."""
    read = {item.id: item for item in items}
    told = " ".join(f"{skipped.where} {skipped.id}" for skipped in items.skipped)
    for name, facts in posts.items():
        is_closed = any(closes for *_, closes in facts)
        if name not in read:
            assert name in told
            continue
        assert read[name].is_public != is_closed, facts
        assert bool(read[name].closed_by) == is_closed
        assert "draft" not in read[name].text.casefold()


@settings(max_examples=60 * _FUZZ, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_POST, st.sampled_from(sorted(_FORMS))), min_size=40, max_size=40))
def test_read_items_written_in_any_form_shows_no_closed_post(tmp_path_factory, posts):
    folder = tmp_path_factory.mktemp("site")
    facts_of = {}
    for number, (facts, form) in enumerate(posts):
        keep = [fact for fact in facts if "dg-publish" not in fact]  # it closes what is silent, see above
        name = f"p{number:03}"
        (folder / f"{name}.md").write_bytes(_FORMS[form](keep).encode())
        facts_of[name] = keep
    items = read_items(folder, now=NOW)
    _check(items, facts_of)
    assert len(items) == len(facts_of)


@settings(max_examples=60 * _FUZZ, deadline=None)
@given(st.lists(_POST, min_size=100, max_size=100))
def test_read_items_records_show_no_closed_post(posts):
    facts_of = {f"p{n:03}": [fact for fact in facts if "dg-publish" not in fact] for n, facts in enumerate(posts)}
    records = [
        {"id": name, "text": "Text of the post.", **{field: value for field, value, _ in facts}}
        for name, facts in facts_of.items()
    ]
    _check(read_items(records, now=NOW), facts_of)
