"""Links between the items of one collection: found in their bodies, resolved to ids, hidden where they are the judge.

The author's own links say which items belong together. To judge a ranking by them, the words and addresses of the links
have to be out of sight first: `hide_links` takes them out of the bodies and makes the texts anew.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from urllib.parse import SplitResult, unquote, urlsplit

from recs.items import Item, Link, Markup
from recs.text import CODE, plain_text, without_lines

# Every repetition is bounded, and nothing runs past the next opening: hostile bodies cost linear time.
_COMMENT = re.compile(r"<!--(?:(?!<!--).){0,10000}?-->", re.DOTALL)
_TEMPLATE = r"\{\{.{0,300}?\}\}|\{%.{0,300}?%\}"
_HTML_LINK = (
    r"<a\b(?P<attributes>(?:[^<>\"']|\"[^\"]{0,2000}\"|'[^']{0,2000}'){0,200})>"
    r"(?P<html_anchor>(?:(?!<a\b).){0,2000}?)</a\s*>"
)
_MARKDOWN_LINK = (
    r"(?<!!)\[(?P<anchor>(?:[^\[\]]|!?\[[^\[\]]{0,300}\]){0,1000})\]"
    rf"\(\s*<?(?P<url>(?:{_TEMPLATE}|[^()\s<>]|\([^()\s]{{0,200}}\)){{1,1000}})>?(?:\s+[\"'(][^\n]{{0,300}}?[\"')])?\s*\)"
)
_WIKI_LINK = r"\[\[(?P<wiki>[^\[\]|\n]{1,200})(?:\|(?P<wiki_anchor>[^\[\]\n]{1,200}))?\]\]"
_REFERENCE = (
    r"(?<!!)\[(?P<named>[^\[\]]{1,300})\]\[(?P<name>[^\[\]]{0,200})\]"
    r"|(?<![!\]])\[(?P<short>[^\[\]]{1,200})\](?![(\[:])"
)
_BARE = r"<?(?P<bare>https?://[^\s<>()\[\]\"'`|]{1,1000}[^\s<>()\[\]\"'`|.,;:!?*_])>?"
_DEFINITION = re.compile(r"^ {0,3}\[([^\[\]]{1,200})\]:[ \t]*<?([^\s<>]{1,1000})>?", re.MULTILINE)
_HREF = re.compile(r"\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_PATTERNS: dict[Markup, re.Pattern[str]] = {
    "html": re.compile(f"{_HTML_LINK}|{_BARE}", re.IGNORECASE | re.DOTALL),
    "markdown": re.compile(
        f"{_HTML_LINK}|{_MARKDOWN_LINK}|{_WIKI_LINK}|{_REFERENCE}|{_BARE}", re.IGNORECASE | re.DOTALL
    ),
    "text": re.compile(_BARE, re.IGNORECASE),
}
_QUOTED = re.compile(r"[\"']([^\"']+)[\"']")
_TAG = re.compile(r"<[^<>]{0,1000}>|!\[|\]\([^()]{0,1000}\)")
_SUFFIX = re.compile(r"(?:^|/)_?index\.\w{2,8}$|\.(?:html?|php|md|mdx|markdown)$", re.IGNORECASE)
_DATED = re.compile(r"^\d{4}-\d{2}-\d{2}-(?=.)")
_LEAST_SHARE, _LEAST_LINKS = 0.5, 3  # of the links to a host that must lead to items, where no item says its address


def resolve_links(items: Sequence[Item]) -> list[Item]:
    """Return the items with the links between them: those in their bodies, and those that a field declared.

    Links that lead elsewhere, or to the item itself, are left out. An address is matched by its path, with or without
    host, suffix and slashes; a relative one against the address and the id of its item. Where items have no addresses,
    an id, or the last part of one if no two share it, is enough. Time linear in the characters.
    """
    found = [list(_written_links(item.body, item.markup)) for item in items]
    targets = _Targets(items, [link.target for links in found for link in links])
    resolved = []
    for item, written in zip(items, found, strict=True):
        links = [replace(link, target=targets.find(link.target, item) or "") for link in (*written, *item.links)]
        kept = tuple(link for link in links if link.target and link.target != item.id)
        resolved.append(replace(item, links=kept) if kept or item.links else item)
    return resolved


def hide_links(items: Iterable[Item], boilerplate: Iterable[str] = ()) -> list[Item]:
    """Return the items with texts that hold neither words nor addresses of their links.

    A link found in a body is cut out of it, and the plain text is made anew, without the lines in `boilerplate`. Where
    only the words of a link are known they are taken out of the text as whole words, the longest first, once each.
    """
    lines = set(boilerplate)
    return [_without_links(item, lines) if item.links else item for item in items]


def _without_links(item: Item, lines: set[str]) -> Item:
    text = item.text
    spans = sorted({(link.start, link.stop) for link in item.links if link.stop > link.start})
    if spans:
        starts = [0, *(stop for _, stop in spans)]
        stops = [*(start for start, _ in spans), len(item.body)]
        body = " ".join(item.body[start:stop] for start, stop in zip(starts, stops, strict=True))
        text = without_lines(plain_text(body, item.markup), lines)[0]
    words = [link.anchor for link in item.links if link.stop <= link.start and link.anchor.strip()]
    for anchor in sorted(words, key=lambda words: (-len(words), words)):
        text = re.sub(rf"(?<!\w){re.escape(anchor)}(?!\w)", " ", text, count=1)
    return replace(item, text=text)


def _written_links(body: str, markup: Markup) -> Iterator[Link]:
    """Yield every link in a body, in order, its target as it is written. Those in code and comments are none."""
    if "[" not in body and "<a" not in body.lower() and "http" not in body:
        return
    closed = [match.span() for match in _COMMENT.finditer(body)]
    if markup == "markdown":
        closed += [match.span() for pattern in (CODE, _DEFINITION) for match in pattern.finditer(body)]
    closed.sort(reverse=True)
    definitions = {_fold(name): url for name, url in _DEFINITION.findall(body)} if markup == "markdown" else {}
    for match in _PATTERNS[markup].finditer(body):
        while closed and closed[-1][1] <= match.start():
            closed.pop()
        if closed and closed[-1][0] <= match.start():
            continue
        anchor, url = _parts(match.groupdict(), definitions)
        if url:
            yield Link(match.start(), match.end(), " ".join(_TAG.sub(" ", anchor).split()), url)


def _parts(groups: dict[str, str | None], definitions: dict[str, str]) -> tuple[str, str]:
    """Return the words and the address of a link; no address where it is none."""
    if groups.get("attributes") is not None:
        href = _HREF.search(groups["attributes"] or "")
        return groups["html_anchor"] or "", next(filter(None, href.groups()), "") if href else ""
    if groups.get("url"):
        return groups["anchor"] or "", groups["url"] or ""
    if groups.get("wiki"):
        return groups["wiki_anchor"] or groups["wiki"] or "", groups["wiki"] or ""
    named = groups.get("named") or groups.get("short")
    if named:
        return named, definitions.get(_fold(groups.get("name") or named), "")
    return "", groups["bare"] or ""


class _Targets:
    """The items by everything that a link may call them."""

    def __init__(self, items: Sequence[Item], urls: Sequence[str]) -> None:
        self._paths: dict[str, str] = {}
        self._slugs: dict[str, str | None] = {}
        addresses = {item.id: split_url(item.url) for item in items}
        for item in sorted(items, key=lambda item: item.id):
            if path := _path_key(addresses[item.id].path):
                self._paths.setdefault(path, item.id)
            else:
                slug = _slug(_path_key(item.id))
                self._slugs[slug] = None if slug in self._slugs else item.id
        for item in items:
            self._paths.setdefault(_path_key(item.id), item.id)
        self._ids = {item.id for item in items}
        self._hosts = {_host(address.netloc) for address in addresses.values() if address.netloc} or self._guess(urls)

    def find(self, url: str, source: Item) -> str | None:
        """Return the id of the item that a link in `source` leads to."""
        if url in self._ids:
            return url
        address = split_url(_unwrap(url))
        if address.scheme not in ("", "http", "https") or (address.netloc and _host(address.netloc) not in self._hosts):
            return None
        path = unquote(address.path)
        if not path.strip("/"):
            return None
        bases = [] if address.netloc else [split_url(source.url).path, f"{source.id}/", source.id]
        for candidate in (path, *(posixpath.normpath(posixpath.join("/", base, path)) for base in bases)):
            if found := self._paths.get(_path_key(candidate)):
                return found
        return self._slugs.get(_slug(_path_key(path)))

    def _guess(self, urls: Sequence[str]) -> set[str]:
        """Return the hosts whose pages seem to be the items, where no item says its address."""
        hits, total = Counter[str](), Counter[str]()
        for address in filter(lambda address: address.netloc, map(split_url, set(urls))):
            key, host = _path_key(address.path), _host(address.netloc)
            total[host] += 1
            hits[host] += bool(key) and (key in self._paths or bool(self._slugs.get(_slug(key))))
        return {host for host, count in hits.items() if count >= max(_LEAST_LINKS, _LEAST_SHARE * total[host])}


def _unwrap(url: str) -> str:
    """Return the address inside the tag of a site generator: `{{ "/a/" | url }}`, `{% post_url 2020-01-02-a %}`."""
    url = url.strip()
    if not url.startswith(("{{", "{%")):
        return url
    quoted = _QUOTED.search(url)
    words = url.strip("{}%<>- \t").split()
    return quoted[1] if quoted else words[-1] if words else ""


def split_url(url: str | None) -> SplitResult:
    """Return the parts of an address, all empty where it cannot be split."""
    try:
        return urlsplit(url or "")
    except ValueError:
        return urlsplit("")


def _path_key(path: str) -> str:
    """Return a path without slashes around it, suffix and case."""
    return _SUFFIX.sub("", unquote(path).strip().strip("/")).strip("/").casefold()


def _slug(key: str) -> str:
    return _DATED.sub("", key.rpartition("/")[2])


def _host(netloc: str) -> str:
    return netloc.rpartition("@")[2].casefold().removeprefix("www.")


def _fold(name: str) -> str:
    return " ".join(name.casefold().split())
