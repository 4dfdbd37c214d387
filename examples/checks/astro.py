"""Builds the sample blog with Astro, and checks the lists that the recipe shows."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

from checks import Cases
from checks.links import Report, check_folder, example, related, run, write_files
from checks.posts import sample_posts

CONTENT = """\
import { defineCollection, z } from "astro:content";
import { glob } from "astro/loaders";
const loader = glob({ pattern: "**/*.md", base: "./src/content/blog" });
const blog = defineCollection({ loader, schema: z.object({ title: z.string() }) });
export const collections = { blog };
"""
PAGE = """\
---
import { getCollection, render } from "astro:content";
import Related from "../../components/Related.astro";
export const getStaticPaths = async () =>
  (await getCollection("blog")).map((entry) => ({ params: { slug: entry.id }, props: { entry } }));
const { entry } = Astro.props;
const { Content } = await render(entry);
---
<html><head><meta charset="utf-8"><title>{entry.data.title}</title><meta name="post" content={entry.data.title}></head>
<body><h1>{entry.data.title}</h1><Content /><Related entry={entry} folder="src/content/blog" /></body></html>
"""
VARIANTS = {"plain": "/", "base": "/notes"}


def command() -> str | None:
    """Return Astro's program: the one that ASTRO names, or the one on PATH."""
    place = shutil.which(os.environ.get("ASTRO") or "astro")
    return place and str(Path(place).absolute())


def cases() -> Cases:
    """Return the checks, if the program is installed."""
    return {name: partial(check, variant=name) for name in VARIANTS} if command() else {}


def check(folder: Path, variant: str, source: str = "src/content/blog") -> Report:
    """Build a variant in a new folder, with the lists of `source`, and return the report."""
    posts = sample_posts()
    base = VARIANTS[variant]
    files = {
        "src/content.config.ts": CONTENT,
        "src/pages/blog/[...slug].astro": PAGE,
        "astro.config.mjs": f'export default {{ base: "{base}", site: "https://example.org" }};\n',
        "package.json": '{"type": "module"}',
    }
    for at, post in enumerate(posts):
        places = (
            f"{post.id}.md",
            f"{post.id.title()}/index.md",
            f"{post.date[:10]}-{post.id}.md",
            f"v1.2 größe {post.id}.md",
        )
        files[f"src/content/blog/{places[at % 4]}"] = post.markdown()
    write_files(folder, files)
    shutil.copytree(example("astro"), folder, dirs_exist_ok=True)
    (folder / "node_modules").symlink_to(Path(os.path.realpath(str(command()))).parents[1])
    expected = related(source, "eleventy", "src/recs.json", cwd=folder)
    run(str(command()), "build", cwd=folder)
    site = f"https://example.org{base}"
    return check_folder(folder / "dist", site, expected, [post.title for post in posts if not post.is_open])
