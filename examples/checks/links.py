"""Checks every link of every related list in a built site: the page is there, and it is the one that recs chose.

A page says which post it is by `<meta name="post" content="TITLE">`, which the layouts of the checks write. All titles
differ.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from checks.posts import NOW, ROOT, key_of
from recs.cli import cli

Lists = Mapping[str, Sequence[str]]
"""By the title of a post, the titles in its list."""


@dataclass(slots=True)
class Report:
    """How many links of the lists are expected, shown and right, and what is wrong with the others."""

    expected: int = 0
    shown: int = 0
    right: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return self.expected > 0 and self.right == self.expected and not self.problems

    def __str__(self) -> str:
        first = f"; {len(self.problems)} problems, first: {self.problems[0]}" if self.problems else ""
        return f"{self.right} of {self.expected} links right{first}"


def run(*command: str | Path, cwd: Path, timeout: float = 300) -> str:
    """Return what a command prints, both streams; `RuntimeError` with it if the command fails."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=timeout, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}\n{done.stdout[-3000:]}")
    return done.stdout


def related(source: str, form: str, output: str, *, cwd: Path, signals: str = "terms,mentions") -> Lists:
    """Run `recs related` in a folder, for a recipe and for the check; return the lists by titles."""
    options = ["related", source, "--signals", signals, "--now", NOW, "--no-cache", "--quiet", "-o"]
    with chdir(cwd):
        cli.main([*options, output, "--format", form], standalone_mode=False)
        cli.main([*options, "build/expected.json"], standalone_mode=False)
    items = json.loads((cwd / "build/expected.json").read_text(encoding="utf-8"))["items"].values()
    return {key_of(item["title"]): [key_of(entry["title"]) for entry in item["related"]] for item in items}


def check_folder(out: Path, site: str, expected: Lists, closed: Iterable[str]) -> Report:
    """Return the report on a folder of HTML pages that is served at the address `site`."""
    documents = {path: LexborHTMLParser(path.read_text(encoding="utf-8")) for path in sorted(out.rglob("*.html"))}
    titles = {path: title_of(document) for path, document in documents.items()}
    base = urlsplit(site).path.rstrip("/")
    report = Report()
    path_of = {title: path for path, title in titles.items() if title}
    for title, wanted in expected.items():
        report.expected += len(wanted)
        if title not in path_of:
            report.problems.append(f"no page for {title!r}")
            continue
        path = path_of[title]
        page = f"{site.rstrip('/')}/{path.relative_to(out).as_posix().replace('#', '%23')}"
        hrefs = hrefs_of(documents[path])
        led = [titles.get(_file(urljoin(page, href), out, base)) for href in hrefs]
        compare(report, title, wanted, led, hrefs)
    report.problems += leaks(documents.values(), closed)
    return report


def compare(report: Report, title: str, wanted: Sequence[str], led: Sequence[str | None], hrefs: Sequence[str]) -> None:
    """Add a page to the report: the titles that it should lead to, and those of the pages that it leads to."""
    report.shown += len(led)
    report.right += sum(one == other for one, other in zip(wanted, led, strict=False))
    if list(led) != list(wanted):
        report.problems.append(f"{title!r} leads to {list(zip(hrefs, led, strict=True))}, expected {list(wanted)}")


def leaks(documents: Iterable[LexborHTMLParser], closed: Iterable[str]) -> list[str]:
    """Return what a list shows that must not be seen: closed posts, and elements or values made from a title."""
    names = list(map(key_of, closed))
    problems = []
    for document in documents:
        for section in document.css(".related"):
            text = section.text()
            problems += [f"{name!r} is closed and in a list" for name in names if name in text]
            if section.css("script, img") or "1337" in text:
                problems.append(f"a title became code: {section.html}")
    return problems


def title_of(document: LexborHTMLParser) -> str | None:
    node = document.css_first('meta[name="post"]')
    return None if node is None else key_of(node.attributes.get("content") or "")


def hrefs_of(document: LexborHTMLParser) -> list[str]:
    return [node.attributes.get("href") or "" for node in document.css(".related a")]


def _file(url: str, out: Path, base: str) -> Path | None:
    """Return the file that a web server sends for a URL; None for an address outside of the site."""
    path = unquote(urlsplit(url).path)
    if not path.startswith(f"{base}/"):
        return None
    file = out / path.removeprefix(f"{base}/")
    return file / "index.html" if path.endswith("/") or file.is_dir() else file


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write files into a folder, by their paths in it."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def example(name: str) -> Path:
    """Return the folder of a recipe's files."""
    return ROOT / "examples" / name
