"""The article of a page is found by what standards say, and never at the cost of most of the text."""

import pytest

from recs.items import Item
from recs.text.links import resolve_links
from recs.text.plain import plain_text

TEXT = "<p>Plant the cloves in October, as deep as a finger is long.</p>"
OTHER = '<a href="/leeks/">Leeks</a>'


def _page(inside):
    return f"<html><head><title>Garlic</title></head><body><div>{OTHER}</div>{inside}</body></html>"


@pytest.mark.parametrize(
    "inside",
    [
        f"<main>{TEXT}</main>",
        f"<div role=main>{TEXT}</div>",
        f"<article>{TEXT}</article>",
        f"<main><article>{TEXT}</article><aside>{OTHER}</aside></main>",
        f"<main><article>{TEXT}</article><aside><article>{OTHER}</article><article>{OTHER}</article></aside></main>",
        f"<main><article>{TEXT}<nav><article>{OTHER}</article></nav></article><p>{OTHER}</p></main>",
        f"<main><article>{TEXT}</article><aside>{OTHER * 20}</aside><script>{'let x; ' * 99}</script></main>",
        f'<div role=main><div itemprop="articleBody">{TEXT}</div><div>{OTHER}</div></div>',
        f'<article class="h-entry"><div class="e-content">{TEXT}</div><div>{OTHER}</div></article>',
        f'<article class="hentry"><div class="entry-content">{TEXT}</div><div>{OTHER}</div></article>',
    ],
)
def test_the_article_alone_is_text_and_gives_links(inside):
    page = _page(inside)
    assert plain_text(page, "html") == "Plant the cloves in October, as deep as a finger is long."
    items = [
        Item("garlic", "", body=page, markup="html", url="https://site.example/garlic/"),
        Item("leeks", "Leeks.", url="https://site.example/leeks/"),
    ]
    assert not next(resolve_links(items)).links


@pytest.mark.parametrize(
    "inside",
    [
        f'<main>{TEXT}<article class="card">A card.</article></main>',
        f'<main>{TEXT}<div class="entry-content">A word.</div></main>',
        f"<main><article>{TEXT}</article><article>{TEXT}</article></main>",
        f'<main><div class="e-content">{TEXT}</div><div class="e-content">{TEXT}</div></main>',
        f"<main><div>{TEXT}</div></main>",
    ],
)
def test_most_of_the_text_is_never_left_out(inside):
    assert "Plant the cloves" in plain_text(_page(inside), "html")


@pytest.mark.parametrize(
    "page", ["<html></html>", "<html><body></body></html>", "<main></main>", "<html><main></html>"]
)
def test_a_page_without_words_has_no_text(page):
    assert plain_text(page, "html") == ""


@pytest.mark.parametrize(
    "inside",
    [
        "<main hidden>{}</main>",
        "<div hidden><main>{}</main></div>",
        "<main><div style='display:none'><article>{}</article></div></main>",
        "<main><article hidden>{}</article></main>",
        "<main><template><article>{}</article></template></main>",
        "<dialog><article>{}</article></dialog>",
        "<article><div hidden><div class=e-content>{}</div></div></article>",
    ],
)
def test_an_article_that_is_hidden_is_not_shown(inside):
    assert plain_text(_page(inside.format(TEXT) + "<p>Shown.</p>"), "html") in ("", "Shown.", "Leeks\n\nShown.")
