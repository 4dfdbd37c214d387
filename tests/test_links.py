"""Links found in bodies as sites write them, resolved, and hidden without a trace."""

import time

import pytest

import recs
from recs.items import Item, Link
from recs.links import hide_links, resolve_links


def _items(body, markup, *, url="https://site.example/2020/01/02/garlic/", other="https://site.example/blog/soil/"):
    return [
        Item("garlic", "", body=body, markup=markup, url=url),
        Item("soil", "Soil.", body="Soil.", url=other),
    ]


def _found(body, markup, **urls):
    source = resolve_links(_items(body, markup, **urls))[0]
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
    found = {item.id: [(link.anchor, link.target) for link in item.links] for item in resolve_links(items)}
    assert found["_posts/2020-01-02-garlic"] == [("a", "_posts/2020-02-03-soil"), ("b", "_posts/2020-02-03-soil")]
    assert found["_posts/2020-02-03-soil"] == [("c", "notes/twice")], "an address that two items could have is no link"


def test_resolve_links_guesses_the_host_that_no_item_names():
    bodies = [f"[x](https://my.example/{name}/) [y](https://code.example/me/{name})" for name in ("a", "b", "c", "d")]
    bodies[0] += "".join(f" [z](https://code.example/me/tool{i})" for i in range(9))
    items = [Item(name, "x", body=body, markup="markdown") for name, body in zip("bcda", bodies, strict=True)]
    assert {(item.id, *(link.target for link in item.links)) for item in resolve_links(items)} == {
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


def test_hide_links_leaves_neither_words_nor_address():
    body = (
        '<p>First <a href="/blog/soil/">the secret words</a> and <a href="https://else.example/">shown</a>.</p>'
        "<p>https://site.example/blog/soil/ again</p><p>Read the letter.</p>"
    )
    items = resolve_links(_items(body, "html"))
    hidden = hide_links(items, ["Read the letter."])
    assert hidden[0].text == "First and shown.\n\nagain"
    assert hidden[1] is items[1]


def test_hide_links_known_words_go_once_each_the_longest_first_as_whole_words():
    item = Item("a", "soil and good soil, soils; soil", links=(Link(0, 0, "soil", "b"), Link(0, 0, "good soil", "b")))
    assert hide_links([item])[0].text.split() == ["and", ",", "soils;", "soil"]


@pytest.mark.parametrize("piece", ["<a>", "<!--", "[", "[](", "[]({{", "<a href='", "[[", "http://", "[a][", "![", "`"])
@pytest.mark.parametrize("markup", ["html", "markdown", "text"])
def test_resolve_links_hostile_bodies_take_linear_time(piece, markup):
    def seconds(size):
        body = piece * (size // len(piece))
        start = time.perf_counter()
        resolve_links([Item("a", "x", body=body, markup=markup)])
        return time.perf_counter() - start

    assert seconds(200_000) < 2
