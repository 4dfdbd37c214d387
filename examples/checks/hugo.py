"""Builds the sample blog with Hugo in many layouts, and checks the lists that the recipe shows."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from checks import Cases
from checks.links import Report, check_folder, example, related, run, write_files
from checks.posts import ROOT, Post, sample_posts

SITE = "https://example.org/"
HEAD = '<!doctype html>\n<html lang="{{ .Language.Lang }}"><head><meta charset="utf-8"><title>{{ .Title }}</title>'
LAYOUTS = {
    "single.html": HEAD + '<meta name="post" content="{{ .Title }}"></head>\n<body><h1>{{ .Title }}</h1>\n'
    '{{ .Content }}\n{{ partial "recs-related.html" . }}\n</body></html>\n',
    "list.html": HEAD + "</head><body>{{ range .Pages }}<p>{{ .Title }}</p>{{ end }}</body></html>\n",
}
LANGUAGES = "\n[languages.en]\nweight = 1\n{en}[languages.de]\nweight = 2\n{de}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A way to lay out a site: where the file of a post lies, what its front matter adds, and the configuration."""

    path: Callable[[Post], str] = lambda post: f"content/posts/{post.id}.md"
    fields: Callable[[Post], dict[str, object]] = lambda _: {}
    config: str = ""
    site: str = SITE
    recipe: str = "getpage"


def _language(post: Post) -> str:
    return ".de" if post.is_german else ""


def _named(change: Callable[[str], str]) -> Variant:
    """Return a variant in which `change` makes the names of the files."""
    return Variant(path=lambda post: f"content/posts/{change(post.id)}.md")


def _is_bundle(post: Post) -> bool:
    return len(post.id) % 2 == 0


def _several(path: Callable[[Post], str], *, en: str = "", de: str = "", more: str = "") -> Variant:
    return Variant(path=path, config=more + LANGUAGES.format(en=en, de=de), recipe="export")


VARIANTS = {
    "plain": Variant(),
    "root of the content": Variant(path=lambda post: f"content/{post.id}.md"),
    "subfolders": Variant(path=lambda post: f"content/posts/{post.date[:4]}/{post.date[5:7]}/{post.id}.md"),
    "bundles": Variant(path=lambda post: f"content/posts/{post.id}/index.md"),
    "files and bundles": Variant(path=lambda post: f"content/posts/{post.id}{'/index' if _is_bundle(post) else ''}.md"),
    "slug": Variant(fields=lambda post: {"slug": f"about-{post.id[::-1]}"}),
    "url": Variant(fields=lambda post: {"url": f"/{post.date[:4]}/{post.id}.html"}),
    "permalinks with dates": Variant(config='[permalinks]\nposts = "/:year/:month/:slug/"\n'),
    "permalinks with titles": Variant(config='[permalinks]\nposts = "/:section/:title/"\n'),
    "uglyURLs": Variant(config="uglyURLs = true\n"),
    "subpath": Variant(site="https://example.org/notes/blog/"),
    "relativeURLs": Variant(config="relativeURLs = true\n"),
    "languages by name": _several(lambda post: f"content/posts/{post.id}{_language(post)}.md"),
    "languages by folder": _several(
        lambda post: f"content/{'de' if post.is_german else 'en'}/posts/{post.id}.md",
        en='contentDir = "content/en"\n',
        de='contentDir = "content/de"\n',
    ),
    "languages in bundles": _several(lambda post: f"content/posts/{post.id}/index{_language(post)}.md"),
    "languages in subfolders of the site": _several(
        lambda post: f"content/posts/{post.id}{_language(post)}.md", more="defaultContentLanguageInSubdir = true\n"
    ),
    "names with #": _named(lambda name: name.replace("-", "#", 1)),
    "names with spaces": _named(lambda name: name.replace("-", " ")),
    "names in Unicode": _named(lambda name: f"größe {name} 日本語"),
    "names with capitals": _named(lambda name: name.title()),
    "names with dots": _named(lambda name: f"v1.2.{name.replace('-', '.', 1)}"),
    "names with signs": _named(lambda name: f"{name.replace('-', '+', 1)} & 'co' (1), 50%"),
}


CHECKED = ("plain", "files and bundles", "subpath", "languages by name", "languages by folder", "names with #")
"""The variants that `examples/check` builds; `benchmarks/hugo_variants.py` builds all."""


def cases() -> Cases:
    """Return the checks: some variants by their recipe, and a site with drafts, expired and future posts."""
    cases = {}
    for version, hugo in installed().items():
        for name in CHECKED:
            cases[f"{version}, {name}"] = partial(check, hugo=hugo, variant=VARIANTS[name])
        for recipe in ("getpage", "export"):
            plain = replace(VARIANTS["plain"], recipe=recipe)
            options = ("-D", "-E", "-F")
            cases[f"{version}, {recipe}, {' '.join(options)}"] = partial(
                check, hugo=hugo, variant=plain, options=options
            )
    return cases


def check(folder: Path, hugo: Path, variant: Variant, options: Sequence[str] = ()) -> Report:
    """Build a variant in a new folder by its recipe and return the report."""
    write_site(folder, variant, sample_posts())
    return build(hugo, folder, variant, variant.recipe, *options)[0]


def installed() -> dict[str, Path]:
    """Return the Hugos on this machine by version: those that HUGO names, or the one on PATH."""
    named = os.environ.get("HUGO", "hugo").split(os.pathsep)
    places = [Path(place).absolute() for place in map(shutil.which, named) if place]
    return {_version(place): place for place in places}


def _version(hugo: Path) -> str:
    match = re.search(r"hugo v([\d.]+)", run(hugo, "version", cwd=ROOT))
    return match[1] if match else "unknown"


def write_site(folder: Path, variant: Variant, posts: Sequence[Post]) -> None:
    """Write the site of a variant with the files of the recipe."""
    config = f'baseURL = "{variant.site}"\ntitle = "Notes"\ndefaultContentLanguage = "en"\n{variant.config}'
    files = {"hugo.toml": config} | {f"layouts/_default/{name}": text for name, text in LAYOUTS.items()}
    files |= {variant.path(post): post.markdown(**variant.fields(post)) for post in posts}
    write_files(folder, files)
    shutil.copytree(example("hugo"), folder, dirs_exist_ok=True)


def build(
    hugo: Path, folder: Path, variant: Variant, recipe: str, *options: str, source: str = "content"
) -> tuple[Report, str]:
    """Build a site by a recipe, "getpage" or "export"; return the report and what the last build printed."""
    if recipe == "export":
        source = f"build/export/{'en/' if 'InSubdir = true' in variant.config else ''}recs.json"
        run(hugo, "--config", "export.toml,hugo.toml", "--destination", "build/export", *options, cwd=folder)
    expected = related(source, "hugo", "assets/recs.json", cwd=folder)
    printed = run(hugo, "--destination", "build/site", *options, cwd=folder)
    closed = [post.title for post in sample_posts() if not post.is_open]
    return check_folder(folder / "build/site", variant.site, expected, closed), printed
