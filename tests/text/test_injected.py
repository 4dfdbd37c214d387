"""Lists that plugins and templates put into a body are neither text nor links; the author's own stay."""

import random

import pytest

from recs.items import Item
from recs.text.injected import is_injected
from recs.text.links import broken_links, hide_links, resolve_links
from recs.text.plain import plain_text

LEEKS = '<a href="/leeks/">Leeks</a>'
# Each is what a plugin or a theme writes: the container, its heading, its list.
LISTS = [
    "<div class='yarpp yarpp-related yarpp-template-list'><h3>Related</h3><ol><li>{}</li></ol></div>",
    "<div class='yarpp-related-rss'><p>Related Posts:</p><ol><li>{}</li></ol></div>",
    '<div id="crp_related" class="crp_related crp-rounded-thumbs"><h3>Related</h3><ul><li>{}</li></ul></div>',
    '<div class="crp_related_block"><ul><li>{}</li></ul></div>',
    '<div id="jp-relatedposts" class="jp-relatedposts"><h3><em>Related</em></h3>{}</div>',
    '<nav class="jp-relatedposts-i2" aria-label="Related Posts"><ul><li>{}</li></ul></nav>',
    '<div class="wp-block-jetpack-related-posts">{}</div>',
    '<div class="rp4wp-related-posts rp4wp-related-post"><ul><li>{}</li></ul></div>',
    '<div class="wp_rp_wrap wp_rp_plain" id="wp_rp_first"><div class="wp_rp_content">{}</div></div>',
    '<h3 class="related_post_title">More</h3><ul class="related_post wp_rp"><li>{}</li></ul>',
    '<h6 class="zemanta-related-title">Related articles</h6><ul class="zemanta-article-ul"><li>{}</li></ul>',
    '<div class="relpost-thumb-wrapper"><div class="relpost-thumb-container">{}</div></div>',
    '<div class="rpbt_shortcode"><ul><li>{}</li></ul></div>',
    '<div class="yuzo_related_post style-1">{}</div>',
    '<ul class="wp-block-latest-posts__list wp-block-latest-posts"><li>{}</li></ul>',
    '<div class="wp-block-query"><ul class="wp-block-post-template"><li>{}</li></ul></div>',
    '<ul class="wp-block-yoast-seo-related-links"><li>{}</li></ul>',
    '<div class="elementor-element elementor-widget-posts">{}</div>',
    '<div class="related-posts"><h3 class="related-posts__title">Read on</h3><ul><li>{}</li></ul></div>',
    '<div class="relatedposts">{}</div>',
    '<div id="related_posts"><div class="related_posts-grid">{}</div></div>',
    '<section class="related-articles"><h2>Related</h2>{}</section>',
    '<div class="td_block_related_posts">{}</div>',
    '<ul class="popular-posts"><li>{}</li></ul>',
    '<div class="relatedPosts"><div class="relatedPosts-list">{}</div></div>',
    '<aside class="read-next"><div class="read-next-feed">{}</div></aside>',
    '<div id="suggested-topics" class="more-topics__list"><h3>Suggested</h3><table><tr><td>{}</td></tr></table></div>',
    "<nav><ul><li>{}</li></ul></nav>",
    '<div style="display: none">{}</div>',
]
# The author wrote each of these; the words and the link stay.
OWN = [
    "<p>Related: {}</p>",
    "<p><strong>See also:</strong> {}</p>",
    '<p class="related">Related: {}</p>',
    '<h2 id="related-posts">Related posts</h2><ul><li>{}</li></ul>',
    '<section id="related-posts"><h2>Related posts</h2><p>{}</p></section>',
    '<div class="section" id="related-articles"><h2>Related articles</h2><p>{}</p></div>',
    '<section class="level2" id="recent-posts"><h2>Recent posts</h2><p>{}</p></section>',
    '<div class="further-reading"><h3>Further reading</h3><ul><li>{}</li></ul></div>',
    '<div class="related-links"><ul><li>{}</li></ul></div>',
    '<div class="admonition seealso"><p>See also {}</p></div>',
    '<div class="recommended-reading">{}</div>',
    '<div class="no-related-posts post-content"><p>{}</p></div>',
    '<a class="related-post-link" href="/x/">Leeks</a>{}',
    '<div class="post related"><p>{}</p></div>',
    '<div class="posts-about-relatives">{}</div>',
    '<article class="has-related-posts"><p>{}</p></article>',
]


