"""The web address that the generator of a site gives to a page, from the place of its file and its front matter."""

from collections.abc import Callable, Mapping
from pathlib import Path, PurePath

from recs.readers.folders.permalink_parts import Address, Page, own_fields
from recs.readers.folders.permalinks_docs import (
    astro_address,
    docusaurus_address,
    eleventy_address,
    mkdocs_address,
    pelican_address,
)
from recs.readers.folders.permalinks_hugo import hugo_address
from recs.readers.folders.permalinks_jekyll import hexo_address, jekyll_address
from recs.readers.folders.sites import Site
from recs.readers.values import fold, switch, words
from recs.text.link_targets import split_url

_RULES: Mapping[str, Callable[[Site, Page], Address | None]] = {
    "hugo": hugo_address,
    "jekyll": jekyll_address,
    "hexo": hexo_address,
    "mkdocs": mkdocs_address,
    "pelican": pelican_address,
    "eleventy": eleventy_address,
    "docusaurus": docusaurus_address,
    "astro": astro_address,
}


def has_rule(site: Site) -> bool:
    """Whether recs knows how a site makes its addresses."""
    return site.generator in _RULES


def page_address(
    site: Site, path: PurePath, matter: Mapping[str, object], title: str, language: str | None = None
) -> Address | None:
    """Return the address of a page; None if its generator decides by something that is unknown here.

    It is a URL, or a path if the configuration does not tell the base of the site.

    Parameters
    ----------
    path
        The path of the file below the folder of the configuration.
    matter
        The front matter of the file.

    Notes
    -----
    Each rule was compared with the pages that its generator builds; that of Astro only follows its documentation.

    Examples
    --------
    >>> site = Site("hugo", config={"baseURL": "https://example.org/"})
    >>> page_address(site, PurePath("content/posts/a.md"), {}, "A").url
    'https://example.org/posts/a/'
    >>> page_address(Site("obsidian"), PurePath("a.md"), {}, "A") is None
    True
    """
    if not has_rule(site):
        return None
    try:
        return _RULES[site.generator](site, Page(path, own_fields(matter), title, language, site.root / path))
    except (OSError, ValueError):  # a name that no path can have, such as one with a NUL
        return None


def with_address(
    fields: Mapping[str, object], site: Site, path: Path, matter: Mapping[str, object], language: str | None
) -> dict[str, object]:
    """Return the fields of a file with the address of its page as its URL, if recs has a rule for its site.

    `url` and `permalink` of the front matter may be patterns, or paths below the base of the site, so the address
    replaces them; if it is unknown, links may still use what is written. If that base has a path, links may leave it
    out, and aliases are below it.
    """
    if not (has_rule(site) and path.is_relative_to(site.root)):
        return dict(fields)
    title = str(own_fields(fields).get("title") or "")
    of_site = language if site.languages or site.folders else None
    address = page_address(site, path.relative_to(site.root), matter, title, of_site)
    written = {name: value for name, value in fields.items() if _is_address(name, value)}
    others = {name: value for name, value in fields.items() if name not in written}
    aliases = words(fields.get("aliases"))
    if address is None:
        return {**others, "aliases": [*aliases, *(str(value) for value in written.values() if value)]}
    base = split_url(address.base).path
    below = [base + alias for alias in aliases if alias.startswith("/")]
    more = [*below, address.path] if base else []
    return {**others, "url": address.url, "aliases": [*aliases, *more]}


def _is_address(name: str, value: object) -> bool:
    return fold(name) in ("url", "permalink") and switch(value) is None  # "permalink: false" closes the item
