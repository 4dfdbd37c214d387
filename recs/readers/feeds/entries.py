"""Turns one entry of a feed, as feedparser read it, into a record."""

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

from recs.items import Skipped
from recs.readers.values import fold, one_or_repeated
from recs.readers.visibility.closings import rule_of
from recs.text.plain import detect_markup, plain_text

_HTML_TYPES = ("text/html", "xml", "application/octet-stream")  # the last one is Base64 in Atom 0.3, decoded
_PLAIN_TYPES = ("text", "text/plain")
# Fields of podcasts: their names here, and those in feeds, best first.
_EPISODE = {
    "season": ("itunes_season", "podcast_season"),
    "episode": ("itunes_episode", "podcast_episode"),
    "episode_type": ("itunes_episodetype",),
    "duration": ("itunes_duration",),
    "transcripts": ("transcripts",),
    "chapters": ("chapters",),
}
# Fields that may close an entry: their names in the table of visibility, and those of feedparser.
_CLOSING = {
    "draft": ("app_draft",),
    "status": ("blogger_status",),
    "expirationdate": ("expired",),
    "visible_until": ("validity_end",),
    "available_from": ("validity_start",),
}
_BLOCKS = {"itunes:block": "itunes_block", "googleplay:block": "googleplay_block", "podcast:block": "podcast_block"}
# Fields of feedparser that have a name in the table of visibility, but another meaning or another place here.
_READ = frozenset(
    ("id", "link", "title", "summary", "content", "published", "updated", "created", "expired", "tags", "category")
).union(_BLOCKS.values())
# What WordPress shows in place of a text with a password.
_FORM_FOR_PASSWORD = re.compile(r"<form\b[^<>]{0,1000}\bpost-password-form\b")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://|/")  # a guid is meant to be one, but often is only a number
_BLOGGER_KIND = re.compile(r"https?://schemas\.google\.com/blogger/2008/kind#(\w+)")
_POSTS_OF_BLOGGER = ("post", "page")


def entry_record(
    entry: Mapping[str, Any], channel: Mapping[str, Any], *, is_atom: bool, where: str
) -> dict[str, object] | Skipped:
    """Return the record of an entry; `Skipped` for a comment, a setting or a template in a backup of Blogger.

    Parameters
    ----------
    entry, channel
        The fields of the entry and of the feed, under the names of feedparser.
    is_atom
        Whether the feed is Atom. In RSS, the only date of an entry is that of its publication.
    where
        The place of the entry, for messages.

    Returns
    -------
    dict
        Fields under names that recs knows. "content_html" holds the whole text; an entry with a summary alone has the
        field "summary" instead. Fields with an empty value are left out.

    Examples
    --------
    >>> entry = {"title": "Garlic", "link": "/garlic", "summary": "On garlic."}
    >>> entry_record(entry, {"link": "https://a.org"}, is_atom=False, where="feed.xml: entry 1")
    {'url': 'https://a.org/garlic', 'title': 'Garlic', 'summary': '<p>On garlic.</p>'}
    """
    kind = _kind_of_blogger(entry)
    if kind and kind not in _POSTS_OF_BLOGGER:
        return Skipped(where, f"a {kind} of Blogger; only posts and pages are read", entry.get("id"))
    record: dict[str, object] = {
        "id": entry.get("id"),
        "url": _url(entry, channel),
        "title": _shielded(_line(entry.get("title_detail") or {"value": entry.get("title")})),
        **_texts(entry),
        "date": _first(entry, ("published", "created") if is_atom else ("published", "created", "updated")),
        "updated": entry.get("updated"),
        "lang": _language(entry, channel, is_atom=is_atom),
        "tags": list(dict.fromkeys(_words(entry))),
        "image": _image(entry),
        "audio": next((link.get("href") for link in _enclosures(entry) if _is_of(link, "audio")), None),
    }
    record |= {name: _first(entry, names) for name, names in (_EPISODE | _CLOSING).items()}
    record["hosts"], record["guests"] = (_persons(entry, role) or _persons(channel, role) for role in ("host", "guest"))
    record["chapters"] = record["chapters"] or (entry.get("psc_chapters") or {}).get("chapters")
    for name, value in _closings(entry, channel):
        values = [record[name], value] if record.get(name) else [value]
        record[name] = one_or_repeated(values)  # of several values, the most closed one counts
    return {name: value for name, value in record.items() if value not in (None, "", [])}


def _first(entry: Mapping[str, Any], names: Iterable[str]) -> object:
    """Return the first value that is text or a list; any other value holds the attributes of an unknown element."""
    return next((entry[name] for name in names if isinstance(entry.get(name), str | list) and entry[name]), None)


def _url(entry: Mapping[str, Any], channel: Mapping[str, Any]) -> str:
    """Return the address of the page of an entry; FeedBurner replaced it, and kept it in a field of its own."""
    alternates = (link.get("href") for link in entry.get("links") or () if link.get("rel") == "alternate")
    address = str(_first(entry, ("feedburner_origlink", "link")) or next(filter(None, alternates), ""))
    is_guid = entry.get("guidislink") and address == entry.get("id")
    if not address or (is_guid and not _ADDRESS.match(address)):
        return ""
    base = channel.get("link")
    try:
        return urljoin(base, address) if isinstance(base, str) else address
    except ValueError:  # no URL, such as http://[
        return address


