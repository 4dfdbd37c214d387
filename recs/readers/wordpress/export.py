"""Reads the export file of WordPress (WXR), as one file or as several files of one site."""

from __future__ import annotations

import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import PurePath
from typing import Any, BinaryIO, NamedTuple

from recs.errors import SourceError
from recs.items import Skipped
from recs.readers.values import is_missing, one_or_repeated
from recs.readers.wordpress.posts import UNCATEGORIZED, has_page, hiding_fields, may_hide, real_date, types_left_out
from recs.readers.xml_stream import XmlFile, text_of

_MARKS = (b"wordpress.org/export/", b"<wp:wxr_version", b"WordPress eXtended RSS")
_WP = re.compile(r"https?://(?:www\.)?wordpress\.org/export/[\d.]{1,9}/")
_CONTENT = "http://purl.org/rss/1.0/modules/content/"
_BASES = ("base_blog_url", "base_site_url")
_PLAIN_FIELDS = frozenset(("title", "link", "guid", "pubDate", "category"))
_WP_FIELDS = frozenset(
    ("post_id", "post_date", "post_date_gmt", "post_modified", "post_modified_gmt", "post_name", "post_type", "status")
).union(("post_password", "postmeta", *_BASES))
_NAMESPACES = [f"{scheme}://wordpress.org/export/1.{minor}/" for scheme in ("http", "https") for minor in range(3)]
# Elements of the channel. Authors and terms are not read, but a site has many, and each one must be freed.
_TAGS = ["item", "language"]
_TAGS += [f"{{{space}}}{name}" for space in _NAMESPACES for name in (*_BASES, "author", "category", "tag", "term")]
_TECHNICAL_TAXONOMIES = frozenset(("post_format", "language", "post_translations", "term_translations", "nav_menu"))
# Custom fields: the id of the featured image, and the earlier last parts of the URL.
_IMAGE, _OLD_SLUG = "_thumbnail_id", "_wp_old_slug"
_BODY = "content_html"
_END = b"</item>"
_LARGEST_ATTACHMENT = 1 << 18
_POST_ID = re.compile(rb"<\w{1,9}:post_id>\s*(?:<!\[CDATA\[)?(\d{1,20})")
_ATTACHMENT_URL = re.compile(rb"<\w{1,9}:attachment_url>\s*(?:<!\[CDATA\[)?\s*([^<\]\s]{1,2000})")


def is_wxr(head: bytes) -> bool:
    """Whether a file that begins with these bytes (4,000 are enough) is an export of WordPress.

    Examples
    --------
    >>> is_wxr(b'<rss xmlns:wp="http://wordpress.org/export/1.2/">'), is_wxr(b"<rss version='2.0'>")
    (True, False)
    """
    head = head.replace(b"\0", b"")  # UTF-16
    return b"<" in head and any(mark in head for mark in _MARKS)


