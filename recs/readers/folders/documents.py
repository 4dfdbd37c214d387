"""Splits one file of a folder into its fields and its body: Markdown, HTML, reStructuredText, plain text."""

import re
from collections.abc import Mapping
from typing import Any

from recs.errors import MissingDependencyError, SourceError
from recs.items import Markup
from recs.readers.folders.front_matter import split_front_matter, split_properties
from recs.readers.values import fold, pairs
from recs.readers.visibility.closings import rule_of
from recs.text.html_taming import tame

_SUFFIXES: Mapping[str, Markup] = {
    **dict.fromkeys((".md", ".markdown", ".mdx", ".mdown", ".mkd", ".mkdn", ".mdwn", ".qmd", ".rmd"), "markdown"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((".txt", ".text"), "text"),
    ".rst": "html",
}
# Suffixes of files without writing: pictures, sound, styles, code, fonts, data. All other files that are not read are
# reported.
_NO_WRITING = (
    ".avif .bmp .gif .heic .ico .jpeg .jpg .png .svg .tif .tiff .webp .avi .mov .mp3 .mp4 .m4a .oga .ogg .ogv .wav "
    ".webm .css .less .sass .scss .js .jsx .mjs .cjs .ts .tsx .vue .astro .php .py .r .rb .go .sh .bat .lua .xsl .map "
    ".lock .eot .otf .ttf .woff .woff2 .json .yaml .yml .toml .xml .csv .tsv .bib .ini .cfg .conf .log .db .sqlite "
    ".zip .gz .meta"
)
NO_WRITING = frozenset(_NO_WRITING.split())
MEDIA = frozenset(
    (".avif", ".bmp", ".gif", ".heic", ".ico", ".jpeg", ".jpg", ".png", ".psd", ".svg", ".tif", ".tiff", ".webp")
).union(
    (".avi", ".m4a", ".m4v", ".mov", ".mp3", ".mp4", ".oga", ".ogg", ".ogv", ".wav", ".webm"),
    (".eot", ".otf", ".ttf", ".woff", ".woff2"),
)
"""Suffixes of pictures, sound and fonts, which are most of many folders and exports."""
_NOTION = re.compile(r".+ [0-9a-f]{32}")
_TEMPLATE = re.compile(r"\s*(?:\{\{-?\s*(?:define|template|block|partial)\b|\{%-?\s*(?:extends|include|block)\b)")
# The fields in the head of a page, by the name of the `meta` element.
_META = {
    **dict.fromkeys(("robots", "googlebot", "googlebot-news", "bingbot"), "robots"),
    "status": "status",
    "og:title": "title",
    "article:published_time": "date",
    "article:modified_time": "updated",
    "date": "date",
}

# docutils must not read other files, must ignore the configuration of the machine, and must print nothing.
_DOCUTILS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "docinfo_xform": False,
    "_disable_config": True,
    "report_level": 2,
    "halt_level": 5,
    "warning_stream": False,
    "syntax_highlight": "none",
    "input_encoding": "unicode",
    "output_encoding": "unicode",
}


def markup_of(suffix: str) -> Markup | None:
    """Return the markup of files with a suffix; None if they are not read.

    Examples
    --------
    >>> markup_of(".MD"), markup_of(".rst"), markup_of(".org")
    ('markdown', 'html', None)
    """
    return _SUFFIXES.get(suffix.lower())


def read_document(text: str, stem: str, suffix: str, where: str) -> tuple[dict[str, Any], str]:
    """Return the fields of a file and its body. `stem` is its name without suffix, `where` is for messages.

    Raises `SourceError` if the front matter cannot be read, or if a page is a template or a redirect. Raises
    `MissingDependencyError` for reStructuredText without docutils.

    Examples
    --------
    >>> read_document("---\\ntitle: Garlic\\n---\\nPlant it.", "garlic", ".md", "blog/garlic.md")
    ({'title': 'Garlic'}, 'Plant it.')
    """
    split = split_properties if _NOTION.fullmatch(stem) else split_front_matter
    matter, body = split(text, where)
    if suffix.lower() == ".rst":
        fields, body = _restructured(body, where)
    elif markup_of(suffix) == "html":
        fields = _page(body, where)
        body = re.sub(r'<table class="properties">.*?</table>', "", body, flags=re.DOTALL)
    else:
        fields = {}
    return {**fields, **matter}, body


