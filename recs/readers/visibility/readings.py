"""What the value of one field says of visibility: a reading for each kind of field in the table of `visibility`."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from recs.items import Visibility
from recs.readers.dates import parse_date
from recs.readers.values import fold, is_missing, switch, text_of

Reading = Callable[[object, datetime], Visibility]

# The most closed wins where several fields speak.
ORDER: tuple[Visibility, ...] = ("unknown", "private", "draft", "scheduled", "unlisted", "public")

# The words of a status, whatever the name of its field. A list so long is safe: what is not here closes the item.
WORDS: Mapping[Visibility, str] = {
    "public": "public publish published live open visible active sent everyone listed featured",
    "draft": "draft drafts pending auto-draft inherit unpublished review in-review needs-review wip work-in-progress "
    "in-progress not-started to-do todo entwurf brouillon borrador rascunho bozza ontwerp utkast kladde luonnos szkic "
    "koncept черновик чернетка 草稿 下書き 초안",
    "private": "private privat privé privado privato trash trashed deleted removed password protected internal members "
    "members-only paid only-paid paid-only only-free tiers founding subscribers subscribers-only registered restricted "
    "confidential secret disabled inactive rejected withdrawn expired skip followers direct",
    "scheduled": "scheduled future queue queued planned",
    "unlisted": "unlisted hidden archived noindex",
}
# Tags that an author gives to what is not ready or not for others.
_TAGS: Mapping[Visibility, str] = {
    "draft": "draft drafts unpublished entwurf brouillon borrador rascunho bozza черновик 草稿 下書き",
    "private": "private privat privé privado privato",
    "unlisted": "unlisted noindex",
}
# Parts of a page that Material for MkDocs and others hide, the page itself being public.
_FURNITURE = frozenset(
    ("toc", "navigation", "nav", "sidebar", "path", "footer", "header", "tags", "feedback", "title", "date", "edit")
)
_ROBOTS_OPEN = re.compile(
    r"index|follow|nofollow|all|archive|noarchive|nosnippet|notranslate|noimageindex|nocache|noodp|noydir|noai|noimageai"
    r"|indexifembedded|unavailable_after.*|max-.*|-?\d+"
)


# How the values of one kind of field are read.


def _by_word(words: Mapping[Visibility, str]) -> dict[str, Visibility]:
    return {_word(word): shown for shown, listed in words.items() for word in listed.split()}


def _word(text: str) -> str:
    return "".join(char for char in text.strip().casefold() if char not in "_- ")


_STATUS = _by_word(WORDS)
CLOSING_TAGS = _by_word(_TAGS)


def status_word(value: object, _: datetime) -> Visibility:
    """A word of the table, a yes or no, or an object that holds one."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping):  # Drupal's
        value = value[0]
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("value", "name", "slug", "id") if key in value), None)
    said = switch(value)
    if said is not None:
        return "public" if said else "draft"
    return _STATUS.get(_word(value), "unknown") if isinstance(value, str) else "unknown"


def closes(word: str) -> bool:
    """Whether a word of a status says that what it stands by is not public."""
    return _STATUS.get(_word(word), "public") != "public"


def status_or_other(value: object, _: datetime) -> Visibility:
    """A word of the table, or a number below 1; "public" for any other value: a state may be California."""
    if isinstance(value, int | float) or (isinstance(value, str) and re.fullmatch(r"-?\d+", value.strip())):
        return "draft" if float(value) < 1 else "public"  # Joomla's 0 and -2
    word = _word(value) if isinstance(value, str) else ""
    return "draft" if word.startswith("draft") else _STATUS.get(word, "public")


def opened_by(closed: Visibility, *, dated: bool = False, strict: bool = True) -> Reading:
    """Public where yes, else `closed`; with `dated` a moment may stand in place of yes."""

    def read(value: object, now: datetime) -> Visibility:
        said = switch(value)
        if said is False and not strict and text_of(value) == "0":  # the number of a row, the first of an order
            said = True
        if said is not None:
            return "public" if said else closed
        if isinstance(value, str) and _word(value) in ("never", "none"):
            return closed
        if isinstance(value, str) and value.startswith(("http://", "https://")):  # "live": a demonstration
            return "public"
        if dated:
            shown = status_word(value, now)
            return shown if shown != "unknown" else publication(value, now)
        return "unknown" if strict else "public"

    return read


def closed_by(closed: Visibility, *, strict: bool = True) -> Reading:
    """`closed` where yes, public where no. "deleted" and "scheduled" may hold a moment."""

    def read(value: object, now: datetime) -> Visibility:
        said = switch(value)
        if said is not None:
            return closed if said else "public"
        if closed == "scheduled":
            return publication(value, now)
        if closed == "private" and strict:
            return "private"
        return "unknown" if strict else "public"

    return read


# Of fields whose value may be a remark, or a password: it is never printed.
HELD_BACK = closed_by("private")


