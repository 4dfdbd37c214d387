"""The web address that Hugo gives to a page."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from recs.readers.folders.permalink_parts import (
    DATED_NAME,
    Address,
    Page,
    day_parts,
    fill,
    own_fields,
    setting,
    url_base,
    written_day,
)
from recs.readers.folders.sites import Site
from recs.readers.values import switch

_KEPT = "./_#+~-@"  # characters that Hugo keeps in a path
_SLICE = re.compile(r":sections\[(last|\d*)(:?)(last|\d*)\]")
_FILE = re.compile(r"\.[a-z0-9]{1,5}$", re.IGNORECASE)


def hugo_address(site: Site, page: Page) -> Address | None:
    """Return the address of a page of Hugo; None if it is unknown.

    Examples
    --------
    >>> site = Site("hugo", config={"baseURL": "https://example.org/", "permalinks": {"posts": "/:year/:slug/"}})
    >>> matter = {"date": "2026-10-01", "title": "On garlic"}
    >>> hugo_address(site, Page(PurePath("content/posts/Garlic.md"), matter)).url
    'https://example.org/2026/on-garlic/'
    """
    config = own_fields(site.config)
    path = _in_content(site, config, page)
    if path is None or config.get("module"):  # its mounts may move any file
        return None
    language = page.language or setting(config, "defaultcontentlanguage", "en")
    settings = _of_language(config, language)
    base = url_base(setting(settings, "baseurl"))
    prefix = "" if settings.get("baseurl") != config.get("baseurl") else _prefix(config, language)
    own_url = page.text("url")
    if own_url:
        is_filled = ":" in own_url
        inside = _by_pattern(own_url, path, page, settings) if is_filled else own_url
        whole = inside if inside is None or own_url.startswith("/") else f"{prefix}/{inside}"
    else:
        inside = _inside(path, page, settings)
        whole = inside if inside is None else f"{prefix}/{inside}"
    if whole is None:
        return None
    is_file = bool(_FILE.search(whole)) if own_url else _is_ugly(path, settings)
    whole = whole if is_file else f"{whole.rstrip('/')}/"
    return Address.of(base, whole)


def _in_content(site: Site, config: Mapping[str, Any], page: Page) -> PurePath | None:
    """Return the path of a page below its folder of content, without suffix and language; None outside of it."""
    folders = [*site.folders, setting(config, "contentdir", "content")]
    for folder in sorted(folders, key=len, reverse=True):
        if page.path.is_relative_to(folder):
            inside = page.path.relative_to(folder).with_suffix("")
            ending = f".{page.language}"
            name = inside.name[: -len(ending)] if page.language and inside.name.endswith(ending) else inside.name
            return inside.with_name(name)
    return None


def _of_language(config: Mapping[str, Any], language: str) -> Mapping[str, Any]:
    """Return the settings for a language: its own before those of the site."""
    languages = config.get("languages")
    own = languages.get(language) if isinstance(languages, Mapping) else None
    return {**config, **own_fields(own)} if isinstance(own, Mapping) else config


def _prefix(config: Mapping[str, Any], language: str) -> str:
    is_default = language == setting(config, "defaultcontentlanguage", "en")
    in_folder = switch(config.get("defaultcontentlanguageinsubdir")) or not is_default
    return f"/{language.lower()}" if in_folder else ""


def _inside(path: PurePath, page: Page, settings: Mapping[str, Any]) -> str | None:
    """Return the path that the configuration gives a page, below the folder of its language."""
    section = path.parts[0] if len(path.parts) > 1 else "/"
    permalinks = settings.get("permalinks") or {}
    pattern = _pattern(permalinks, section)
    if pattern == "" and path.name == "index" and len(path.parts) == 2:  # "about/index.md" is in the top section too
        pattern = _pattern(permalinks, "/")
    if pattern is None:
        return None
    parts = path.parent if path.name == "index" else path
    if pattern:
        inside = _by_pattern(pattern, path, page, settings)
    else:
        name = _clean(page.text("slug"), settings) or _clean(parts.name, settings, is_name=True)
        inside = _clean(f"{parts.parent.as_posix()}/", settings, is_name=True).removeprefix("./") + name
    return f"{inside.rstrip('/')}.html" if inside and _is_ugly(path, settings) else inside


def _is_ugly(path: PurePath, settings: Mapping[str, Any]) -> bool:
    """Whether pages are files, not folders, in the section of a page."""
    ugly = settings.get("uglyurls")
    return bool(switch(ugly.get(path.parts[0]) if isinstance(ugly, Mapping) else ugly))


def _pattern(permalinks: Any, section: str) -> str | None:
    """Return the pattern for a section, "" for none; None if it is in a form that recs does not read."""
    if not isinstance(permalinks, Mapping):
        return None
    pages = permalinks.get("page", permalinks)
    pages = pages if isinstance(pages, Mapping) else permalinks
    pattern = pages.get(section, permalinks.get(section, ""))
    return pattern if isinstance(pattern, str) else None


def _by_pattern(pattern: str, path: PurePath, page: Page, settings: Mapping[str, Any]) -> str | None:
    bundle = path.parent if path.name == "index" else path
    sections = _sections(path, page) if ":sections" in pattern else bundle.parts[:-1]
    base_name = bundle.name
    day = written_day(page.fields.get("date") or page.fields.get("publishdate"))
    if ":filename" in str(settings.get("frontmatter")) and (dated := DATED_NAME.fullmatch(base_name)):
        day, base_name = written_day(dated[1]), dated[2]
    title = _clean(page.text("title").replace("/", "-"), settings)
    slug = _clean(page.text("slug"), settings)
    values = {
        **{name: value for name, value in day_parts(day).items() if not name.startswith(("i_", "y_", "short"))},
        "section": "".join(sections[:1]),
        "sections": "/".join(sections),
        **({"title": title, "slug": slug or title} if title or slug else {}),
        "filename": base_name,
        "slugorfilename": slug or base_name,
        "contentbasename": base_name,
        "slugorcontentbasename": slug or base_name,
    }
    pattern = _SLICE.sub(lambda match: "/".join(_sliced(sections, match)), pattern)
    filled = fill(pattern, values)
    return filled and _clean(filled.replace("+", " "), settings)


def _sections(path: PurePath, page: Page) -> tuple[str, ...]:
    """Return the sections of a page: the first folder, and each folder below it with a list page."""
    folders = path.parts[:-2] if path.name == "index" else path.parts[:-1]
    above = list(page.file.parents)[len(path.parts) - 2 :: -1] if len(path.parts) > 1 else []
    return tuple(
        name for name, folder in zip(folders, above, strict=False) if name == folders[0] or any(folder.glob("_index.*"))
    )


def _sliced(sections: tuple[str, ...], match: re.Match[str]) -> tuple[str, ...]:
    """Return the sections that a token such as `:sections[1:]` or `:sections[last]` takes."""
    first, colon, stop = match.groups()
    start = len(sections) - 1 if first == "last" else int(first or 0)
    if not colon:
        return sections[start : start + 1]
    end = len(sections) - 1 if stop == "last" else int(stop or len(sections))
    return sections[start:end]


def _clean(path: str, settings: Mapping[str, Any], *, is_name: bool = False) -> str:
    """Return a path as Hugo writes it: hyphens for blanks, in lower case, without other marks.

    The name of a file in lower case has a hyphen for each blank. Anything else has one where blanks and a hyphen meet.
    """
    keeps_case = switch(settings.get("disablepathtolower"))
    hyphenated = re.sub(r"\s", "-", path) if is_name and not keeps_case else path
    kept = "".join(
        char for char in hyphenated if char.isalnum() or char.isspace() or char in _KEPT or unicodedata.combining(char)
    )
    kept = re.sub(r"\s*-\s*|\s+", "-", kept)
    return kept if keeps_case else kept.lower()
