"""Folders as site generators and note-taking tools keep them."""

import json
import os

import pytest

from recs import read_items
from recs.errors import SourceError

NOW = "2026-11-01"


def _site(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def _read(folder, files, **options):
    return read_items(_site(folder, files), **{"now": NOW, **options})


def _by_id(items):
    return {item.id: item for item in items}


def _reasons(items, source):
    return {skipped.where.removeprefix(f"{source}/"): skipped.reason for skipped in items.skipped}


def test_folder_reads_html_text_and_restructured_text_and_counts_the_rest(tmp_path):
    pytest.importorskip("docutils", reason="docutils is part of the extra 'rst'")
    files = {
        "a.md": "---\ntitle: Beans\n---\nBeans need warm soil.",
        "2024-01-04-leeks.html": "---\ntitle: Leeks\n---\n<p>Leeks need <b>deep</b> soil.</p>",
        "c.rst": "Carrots\n#######\n\n:date: 2024-01-03\n:status: published\n\nCarrots need *sandy* soil.\n",
        "closed.rst": "Turnips\n#######\n\n:status: draft\n\nTurnips wait.\n",
        "nosearch.rst": ":nosearch:\n\nRadishes\n########\n\nRadishes hide.\n",
        "e.txt": "Onions need soil.",
        "d.org": "#+TITLE: Garlic",
        "f.adoc": "= Chives",
        "g.adoc": "= Parsley",
        "picture.png": "no writing",
    }
    items = _read(tmp_path, files)
    read = {item.id: (item.title, item.text, item.visibility) for item in items}
    assert read == {
        "a": ("Beans", "Beans need warm soil.", "public"),
        "2024-01-04-leeks": ("Leeks", "Leeks need deep soil.", "public"),
        "c": ("Carrots", "Carrots\n\nCarrots need sandy soil.", "public"),
        "closed": ("Turnips", "Turnips\n\nTurnips wait.", "draft"),
        "nosearch": ("Radishes", "Radishes\n\nRadishes hide.", "unlisted"),
        "e": ("e", "Onions need soil.", "public"),
    }
    told = [skipped.reason for skipped in items.skipped]
    assert told == [
        "2 files .adoc, a format that recs does not read",
        "1 file .org, a format that recs does not read",
    ]


def test_folder_restructured_text_without_docutils_is_skipped_with_advice(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "docutils", None)
    items = _read(tmp_path, {"a.md": "Text.", "c.rst": "Carrots\n#######\n"})
    assert [item.id for item in items] == ["a"]
    assert "pip install 'recs-toolkit[rst]'" in items.skipped[0].reason


def test_folder_restructured_text_reads_no_other_file(tmp_path):
    pytest.importorskip("docutils", reason="docutils is part of the extra 'rst'")
    secret = tmp_path / "secret.inc"
    secret.write_text("secretword")
    text = (
        f"T\n=\n\nSome text.\n\n.. include:: {secret}\n\n.. raw:: html\n   :file: {secret}\n\n.. a secretword comment\n"
    )
    (item,) = _read(tmp_path / "site", {"a.rst": text})
    assert "secretword" not in item.text


def test_folder_page_of_html_says_in_its_head_what_it_is(tmp_path):
    head = "<html lang='de'><head><title>Beete | Garten</title><meta property='og:title' content='Beete'>"
    files = {
        "a.html": head
        + "<link rel='canonical' href='https://example.org/beete/'></head><body><p>Text.</p></body></html>",
        "b.html": head + "<meta name='robots' content='noindex'></head><body><p>Text.</p></body></html>",
        "c.html": "<head><meta http-equiv='refresh' content='0; url=/a'></head><p>Text.</p>",
        "d.html": '{{ define "main" }}<p>{{ .Content }}</p>{{ end }}',
    }
    items = _read(tmp_path, files)
    read = _by_id(items)
    assert (read["a"].title, read["a"].lang, read["a"].url) == ("Beete", "de", "https://example.org/beete/")
    assert (read["b"].visibility, read["b"].closed_by) == ("unlisted", ("robots", "noindex"))
    assert list(_reasons(items, tmp_path.name)) == ["c.html", "d.html"]


def test_folder_left_out_folders_are_reported(tmp_path):
    files = {
        "hugo.toml": "title = 'Garden'",
        "content/a.md": "Text.",
        "public/a/index.html": "<p>Text.</p>",
        "layouts/index.html": "<p>Text.</p>",
        "themes/x/README.md": "Text.",
        "content/themes/b.md": "Text on themes.",
        "node_modules/x/readme.md": "Text.",
    }
    items = _read(tmp_path, files)
    assert sorted(_by_id(items)) == ["content/a", "content/themes/b"]
    assert sorted(_reasons(items, tmp_path.name)) == ["layouts", "node_modules", "public", "themes"]


@pytest.mark.parametrize(
    ("files", "posts"),
    [
        ({"README.md": "About.", "a.md": "Text."}, ["a"]),
        ({"a/README.md": "The only text."}, ["a/README"]),
        ({"posts/index.md": "All posts.", "posts/a.md": "Text."}, ["posts/a"]),
        ({"posts/index.md": "All posts.", "posts/a/index.md": "Text."}, ["posts/a"]),
        ({"a/index.md": "Text.", "b/index.md": "Text."}, ["a", "b"]),
        ({"a/index.md": "Text.", "a/index.de.md": "Text."}, ["a", "a/index.de"]),
        ({"index.md": "Only text."}, ["index"]),
        ({"index.html": "<p>Home.</p>", "about/index.html": "<p>Text.</p>"}, ["about"]),
        ({"a.md": "Text.", "a.html": "<p>Text.</p>"}, ["a"]),
        ({"hugo.toml": "", "content/a/index.md": "Text.", "content/a/part.md": "Kept back."}, ["content/a"]),
        ({"content/a/index.md": "The section.", "content/a/part.md": "Text."}, ["content/a/part"]),
        (
            {"_config.yml": "title: x", "_posts/2020-01-01-a.md": "Text.", "_posts/_part.md": "x"},
            ["_posts/2020-01-01-a"],
        ),
    ],
)
def test_folder_pages_of_sections_are_no_posts(tmp_path, files, posts):
    items = _read(tmp_path, files)
    assert sorted(_by_id(items)) == posts
    read = sum(name.endswith((".md", ".html")) for name in files)
    assert len(items) + len(items.skipped) == read


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.md", "# On leeks\n\nText.", "On leeks"),
        ("a.md", "On leeks\n========\n\nText.", "On leeks"),
        ("a.md", "Some text.\n\n# On *leeks*\n\nText.", "On leeks"),
        ("on-leeks.md", "Some text.\n\n## Tools\n\nA spade.", "on leeks"),
        ("a.md", "---\ntitle:\n---\n## On leeks\n\nText.", "On leeks"),
        ("a.md", "```sh\n# not a title\n```\n\nText.", "a"),
        ("a.md", "<!-- # hidden -->\n\nText.", "a"),
        ("On leeks 0123456789abcdef0123456789abcdef.md", "Text.", "On leeks"),
        ("2024-05-01-on-leeks.md", "Text.", "on leeks"),
        ("on-leeks/index.md", "Text.", "on leeks"),
    ],
)
def test_folder_missing_title_is_the_heading_or_the_name(tmp_path, name, text, title):
    (item,) = _read(tmp_path, {name: text})
    assert item.title == title


