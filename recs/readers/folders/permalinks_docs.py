"""The web addresses that MkDocs, Pelican, Eleventy, Astro and Docusaurus give to a page."""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from recs.readers.folders.permalink_parts import Address, Page, setting, slug_of, url_base, written_day
from recs.readers.folders.sites import CODE_SUFFIXES, Site
from recs.readers.values import switch

_NUMBERED = re.compile(r"(?!\d+[-_.]\d+)\d+\s*[-_.]+\s*(?=[^-_.\s])")
_LITERAL = r"\s*[:=]\s*u?(?P<quote>['\"`])(?P<text>[^'\"`$\n]*)(?P=quote)"


def _literal(code: str, name: str) -> str | None:
    """Return the text that code gives to a name by a simple literal; "" without the name, None if it is no literal.

    Comments do not count. If the name has two values, it is None too.
    """
    lines = "\n".join(line for line in code.split("\n") if not line.lstrip().startswith(("//", "#", "*", "/*")))
    uses = len(re.findall(rf"(?<![\w.$]){name}\s*[:=](?!=)", lines))
    literals = list(re.finditer(rf"(?<![\w.$]){name}{_LITERAL}", lines))
    if not uses:
        return ""
    return literals[0]["text"] if len(literals) == uses == 1 else None


def mkdocs_address(site: Site, page: Page) -> Address | None:
    """Return the address of a page of MkDocs or of the blog of its theme Material; None if it is unknown.

    Examples
    --------
    >>> site = Site("mkdocs", config={"site_url": "https://example.org/docs/"})
    >>> mkdocs_address(site, Page(PurePath("docs/guide/garlic.md"), {})).url
    'https://example.org/docs/guide/garlic/'
    """
    docs = setting(site.config, "docs_dir", "docs")
    plugins = _plugins(site.config)
    if not page.path.is_relative_to(docs) or plugins.keys() & {"i18n", "mkdocs-static-i18n", "multirepo"}:
        return None
    inside = page.path.relative_to(docs).with_suffix("")
    folder = switch(site.config.get("use_directory_urls", True)) is not False
    if (blog := plugins.get("blog")) is not None and "posts" in inside.parts:
        blog_dir = setting(blog, "blog_dir", "blog")
        if inside.is_relative_to(PurePath(blog_dir, "posts")):
            path = _material_post(page, blog, inside)
            return Address.of(_base(site), f"{blog_dir}/{path}{'/' if folder else '.html'}") if path else None
    if inside.name.lower() == "readme" or inside.name == "index":
        inside, folder = (inside.parent, True) if folder else (inside.with_name("index"), False)
    path = inside.as_posix()
    return Address.of(_base(site), "" if path == "." else f"{path}{'/' if folder else '.html'}")


def _base(site: Site) -> str:
    return url_base(setting(site.config, "site_url"))


