"""The plugin for Pelican, in Pelican itself."""

import pytest
from real_sites import file_of, links_of, posts, python_with, related_pages, run, screenshot

pytestmark = pytest.mark.system

CONF = """
SITENAME = "Hedge & Hinge"
SITEURL = {siteurl!r}
RELATIVE_URLS = {relative}
TIMEZONE = "UTC"
DEFAULT_LANG = "en"
FEED_ALL_ATOM = CATEGORY_FEED_ATOM = TRANSLATION_FEED_ATOM = AUTHOR_FEED_ATOM = AUTHOR_FEED_RSS = None
PLUGINS = ["recs.plugins.pelican"]
THEME = {theme!r}
RECS_MODEL = ""
RECS_CACHE = False
{more}
"""


def write_post(content, post, **more):
    fields = {
        "Title": post["title"],
        "Date": post["date"],
        "Category": post["category"],
        "Tags": ", ".join(post["tags"]),
        "Slug": post["id"],
        "Lang": post.get("lang", "en"),
    }
    head = "\n".join(f"{name}: {value}" for name, value in {**fields, **more}.items())
    (content / f"{post['id']}.md").write_text(f"{head}\n\n{post['content_html']}\n", encoding="utf-8")


def name_of(post):
    lang = post.get("lang", "en")
    return f"{post['id']}.html" if lang == "en" else f"{post['id']}-{lang}.html"


@pytest.fixture
def site(tmp_path):
    content = tmp_path / "content"
    content.mkdir()
    for post in posts():
        write_post(content, post, Status="published")
    configure(tmp_path)
    return tmp_path


def configure(site, more="", siteurl="", relative=True, theme="notmyidea"):
    text = CONF.format(more=more, siteurl=siteurl, relative=relative, theme=theme)
    (site / "pelicanconf.py").write_text(text, encoding="utf-8")


def build(site, *options):
    return run([python_with("pelican"), "-m", "pelican", "content", *options], site)


def test_a_site_of_80_posts_shows_lists_whose_links_lead_to_pages(site):
    log = build(site, "--fatal", "warnings")
    lists = related_pages(site / "output")
    assert set(lists) == {name_of(post) for post in posts()}, log
    assert all(1 <= len(pages) <= 5 and name not in pages for name, pages in lists.items())
    assert "related-posts" not in (site / "output" / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("status", ["draft", "hidden", "skip"])
def test_an_unpublished_article_is_gone_at_once(site, status):
    build(site)
    before = related_pages(site / "output")
    post = next(post for post in posts() if any(name_of(post) in pages for pages in before.values()))
    write_post(site / "content", post, Status=status)
    build(site)
    after = related_pages(site / "output")
    assert not any(post["id"] in page for pages in after.values() for page in pages)
    assert all(len(pages) == 5 for name, pages in after.items() if len(before.get(name, ())) == 5)


@pytest.mark.parametrize("field", ["no_recommend: true", "private: true", "no_index: true", "expires: 2020-01-01"])
def test_metadata_that_hides_an_article_keeps_it_out(site, field):
    post = posts()[3]
    name, _, value = field.partition(": ")
    write_post(site / "content", post, Status="published", **{name: value})
    build(site)
    assert not any(post["id"] in page for pages in related_pages(site / "output").values() for page in pages)


@pytest.mark.parametrize(
    "options",
    [
        {"siteurl": "https://garden.example/blog", "relative": False},
        {"more": "ARTICLE_URL = '{date:%Y}/{slug}/'\nARTICLE_SAVE_AS = '{date:%Y}/{slug}/index.html'"},
        {"theme": "simple"},
    ],
)
def test_links_are_right_for_other_addresses_and_themes(site, options):
    configure(site, **options)
    build(site)
    lists = related_pages(site / "output", options.get("siteurl", ""))
    assert len(lists) == 80


def test_a_theme_may_show_the_lists_itself(site):
    configure(site, more="RECS_SHOW = False")
    build(site)
    assert related_pages(site / "output") == {}


def test_an_own_template_replaces_the_list(site):
    folder = site / "own" / "recs"
    folder.mkdir(parents=True)
    (folder / "related.html").write_text("<p>{{ article.related_posts|length }} more</p>", encoding="utf-8")
    configure(site, more="THEME_TEMPLATES_OVERRIDES = ['own']")
    build(site)
    assert "<p>5 more</p>" in (site / "output" / f"{posts()[0]['id']}.html").read_text(encoding="utf-8")


def test_translations_have_lists_and_headings_in_their_language(site):
    german = [post for post in posts(8) if "lang" not in post]
    for number, post in enumerate(german):
        text = {**post, "id": f"{post['id']}-de", "title": f"Beitrag {number}"}
        write_post(site / "content", text, Status="published", Lang="de", Slug=post["id"])
    build(site)
    page = site / "output" / f"{german[0]['id']}-de.html"
    assert "Auch interessant" in page.read_text(encoding="utf-8")
    _, related = links_of(page)
    assert related
    assert all(link.endswith("-de.html") and file_of(site / "output", page, link) for link in related)


def test_an_error_of_recs_is_a_warning_and_the_site_is_built(site):
    configure(site, more="RECS_COUNT = -1")
    log = build(site)
    assert "no related articles: k is -1" in log
    assert related_pages(site / "output") == {}
    assert (site / "output" / f"{posts()[0]['id']}.html").exists()


def test_a_browser_shows_the_list(site, tmp_path):
    build(site)
    picture = tmp_path / "page.png"
    page = screenshot(site / "output" / f"{posts()[0]['id']}.html", picture)
    assert 0 < page.index("related-posts") < page.index("</article>")
    assert picture.stat().st_size > 10_000
