"""The checks that the documentation passes before it is a site."""

import importlib.util
import re

import yaml
from places import ROOT

import recs

SITE = ROOT / "docs" / "site"


def built():
    spec = importlib.util.spec_from_file_location("build", SITE / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_broken_links_are_those_that_lead_nowhere(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "index.html").write_text(
        '<p id="top"></p><a href="a/b.html#x">.</a><a href="a/b.html#y">.</a><a href="#top"></a><a href="c.html">.</a>'
        '<a href="https://elsewhere.example/">.</a><script src="https://elsewhere.example/s.js"></script>'
    )
    (tmp_path / "a" / "b.html").write_text('<h2 id="x"></h2><a href="../index.html#top">.</a>')
    assert built().broken_links(tmp_path) == [
        "index.html: a/b.html#y: no such anchor",
        "index.html: c.html: no such page",
        "index.html: https://elsewhere.example/s.js: loaded from elsewhere",
    ]


def test_the_navigation_has_every_page_and_every_notebook():
    text = re.sub(r"!!python\S+ \{kwds: \{case: lower\}\}", "slug", (SITE / "mkdocs.yml").read_text(encoding="utf-8"))
    named = set(re.findall(r"[\w/-]+\.(?:md|ipynb)", str(yaml.safe_load(text)["nav"])))
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    notebooks = {f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert named == pages | notebooks | {"api.md", "changelog.md"}


def test_the_page_of_the_api_has_every_public_name():
    page = built()._api()
    assert set(re.findall(r"heading: recs\.(\w+)", page)) == {name for name in recs.__all__ if name[0] != "_"}
