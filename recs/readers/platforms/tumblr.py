"""Reads Tumblr: the answers of its API, with posts in the old form of types or in the new one of blocks (NPF).

The pages that Tumblr's own export holds do not tell which posts are private, so they are read as closed.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from recs.errors import SourceError
from recs.items import Skipped
from recs.readers.json_files import read_text
from recs.readers.values import fold, is_missing, scalar
from recs.readers.visibility.closings import rule_of

# Fields that a post of Tumblr has and others have not.
_OWN = frozenset(("blog_name", "id_string", "reblog_key", "post_url", "note_count", "is_blocks_post_format"))
_FEWEST_OWN = 2
# Fields that are read here under other names. "url" is where a post of the type link leads.
_READ = frozenset(("id", "id_string", "state", "date", "timestamp", "tags", "title", "url", "body", "source", "type"))
_HTML_OF_TYPE: Mapping[str, Sequence[str]] = {
    "text": ("body",),
    "quote": ("text", "source"),
    "link": ("description",),
    "photo": ("caption",),
    "video": ("caption",),
    "audio": ("caption",),
    "answer": ("question", "answer"),
}
_TAG_OF_SUBTYPE = {"heading1": "h2", "heading2": "h3", "quote": "blockquote", "indented": "blockquote"}
_TAG_OF_SUBTYPE |= {"ordered-list-item": "li", "unordered-list-item": "li"}
_PAGES = ("posts/html", "html", "posts", ".")
_FOOTER = re.compile(rb"<div id=\"footer\">\s{0,99}<span id=\"timestamp\">")
_UNTOLD = "untold"
_ID = re.compile(r"\d{5,20}")


def is_tumblr(document: object) -> bool:
    """Whether a JSON document is an answer of Tumblr's API with posts.

    Examples
    --------
    >>> is_tumblr({"meta": {"status": 200}, "response": {"blog": {}, "posts": [{"id": 1, "type": "text"}]}})
    True
    >>> is_tumblr({"posts": [{"id": 1, "title": "Garlic"}]})
    False
    """
    place = _place(document)
    posts = place.get("posts")
    if not isinstance(posts, list) or not isinstance(document, Mapping):
        return False
    first = next((post for post in posts if isinstance(post, Mapping)), {})
    is_answer = place is not document and isinstance(document.get("meta"), Mapping) and "blog" in place
    return is_answer or len(_OWN & first.keys()) >= _FEWEST_OWN


def tumblr_records(document: object, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of each post of an answer, then whether there are more posts.

    A post of the type link has its words and the address it leads to in its text; the item's URL is that of the post.
    What others wrote, in a post that was reblogged (`trail`), is left out.

    Examples
    --------
    >>> post = {"id": 7, "type": "quote", "text": "Plant it.", "source": "a book", "state": "private"}
    >>> [(where, record)] = tumblr_records({"response": {"posts": [post]}}, "posts.json")
    >>> where, record["content_html"], record["status"]
    ('posts.json: post 1', '<blockquote>Plant it.</blockquote><p>a book</p>', 'private')
    """
    place = _place(document)
    listed = place.get("posts")
    posts = listed if isinstance(listed, list) else []
    for number, post in enumerate(posts, 1):
        where = f"{source}: post {number}"
        yield where, _record(post, where)
    total = place.get("total_posts")
    if isinstance(total, int) and total > len(posts):
        yield source, Skipped(source, f"the blog has {total:,} posts, the document {len(posts):,}; fetch all of them")


def _place(document: object) -> Mapping[str, Any]:
    """Return the object that holds the posts; {} for none."""
    if not isinstance(document, Mapping):
        return {}
    response = document.get("response")
    return response if isinstance(response, Mapping) and "posts" in response else document


def _record(post: object, where: str) -> object:
    if not isinstance(post, Mapping):
        return post
    post_id = scalar(post.get("id_string")) or scalar(post.get("id"))
    blocks = [block for block in _list(post.get("content")) if isinstance(block, Mapping)]
    body = _html_of_blocks(blocks) if blocks else _html_of_type(post)
    title = scalar(post.get("title")) or _heading(blocks)
    if not body.strip() and not is_missing(post.get("trail")):
        return Skipped(where, "a reblog without words of its own", post_id or None)
    closing = {
        name: value for name, value in post.items() if name not in _READ and rule_of(fold(str(name))) is not None
    }
    record = {
        **closing,
        "id": post_id,
        "title": title,
        "content_html": body,
        "url": post.get("post_url"),
        "aliases": [short for short in [scalar(post.get("short_url"))] if short],
        "date": post.get("timestamp") or post.get("date"),
        "tags": post.get("tags"),
        "slug": post.get("slug"),
        "post_type": post.get("type"),
        "status": post.get("state"),
        "paywalled": any(block.get("type") == "paywall" for block in blocks) or None,
    }
    return {name: value for name, value in record.items() if not is_missing(value)}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _html_of_type(post: Mapping[str, Any]) -> str:
    """Return the text of a post in the old form."""
    kind = scalar(post.get("type"))
    if kind == "chat":
        lines = [line for line in _list(post.get("dialogue")) if isinstance(line, Mapping)]
        spoken = (f"{scalar(line.get('label'))} {scalar(line.get('phrase'))}".strip() for line in lines)
        return "".join(f"<p>{html.escape(line)}</p>" for line in spoken) or scalar(post.get("body"))
    texts = [scalar(post.get(name)) for name in _HTML_OF_TYPE.get(kind, ("body", "caption", "description", "text"))]
    if kind == "quote":
        quote, source = texts
        return f"<blockquote>{quote}</blockquote>" + (f"<p>{source}</p>" if source else "") if quote else source
    if kind == "link":
        texts.insert(0, _link(scalar(post.get("url")), scalar(post.get("title")) or scalar(post.get("url"))))
    captions = [scalar(photo.get("caption")) for photo in _list(post.get("photos")) if isinstance(photo, Mapping)]
    return "".join(text if text.lstrip().startswith("<") else f"<p>{text}</p>" for text in (*texts, *captions) if text)


