"""Whether an item may be shown, from the many fields that say so. What is not understood is closed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from recs.items import Visibility
from recs.readers.dates import parse_date

# Field names, in lower case without "_" and "-". A field of the second table says the opposite of its name's value.
_STATUS = ("status", "visibility", "poststatus", "state", "access", "privacy")
_OPEN_IF_TRUE = ("published", "public", "ispublished", "ispublic", "live")
_CLOSED_IF_TRUE: Mapping[str, Visibility] = {
    "draft": "draft",
    "isdraft": "draft",
    "private": "private",
    "isprivate": "private",
    "unlisted": "unlisted",
    "hidden": "unlisted",
    "password": "private",
    "passwordprotected": "private",
    "expired": "private",
    "deleted": "private",
    "archived": "unlisted",
}
_DATES = ("publishdate", "publishon", "scheduledat", "scheduledfor")
_EXPIRY = ("expirydate", "expires", "expiresat", "unpublishdate")

_WORDS: Mapping[str, Visibility] = {
    **dict.fromkeys(("public", "publish", "published", "live", "open", "visible", "active", "sent"), "public"),
    **dict.fromkeys(("draft", "pending", "auto-draft", "inherit", "unpublished", "in review", "review"), "draft"),
    **dict.fromkeys(("private", "trash", "deleted", "password", "members", "paid", "tiers", "internal"), "private"),
    **dict.fromkeys(("scheduled", "future"), "scheduled"),
    **dict.fromkeys(("unlisted", "hidden", "archived"), "unlisted"),
}
_TRUE = frozenset({"true", "yes", "on", "y", "1", "1.0"})
_FALSE = frozenset({"false", "no", "off", "n", "0", "0.0"})

NAMES = frozenset((*_STATUS, *_OPEN_IF_TRUE, *_CLOSED_IF_TRUE, *_DATES, *_EXPIRY))

# The most closed wins where several fields speak.
_ORDER: tuple[Visibility, ...] = ("unknown", "private", "draft", "scheduled", "unlisted", "public")


def visibility(fields: Mapping[str, object], published: object, now: datetime) -> Visibility:
    """Return the visibility of an item.

    Parameters
    ----------
    fields
        Its fields, names folded by `fold`.
    published
        The value of its date field, as found; None where it has none.
    now
        What is dated later is scheduled.

    Returns
    -------
    "public" where no field says anything else; the most closed of what they say; "unknown" for a value, or a date, that
    is there and is not understood.
    """
    found: list[Visibility] = ["public"]
    for name, value in fields.items():
        if is_missing(value):
            continue
        if name in _STATUS:
            found.append(_status(value))
        elif name in _OPEN_IF_TRUE:
            found.append(_published(value, now))
        elif name in _CLOSED_IF_TRUE:
            found.append(_closed(value, _CLOSED_IF_TRUE[name]))
        elif name in _DATES:
            found.append(_dated(value, now))
        elif name in _EXPIRY:
            moment = parse_date(value)
            found.append("unknown" if moment is None else "private" if moment <= now else "public")
    if not is_missing(published):
        found.append(_dated(published, now))
    return min(found, key=_ORDER.index)


def fold(name: str) -> str:
    """Return the name of a field without case, underscores, hyphens and blanks."""
    return "".join(char for char in name.casefold() if char not in "_- ")


def is_switch(value: object) -> bool:
    """Whether a value is yes or no rather than a date: the field "published" is written both ways."""
    return switch(value) is not None


def is_missing(value: object) -> bool:
    """Whether a value says nothing: None, NaN, or a blank string."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def _status(value: object) -> Visibility:
    said = switch(value)
    if said is not None:
        return "public" if said else "draft"
    return _WORDS.get(value.strip().casefold(), "unknown") if isinstance(value, str) else "unknown"


def _published(value: object, now: datetime) -> Visibility:
    if is_switch(value):
        return "public" if switch(value) else "draft"
    if isinstance(value, str) and value.strip().casefold() in _WORDS:
        return _WORDS[value.strip().casefold()]
    return _dated(value, now)


def _closed(value: object, meaning: Visibility) -> Visibility:
    said = switch(value)
    if said is not None:
        return meaning if said else "public"
    return meaning if meaning == "private" else "unknown"  # a password is any text


def _dated(value: object, now: datetime) -> Visibility:
    moment = parse_date(value)
    if moment is None:
        return "unknown"
    return "scheduled" if moment > now else "public"


def switch(value: object) -> bool | None:
    """Return what a yes or no says; None for anything else."""
    word = str(value).strip().casefold() if isinstance(value, str | bool | int | float) else ""
    return True if word in _TRUE else False if word in _FALSE else None
