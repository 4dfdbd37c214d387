"""The web addresses that Jekyll and Hexo give to a page."""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from recs.readers.folders.permalink_parts import (
    DATED_NAME,
    Address,
    Page,
    day_parts,
    fill,
    setting,
    slug_of,
    url_base,
    written_day,
)
from recs.readers.folders.sites import Site
from recs.readers.values import switch

_STYLES = {
    "date": "/:categories/:year/:month/:day/:title:output_ext",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "ordinal": "/:categories/:year/:y_day/:title:output_ext",
    "none": "/:categories/:title:output_ext",
}
_PRETTY = "._~!$&'()+,;=@"  # marks that Jekyll keeps in `:title`


def jekyll_address(site: Site, page: Page) -> Address | None:
    """Return the address of a page of Jekyll; None if it is unknown.

    Examples
    --------
    >>> site = Site("jekyll", config={"url": "https://example.org", "permalink": "pretty"})
    >>> jekyll_address(site, Page(PurePath("_posts/2026-10-01-garlic.md"), {"title": "Garlic"})).url
    'https://example.org/2026/10/01/garlic/'
    """
    config = site.config
    if not page.fields or config.get("source") or config.get("collections_dir"):
        return None  # a file without front matter is copied, and gets no page
    style = setting(config, "permalink", "date")
    own = page.text("permalink") or _default_permalink(site, page.path)
    values, pattern = _of_kind(config, page, style)
    path = fill(own or pattern, values) if pattern else None
    if not path:
        return None
    base = url_base(setting(config, "url")) + url_base("/" + setting(config, "baseurl").strip("/"))
    return Address.of(base, path.removesuffix("index.html") if path.endswith("/index.html") else path)


def _default_permalink(site: Site, path: PurePath) -> str:
    """Return the permalink that the defaults of a configuration give a file; "" for none."""
    return next((str(part["permalink"]) for part in reversed(list(site.scoped(path))) if part.get("permalink")), "")


def _of_kind(config: Mapping[str, Any], page: Page, style: str) -> tuple[Mapping[str, str], str]:
    """Return the values of the tokens, and the pattern for a post, a page or a file of a collection; "" for unknown."""
    *folders, name = page.path.with_suffix("").parts
    if "_posts" in folders:
        return _post(page, tuple(folders), name, style)
    if folders and folders[0].startswith("_"):
        return _of_collection(config, page, style)
    if any(folder.startswith("_") for folder in folders):
        return {}, ""
    values = {"path": "/".join(folders), "basename": name, "output_ext": ".html"}
    return values, "/:path/" if name == "index" else f"/:path/:basename{_ending(style)}"


def _post(page: Page, folders: tuple[str, ...], name: str, style: str) -> tuple[Mapping[str, str], str]:
    dated = DATED_NAME.fullmatch(name)
    day = written_day(page.fields.get("date"), is_moment=True) if page.fields.get("date") else None
    if dated is None or (day is None and page.fields.get("date")):
        return {}, ""
    own = page.fields.get("categories", page.fields.get("category"))
    names = (
        own.split() if isinstance(own, str) and "categories" in page.fields else page.names("categories", "category")
    )
    categories = dict.fromkeys(each.lower() for each in (*folders[: folders.index("_posts")], *names))
    slug = page.text("slug") or dated[2]
    values = {
        **day_parts(day or written_day(dated[1])),
        "categories": "/".join(categories),
        "output_ext": ".html",
        "title": slug_of(slug, keep=_PRETTY, is_lower=False),
        "slug": slug_of(slug),
    }
    return values, _STYLES.get(style, style)


def _of_collection(config: Mapping[str, Any], page: Page, style: str) -> tuple[Mapping[str, str], str]:
    collections = config.get("collections")
    collection = page.path.parts[0][1:]
    settings = collections.get(collection) if isinstance(collections, Mapping) else None
    if not isinstance(settings, Mapping) or not switch(settings.get("output")):
        return {}, ""
    inside = PurePath(*page.path.parts[1:]).with_suffix("")
    slug = page.text("slug") or inside.name
    values = {
        **day_parts(written_day(page.fields.get("date"), is_moment=True)),
        "collection": collection,
        "path": inside.as_posix(),
        "name": slug_of(inside.name),
        "output_ext": ".html",
        "title": slug_of(slug, keep=_PRETTY, is_lower=False),
        "slug": slug_of(slug),
    }
    return values, str(settings.get("permalink") or f"/:collection/:path{_ending(style)}")


def _ending(style: str) -> str:
    """Return how the addresses of pages end if the permalinks of posts have this style."""
    if style in _STYLES:
        return "/" if style == "pretty" else ":output_ext"
    if style.endswith("/"):
        return "/"
    return ":output_ext" if style.endswith(":output_ext") else ""


def hexo_address(site: Site, page: Page) -> Address | None:
    """Return the address of a page of Hexo; None if it is unknown.

    Examples
    --------
    >>> site = Site("hexo", config={"url": "https://example.org", "permalink": ":year/:title/"})
    >>> hexo_address(site, Page(PurePath("source/_posts/garlic.md"), {"date": "2026-10-01"})).url
    'https://example.org/2026/garlic/'
    """
    config = site.config
    source = setting(config, "source_dir", "source")
    if not page.path.is_relative_to(source) or setting(config, "new_post_name", ":title.md") != ":title.md":
        return None
    inside = page.path.relative_to(source).with_suffix("")
    path = page.text("permalink")
    if not path and inside.parts[0] == "_posts":
        path = _hexo_post(config, page, PurePath(*inside.parts[1:])) or ""
    elif not path:
        path = f"{inside.as_posix()}.html"
    if not path or ":" in path or inside.parts[0] == "_drafts":
        return None
    pretty = config.get("pretty_urls")
    path = re.sub(r"(^|/)index\.html$", r"\1", path)
    if isinstance(pretty, Mapping) and switch(pretty.get("trailing_html")) is False:
        path = path.removesuffix(".html")
    return Address.of(url_base(setting(config, "url")), path)


def _hexo_post(config: Mapping[str, Any], page: Page, inside: PurePath) -> str | None:
    names = page.names("categories", "category")
    day = written_day(page.fields.get("date"))
    values = {
        **day_parts(day),
        "title": inside.as_posix(),
        "name": inside.name,
        **({} if names else {"category": setting(config, "default_category", "uncategorized")}),
    }
    return fill(setting(config, "permalink", ":year/:month/:day/:title/"), values)
