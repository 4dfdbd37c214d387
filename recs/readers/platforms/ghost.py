"""Reads Ghost: the export of a site, which is a database as JSON, and the answers of its Content and Admin API.

The export keeps posts, tags and settings in tables. Here each post gets its tags, its further settings (`posts_meta`),
and a URL. The table in `recs.readers.visibility.closings` decides what is public, from the fields as Ghost writes them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from recs.items import Skipped
from recs.readers.json_files import loads
from recs.readers.values import Repeated, is_missing, pairs, scalar, switch
from recs.text.hidden.attributes import read_attributes
from recs.text.hidden.marks import PAYWALL

_SITE = "__GHOST_URL__"  # the export writes this in place of the site's URL
_LISTS = ("posts", "pages")
_TABLES = ("posts_tags", "posts_authors", "posts_meta", "posts_products", "post_revisions")
# Fields that only Ghost has under these names. A post with at least three of them is one of Ghost.
_OWN_FIELDS = frozenset(
    ("lexical", "mobiledoc", "comment_id", "codeinjection_head", "custom_excerpt", "custom_template", "feature_image")
).union(("og_image", "twitter_image", "primary_tag", "canonical_url", "meta_title", "feature_image_alt"))
_FEWEST_OWN = 3
_MOST_LOOKED_AT = 50
# Where the editor keeps a text. The field `html` is made of one of them, so only one form is read.
_SOURCES = ("lexical", "mobiledoc")
_OTHER_FORMS = ("markdown", "plaintext")
# Not text of the post as it is now: code, and earlier versions.
_DROPPED = frozenset(("codeinjection_head", "codeinjection_foot", "post_revisions"))
_PAYWALL_CARD = re.compile(r"\"paywall\"")
_META = re.compile(r"<meta\b(?P<attributes>[^<>]{0,1000})>", re.IGNORECASE)
# The times that the players of audio and video cards show, before their scripts run.
_PLAYER_TIMES = re.compile(
    r"<span class=\"kg-(?:audio|video)-current-time\">[^<>]{0,20}</span>"
    r"|<div class=\"kg-(?:audio|video)-time\">\s{0,9}/\s{0,9}<span[^<>]{0,100}>[^<>]{0,20}</span>\s{0,9}</div>"
)
_IS_PATH = re.compile(r"/[\w./%~-]*")


def is_ghost(document: object) -> bool:
    """Whether a JSON document is an export of Ghost, or an answer of its API.

    Examples
    --------
    >>> is_ghost({"db": [{"data": {"posts": []}}]}), is_ghost({"posts": [{"title": "Garlic"}]})
    (True, False)
    """
    return any(database.is_export or _are_of_ghost(database) for database in _databases(document))


def ghost_records(document: object, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of each post and page of a document for which `is_ghost` holds.

    An internal tag (`#name`) is no tag of its item; it stays in the field `internal_tags`. The URL of an exported item
    is `/slug/`, or the whole URL if the settings tell that of the site.

    Cost: linear in the number of characters.

    Examples
    --------
    >>> post = {"id": 7, "slug": "garlic", "html": "<p>Plant it.</p>", "status": "published"}
    >>> tables = {"posts": [post], "tags": [{"id": 1, "name": "Bulbs"}], "posts_tags": [{"post_id": 7, "tag_id": 1}]}
    >>> [(where, record)] = ghost_records({"db": [{"data": tables}]}, "ghost.json")
    >>> where, record["url"], record["tags"]
    ('ghost.json: post 1', '/garlic/', ['Bulbs'])
    """
    for database in _databases(document):
        for name in _LISTS:
            for number, post in enumerate(database.rows(name), 1):
                where = f"{source}: {name[:-1]} {number}"
                yield where, database.record(post, where)
    pagination = _object(_object(document, "meta"), "pagination") if isinstance(document, Mapping) else {}
    if following := pagination.get("next"):
        where = f"{source}: meta.pagination"
        yield where, Skipped(where, f"the document continues on page {scalar(following)}; fetch all pages")


