"""What the value of one field says about visibility: one function for each kind of field in the table of `closings`.

Each function takes a value and the present moment, and returns a `Visibility`. "public" also stands for a value that
says nothing, "unknown" for one that is not understood.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from recs.items import Visibility
from recs.readers.dates import parse_date
from recs.readers.values import fold, is_missing, switch, text_of

Reading = Callable[[object, datetime], Visibility]

# If several fields say something, the most closed wins: the first in this order.
ORDER: tuple[Visibility, ...] = ("unknown", "private", "draft", "scheduled", "unlisted", "public")

# The words of a status field. A word that is missing here closes the item, so the list cannot open one by mistake.
WORDS: Mapping[Visibility, str] = {
    "public": "public publish published live open visible active sent everyone listed featured",
    "draft": "draft drafts pending submission auto-draft inherit unpublished review in-review needs-review wip "
    "work-in-progress in-progress not-started to-do todo entwurf brouillon borrador rascunho bozza ontwerp utkast "
    "kladde luonnos szkic koncept черновик чернетка 草稿 下書き 초안",
    "private": "private privat privé privado privato trash trashed soft-trashed deleted removed password protected "
    "internal members members-only paid only-paid paid-only only-free tiers founding subscribers subscribers-only "
    "registered restricted confidential secret disabled inactive rejected withdrawn expired skip followers direct",
    "scheduled": "scheduled future queue queued planned",
    "unlisted": "unlisted hidden archived noindex",
}
# Tags that an author gives to items that are not ready or not for others.
_TAGS: Mapping[Visibility, str] = {
    "draft": "draft drafts unpublished entwurf brouillon borrador rascunho bozza черновик 草稿 下書き",
    "private": "private privat privé privado privato",
    "unlisted": "unlisted noindex",
}
# Parts of a page that Material for MkDocs and others can hide, while the page itself stays public.
_FURNITURE = frozenset(
    ("toc", "navigation", "nav", "sidebar", "path", "footer", "header", "tags", "feedback", "title", "date", "edit")
)
_ROBOTS_OPEN = re.compile(
    r"index|follow|nofollow|all|archive|noarchive|nosnippet|notranslate|noimageindex|nocache|noodp|noydir|noai|noimageai"
    r"|indexifembedded|unavailable_after.*|max-.*|-?\d+"
)


def _by_word(words: Mapping[Visibility, str]) -> dict[str, Visibility]:
    return {_word(word): shown for shown, listed in words.items() for word in listed.split()}


def _word(text: str) -> str:
    return "".join(char for char in text.strip().casefold() if char not in "_- ")


_STATUS = _by_word(WORDS)
CLOSING_TAGS = _by_word(_TAGS)


def status_word(value: object, _: datetime) -> Visibility:
    """Read a status: a word of the table, a yes or no, or an object that holds one of these."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):  # Drupal's
        value = value[0]
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("value", "name", "slug", "id") if key in value), None)
    is_on = switch(value)
    if is_on is not None:
        return "public" if is_on else "draft"
    return _STATUS.get(_word(value), "unknown") if isinstance(value, str) else "unknown"


def closes(word: str) -> bool:
    """Whether a status word means that something is not public.

    Examples
    --------
    >>> closes("Draft"), closes("published"), closes("garlic")
    (True, False, False)
    """
    return _STATUS.get(_word(word), "public") != "public"


def status_or_other(value: object, _: datetime) -> Visibility:
    """Read a word of the table, or a number below 1. Any other value is public: a state may be California."""
    if isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(r"-?\d+", value.strip())):
        return "draft" if float(value) < 1 else "public"  # Joomla's 0 and -2
    word = _word(value) if isinstance(value, str) else ""
    return "draft" if word.startswith("draft") else _STATUS.get(word, "public")


