"""Links between the items of one collection: found in their bodies, resolved to ids, hidden where they are the judge.

The author's own links say which items belong together. To judge a ranking by them, the words and addresses of the links
have to be out of sight first: `hide_links` takes them out of the bodies and makes the texts anew.
"""

import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from urllib.parse import SplitResult, unquote, urlsplit

from recs.items import Item, Link, Markup
from recs.text.boilerplate import without_lines
from recs.text.hidden.comments import comment_cuts, comment_spans, cut
from recs.text.markdown import wikilink_words
from recs.text.plain import CODE, plain_text

# Every repetition is bounded, and nothing runs past the next opening: hostile bodies cost linear time.
_TEMPLATE = r"\{\{.{0,300}?\}\}|\{%.{0,300}?%\}"
_HTML_LINK = (
    r"<a\b(?P<attributes>(?:[^<>\"']|\"[^\"]{0,2000}\"|'[^']{0,2000}'){0,200})>"
    r"(?P<html_anchor>(?:(?!<a\b).){0,2000}?)</a\s*>"
)
_MARKDOWN_LINK = (
    r"(?<!!)\[(?P<anchor>(?:[^\[\]]|!?\[[^\[\]]{0,300}\]){0,1000})\]"
    rf"\(\s*<?(?P<url>(?:{_TEMPLATE}|[^()\s<>]|\([^()\s]{{0,200}}\)){{1,1000}})>?(?:\s+[\"'(][^\n]{{0,300}}?[\"')])?\s*\)"
)
_WIKI_LINK = r"(?P<embed>!?)\[\[(?P<wiki>[^\[\]|\n]{1,200}?)(?:\\?\|(?P<wiki_anchor>[^\[\]\n]{0,200}))?\]\](?![(\[])"
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
_MOST_PARTS = 20  # of a path, that may be a name
_LEAST_SHARE, _LEAST_LINKS = 0.5, 3  # of the links to a host that must lead to items, where no item says its address


def resolve_links(items: Sequence[Item]) -> list[Item]:
    """Return the items with the links between them: those in their bodies, and those that a field declared.

    Links that lead elsewhere, or to the item itself, are left out. An address is matched by its path, with or without
    host, suffix and slashes, or by an earlier URL; a relative one against the address and the id of its item. Where
    items have no addresses, an id, or the last part of one if no two share it, is enough. A link `[[name]]` is matched
    by id, path, the last parts of these, title and alias; a name that two items share leads nowhere. A link that is
    both declared and in the body is kept once. Time linear in the characters.
    """
    found = [list(_written_links(item.body, item.markup)) for item in items]
    targets = _Targets(items, [link.target for links in found for link in links])
    resolved = []
    for item, links in zip(items, found, strict=True):
        written = _resolved(links, item, targets)
        words = {(link.target, words) for link in written for words in ("", link.anchor)}
        declared = _resolved([link for link in item.links if link.start == link.stop == 0], item, targets)
        kept = (*written, *(link for link in declared if (link.target, link.anchor) not in words))
        resolved.append(replace(item, links=kept) if kept or item.links else item)
    return resolved


def _resolved(links: Iterable[Link], item: Item, targets: "_Targets") -> list[Link]:
    """Return the links that lead to another item, with its id for their target."""
    found = [replace(link, target=targets.find(link.target, item) or "") for link in links]
    return [link for link in found if link.target and link.target != item.id]


def hide_links(items: Iterable[Item], boilerplate: Iterable[str] = ()) -> list[Item]:
    """Return the items with texts that hold neither words nor addresses of their links.

    A link found in a body is cut out of it, and the plain text is made anew, without the lines in `boilerplate`. Where
    only the words of a link are known they are taken out of the text as whole words, the longest first, once each.
    """
    lines = set(boilerplate)
    return [_without_links(item, lines) if item.links else item for item in items]


def _without_links(item: Item, lines: set[str]) -> Item:
    text = item.text
    links = {(link.start, link.stop, " ") for link in item.links if link.stop > link.start}
    if links:
        body = cut(item.body, [*links, *comment_cuts(item.body, item.markup)])
        text = without_lines(plain_text(body, item.markup), lines)[0]
    words = [link.anchor for link in item.links if link.stop <= link.start and link.anchor.strip()]
    for anchor in sorted(words, key=lambda words: (-len(words), words)):
        text = re.sub(rf"(?<!\w){re.escape(anchor)}(?!\w)", " ", text, count=1)
    return replace(item, text=text)


def _written_links(body: str, markup: Markup) -> Iterator[Link]:
    """Yield every link in a body, in order, its target as it is written. Those in code and comments are none."""
    if "[" not in body and "<a" not in body.lower() and "http" not in body:
        return
    body = _without_comments(body, markup)
    closed: list[tuple[int, int]] = []
    if markup == "markdown":
        closed = [match.span() for pattern in (CODE, _DEFINITION) for match in pattern.finditer(body)]
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


def _without_comments(body: str, markup: Markup) -> str:
    """Return a body with blanks in the place of comments, so that what is left stands where it stood."""
    return cut(body, [(start, stop, " " * (stop - start)) for start, stop in comment_spans(body, markup)])