def _link(url: str, words: str) -> str:
    return f'<p><a href="{html.escape(url)}">{html.escape(words)}</a></p>' if url else ""


def _html_of_blocks(blocks: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of a post in the new form. https://www.tumblr.com/docs/npf"""
    parts = []
    for block in blocks:
        kind = block.get("type")
        if kind == "text":
            tag = _TAG_OF_SUBTYPE.get(scalar(block.get("subtype")), "p")
            parts.append(f"<{tag}>{_formatted(block)}</{tag}>")
        elif kind == "link":
            parts.append(_link(scalar(block.get("url")), scalar(block.get("title")) or scalar(block.get("url"))))
            parts.append(_paragraph(block.get("description")))
        elif kind == "poll":
            parts.append(_paragraph(block.get("question")))
        elif kind != "paywall":
            parts.append(_paragraph(block.get("caption")))
    return "".join(parts)


def _paragraph(value: object) -> str:
    text = scalar(value)
    return f"<p>{html.escape(text)}</p>" if text else ""


def _formatted(block: Mapping[str, Any]) -> str:
    """Return the text of a block with its links. Ranges that overlap, or lie outside the text, are left out."""
    text = scalar(block.get("text"))
    parts = []
    end = 0
    marks = [
        mark for mark in _list(block.get("formatting")) if isinstance(mark, Mapping) and mark.get("type") == "link"
    ]
    ranges = [(mark.get("start"), mark.get("end"), scalar(mark.get("url"))) for mark in marks]
    whole = [(start, stop, url) for start, stop, url in ranges if isinstance(start, int) and isinstance(stop, int)]
    for start, stop, url in sorted(whole):
        if end <= start < stop <= len(text):
            parts += [html.escape(text[end:start]), f'<a href="{html.escape(url)}">{html.escape(text[start:stop])}</a>']
            end = stop
    return "".join((*parts, html.escape(text[end:])))


def _heading(blocks: Sequence[Mapping[str, Any]]) -> str:
    """Return the first block if it is a heading."""
    first = blocks[0] if blocks else {}
    return scalar(first.get("text")) if scalar(first.get("subtype")) in ("heading1", "heading2") else ""


def find_tumblr(folder: Path) -> Path | None:
    """Return the folder with the pages of Tumblr's own export; None if there is none."""
    for name in _PAGES:
        pages = sorted((folder / name).glob("*.html"))[:20] if (folder / name).is_dir() else []
        of_posts = [path for path in pages if _ID.fullmatch(path.stem) and _FOOTER.search(path.read_bytes())]
        if of_posts and 2 * len(of_posts) >= len(pages):
            return folder / name
    return None


def tumblr_pages(folder: Path, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of each page. Their status is "untold": `--public status=untold` opens them."""
    from selectolax.lexbor import LexborHTMLParser

    for path in sorted(path for path in folder.glob("*.html") if _ID.fullmatch(path.stem)):
        where = f"{source}/{path.name}"
        try:
            tree = LexborHTMLParser(read_text(path.read_bytes(), where))
        except (OSError, SourceError) as error:
            yield where, Skipped(where, str(error).removeprefix(f"{where}: ").rstrip("."), path.stem)
            continue
        time = tree.css_first("#footer #timestamp")
        record: dict[str, object] = {
            "id": path.stem,
            "tags": [tag.text().strip() for tag in tree.css("#footer .tag")],
            "date": " ".join(time.text().split()) if time is not None else "",
            "status": _UNTOLD,
        }
        for node in tree.css("#footer"):
            node.decompose()
        heading = tree.css_first("body > h1")
        record["title"] = " ".join(heading.text().split()) if heading is not None else ""
        if heading is not None:
            heading.decompose()
        record["content_html"] = (tree.body.html if tree.body is not None else "") or ""
        yield where, record