def opened_by(closed: Visibility, *, dated: bool = False, strict: bool = True) -> Reading:
    """Return a reading of fields that open: yes is public, no is `closed`. With `dated`, a date may stand for yes."""

    def read(value: object, now: datetime) -> Visibility:
        is_on = switch(value)
        if is_on is False and not strict and text_of(value) == "0":  # a position in an order, which begins at 0
            is_on = True
        if is_on is not None:
            return "public" if is_on else closed
        if isinstance(value, str) and _word(value) in ("never", "none"):
            return closed
        if isinstance(value, str) and value.startswith(("http://", "https://")):  # "live" may be the URL of a demo
            return "public"
        if dated:
            shown = status_word(value, now)
            return shown if shown != "unknown" else publication(value, now)
        return "unknown" if strict else "public"

    return read


def closed_by(closed: Visibility, *, strict: bool = True) -> Reading:
    """Return a reading of fields that close: yes is `closed`, no is public. "deleted" and "scheduled" may be a date."""

    def read(value: object, now: datetime) -> Visibility:
        is_on = switch(value)
        if is_on is not None:
            return closed if is_on else "public"
        if closed == "scheduled":
            return publication(value, now)
        if closed == "private" and strict:
            return "private"
        return "unknown" if strict else "public"

    return read


# The reading of fields whose value may be a remark or a password, so that it is never printed.
HELD_BACK = closed_by("private")


def password(value: object, _: datetime) -> Visibility:
    """Read a password: anything but false closes."""
    return "public" if value is False else "private"


# Words of Eleventy for the moment when the file was written.
_OF_THE_FILE = frozenset(("lastmodified", "created", "gitcreated", "gitlastmodified"))


def publication(value: object, now: datetime) -> Visibility:
    """Read the moment of publication: a future one means scheduled.

    Examples
    --------
    >>> from datetime import UTC
    >>> [publication(date, datetime(2026, 1, 1, tzinfo=UTC)) for date in ("2025-10-01", "2026-10-01", "soon")]
    ['public', 'scheduled', 'unknown']
    """
    if isinstance(value, str) and _word(value) in _OF_THE_FILE:
        return "public"
    moment = parse_date(value)
    if moment is None:
        return "unknown"
    return "scheduled" if moment > now else "public"


def expiry(value: object, now: datetime) -> Visibility:
    """Read the moment of expiry: a past one closes."""
    if switch(value) is False or (isinstance(value, str) and _word(value) == "never"):
        return "public"
    moment = parse_date(value)
    if moment is None:
        return "unknown"
    return "private" if moment <= now else "public"


_BUILD: Mapping[str, Mapping[str, Visibility]] = {
    "render": {"always": "public", "true": "public", "never": "private", "false": "private", "link": "private"},
    "list": {"always": "public", "true": "public", "never": "unlisted", "false": "unlisted", "local": "unlisted"},
}


def hugo_build(value: object, now: datetime) -> Visibility:
    """Read Hugo's map: `render` and `list` are always, never, link or local, or a yes or no."""
    if not isinstance(value, Mapping):
        return opened_by("private")(value, now)
    shown: list[Visibility] = ["public"]
    for name, setting in value.items():
        meanings = _BUILD.get(fold(str(name)))
        if meanings is not None and not is_missing(setting):
            shown.append(meanings.get(text_of(setting).casefold(), "unknown"))
    return min(shown, key=ORDER.index)


def page_option(closing: str, *, paths: bool) -> Reading:
    """Return a reading of `search: false`, `sitemap: {disable: true}`: a map of settings, or a yes or no."""
    keys = frozenset(closing.split())

    def read(value: object, now: datetime) -> Visibility:
        if isinstance(value, Mapping):
            return _most_closed(value, keys, now)
        if isinstance(value, str) and _word(value) in {*keys, "never", "none", "noindex", "excluded", "disabled"}:
            return "unlisted"
        shown = opened_by("unlisted")(value, now)
        return "public" if shown == "unknown" and paths and isinstance(value, str) else shown

    return read