def test_record_missing_title_is_its_first_heading():
    items = read_items(
        [{"id": "a", "content_html": "<p>Words.</p><h2>On leeks</h2><p>Text.</p>"}, {"id": "b", "text": "x"}]
    )
    assert [item.title for item in items] == ["On leeks", ""]


@pytest.mark.parametrize(
    ("files", "languages"),
    [
        ({"a/index.de.md": "x", "a/index.en.md": "x"}, {"a/index.de": "de", "a/index.en": "en"}),
        ({"post.fr.md": "x", "post.md": "y"}, {"post.fr": "fr", "post": None}),
        (
            {"post.pt-br.md": "x", "post.en.md": "y", "b.en.md": "z"},
            {"post.pt-br": "pt-br", "post.en": "en", "b.en": "en"},
        ),
        ({"draw.io.md": "x", "crates.io.md": "y"}, {"draw.io": None, "crates.io": None}),
        ({"vue.js.md": "x", "a.min.md": "y"}, {"vue.js": None, "a.min": None}),
        ({"de/a.md": "x", "en/a.md": "y"}, {"de/a": "de", "en/a": "en"}),
        ({"content/de/p/a.md": "x", "content/fr/a.md": "y"}, {"content/de/p/a": "de", "content/fr/a": "fr"}),
        ({"it/a.md": "x", "gardening/b.md": "y"}, {"it/a": None, "gardening/b": None}),
        ({"i18n/de/blog/a.md": "x", "blog/a.md": "y"}, {"i18n/de/blog/a": "de", "blog/a": None}),
        ({"a.de.md": "---\nlang: nl\n---\nx"}, {"a.de": "nl"}),
        (
            {
                "hugo.toml": (
                    'defaultContentLanguage = "en"\n[languages.en]\n[languages.de]\ncontentDir = "content/german"\n'
                ),
                "content/a.md": "x",
                "content/a.it.md": "x",
                "content/german/b.md": "x",
            },
            {"content/a": "en", "content/a.it": "en", "content/german/b": "de"},
        ),
        (
            {"_config.yml": "languages: [en, de]\ndefault_lang: en\n", "de/a.md": "x", "b.md": "y"},
            {"de/a": "de", "b": "en"},
        ),
        (
            {
                "mkdocs.yml": "plugins:\n- i18n:\n    languages:\n    - locale: en\n    - locale: de\n",
                "docs/a.de.md": "x",
            },
            {"docs/a.de": "de"},
        ),
        (
            {"docusaurus.config.js": "i18n: {defaultLocale: 'en', locales: ['en', 'fr']}", "blog/a.md": "x"},
            {"blog/a": "en"},
        ),
    ],
)
def test_folder_declared_languages(tmp_path, files, languages):
    items = _read(tmp_path, files)
    assert {item.id: item.lang for item in items} == languages


