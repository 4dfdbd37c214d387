"""Write the posts of posts.json as the folder of a Hugo site: python datasets/make_blog.py [FOLDER]."""

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias
from zlib import crc32

from selectolax.lexbor import LexborHTMLParser, LexborNode

HERE = Path(__file__).parent
SITE = "https://hedgeandhinge.example"
CONFIG = f"""\
baseURL = "{SITE}/"
title = "Hedge & Hinge"
defaultContentLanguage = "en"
disableKinds = ["404", "RSS"]

[languages.en]
weight = 1

[languages.de]
weight = 2

[permalinks.page]
posts = "/:section/:slugorcontentbasename/"

[taxonomies]
category = "categories"
series = "series"
tag = "tags"

[markup.goldmark.extensions]
typographer = false
"""
LAYOUTS = {
    "single.html": '<!doctype html>\n<html lang="{{ .Language.Lang }}">\n<title>{{ .Title }}</title>\n'
    "<h1>{{ .Title }}</h1>\n{{ .Content }}\n</html>\n",
    "list.html": '<!doctype html>\n<html lang="{{ .Language.Lang }}">\n<title>{{ .Title }}</title>\n'
    '{{ range .Pages }}<p><a href="{{ .RelPermalink }}">{{ .Title }}</a></p>\n{{ end }}</html>\n',
}
CLOSED: Mapping[str, Mapping[str, Any]] = {
    "draft": {"draft": True},
    "private": {"build": {"list": "never", "render": "never"}},
}
_SPECIAL = re.compile(r"([\\`*_\[\]<>~]|&(?=#?\w+;))")
_LINE_START = re.compile(r"^(#{1,6} |[-+] |\d{1,9}(?=[.)] )|[=-]+$)", re.MULTILINE)

Post: TypeAlias = Mapping[str, Any]
LinkWriter: TypeAlias = Callable[[str], str]


def main(folder: Path) -> None:
    """Replace a folder by the site."""
    posts = json.loads((HERE / "posts.json").read_text(encoding="utf-8"))["items"]
    if folder.exists():
        if not (folder / "hugo.toml").is_file():
            raise SystemExit(f"{folder} is there and is no Hugo site; name another folder.")
        shutil.rmtree(folder)
    files = {"hugo.toml": CONFIG, **{f"layouts/{name}": text for name, text in LAYOUTS.items()}, **site_files(posts)}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def site_files(posts: Iterable[Post]) -> dict[str, str]:
    """Return the text of each post's file by its path in the site."""
    posts = list(posts)
    paths = {post["url"]: content_path(post) for post in posts}
    files = {}
    for post in posts:
        text = markdown(post["content_html"], link_writer(post, paths))
        files[f"content/{paths[post['url']]}"] = f"{front_matter(post)}\n{text}\n"
    return files


def content_path(post: Post) -> str:
    """Return where a post lies below content/: a translation lies beside its original, some posts are bundles."""
    name = post.get("group") or post["id"]
    ending = ".de.md" if is_german(post) else ".md"
    is_bundle = crc32(name.encode()) % 12 == 5
    return f"posts/{name}/index{ending}" if is_bundle else f"posts/{name}{ending}"


def is_german(post: Post) -> bool:
    """Whether a post is German; one of them declares no language."""
    return post.get("lang") == "de" or post["id"] == "giersch-ein-brief-an-jutta"


def front_matter(post: Post) -> str:
    """Return the front matter of a post: TOML in every sixth, by its id, and YAML in the others."""
    fields = {
        "title": post["title"],
        "date": post["date"],
        "categories": [post["category"]],
        "tags": post["tags"],
        **({"series": [post["series"]]} if "series" in post else {}),
        **({"group": post["group"]} if "group" in post else {}),
        **_address(post),
        **CLOSED.get(post.get("status", ""), {}),
    }
    is_toml = crc32(post["id"].encode()) % 6 == 3
    fence, joint = ("+++", " = ") if is_toml else ("---", ": ")
    # A list, a string and a mapping of JSON are also YAML; lists and strings are also TOML.
    lines = [f"{name}{joint}{_value(name, value, is_toml)}" for name, value in fields.items()]
    return "\n".join([fence, *lines, fence, ""])


