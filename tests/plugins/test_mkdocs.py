"""The plugin for MkDocs, in MkDocs itself: plain, and Material with its blog."""

import json
import shutil

import pytest
import yaml
from real_sites import posts, python_with, related_pages, run, screenshot

pytestmark = pytest.mark.system

RECS = {"recs": {"model": ""}}


def write_page(path, post, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    head = yaml.safe_dump({"tags": post["tags"], **more}, allow_unicode=True)
    path.write_text(f"---\n{head}---\n# {post['title']}\n\n{post['content_html']}\n", encoding="utf-8")


def configure(site, **more):
    config = {"site_name": "Hedge & Hinge", "site_url": "https://garden.example/", "theme": {"name": "mkdocs"}}
    config |= {"plugins": ["search", RECS], "validation": {"links": {"absolute_links": "ignore"}}}
    (site / "mkdocs.yml").write_text(yaml.safe_dump({**config, **more}), encoding="utf-8")


@pytest.fixture
def site(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Home\n\nGarden, kitchen, workshop.\n", encoding="utf-8")
    for post in posts():
        write_page(tmp_path / "docs" / post["category"] / f"{post['id']}.md", post)
    configure(tmp_path)
    return tmp_path


@pytest.fixture
def blog(tmp_path):
    python_with("material")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Home\n\nGarden, kitchen, workshop.\n", encoding="utf-8")
    (tmp_path / "docs" / "blog").mkdir()
    (tmp_path / "docs" / "blog" / "index.md").write_text("# Blog\n", encoding="utf-8")
    for post in posts():
        write_post(tmp_path, post)
    theme = {"name": "material", "font": False}
    configure(tmp_path, theme=theme, plugins=["search", "blog", {"tags": {}}, RECS])
    return tmp_path


def write_post(site, post, **more):
    first, *rest = post["content_html"].split("\n")
    text = {**post, "content_html": "\n".join([first, "", "<!-- more -->", "", *rest])}
    fields = {"date": post["date"][:10], "categories": [post["category"]], "slug": post["id"], **more}
    fields = {name: value for name, value in fields.items() if value is not None}
    path = site / "docs" / "blog" / "posts" / f"{post['id']}.md"
    import datetime

    fields["date"] = datetime.date.fromisoformat(fields["date"])
    write_page(path, text, **fields)


def build(site, *options):
    return run([python_with("mkdocs"), "-m", "mkdocs", "build", "--strict", *options], site)


def pages_in(lists):
    return {page for pages in lists.values() for page in pages}


def test_a_site_of_80_pages_shows_lists_whose_links_lead_to_pages(site):
    log = build(site)
    lists = related_pages(site / "site")
    assert set(lists) == {f"{post['category']}/{post['id']}/index.html" for post in posts()}, log
    assert all(1 <= len(pages) <= 5 and name not in pages for name, pages in lists.items())


def test_links_are_right_without_directory_urls(site):
    configure(site, use_directory_urls=False)
    build(site)
    assert len(related_pages(site / "site")) == 80


def test_posts_of_a_blog_show_lists_and_views_do_not(blog):
    log = build(blog)
    lists = related_pages(blog / "site")
    assert len(lists) == 80, log
    assert all(name.rpartition("/")[0].endswith(tuple(post["id"] for post in posts())) for name in lists)
    assert not any("archive" in page or "category" in page for page in pages_in(lists))


@pytest.mark.parametrize("more", [{"draft": True}, {"search": {"exclude": True}}, {"status": "private"}])
def test_a_hidden_post_is_gone_at_once(blog, more):
    build(blog)
    before = related_pages(blog / "site")
    post = next(post for post in posts() if any(post["id"] in page for page in pages_in(before)))
    write_post(blog, post, **more)
    build(blog)
    assert not any(post["id"] in page for page in pages_in(related_pages(blog / "site")))


def test_drafts_and_excluded_pages_of_plain_mkdocs_are_in_no_list(site):
    shown = related_pages(site / "site") if build(site) else {}
    listed = sorted(pages_in(shown))
    first, second, third = (page.removesuffix("/index.html") for page in listed[:3])
    configure(
        site,
        draft_docs=f"{first}.md",
        exclude_docs=f"{second}.md",
        plugins=["search", {"recs": {"model": "", "exclude": [f"{third}.md"]}}],
    )
    build(site)
    after = pages_in(related_pages(site / "site"))
    assert not {f"{name}/index.html" for name in (first, second, third)} & after


def test_a_page_that_hides_parts_of_its_frame_is_listed(site):
    build(site)
    listed = sorted(pages_in(related_pages(site / "site")))[0]
    post = next(post for post in posts() if post["id"] in listed)
    write_page(site / "docs" / post["category"] / f"{post['id']}.md", post, hide=["toc", "navigation"])
    build(site)
    assert listed in pages_in(related_pages(site / "site"))


def test_the_search_does_not_index_lists(site):
    build(site)
    index = json.loads((site / "site" / "search" / "search_index.json").read_text(encoding="utf-8"))
    assert not any(entry["title"] == "Related" or "Related" in entry["text"] for entry in index["docs"])


def test_an_own_template_and_heading(site):
    folder = site / "overrides" / "recs"
    folder.mkdir(parents=True)
    (folder / "related.html").write_text("<p>{{ heading }}: {{ related|length }}</p>", encoding="utf-8")
    theme = {"name": "mkdocs", "custom_dir": "overrides"}
    configure(site, theme=theme, plugins=[{"recs": {"model": "", "heading": "More"}}])
    build(site)
    post = posts()[0]
    page = site / "site" / post["category"] / post["id"] / "index.html"
    assert "<p>More: 5</p>" in page.read_text(encoding="utf-8")


def test_headings_follow_the_language_of_the_theme(blog):
    theme = {"name": "material", "font": False, "language": "de"}
    configure(blog, theme=theme, plugins=["blog", RECS])
    build(blog)
    page = blog / "site" / next(iter(related_pages(blog / "site")))
    assert "Auch interessant" in page.read_text(encoding="utf-8")


def test_an_error_of_recs_is_a_warning(site):
    configure(site, plugins=[{"recs": {"model": "", "count": -1}}])
    log = run([python_with("mkdocs"), "-m", "mkdocs", "build"], site)
    assert "no related pages: k is -1" in log
    assert related_pages(site / "site") == {}


def test_titles_are_escaped_once(site):
    post = {**posts()[0], "title": "Bread & <butter>"}
    write_page(site / "docs" / post["category"] / f"{post['id']}.md", post, title=post["title"])
    shutil.rmtree(site / "site", ignore_errors=True)
    build(site)
    pages = "".join(path.read_text(encoding="utf-8") for path in (site / "site").rglob("index.html"))
    assert ">Bread &amp; &lt;butter&gt;</a></li>" in pages
    assert "&amp;amp;" not in pages


def test_a_browser_shows_the_list(blog, tmp_path):
    build(blog, "--no-directory-urls")
    name = next(iter(related_pages(blog / "site")))
    picture = tmp_path / "page.png"
    assert "related-posts" in screenshot(blog / "site" / name, picture)
    assert picture.stat().st_size > 10_000
