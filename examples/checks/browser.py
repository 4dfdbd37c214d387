"""Shows pages in Chromium, with the script for the browser and with the snippet for Ghost, and checks their links.

The pages have the addresses of Ghost; Ghost itself does not run.
"""

from __future__ import annotations

import html
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from selectolax.lexbor import LexborHTMLParser

from checks import Cases
from checks.links import Report, compare, example, hrefs_of, leaks, related, run, title_of, write_files
from checks.posts import HOSTILE, Post, key_of, sample_posts

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
PAGE = '<!doctype html><meta charset="utf-8"><title>page</title><meta name="post" content="{title}">{body}'


def cases() -> Cases:
    """Return the checks, if there is a browser."""
    return {"the files of items": check_files, "the snippet for Ghost": check_ghost} if CHROMIUM else {}


def check_files(folder: Path) -> Report:
    """Check a site with a file for each item, whose ids are titles."""
    posts = sample_posts()
    records = [{**_record(post), "id": post.title, "url": f"/{post.id}/"} for post in posts]
    script = '<script src="/related.js" data-folder="/related/" defer></script>'
    bodies = {post: f'<div data-recs-id="{html.escape(post.title)}"></div>{script}' for post in posts}
    write_files(folder, {"posts.json": json.dumps(records)})
    shutil.copytree(example("browser"), folder, dirs_exist_ok=True)
    return _check(folder, bodies, "posts.json", "files", "related")


def check_ghost(folder: Path) -> Report:
    """Check a site with the addresses of Ghost, and the snippet at the end of each page."""
    snippet = (example("ghost") / "footer.html").read_text(encoding="utf-8")
    posts = sample_posts()
    bodies = {post: f'<div class="gh-content">{post.html}</div>{snippet}' for post in posts}
    export = {"db": [{"data": {"posts": [_record(post) for post in posts]}}]}
    write_files(folder, {"ghost.json": json.dumps(export)})
    return _check(folder, bodies, "ghost.json", "json", "assets/recs/related.json")


def _record(post: Post) -> dict[str, object]:
    """Return a post as Ghost exports it."""
    is_later = post.date > "2026-11-01"
    status = "scheduled" if is_later else "published" if post.is_open else "draft"
    return {
        "id": post.id,
        "slug": post.id,
        "title": post.title,
        "html": post.html,
        "status": status,
        "type": "post",
        "visibility": "public",
        "published_at": post.date,
    }


def _check(folder: Path, bodies: dict[Post, str], source: str, form: str, output: str) -> Report:
    write_files(folder, {f"{post.id}/index.html": _page(post, body) for post, body in bodies.items()})
    expected = related(source, form, output, cwd=folder)
    title_of_url = {f"/{post.id}/": key_of(post.title) for post in bodies}
    hostile = {name for title, names in expected.items() for name in names if _is_hostile(title, bodies)}
    chosen = [post for post in bodies if post.is_open and (_is_hostile(key_of(post.title), bodies))][:3]
    chosen += [post for post in bodies if key_of(post.title) in hostile and post not in chosen][:4]
    report = Report()
    with _server(folder) as site:
        pages = {post: _shown(f"{site}/{post.id}/", folder) for post in chosen}
    for post, page in pages.items():
        wanted = expected[key_of(post.title)]
        report.expected += len(wanted)
        hrefs = hrefs_of(page)
        compare(report, post.title, wanted, [title_of_url.get(href) for href in hrefs], hrefs)
        if page.css_first("title") is None or page.css_first("title").text() != "page":
            report.problems.append(f"a title ran as a script on the page of {post.title!r}")
        if title_of(page) is None:
            report.problems.append("the page is not the one that was asked for")
    report.problems += leaks(pages.values(), [post.title for post in bodies if not post.is_open])
    return report


def _is_hostile(key: str, posts: dict[Post, str]) -> bool:
    return any(key_of(post.title) == key and post.title.startswith(HOSTILE) for post in posts)


def _page(post: Post, body: str) -> str:
    return PAGE.format(title=html.escape(post.title), body=body)


def _shown(url: str, folder: Path) -> LexborHTMLParser:
    """Return the document as the browser leaves it."""
    profile = f"--user-data-dir={folder / 'profile'}"
    waiting = "--virtual-time-budget=5000"
    return LexborHTMLParser(run(str(CHROMIUM), *FLAGS, profile, waiting, "--dump-dom", url, cwd=folder))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """Yield the address at which a folder is served while the block runs."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
