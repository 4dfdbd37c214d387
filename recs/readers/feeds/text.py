"""Turns the bytes of a feed into XML text that can be parsed: encoding, DOCTYPE, control characters, small faults."""

import html
import re
from html.entities import html5

from recs.errors import MissingDependencyError, SourceError
from recs.readers.json_files import read_text

_ROOT = re.compile(r"<(?:[\w.-]+:)?(?P<name>rss|rdf|feed|channel)(?=[\s/>])", re.IGNORECASE)
_DOCTYPE = re.compile(
    r"<!DOCTYPE(?:[^\[\]<>\"']|\"[^\"]*\"|'[^']*')*+(?:\[(?P<subset>.*?)\]\s*+)?>", re.IGNORECASE | re.DOTALL
)
_ENTITY = re.compile(
    r"<!ENTITY\s+(?P<name>[^\s\"'<>]+)\s+(?:\"(?P<value>[^\"]*)\"|'(?P<single>[^']*)')?", re.IGNORECASE
)
_PLAIN_VALUE = re.compile(r"[^&<%]{0,100}|&#(?:\d{1,7}|[xX][0-9a-fA-F]{1,6});")
_DECLARED = re.compile(r"\A\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"']([\w.:-]{1,40})[\"']", re.ASCII)
# Families of encodings that feeds use, but for UTF-8. UTF-16 cannot be right where its name was read byte by byte, and
# codecs such as punycode and unicode_escape are not tried.
_FAMILY = re.compile(
    r"iso[-_]?(?:8859|2022|ir)|ascii|us-ascii|cp\d|windows|latin|koi8|gb|big5|euc|shift|johab|hz|mac|tis|ptcp|kz",
    re.IGNORECASE,
)
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_REFERENCE = re.compile(
    r"(?P<literal><!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z))"
    r"|&(?:(?P<name>[A-Za-z]\w{0,40});|#(?P<decimal>\d{1,7});|#[xX](?P<hex>[0-9a-fA-F]{1,6});)?",
    re.DOTALL,
)
_OF_XML = frozenset(("amp", "lt", "gt", "quot", "apos"))
_PREFIX = re.compile(r"</?([A-Za-z_][\w.-]{0,40}):|\s([A-Za-z_][\w.-]{0,40}):[\w.-]{1,60}\s{0,5}=\s{0,5}[\"']")
_DECLARATION = re.compile(r"xmlns:([\w.-]+)\s*=")
_URI = re.compile(r"(\bxmlns(?::[\w.-]{1,40})?=[\"'])\s+([^\"'<>\s]*)\s*")
_MOST_PREFIXES = 50


def root_of(text: str) -> str:
    """Return the local name of the first element if it begins a feed; "" if it does not.

    Examples
    --------
    >>> root_of("<?xml version='1.0'?>\\n<!-- mine --><rss version='2.0'>"), root_of("<html>")
    ('rss', '')
    """
    start, _ = _prolog(text)
    match = _ROOT.match(text, start)
    return match["name"].lower() if match else ""


def xml_text(data: bytes, source: str) -> str:
    """Return the text of a feed from its first element on, after blank lines for all lines before it.

    The declared encoding is used, or UTF-8 if the bytes contradict it. A DOCTYPE is removed; the short entities that it
    declares are replaced by their text.

    Raises `SourceError` if the file is empty, is no feed, cannot be decoded, or uses an entity that holds other
    entities, a long text or another file.

    Examples
    --------
    >>> xml_text(b'<?xml version="1.0"?><!DOCTYPE rss SYSTEM "x.dtd"><rss>Caf\\xc3\\xa9</rss>', "feed.xml")
    '<rss>Café</rss>'
    """
    if not data.strip():
        raise SourceError(f"{source}: empty; expected a feed.")
    text = _decoded(data, source)
    start, subset = _prolog(text)
    if not _ROOT.match(text, start):
        raise SourceError(f"{source}: {_kind(text, start)}; expected a feed in RSS or Atom.")
    body = "\n" * text.count("\n", 0, start) + text[start:]  # so that lines keep their numbers
    if "<!ENTITY" in subset.upper():
        body = _with_entities(body, subset, source)
    return _ILLEGAL.sub("", body)