def _databases(document: object) -> Iterator["_Database"]:
    """Yield the objects in a document that hold a list of posts or pages."""
    if not isinstance(document, Mapping):
        return
    listed = document.get("db")
    wrapped = (
        [part.get("data", part) for part in listed if isinstance(part, Mapping)] if isinstance(listed, list) else []
    )
    is_dump = bool(wrapped) or "exported_on" in _object(document, "meta")
    for tables in (*wrapped, document.get("data"), document):
        if isinstance(tables, Mapping) and any(_is_list(tables.get(name)) for name in _LISTS):
            yield _Database(tables, is_export=is_dump or not tables.keys().isdisjoint(_TABLES))


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, Mapping) else {}


def _is_list(value: object) -> bool:
    return isinstance(value, list) or (isinstance(value, Repeated) and any(isinstance(part, list) for part in value))


def _are_of_ghost(database: "_Database") -> bool:
    rows = (row for name in _LISTS for row in database.rows(name))
    posts = [post for post in islice(rows, _MOST_LOOKED_AT) if isinstance(post, Mapping)]
    return any(len(_OWN_FIELDS & post.keys()) >= _FEWEST_OWN for post in posts)


@dataclass(slots=True)
class _Tags:
    """The names of an item's tags, of its internal tags, and of the first tag if that is not internal."""

    names: list[str] = field(default_factory=list)
    internal: list[str] = field(default_factory=list)
    primary: str = ""


class _Database:
    """The tables of one export, by the ids of posts; an answer of the API has posts alone."""

    def __init__(self, tables: Mapping[str, Any], *, is_export: bool) -> None:
        self.is_export = is_export
        self._tables = tables
        self._site = _site_url(tables.get("settings"))
        self._tags = {scalar(row.get("id")): row for row in self._objects("tags")}
        self._tags_of_post: defaultdict[str, list[tuple[float, str]]] = defaultdict(list)
        for row in self._objects("posts_tags"):
            order = row.get("sort_order")
            place = order if isinstance(order, int | float) else 0
            self._tags_of_post[scalar(row.get("post_id"))].append((place, scalar(row.get("tag_id"))))
        self._meta_of_post: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in self._objects("posts_meta"):
            self._meta_of_post[scalar(row.get("post_id"))].append(row)
        self._earlier: defaultdict[str, list[str]] = defaultdict(list)
        for row in self._objects("redirects"):
            start, target = scalar(row.get("from")).strip("^$"), scalar(row.get("to")).strip("/")
            if _IS_PATH.fullmatch(start):
                self._earlier[target].append(start)

    def rows(self, name: str) -> list[object]:
        """Return the rows of a table, whatever is in them. A table that occurs twice has the rows of both."""
        value = self._tables.get(name)
        tables = value if isinstance(value, Repeated) else (value,)
        return [row for table in tables if isinstance(table, list) for row in table]

    def _objects(self, name: str) -> list[Mapping[str, Any]]:
        return [row for row in self.rows(name) if isinstance(row, Mapping)]

    def record(self, post: object, where: str) -> dict[str, object] | Skipped:
        """Return the record of a post, with what the other tables say about it."""
        if not isinstance(post, Mapping):
            return Skipped(where, f"a {type(post).__name__}, expected an object")
        post_id = scalar(post.get("id"))
        fields = _joined(post, self._meta_of_post.get(post_id, ()))
        try:
            body = _body(fields, self._site)
        except ValueError as error:
            return Skipped(where, str(error), post_id)
        unread = {"html", *_SOURCES, *_OTHER_FORMS, *_DROPPED, *(["excerpt"] if body else [])}
        record = {name: self._resolved(value) for name, value in fields.items() if name not in unread}
        record |= {name: self._resolved(value) for name, value in body.items()}
        record |= self._names_of(record, fields)
        tags = self._tags_of(post_id, fields)
        record |= {"tags": tags.names, "category": tags.primary}
        if tags.internal:
            record["internal_tags"] = tags.internal
        if robots := _robots(fields.get("codeinjection_head")):
            record["robots"] = robots
        if self.is_export and is_missing(record.get("status")):
            record["status"] = "draft"  # as Ghost itself imports such a post
        if any(scalar(status).strip().casefold() == "sent" for status in _each(record.get("status"))):
            record["email_only"] = True  # sent to subscribers, and not on the site
        return record

    def _names_of(self, record: Mapping[str, object], fields: Mapping[str, Any]) -> dict[str, object]:
        """Return the URL of a post, and other URLs that lead to it."""
        slug = scalar(fields.get("slug")).strip().strip("/")
        url = scalar(record.get("url")) or (f"{self._site}/{slug}/" if slug else "")
        others = [scalar(record.get("canonical_url")), *(self._earlier.get(slug, ()) if slug else ())]
        return {"url": url, "aliases": [other for other in others if other and other != url]}

    def _tags_of(self, post_id: str, fields: Mapping[str, Any]) -> _Tags:
        joined = sorted(self._tags_of_post.get(post_id, ()), key=lambda place_and_id: place_and_id[0])
        rows: list[object] = [self._tags[tag_id] for _, tag_id in joined if tag_id in self._tags]
        for own in _each(fields.get("tags")):
            rows += [self._tags.get(scalar(tag), tag) for tag in own] if isinstance(own, list) else []
        tags = _Tags()
        for row in rows:
            name = scalar(row.get("name") if isinstance(row, Mapping) else row).strip()
            is_internal = _is_internal(row, name)
            if name:
                (tags.internal if is_internal else tags.names).append(name)
            if row is rows[0] and not is_internal:
                tags.primary = name
        return tags

    def _resolved(self, value: object) -> object:
        return value.replace(_SITE, self._site) if isinstance(value, str) else value


