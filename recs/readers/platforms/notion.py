"""Reads Notion's export: nested folders of Markdown or HTML, each name with the id of its page at the end.

`recs.readers.folders` reads the pages and their properties. Here, pages are named by their ids, which stay when a page
is renamed or moved, and links from page to page become links to ids.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from recs.errors import SourceError
from recs.items import Skipped
from recs.readers.bodies import Document
from recs.readers.folders.documents import markup_of
from recs.readers.folders.folder import folder_records
from recs.readers.folders.sites import Site

_NAMED = re.compile(r".+ ([0-9a-f]{32})")
_MOST_LOOKED_AT = 2000
_MOST_PARTS = 50
_MOST_BYTES = 4 << 30  # of all parts together
# Fields that every page has, whether it has properties or not.
_OF_PATH = frozenset(("id", "aliases", "title", "lang", "url"))
_HEADING = re.compile(r"\s*#[ \t][^\n]*(?:\n+|\Z)")
_PROPERTY = re.compile(r"[^\n:]{1,60}: ?[^\n]*")
_LONGEST_NAME = 60
_SENTENCE = re.compile(r"[.!?。！？]")
# The target of a link in Markdown or HTML: a path to a page, or its address.
_LINK = re.compile(
    r"(?P<before>\]\(<?|href=\")"
    r"(?:(?!https?:)[^\s<>\"]{0,2000}?(?P<in_path>[0-9a-f]{32})\.(?:md|html)"
    r"|https://(?:www\.)?notion\.(?:so|com)/[^\s<>\"()]{0,500}?(?P<in_address>[0-9a-f]{32})(?![0-9a-f]))"
    r"(?:[?#][^\s<>\")]{0,200})?"
)


def is_notion(folder: Path) -> bool:
    """Whether at least half of the pages in a folder are named as Notion's export names them."""
    pages = 0
    named = 0
    for _, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        stems = [Path(name).stem for name in names if markup_of(Path(name).suffix) and not name.startswith(".")]
        pages += len(stems)
        named += sum(1 for stem in stems if _NAMED.fullmatch(stem))
        if pages > _MOST_LOOKED_AT:
            break
    return named > 0 and 2 * named >= pages


def notion_records(folder: Path, source: str, site: Site) -> Iterator[tuple[str, object]]:
    """Yield (position, document) of each page, then what was not read; the id is the one at the end of the name.

    Raises `SourceError` if there are no pages.
    """
    for where, document in folder_records(folder, source, site):
        yield where, _with_id(document, where) if isinstance(document, Document) else document
    tables = sum(1 for _ in folder.rglob("*.csv"))
    if tables:
        yield source, Skipped(source, f"tables of databases (.csv), whose rows are the pages beside them: {tables:,}")


def _with_id(document: Document, where: str) -> Document | Skipped:
    """Return a page under its id, with links to ids, and without its title in its text."""
    body = document.body
    if document.markup == "markdown":
        heading = _HEADING.match(body)
        body = body[heading.end() :] if heading else body
        if _OF_PATH.issuperset(document.fields) and _may_be_cut(body):
            return Skipped(where, "the file may end in the middle of its properties, which may close it")
    elif document.markup == "html" and "</html>" not in body:
        return Skipped(where, "the file ends before its page does; what closes it may be missing")
    body = _LINK.sub(lambda link: f"{link['before']}{link['in_path'] or link['in_address']}", body)
    path = str(document.fields.get("id", ""))
    named = _NAMED.fullmatch(path.rpartition("/")[2])
    fields = {**document.fields, "id": named[1]} if named else document.fields
    return Document(fields, body, document.markup)


def _may_be_cut(body: str) -> bool:
    """Whether all that follows the title may be the beginning of properties, which a blank line ends."""
    block, blank_line, _ = body.rstrip(" ").partition("\n\n")
    is_short = len(block) <= _LONGEST_NAME and "\n" not in block and not _SENTENCE.search(block)
    return not blank_line and (is_short or bool(_PROPERTY.match(block)))


def merge_parts(root: Path, names: Iterable[str], source: str) -> list[Skipped]:
    """Unpack the archives in an export that are its parts, into the folder `root` where they lie.

    Returns what is not read in them. Raises `SourceError` if a part is damaged or too large, or if two parts hold
    different files of one name.
    """
    from recs.readers.archives import PART, opened_archive

    skipped: list[Skipped] = []
    unpacked = 0
    parts = [name for name in names if PART.fullmatch(name.rpartition("/")[2])]
    if len(parts) > _MOST_PARTS:
        raise SourceError(f"{source}: {len(parts):,} parts; at most {_MOST_PARTS} are read. Unpack it if you trust it.")
    for name in parts:
        with opened_archive(root / name, f"{source}/{name}") as part:
            folder = part.unpack()
            unpacked += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            if unpacked > _MOST_BYTES:
                raise SourceError(f"{source}: unpacks to more than {_MOST_BYTES:,} bytes. Unpack it if you trust it.")
            shutil.copytree(folder, (root / name).parent, dirs_exist_ok=True, copy_function=_copy_new)
            skipped += part.skipped
            inner = (one for one in part.names if PART.fullmatch(one.rpartition("/")[2]))
            skipped += [
                Skipped(f"{source}/{name}/{one}", "an archive inside a part, which is not opened") for one in inner
            ]
        (root / name).unlink()
    return skipped


def _copy_new(start: str, target: str) -> None:
    if Path(target).exists() and Path(target).read_bytes() != Path(start).read_bytes():
        raise SourceError(f"{Path(target).name}: two parts of the export hold different files of this name.")
    shutil.copyfile(start, target)