def _address(post: Post) -> dict[str, str]:
    """Return the field that gives a post its URL where the name of its file does not."""
    path = post["url"].removeprefix(SITE)
    if is_german(post) and not path.startswith("/de/"):
        return {"url": path}
    return {"slug": post["id"]} if post.get("group", post["id"]) != post["id"] else {}


def _value(name: str, value: Any, is_toml: bool) -> str:
    if name == "date":
        return str(value)
    if is_toml and isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {json.dumps(one)}" for key, one in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def link_writer(post: Post, paths: Mapping[str, str]) -> LinkWriter:
    """Return a function that writes the links of a post in the ways of Hugo's authors, one after another.

    A link to a page in another language is always a shortcode: from a plain path, Hugo goes to the translation in the
    language of the page that links.
    """
    count = crc32(post["id"].encode())

    def write(href: str) -> str:
        nonlocal count
        target = paths.get(SITE + href)
        if target is None:  # a page that is no post, or a link that is absolute
            return href
        count += 1
        language = "de" if target.endswith(".de.md") else "en"
        is_abroad = (language == "de") != is_german(post)
        if not is_abroad and count % 4 > 1:
            return href
        place = re.sub(r"/index(\.de)?\.md$|(?<=\.)de\.(?=md$)", "", target)
        shortcode = "ref" if count % 2 else "relref"
        return f"{{{{< {shortcode} {_argument(place, language if is_abroad else '')} >}}}}"

    return write


def _argument(place: str, language: str) -> str:
    return f'path="/{place}" lang="{language}"' if language else f'"/{place}"'


def markdown(html: str, link: LinkWriter) -> str:
    """Return a body as Markdown. `link` writes the destination of a link."""
    body = LexborHTMLParser(html).body
    blocks = [] if body is None else [_block(node, link) for node in body.iter()]
    return "\n\n".join(blocks)


def _block(node: LexborNode, link: LinkWriter) -> str:
    tag = str(node.tag)
    if tag == "p":
        return _inline(node, link)
    if tag in ("h2", "h3"):
        return f"{'#' * int(tag[1])} {_inline(node, link)}"
    if tag in ("ul", "ol"):
        marks = ["-" if tag == "ul" else f"{number}." for number in range(1, len(node.css("li")) + 1)]
        return "\n".join(f"{mark} {_inline(item, link)}" for mark, item in zip(marks, node.css("li"), strict=True))
    if tag in _BLOCKS:
        return _BLOCKS[tag](node, link)
    raise ValueError(f"no rule for <{tag}>")


def _code(node: LexborNode, _: LinkWriter) -> str:
    text = node.text().rstrip("\n")
    return f"```\n{text}\n```"


def _quote(node: LexborNode, link: LinkWriter) -> str:
    inner = "\n\n".join(_block(child, link) for child in node.iter())
    return "\n".join(f"> {line}".rstrip() for line in inner.split("\n"))


def _table(node: LexborNode, link: LinkWriter) -> str:
    rows = [[_inline(cell, link).replace("|", r"\|") for cell in row.iter()] for row in node.css("tr")]
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


_BLOCKS: Mapping[str, Callable[[LexborNode, LinkWriter], str]] = {"table": _table, "pre": _code, "blockquote": _quote}


def _inline(node: LexborNode, link: LinkWriter) -> str:
    text = "".join(_span(child, link) for child in node.iter(include_text=True))
    return _LINE_START.sub(lambda match: _escaped_start(match[0]), text)


def _escaped_start(text: str) -> str:
    """Return what would begin a heading, a list or a rule as plain characters."""
    return f"{text}\\" if text[0].isdigit() else f"\\{text}"


def _span(node: LexborNode, link: LinkWriter) -> str:
    match node.tag:
        case "-text":
            return _SPECIAL.sub(r"\\\1", node.text(deep=False))
        case "em":
            return f"*{_inline(node, link)}*"
        case "strong":
            return f"**{_inline(node, link)}**"
        case "code":
            ticks = "``" if "`" in node.text() else "`"
            return f"{ticks}{node.text()}{ticks}"
        case "a":
            return f"[{_inline(node, link)}]({link(node.attributes['href'] or '')})"
        case "br":
            return "\\\n"
        case _:
            raise ValueError(f"no rule for <{node.tag}> in a paragraph")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "blog")
