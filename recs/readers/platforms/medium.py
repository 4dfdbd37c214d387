"""Reads Medium's export: a folder `posts` with one HTML page for each story, draft and response.

A page says what it is by its name and its end: a draft is named `draft_…` and has no time of publication. Nothing in it
says that it is a response to a story of somebody else.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recs.errors import SourceError
from recs.items import Skipped
from recs.readers.json_files import read_text

_FOLDER = "posts"
_MARKS = (b'class="h-entry"', b'data-field="body"')
_HEAD = 1 << 16
_MOST_LOOKED_AT = 20
_DRAFT = "draft_"
_ID = re.compile(r"(?:[-/]|^)([0-9a-f]{6,32})/?(?:[?#].*)?$")
_LONGEST_RESPONSE = 1000  # characters
_LEAST_TITLE = 12  # characters of a title that tell whether a text begins with it
_RESPONSE = "perhaps a response: a short text without a heading, whose title is only its first words"


def find_medium(folder: Path) -> Path | None:
    """Return the folder with the posts of an export, given that folder or the one around it; None for no export.

    A site may hold pages that were copied out of such an export. They are read as the files of that site.
    """
    for place in (folder / _FOLDER, folder):
        pages = sorted(place.glob("*.html"))[:_MOST_LOOKED_AT] if place.is_dir() else []
        if pages and 2 * sum(map(_is_page, pages)) >= len(pages) and not any(place.glob("*.md")):
            return place
    return None


def _is_page(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return head.lstrip(b"\xef\xbb\xbf \r\n")[:1] == b"<" and all(mark in head for mark in _MARKS)


def medium_records(folder: Path, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of each page in the folder that `find_medium` returns, in the order of their names."""
    for path in sorted(folder.glob("*.html")):
        where = f"{source}/{path.name}"
        try:
            yield where, _record(read_text(path.read_bytes(), where), path.stem, where)
        except OSError as error:
            yield where, Skipped(where, f"cannot be read ({error.strerror})")
        except SourceError as error:
            yield where, Skipped(where, str(error).removeprefix(f"{where}: ").rstrip("."))


def _record(page: str, stem: str, where: str) -> dict[str, object] | Skipped:
    """Return the record of a page.

    The body repeats the title, which is taken out, and often the subtitle, which stays there.
    """
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(page)
    body = tree.css_first('section[data-field="body"]')
    if body is None:
        return Skipped(where, "no text of a post of Medium in it")
    if "</article>" not in page:
        return Skipped(where, "the file ends before its article; what says that it is a draft may be missing")
    title = _line(tree.css_first("h1.p-name"))
    subtitle = _line(tree.css_first('section[data-field="subtitle"]'))
    published = tree.css_first("time.dt-published")
    date = published.attributes.get("datetime") if published is not None else None
    canonical = _address(tree.css_first("a.p-canonical"))
    short = _address(published.parent if published is not None else tree.css_first("footer a[href*='/p/']"))
    heading = next((node for node in body.css("h1, h2, h3, h4") if title and _line(node) == title), None)
    if heading is not None:
        heading.decompose()
    elif _is_response(body, title):
        return Skipped(where, _RESPONSE)
    post_id = next((match[1] for text in (canonical, short, stem) if (match := _ID.search(text))), stem)
    return {
        "id": post_id,
        "title": title,
        "content_html": body.html or "",
        "excerpt": subtitle if not subtitle.endswith("…") else "",
        "url": canonical or short,
        "aliases": [short] if short and canonical else [],
        "date": date,
        "status": "draft" if stem.startswith(_DRAFT) or not date else "published",
    }


def _line(node: Any) -> str:
    return " ".join(node.text().split()) if node is not None else ""


def _address(node: Any) -> str:
    return (node.attributes.get("href") or "").strip() if node is not None else ""


def _is_response(body: Any, title: str) -> bool:
    """Whether a text without its title as a heading looks like a response, whose title is its first words."""
    text = _line(body)
    beginning = title.rstrip("….").strip()
    begins_so = len(beginning) >= _LEAST_TITLE and text.startswith(beginning)
    return len(text) < _LONGEST_RESPONSE and (begins_so or text == title) and body.css_first("figure") is None