def test_folder_below_a_site_knows_its_configuration(tmp_path):
    site = _site(
        tmp_path,
        {
            "hugo.toml": 'defaultContentLanguage = "en"\n[languages.en]\n[languages.de]\n',
            "content/posts/a/index.md": "x",
            "content/posts/a/index.de.md": "x",
            "content/posts/a/part.md": "Kept back.",
        },
    )
    items = read_items(site / "content" / "posts")
    assert {item.id: item.lang for item in items} == {"a": "en", "a/index.de": "de"}
    assert list(_reasons(items, "posts")) == ["a/part.md"]


def test_folder_configuration_that_cannot_be_read_is_reported(tmp_path):
    items = _read(tmp_path, {"hugo.toml": "title = ", "content/a.md": "x"})
    assert len(items) == 1
    assert "configuration cannot be read" in items.skipped[0].reason


def test_folder_what_a_configuration_or_data_file_hands_down_closes(tmp_path):
    files = {
        "_config.yml": (
            "defaults:\n- scope: {path: 'notes'}\n  values: {published: false, layout: x}\n"
            "- scope: {path: '', type: drafts}\n  values: {draft: true}\n"
        ),
        "notes/a.md": "x",
        "notes/b.md": "---\npublished: true\n---\nx",
        "_posts/2020-01-01-c.md": "x",
    }
    assert {item.id: item.is_public for item in _read(tmp_path / "jekyll", files)} == {
        "notes/a": False,
        "notes/b": True,
        "_posts/2020-01-01-c": True,
    }
    files = {
        "hugo.yaml": "cascade:\n- _target: {path: '/private/**'}\n  build: {list: never, render: never}\n",
        "content/private/a.md": "x",
        "content/b.md": "x",
    }
    closed = {"content/private/a": False, "content/b": True}
    assert {item.id: item.is_public for item in _read(tmp_path / "hugo", files)} == closed
    files["hugo.yaml"] = files["hugo.yaml"].replace("/private/**", "{/other/**,/{private,hidden}/**}")
    assert {item.id: item.is_public for item in _read(tmp_path / "braces", files)} == closed
    files = {
        "posts/posts.json": json.dumps({"eleventyExcludeFromCollections": True, "layout": "x"}),
        "posts/a.md": "x",
        "posts/b.md": "---\neleventyExcludeFromCollections: false\n---\nx",
        "c.json": '{"draft": true}',
        "c.md": "x",
        "d.11tydata.json": "{torn",
        "d.md": "x",
        "e.md": "x",
    }
    items = _read(tmp_path / "eleventy", files)
    assert {item.id: item.is_public for item in items} == {"posts/a": False, "posts/b": True, "c": False, "e": True}
    assert list(_reasons(items, "eleventy")) == ["d.md"]


@pytest.mark.parametrize(
    "name", ["drafts/a.md", "_drafts/a.md", "posts/Private/a.md", "a.draft.md", "unpublished/x/a.md"]
)
def test_folder_whose_name_closes(tmp_path, name):
    items = _by_id(_read(tmp_path, {name: "Text.", "open.md": "Text.", "drafting/b.md": "Text."}))
    closed = name.removesuffix(".md")
    assert {item_id: item.is_public for item_id, item in items.items()} == {
        closed: False,
        "open": True,
        "drafting/b": True,
    }
    assert items[closed].closed_by[0] == "folder"


