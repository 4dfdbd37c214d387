"""Sites of real systems, made from the sample posts, and where these systems are installed."""

import json
import os
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from places import ROOT

SYSTEMS = Path(os.environ.get("RECS_SYSTEMS") or ROOT / "build" / "systems")
POSTS = json.loads((ROOT / "datasets" / "posts.json").read_text(encoding="utf-8"))["items"]


def python_with(module):
    """Return the Python of the systems; skip the test if the module is not installed there."""
    python = SYSTEMS / "python" / "bin" / "python"
    if not python.exists():
        pytest.skip("no systems are installed: make test-systems")
    probe = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"{module} is not installed in {python}: make test-systems")
    return python


def posts(count=80):
    """Return sample posts that are public."""
    return [post for post in POSTS if not post.get("status")][:count]


def run(words, folder, **variables):
    """Run a command of a system with this recs; return its output, stderr included."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", **variables}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, env=environment, check=False, encoding="utf-8", **pipes
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


class _Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.links = []
        self.related = []
        self._depth = 0

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "aside" and "related-posts" in (attributes.get("class") or ""):
            self._depth = 1
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
            if self._depth:
                self.related.append(attributes["href"])

    def handle_endtag(self, tag):
        if tag == "aside":
            self._depth = 0


def links_of(page):
    """Return the targets of all links of a built page, and of those in its related list."""
    parser = _Links()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser.links, parser.related


def file_of(output, page, link, base=""):
    """Return the file in the output folder that a link on a page leads to; None if there is none."""
    place = "/" + page.relative_to(output).as_posix()
    path = unquote(urlsplit(urljoin(place, link.removeprefix(base) or "/")).path)
    target = output / path.lstrip("/")
    target = target / "index.html" if target.is_dir() else target
    return target if target.is_file() else None


def related_pages(output, base=""):
    """Return for each built page that shows a list the files that the list leads to; each link must lead to one."""
    lists = {}
    for page in sorted(output.rglob("*.html")):
        _, related = links_of(page)
        if related:
            targets = [file_of(output, page, link, base) for link in related]
            assert None not in targets, f"{page}: {related}"
            lists[page.relative_to(output).as_posix()] = [
                target.relative_to(output).as_posix() for target in targets if target
            ]
    return lists


def screenshot(page, picture):
    """Let a headless browser show a page; skip the test without one."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no browser is installed")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1000,2200"]
    dump = [browser, *options, f"--screenshot={picture}", "--dump-dom", page.as_uri()]
    done = subprocess.run(dump, capture_output=True, encoding="utf-8", check=False, timeout=120)
    return done.stdout
