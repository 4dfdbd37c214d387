"""Finds the links between the items of one collection, resolves them to ids, and hides them from an evaluation.

The author's own links tell which items belong together. Before they can judge a ranking, the ranking must not see their
words and URLs: `hide_links` takes them out of the texts.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from recs.items import Item, Link, Markup, Span
from recs.text.boilerplate import without_lines
from recs.text.hidden.comments import comment_cuts, comment_spans
from recs.text.hidden.cuts import cut, masked
from recs.text.link_targets import LinkTargets
from recs.text.markdown import wikilink_words
from recs.text.plain import CODE, plain_text
from recs.text.shown_places import shown_places
from recs.text.written import with_written, written_text

# Every repetition is bounded and stops at the next opening mark, so that hostile bodies cost linear time.
_TEMPLATE = r"\{\{.{0,300}?\}\}|\{%.{0,300}?%\}"
_HTML_LINK = (
    r"<a\b(?P<attributes>(?:[^<>\"']|\"[^\"]{0,2000}\"|'[^']{0,2000}'){0,200})>"
    r"(?P<html_anchor>(?:(?!<a\b).){0,2000}?)</a\s*>"
)
_MARKDOWN_LINK = (
    r"(?<!!)\[(?P<anchor>(?:[^\[\]]|!?\[[^\[\]]{0,300}\]){0,1000})\]"
    rf"\(\s*<?(?P<url>(?:{_TEMPLATE}|[^()\s<>]|\([^()\s]{{0,200}}\)){{1,1000}})>?(?:\s+[\"'(][^\n]{{0,300}}?[\"')])?\s*\)"
)
_WIKI_LINK = r"(?P<embed>!?)\[\[(?P<wiki>[^\[\]|\n]{1,200}?)(?:\\?\|(?P<wiki_anchor>[^\[\]\n]{0,200}))?\]\](?![(\[])"
_REFERENCE = (
    r"(?<!!)\[(?P<named>[^\[\]]{1,300})\]\[(?P<name>[^\[\]]{0,200})\]"
    r"|(?<![!\]])\[(?P<short>[^\[\]]{1,200})\](?![(\[:])"
)
_BARE = r"<?(?P<bare>https?://[^\s<>()\[\]\"'`|]{1,1000}[^\s<>()\[\]\"'`|.,;:!?*_])>?"
_DEFINITION = re.compile(r"^ {0,3}\[([^\[\]]{1,200})\]:[ \t]*<?([^\s<>]{1,1000})>?", re.MULTILINE)
_HREF = re.compile(r"\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_PATTERNS: dict[Markup, re.Pattern[str]] = {
    "html": re.compile(f"{_HTML_LINK}|{_BARE}", re.IGNORECASE | re.DOTALL),
    "markdown": re.compile(
        f"{_HTML_LINK}|{_MARKDOWN_LINK}|{_WIKI_LINK}|{_REFERENCE}|{_BARE}", re.IGNORECASE | re.DOTALL
    ),
    "text": re.compile(_BARE, re.IGNORECASE),
}
_TAG = re.compile(r"<[^<>]{0,1000}>|!\[|\]\([^()]{0,1000}\)")


def resolve_links(items: Sequence[Item]) -> Iterator[Item]:
    """Yield the items with the links between them: links in their bodies, and links that a field declared.

    Links that lead elsewhere, or to the item itself, are left out. A link that is both declared and in the body is kept
    once.

    A URL is matched by its path, with or without host, suffix and slashes, or by an earlier URL of an item (an alias).
    A relative URL is matched against the URL and the id of its item. If an item has no URL, its id is enough, or the
    last part of its id if no other item has the same. A link `[[name]]` is matched by id, path, the last parts of id or
    path, title and alias; a name that two items share leads nowhere.

    Cost: linear in the number of characters; the bodies are read once more if no item has a URL.

    Examples
    --------
    >>> garlic = Item(id="garlic", text="", body="See [leeks](/leeks/).", markup="markdown")
    >>> [linked, _] = resolve_links([garlic, Item(id="leeks", text="Leeks")])
    >>> linked.links
    (Link(start=4, stop=20, anchor='leeks', target='leeks'),)
    """
    targets = _targets_among(items)
    for item in items:
        written = _resolved(written_links(item.body, item.markup), item, targets)
        words = {(link.target, words) for link in written for words in ("", link.anchor)}
        declared = _resolved([link for link in item.links if link.start == link.stop == 0], item, targets)
        kept = (*written, *(link for link in declared if (link.target, link.anchor) not in words))
        yield replace(item, links=kept) if kept or item.links else item


def broken_links(items: Sequence[Item]) -> list[tuple[str, str]]:
    """Return (id of the item, URL) of each link in a body that leads into the site, but to none of the items.

    Links to pictures, sound and other files are left out, and so are those to the item itself.

    Examples
    --------
    >>> garlic = Item(id="garlic", text="", body="See [leeks](/leeks/) and [kale](/kale/).", markup="markdown")
    >>> broken_links([garlic, Item(id="leeks", text="Leeks")])
    [('garlic', '/kale/')]
    """
    targets = _targets_among(items)
    return [
        (item.id, link.target)
        for item in items
        for link in written_links(item.body, item.markup)
        if targets.find(link.target, item) is None and targets.is_page(link.target)
    ]


def _targets_among(items: Sequence[Item]) -> LinkTargets:
    return LinkTargets(items, (link.target for item in items for link in written_links(item.body, item.markup)))


def _resolved(links: Iterable[Link], item: Item, targets: LinkTargets) -> list[Link]:
    """Return the links that lead to another item; the target of each is the id of that item."""
    with_ids = [replace(link, target=targets.find(link.target, item) or "") for link in links]
    return [link for link in with_ids if link.target and link.target != item.id]


def hide_links(items: Iterable[Item], boilerplate: Iterable[str] = ()) -> list[Item]:
    """Return the items with texts that hold neither the words nor the URLs of their links.

    Each link is cut out of the body, and the plain text is made again, without the lines in `boilerplate`. If the place
    of a link is not known, its words are removed from the text once, as whole words. Longer words are removed first.
    The transcript of an episode stays as it is.

    Examples
    --------
    >>> garlic = Item(id="garlic", text="", body="See [leeks](/leeks/).", markup="markdown")
    >>> items = resolve_links([garlic, Item(id="leeks", text="Leeks")])
    >>> hide_links(items)[0].text
    'See .'
    """
    lines = set(boilerplate)
    return [_without_links(item, lines) if item.links else item for item in items]


def _without_links(item: Item, lines: set[str]) -> Item:
    text = written_text(item)
    links = {(link.start, link.stop, " ") for link in item.links if link.stop > link.start}
    if links:
        body = cut(item.body, [*links, *comment_cuts(item.body, item.markup)])
        text = without_lines(plain_text(body, item.markup), lines)[0]
    words = [link.anchor for link in item.links if link.stop <= link.start and link.anchor.strip()]
    for anchor in sorted(words, key=lambda words: (-len(words), words)):
        text = re.sub(rf"(?<!\w){re.escape(anchor)}(?!\w)", " ", text, count=1)
    return with_written(item, text)


def written_links(body: str, markup: Markup) -> Iterator[Link]:
    """Yield every link of the author in a body, in order, its target as it is written.

    Links in code, in comments and in parts that are not in the plain text do not count.
    """
    if "[" not in body and "<a" not in body.lower() and "http" not in body:
        return
    spans = comment_spans(body, markup)
    links = list(_all_links(body, spans, markup))
    are_shown = shown_places(masked(body, spans), markup, [link.start for link in links])
    yield from (link for link, is_shown in zip(links, are_shown, strict=True) if is_shown)


def _all_links(body: str, comments: Sequence[Span], markup: Markup) -> Iterator[Link]:
    body = cut(body, [(start, stop, " " * (stop - start)) for start, stop in comments])
    closed: list[tuple[int, int]] = []
    if markup == "markdown":
        closed = [match.span() for pattern in (CODE, _DEFINITION) for match in pattern.finditer(body)]
    closed.sort(reverse=True)
    definitions = {_fold(name): url for name, url in _DEFINITION.findall(body)} if markup == "markdown" else {}
    for match in _PATTERNS[markup].finditer(body):
        while closed and closed[-1][1] <= match.start():
            closed.pop()
        if closed and closed[-1][0] <= match.start():
            continue
        anchor, url = _parts(match.groupdict(), definitions)
        if url:
            yield Link(match.start(), match.end(), " ".join(_TAG.sub(" ", anchor).split()), url)


def _parts(groups: dict[str, str | None], definitions: dict[str, str]) -> tuple[str, str]:
    """Return the words and the URL of a link; an empty URL if it is not a link after all."""
    if groups.get("attributes") is not None:
        href = _HREF.search(groups["attributes"] or "")
        return groups["html_anchor"] or "", next(filter(None, href.groups()), "") if href else ""
    if groups.get("url"):
        return groups["anchor"] or "", groups["url"] or ""
    if wiki := groups.get("wiki"):
        return wikilink_words(wiki, groups["wiki_anchor"] or "", is_embed=bool(groups["embed"])), f"[[{wiki}]]"
    named = groups.get("named") or groups.get("short")
    if named:
        return named, definitions.get(_fold(groups.get("name") or named), "")
    return "", groups["bare"] or ""


def _fold(name: str) -> str:
    return " ".join(name.casefold().split())