def test_folder_of_obsidian_publishes_what_says_yes(tmp_path):
    (tmp_path / ".obsidian").mkdir()
    files = {"a.md": "---\npublish: true\naliases: [other]\n---\nText.", "b.md": "Text."}
    items = _by_id(_read(tmp_path, files))
    assert {name: item.is_public for name, item in items.items()} == {"a": True, "b": False}
    assert items["a"].aliases == ("other",)


def test_folder_of_jekyll_splits_tags_at_blanks_and_keeps_categories(tmp_path):
    text = "---\ntags: winter garden tools\ncategories: how to\n---\nText."
    files = {"_posts/2024-01-01-a.md": text, "_posts/2024-01-02-b.md": "---\ntags: x, y z\n---\nText."}
    first, second = _read(tmp_path / "jekyll", files)
    assert first.tags == ("winter", "garden", "tools")
    assert (first.category, first.meta["categories"]) == ("how", ["how", "to"])
    assert second.tags == ("x", "y z")
    (other,) = _read(tmp_path / "other", {"a.md": text})
    assert other.tags == ("winter garden tools",)


def test_folder_of_substack_is_read_by_its_table(tmp_path):
    table = (
        "post_id,post_date,is_published,type,audience,title\n"
        "1.light,2024-01-05T09:00:00.000Z,true,newsletter,everyone,Winter light\n"
        "2.trains,2024-02-05T09:00:00.000Z,true,newsletter,only_paid,Night trains\n"
        "3.thoughts,,false,newsletter,everyone,Unfinished\n"
        "4.gone,2024-02-05T09:00:00.000Z,true,newsletter,everyone,No file\n"
        "../5.secret,2024-02-05T09:00:00.000Z,true,newsletter,everyone,Outside\n"
    )
    bodies = {f"posts/{name}.html": f"<p>Text of {name}.</p>" for name in ("1.light", "2.trains", "3.thoughts")}
    folder = _site(tmp_path / "export", {"posts.csv": table, "5.secret.html": "secret", **bodies})
    for source in (folder, folder / "posts.csv", folder / "posts"):
        items = read_items(source, now=NOW)
        assert {item.id: item.is_public for item in items} == {"1.light": True, "2.trains": False, "3.thoughts": False}
        assert (items[0].title, items[0].text) == ("Winter light", "Text of 1.light.")
        assert len(items.skipped) == 2


def test_folder_of_mkdocs_has_marks_of_pages_that_close_nothing(tmp_path):
    files = {f"docs/{name}.md": f"---\nstatus: {name}\n---\nText." for name in ("new", "beta", "draft", "idea")}
    config = {"mkdocs.yml": "extra:\n  status:\n    beta: For the brave\n"}
    items = _read(tmp_path / "mkdocs", {**files, **config})
    assert {item.id for item in items.public} == {"docs/new", "docs/beta"}
    assert _read(tmp_path / "other", files).public == ()


def _public(folder, files, **options):
    return {item.id for item in _read(folder, files, **options).public}


def test_folder_below_what_closes_it_is_closed(tmp_path):
    site = _site(
        tmp_path / "hugo",
        {"hugo.toml": "", "content/_index.md": "---\ncascade:\n  draft: true\n---", "content/p/a.md": "x"},
    )
    assert read_items(site / "content" / "p").public == ()
    files = {".eleventy.js": "", "blog/blog.json": '{"draft": true}', "blog/2024/a.md": "x"}
    site = _site(tmp_path / "eleventy", files)
    assert read_items(site / "blog" / "2024").public == ()