def mended(text: str) -> str:
    """Return a text with entities of HTML and single "&" as XML has them, and with all prefixes declared. A declared
    URI loses the blanks before it.

    Examples
    --------
    >>> mended("<rss>Q&A&nbsp;<itunes:title/></rss>").replace("\\xa0", "_")
    '<rss xmlns:itunes="urn:itunes">Q&amp;A_<itunes:title/></rss>'
    """
    text = _URI.sub(r"\1\2", _without_references(text, {}))
    used = {prefix for match in _PREFIX.finditer(text) for prefix in match.groups() if prefix}
    missing = sorted(used - set(_DECLARATION.findall(text)) - {"xml", "xmlns"})[:_MOST_PREFIXES]
    end_of_name = re.match(r"\s*<[^\s/>]+", text)
    if not missing or end_of_name is None:
        return text
    declarations = "".join(f' xmlns:{prefix}="urn:{prefix}"' for prefix in missing)
    return f"{end_of_name[0]}{declarations}{text[end_of_name.end() :]}"


def recovered(text: str) -> str:
    """Return well-formed XML with what lxml can read of a text: tags that are not closed, or a file that breaks off."""
    try:
        from lxml import etree
    except ImportError as error:
        raise MissingDependencyError("a feed that is not well-formed", "lxml", "readers") from error
    parser = etree.XMLParser(recover=True, resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError:
        return ""
    return "" if root is None else str(etree.tostring(root, encoding="unicode", with_tail=False))


def _decoded(data: bytes, source: str) -> str:
    """Return the text in the encoding that is declared after no byte order mark; if that is wrong, in UTF-8.

    feedparser turns the control characters of Latin 1 into the quotation marks of Windows-1252, as browsers do.
    """
    if data[:2] in (b"<\0", b"\0<"):
        data = data.decode("utf-16-le" if data[:1] == b"<" else "utf-16-be", "replace").encode("utf-8")
    declared = _DECLARED.match(data[:400].decode("latin-1"))
    if declared and _FAMILY.match(declared[1]):
        try:
            return data.decode("gb18030" if declared[1].lower() == "gb2312" else declared[1])
        except (LookupError, ValueError):
            pass
    return read_text(data, source)


def _prolog(text: str) -> tuple[int, str]:
    """Return where the first element begins, and the declarations inside the DOCTYPE before it."""
    place = 0
    subset = ""
    blank = re.compile(r"[\s\ufeff\x00]*+")
    while True:
        place = blank.match(text, place).end()  # type: ignore[union-attr]
        if text.startswith(("<?", "<!--"), place):
            ending = "?>" if text.startswith("<?", place) else "-->"
            end = text.find(ending, place)
            if end < 0:
                return place, subset
            place = end + len(ending)
        elif doctype := _DOCTYPE.match(text, place):
            subset += doctype["subset"] or ""
            place = doctype.end()
        else:
            return place, subset


def _with_entities(body: str, subset: str, source: str) -> str:
    """Return a text with the short entities of a DOCTYPE in place; `SourceError` if the text uses another one."""
    entities: dict[str, str] = {}
    others: set[str] = set()
    for match in _ENTITY.finditer(subset):
        value = match["value"] if match["value"] is not None else match["single"]
        if value is not None and _PLAIN_VALUE.fullmatch(value):
            entities[match["name"]] = html.unescape(value)
        else:
            others.add(match["name"])
    used = sorted(others.intersection(match["name"] for match in _REFERENCE.finditer(body)))
    if used:
        problem = f"uses the entity {used[0]!r} of its DOCTYPE, which holds other entities, a long text or another file"
        raise SourceError(f"{source}: {problem}; expected a feed without it.")
    return _without_references(body, entities)


def _without_references(text: str, entities: dict[str, str]) -> str:
    """Return a text in which all references are those of XML itself; a name that nobody declares stays as text."""

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        if match["literal"] is not None or name in _OF_XML:
            return match[0]
        if name:
            value = entities.get(name) or html5.get(f"{name};")
            return f"&amp;{name};" if value is None else _escaped(value)
        digits = match["decimal"] or match["hex"]
        if digits is None:
            return "&amp;"
        number = int(digits, 10 if match["decimal"] else 16)
        return _escaped(chr(number)) if number <= 0x10FFFF else ""

    return _REFERENCE.sub(replace, text)


def _escaped(value: str) -> str:
    return _ILLEGAL.sub("", html.escape(value))


def _kind(text: str, start: int) -> str:
    """Return in a few words what a file is that is no feed."""
    beginning = text[start : start + 100].lstrip()
    if not beginning.startswith("<"):
        return "not XML"
    if re.match(r"<!doctype html|<html|<head|<body", beginning, re.IGNORECASE) or "<html" in text[:start].lower():
        return "an HTML page, not the feed itself"
    name = re.match(r"<([\w:.-]{1,40})", beginning)
    return f"XML that begins with <{name[1]}>" if name else "XML that breaks off before its first element"
