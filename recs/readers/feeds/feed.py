"""Reads feeds: RSS 0.9 to 2.0 with RDF, Atom 0.3 and 1.0, CDF. JSON Feed is read as JSON."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from recs.errors import MissingDependencyError, SourceError
from recs.items import Skipped
from recs.readers.dates import parse_date
from recs.readers.feeds.entries import entry_record
from recs.readers.feeds.text import mended, recovered, root_of, xml_text
from recs.readers.values import scalar

if TYPE_CHECKING:
    from recs.readers.feeds.parser import IllFormedError, ParsedFeed

_HEAD = 100_000  # bytes; comments may stand before the first element
# How a file in UTF-16 begins, with a byte order mark or with "<".
_ENCODINGS = {b"\xff\xfe": "utf-16-le", b"<\0": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\0<": "utf-16-be"}
_ENTRY = re.compile(r"<(?P<slash>/?)(?:\w{1,40}:)?(?:item|entry)\b[^<>]{0,9000}>")


def is_feed(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a feed.

    Examples
    --------
    >>> is_feed(b"<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom'>"), is_feed(b"<html>")
    (True, False)
    """
    encoding = _ENCODINGS.get(head[:2], "latin-1")
    return bool(root_of(head[:_HEAD].decode(encoding, "replace").removeprefix("ï»¿")))


def feed_records(data: bytes, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of each entry of a feed, in the order of the feed.

    Parameters
    ----------
    data
        The bytes of the file. Nothing is ever fetched.
    source
        The name of the file, for messages.

    Yields
    ------
    tuple of str and object
        The position ("feed.xml: entry 3") and a record as `entry_record` describes it, or `Skipped`. Of entries that
        share an id, the one that was updated last is a record; the others are skipped, and equal ones left out. What
        follows after a fault in the XML, and the next page of a feed, are reported as `Skipped` at the end.

    Raises
    ------
    SourceError
        If the file is no feed, or cannot be decoded, or uses an entity bomb.
    MissingDependencyError
        If feedparser is not installed.

    Notes
    -----
    Cost: linear in the length of the file.

    Examples
    --------
    >>> feed = b"<rss><channel><item><guid>1</guid><title>Garlic</title></item></channel></rss>"
    >>> list(feed_records(feed, "feed.xml"))
    [('feed.xml: entry 1', {'id': '1', 'title': 'Garlic'})]
    """
    text = xml_text(data, source)
    is_rdf = root_of(text) == "rdf"
    feed, fault = _parsed(text, source)
    if is_rdf and not (feed.version or feed.entries or feed.channel.get("title")):
        raise SourceError(f"{source}: RDF without the elements of RSS 1.0; expected a feed.")
    places = [f"{source}: entry {number}" for number in range(1, len(feed.entries) + 1)]
    is_atom = feed.version.startswith("atom")
    records = [
        entry_record(entry, feed.channel, is_atom=is_atom, where=where)
        for where, entry in zip(places, feed.entries, strict=True)
    ]
    if fault is not None and _ends_in_entry(text):
        records[-1:] = [Skipped(where, "the file ends in the middle of this entry") for where in places[-1:]]
    yield from _newest_of_each_id(places, records)
    if fault is not None:
        yield source, Skipped(f"{source}: {fault.place}", f"not well-formed XML ({fault.reason}); text may be missing")
    for link in feed.channel.get("links") or ():
        if link.get("rel") == "next":
            yield source, Skipped(f"{source}: next", "the document continues there")


def _ends_in_entry(text: str) -> bool:
    """Whether the last entry of a feed has no end: what closes it may be missing."""
    last = next(reversed(list(_ENTRY.finditer(text))), None)
    return last is not None and not last["slash"]


def _parsed(text: str, source: str) -> tuple["ParsedFeed", "IllFormedError | None"]:
    """Return the feed, and the fault in its XML if text may be missing because of it."""
    try:
        from recs.readers.feeds.parser import IllFormedError, parse_xml
    except ImportError as error:
        raise MissingDependencyError("reading a feed", "feedparser", "readers") from error
    try:
        return parse_xml(text, source), None
    except IllFormedError:
        text = mended(text)
    try:
        return parse_xml(text, source), None
    except IllFormedError as error:
        fault = error
    try:
        return parse_xml(recovered(text), source), fault
    except IllFormedError as error:
        raise SourceError(f"{source}: {fault}; not well-formed XML, and no entry can be read.") from error


def _newest_of_each_id(
    places: Sequence[str], records: Sequence[dict[str, object] | Skipped]
) -> Iterator[tuple[str, object]]:
    """Yield the records, of those with one id the newest; the others as `Skipped`, but nothing for an equal one."""
    newest: dict[str, int] = {}
    for number, record in enumerate(records):
        item_id = _id(record)
        if item_id and (item_id not in newest or _moment(record) > _moment(records[newest[item_id]])):
            newest[item_id] = number
    for number, (where, record) in enumerate(zip(places, records, strict=True)):
        item_id = _id(record)
        chosen = newest.get(item_id, number)
        if chosen == number:
            yield where, record
        elif record != records[chosen]:
            other = places[chosen].rpartition(": ")[2]
            yield where, Skipped(where, f"{other} has the same id and is not older", item_id)


def _id(record: dict[str, object] | Skipped) -> str:
    return "" if isinstance(record, Skipped) else scalar(record.get("id") or record.get("url"))


def _moment(record: dict[str, object] | Skipped) -> float:
    """Return when an entry was updated, in seconds; the beginning of time if it does not say."""
    dates = () if isinstance(record, Skipped) else (record.get("updated"), record.get("date"))
    moments = (parse_date(date) for date in dates if date)
    moment: datetime | None = next(filter(None, moments), None)
    return moment.timestamp() if moment else float("-inf")
