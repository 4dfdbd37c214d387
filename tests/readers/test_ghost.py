"""Ghost: exports and answers of the API, joined right, and nothing shown that its author hid.

RECS_FUZZ=40 tries 80,000 random exports in the last test.
"""

import json
import os
import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recs
from recs.readers.json_files import loads
from recs.readers.platforms.ghost import ghost_records, is_ghost

NOW = "2026-11-01"
SECRET = "Zwiebelgeheimnis"
_EXPORTS = 2000 * int(os.environ.get("RECS_FUZZ", "1"))
POST = {"id": "a1", "slug": "garlic", "title": "Garlic", "html": "<p>Plant it in October.</p>", "status": "published"}


def _export(*posts, **tables):
    return {"db": [{"meta": {"exported_on": 1, "version": "5.8"}, "data": {"posts": list(posts), **tables}}]}


def _read(document, **options):
    document = loads(json.dumps(document))  # as a file holds it
    records = [record for _, record in ghost_records(document, "ghost.json")]
    return recs.read_items(records, now=NOW, **options)


def _one(**fields):
    (item,) = _read(_export({**POST, **fields}))
    return item


def _leaf(text):
    return {
        "type": "extended-text",
        "text": text,
        "format": 0,
        "detail": 0,
        "mode": "normal",
        "style": "",
        "version": 1,
    }


def _lexical(*children):
    children = [{"type": "paragraph", "children": [_leaf(c)]} if isinstance(c, str) else c for c in children]
    return json.dumps({"root": {"type": "root", "version": 1, "direction": "ltr", "children": children}})


def _mobiledoc(*sections, cards=()):
    return json.dumps(
        {
            "version": "0.3.1",
            "atoms": [],
            "markups": [],
            "cards": list(cards),
            "sections": [[1, "p", [[0, [], 0, part]]] if isinstance(part, str) else part for part in sections],
        }
    )


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (_export(POST), True),
        ({"data": {"posts": [POST], "posts_tags": []}}, True),
        ({"meta": {"exported_on": 1}, "data": {"posts": [POST]}}, True),
        ({"posts": [POST], "tags": [], "posts_tags": []}, True),
        ({"posts": [{**POST, "lexical": None, "comment_id": "1", "og_image": None}], "meta": {"pagination": {}}}, True),
        ({"pages": [{**POST, "lexical": None, "comment_id": "1", "og_image": None}]}, True),
        ({"posts": [POST]}, False),
        ({"data": {"posts": [POST]}}, False),
        ({"data": {"posts": {"nodes": [POST]}}}, False),
        ({"db": "x", "data": 3, "posts": "y"}, False),
        ([POST], False),
        ("posts", False),
        ({"posts": [None, 3, "x"]}, False),
    ],
)
def test_is_ghost(document, expected):
    assert is_ghost(document) is expected


@pytest.mark.parametrize(
    "wrap", [lambda data: {"db": [{"data": data}]}, lambda data: {"data": data}, lambda data: data]
)
def test_ghost_records_joins_the_tables_whatever_is_around_them(wrap):
    tables = {
        "posts": [{**POST, "id": 7}, {**POST, "id": 8, "slug": "about", "type": "page"}],
        "tags": [
            {"id": 1, "name": "Autumn", "visibility": "public"},
            {"id": 2, "name": "Bulbs", "visibility": "public"},
            {"id": 3, "name": "#wide"},
            {"id": 4, "name": "Team", "visibility": "internal"},
            {"id": 5, "name": "Old", "hidden": 1},
        ],
        "posts_tags": [
            {"post_id": 7, "tag_id": 1, "sort_order": 2},
            {"post_id": "7", "tag_id": "2", "sort_order": 0},
            {"post_id": 7, "tag_id": 3, "sort_order": 1},
            {"post_id": 8, "tag_id": 3, "sort_order": 0},
            {"post_id": 8, "tag_id": 4, "sort_order": 1},
            {"post_id": 8, "tag_id": 5, "sort_order": 2},
            {"post_id": 8, "tag_id": 1, "sort_order": 3},
            {"post_id": 8, "tag_id": 99, "sort_order": 4},
        ],
        "posts_meta": [{"id": 1, "post_id": 7, "feature_image_alt": "A bulb", "email_only": 0}],
    }
    garlic, about = _read(wrap(tables))
    assert (garlic.id, garlic.tags, garlic.category, garlic.url) == ("7", ("Bulbs", "Autumn"), "Bulbs", "/garlic/")
    assert garlic.meta["internal_tags"] == ["#wide"]
    assert garlic.meta["feature_image_alt"] == "A bulb"
    assert (about.id, about.tags, about.category, about.meta["type"]) == ("8", ("Autumn",), None, "page")
    assert garlic.is_public
    assert about.is_public


