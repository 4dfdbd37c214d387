"""Links found in bodies as sites write them, resolved, and hidden without a trace."""

import time

import pytest

import recs
from recs.items import Item, Link
from recs.text.links import hide_links, resolve_links


def _items(body, markup, *, url="https://site.example/2020/01/02/garlic/", other="https://site.example/blog/soil/"):
    return [
        Item("garlic", "", body=body, markup=markup, url=url),
        Item("soil", "Soil.", body="Soil.", url=other),
    ]


def _found(body, markup, **urls):
    source = next(resolve_links(_items(body, markup, **urls)))
    return [(source.body[link.start : link.stop], link.anchor, link.target) for link in source.links]


@pytest.mark.parametrize(
    ("markup", "link", "anchor"),
    [
        ("html", '<a href="https://site.example/blog/soil/">good soil</a>', "good soil"),
        ("html", "<a class=x href='/blog/soil/index.html#top'>good <em>soil</em></a>", "good soil"),
        ("html", "<A HREF=/blog/soil>good\nsoil</A >", "good soil"),
        ("html", '<a href="../../../../blog/soil.html?utm_source=x">good soil</a>', "good soil"),
        ("html", '<a href="//www.site.example/Blog/Soil/">good soil</a>', "good soil"),
        ("markdown", "[good soil](/blog/soil/)", "good soil"),
        ("markdown", '[good soil](https://site.example/blog/soil "a title")', "good soil"),
        ("markdown", "[good **soil**](</blog/soil>)", "good **soil**"),
        ("markdown", '[good soil]({{ "/blog/soil/" | url }})', "good soil"),
        ("markdown", "[good soil]({% link soil.md %})", "good soil"),
        ("markdown", '[good soil]({{< relref "/blog/soil.md" >}})', "good soil"),
        ("markdown", "[[soil|good soil]]", "good soil"),
        ("markdown", "[[soil]]", "soil"),
        ("markdown", "[[soil#On clay|good soil]]", "good soil"),
        ("markdown", "[[soil#On clay]]", "soil On clay"),
        ("markdown", "![[soil#^part]]", "soil"),
        ("markdown", "![[Soil|300]]", "Soil"),
        ("markdown", "[[soil\\|good soil]]", "good soil"),
        ("markdown", "[good %% secret %% soil](/blog/soil/)", "good soil"),
        ("html", '<a href="/blog/soil/">good <!-- secret -->soil</a>', "good soil"),
        ("markdown", "[![a bed](bed.png)](/blog/soil/)", "a bed"),
        ("markdown", "<https://site.example/blog/soil/>", ""),
        ("markdown", '<a href="/blog/soil/">good soil</a>', "good soil"),
        ("text", "https://site.example/blog/soil", ""),
    ],
)
def test_resolve_links_finds_what_sites_write_and_its_span(markup, link, anchor):
    assert _found(f"Garlic likes {link}, not clay.", markup) == [(link, anchor, "soil")]


def test_resolve_links_of_references_in_markdown():
    body = "See [good soil][s], [soil][] and [s].\n\n[s]: /blog/soil/\n[soil]: <https://site.example/blog/soil/>\n"
    assert [target for _, _, target in _found(body, "markdown")] == ["soil"] * 3


@pytest.mark.parametrize(
    ("markup", "body"),
    [
        ("html", '<a href="https://other.example/blog/soil/">soil</a>'),
        ("html", '<a href="/2020/01/02/garlic/#top">itself</a> <a href="#top">top</a> <a name="x">no address</a>'),
        ("html", '<!-- <a href="/blog/soil/">soil</a> -->'),
        ("html", '<a href="mailto:soil">soil</a> <a href="javascript:soil">soil</a> <a href="http://[">broken</a>'),
        ("markdown", "`[soil](/blog/soil/)`\n\n```\n[soil](/blog/soil/)\n```\n"),
        ("markdown", "![soil](/blog/soil/)"),
        ("markdown", "[soil](/elsewhere/soil/)"),
        ("text", "[soil](/blog/soil/)"),
        ("text", "{% comment %} https://site.example/blog/soil/ {% endcomment %}"),
        ("markdown", "%%\n\n[soil](/blog/soil/) [[soil]]\n\n%%"),
        (
            "markdown",
            "{% comment %}\n\n[soil](/blog/soil/)\n\n{% endcomment %} {# <https://site.example/blog/soil/> #}",
        ),
        ("markdown", "[soil <!-- ](/blog/soil/) -->"),
        (
            "markdown",
            "```dataview\nLIST FROM [[soil]]\n```\n\n`[[soil]]` [[soil.png]] ![[soil.png]] [[#soil]] [[]] [[ ]]",
        ),
    ],
)
def test_resolve_links_passes_over_what_leads_to_no_other_item(markup, body):
    assert _found(body, markup) == []


