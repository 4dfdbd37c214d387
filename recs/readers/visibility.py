"""Whether an item may be shown, from the many fields that say so. What is not understood is closed."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime

from recs.items import Visibility
from recs.readers.dates import parse_date

# Field names, in lower case without "_", "-" and a leading "is". A field of the second table says the opposite of its
# name's value.
_STATUS = ("status", "visibility", "poststatus", "state", "access", "privacy")
_OPEN_IF_TRUE = ("published", "publish", "public", "live", "visible")
_CLOSED_IF_TRUE: Mapping[str, Visibility] = {
    **dict.fromkeys(("draft", "unpublished"), "draft"),
    **dict.fromkeys(("private", "passwordprotected", "expired"), "private"),
    **dict.fromkeys(("deleted", "deletedat", "trashed", "trashedat"), "private"),
    **dict.fromkeys(("unlisted", "headless", "hidden", "archived"), "unlisted"),
    "scheduled": "scheduled",
}
_PASSWORDS = ("password", "postpassword")
PUBLISHED_DATES = ("date", "datepublished", "publishedat", "pubdate")
_DATES = (*PUBLISHED_DATES, "publishdate", "publishon", "scheduledat", "scheduledfor")
_EXPIRY = ("expirydate", "expires", "expiresat", "unpublishdate")

_WORDS: Mapping[str, Visibility] = {
    **dict.fromkeys(("public", "publish", "published", "live", "open", "visible", "active", "sent"), "public"),
    **dict.fromkeys(("draft", "pending", "auto-draft", "inherit", "unpublished", "in review", "review"), "draft"),
    **dict.fromkeys(("private", "trash", "trashed", "deleted", "password", "internal"), "private"),
    **dict.fromkeys(("members", "paid", "tiers"), "private"),
    **dict.fromkeys(("scheduled", "future"), "scheduled"),
    **dict.fromkeys(("unlisted", "hidden", "archived"), "unlisted"),
}
_TRUE = frozenset({"true", "yes", "on", "y", "1", "1.0"})
_FALSE = frozenset({"false", "no", "off", "n", "0", "0.0"})

_ALL = (*_STATUS, *_OPEN_IF_TRUE, *_CLOSED_IF_TRUE, *_PASSWORDS, *_DATES, *_EXPIRY)
NAMES = frozenset(prefix + name for name in _ALL for prefix in ("", "is"))

# The most closed wins where several fields speak.
_ORDER: tuple[Visibility, ...] = ("unknown", "private", "draft", "scheduled", "unlisted", "public")


def visibility(fields: Iterable[tuple[str, object]], published: object, now: datetime) -> Visibility:
    """Return the visibility of an item: "public" where no field says anything else, the most closed of what they say.

    `fields` are (name folded by `fold`, value), of which a name may come more than once; `published` is the value of
    the date field as found, None where there is none; what is dated later than `now` is scheduled. A value, or a date,
    that is there and is not understood makes the item "unknown".
    """
    found = [_said(name.removeprefix("is"), value, now) for name, value in fields if not is_missing(value)]
    if not is_missing(published):
        found.append(_dated(published, now))
    return min(found, key=_ORDER.index, default="public")


def fold(name: str) -> str:
    """Return the name of a field without case, underscores, hyphens and blanks."""
    return "".join(char for char in name.casefold() if char not in "_- ")


def is_missing(value: object) -> bool:
    """Whether a value says nothing: None, NaN, or a blank string."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def _said(name: str, value: object, now: datetime) -> Visibility:
    """Return what one field says; "public" for a field of another matter."""
    if name in _STATUS:
        return _status(value)
    if name in _OPEN_IF_TRUE:  # or a date
        said = _status(value)
        return said if said != "unknown" else _dated(value, now)
    if name in _CLOSED_IF_TRUE:
        return _closed(value, _CLOSED_IF_TRUE[name], now)
    if name in _PASSWORDS:
        return "public" if value is False else "private"
    if name in _EXPIRY:
        moment = parse_date(value)
        return "unknown" if moment is None else "private" if moment <= now else "public"
    return _dated(value, now) if name in _DATES else "public"


def _status(value: object) -> Visibility:
    said = switch(value)
    if said is not None:
        return "public" if said else "draft"
    return _WORDS.get(value.strip().casefold(), "unknown") if isinstance(value, str) else "unknown"


def _closed(value: object, meaning: Visibility, now: datetime) -> Visibility:
    said = switch(value)
    if said is not None:
        return meaning if said else "public"
    if meaning == "scheduled":
        return _dated(value, now)
    return meaning if meaning == "private" else "unknown"  # "deleted" may hold a date


def _dated(value: object, now: datetime) -> Visibility:
    moment = parse_date(value)
    if moment is None:
        return "unknown"
    return "scheduled" if moment > now else "public"


def switch(value: object) -> bool | None:
    """Return what a yes or no says; None for anything else."""
    word = str(value).strip().casefold() if isinstance(value, str | bool | int | float) else ""
    return True if word in _TRUE else False if word in _FALSE else None