def test_ghost_records_of_the_content_api():
    tags = [{"id": "t", "name": "Bulbs", "visibility": "public"}, {"id": "u", "name": "#x", "visibility": "internal"}]
    post = {
        **{name: value for name, value in POST.items() if name != "status"},
        "url": "https://garden.example/garlic/",
        "comment_id": "a1",
        "feature_image": "https://garden.example/content/images/a.jpg",
        "custom_excerpt": None,
        "excerpt": "A text that the server makes",
        "visibility": "public",
        "access": True,
        "published_at": "2025-10-01T08:00:00.000+02:00",
        "updated_at": "2025-10-02T08:00:00.000+00:00",
        "canonical_url": "https://old.example/on-garlic/",
        "tags": tags,
        "primary_tag": tags[0],
    }
    document = {"posts": [post], "meta": {"pagination": {"page": 1, "pages": 3, "next": 2}}}
    assert is_ghost(document)
    items = _read(document)
    item = items[0]
    assert (item.url, item.tags, item.category) == ("https://garden.example/garlic/", ("Bulbs",), "Bulbs")
    assert (item.published, item.updated) == ("2025-10-01T06:00:00Z", "2025-10-02T08:00:00Z")
    assert (item.image, item.excerpt) == ("https://garden.example/content/images/a.jpg", None)
    assert item.aliases == ("https://old.example/on-garlic/",)
    assert items.skipped[0].where == "ghost.json: meta.pagination"
    assert "continues on page 2" in items.skipped[0].reason
    closed = _read({"posts": [{**post, "visibility": "paid", "access": False}]})
    assert not closed.public


def test_ghost_records_dates_are_iso_or_milliseconds():
    item = _one(published_at=1424346554966, updated_at="2015-02-20T00:00:00.000Z")
    assert (item.published, item.updated) == ("2015-02-19T11:49:14.966000Z", "2015-02-20T00:00:00Z")


@pytest.mark.parametrize("form", ["html", "lexical"])
def test_ghost_records_resolve_the_mark_of_the_site(form):
    link = {"type": "link", "url": "__GHOST_URL__/leeks/", "children": [_leaf("leeks")]}
    body = {
        "html": '<p>See <a href="__GHOST_URL__/leeks/">leeks</a>.</p>',
        "lexical": _lexical({"type": "paragraph", "children": [_leaf("See "), link]}),
    }
    garlic = {**POST, "html": None, form: body[form], "feature_image": "__GHOST_URL__/content/images/a.jpg"}
    leeks = {**POST, "id": "a2", "slug": "leeks", "canonical_url": "__GHOST_URL__/other/"}
    first, second = _read(_export(garlic, leeks))
    assert [link.target for link in first.links] == ["a2"]
    assert (first.image, second.url, second.aliases) == ("/content/images/a.jpg", "/leeks/", ("/other/",))
    settings = [{"key": "title", "value": "x"}, {"key": "url", "value": "https://garden.example/blog/"}]
    first, second = _read(_export(garlic, leeks, settings=settings))
    assert [link.target for link in first.links] == ["a2"]
    assert second.url == "https://garden.example/blog/leeks/"
    assert first.image == "https://garden.example/blog/content/images/a.jpg"