def test_resolve_links_by_id_and_unique_last_part_where_items_have_no_address():
    items = [
        Item("_posts/2020-01-02-garlic", "", body="[a]({% post_url 2020-02-03-soil %}) [b](/2020/02/03/soil.html)"),
        Item("_posts/2020-02-03-soil", "", body="[c](../notes/twice.md) [d](/twice/)"),
        Item("notes/twice", "x"),
        Item("more/twice", "x"),
    ]
    items = [Item(i.id, i.text, body=i.body, markup="markdown") for i in items]
    found = {item.id: [(link.anchor, link.target) for link in item.links] for item in list(resolve_links(items))}
    assert found["_posts/2020-01-02-garlic"] == [("a", "_posts/2020-02-03-soil"), ("b", "_posts/2020-02-03-soil")]
    assert found["_posts/2020-02-03-soil"] == [("c", "notes/twice")], "an address that two items could have is no link"


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("/2018/04/04/sct-encoding.html", "post/2018-4-4-sct-encoding"),
        ("/blog/2018/04/sct-encoding/", "post/2018-4-4-sct-encoding"),
        ("/2018/04/05/sct-encoding/", "post/2018-4-4-sct-encoding"),  # another time zone
        ("/2018/05/04/sct-encoding/", None),
        ("/2019/sct-encoding/", None),
        ("/sct-encoding", "post/2018-4-4-sct-encoding"),
        ("/articles/sct-encoding", "post/2018-4-4-sct-encoding"),
        ("/docs/sct-encoding", None),  # there is such a folder, without this page
        ("/2020/01/short/", "post/2020-01-05-a-long-name"),
        ("/2020/01/a-long-name/", "post/2020-01-05-a-long-name"),
        ("/2020/02/short/", None),
    ],
)
def test_resolve_links_by_date_and_last_part_but_never_by_the_last_part_of_a_folder(link, target):
    items = [
        Item("docs/faq", "x", body=f"[x]({link})", markup="markdown"),
        Item("post/2018-4-4-sct-encoding", "x", published="2018-04-04T00:00:00Z"),
        Item("post/2020-01-05-a-long-name", "x", published="2020-01-05T00:00:00Z", aliases=("short",)),
    ]
    assert [link.target for link in next(resolve_links(items)).links] == ([target] if target else [])


def test_resolve_links_a_number_is_no_path_of_an_item_with_a_url():
    items = [
        Item("1", "x", url="/garlic/", body="[x](/2019/) [y](/12/)", markup="markdown"),
        Item("2019", "x", url="/leeks/"),
        Item("12", "x"),
    ]
    assert [link.target for link in next(resolve_links(items)).links] == ["12"]


def test_resolve_links_guesses_the_host_that_no_item_names():
    bodies = [f"[x](https://my.example/{name}/) [y](https://code.example/me/{name})" for name in ("a", "b", "c", "d")]
    bodies[0] += "".join(f" [z](https://code.example/me/tool{i})" for i in range(9))
    items = [Item(name, "x", body=body, markup="markdown") for name, body in zip("bcda", bodies, strict=True)]
    assert {(item.id, *(link.target for link in item.links)) for item in list(resolve_links(items))} == {
        ("b", "a"), ("c", "b"), ("d", "c"), ("a", "d"),
    }  # fmt: skip


def test_resolve_links_keeps_declared_links_that_lead_to_an_item():
    records = [
        {
            "id": "a",
            "text": "One.",
            "links": ["b", "/c/", {"target": "b", "anchor": "the other"}, "https://x.example/"],
        },
        {"id": "b", "text": "Two."},
        {"id": "c", "text": "Three.", "url": "https://site.example/c/"},
    ]
    links = recs.read_items(records)[0].links
    assert links == (Link(0, 0, "", "b"), Link(0, 0, "", "c"), Link(0, 0, "the other", "b"))


NAMED = [
    Item("notes/What is a scion?", "x", url="https://site.example/scion/"),
    Item("notes/grafting", "x", title="Grafting trees", aliases=("Whip and Tongue", "/old/whip/")),
    Item("2024-05-01-diary", "x", title="Walks", aliases=("https://old.example/posts/walk.html", "Shared")),
    Item("a/twice", "x", title="Twins", aliases=("shared",)),
    Item("b/twice", "x", title="twins"),
    Item("twice/b", "x"),
    Item("cafe\u0301", "x"),
]


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("[[What is a scion?]]", "notes/What is a scion?"),
        ("[[what is  A SCION?#Part|x]]", "notes/What is a scion?"),
        ("[[scion]]", "notes/What is a scion?"),
        ("[[whip and tongue]]", "notes/grafting"),
        ("[[Grafting Trees]]", "notes/grafting"),
        ("[[notes/grafting.md]]", "notes/grafting"),
        ("[[../notes/grafting]]", "notes/grafting"),
        ("[[2024-05-01-diary]]", "2024-05-01-diary"),
        ("[[diary]]", "2024-05-01-diary"),
        ("[[Café]]", "cafe\u0301"),
        ("[[a/twice]]", "a/twice"),
        ("[[twice]]", None),
        ("[[Twins]]", None),
        ("[[shared]]", None),
        ("[[b]]", "twice/b"),
        ("[[unknown]]", None),
        ("[x](/old/whip)", "notes/grafting"),
        ("[x](https://site.example/old/whip/)", "notes/grafting"),
        ("[x](https://old.example/posts/walk.html)", "2024-05-01-diary"),
        ("[x](https://else.example/old/whip/)", None),
        ("[x](/whip%20and%20tongue)", None),
    ],
)
def test_resolve_links_by_name_and_alias(link, target):
    source = Item("source", "x", body=f"See {link}.", markup="markdown")
    for items in ([source, *NAMED], [*reversed(NAMED), source]):
        resolved = {item.id: item for item in list(resolve_links(items))}
        assert [found.target for found in resolved["source"].links] == ([target] if target else [])


