"""Finds where the links in blocks lead, and writes links as HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

from recs.readers.values import scalar

_ANCHOR = re.compile(r"<a\s(?P<attributes>[^<>]{1,2000})>", re.IGNORECASE)
_TO_PAGE = re.compile(r"(?<![\w-])linktype\s{0,9}=\s{0,9}[\"']?page\b", re.IGNORECASE)
_PAGE_ID = re.compile(r"(?<![\w-])id\s{0,9}=\s{0,9}[\"']?(?P<id>[\w-]{1,100})", re.IGNORECASE)
_HAS_HREF = re.compile(r"(?<![\w-])href\s{0,9}=", re.IGNORECASE)
# Fields of a link that name the page it leads to. `_PAGES` may hold just the id, the others hold an object with the id.
_PAGES = ("doc", "document", "reference", "page", "post", "entry")
_TARGETS = (*_PAGES, "target", "asset", "item", "internal", "internalLink", "link", "to", "story")
_INTERNAL = {"internal", "reference", "entry", "page", "story"}


def link_html(url: str, html: str) -> str:
    """Return HTML inside a link. It stays as it is if there is no URL or no text."""
    return f'<a href="{escape(url)}">{html}</a>' if url and html.strip() else html


def address_of(node: Mapping[str, Any]) -> str:
    """Return where a link leads, from its own fields or from its attributes: a URL, or the id of a page.

    Examples
    --------
    >>> address_of({"type": "link", "attrs": {"href": "/leeks/"}})
    '/leeks/'
    """
    attributes = map(node.get, ("attrs", "data", "fields", "value"))
    places = [node, *(fields for fields in attributes if isinstance(fields, Mapping))]
    urls = (place.get(key) for place in places for key in ("href", "url", "uri"))
    url = next((value for value in urls if isinstance(value, str) and value.strip()), "")
    kinds = (place.get(key) for place in places for key in ("linkType", "linktype", "type"))
    if url and not any(isinstance(kind, str) and kind.casefold() in _INTERNAL for kind in kinds):
        return url
    return next(filter(None, map(_page_of, places)), url)


def _page_of(link: Mapping[str, Any]) -> str:
    """Return the id of the page that a link names; "" for none."""
    plain_id = next((scalar(link[key]) for key in _PAGES if _plain_id(link.get(key))), "")
    by_name = (_id_of(link[key]) for key in _TARGETS if isinstance(link.get(key), Mapping))
    by_reference = (_id_of(part) for part in link.values() if isinstance(part, Mapping) and "_ref" in part)
    return scalar(link.get("_ref")) or next(filter(None, (*by_name, *by_reference)), plain_id)


def _id_of(page: Mapping[str, Any]) -> str:
    """Return the id of a page, given a reference to it or the page itself; its slug if it has no id."""
    if "relationTo" in page:  # a reference of Payload
        value = page.get("value")
        return _id_of(value) if isinstance(value, Mapping) and "relationTo" not in value else _plain_id(value)
    system = page.get("sys")  # in Contentful
    ids = [system.get("id")] if isinstance(system, Mapping) else []
    ids += [page.get(key) for key in ("_ref", "_id", "id", "uuid")]
    return next(filter(None, map(_plain_id, ids)), _slug_of(page))


def _plain_id(value: object) -> str:
    return scalar(value).strip() if isinstance(value, int) or (isinstance(value, str) and " " not in value) else ""


def _slug_of(page: Mapping[str, Any]) -> str:
    slug = page.get("slug")
    return _plain_id(slug.get("current") if isinstance(slug, Mapping) else slug)


def link_addresses(node: Mapping[str, Any]) -> dict[object, str]:
    """Return the URLs of the links in a block of Portable Text, by the keys that its pieces use for them."""
    marks = node.get("markDefs")
    definitions = [mark for mark in marks if isinstance(mark, Mapping)] if isinstance(marks, list) else []
    return {str(mark.get("_key")): address_of(mark) or _slug_of(mark) for mark in definitions}


def with_page_links(html: str) -> str:
    """Return HTML in which the page links of Wagtail (`<a linktype="page" id="4">`) lead to the ids of the pages."""
    return _ANCHOR.sub(_page_link, html)


def _page_link(anchor: re.Match[str]) -> str:
    attributes = anchor["attributes"]
    page = _PAGE_ID.search(attributes)
    if page is None or not _TO_PAGE.search(attributes) or _HAS_HREF.search(attributes):
        return anchor[0]
    return f'<a href="{page["id"]}" {attributes}>'