def _page(text: str, where: str) -> dict[str, Any]:
    """Return the fields in the head of a page; {} for a fragment without a head."""
    if _TEMPLATE.match(text):
        raise SourceError(f"{where}: a template, not a post.")
    if not re.search(r"<(?:head|meta|title)\b", text[:20_000], re.IGNORECASE):
        return {}
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(tame(text))
    metadata: list[tuple[str, Any]] = []
    for node in tree.css("meta"):
        attributes = {name: value or "" for name, value in node.attributes.items()}
        if attributes.get("http-equiv", "").lower() == "refresh":
            raise SourceError(f"{where}: a page that redirects to another one, not a post.")
        name = _META.get((attributes.get("name") or attributes.get("property") or "").lower())
        if name:
            metadata.append((name, attributes.get("content", "")))
    fields = {name: value for name, value in pairs(metadata).items() if name != "title" or isinstance(value, str)}
    canonical = tree.css_first("link[rel=canonical]")
    title = tree.css_first("head title")
    root = tree.css_first("html")
    if canonical is not None and canonical.attributes.get("href"):
        fields["url"] = canonical.attributes["href"]
    if "title" not in fields and title is not None:
        fields["title"] = title.text(strip=True)
    if root is not None and root.attributes.get("lang"):
        fields["lang"] = root.attributes["lang"]
    return fields | _properties(tree)


def _properties(tree: Any) -> dict[str, str]:
    """Return the properties that Notion's export writes in a table."""
    properties = {}
    for row in tree.css("table.properties tr"):
        name, value = row.css_first("th"), row.css_first("td")
        if name is not None and value is not None:
            box = value.css_first(".checkbox")
            is_on = box is not None and "checkbox-on" in (box.attributes.get("class") or "")
            properties[name.text(strip=True)] = value.text(strip=True) if box is None else str(is_on).lower()
    return properties


def _restructured(text: str, where: str) -> tuple[dict[str, Any], str]:
    """Return the fields of a reStructuredText, with its title, and its HTML."""
    try:
        from docutils import nodes
        from docutils.core import publish_doctree, publish_from_doctree
    except ImportError as error:
        raise MissingDependencyError("reading reStructuredText", "docutils", "rst") from error
    fields: dict[str, Any] = {}
    try:
        tree = publish_doctree(text, settings_overrides=_DOCUTILS)
        if tree.get("title"):
            fields["title"] = tree["title"]
        for field_list in tree.findall(nodes.field_list):
            fields |= pairs([(part[0].astext(), part[1].astext()) for part in field_list])
            field_list.parent.remove(field_list)
            break
        _keep_unknown(tree)
        html = publish_from_doctree(tree, writer="html5", settings_overrides=_DOCUTILS)
    except Exception as error:  # a directive of docutils may raise anything
        raise SourceError(f"{where}: not readable as reStructuredText ({error}).") from error
    for name, value in fields.items():
        if value == "" and rule_of(fold(name)):  # ":nosearch:" means yes
            fields[name] = "true"
    return fields, html[html.find("<body") :]


def _keep_unknown(tree: Any) -> None:
    """Replace docutils' messages about unknown directives and roles by the text of these directives and roles."""
    from docutils import nodes

    for message in list(tree.findall(nodes.system_message)):
        lines = "\n".join(block.astext() for block in message.findall(nodes.literal_block)).split("\n")
        is_comment = not lines[0].startswith("..") or "::" not in lines[0]
        kept = [line.strip() for line in lines[1:] if not re.match(r"\s*:[\w-]+:", line)]
        is_file = bool(re.match(r"\.\.\s+(?:include|literalinclude|csv-table)::", lines[0]))
        text = "" if is_comment or is_file else "\n".join(kept).strip()
        replacement = []
        if text.startswith("<"):
            replacement = [nodes.raw("", text, format="html")]
        elif text:
            replacement = [nodes.paragraph(text, text)]
        message.parent.replace(message, replacement)
    for problem in list(tree.findall(nodes.problematic)):
        words = re.sub(r"^:[\w:+.-]+:`|`$|\s*<[^<>]*>(?=`?$)", "", problem.astext()).strip("`")
        problem.parent.replace(problem, nodes.Text(words))
