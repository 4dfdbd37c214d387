"""Each recipe, built by the real system: every link is right, no hidden post is in a list, titles are text."""

import importlib

import pytest
from checks import SYSTEMS, hugo
from checks.links import Report, check_folder, compare, leaks, write_files
from checks.posts import HOSTILE, sample_posts
from selectolax.lexbor import LexborHTMLParser


@pytest.mark.system
@pytest.mark.parametrize("system", SYSTEMS)
def test_recipe_shows_right_links_alone(system, tmp_path):
    cases = importlib.import_module(f"checks.{system}").cases()
    if not cases:
        pytest.skip(f"{system} is not installed")
    for number, (case, check) in enumerate(cases.items()):
        report = check(tmp_path / str(number))
        assert report.is_right, f"{case}: {report}"


@pytest.mark.system
@pytest.mark.parametrize("version", hugo.installed() or [""])
@pytest.mark.parametrize("wrong", ["languages by name", "languages by folder", "a part of the content"])
def test_wrong_recipe_of_hugo_says_so_and_shows_no_link(version, wrong, tmp_path):
    if not version:
        pytest.skip("Hugo is not installed")
    variant = hugo.VARIANTS.get(wrong, hugo.VARIANTS["plain"])
    hugo.write_site(tmp_path, variant, sample_posts())
    source = "content/posts" if wrong not in hugo.VARIANTS else "content"
    report, printed = hugo.build(hugo.installed()[version], tmp_path, variant, "getpage", source=source)
    assert report.right == 0
    assert not any("href" in problem or "('" in problem for problem in report.problems)
    assert "No list is shown." in printed


@pytest.mark.system
@pytest.mark.parametrize(
    ("system", "source", "message"),
    [
        ("jekyll", "_posts/old", ""),
        ("eleventy", "src/posts", "recs.json has no id of a page in src"),
        ("astro", "src/content", ""),
    ],
)
def test_lists_of_another_folder_show_no_link(system, source, message, tmp_path):
    module = importlib.import_module(f"checks.{system}")
    if not module.cases():
        pytest.skip(f"{system} is not installed")
    if message:
        with pytest.raises(RuntimeError, match=message):
            module.check(tmp_path / "site", "plain", source)
    else:
        report = module.check(tmp_path / "site", "plain", source)
        assert (report.shown, report.right) == (0, 0)
        assert report.expected


def site(folder, href, title="Soil"):
    page = '<meta name="post" content="{}"><ul class="related"><li><a href="{}">x</a></li></ul>'
    write_files(folder, {"a/index.html": page.format("Garlic", href), "b/index.html": page.format(title, "../a/")})
    return check_folder(folder, "https://example.org/notes/", {"Garlic": ["Soil"], "Soil": ["Garlic"]}, ["A secret"])


@pytest.mark.parametrize("href", ["../b/", "/notes/b/", "/notes/b/index.html", "https://example.org/notes/b/?x#y"])
def test_check_folder_right_links_are_right(href, tmp_path):
    assert site(tmp_path, href).is_right


@pytest.mark.parametrize("href", ["/b/", "../c/", "", "b/", "../a/", "#b", "/notes/%23b/"])
def test_check_folder_wrong_link_is_a_problem(href, tmp_path):
    report = site(tmp_path, href)
    assert (report.right, report.expected, len(report.problems)) == (1, 2, 1)


def test_check_folder_missing_page_is_a_problem(tmp_path):
    assert not site(tmp_path, "../b/", title="Another").is_right


def test_compare_counts_places_and_lengths():
    report = Report(expected=3)
    compare(report, "x", ["a", "b", "c"], ["a", "c"], ["1", "2"])
    assert (report.right, len(report.problems), report.is_right) == (1, 1, False)


@pytest.mark.parametrize("title", HOSTILE)
def test_leaks_sees_a_title_that_became_code(title):
    run = title.replace("{{ 7 | times: 191 }}", "1337")
    assert leaks([LexborHTMLParser(f'<div class="related"><ul>{run}</ul></div>')], [])


def test_leaks_sees_a_closed_title():
    assert leaks([LexborHTMLParser('<div class="related">A secret</div>')], ["A secret"])
    assert not leaks([LexborHTMLParser('<div class="other">A secret</div>')], ["A secret"])


def test_sample_posts_have_titles_of_their_own():
    posts = sample_posts()
    assert len({post.title for post in posts}) == len(posts)
    assert sum(post.title.startswith(HOSTILE) for post in posts if post.is_open) == len(HOSTILE)