def _joined(post: Mapping[str, Any], more: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the fields of a post and of its rows in `posts_meta`. For visibility, the values of both count."""
    own = [(name, value) for name, value in post.items() if not is_missing(value)]
    others = [(name, value) for row in more for name, value in row.items() if name not in ("id", "post_id")]
    return {**post, **pairs(own + [(name, value) for name, value in others if not is_missing(value)])}


def _each(value: object) -> Iterable[object]:
    return value if isinstance(value, Repeated) else (value,)


def _is_internal(row: object, name: str) -> bool:
    """Whether a tag is for the theme or the editors alone: Ghost marks it, and its name begins with "#"."""
    if name.startswith("#") or not isinstance(row, Mapping):
        return name.startswith("#")
    shown = row.get("visibility")
    return switch(row.get("hidden")) is True or not (is_missing(shown) or shown == "public")


def _body(fields: Mapping[str, Any], site: str) -> dict[str, object]:
    """Return the field with the text of a post; {} for none. Raises `ValueError` if it cannot be read.

    HTML is taken first. But if only the source has a paywall, the HTML is an older one, and may show what is behind it.
    No other form is tried then, or if the source cannot be read, because `plaintext` has no paywall.
    """
    html = fields.get("html")
    sources = {name: fields[name] for name in _SOURCES if not is_missing(fields.get(name))}
    is_walled = any(not isinstance(source, str) or _PAYWALL_CARD.search(source) for source in sources.values())
    is_whole = not is_walled or (isinstance(html, str) and bool(PAYWALL.search(html)))
    if not is_missing(html) and is_whole:
        return {"html": _PLAYER_TIMES.sub("", html) if isinstance(html, str) else html}
    for name, source in sources.items():
        return {"body": _blocks(source, name, site)}
    return next(({name: fields[name]} for name in _OTHER_FORMS if not is_missing(fields.get(name))), {})


def _blocks(source: object, name: str, site: str) -> Mapping[str, Any]:
    if isinstance(source, str):
        try:
            source = loads(source.replace(_SITE, site))
        except ValueError as error:
            raise ValueError(f"its {name} is not JSON") from error
    if not isinstance(source, Mapping):
        raise ValueError(f"its {name} is a {type(source).__name__}, expected an object")
    return source


def _robots(code: object) -> str:
    """Return what the code in the head of a page tells search engines; "" for nothing."""
    directives = []
    for text in _each(code):
        for tag in _META.finditer(text if isinstance(text, str) else ""):
            attributes = read_attributes(tag["attributes"])
            if attributes.get("name", "").strip().casefold() in ("robots", "googlebot"):
                directives.append(attributes.get("content", ""))
    return ", ".join(directives)


def _site_url(settings: object) -> str:
    """Return the URL of the site, without a slash at its end; "" if the settings do not tell it."""
    rows = settings if isinstance(settings, list) else []
    values = {scalar(row.get("key")): row.get("value") for row in rows if isinstance(row, Mapping)}
    values |= settings if isinstance(settings, Mapping) else {}
    url = scalar(values.get("url")).strip().rstrip("/")
    is_clean = url.startswith(("http://", "https://")) and not re.search(r"[\s\"'<>\\]", url)
    return url if is_clean else ""
