"""The plugin for Sphinx, in Sphinx itself: with ablog and without it."""

import html
import re

import pytest
from real_sites import posts, python_with, related_pages, run, screenshot

pytestmark = pytest.mark.system

CONF = """
project = "Hedge & Hinge"
extensions = {extensions!r}
exclude_patterns = ["_build"]
recs_model = ""
recs_cache = False
{more}
"""


def write_page(site, post, head="", body=""):
    plain = html.unescape(re.sub(r"<[^>]*>", "", post["content_html"]))
    text = "\n\n".join(re.sub(r"[`*_|:.\-\\]+", " ", line).strip() for line in plain.split("\n"))
    path = site / "blog" / f"{post['id']}.rst"
    path.parent.mkdir(exist_ok=True)
    title = post["title"]
    path.write_text(f"{head}\n{title}\n{'=' * 2 * len(title)}\n\n{body}\n\n{text}\n", encoding="utf-8")


def post_head(post, date=True, more=""):
    lines = [f".. post:: {post['date'][:10] if date else ''}", f"   :tags: {', '.join(post['tags'])}"]
    return "\n".join([*lines, f"   :category: {post['category']}", more, ""])


def configure(site, more="", ablog=False):
    extensions = (["ablog"] if ablog else []) + ["recs.plugins.sphinx"]
    more += '\npost_date_format = "%Y-%m-%d"\nblog_baseurl = "https://garden.example"' if ablog else ""
    (site / "conf.py").write_text(CONF.format(extensions=extensions, more=more), encoding="utf-8")


@pytest.fixture
def site(tmp_path):
    configure(tmp_path)
    (tmp_path / "index.rst").write_text("Home\n====\n\n.. toctree::\n   :glob:\n\n   blog/*\n")
    for post in posts():
        write_page(tmp_path, post)
    return tmp_path


@pytest.fixture
def blog(site):
    python_with("ablog")
    configure(site, ablog=True)
    for post in posts():
        write_page(site, post, body=post_head(post))
    (site / "blog" / "about.rst").write_text("About\n=====\n\nGarden, kitchen and workshop.\n")
    return site


def build(site, *options):
    words = [python_with("sphinx"), "-m", "sphinx", "-b", "html", *options, ".", "_build"]
    return run(words, site)


def pages_in(lists):
    return {page for pages in lists.values() for page in pages}


def test_a_site_of_80_pages_shows_lists_whose_links_lead_to_pages(site):
    build(site, "-W")
    lists = related_pages(site / "_build")
    assert set(lists) == {f"blog/{post['id']}.html" for post in posts()}
    assert all(1 <= len(pages) <= 5 and name not in pages for name, pages in lists.items())


def test_only_pages_whose_list_has_changed_are_written_again(site):
    build(site)
    assert "no targets are out of date" in build(site)
    before = related_pages(site / "_build")
    stamps = {name: (site / "_build" / name).stat().st_mtime_ns for name in before}
    write_page(site, posts()[5], body=f"{posts()[40]['title']}, {posts()[40]['title']}.")
    build(site)
    after = related_pages(site / "_build")
    written = {name for name in after if (site / "_build" / name).stat().st_mtime_ns != stamps[name]}
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= written
    assert len(written) < 40


@pytest.mark.parametrize("head", [":nosearch:", ":draft: true", ":status: private"])
def test_a_page_that_its_metadata_hides_is_gone_at_once(site, head):
    build(site)
    post = next(post for post in posts() if f"blog/{post['id']}.html" in pages_in(related_pages(site / "_build")))
    write_page(site, post, head=f"{head}\n")
    build(site)
    lists = related_pages(site / "_build")
    assert f"blog/{post['id']}.html" not in {*lists, *pages_in(lists)}


def test_a_page_that_is_removed_is_gone_at_once(site):
    build(site)
    post = next(post for post in posts() if f"blog/{post['id']}.html" in pages_in(related_pages(site / "_build")))
    (site / "blog" / f"{post['id']}.rst").unlink()
    (site / "_build" / "blog" / f"{post['id']}.html").unlink()
    build(site)
    assert f"blog/{post['id']}.html" not in pages_in(related_pages(site / "_build"))


def test_posts_of_ablog_have_lists_and_drafts_and_other_pages_do_not(blog):
    build(blog)
    lists = related_pages(blog / "_build")
    assert set(lists) == {f"blog/{post['id']}.html" for post in posts()}
    post = next(post for post in posts() if f"blog/{post['id']}.html" in pages_in(lists))
    write_page(blog, post, body=post_head(post, date=False))
    build(blog)
    lists = related_pages(blog / "_build")
    assert f"blog/{post['id']}.html" not in {*lists, *pages_in(lists)}
    assert "blog/about.html" not in {*lists, *pages_in(lists)}


def test_processes_may_read_and_write_in_parallel(site):
    build(site, "-j", "2")
    assert len(related_pages(site / "_build")) == 80


def test_an_own_template_and_the_language_of_the_project(site):
    (site / "templates" / "recs").mkdir(parents=True)
    (site / "templates" / "recs" / "related.html").write_text(
        "<p>{{ related_heading }}: {{ related_pages|length }}</p>"
    )
    configure(site, more='templates_path = ["templates"]\nlanguage = "de"')
    build(site)
    page = site / "_build" / "blog" / f"{posts()[0]['id']}.html"
    assert "<p>Auch interessant: 5" in page.read_text(encoding="utf-8")


def test_comments_of_an_author_are_not_read(site):
    write_page(site, posts()[0], body=".. a zeppelin remark\n\n.. only:: never\n\n   A zeppelin part.\n")
    build(site)
    (file,) = site.rglob("recs-related.json")
    assert "zeppelin" not in file.read_text(encoding="utf-8")
    script = "import pickle, sys; env = pickle.load(open(sys.argv[1], 'rb')); print(env.recs_texts)"
    texts = run([python_with("sphinx"), "-c", script, site / "_build" / ".doctrees" / "environment.pickle"], site)
    assert "zeppelin" not in texts
    assert "old heap" in texts


def test_a_browser_shows_the_list(site, tmp_path):
    build(site)
    picture = tmp_path / "page.png"
    assert "related-posts" in screenshot(site / "_build" / "blog" / f"{posts()[0]['id']}.html", picture)
    assert picture.stat().st_size > 10_000
