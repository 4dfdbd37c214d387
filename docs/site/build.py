"""Build the documentation as a site that needs no network: pages, notebooks, the API from docstrings, llms.txt.

    python docs/site/build.py        → build/site/index.html

Every link inside the site is checked, with its anchor; a broken one fails the build.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import recs

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = ROOT / "build" / "docs"
SITE = ROOT / "build" / "site"
GROUPS = {
    "Items": ("read_items", "iter_items", "Collection", "Item", "Link", "Skipped", "Note", "plain_text", "RecsError"),
    "Embeddings": ("load_embedder", "embed_items", "Embedder", "Embeddings", "Cache"),
    "Related lists": ("related_items", "related_to", "Rules", "RelatedLists", "Match", "write_related", "load_related"),
    "Large collections": ("related_in_shards", "index_in_shards", "EmbedTexts", "LocalRunner", "RayRunner"),
    "Search": ("build_index", "open_index", "save_index", "search_items", "search_passages", "Index", "Hit"),
    "PostgreSQL": ("publish_result", "open_published"),
    "Topics": ("cluster_items", "Clustering", "topics_over_time"),
    "Labels": ("train_classifier", "Classifier", "LabelRules", "label_issues", "select_to_label"),
    "How good it is": (
        "compare_models",
        "evaluate_related",
        "evaluate_search",
        "evaluate_classifier",
        "evaluate_topics",
        "audit_related",
    ),
}


def main() -> int:
    """Fill the folder of pages, build the site, check its links."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(DOCS, PAGES, ignore=shutil.ignore_patterns("site"))
    shutil.copytree(ROOT / "notebooks", PAGES / "notebooks", ignore=shutil.ignore_patterns(".*"))
    shutil.copytree(ROOT / "examples", PAGES / "examples", ignore=shutil.ignore_patterns("checks", "node_modules"))
    for page in PAGES.rglob("*.md"):
        if "examples" not in page.relative_to(PAGES).parts:
            page.write_text(_relinked(page.read_text(encoding="utf-8"), page), encoding="utf-8")
    for page in (PAGES / "examples").rglob("*.md"):
        page.unlink()
    for page in (PAGES / "notebooks").glob("*.ipynb"):
        text = page.read_text(encoding="utf-8")
        page.write_text(re.sub(r"\]\((\w+)\.ipynb\)", r"](\1.html)", text), encoding="utf-8")
    shutil.copy(ROOT / "CHANGELOG.md", PAGES / "changelog.md")
    (PAGES / "api.md").write_text(_api(), encoding="utf-8")
    config = Path(__file__).with_name("mkdocs.yml")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", config]
    built = subprocess.run(command, env=environment, check=False)
    if built.returncode:
        return built.returncode
    (SITE / "llms.txt").write_text(_llms(), encoding="utf-8")
    problems = broken_links(SITE)
    for problem in problems:
        print(problem)
    print(f"{SITE / 'index.html'}: {len(list(SITE.rglob('*.html')))} pages, {len(problems)} broken links")
    return 1 if problems else 0


def _relinked(text: str, page: Path) -> str:
    """Return a page whose links to notebooks and examples go to their copies; a link to a folder becomes its text."""
    up = "../" * (len(page.relative_to(PAGES).parts) - 1)
    text = re.sub(r"\]\((?:\.\./)+notebooks/", f"]({up}notebooks/", text)
    text = re.sub(r"\[([^\]]*)\]\((?:\.\./)+examples/(\w+)/?\)", r"\1", text)
    return re.sub(r"\]\((?:\.\./)+examples/", f"]({up}examples/", text)


def _api() -> str:
    """Return the page of the public names, each with its docstring."""
    named = [name for names in GROUPS.values() for name in names]
    rest = tuple(name for name in recs.__all__ if name not in named and not name.startswith("_"))
    lines = ["# The Python API", "", "All of it is in the module `recs`."]
    for title, names in {**GROUPS, "More": rest}.items():
        lines += ["", f"## {title}", ""]
        for name in names:
            lines += [f"::: {getattr(recs, name).__module__}.{name}", f"    options: {{heading: recs.{name}}}", ""]
    return "\n".join(lines) + "\n"


def _llms() -> str:
    """Return the list of pages for language models, with the first sentence of each."""
    lines = ["# recs", "", "> Related lists, topics, tags and search from open-source text embedding models.", ""]
    for page in sorted(PAGES.glob("*.md")):
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        title = re.search(r"^# (.+)$", text, re.M)
        paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text))
        first = next((part for part in paragraphs if part and part[0] not in "#|<>-!"), "")
        sentence = re.split(r"(?<=\.) ", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", first))[0]
        lines.append(f"- [{title[1] if title else page.stem}]({page.stem}.html): {sentence}")
    return "\n".join(lines) + "\n"


class _Links(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            if (tag, name) in (("a", "href"), ("img", "src"), ("link", "href"), ("script", "src")) and value:
                self.links.append(value)
                if tag != "a":
                    self.loaded.add(value)


def broken_links(site: Path) -> list[str]:
    """Return the links of a site that lead nowhere, and what it would load from elsewhere."""
    pages = {path: _Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    problems = []
    for path, page in sorted(pages.items()):
        if "examples" in path.relative_to(site).parts or path.name == "404.html":
            continue
        for link in sorted(set(page.links)):
            parts = urlsplit(link)
            if parts.netloc and link in page.loaded:
                problems.append(f"{path.relative_to(site)}: {link}: loaded from elsewhere")
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                problems.append(f"{path.relative_to(site)}: {link}: no such page")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                problems.append(f"{path.relative_to(site)}: {link}: no such anchor")
    return problems


if __name__ == "__main__":
    sys.exit(main())
