"""Tells which item of a collection a link leads to."""

import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import SplitResult, unquote, urlsplit

from recs.items import Item

_REFERENCE = re.compile(r"\{\{[<%]-?\s*(?:rel)?ref\b|\{%-?\s*(?:post_url|link)\b")  # tags that name a file
_SOURCE = re.compile(r"\.(?:mdx?|markdown)$", re.IGNORECASE)
_BASE = re.compile(r"(?:\{\{-?\s*site\.(?:base)?url\s*-?\}\}\s*)+", re.IGNORECASE)  # of Jekyll, before a path
_QUOTED = re.compile(r"[\"']([^\"']+)[\"']")
_SUFFIX = re.compile(r"(?:^|/)_?index\.\w{2,8}$|\.(?:html?|php|md|mdx|markdown)$", re.IGNORECASE)
_DATED = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}-(?=.)")
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_FILE = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_NO_SLUG = re.compile(r"[/?\s]")
_MOST_PARTS = 20  # of a path, from its end, that may be a name
# If no item has a URL, a host is taken for the site itself if this share of the links to it, and this number of them,
# lead to items.
_LEAST_SHARE = 0.5
_LEAST_LINKS = 3


class LinkTargets:
    """The ids of items by every name that a link may use for them.

    `urls` are the URLs of all links of the collection. If no item has a URL, they are read, and show which host is the
    site itself.

    Examples
    --------
    >>> garlic = Item(id="garlic", text="", url="https://example.org/plants/garlic/")
    >>> leeks = Item(id="leeks", text="", url="https://example.org/plants/leeks/")
    >>> LinkTargets([garlic, leeks], []).find("../leeks", garlic)
    'leeks'
    """

    def __init__(self, items: Sequence[Item], urls: Iterable[str]) -> None:
        ordered = sorted(items, key=lambda item: item.id)
        addresses = {item.id: split_url(item.url) for item in items}
        self._ids = {item.id for item in items}
        self._paths: dict[str, str] = {}
        self._slugs = _Unique()
        self._dated = _Unique()
        self._folders = {name for item in items for name in _path_key(item.id).split("/")[:-1]}
        self._aliases = _Unique()
        self._earlier = _Unique()
        self._queries = _Unique()
        self._full_names = _Unique()
        self._names = _Unique()
        for item in ordered:
            if path := _path_key(addresses[item.id].path):
                self._paths.setdefault(path, item.id)
            else:
                self._add_slugs(item)
        for item in items:
            if not (item.url and item.id.isdecimal()):  # "/2019/" is the archive of a year, not the post 2019
                self._paths.setdefault(_path_key(item.id), item.id)
            self._add_names(item)
        self._hosts = {_host(address.netloc) for address in addresses.values() if address.netloc} or self._guess(urls)

    def _add_slugs(self, item: Item) -> None:
        """Add the last parts that the URL of an item without one may have, alone and after its date."""
        names = (item.id, *(alias for alias in item.aliases if not _NO_SLUG.search(alias)))
        date = _DATE.match(item.published or "") or _DATE.match(item.id.rpartition("/")[2])
        for slug in {_slug(_path_key(name)) for name in names}:
            self._slugs.add(slug, item.id)
            if date:
                year, month, day = map(int, date.groups())
                for numbers in ((year,), (year, month), (year, month, day)):
                    self._dated.add((*numbers, slug), item.id)

    def _add_names(self, item: Item) -> None:
        self._full_names.add(_name_key(item.id), item.id)
        for name in _names(item):
            self._names.add(name, item.id)
        for alias in (split_url(alias) for alias in item.aliases if "/" in alias):
            if path := _path_key(alias.path):
                self._aliases.add(path, item.id)
                self._earlier.add((_host(alias.netloc), path), item.id)
        for query in (alias for alias in item.aliases if alias.startswith("?")):
            self._queries.add(query, item.id)

    def find(self, url: str, source: Item) -> str | None:
        """Return the id of the item that a link in `source` leads to."""
        if url in self._ids:
            return url
        if url.startswith("[["):
            return self._find_name(url)
        address = split_url(_unwrap(url))
        target = self._find_query(address) or self._find_path(address, source)
        return target or (self._find_name(address.path) if _REFERENCE.search(url) else None)

    def _find_query(self, address: SplitResult) -> str | None:
        """Return the id of the item with an alias such as "?p=12", as WordPress writes the address of a draft."""
        if not address.query or not self._is_own(address):
            return None
        return next(filter(None, (self._queries.ids.get(f"?{pair}") for pair in address.query.split("&")[:9])), None)

    def is_page(self, url: str) -> bool:
        """Return whether a link leads to a page of the site: not to another host, a part of a page, or a file.

        Examples
        --------
        >>> targets = LinkTargets([Item(id="garlic", text="")], [])
        >>> [targets.is_page(url) for url in ("/leeks/", "[[Leeks]]", "#roots", "/leek.png", "https://example.org/")]
        [True, True, False, False, False]
        """
        if url.startswith("[["):
            return True
        address = split_url(_unwrap(url))
        suffix = _FILE.search(address.path)
        is_web = address.scheme in ("", "http", "https") and self._is_own(address)
        return is_web and bool(address.path.strip("/")) and (suffix is None or bool(_SUFFIX.search(address.path)))

    def _find_path(self, address: SplitResult, source: Item) -> str | None:
        path = unquote(address.path)
        if address.scheme not in ("", "http", "https") or not path.strip("/"):
            return None
        if not self._is_own(address):
            return self._earlier.ids.get((_host(address.netloc), _path_key(path)))
        bases = [] if address.netloc else [split_url(source.url).path, f"{source.id}/", source.id]
        is_source = bool(_SOURCE.search(path)) and not address.netloc  # a path from one file to another
        if is_source:
            bases = [posixpath.dirname(source.id), source.id]
        joined = [posixpath.normpath(posixpath.join("/", base, path)) for base in bases]
        candidates = [*joined, path] if is_source else [path, *joined]
        for ids_by_path in (self._paths, self._aliases.ids):
            for candidate in candidates:
                if item_id := ids_by_path.get(_path_key(candidate)):
                    return item_id
        return self._find_slug(_path_key(path))

    def _find_slug(self, path: str) -> str | None:
        """Return the id of an item without a URL whose last part is that of a path.

        If numbers come before it, they must be the date of the item. Other parts before it must not be the names of
        folders of items: in such a folder the item would have been found.
        """
        *before, slug = path.split("/")
        slug = _DATED.sub("", slug)
        numbers = [int(part) for part in before if part.isdecimal() and len(part) <= 4][-3:]
        if numbers:
            return self._dated.ids.get((*numbers, slug)) or self._dated.ids.get((*numbers[:2], slug))
        return self._slugs.ids.get(slug) if self._folders.isdisjoint(before) else None

    def _is_own(self, address: SplitResult) -> bool:
        return not address.netloc or _host(address.netloc) in self._hosts

    def _find_name(self, link: str) -> str | None:
        """Return the id of the item that `[[name#part|words]]` or the tag of a generator names.

        A whole id takes precedence over other names.
        """
        name = link.removeprefix("[[").removesuffix("]]").partition("|")[0].partition("#")[0].strip()
        if name in self._ids:
            return name
        key = _name_key(name)
        return (self._full_names.ids.get(key) or self._names.ids.get(key)) if key else None

    def _guess(self, urls: Iterable[str]) -> set[str]:
        """Return the hosts whose pages seem to be the items, for a collection without URLs."""
        hits = Counter[str]()
        total = Counter[str]()
        for address in filter(lambda address: address.netloc, map(split_url, set(urls))):
            key = _path_key(address.path)
            host = _host(address.netloc)
            total[host] += 1
            hits[host] += bool(key) and (key in self._paths or bool(self._slugs.ids.get(_slug(key))))
        return {host for host, count in hits.items() if count >= max(_LEAST_LINKS, _LEAST_SHARE * total[host])}