def _parts(groups: dict[str, str | None], definitions: dict[str, str]) -> tuple[str, str]:
    """Return the words and the address of a link; no address where it is none."""
    if groups.get("attributes") is not None:
        href = _HREF.search(groups["attributes"] or "")
        return groups["html_anchor"] or "", next(filter(None, href.groups()), "") if href else ""
    if groups.get("url"):
        return groups["anchor"] or "", groups["url"] or ""
    if wiki := groups.get("wiki"):
        return wikilink_words(wiki, groups["wiki_anchor"] or "", is_embed=bool(groups["embed"])), f"[[{wiki}]]"
    named = groups.get("named") or groups.get("short")
    if named:
        return named, definitions.get(_fold(groups.get("name") or named), "")
    return "", groups["bare"] or ""


class _Unique:
    """Items by names of one kind; None for a name that two of them share."""

    def __init__(self) -> None:
        self.found: dict[object, str | None] = {}

    def add(self, name: object, item_id: str) -> None:
        """Add a name of an item."""
        self.found[name] = item_id if self.found.get(name, item_id) == item_id else None


class _Targets:
    """The items by everything that a link may call them."""

    def __init__(self, items: Sequence[Item], urls: Sequence[str]) -> None:
        ordered = sorted(items, key=lambda item: item.id)
        addresses = {item.id: split_url(item.url) for item in items}
        self._ids = {item.id for item in items}
        self._paths: dict[str, str] = {}
        slugs, aliases, earlier, full_names, names = (_Unique() for _ in range(5))
        for item in ordered:
            if path := _path_key(addresses[item.id].path):
                self._paths.setdefault(path, item.id)
            else:
                slugs.add(_slug(_path_key(item.id)), item.id)
        for item in items:
            self._paths.setdefault(_path_key(item.id), item.id)
            full_names.add(_name_key(item.id), item.id)
            for name in _names(item):
                names.add(name, item.id)
            for alias in (split_url(alias) for alias in item.aliases if "/" in alias):
                if not _path_key(alias.path):
                    continue
                aliases.add(_path_key(alias.path), item.id)
                earlier.add((_host(alias.netloc), _path_key(alias.path)), item.id)
        self._slugs, self._aliases, self._earlier = slugs.found, aliases.found, earlier.found
        self._full_names, self._names = full_names.found, names.found
        self._hosts = {_host(address.netloc) for address in addresses.values() if address.netloc} or self._guess(urls)

    def find(self, url: str, source: Item) -> str | None:
        """Return the id of the item that a link in `source` leads to."""
        if url in self._ids:
            return url
        if url.startswith("[["):
            return self._find_name(url)
        address = split_url(_unwrap(url))
        path = unquote(address.path)
        if address.scheme not in ("", "http", "https") or not path.strip("/"):
            return None
        if address.netloc and _host(address.netloc) not in self._hosts:
            return self._earlier.get((_host(address.netloc), _path_key(path)))
        bases = [] if address.netloc else [split_url(source.url).path, f"{source.id}/", source.id]
        candidates = [path, *(posixpath.normpath(posixpath.join("/", base, path)) for base in bases)]
        for paths in (self._paths, self._aliases):
            for candidate in candidates:
                if found := paths.get(_path_key(candidate)):
                    return found
        return self._slugs.get(_slug(_path_key(path)))

    def _find_name(self, link: str) -> str | None:
        """Return the id of the item that `[[name#part|words]]` calls; a whole id goes before other names."""
        name = link[2:].removesuffix("]]").partition("|")[0].partition("#")[0].strip()
        if name in self._ids:
            return name
        key = _name_key(name)
        return self._full_names.get(key) or self._names.get(key) if key else None

    def _guess(self, urls: Sequence[str]) -> set[str]:
        """Return the hosts whose pages seem to be the items, where no item says its address."""
        hits, total = Counter[str](), Counter[str]()
        for address in filter(lambda address: address.netloc, map(split_url, set(urls))):
            key, host = _path_key(address.path), _host(address.netloc)
            total[host] += 1
            hits[host] += bool(key) and (key in self._paths or bool(self._slugs.get(_slug(key))))
        return {host for host, count in hits.items() if count >= max(_LEAST_LINKS, _LEAST_SHARE * total[host])}


def _names(item: Item) -> Iterator[str]:
    """Yield the names by which `[[name]]` may call an item: id, path, the ends of these, title, aliases."""
    yield from map(_name_key, (item.title, *item.aliases))
    for path in (item.id, split_url(item.url).path):
        parts = _name_key(path).split("/")[-_MOST_PARTS:]
        yield from ("/".join(parts[start:]) for start in range(len(parts)))
        yield _slug(parts[-1])


def _name_key(name: str) -> str:
    """Return a name without case, double blanks, suffix, slashes and dots around it; NFC, as files may be NFD."""
    return _path_key(" ".join(unicodedata.normalize("NFC", name).split()).lstrip("./"))


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
