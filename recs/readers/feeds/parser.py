"""Runs feedparser over the text of a feed, with what hostile feeds misuse taken out. Import it inside functions."""

import xml.sax
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar
from xml.sax.expatreader import create_parser
from xml.sax.handler import feature_external_ges, feature_external_pes
from xml.sax.xmlreader import AttributesNSImpl

from feedparser.api import StrictFeedParser

from recs.errors import SourceError

_DEEPEST = 1000  # elements inside each other; pages in feeds stay below fifty
_MOST_ATTRIBUTES = 1000  # of one element; xml.sax searches them one by one
_MOST_NAMESPACES = 200  # feedparser goes through all of them for each element
# What feedparser raises for an element in a place, or without an attribute, that it does not expect.
_FAULTS = (KeyError, TypeError, IndexError, ValueError)
_NO_ELEMENT = "-"
_NAMESPACES = {
    "http://www.w3.org/2007/app": "app",
    "http://purl.org/atom/app#": "app",
    "http://schemas.google.com/blogger/2018": "blogger",
    "http://www.google.com/schemas/play-podcasts/1.0": "googleplay",
    "https://podcastindex.org/namespace/1.0": "podcast",
    "https://github.com/podcastindex-org/podcast-namespace/blob/main/docs/1.0.md": "podcast",
}
NAMESPACES: Mapping[str, str] = {**StrictFeedParser.namespaces, **_NAMESPACES}
"""Prefixes by the URI of their namespace, as the names of fields have them: `itunes_block`."""


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """What feedparser read.

    Attributes
    ----------
    channel
        The fields of the feed itself.
    entries
        The fields of its entries, in the order of the feed, under feedparser's names.
    version
        Its format, such as "rss20" or "atom10"; "" if it is no feed.
    """

    channel: dict[str, Any]
    entries: list[dict[str, Any]]
    version: str