def wxr_records(files: Sequence[BinaryIO], source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of each post and page in the files of one export, then what was not read.

    One item is in memory at a time. If a file is broken, the posts before that place are read. A post that occurs
    twice with the same content is read once.

    Parameters
    ----------
    files
        Open binary files that can be read from their beginning again.
    source
        The name of the export, for messages.

    Raises
    ------
    SourceError
        If no file holds anything that can be read, or two posts share an id.
    MissingDependencyError
        If lxml is not installed.

    Examples
    --------
    >>> from io import BytesIO
    >>> export = (
    ...     b'<rss xmlns:wp="http://wordpress.org/export/1.2/"><channel><item><title>Garlic</title>'
    ...     b"<wp:post_id>12</wp:post_id><wp:status>draft</wp:status></item></channel></rss>"
    ... )
    >>> [(where, record)] = wxr_records([BytesIO(export)], "export.xml")
    >>> where, record["title"], record["status"]
    ('export.xml: post 12', 'Garlic', 'draft')
    """
    names = [source]
    if len(files) > 1:
        names = [PurePath(str(getattr(file, "name", f"file {number}"))).name for number, file in enumerate(files, 1)]
    export = _Export([XmlFile(file, name) for file, name in zip(files, names, strict=True)], source)
    for file, name in zip(export.files, names, strict=True):
        yield from export.records(file, name)
    yield from export.left_out()


class _Entry(NamedTuple):
    """An `<item>`: its fields, its terms by taxonomy, and the custom fields that are read."""

    fields: Mapping[str, list[str]]
    terms: Mapping[str, list[str]]
    custom: list[tuple[str, str]]

    def last(self, name: str) -> str:
        """Return the last value of a field without outer blanks; "" if there is none."""
        return self.fields[name][-1].strip() if self.fields.get(name) else ""


class _Export:
    """The files of one export, and what was read of them so far."""

    def __init__(self, files: Sequence[XmlFile], source: str) -> None:
        self.files = files
        self._source = source
        self._addresses = _attachment_urls(files)
        self._types: Counter[str] = Counter()
        self._repeated = 0
        self._read: dict[str, tuple[str, int]] = {}
        self._entries = 0
        self._problem: SourceError | None = None

    def records(self, file: XmlFile, name: str) -> Iterator[tuple[str, object]]:
        """Yield (position, record) of each post in one file, and `Skipped` for what is wrong with the file."""
        channel: dict[str, str] = {}
        before = self._entries
        self._problem = None
        for element in self._elements(file):
            if element.tag != "item":
                channel[_field(element.tag) or element.tag] = text_of(element).strip()
                continue
            self._entries += 1
            entry = _entry(element)
            post_type = entry.last("post_type") or "post"
            if not has_page(post_type, entry.last("status"), entry.last("link")):
                self._types[post_type] += 1
                continue
            record = _record(entry, channel, post_type, self._addresses)
            if self._is_new(record, name):
                number = self._entries - before
                yield f"{name}: post {record['id']}" if "id" in record else f"{name}: item {number}", record
        if self._problem is not None:
            problem = str(self._problem).removeprefix(f"{name}: ").rstrip(".")
            yield name, Skipped(name, f"{problem}; entries read before that place: {self._entries - before:,}")
        if file.replaced:
            encoding = file.encoding.upper()
            yield name, Skipped(name, f"characters that are not {encoding}, read as \ufffd: {file.replaced:,}")

    def left_out(self) -> Iterator[tuple[str, object]]:
        """Yield `Skipped` for each type of entries that are not posts; `SourceError` if there was nothing at all."""
        if not self._entries:
            raise self._problem or SourceError(f"{self._source}: no <item>; expected posts.")
        for reason in types_left_out(self._types):
            yield self._source, Skipped(self._source, reason)
        if self._repeated:
            yield (
                self._source,
                Skipped(self._source, f"posts that occur again with the same content: {self._repeated:,}"),
            )

    def _elements(self, file: XmlFile) -> Iterator[Any]:
        """Yield the elements of a file up to its end, or to the place where it is broken."""
        try:
            yield from file.elements(_TAGS)
        except SourceError as error:
            self._problem = error

    def _is_new(self, record: Mapping[str, object], name: str) -> bool:
        """Whether this post was not read before; `SourceError` if another one with its id was."""
        post_id = str(record.get("id", ""))
        rest = repr([value for name, value in record.items() if name != _BODY])
        digest = hash((record.get(_BODY), rest))  # of this process, as a comparison with what it read before
        if not post_id or post_id not in self._read:
            self._read[post_id] = (name, digest)
            return True
        first, digest_of_first = self._read[post_id]
        if digest != digest_of_first:
            places = name if first == name else f"{first} and {name}"
            raise SourceError(f"{places}: different posts have the id {post_id!r}; expected the files of one export.")
        self._repeated += 1
        return False


def _attachment_urls(files: Iterable[XmlFile]) -> Mapping[str, str]:
    """Return the URLs of all attachments by id.

    An attachment may come after its post, or in another file. The bytes are searched, since it would take as long again
    to read the XML twice, and nothing but an image depends on it.
    """
    urls: dict[str, str] = {}
    for file in files:
        rest = b""
        for data in file.chunks():
            done, _, rest = (rest[-_LARGEST_ATTACHMENT:] + data).rpartition(_END)
            for entry in done.split(_END) if b"attachment_url>" in done else ():
                post_id = _POST_ID.search(entry, entry.rfind(b"<item>") + 1)
                url = _ATTACHMENT_URL.search(entry, entry.rfind(b"<item>") + 1)
                if post_id and url:
                    urls[post_id[1].decode()] = html.unescape(url[1].decode())
    return urls


@lru_cache(maxsize=1024)
def _field(tag: str) -> str:
    """Return the name of the field that an element is; "" for an element that is not read.

    The version in the namespace changes, and content and excerpt differ in nothing else.
    """
    space, _, local = tag.rpartition("}")
    space = space.lstrip("{")
    if not space:
        return local if local in _PLAIN_FIELDS else ""
    if local == "encoded":
        is_excerpt = space.endswith("excerpt/") and _WP.fullmatch(space.removesuffix("excerpt/"))
        if space == _CONTENT:
            return "content"
        return "excerpt" if is_excerpt else ""
    return local if local in _WP_FIELDS and _WP.fullmatch(space) else ""


def _entry(element: Any) -> _Entry:
    """Return the fields of an `<item>`. Its comments are not read."""
    fields: dict[str, list[str]] = defaultdict(list)
    terms: dict[str, list[str]] = defaultdict(list)
    custom: list[tuple[str, str]] = []
    for child in element:
        name = _field(child.tag)
        if not name:
            continue
        if name == "category":
            _add_term(child, fields, terms)
        elif name == "postmeta":
            parts = {part.tag.rpartition("}")[2]: part for part in child}
            key = text_of(parts["meta_key"]).strip() if "meta_key" in parts else ""
            if "meta_value" in parts and (key in (_IMAGE, _OLD_SLUG) or may_hide(key)):
                custom.append((key, text_of(parts["meta_value"])))
        else:
            fields[name].append(text_of(child))
    return _Entry(fields, terms, custom)


def _add_term(element: Any, fields: Mapping[str, list[str]], terms: Mapping[str, list[str]]) -> None:
    """Add the category or tag that an element names. The plugin Polylang keeps the language as one."""
    word = html.unescape(text_of(element)).strip() or element.get("nicename", "")
    if word and element.get("nicename", word).casefold() != UNCATEGORIZED:
        terms[element.get("domain", "category")].append(word)
    if element.get("domain") == "language":
        fields["language"].append(element.get("nicename", ""))


def _record(
    entry: _Entry, channel: Mapping[str, str], post_type: str, addresses: Mapping[str, str]
) -> dict[str, object]:
    """Return the record of an entry, under the names that the other readers use."""
    post_id = entry.last("post_id")
    base = channel.get("base_blog_url") or channel.get("base_site_url") or ""
    terms = dict(entry.terms)
    tags = [*terms.pop("post_tag", []), *terms.pop("tag", [])]  # "tag" is the name in WXR 1.0
    image = next((value.strip() for key, value in reversed(entry.custom) if key == _IMAGE), "")
    record: dict[str, object] = {
        "id": post_id if post_id != "0" else "",
        "title": entry.last("title"),
        _BODY: "".join(entry.fields.get("content", [])[-1:]),
        "excerpt": entry.last("excerpt"),
        "url": entry.last("link") or (f"{base}/?p={post_id}" if base and post_id else ""),
        "date": real_date(entry.last("post_date_gmt"), entry.last("post_date"), entry.last("pubDate")),
        "updated": real_date(entry.last("post_modified_gmt"), entry.last("post_modified")),
        # The importer of WordPress takes an entry without a status for a draft.
        "status": one_or_repeated([status.strip() or "absent" for status in entry.fields.get("status", ["absent"])]),
        "post_password": any(text.strip() for text in entry.fields.get("post_password", [])) or None,  # never the word
        "post_type": post_type,
        "slug": entry.last("post_name"),
        "lang": entry.last("language") or channel.get("language", ""),
        "tags": list(dict.fromkeys(tags)),
        "categories": list(dict.fromkeys(terms.pop("category", []))),
        "taxonomies": {name: words for name, words in terms.items() if name not in _TECHNICAL_TAXONOMIES},
        "image": addresses.get(image, ""),
        "aliases": [*_aliases(entry, post_id, post_type)],
        "custom_fields": hiding_fields(entry.custom),
    }
    return {name: value for name, value in record.items() if not is_missing(value)}


def _aliases(entry: _Entry, post_id: str, post_type: str) -> Iterator[str]:
    """Yield the other addresses at which WordPress shows a post, and its address when it was written."""
    if post_id:
        yield f"?p={post_id}"
        yield from [f"?page_id={post_id}"] if post_type == "page" else []
    link = entry.last("link")
    guid = entry.last("guid")
    if guid.startswith(("http://", "https://")) and "?" not in guid and guid != link:
        yield guid
    folder = link.rstrip("/").rpartition("/")[0]
    yield from (f"{folder}/{slug.strip()}/" for key, slug in entry.custom if key == _OLD_SLUG and folder)