def test_ghost_records_site_url_that_is_no_url_is_not_used():
    for value in ("javascript:alert(1)", 'https://x.example/"><b>', "", None, 7, ["https://x.example"] * 2):
        (item,) = _read(_export(POST, settings=[{"key": "url", "value": value}]))
        assert item.url == "/garlic/"


def test_ghost_records_redirects_are_aliases_of_the_post_they_lead_to():
    redirects = [
        {"from": "/knoblauch/", "to": "/garlic/"},
        {"from": "^/alt/x$", "to": "/garlic/"},
        {"from": "/a(b)*", "to": "/garlic/"},
        {"from": "/elsewhere/", "to": "/leeks/", "post_id": "a1"},
    ]
    (item,) = _read(_export(POST, redirects=redirects))
    assert item.aliases == ("/knoblauch/", "/alt/x")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"lexical": _lexical("From lexical.")}, "Plant it in October."),
        ({"html": None, "lexical": _lexical("From lexical.")}, "From lexical."),
        ({"html": " ", "lexical": json.loads(_lexical("From lexical."))}, "From lexical."),
        ({"html": None, "lexical": _lexical("From lexical."), "mobiledoc": _mobiledoc("Old.")}, "From lexical."),
        ({"html": None, "mobiledoc": _mobiledoc("From mobiledoc.")}, "From mobiledoc."),
        ({"html": None, "plaintext": "From plain text."}, "From plain text."),
        ({"html": None, "markdown": "From *Markdown*."}, "From Markdown."),
        ({"html": None, "custom_excerpt": "The excerpt."}, "The excerpt."),
        ({"html": None, "excerpt": "The excerpt."}, "The excerpt."),
        (
            {
                "html": '<p>Hear it.</p><span class="kg-audio-current-time">0:00</span><div class="kg-audio-time">/'
                '<span class="kg-audio-duration">183.2</span></div>'
            },
            "Hear it.",
        ),
        ({"codeinjection_head": "<script>x</script>", "codeinjection_foot": "<p>foot</p>"}, "Plant it in October."),
    ],
)
def test_ghost_records_take_the_best_form_of_the_text(fields, expected):
    item = _one(**fields)
    assert item.text == expected
    assert not {"lexical", "mobiledoc", "plaintext", "codeinjection_head", "codeinjection_foot"} & item.meta.keys()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"html": None, "lexical": "{broken", "plaintext": SECRET}, "its lexical is not JSON"),
        ({"html": None, "mobiledoc": "[1]", "plaintext": SECRET}, "its mobiledoc is a list, expected an object"),
        ({"html": None, "lexical": '{"root":' + '{"a":' * 100_000, "plaintext": SECRET}, "its lexical is not JSON"),
        ({"html": None, "lexical": _lexical()}, "no text"),
        ({"html": "<!--members-only-->" + SECRET, "plaintext": SECRET}, "no text"),
        ({"html": "<!--members-only-->" + SECRET, "plaintext": SECRET, "excerpt": SECRET}, "no text"),
    ],
)
def test_ghost_records_post_without_readable_text_is_reported(fields, reason):
    items = _read(_export({**POST, **fields}))
    assert not items
    assert (items.skipped[0].reason, items.skipped[0].id) == (reason, "a1")


def test_ghost_records_row_that_is_no_post_is_reported():
    items = _read(_export("Plant it.", None, [], 3, POST, tags="x", posts_tags={"a": 1}, posts_meta=[None, 4]))
    assert [item.id for item in items] == ["a1"]
    assert [skipped.where for skipped in items.skipped] == [f"ghost.json: post {number}" for number in range(1, 5)]