class IllFormedError(Exception):
    """The text is not well-formed XML; holds the place ("line 3") and the reason."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


def parse_xml(text: str, source: str) -> ParsedFeed:
    """Return the feed in a text without a DOCTYPE.

    Raises `IllFormedError` if the text is not well-formed XML, and `SourceError` if it is nested too deeply.

    Examples
    --------
    >>> feed = parse_xml("<rss><channel><item><title>Garlic</title></item></channel></rss>", "feed.xml")
    >>> feed.version, feed.entries[0]["title"]
    ('rss', 'Garlic')
    """
    parser = _Parser(source)
    reader = create_parser(namespaceHandling=True)
    reader.setFeature(feature_external_ges, False)
    reader.setFeature(feature_external_pes, False)
    reader.setContentHandler(parser)
    try:
        reader.feed(text)  # in one piece: an element in many pieces costs quadratic time in old versions of expat
        reader.close()
    except xml.sax.SAXParseException as error:
        raise IllFormedError(f"line {error.getLineNumber() or 1}", error.getMessage()) from error
    # `dict` here, since the mapping of feedparser warns about names that it once had.
    return ParsedFeed(dict(parser.feeddata), [dict(entry) for entry in parser.entries], parser.version)


class _Parser(StrictFeedParser):  # type: ignore[misc]
    """feedparser without its searches that cost quadratic time, and with the repeated fields that it drops."""

    namespaces = NAMESPACES
    _matchnamespaces: ClassVar = {uri.lower(): prefix for uri, prefix in NAMESPACES.items()}
    resolve_relative_uris = False  # both would parse each text again; recs.text reads it once
    sanitize_html = False

    def __init__(self, source: str) -> None:
        super().__init__("", None, "utf-8")
        self._source = source
        self._pieces: list[str] = []
        self._roles: list[str] = []

    def characters(self, text: str) -> None:
        self._pieces.append(text)  # expat cuts a text at each line and each entity

    def _pass_text_on(self) -> None:
        if self._pieces:
            super().characters("".join(self._pieces))
            self._pieces.clear()

    def startElementNS(  # noqa: N802 (a name of xml.sax)
        self, name: tuple[str | None, str], qname: str | None, attrs: AttributesNSImpl
    ) -> None:
        if len(attrs) > _MOST_ATTRIBUTES:
            raise SourceError(f"{self._source}: an element with {len(attrs):,} attributes; expected a feed.")
        self._pass_text_on()
        super().startElementNS(name, qname, attrs)

    def endElementNS(self, name: tuple[str | None, str], qname: str | None) -> None:  # noqa: N802
        self._pass_text_on()
        super().endElementNS(name, qname)

    def unknown_starttag(self, tag: str, attrs: list[tuple[str, str]]) -> None:
        if self.depth >= _DEEPEST:
            raise SourceError(f"{self._source}: elements nested more than {_DEEPEST:,} deep; expected a feed.")
        if len(self.namespaces_in_use) > _MOST_NAMESPACES:
            raise SourceError(f"{self._source}: more than {_MOST_NAMESPACES} namespaces; expected a feed.")
        with suppress(*_FAULTS):
            super().unknown_starttag(tag, attrs)

    def unknown_endtag(self, tag: str) -> None:
        try:
            super().unknown_endtag(tag)
        except _FAULTS:
            super().unknown_endtag(_NO_ELEMENT)  # leaves the element; its own handler failed before that

    def _sync_author_detail(self, key: str = "author") -> None:
        """Do not search the author for an e-mail address: recs reads no authors, and the search is quadratic."""

    def _add_tag(self, term: str | None, scheme: str | None, label: str | None) -> None:
        tags = self._get_context().setdefault("tags", [])
        if term or scheme or label:
            tags.append({"term": term, "scheme": scheme, "label": label})

    def _end_published(self) -> None:
        self.pop("published")  # recs reads dates itself

    _end_issued = _end_pubdate = _end_published

    def _end_updated(self) -> None:
        self.pop("updated")

    _end_modified = _end_lastbuilddate = _end_updated

    def _end_created(self) -> None:
        self.pop("created")

    def _end_expirationdate(self) -> None:
        self.pop("expired")

    def _end_itunes_block(self) -> None:
        self.pop("itunes_block")  # feedparser would read TRUE as no

    def _start_itunes_summary(self, _: Mapping[str, str]) -> None:
        self.push("itunes_summary", 1)  # feedparser takes it as the content, although it is a copy without markup

    def _end_itunes_summary(self) -> None:
        self.pop("itunes_summary")

    def _start_podcast_transcript(self, attrs: Mapping[str, str]) -> None:
        transcript = dict(attrs)
        if transcript.get("url"):
            transcript["url"] = self.resolve_uri(transcript["url"])
            self._get_context().setdefault("transcripts", []).append(transcript)

    def _end_podcast_transcript(self) -> None:
        """Its text is empty."""

    def _start_podcast_chapters(self, attrs: Mapping[str, str]) -> None:
        if attrs.get("url"):
            self._get_context()["chapters"] = self.resolve_uri(attrs["url"])

    def _end_podcast_chapters(self) -> None:
        """Its text is empty."""

    def _start_podcast_person(self, attrs: Mapping[str, str]) -> None:
        self._roles.append(attrs.get("role") or "host")  # as the podcast namespace has it
        self.push("podcast_person", 1)

    def _end_podcast_person(self) -> None:
        name = self.pop("podcast_person")
        role = self._roles.pop() if self._roles else "host"
        if name:
            self._get_context().setdefault("persons", []).append((role.strip().lower(), " ".join(name.split())))

    def _start_podcast_block(self, attrs: Mapping[str, str]) -> None:
        self.push("podcast_block_of_one" if attrs.get("id") else "podcast_block", 1)

    def _end_podcast_block(self) -> None:
        self.pop(self.elementstack[-1][0] if self.elementstack else "")