def _texts(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the whole text of an entry, with its summary as the excerpt, or else the summary."""
    contents = [content for content in entry.get("content") or () if str(content.get("value") or "").strip()]
    of_html = [content for content in contents if _is_html(content)]
    plain = [content for content in contents if content.get("type") in _PLAIN_TYPES]
    content = max(of_html or plain, key=lambda content: len(content["value"]), default=None)
    summary = entry.get("summary_detail")
    if content is not None:
        excerpt = _line(summary) if summary and summary.get("value") != content["value"] else ""
        return {"content_html": _html(content), "excerpt": _shielded(excerpt)}
    summary = summary or {"value": entry.get("summary"), "type": "text/html"}
    texts = [summary, {"value": entry.get("itunes_summary"), "type": "text/plain"}]
    longest = max(texts, key=lambda detail: len(str(detail.get("value") or "").strip()))
    return {"summary": _html(longest) if str(longest.get("value") or "").strip() else ""}


def _is_html(detail: Mapping[str, Any]) -> bool:
    return str(detail.get("type") or "text/html").endswith(_HTML_TYPES)


def _html(detail: Mapping[str, Any]) -> str:
    """Return a text as HTML that is recognised as such."""
    value = str(detail["value"])
    if _is_html(detail):
        return value if detect_markup(value) == "html" else f"<p>{value}</p>"
    paragraphs = re.split(r"\n[^\S\n]*\n\s*", html.escape(value, quote=False).strip())
    return "".join(f"<p>{paragraph}</p>".replace("\n", "<br>") for paragraph in paragraphs)


def _line(detail: Mapping[str, Any]) -> str:
    """Return a text as one line of plain text."""
    value = str(detail.get("value") or "")
    is_html = _is_html(detail) if detail.get("type") else False
    return " ".join((plain_text(value, "html") if is_html else value).split())


def _shielded(line: str) -> str:
    """Return a plain line so that `values.one_line`, which decodes entities, gives it back."""
    return html.escape(line, quote=False)


def _language(entry: Mapping[str, Any], channel: Mapping[str, Any], *, is_atom: bool) -> object:
    """Return the language that the entry declares itself, or that of its text, or that of the feed."""
    details = [*(entry.get("content") or ()), entry.get("summary_detail"), entry.get("title_detail")]
    inherited = [detail.get("language") for detail in details if detail]
    if is_atom and inherited:
        return inherited[0]  # none if it was taken back by xml:lang=""
    return _first(entry, ("language",)) or next(filter(None, inherited), None) or _first(channel, ("language",))


def _words(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield the words of the categories."""
    for tag in entry.get("tags") or ():
        word = str(tag.get("term") or tag.get("label") or "").strip()
        if word and not _BLOGGER_KIND.fullmatch(word):
            yield word


def _kind_of_blogger(entry: Mapping[str, Any]) -> str:
    """Return "post", "page", "comment" and so on for an entry in a backup of Blogger; "" for any other entry."""
    kind = entry.get("blogger_type")
    if isinstance(kind, str):
        return kind.strip().lower()
    terms = (_BLOGGER_KIND.fullmatch(str(tag.get("term") or "")) for tag in entry.get("tags") or ())
    return next((match[1] for match in terms if match), "")


def _image(entry: Mapping[str, Any]) -> str:
    """Return the address of the picture of an entry."""
    thumbnails = [each.get("url") for each in entry.get("media_thumbnail") or ()]
    image = entry.get("image")
    own = [image.get("href")] if isinstance(image, Mapping) else []
    media = [each.get("url") for each in entry.get("media_content") or () if _is_of(each, "image")]
    enclosed = [link.get("href") for link in _enclosures(entry) if _is_of(link, "image")]
    return next((str(address) for address in (*thumbnails, *own, *media, *enclosed) if address), "")


def _enclosures(entry: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (link for link in entry.get("links") or () if link.get("rel") == "enclosure")


def _is_of(file: Mapping[str, Any], kind: str) -> bool:
    """Whether a file in a feed is a picture or a sound: "image" or "audio"."""
    return str(file.get("type") or "").startswith(f"{kind}/") or file.get("medium") == kind


def _persons(fields: Mapping[str, Any], role: str) -> list[str]:
    """Return the names of the hosts or guests of an episode, or of a podcast."""
    return [name for of_person, name in fields.get("persons") or () if of_person == role]


def _closings(entry: Mapping[str, Any], channel: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Yield the fields that may close an entry: those of its podcast too, and all that the table of visibility has."""
    for name, field in _BLOCKS.items():
        values = [fields[field] for fields in (channel, entry) if isinstance(fields.get(field), str)]
        if values:
            yield name, one_or_repeated(values)
    if any(_FORM_FOR_PASSWORD.search(str(content.get("value"))) for content in entry.get("content") or ()):
        yield "password_protected", True
    restriction = entry.get("media_restriction")
    if isinstance(restriction, Mapping):
        yield "media:restriction", _is_for_nobody(restriction)
    for name, value in entry.items():
        if name not in _READ and isinstance(value, str) and rule_of(fold(name)) is not None:
            yield name, value


def _is_for_nobody(restriction: Mapping[str, Any]) -> bool:
    """Whether a restriction of Media RSS denies the entry to everyone, or forbids to share it."""
    listed = restriction.get("content") or []
    relationship = str(restriction.get("relationship") or "").lower()
    if restriction.get("type") == "sharing":
        return relationship == "deny"
    return ("all" in listed and relationship == "deny") or ("none" in listed and relationship == "allow")
