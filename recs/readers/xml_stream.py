"""Reads large XML files element by element. The files are taken for hostile: bounded memory, no DTD, no network."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from recs.errors import MissingDependencyError, SourceError

_CHUNK = 1 << 16
_HEAD = 1 << 12
# One post with all its comments is far smaller. The parser itself allows 10 MB for one text and 256 levels. A tag takes
# up to 35 times as much memory as in the file.
_LARGEST_ELEMENT = 64 << 20
_UNCOUNTED = 4 << 20
_MOST_TAGS = 1_000_000
_CONTROLS = bytes({*range(32)} - {9, 10, 13})  # XML has no place for them
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([\w.:-]{1,40})[\"']")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
# Codes of libxml2 for a document that ends in a comment, an instruction, CDATA, a tag or an element.
_UNFINISHED = frozenset((45, 47, 63, 73, 77))


class XmlFile:
    """A file of XML whose elements are read one at a time.

    Characters that XML does not allow are removed. A file that is UTF-8 is read as UTF-8, whatever it declares; in any
    other file, bytes that its encoding does not have become U+FFFD.

    Parameters
    ----------
    file
        An open binary file that can be read from its beginning again.
    source
        Its name, for messages.

    Attributes
    ----------
    replaced
        How many characters could not be decoded so far.

    Examples
    --------
    >>> from io import BytesIO
    >>> file = XmlFile(BytesIO(b"<rss><channel><item>Garlic</item><item>Leeks</item></channel></rss>"), "feed.xml")
    >>> [element.text for element in file.elements(["item"])]
    ['Garlic', 'Leeks']
    """

    _events: Any
    _last: bytes
    _lines: int

    def __init__(self, file: BinaryIO, source: str) -> None:
        self._file = file
        self._source = source
        self.encoding = _encoding(file)
        self.replaced = 0
        self._restart()

    def elements(self, tags: Sequence[str], *, depth: int = 2) -> Iterator[Any]:
        """Yield each element with one of these tags at a depth (the root is at 0), and free its memory afterwards.

        Raises
        ------
        SourceError
            If the file is not XML any more at some place, ends too early, has a DTD, or has one element that is too
            large. All elements before that place were yielded.
        MissingDependencyError
            If lxml is not installed.
        """
        etree = _etree()
        self._restart()
        self._events = events = etree.iterparse(
            self,
            events=("end",),
            tag=list(tags),
            encoding="utf-8",
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            resolve_entities=False,
            no_network=True,
            huge_tree=False,
            recover=False,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            for number, (_, element) in enumerate(events):
                if number == 0:
                    self._check_doctype(element)
                if _depth(element, depth + 1) == depth:
                    yield element
                    _free(element)
                    self._unfreed = self._tags = 0
        except etree.XMLSyntaxError as error:
            self._check_log()
            if not events.error_log:
                raise SourceError(f"{self._source}: no XML; expected an element.") from error

    def chunks(self) -> Iterator[bytes]:
        """Yield the whole file as UTF-8, piece by piece."""
        self._restart()
        while data := self.read():
            self._unfreed = self._tags = 0
            yield data

    def read(self, _: int = -1) -> bytes:
        """Return the next bytes, as UTF-8; b"" at the end. lxml calls this."""
        self._check_log()  # after some errors the parser would begin a new document
        while True:
            data = self._file.read(_CHUNK)
            self._check_size(data)
            text = self._decoded(data).translate(None, _CONTROLS)
            if b"\xef\xbf" in text:  # the last two characters of this plane are not allowed either
                text = text.replace(b"\xef\xbf\xbe", b"").replace(b"\xef\xbf\xbf", b"")
            if self._is_beginning and text:
                text = self._from_declaration(text)
            self._lines += text.count(b"\n")
            if text or not data:
                self._has_ended = not text
                self._last = text or self._last
                return text

    def _restart(self) -> None:
        self._file.seek(0)
        self._events = None
        self._decoder: Any = codecs.getincrementaldecoder(self.encoding)("strict")
        self.replaced = 0
        self._unfreed = self._tags = 0
        self._is_beginning = True
        self._has_ended = False
        self._last = b""
        self._lines = 1
        self._lines_before = 0

    def _check_size(self, data: bytes) -> None:
        """Raise `SourceError` if the elements that are not freed yet become too large with these bytes."""
        self._unfreed += len(data)
        self._tags += data.count(b"<") if self._unfreed > _UNCOUNTED else 0
        if self._unfreed > _LARGEST_ELEMENT or self._tags > _MOST_TAGS:
            size = f"{_LARGEST_ELEMENT >> 20} MB or {_MOST_TAGS:,} tags"
            raise SourceError(f"{self._source}: one element has more than {size}; expected a post of usual size.")

    def _decoded(self, data: bytes) -> bytes:
        """Return the next bytes as UTF-8, up to the last whole character."""
        try:
            text = self._decoder.decode(data, not data)
        except UnicodeDecodeError:
            self._decoder.errors = "replace"
            text = self._decoder.decode(data, not data)
            self._decoder.errors = "strict"
            self.replaced += text.count("\ufffd")
        return str(text).encode("utf-8", "replace")

    def _from_declaration(self, text: bytes) -> bytes:
        """Return the beginning of a file from its declaration on: plugins write blank lines and warnings before it."""
        text = text.removeprefix(codecs.BOM_UTF8)
        start = text.find(b"<?xml")
        if start < 0 or b"<rss" in text[:start]:
            start = len(text) - len(text.lstrip())
        self._lines_before += text.count(b"\n", 0, start)
        self._is_beginning = start == len(text)
        return text[start:]

    def _check_doctype(self, element: Any) -> None:
        """Raise `SourceError` for a document with a DTD: its entities would hide text, or grow without end."""
        if element.getroottree().docinfo.internalDTD is not None:
            raise SourceError(f"{self._source}: has a DTD (<!DOCTYPE …>), which is not read; remove that line.")

    def _check_log(self) -> None:
        """Raise `SourceError` for the first fatal entry in the log of the parser. Wrong namespaces are not fatal."""
        log = self._events.error_log if self._events is not None else ()
        entry = next((entry for entry in log if entry.level_name == "FATAL"), None)
        if entry is None:
            return
        is_in_tag = entry.line >= self._lines and not self._last.rstrip().endswith(b">")
        if self._has_ended and (entry.type in _UNFINISHED or is_in_tag):
            place = f"line {self._lines + self._lines_before:,}"
            raise SourceError(f"{self._source}: ends in the middle of its XML at {place}; the file is truncated.")
        what = " ".join(re.sub(r"^xml\w+: |\(.*", "", entry.message, flags=re.DOTALL).split())[:100]
        place = f"line {entry.line + self._lines_before:,}, column {entry.column}"
        raise SourceError(f"{self._source}: {place} cannot be read as XML ({what}).")


def text_of(element: Any) -> str:
    """Return the text of an element and of all elements in it.

    Examples
    --------
    >>> from lxml import etree
    >>> text_of(etree.fromstring("<title>Garlic <b>and</b> leeks</title>"))
    'Garlic and leeks'
    """
    return "".join(element.itertext()) if len(element) else element.text or ""


def _etree() -> Any:
    try:
        from lxml import etree
    except ImportError as error:
        raise MissingDependencyError("reading XML", "lxml", "readers") from error
    return etree


def _depth(element: Any, most: int) -> int:
    """Return how many elements an element is in; it counts to `most`."""
    depth = 0
    parent = element.getparent()
    while parent is not None and depth < most:
        depth += 1
        parent = parent.getparent()
    return depth


def _free(element: Any) -> None:
    """Delete the content of an element, and everything before it in the same element."""
    parent = element.getparent()
    element.clear()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _encoding(file: BinaryIO) -> str:
    """Return the encoding of a file, from its first bytes, its content and its declaration."""
    file.seek(0)
    head = file.read(_HEAD)
    for beginning, encoding in _BOMS:
        if head.startswith(beginning):
            return encoding
    declared = _DECLARED.search(head)
    name = declared[1].decode().casefold() if declared else "utf-8"
    if name in ("utf-8", "utf8") or _is_utf8(file):
        return "utf-8"
    try:
        is_alike = "<a>".encode(name) == b"<a>"
    except (LookupError, ValueError):
        return "utf-8"
    if name in ("iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"):
        return "cp1252"  # as browsers read it
    return name if is_alike else "utf-8"


def _is_utf8(file: BinaryIO) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        while data := file.read(_CHUNK):
            decoder.decode(data)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True