CLOSED = [
    ({"status": "draft"}, "draft"),
    ({"status": None}, "draft"),
    ({"status": "scheduled", "published_at": "2027-01-01T00:00:00.000Z"}, "scheduled"),
    ({"status": "sent"}, "private"),
    ({"status": "SENT "}, "private"),
    ({"status": "sent", "email_only": False}, "private"),
    ({"email_only": 1}, "private"),
    ({"visibility": "members"}, "private"),
    ({"visibility": "paid"}, "private"),
    ({"visibility": "tiers"}, "private"),
    ({"visibility": "label:vip"}, "unknown"),
    ({"visibility": "product:gold,product:silver"}, "unknown"),
    ({"published_at": "2027-01-01T00:00:00.000Z"}, "scheduled"),
    ({"published_at": 1800000000000}, "scheduled"),
    ({"codeinjection_head": "<meta content='noindex, nofollow' name=\"robots\">"}, "unlisted"),
    ({"codeinjection_head": '<META NAME="Googlebot" CONTENT="NOINDEX"/>'}, "unlisted"),
    ({"tags": [{"name": "#draft", "visibility": "internal"}]}, "draft"),
    ({"tags": ["private"]}, "private"),
]


@pytest.mark.parametrize(("fields", "expected"), CLOSED)
def test_ghost_records_of_a_post_that_is_not_for_all_are_closed(fields, expected):
    assert _one(**fields).visibility == expected


def test_ghost_records_post_sent_by_email_alone_is_closed_even_with_unlisted():
    items = _read(_export({**POST, "status": "sent"}), include_unlisted=True)
    assert not items.public
    assert items[0].closed_by == ("email_only", "true")


@pytest.mark.parametrize("rows", [[{"email_only": 1}], [{"email_only": 0}, {"email_only": 1}], [{"email_only": "yes"}]])
def test_ghost_records_settings_of_a_post_close_it(rows):
    posts_meta = [{"post_id": "a1", **row} for row in rows]
    assert not _read(_export({**POST, "email_only": False}, posts_meta=posts_meta)).public
    twice = (
        f'{{"db": [{{"data": {{"posts": [{json.dumps(POST)}], "posts_meta": {json.dumps(posts_meta)}, "posts_meta": []'
    )
    records = [record for _, record in ghost_records(loads(twice + "}}]}"), "ghost.json")]
    assert not recs.read_items(records, now=NOW).public, "a table that occurs twice counts twice"


def test_ghost_records_name_that_occurs_twice_closes():
    text = json.dumps(_export(POST)).replace('"status": "published"', '"status": "draft", "status": "published"')
    records = [record for _, record in ghost_records(loads(text), "ghost.json")]
    assert not recs.read_items(records, now=NOW).public


def test_ghost_records_robots_of_all_is_public():
    assert _one(
        codeinjection_head='<meta name="robots" content="index, follow"><meta name="author" content="x">'
    ).is_public


VISIBILITIES = [
    ({"web": {"nonMember": True, "memberSegment": ""}, "email": {"memberSegment": ""}}, True),
    (
        {"web": {"nonMember": False, "memberSegment": "status:free,status:-free"}, "email": {"memberSegment": "x"}},
        False,
    ),
    ({"web": {"nonMembers": False, "freeMembers": True, "paidMembers": True}}, False),
    ({"web": {"memberSegment": "status:free"}}, False),
    ({"showOnWeb": True, "showOnEmail": False, "segment": ""}, True),
    ({"showOnWeb": False, "showOnEmail": True, "segment": "status:free"}, False),
    ({"showOnEmail": True, "segment": ""}, False),
    ({"emailOnly": True, "segment": ""}, False),
    ({"emailOnly": False, "segment": ""}, True),
]


@pytest.mark.parametrize(("visibility", "is_shown"), VISIBILITIES)
def test_ghost_records_cards_are_shown_to_the_visitors_they_are_for(visibility, is_shown):
    for kind, name in (("html", "html"), ("call-to-action", "textValue"), ("callout", "calloutText")):
        card = {"type": kind, "version": 1, name: f"<p>{SECRET}</p>", "visibility": visibility}
        assert (SECRET in _one(html=None, lexical=_lexical("Shown.", card)).text) is is_shown
        cards = [[kind, {name: f"<p>{SECRET}</p>", "visibility": visibility}]]
        assert (SECRET in _one(html=None, mobiledoc=_mobiledoc("Shown.", [10, 0], cards=cards)).text) is is_shown