def test_resolve_links_by_name_a_whole_id_goes_before_its_end_and_no_name_leads_nowhere():
    body = "[[Soil]] [[notes/soil]] [[#Part]] [[ ]] [[/]]"
    items = [
        Item("a", "x", body=body, markup="markdown", title="A", url="/a/"),
        Item("soil", "x", title="S", url="/s/"),
        Item("notes/soil", "x", url="/n/"),
    ]
    assert [link.target for link in next(resolve_links(items)).links] == ["soil", "notes/soil"]


def test_resolve_links_again_changes_nothing():
    items = [
        Item("a", "x", body="[b](b) [[C]] <https://x.example/b>", markup="markdown", links=(Link(0, 0, "", "/b/"),)),
        Item("b", "x", title="b", links=(Link(0, 0, "the a", "a"), Link(0, 0, "", "nowhere"))),
        Item(
            "c",
            "x",
            body="<a href='/a/'>words</a>",
            markup="html",
            links=(Link(0, 0, "words", "a"), Link(0, 0, "y", "a")),
        ),
        Item("d", "x", body="[b](b), edited", markup="markdown", links=(Link(8, 15, "c", "c"),)),
    ]
    once = list(resolve_links(items))
    assert list(resolve_links(once)) == once
    assert recs.read_items(once).items == tuple(once)
    assert [(link.anchor, link.target) for link in once[0].links] == [("b", "b"), ("C", "c")]
    assert once[1].links == (Link(0, 0, "the a", "a"),)
    assert [link.target for link in once[3].links] == ["b"]
    assert [(link.start > 0 or link.stop > 0, link.anchor) for link in once[2].links] == [(True, "words"), (False, "y")]


def test_hide_links_never_shows_what_a_comment_hides():
    body = (
        "a %% secret %% [words](/blog/soil/) b\n\n<!-- secret [x](/blog/soil/)\n\nsecret -->\n\n[more](/blog/soil/) end"
    )
    items = list(resolve_links(_items(body, "markdown")))
    assert [link.anchor for link in items[0].links] == ["words", "more"]
    assert hide_links(items)[0].text == "a b\n\nend"
    body = "[words](/blog/soil/)\n    %% secret %%\n\nend"  # no code, but it would be without the line before
    assert hide_links(resolve_links(_items(body, "markdown")))[0].text == "end"


def test_hide_links_leaves_neither_words_nor_address():
    body = (
        '<p>First <a href="/blog/soil/">the secret words</a> and <a href="https://else.example/">shown</a>.</p>'
        "<p>https://site.example/blog/soil/ again</p><p>Read the letter.</p>"
    )
    items = list(resolve_links(_items(body, "html")))
    hidden = hide_links(items, ["Read the letter."])
    assert hidden[0].text == "First and shown.\n\nagain"
    assert hidden[1] is items[1]


def test_hide_links_known_words_go_once_each_the_longest_first_as_whole_words():
    item = Item("a", "soil and good soil, soils; soil", links=(Link(0, 0, "soil", "b"), Link(0, 0, "good soil", "b")))
    assert hide_links([item])[0].text.split() == ["and", ",", "soils;", "soil"]


@pytest.mark.parametrize(
    "piece",
    [
        "<a>",
        "<!--",
        "[",
        "[](",
        "[]({{",
        "<a href='",
        "[[",
        "http://",
        "[a][",
        "![",
        "`",
        "%%",
        "{% comment %}",
        "![[a|",
    ],
)
@pytest.mark.parametrize("markup", ["html", "markdown", "text"])
def test_resolve_links_hostile_bodies_take_linear_time(piece, markup):
    def seconds(size):
        body = piece * (size // len(piece))
        start = time.perf_counter()
        list(resolve_links([Item("a", "x", body=body, markup=markup)]))
        return time.perf_counter() - start

    assert seconds(200_000) < 2