def _linked(body, markup):
    """Return the ids that an item with this body links to, and its plain text."""
    items = [Item("garlic", plain_text(body, markup), body=body, markup=markup, url="https://site.example/garlic/")]
    items += [Item(name, name, url=f"https://site.example/{name}/") for name in ("leeks", "soil")]
    source = next(resolve_links(items))
    return [link.target for link in source.links], source


@pytest.mark.parametrize("markup", ["html", "markdown"])
@pytest.mark.parametrize("template", LISTS)
def test_an_injected_list_is_neither_text_nor_link(template, markup):
    own = '<p>Like <a href="/soil/">soil</a>.</p>'
    links, source = _linked(f"<p>Garlic.</p>\n\n{template.format(LEEKS)}\n\n{own}\n", markup)
    assert links == ["soil"]
    assert source.text.split() == ["Garlic.", "Like", "soil."]
    assert hide_links([source])[0].text.split() == ["Garlic.", "Like", "."]


@pytest.mark.parametrize("markup", ["html", "markdown"])
@pytest.mark.parametrize("template", OWN)
def test_a_list_of_the_author_stays(template, markup):
    links, source = _linked(f"<p>Garlic.</p>\n\n{template.format(LEEKS)}\n", markup)
    assert links == ["leeks"]
    assert "Leeks" in source.text


def test_a_list_in_markdown_between_the_tags_of_a_plugin():
    related = "<div class='yarpp-related-rss'>\n\n**Related Posts:**\n\n1. [Leeks](/leeks/)\n\n</div>"
    body = f"Like [soil](/soil/).\n\n{related}\n"
    links, source = _linked(body, "markdown")
    assert (links, source.text) == (["soil"], "Like soil.")


def test_links_around_the_article_of_a_page_are_not_the_authors():
    parts = f"<header>{LEEKS}</header><aside>{LEEKS}</aside>"
    head = '<head><link rel="next" href="https://site.example/leeks/"></head>'
    body = f'<html>{head}<body>{parts}<article><p>Like <a href="/soil/">soil</a>.</p></article>{parts}</body></html>'
    assert _linked(body, "html")[0] == ["soil"]


def test_links_in_indented_lines_and_among_comments_of_markdown_stay():
    body = '<b class="x">Garlic</b>.\n\n    See [leeks](/leeks/).\n\n<!-- a\nnote -->And [soil](/soil/).\n'
    assert _linked(body, "markdown")[0] == ["leeks", "soil"]


def test_a_broken_link_of_a_menu_is_not_reported():
    body = '<nav><a href="/kale/">Kale</a></nav><p><a href="/beet/">Beet</a></p>'
    items = [Item("garlic", "", body=body, markup="html", url="https://site.example/garlic/")]
    assert broken_links(items) == [("garlic", "/beet/")]


def test_links_and_words_follow_the_same_rules_in_random_markup():
    """A link with a word of its own is found exactly if the plain text holds that word."""
    chance = random.Random(5)
    wrappers = [
        *LISTS,
        *OWN,
        "<p>{}</p>",
        "<div hidden>{}</div>",
        "<ul><li>{}</li></ul>",
        "<blockquote>{}</blockquote>",
    ]
    for _ in range(300):
        names = [f"word{number}" for number in range(chance.randint(1, 8))]
        body = ""
        for name in names:
            body += f'<a href="/{name}/">{name}</a> '
            if chance.random() < 0.7:
                body = chance.choice(wrappers).replace("{}", body)
        if chance.random() < 0.3:
            body = f"<html><body>{body}</body></html>"
        items = [Item("garlic", "", body=body, markup="html", url="https://site.example/garlic/")]
        items += [Item(name, name, url=f"https://site.example/{name}/") for name in names]
        text = plain_text(body, "html")
        linked = [link.target for link in next(resolve_links(items)).links]
        assert linked == [name for name in names if name in text], body


def test_a_class_that_is_very_long_costs_nothing():
    name = "wp-block-" + "related-posts" * 100_000 + "!"
    assert not is_injected("div", {"class": name, "id": name})