@pytest.mark.parametrize(
    "files",
    [
        {"p/_index.md": "---\ntitle: a: b\ncascade:\n  draft: true\n---", "p/s.md": "x"},
        {"p/_index.md": "---\ncascade:\n  params:\n    private: true\n---", "p/s.md": "x"},
        {"p/p.json": '{"permalink": false}', "p/s.md": "x"},
        {"p/p.json": '{"tags": ["private"]}', "p/s.md": "x"},
        {"p/s.md": "x", "p/s.meta": ".. title: T\n.. status: draft\n"},
        {"p/s.md": "x", "p/.meta.yml": "draft: true\n"},
        {"p/s.html": '<meta name="status" content="draft"/><p>x</p>'},
        {"p/s.html": "<!doctype html>\n<meta name=bingbot content=noindex>\n<p>x</p>"},
        {"p/draft_My-thoughts-0a1b2c3d4e5f.html": "<p>x</p>"},
        {"_posts/2099-1-3-s.md": "x"},
        {
            "quartz.config.ts": "plugins: [\n  Plugin.ExplicitPublish(),\n]",
            "content/s.md": "x",
            "content/o.md": "---\npublish: true\n---\nx",
        },
        {"_config.yml": "exclude: [internal]\n", "internal/s.md": "x"},
        {"mkdocs.yml": "draft_docs: |\n  s.md\n", "docs/s.md": "x"},
        {"docusaurus.config.js": "", "docs/_wip/s.md": "x"},
        {"config.yaml": "baseURL: x\n", "content/p/index.md": "---\ndraft: true\n---\nx", "content/p/s.md": "x"},
        {
            "T 0123456789abcdef0123456789abcdef.html": (
                '<head><title>T</title></head><table class="properties"><tr><th>Status</th><td>Draft</td></tr></table>x'
            )
        },
    ],
    ids=str,
)
def test_folder_what_another_file_closes_is_closed(tmp_path, files):
    assert _public(tmp_path, {**files, "open.md": "Text."}) <= {"open", "content/o"}


def test_folder_links_and_files_of_other_formats_are_told(tmp_path):
    code = {"elsewhere/elsewhere.11tydata.js": "x"}
    folder = _site(
        tmp_path / "site", {**code, "a.md": "x", "b.gmi": "x", "NOTES": "x", "p.png": "x", "elsewhere/c.md": "x"}
    )
    _site(tmp_path / "outside", {"d.md": "x"})
    try:
        (folder / "linked.md").symlink_to(tmp_path / "outside" / "d.md")
        (folder / "linkdir").symlink_to(tmp_path / "outside")
    except OSError:
        pytest.skip("this system makes no symbolic links")
    items = read_items(folder)
    assert {item.id for item in items} == {"a", "elsewhere/c"}
    assert sorted(skipped.reason for skipped in items.skipped) == [
        "1 file .gmi, a format that recs does not read",
        "1 file without a suffix, a format that recs does not read",
        "a data file that is code; recs does not run it, and shows what it may close",
        "a link to another place; it is not followed",
        "a link to another place; it is not followed",
    ]


def test_folder_restructured_text_keeps_what_unknown_directives_hold(tmp_path):
    pytest.importorskip("docutils", reason="docutils is part of the extra 'rst'")
    unknown = ".. custom-thing:: arg\n   :option: 1\n\n   custom words\n\n.. raw:: html\n\n   <p>raw words</p>"
    text = f"T\n=\n\n{unknown}\n\nSee :ref:`the words <x>`.\n"
    (item,) = _read(tmp_path, {"a.rst": text})
    for words in ("custom words", "raw words", "the words"):
        assert words in item.text
    assert ":ref:" not in item.text
    assert "<p>" not in item.text


def test_folder_id_of_front_matter_is_another_name(tmp_path):
    items = _by_id(_read(tmp_path, {"a.md": "---\nid: 202301\n---\nText.", "b.md": "See [[202301]]."}))
    assert items["a"].aliases == ("202301",)
    assert [link.target for link in items["b"].links] == ["a"]


def test_folder_without_anything_to_read_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="no Markdown, HTML or text files"):
        _read(tmp_path, {"a.org": "x"})


def test_folder_what_is_skipped_has_the_same_order_on_every_file_system(tmp_path, monkeypatch):
    names = ("a/node_modules/x.md", "b/node_modules/x.md", "node_modules/x.md", "a/x.org", "b/y.adoc", "post.md")
    _site(tmp_path, dict.fromkeys(names, "Text."))
    walk = os.walk

    def walk_in_order(descending):
        def ordered(root, **options):
            for parent, folders, files in walk(root, **options):
                folders.sort(reverse=descending)
                yield parent, folders, sorted(files, reverse=descending)

        return ordered

    skipped = []
    for descending in (False, True):
        monkeypatch.setattr(os, "walk", walk_in_order(descending))
        skipped.append([(one.where, one.reason) for one in read_items(tmp_path, now=NOW).skipped])
    assert len(skipped[0]) == 5
    assert skipped[0] == skipped[1]