def robots(value: object, _: datetime) -> Visibility:
    """Read the directives for search engines: text, list or map ({"index": "noindex"}, {"noindex": true}).

    Examples
    --------
    >>> [robots(value, datetime.now()) for value in ("noindex, nofollow", {"index": True}, "perhaps")]
    ['unlisted', 'public', 'unknown']
    """
    if isinstance(value, Mapping):
        value = [_directive(fold(str(name)), setting) for name, setting in value.items()]
    is_on = switch(value)
    if is_on is not None:
        return "public" if is_on else "unlisted"
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
    if not isinstance(text, str):
        return "unknown"
    directives = re.split(r"[\s,;]+", text.strip().casefold())
    if {"noindex", "none"} & set(directives):
        return "unlisted"
    return "public" if all(_ROBOTS_OPEN.fullmatch(directive) for directive in directives if directive) else "unknown"


def _directive(name: str, value: object) -> str:
    """Return one entry of a map as a directive: {"index": false} and {"noindex": true} are both "noindex"."""
    is_on = switch(value)
    if is_on is None:
        return name if name.startswith("max") else str(value)
    if is_on:
        return name
    return name.removeprefix("no") if name.startswith("no") else f"no{name}"


def hide(value: object, now: datetime) -> Visibility:
    """Read `hide`: yes hides the page, a list hides only parts of it."""
    if isinstance(value, str) and switch(value) is None:
        value = re.split(r"[\s,]+", value.strip())
    if isinstance(value, list | tuple | Mapping):
        return "public" if all(fold(str(part)) in _FURNITURE for part in value) else "unknown"
    return closed_by("unlisted")(value, now)


def exclude(value: object, _: datetime) -> Visibility:
    """Read `exclude`: yes unlists the item. Any other value names items that its own list must not hold."""
    return "unlisted" if text_of(value).casefold() in ("true", "yes", "on") else "public"


def excluded_collections(value: object, now: datetime) -> Visibility:
    """Read the collections of Eleventy that leave the item out: yes, or a list of names."""
    return "unlisted" if isinstance(value, list | tuple) and value else closed_by("unlisted")(value, now)


def permalink(value: object, _: datetime) -> Visibility:
    """Read a permalink: if it is false, or `build` in a map is false, the item has no page."""
    if isinstance(value, Mapping):
        value = value.get("build", "")
    return "private" if text_of(value).casefold() in ("false", "no", "off") else "public"


def redirect(value: object, _: datetime) -> Visibility:
    """Read the target of a redirect: a page with one is unlisted."""
    return "public" if switch(value) is False else "unlisted"


def layout(value: object, _: datetime) -> Visibility:
    """Read a layout: the layout of a redirect unlists."""
    return "unlisted" if isinstance(value, str) and _word(value) in ("redirect", "redirected") else "public"


def closing_tag(value: object, _: datetime) -> Visibility:
    """Read one tag."""
    return CLOSING_TAGS.get(_word(value.strip().lstrip("#")), "public") if isinstance(value, str) else "public"


def draft_id(value: object, _: datetime) -> Visibility:
    """Read an id of Sanity, which tells drafts and versions."""
    return "draft" if isinstance(value, str) and value.startswith(("drafts.", "versions.")) else "public"


def hiding_settings(closing: str) -> Reading:
    """Return a reading of a map in which only some keys are about visibility. Any other value is public."""
    keys = frozenset(closing.split())

    def read(value: object, now: datetime) -> Visibility:
        return _most_closed(value, keys, now) if isinstance(value, Mapping) else "public"

    return read


def _most_closed(settings: Mapping[object, object], keys: frozenset[str], now: datetime) -> Visibility:
    """Return the most closed reading of the settings with these keys; yes means unlisted."""
    shown = [closed_by("unlisted")(setting, now) for key, setting in settings.items() if fold(str(key)) in keys]
    return min(shown, key=ORDER.index, default="public")