def test_ghost_records_settings_of_cards_are_no_text():
    form = {"type": "signup", "header": "Sign up", "labels": [SECRET], "successMessage": SECRET, "buttonText": "Go"}
    call = {"type": "call-to-action", "textValue": "<p>Read on</p>", "visibility": VISIBILITIES[0][0]}
    call["visibility"] = {**call["visibility"], "email": {"memberSegment": f"label:{SECRET}"}}
    assert _one(html=None, lexical=_lexical(form, call)).text == "Sign up\n\nGo\n\nRead on"


@pytest.mark.parametrize("card", [["paywall", {}], ["paywall"], ["paywall", None], ["paywall", {"a": 1}]])
def test_ghost_records_text_after_a_paywall_card_is_not_read(card):
    sections = ("Shown.", [10, 0], SECRET)
    item = _one(html=None, mobiledoc=_mobiledoc(*sections, cards=[card]), plaintext=SECRET)
    assert item.text == "Shown."
    item = _one(html=f"<p>Shown.</p><p>{SECRET}</p>", mobiledoc=_mobiledoc(*sections, cards=[card]))
    assert item.text == "Shown.", "an HTML without the paywall of its source is an older one"
    item = _one(html=f"<p>Shown.</p><p>{SECRET}</p>", lexical=_lexical("Shown.", {"type": "paywall"}, SECRET))
    assert item.text == "Shown."


@pytest.mark.parametrize(
    "html",
    [
        f"<p>Shown.</p><!--members-only--><p>{SECRET}</p>",
        f"<p>Shown.</p><!-- MEMBERS-ONLY --><p>{SECRET}</p>",
        f"<p>Shown.</p><!--kg-paywall--><p>{SECRET}</p>",
        f'<p>Shown.</p><!--kg-gated-block:begin nonMember:false memberSegment:"x" --><p>{SECRET}</p>'
        "<!--kg-gated-block:end-->",
        f"<p>Shown.</p><div hidden>{SECRET}</div>",
        f"<p>Shown.</p><!-- {SECRET} -->",
    ],
)
def test_ghost_records_hidden_parts_of_html_are_not_read(html):
    item = _one(html=html, plaintext=f"Shown. {SECRET}", excerpt=f"Shown. {SECRET}", lexical=_lexical(SECRET))
    assert item.text == "Shown."
    assert SECRET not in json.dumps([item.excerpt, item.title, item.links, dict(item.meta)], default=str)