def password(value: object, _: datetime) -> Visibility:
    return "public" if value is False else "private"


# Of Eleventy: the moment that the file was written.
_OF_THE_FILE = frozenset(("lastmodified", "created", "gitcreated", "gitlastmodified"))


def publication(value: object, now: datetime) -> Visibility:
    if isinstance(value, str) and _word(value) in _OF_THE_FILE:
        return "public"
    moment = parse_date(value)
    if moment is None:
        return "unknown"
    return "scheduled" if moment > now else "public"


def expiry(value: object, now: datetime) -> Visibility:
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
    """Hugo's map: render and list, each always, never, link or local, or a yes or no."""
    if not isinstance(value, Mapping):
        return opened_by("private")(value, now)
    found: list[Visibility] = ["public"]
    for name, said in value.items():
        meanings = _BUILD.get(fold(str(name)))
        if meanings is not None and not is_missing(said):
            found.append(meanings.get(text_of(said).casefold(), "unknown"))
    return min(found, key=ORDER.index)


def page_option(closing: str, *, paths: bool) -> Reading:
    """`search: false`, `sitemap: {disable: true}`: a map of settings, or whether the page is there at all."""
    keys = frozenset(closing.split())

    def read(value: object, now: datetime) -> Visibility:
        if isinstance(value, Mapping):
            said = [closed_by("unlisted")(part, now) for key, part in value.items() if fold(str(key)) in keys]
            return min(said, key=ORDER.index, default="public")
        if isinstance(value, str) and _word(value) in {*keys, "never", "none", "noindex", "excluded", "disabled"}:
            return "unlisted"
        shown = opened_by("unlisted")(value, now)
        return "public" if shown == "unknown" and paths and isinstance(value, str) else shown

    return read


def robots(value: object, _: datetime) -> Visibility:
    """The directives for search engines, as text, list or map ({"index": "noindex"}, {"noindex": true})."""
    if isinstance(value, Mapping):
        value = [_directive(fold(str(name)), said) for name, said in value.items()]
    said = switch(value)
    if said is not None:
        return "public" if said else "unlisted"
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else value
    if not isinstance(text, str):
        return "unknown"
    directives = re.split(r"[\s,;]+", text.strip().casefold())
    if {"noindex", "none"} & set(directives):
        return "unlisted"
    return "public" if all(_ROBOTS_OPEN.fullmatch(directive) for directive in directives if directive) else "unknown"


def _directive(name: str, value: object) -> str:
    """Return one entry of a map as a directive: {"index": false} and {"noindex": true} are both "noindex"."""
    said = switch(value)
    if said is None:
        return name if name.startswith("max") else str(value)
    if said:
        return name
    return name.removeprefix("no") if name.startswith("no") else f"no{name}"


def hide(value: object, now: datetime) -> Visibility:
    """Yes hides the page; a list of furniture hides parts of it."""
    if isinstance(value, str) and switch(value) is None:
        value = re.split(r"[\s,]+", value.strip())
    if isinstance(value, list | tuple | Mapping):
        return "public" if all(fold(str(part)) in _FURNITURE for part in value) else "unknown"
    return closed_by("unlisted")(value, now)


def exclude(value: object, _: datetime) -> Visibility:
    """Yes keeps the item out of lists; anything else names what its own list must not hold."""
    return "unlisted" if text_of(value).casefold() in ("true", "yes", "on") else "public"


def excluded_collections(value: object, now: datetime) -> Visibility:
    return "unlisted" if isinstance(value, list | tuple) and value else closed_by("unlisted")(value, now)


def permalink(value: object, _: datetime) -> Visibility:
    """No page of its own where it is false, or where the `build` of a map is."""
    if isinstance(value, Mapping):
        value = value.get("build", "")
    return "private" if text_of(value).casefold() in ("false", "no", "off") else "public"


def redirect(value: object, _: datetime) -> Visibility:
    return "public" if switch(value) is False else "unlisted"


def layout(value: object, _: datetime) -> Visibility:
    return "unlisted" if isinstance(value, str) and _word(value) in ("redirect", "redirected") else "public"


def closing_tag(value: object, _: datetime) -> Visibility:
    """What one tag says."""
    return CLOSING_TAGS.get(_word(value.strip().lstrip("#")), "public") if isinstance(value, str) else "public"


def draft_id(value: object, _: datetime) -> Visibility:
    return "draft" if isinstance(value, str) and value.startswith(("drafts.", "versions.")) else "public"


def hiding_settings(closing: str) -> Reading:
    """A map of which only some keys say something; any other value is another matter."""
    keys = frozenset(closing.split())

    def read(value: object, now: datetime) -> Visibility:
        if not isinstance(value, Mapping):
            return "public"
        said = [closed_by("unlisted")(part, now) for key, part in value.items() if fold(str(key)) in keys]
        return min(said, key=ORDER.index, default="public")

    return read
