"""Builds the sample blog with Jekyll, and checks the lists that the recipe shows."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from checks import Cases
from checks.links import Report, check_folder, example, related, run, write_files
from checks.posts import Post, sample_posts

LAYOUT = """\
<!doctype html>
<html><head><meta charset="utf-8"><title>{{ page.title | escape }}</title>
<meta name="post" content="{{ page.title | escape }}"></head>
<body><h1>{{ page.title | escape }}</h1>
{{ content }}
{% include recs-related.html %}
</body></html>
"""
VARIANTS = {
    "plain": ("", "https://example.org/"),
    "baseurl and permalink": ("baseurl: /notes\npermalink: /:year/:title.html\n", "https://example.org/notes/"),
    "pretty": ("permalink: pretty\n", "https://example.org/"),
    "the whole site": ("", "https://example.org/"),
}


def cases() -> Cases:
    """Return the checks, if the program is installed."""
    return {name: partial(check, variant=name) for name in VARIANTS} if shutil.which("jekyll") else {}


def check(folder: Path, variant: str, source: str = "_posts") -> Report:
    """Build a variant in a new folder, with the lists of `source`, and return the report."""
    config, site = VARIANTS[variant]
    posts = sample_posts()
    files = {"_config.yml": f"title: Notes\nurl: https://example.org\n{config}", "_layouts/post.html": LAYOUT}
    for at, post in enumerate(posts):
        draft = {} if post.is_open or post.date > "2026-11-01" else {"published": False}
        files[place(post, at)] = post.markdown(layout="post", **draft)
    write_files(folder, files)
    shutil.copytree(example("jekyll"), folder, dirs_exist_ok=True)
    source = "." if variant == "the whole site" else source
    expected = related(source, "jekyll", "_data/recs.json", cwd=folder)
    run("jekyll", "build", "--quiet", cwd=folder)
    return check_folder(folder / "_site", site, expected, [post.title for post in posts if not post.is_open])


def place(post: Post, at: int) -> str:
    """Return where a post lies: with capitals, dots, signs, and in folders."""
    name = {0: post.id, 1: post.id.title(), 2: f"v1.2.{post.id}", 3: f"{post.id} & co", 4: f"größe-{post.id}"}[at % 5]
    folder = "_posts/old" if at % 7 == 0 else "_posts"
    return f"{folder}/{post.date[:10]}-{name}.{'markdown' if at % 11 == 0 else 'md'}"