class _Author:
    """Writes random exports. Words that a visitor must not see are SECRET, in posts of any kind."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.shown = {}

    def export(self):
        posts, meta, links = [], [], []
        tags = [
            {"id": f"t{n}", "name": name, "visibility": self.random.choice(["public", None]) if n < 3 else "internal"}
            for n, name in enumerate(["Bulbs", "Autumn", "Soil", "#wide", "#draft"])
        ]
        for number in range(self.random.randint(1, 6)):
            post = self.post(f"p{number}")
            own_meta = {"post_id": post["id"], "meta_title": "x"}
            is_email_only = self.random.random() < 0.1
            if is_email_only:
                own_meta["email_only"] = self.random.choice([1, True, "1"])
            if is_email_only or self.random.random() < 0.5:
                meta.append(own_meta)
            chosen = self.random.sample(tags, self.random.randint(0, 3))
            links += [
                {"post_id": post["id"], "tag_id": tag["id"], "sort_order": order} for order, tag in enumerate(chosen)
            ]
            closes = is_email_only or any(tag["name"] == "#draft" for tag in chosen)
            self.shown[post["id"]] = self.shown[post["id"]] and not closes
            posts.append(post)
        tables = {"tags": tags, "posts_tags": links, "posts_meta": meta, "users": [{"id": 1, "bio": SECRET}]}
        self.random.shuffle(links)
        wrapped = _export(*posts, **tables)
        return self.random.choice(
            [wrapped, wrapped["db"][0], {"data": wrapped["db"][0]["data"]}, {"posts": posts, **tables}]
        )

    def post(self, post_id):
        choose = self.random.choice
        status = choose(["published"] * 16 + ["draft", "scheduled", "sent", "Draft", None, "archived", 0])
        visibility = choose(["public"] * 16 + [None, "members", "paid", "tiers", "filter", "product:x", "status:free"])
        moment = choose(
            ["2025-10-01T00:00:00.000Z"] * 12 + [1700000000000, 1900000000000, "2031-01-01T00:00:00Z", "soon"]
        )
        is_noindex = self.random.random() < 0.05
        is_future = moment in (1900000000000, "2031-01-01T00:00:00Z", "soon")
        is_shown = status == "published" and visibility in ("public", None) and not is_future and not is_noindex
        self.shown[post_id] = is_shown
        return {
            "id": post_id,
            "slug": post_id,
            "title": "Garlic" if is_shown else SECRET,
            "type": choose(["post", "page"]),
            "status": status,
            "visibility": visibility,
            "published_at": moment,
            "codeinjection_head": '<meta name="robots" content="noindex">' if is_noindex else choose([None, SECRET]),
            "custom_excerpt": None if is_shown else SECRET,
            "post_revisions": [{"lexical": SECRET}],
            **self.texts(is_shown),
        }

    def texts(self, is_shown):
        """Return the forms of a text: parts in a random order, those after a paywall hidden."""
        parts = ["Plant it.", *self.random.choices(["shown", "card", "gated", "email", "comment"], k=3)]
        parts += self.random.choice([[], ["paywall", "secret"]])
        if not is_shown:
            parts.append("secret")
        html, lexical, sections, cards = [], [], [], []
        for part in parts:
            html.append(self.as_html(part))
            lexical += self.as_lexical(part)
            sections += self.as_mobiledoc(part, cards)
        forms = {"lexical": _lexical(*lexical), "mobiledoc": _mobiledoc(*sections, cards=cards)}
        form = self.random.choice(["html", "lexical", "mobiledoc", "stale"])
        plain = {"plaintext": SECRET, "excerpt": SECRET}
        if form == "html":
            source = self.random.choice(["lexical", "mobiledoc"])
            return {"html": "".join(html), source: self.random.choice([None, forms[source]]), **plain}
        if form == "stale" and "paywall" in parts:
            return {"html": f"<p>{SECRET}</p>", "lexical": forms["lexical"], **plain}
        form = "lexical" if form == "stale" else form
        return {"html": self.random.choice([None, ""]), form: forms[form], **plain}

    def as_html(self, part):
        gate = '<!--kg-gated-block:begin nonMember:{} memberSegment:"" -->{}<!--kg-gated-block:end-->'
        return {
            "shown": "<p>Water it.</p>",
            "card": gate.format("true", "<p>A card.</p>"),
            "gated": gate.format("false", f"<p>{SECRET}</p>"),
            "email": "",
            "comment": f"<!-- {SECRET} -->",
            "paywall": "<!--members-only-->",
            "secret": f"<p>{SECRET}</p>",
        }.get(part, f"<p>{part}</p>")

    def as_lexical(self, part):
        is_shown = part == "card"
        visibility = self.random.choice([value for value, shown in VISIBILITIES if shown is is_shown])
        card = {"type": "html", "html": f"<p>{'A card.' if is_shown else SECRET}</p>", "visibility": visibility}
        return {
            "shown": ["Water it."],
            "card": [card],
            "gated": [card],
            "email": [{"type": self.random.choice(["email", "email-cta"]), "html": f"<p>{SECRET}</p>"}],
            "comment": [{"type": "html", "html": f"<!-- {SECRET} -->"}],
            "paywall": [{"type": "paywall", "version": 1}],
            "secret": [SECRET],
        }.get(part, [part])

    def as_mobiledoc(self, part, cards):
        (block,) = self.as_lexical(part)
        if isinstance(block, str):
            return [block]
        cards.append([block["type"], {name: value for name, value in block.items() if name != "type"}])
        return [[10, len(cards) - 1]]


def _shows_secret(item):
    shown = [item.title, item.text, item.excerpt, item.tags, item.links, dict(item.meta)]
    return SECRET in json.dumps(shown, default=str)


@pytest.mark.parametrize("part", range(4))
def test_ghost_records_of_random_exports_show_nothing_hidden(part):
    public = 0
    for seed in range(part * _EXPORTS // 4, (part + 1) * _EXPORTS // 4):
        author = _Author(seed)
        document = author.export()
        assert is_ghost(document), seed
        items = _read(document)
        for item in items:
            assert not item.is_public or author.shown[item.id], (seed, item.id)
            assert not item.is_public or not _shows_secret(item), (seed, item.id)
        assert {item.id for item in items.public} == {name for name, shown in author.shown.items() if shown}, seed
        public += len(items.public)
    assert public > _EXPORTS // 8, "the exports must hold public posts, or the test tells nothing"


_NAMES = st.sampled_from(
    [
        "id",
        "post_id",
        "tag_id",
        "name",
        "slug",
        "html",
        "lexical",
        "mobiledoc",
        "plaintext",
        "status",
        "visibility",
        "tags",
        "sort_order",
        "email_only",
        "to",
        "published_at",
        "url",
        "canonical_url",
        "codeinjection_head",
        "key",
        "value",
        "from",
        "root",
        "children",
        "sections",
        "cards",
        "type",
        "text",
        "title",
        "feature_image",
        "hidden",
        "excerpt",
    ]
)
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["a1", "t1", "/a/"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=15,
)
_ROWS = st.lists(st.dictionaries(_NAMES, _JSON, max_size=6) | _JSON, max_size=3) | _JSON
_TABLES = st.sampled_from(["tags", "posts_tags", "posts_meta", "settings", "redirects", "pages"])


@settings(max_examples=300, deadline=None)
@given(tables=st.dictionaries(_TABLES, _ROWS), posts=st.lists(st.dictionaries(_NAMES, _JSON, max_size=8) | _JSON))
def test_ghost_records_of_any_json_end_in_items_or_reports(tables, posts):
    document = loads(json.dumps(_export(*posts, **tables)))
    records = [record for _, record in ghost_records(document, "ghost.json")]
    assert len(records) >= len(posts)
    for record in records:
        items = recs.read_items([record], now=NOW)
        assert len(items) + len(items.skipped) == 1


def test_ghost_records_read_the_same_items_in_any_order_of_the_tables():
    document = _Author(5).export()
    tables = next(iter(document["db"]))["data"] if "db" in document else document.get("data", document)
    expected = {item.id: item for item in _read(document)}
    for name in ("posts", "tags", "posts_tags", "posts_meta"):
        tables[name].reverse()
    assert {item.id: item for item in _read(document)} == expected


def test_ghost_records_cost_is_linear_in_the_number_of_posts():
    counts = []
    for size in (100, 200, 400):
        touched = [0]

        class Row(dict):
            def get(self, *args, _touched=touched):
                _touched[0] += 1
                return super().get(*args)

        posts = [Row(POST, id=number, slug=f"s{number}") for number in range(size)]
        links = [Row(post_id=number, tag_id=number % 7, sort_order=0) for number in range(size)]
        tags = [Row(id=number, name=f"tag {number}") for number in range(7)]
        assert len(list(ghost_records({"posts": posts, "tags": tags, "posts_tags": links}, "x"))) == size
        counts.append(touched[0])
    steps = [after / before for before, after in pairwise(counts)]
    assert all(step < 2.2 for step in steps)
