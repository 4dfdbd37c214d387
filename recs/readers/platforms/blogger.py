"""Reads Blogger's backup: one Atom file of posts, pages, comments and settings, as an old or a new Blogger writes it.

The old form tells the kind of an entry by a category and marks drafts with `app:draft`. The new one, also that of
Google Takeout, has elements `blogger:type` and `blogger:status`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin

from recs.errors import SourceError
from recs.items import Skipped
from recs.readers.values import one_or_repeated
from recs.readers.xml_stream import XmlFile, text_of

_ATOM = "{http://www.w3.org/2005/Atom}"
_APP = ("{http://www.w3.org/2007/app}", "{http://purl.org/atom/app#}")
_BLOGGER = "{http://schemas.google.com/blogger/2018}"
_KIND = "http://schemas.google.com/g/2005#kind"
_MARKS = (b"http://schemas.google.com/g/2005#kind", b"<blogger:type>")
_HEAD = 1 << 16
# Where Google Takeout puts the blogs, from the folder of the blog up to the whole archive.
_IN_TAKEOUT = ("feed.atom", "Blogs/*/feed.atom", "Blogger/Blogs/*/feed.atom", "Takeout/Blogger/Blogs/*/feed.atom")
_KINDS_READ = ("post", "page")


def is_blogger(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a backup of Blogger. The public feed of a blog is none.

    Examples
    --------
    >>> is_blogger(b"<feed><entry><id>1</id><blogger:type>POST</blogger:type>"), is_blogger(b"<feed><entry><id>1</id>")
    (True, False)
    """
    return b"<feed" in head and any(mark in head for mark in _MARKS)


def find_blogger(folder: Path) -> list[Path]:
    """Return the backups in a folder of Google Takeout, sorted."""
    paths = (path for pattern in _IN_TAKEOUT for path in sorted(folder.glob(pattern)))
    return [path for path in paths if path.is_file() and _is_backup(path)]


def _is_backup(path: Path) -> bool:
    with path.open("rb") as file:
        return is_blogger(file.read(_HEAD))


def blogger_records_of(paths: Sequence[Path], source: str) -> Iterator[tuple[str, object]]:
    """Yield what `blogger_records` yields, for each of several files."""
    for path in paths:
        name = source if len(paths) == 1 else f"{source}/{path.parent.name}"
        with ExitStack() as stack:
            yield from blogger_records(stack.enter_context(path.open("rb")), name)


def blogger_records(file: BinaryIO, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of each post and page, then what was not read, counted by kind.

    One entry is in memory at a time. If the file is broken, the posts before that place are read.

    Raises
    ------
    SourceError
        If no entry can be read.
    MissingDependencyError
        If lxml is not installed.
    """
    left_out: Counter[str] = Counter()
    base = ""
    number = 0
    problem: SourceError | None = None
    elements = XmlFile(file, source).elements([f"{_ATOM}entry", f"{_ATOM}link"], depth=1)
    try:
        for element in elements:
            if element.tag == f"{_ATOM}link":
                base = base or (element.get("href", "") if element.get("rel") == "alternate" else "")
                continue
            number += 1
            kind = _kind(element)
            if kind in _KINDS_READ:
                yield f"{source}: entry {number}", _record(element, kind, base)
            else:
                left_out[kind or "of an unknown kind"] += 1
    except SourceError as error:
        problem = error
    if not number:
        raise problem or SourceError(f"{source}: no <entry>; expected a backup of Blogger.")
    for kind, count in sorted(left_out.items()):
        yield source, Skipped(source, f"entries of the kind {kind[:40]!r}, which are not posts or pages: {count:,}")
    if problem is not None:
        reason = str(problem).removeprefix(f"{source}: ").rstrip(".")
        yield source, Skipped(source, f"{reason}; entries read before that place: {number:,}")


def _kind(entry: Any) -> str:
    """Return "post", "page", "comment", "template" and so on; "" for an entry that does not say what it is."""
    kinds = [text_of(child).strip() for child in entry.iterchildren(f"{_BLOGGER}type")]
    kinds += [child.get("term", "") for child in entry.iterchildren(f"{_ATOM}category") if child.get("scheme") == _KIND]
    names = {kind.rpartition("#")[2].lower() for kind in kinds}
    others = sorted(names.difference(_KINDS_READ))
    return others[0] if others else min(names, default="")


def _record(entry: Any, kind: str, base: str) -> Mapping[str, object]:
    """Return the record of a post or page. A new backup that does not tell the status of a post closes it."""
    is_new = _texts(entry, f"{_BLOGGER}type")
    status = _texts(entry, f"{_BLOGGER}status") or (["absent"] if is_new else [])
    drafts = [text_of(draft).strip() for space in _APP for draft in entry.iter(f"{space}draft")]
    links = [link for link in entry.iterchildren(f"{_ATOM}link") if link.get("rel") == "alternate"]
    filename = "".join(_texts(entry, f"{_BLOGGER}filename")[:1])
    address = next((link.get("href", "") for link in links), "") or filename
    categories = (child for child in entry.iterchildren(f"{_ATOM}category") if child.get("scheme") != _KIND)
    record: dict[str, object] = {
        "id": "".join(_texts(entry, f"{_ATOM}id")[:1]),
        "title": "".join(_texts(entry, f"{_ATOM}title")[:1]),
        "content_html": _html(next(entry.iterchildren(f"{_ATOM}content"), None)),
        "excerpt": "".join(_texts(entry, f"{_BLOGGER}metaDescription")[:1]),
        "url": urljoin(base, address) if address else "",
        "aliases": [filename] if filename and filename != address else [],
        "date": one_or_repeated(_texts(entry, f"{_ATOM}published") or [""]),
        "updated": "".join(_texts(entry, f"{_ATOM}updated")[:1]),
        "tags": list(dict.fromkeys(filter(None, (child.get("term", "").strip() for child in categories)))),
        "status": one_or_repeated(status or [""]),
        "draft": one_or_repeated(drafts or [""]),
        "trashed": "".join(_texts(entry, f"{_BLOGGER}trashed")[:1]),
        "kind": kind,
    }
    return {name: value for name, value in record.items() if value not in ("", [])}


def _texts(entry: Any, tag: str) -> list[str]:
    return [text for child in entry.iterchildren(tag) if (text := text_of(child).strip())]


def _html(content: Any) -> str:
    """Return the content of an entry as HTML; the backup escapes it, other writers of Atom have elements there."""
    if content is None:
        return ""
    if not len(content):
        return content.text or ""
    from lxml import etree

    return "".join(etree.tostring(child, encoding="unicode") for child in content)