class _Unique:
    """The ids of items by names of one kind; None for a name that two items share."""

    def __init__(self) -> None:
        self.ids: dict[object, str | None] = {}

    def add(self, name: object, item_id: str) -> None:
        """Add a name of an item."""
        self.ids[name] = item_id if self.ids.get(name, item_id) == item_id else None


def _names(item: Item) -> Iterator[str]:
    """Yield the names that `[[name]]` may use for an item: id, path, the last parts of both, title, aliases."""
    yield from map(_name_key, (item.title, *item.aliases))
    for path in (item.id, split_url(item.url).path):
        parts = _name_key(path).split("/")[-_MOST_PARTS:]
        yield from ("/".join(parts[start:]) for start in range(len(parts)))
        yield _slug(parts[-1])


def _name_key(name: str) -> str:
    """Return a name in lower case, with single blanks, without suffix and outer slashes; NFC, as files may be NFD."""
    return _path_key(" ".join(unicodedata.normalize("NFC", name).split()).lstrip("./"))


def _unwrap(url: str) -> str:
    """Return the URL inside the tag of a site generator: `{{ "/a/" | url }}`, `{% post_url 2020-01-02-a %}`."""
    url = _BASE.sub("", url.strip())
    if not url.startswith(("{{", "{%")):
        return url
    if quoted := _QUOTED.search(url):
        return quoted[1]
    words = url.strip("{}%<>- \t").split()
    return words[-1] if words else ""


def split_url(url: str | None) -> SplitResult:
    """Return the parts of a URL; all are empty if it cannot be split.

    Examples
    --------
    >>> split_url("https://example.org/garlic/").path
    '/garlic/'
    >>> split_url("https://[broken").path
    ''
    """
    try:
        return urlsplit(url or "")
    except ValueError:
        return urlsplit("")


def _path_key(path: str) -> str:
    """Return a path in lower case, without outer slashes and suffix."""
    return _SUFFIX.sub("", unquote(path).strip().strip("/")).strip("/").casefold()


def _slug(key: str) -> str:
    return _DATED.sub("", key.rpartition("/")[2])


def _host(netloc: str) -> str:
    return netloc.rpartition("@")[2].casefold().removeprefix("www.")
