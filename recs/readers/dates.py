"""Dates as feeds, exports and front matter write them."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime

from recs.errors import OptionError

_FORMATS = ("%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%Y/%m/%d %H:%M:%S")
_NUMBER = re.compile(r"-?\d{9,13}(\.\d+)?")
_MILLISECONDS_FROM = 1e11  # in seconds that is the year 5138


def parse_date(value: object) -> datetime | None:
    """Return a moment in UTC; a date alone is its midnight. None for what is no date.

    Understood: ISO 8601, RFC 2822, seconds or milliseconds since 1970, "2020/01/02", "2.1.2020", "Jan 2, 2020".
    """
    try:
        if isinstance(value, str):
            return _parse(value.strip())
        if isinstance(value, datetime):
            return _utc(value)
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _since_1970(float(value))
    except OverflowError:  # a number of 400 digits; the last hour of the year 9999, in another zone
        return None
    return None


def parse_now(value: str | date | datetime | None) -> datetime:
    """Return the moment that `now` stands for: the present for None; `OptionError` for what is no date."""
    if value is None:
        return datetime.now(UTC)
    moment = parse_date(value)
    if moment is None:
        raise OptionError(f"now is {value!r}, expected a date such as 2026-11-01.")
    return moment


def format_date(moment: datetime | None) -> str | None:
    """Return a moment in ISO 8601."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def _parse(text: str) -> datetime | None:
    if _NUMBER.fullmatch(text):
        return _since_1970(float(text))
    for parse in (_iso, parsedate_to_datetime):
        with suppress(ValueError, TypeError, IndexError, OverflowError):
            return _utc(parse(text))
    for form in _FORMATS:
        with suppress(ValueError):
            return datetime.strptime(text, form).replace(tzinfo=UTC)
    return None


def _iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        # "2020-01-02 10:00:00 +0200" and "2020-1-2", which exports hold
        found = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})([T ].*)?", text)
        if not found:
            raise
        year, month, day, rest = found.groups()
        rest = re.sub(r"\s+(?=[+-]\d|Z|UTC)", "", (rest or "").rstrip()).replace("UTC", "Z")
        return datetime.fromisoformat(f"{year}-{int(month):02}-{int(day):02}{rest}")


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _since_1970(seconds: float) -> datetime | None:
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(seconds / 1000 if abs(seconds) >= _MILLISECONDS_FROM else seconds, UTC)
    return None
