"""Recognises the exports of platforms by their content, and opens them: one row of a table for each format.

`recs.readers.sources` asks here for every folder and for every document of JSON. A user who names a format gets that
one; it must fit then.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from recs.readers.folders.sites import find_site
from recs.readers.opened import Format, Opened, Records, does_not_fit
from recs.readers.platforms import blogger, buttondown, ghost, medium, notion, substack, tumblr
from recs.readers.tables import parquet_parts, parquet_records
from recs.readers.wordpress import rest
from recs.text.counts import counted


class _OfDocument(NamedTuple):
    """A format of JSON: its name, what it is for people, whether a document is of it, and its records."""

    format: Format
    says: str
    recognises: Callable[[object], bool]
    records: Callable[[object, str], Records]


def _rest_records(document: object, source: str) -> Records:
    return rest.rest_records(document if isinstance(document, list) else [], source)


_DOCUMENTS = (
    _OfDocument("ghost", "posts of Ghost, by their tables", ghost.is_ghost, ghost.ghost_records),
    _OfDocument("wordpress-rest", "posts of WordPress's REST API, by their fields", rest.is_rest, _rest_records),
    _OfDocument("tumblr", "posts of Tumblr, by their fields", tumblr.is_tumblr, tumblr.tumblr_records),
    _OfDocument(
        "buttondown", "emails of Buttondown, by their fields", buttondown.is_buttondown, buttondown.buttondown_records
    ),
)


def open_document(document: object, source: str, format: Format | None) -> Opened | None:
    """Return the records of a JSON document that is of a platform; None if it is of none.

    Raises `SourceError` if the document does not fit the format that the user named.

    Examples
    --------
    >>> posts = [{"id": 1, "content": {"rendered": "<p>Plant it.</p>"}}]
    >>> open_document(posts, "posts.json", None).format
    "posts of WordPress's REST API, by their fields"
    >>> open_document({"posts": posts}, "posts.json", None) is None
    True
    """
    for one in _DOCUMENTS:
        if format is None and one.recognises(document):
            return Opened(source, one.records(document, source), one.says)
        if format == one.format:
            says = one.says if one.recognises(document) else f"JSON read as {format}"
            return Opened(source, _at_least_one(one.records(document, source), source, one.format), says)
    return None


def _at_least_one(records: Records, source: str, format: Format) -> Records:
    """Return records; `SourceError` if there are none, because the source is not of the format that the user named."""
    first = next(records, None)
    if first is None:
        raise does_not_fit(source, format)
    return chain([first], records)


def open_folder(path: Path, source: str, format: Format | None) -> Opened | None:
    """Return the records of a folder that is the export of a platform; None if it is none.

    Raises `SourceError` if it is not of the format that the user named.
    """
    for name, opener in _FOLDERS.items():
        if format in (None, name) and (opened := opener(path, source)) is not None:
            return opened
    if format in _FOLDERS:
        raise does_not_fit(source, format)
    return None


def open_table_of_substack(table: Path, source: str) -> Opened:
    """Return the records of Substack's export, given its table."""
    records = substack.substack_records(table, table.name)
    return Opened(source, records, "an export of Substack, by its posts.csv", "table")


def _parquet(path: Path, source: str) -> Opened | None:
    tables = parquet_parts(path)
    if not tables:
        return None
    records = chain.from_iterable(
        parquet_records(table, f"{source}/{table.relative_to(path)}", path) for table in tables
    )
    return Opened(source, records, f"{counted(len(tables), 'Parquet file')} in a folder", "table")


def _substack(path: Path, source: str) -> Opened | None:
    table = substack.find_table(path.resolve())
    return open_table_of_substack(table, source) if table is not None else None


def _medium(path: Path, source: str) -> Opened | None:
    folder = medium.find_medium(path)
    if folder is None:
        return None
    return Opened(source, medium.medium_records(folder, source), "an export of Medium, by its pages")


def _blogger(path: Path, source: str) -> Opened | None:
    return open_backups_of_blogger(blogger.find_blogger(path), source)


def open_backups_of_blogger(paths: Sequence[Path], source: str) -> Opened | None:
    """Return the records of backups of Blogger; None for no path."""
    if not paths:
        return None
    return Opened(source, blogger.blogger_records_of(paths, source), "a backup of Blogger, by its content")


def _tumblr(path: Path, source: str) -> Opened | None:
    folder = tumblr.find_tumblr(path)
    if folder is None:
        return None
    return Opened(source, tumblr.tumblr_pages(folder, source), "an export of Tumblr, by its pages")


def _buttondown(path: Path, source: str) -> Opened | None:
    folder = buttondown.find_buttondown(path)
    if folder is None:
        return None
    return Opened(source, buttondown.buttondown_files(folder, source), "a folder of Buttondown, by its emails")


def _notion(path: Path, source: str) -> Opened | None:
    if not notion.is_notion(path):
        return None
    site, _ = find_site(path.resolve())
    return Opened(source, notion.notion_records(path, source, site), "an export of Notion, by the names of its pages")


_FOLDERS: dict[Format, Callable[[Path, str], Opened | None]] = {
    "parquet": _parquet,
    "substack": _substack,
    "medium": _medium,
    "blogger": _blogger,
    "tumblr": _tumblr,
    "buttondown": _buttondown,
    "notion": _notion,
}
