"""Medium: stories of the export with their title said once, drafts closed, responses told apart where they can be."""

import pytest

import recs
from recs.readers.platforms.medium import find_medium, medium_records

PAGE = """<!DOCTYPE html><html><head><title>{title}</title><style>p {{ color: black; }}</style></head><body>
<article class="h-entry"><header><h1 class="p-name">{title}</h1></header>
<section data-field="subtitle" class="p-summary">{subtitle}</section>
<section data-field="body" class="e-content"><section name="a1" class="section section--body">
<div class="section-divider"><hr></div><div class="section-content">{body}</div></section></section>
<footer>{footer}</footer></article></body></html>"""
FOOTER = """<p>By <a href="https://medium.com/@a" class="p-author h-card">A</a> on
<a href="https://medium.com/p/{id}"><time class="dt-published" datetime="2024-03-01T10:00:00.000Z">x</time></a>.</p>
<p><a href="{canonical}" class="p-canonical">Canonical link</a></p><p>Exported from <a href="x">Medium</a>.</p>"""
STORY = (
    '<h3 class="graf graf--h3 graf--title">Garlic &amp; leeks</h3><h4 class="graf graf--subtitle">In autumn.</h4>'
    '<p class="graf graf--p">Plant it in October, see <a href="https://medium.com/p/bbbbbbbbbbbb">leeks</a>.</p>'
)


def _page(title="Garlic &amp; leeks", subtitle="In autumn.", body=STORY, *, post_id="aaaaaaaaaaaa", **more):
    canonical = more.get("canonical", f"https://medium.com/@a/garlic-and-leeks-{post_id}")
    footer = more.get("footer", FOOTER).format(id=post_id, canonical=canonical)
    return PAGE.format(title=title, subtitle=subtitle, body=body, footer=footer)


def _export(folder, **pages):
    (folder / "posts").mkdir()
    for name, page in pages.items():
        (folder / "posts" / f"{name}.html").write_text(page, encoding="utf-8")
    (folder / "README.html").write_text("<p>What is in this export.</p>", encoding="utf-8")
    (folder / "claps").mkdir()
    (folder / "claps" / "claps-0001.html").write_text("<p>A clap.</p>", encoding="utf-8")
    return folder


def test_a_story_has_the_id_of_its_url_and_says_title_and_subtitle_once(tmp_path):
    leeks = _page("Leeks", "", "<h3>Leeks</h3><p>Sow them.</p>", post_id="bbbbbbbbbbbb")
    folder = _export(tmp_path, **{"2024-03-01_Garlic-aaaaaaaaaaaa": _page(), "2024-04-01_Leeks-bbbbbbbbbbbb": leeks})
    collection = recs.read_items(folder)
    garlic, other = collection
    assert (garlic.id, garlic.title, garlic.excerpt) == ("aaaaaaaaaaaa", "Garlic & leeks", "In autumn.")
    assert garlic.text == "In autumn.\n\nPlant it in October, see leeks."
    assert (garlic.published, garlic.is_public) == ("2024-03-01T10:00:00Z", True)
    assert garlic.url == "https://medium.com/@a/garlic-and-leeks-aaaaaaaaaaaa"
    assert [link.target for link in garlic.links] == [other.id] == ["bbbbbbbbbbbb"]
    assert collection.format == "an export of Medium, by its pages"
    assert recs.read_items(folder / "posts").items == collection.items


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("draft_Garlic-aaaaaaaaaaaa", _page(footer='<a href="https://medium.com/p/{id}">View original.</a>')),
        ("draft_Garlic-aaaaaaaaaaaa", _page()),
        ("2024_Garlic-aaaaaaaaaaaa", _page(footer='<a href="https://medium.com/p/{id}">View original.</a>')),
    ],
)
def test_a_draft_is_closed_by_its_name_or_by_its_missing_time(tmp_path, name, page):
    (item,) = recs.read_items(_export(tmp_path, **{name: page}))
    assert (item.id, item.visibility, item.closed_by) == ("aaaaaaaaaaaa", "draft", ("status", "draft"))


def test_an_address_elsewhere_leaves_the_id_to_the_link_of_medium(tmp_path):
    page = _page(canonical="https://garden.example/garlic/")
    (item,) = recs.read_items(_export(tmp_path, **{"2024_Garlic": page}))
    assert (item.id, item.url) == ("aaaaaaaaaaaa", "https://garden.example/garlic/")


def test_a_short_text_without_its_title_is_told_as_a_response_and_a_long_one_is_read(tmp_path):
    words = "Thank you for this story, it helped me"
    response = _page(f"{words}…", "", f"<p>{words} a lot.</p>", post_id="cccccccccccc")
    untitled = _page(f"{words}…", "", f"<p>{words} a lot.{' More words.' * 100}</p>", post_id="dddddddddddd")
    named = _page("A name of its own", "", "<p>Short.</p>", post_id="eeeeeeeeeeee")
    collection = recs.read_items(_export(tmp_path, a=response, b=untitled, c=named))
    assert [item.id for item in collection] == ["dddddddddddd", "eeeeeeeeeeee"]
    assert [skipped.where.rpartition("/")[2] for skipped in collection.skipped] == ["a.html"]
    assert "perhaps a response" in collection.skipped[0].reason


def test_a_page_that_ends_early_is_left_out_wherever_it_ends(tmp_path):
    page = _page()
    folder = _export(tmp_path, whole=_page(post_id="ffffffffffff"))
    start = page.index('data-field="body"')
    for end in range(start, page.index("</article>"), 97):
        (folder / "posts" / "cut.html").write_text(page[:end], encoding="utf-8")
        results = dict(medium_records(folder / "posts", "posts"))
        assert "may be missing" in results["posts/cut.html"].reason or "no text" in results["posts/cut.html"].reason


def test_pages_of_medium_in_a_site_are_pages_of_that_site(tmp_path):
    folder = _export(tmp_path, a=_page())
    assert find_medium(folder) == folder / "posts"
    (folder / "posts" / "b.md").write_text("Plant it.", encoding="utf-8")
    assert find_medium(folder) is None
