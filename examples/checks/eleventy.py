"""Builds the sample blog with Eleventy, and checks the lists that the recipe shows."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path

from checks import Cases
from checks.links import Report, check_folder, example, related, run, write_files
from checks.posts import sample_posts

LAYOUT = """\
<!doctype html>
<html><head><meta charset="utf-8"><title>{{ title }}</title><meta name="post" content="{{ title }}"></head>
<body><h1>{{ title }}</h1>
{{ content | safe }}
{% include "related.njk" %}
</body></html>
"""
VARIANTS = {"plain": "/", "pathPrefix": "/notes/"}


def command() -> str | None:
    """Return Eleventy's program: the one that ELEVENTY names, or the one on PATH."""
    place = shutil.which(os.environ.get("ELEVENTY") or "eleventy")
    return place and str(Path(place).absolute())


def cases() -> Cases:
    """Return the checks, if the program is installed."""
    return {name: partial(check, variant=name) for name in VARIANTS} if command() else {}


def check(folder: Path, variant: str, source: str = "src") -> Report:
    """Build a variant in a new folder, with the lists of `source`, and return the report."""
    posts = sample_posts()
    files = {"src/_includes/post.njk": LAYOUT, "package.json": '{"type": "module"}'}
    files["src/posts/posts.json"] = json.dumps({"layout": "post.njk"})
    for at, post in enumerate(posts):
        places = (
            f"{post.id}.md",
            f"{post.id.title()}/index.md",
            f"{post.date[:10]}-{post.id}.md",
            f"v1.2 größe {post.id}.md",
        )
        draft = {} if post.is_open else {"eleventyExcludeFromCollections": True}
        address = {"permalink": f"/a/{post.id}.html"} if at % 9 == 0 else {}
        files[f"src/posts/{places[at % 4]}"] = post.markdown(**draft, **address)
    write_files(folder, files)
    shutil.copytree(example("eleventy"), folder, dirs_exist_ok=True)
    expected = related(source, "eleventy", "src/_data/recs.json", cwd=folder)
    run(str(command()), "--quiet", f"--pathprefix={VARIANTS[variant]}", cwd=folder)
    site = f"https://example.org{VARIANTS[variant]}"
    return check_folder(folder / "_site", site, expected, [post.title for post in posts if not post.is_open])