def _plugins(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    plugins: dict[str, Mapping[str, Any]] = {}
    listed = config.get("plugins")
    for plugin in listed if isinstance(listed, list) else [listed]:
        for name, settings in plugin.items() if isinstance(plugin, Mapping) else [(plugin, {})]:
            plugins[str(name).rpartition("/")[2]] = settings if isinstance(settings, Mapping) else {}
    return plugins


def _material_post(page: Page, blog: Mapping[str, Any], inside: PurePath) -> str:
    """Return the path of a post below the blog; "" if it is unknown."""
    written = page.fields.get("date")
    day = written_day(written.get("created") if isinstance(written, Mapping) else written)
    parts = {"slug": page.text("slug") or _material_slug(page.title), "file": inside.name}
    if day is not None:
        form = setting(blog, "post_url_date_format", "yyyy/MM/dd")
        numbers = {"yyyy": f"{day.year:04}", "MM": f"{day.month:02}", "dd": f"{day.day:02}"}
        if re.fullmatch(r"(?:yyyy|MM|dd|[/_.-])*", form):
            parts["date"] = re.sub("yyyy|MM|dd", lambda match: numbers[match[0]], form)
    custom = {name for name in blog if str(name).startswith("post_slugify")}
    return "" if custom else _formatted(setting(blog, "post_url_format", "{date}/{slug}"), parts)


def _material_slug(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", unicodedata.normalize("NFC", title)).strip().lower().replace(" ", "-")


def _formatted(pattern: str, parts: Mapping[str, str]) -> str:
    """Return a pattern with values in place of `{name}`; "" if a value is missing."""
    names = re.findall(r"\{([^{}]*)\}", pattern)
    if any(not parts.get(name) for name in names):
        return ""
    return re.sub(r"\{([^{}]*)\}", lambda match: parts[match[1]], pattern)


def pelican_address(site: Site, page: Page) -> Address | None:
    """Return the address of an article or a page of Pelican; None if it is unknown.

    Examples
    --------
    >>> site = Site("pelican", code="SITEURL = 'https://example.org'\\nARTICLE_URL = 'posts/{slug}/'")
    >>> pelican_address(site, Page(PurePath("content/a.md"), {"title": "On garlic"}, "On garlic")).url
    'https://example.org/posts/on-garlic/'
    """
    code = site.code
    names = ("PATH", "SITEURL", "ARTICLE_URL", "PAGE_URL", "SLUGIFY_SOURCE", "DEFAULT_CATEGORY")
    literals = {name: _literal(code, name) for name in names}
    if None in literals.values() or "SLUG_REGEX" in code or "PATH_METADATA" in code or "PAGE_PATHS" in code:
        return None
    content = str(literals["PATH"] or "content").strip("./")
    if not page.path.is_relative_to(content) or "ARTICLE_PATHS" in code:
        return None
    inside = page.path.relative_to(content)
    is_page = inside.parts[0] == "pages"
    slug = page.text("slug") or _ascii_slug(inside.stem if literals["SLUGIFY_SOURCE"] == "basename" else page.title)
    language = _literal(code, "DEFAULT_LANG") or "en"
    if not slug or page.text("lang") not in ("", language):
        return None
    category = page.text("category") or inside.parent.name or str(literals["DEFAULT_CATEGORY"] or "misc")
    parts = {"slug": slug, "lang": language, "category": _ascii_slug(category)}
    usual = literals["PAGE_URL"] or "pages/{slug}.html" if is_page else literals["ARTICLE_URL"] or "{slug}.html"
    path = _formatted(_dated(page.text("url") or str(usual), page, inside), parts)
    return Address.of(url_base(str(literals["SITEURL"])), path) if path else None


def _dated(pattern: str, page: Page, inside: PurePath) -> str:
    """Return a pattern with numbers in place of `{date:%Y}`; what is no number of a date stays."""
    in_name = re.match(r"\d{4}-\d\d-\d\d", inside.name)
    day = written_day(page.fields.get("date") or (in_name and in_name[0]))

    def numbers(match: re.Match[str]) -> str:
        is_plain = day is not None and re.fullmatch(r"(?:%[Ymd]|[/_.-])+", match[1])
        return day.strftime(match[1]) if is_plain and day is not None else match[0]

    return re.sub(r"\{date:([^{}]*)\}", numbers, pattern)


def _ascii_slug(text: str) -> str:
    """Return a text as Pelican writes it in an address; "" if it has letters that are no Latin ones with accents."""
    plain = "".join(
        char for char in unicodedata.normalize("NFKD", text.replace("ß", "ss")) if not unicodedata.combining(char)
    )
    if not plain.isascii():
        return ""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip()).lower()


def eleventy_address(site: Site, page: Page) -> Address | None:
    """Return the address of a page of Eleventy; None if a template or code decides on it.

    Examples
    --------
    >>> eleventy_address(Site("eleventy"), Page(PurePath("posts/garlic.md"), {})).url
    '/posts/garlic/'
    """
    prefix, source = _literal(site.code, "pathPrefix"), _literal(site.code, "input")
    if prefix is None or source is None or re.search(r"\bpermalink\b|setInputDirectory|setUrl", site.code):
        return None
    source = source.strip("./")
    if not page.path.is_relative_to(source or "."):
        return None
    inside = page.path.relative_to(source or ".").with_suffix("")
    own = page.text("permalink")
    if own == "" and _data_files_give_permalink(site, page):
        return None
    if "permalink" in page.fields:
        if not own or switch(own) is not None or re.search(r"\{[{%]|\$\{", own):
            return None
        path = re.sub(r"(^|/)index\.html$", r"\1", own)
    else:
        is_index = inside.name in ("index", inside.parent.name)
        path = (inside.parent if is_index else inside).as_posix() + "/"
    return Address.of(url_base("/" + prefix.strip("/")), path.removeprefix("./"))


def _data_files_give_permalink(site: Site, page: Page) -> bool:
    """Whether a data file of a page or of a folder above it may give it an address: a template, or code."""
    if not page.file.name:
        return False
    folders = [folder for folder in page.file.parents if folder.is_relative_to(site.root)]
    stems = [page.file.with_suffix(""), *(folder / folder.name for folder in folders)]
    files = (stem.with_name(f"{stem.name}{suffix}") for stem in stems for suffix in (".json", ".11tydata.json"))
    has_code = any(stem.with_name(f"{stem.name}{suffix}").is_file() for stem in stems for suffix in CODE_SUFFIXES)
    return has_code or any(file.is_file() and b'"permalink"' in file.read_bytes() for file in files)


def docusaurus_address(site: Site, page: Page) -> Address | None:
    """Return the address of a page of Docusaurus in `docs` or `blog`; None if it is unknown.

    Examples
    --------
    >>> site = Site("docusaurus", code="url: 'https://example.org',\\nbaseUrl: '/help/',")
    >>> docusaurus_address(site, Page(PurePath("docs/02-plants/01-garlic.md"), {})).url
    'https://example.org/help/docs/plants/garlic'
    """
    url, base = _literal(site.code, "url"), _literal(site.code, "baseUrl")
    if url is None or base is None or re.search(r"routeBasePath|numberPrefixParser|trailingSlash|\bpath:", site.code):
        return None
    whole_base = url_base(url) + url_base("/" + base.strip("/"))
    kind, *parts = page.path.with_suffix("").parts
    if [kind, *parts[:1]] == ["src", "pages"] and not any(part.startswith("_") for part in parts):
        return Address.of(whole_base, "/".join(parts[1:]).removesuffix("index"))
    if kind not in ("docs", "blog") or not parts or any(part.startswith("_") for part in parts):
        return None
    path = _doc(page, parts) if kind == "docs" else _blog_post(page, parts)
    return Address.of(whole_base, f"{kind}/{path.lstrip('/')}" if path else kind)


def _doc(page: Page, parts: list[str]) -> str:
    *folders, name = [_NUMBERED.sub("", part, count=1) if _NUMBERED.match(part) else part for part in parts]
    inside = "/".join(folders)
    if slug := page.text("slug"):
        return slug if slug.startswith("/") else f"{inside}/{slug}"
    is_index = name.lower() in ("index", "readme") or (bool(folders) and name.lower() == folders[-1].lower())
    if is_index and not page.text("id"):
        return f"{inside}/" if folders else ""
    return f"{inside}/{page.text('id') or name}"


def _blog_post(page: Page, parts: list[str]) -> str:
    if slug := page.text("slug"):
        return slug
    whole = "/".join(parts[:-1] if parts[-1] == "index" else parts)
    dated = re.fullmatch(r"(?P<folder>.*?/)?(?P<date>\d{4}[-/]\d{1,2}[-/]\d{1,2})[-/](?P<name>.+)", whole)
    if dated is None:
        return whole
    return f"{dated['date'].replace('-', '/')}/{dated['folder'] or ''}{dated['name']}"


def astro_address(site: Site, page: Page) -> Address | None:
    """Return the address of a page of Astro: a file of `src/pages`, or of a collection with a route of its name.

    It is None if it is unknown.
    """
    url, base = _literal(site.code, "site"), _literal(site.code, "base")
    inside = page.path.with_suffix("").parts
    if url is None or base is None or inside[:1] != ("src",) or len(inside) < 3:
        return None
    if inside[1] == "pages":
        parts = inside[2:]
    else:
        parts = inside[2:] if inside[1] == "content" else inside[1:]
        routes = (f"src/pages/{parts[0]}/[...{name}].astro" for name in ("slug", "id"))
        if not any((site.root / route).is_file() for route in routes):
            return None
        own = page.text("slug")
        parts = (parts[0], own) if own else (parts[0], *(slug_of(part, keep="_") for part in parts[1:]))
    path = "/".join(parts[:-1] if parts[-1] == "index" else parts)
    return Address.of(url_base(url) + url_base("/" + base.strip("/")), f"{path}/")
