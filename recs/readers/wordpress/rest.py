"""Reads the answers of the REST API of WordPress: lists of posts, with or without `_embed`, for readers or editors."""

import html
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from recs.items import Skipped
from recs.readers.values import is_missing, scalar
from recs.readers.wordpress.posts import UNCATEGORIZED, has_page, hiding_fields, real_date, types_left_out

# Fields that are numbers, or addresses of the API, or that say again what other fields say. "date" and "modified" are
# in the time of the site without a zone: a post of today would be in the future.
_LEFT_OUT = frozenset(
    (
        *("date", "date_gmt", "modified", "modified_gmt", "guid", "link", "title", "content", "excerpt", "type"),
        *("tags", "categories", "author", "featured_media", "_links", "_embedded", "yoast_head", "class_list"),
        *("acf", "meta"),
        *("comment_status", "ping_status", "sticky", "template", "format", "permalink_template", "generated_slug"),
    )
)


def is_rest(document: object) -> bool:
    """Whether a JSON document is a list of posts as the REST API of WordPress gives it.

    Examples
    --------
    >>> is_rest([{"id": 12, "title": {"rendered": "Garlic"}, "content": {"rendered": "<p>Plant it.</p>"}}])
    True
    >>> is_rest([{"id": 12, "title": "Garlic", "content": "Plant it."}])
    False
    """
    first = document[0] if isinstance(document, list) and document else None
    if not isinstance(first, Mapping) or "id" not in first:
        return False
    texts = [first.get(name) for name in ("title", "content", "excerpt")]
    return any(isinstance(text, Mapping) and ("rendered" in text or "raw" in text) for text in texts)


def rest_records(document: Sequence[object], source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of each post in a list, then what was not read.

    Tags and categories are numbers there. Their words are read from `_embedded`, which the API adds if it is asked with
    `?_embed`.

    Examples
    --------
    >>> post = {"id": 12, "title": {"rendered": "Garlic &amp; leeks"}, "content": {"rendered": "<p>Plant it.</p>"}}
    >>> [(where, record)] = rest_records([post], "posts.json")
    >>> where, record["content_html"]
    ('posts.json: post 12', '<p>Plant it.</p>')
    """
    types: Counter[str] = Counter()
    without_words = 0
    for number, post in enumerate(document, 1):
        if not isinstance(post, Mapping):
            yield f"{source}: item {number}", post
            continue
        post_type = scalar(post.get("type")) or "post"
        if not has_page(post_type, scalar(post.get("status")), scalar(post.get("link"))):
            types[post_type] += 1
            continue
        post_id = scalar(post.get("id"))
        where = f"{source}: post {post_id}" if post_id else f"{source}: item {number}"
        without_words += _lacks_words(post)
        if _is_withheld(post):
            yield where, Skipped(where, "its text is not there, since it has a password", post_id or None)
        else:
            yield where, _record(post, post_id, post_type)
    for reason in types_left_out(types):
        yield source, Skipped(source, reason)
    if without_words:
        posts = f"{without_words:,} {'post' if without_words == 1 else 'posts'}"
        yield source, Skipped(source, f"tags and categories of {posts} are numbers; ask the API with ?_embed for words")


def _record(post: Mapping[str, object], post_id: str, post_type: str) -> dict[str, object]:
    """Return the record of a post, under the names that the other readers use."""
    dates = {name: scalar(post.get(name)) for name in ("date_gmt", "date", "modified_gmt", "modified")}
    terms = _terms(post)
    custom = [*_fields(post, "acf"), *_fields(post, "meta")]
    record = {
        **{name: value for name, value in post.items() if name not in _LEFT_OUT},
        "title": _text(post.get("title"), "raw", "rendered"),
        "content_html": _text(post.get("content"), "rendered", "raw"),
        "excerpt": _text(post.get("excerpt"), "raw", "rendered"),
        "protected": _is_protected(post) or None,
        "password": bool(post.get("password")) or None,  # never the word
        "url": post.get("link"),
        "date": real_date(dates["date_gmt"], dates["date"]),
        "updated": real_date(dates["modified_gmt"], dates["modified"]),
        "post_type": post_type,
        "tags": terms.pop("post_tag", _words(post.get("tags"))),
        "categories": terms.pop("category", _words(post.get("categories"))),
        "taxonomies": terms,
        "image": _image(post),
        "yoast_head_json": {name: value for name, value in _fields(post, "yoast_head_json") if name == "robots"},
        "post_meta": dict(custom),
        "custom_fields": hiding_fields(custom),
        "aliases": [f"?p={post_id}", f"?page_id={post_id}"][: 2 if post_type == "page" else 1] if post_id else [],
    }
    return {name: value for name, value in record.items() if not is_missing(value)}


def _text(value: object, *names: str) -> str:
    """Return the first text under one of these names: "raw" as it was written, "rendered" as readers see it."""
    if not isinstance(value, Mapping):
        return scalar(value)
    return next((text for name in names if (text := scalar(value.get(name)))), "")


def _is_protected(post: Mapping[str, object]) -> bool:
    texts = (post.get("content"), post.get("excerpt"))
    return any(isinstance(text, Mapping) and text.get("protected") not in (None, False) for text in texts)


def _is_withheld(post: Mapping[str, object]) -> bool:
    return _is_protected(post) and not _text(post.get("content"), "rendered", "raw").strip()


def _lacks_words(post: Mapping[str, object]) -> bool:
    """Whether a post has tags or categories, but only their numbers."""
    numbers = [value for name in ("tags", "categories") if isinstance(value := post.get(name), list) and value]
    return bool(numbers) and not _embedded(post, "wp:term") and not any(map(_words, numbers))


def _terms(post: Mapping[str, object]) -> dict[str, list[str]]:
    """Return the names of the terms of a post by taxonomy."""
    terms: dict[str, list[str]] = {}
    for group in _embedded(post, "wp:term"):
        for term in group if isinstance(group, list) else []:
            if isinstance(term, Mapping) and term.get("slug") != UNCATEGORIZED and (name := scalar(term.get("name"))):
                terms.setdefault(scalar(term.get("taxonomy")), []).append(html.unescape(name))
    return terms


def _words(value: object) -> list[str]:
    """Return the words in a list of tags; the API gives numbers, a plugin may give words."""
    return [word for word in value if isinstance(word, str) and not word.isdigit()] if isinstance(value, list) else []


def _image(post: Mapping[str, object]) -> str:
    first = next(iter(_embedded(post, "wp:featuredmedia")), None)
    image = scalar(first.get("source_url")) if isinstance(first, Mapping) else ""
    return image or scalar(post.get("jetpack_featured_media_url"))


def _embedded(post: Mapping[str, object], name: str) -> list[object]:
    embedded = post.get("_embedded")
    value = embedded.get(name) if isinstance(embedded, Mapping) else None
    return value if isinstance(value, list) else []


def _fields(post: Mapping[str, object], name: str) -> list[tuple[str, object]]:
    """Return the fields of an object in a post; none if it is a list, which PHP writes for an empty object."""
    value = post.get(name)
    return [(str(key), inside) for key, inside in value.items() if inside] if isinstance(value, Mapping) else []
