"""Reads dates from feeds, exports and front matter: texts, numbers, dates, and mappings that hold one of these."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from recs.errors import OptionError
from recs.readers.date_text import parse_text

_DEEPEST = 4  # mappings inside each other: {"date": {"created": {"$date": {"$numberLong": "1577934245000"}}}}
_START_NAMES = ("published", "date", "created", "start")
_UPDATE_NAMES = ("updated", "modified")
_EARLIEST = 1500
_TIME_AND_ZONE = ("time", "timezone", "timeZone", "time_zone", "tz")


def parse_date(value: object) -> datetime | None:
    """Return the moment that a value means.

    Parameters
    ----------
    value
        Text (ISO 8601, RFC 2822 and what people, browsers and servers write, with month names in seven languages);
        seconds or milliseconds since 1970; a date or datetime; or a mapping that holds one of these. A time without
        a zone is in UTC, a date without a time means its midnight, a year or month its first day. If an hour occurs
        twice because clocks are set back, it means the later one.

    Returns
    -------
    datetime | None
        The moment in UTC. None if some part of the value is not understood, if it can mean two moments, or if it is
        before the year 1500, which may be a year of the Persian calendar. The year 1 is read, since it is the first
        year of some databases.

    Notes
    -----
    Never raises. The cost does not grow with the length of a text.

    Examples
    --------
    >>> format_date(parse_date("1. Oktober 2026, 14:30 CET"))
    '2026-10-01T13:30:00Z'
    >>> parse_date("03/04/2026") is None  # March or April?
    True
    """
    try:
        moment = _moment(_unwrapped(value))
        return moment if moment is None or moment.year >= _EARLIEST or moment.year == 1 else None
    except (ValueError, OverflowError):  # NaN, NaT, infinity; an integer too long to print; the last hour of 9999
        return None


def updated_of(value: object) -> object | None:
    """Return the value of "updated" or "modified" in a mapping; None for anything else."""
    if not isinstance(value, Mapping):
        return None
    return next((value[name] for name in _UPDATE_NAMES if value.get(name) is not None), None)


def parse_now(value: str | date | datetime | None) -> datetime:
    """Return the moment that `now` means, the present for None; `OptionError` if it is not a date."""
    if value is None:
        return datetime.now(UTC)
    moment = parse_date(value)
    if moment is None:
        raise OptionError(f"now is {value!r}, expected a date such as 2026-11-01.")
    return moment


def format_date(moment: datetime | None) -> str | None:
    """Return a moment in ISO 8601; None for None.

    Examples
    --------
    >>> format_date(datetime(2026, 10, 1, 14, 30, tzinfo=UTC))
    '2026-10-01T14:30:00Z'
    """
    return moment.isoformat().replace("+00:00", "Z") if moment else None


def _unwrapped(value: object) -> object:
    """Return the date inside a mapping; any other value as it is."""
    for _ in range(_DEEPEST):
        if not isinstance(value, Mapping):
            return value
        value = _held(value)
    return value


def _held(value: Mapping[object, object]) -> object:
    """Return the date one level down: that of MongoDB, that of Firestore, or the value of a name for a start."""
    if "$date" in value:
        return _mongo_date(value["$date"])
    for underscore in ("", "_"):
        if f"{underscore}seconds" in value:
            return _firestore_date(value[f"{underscore}seconds"], value.get(f"{underscore}nanoseconds", 0))
    day = next((value[name] for name in _START_NAMES if name in value), None)
    time_and_zone = [value[name] for name in _TIME_AND_ZONE if value.get(name) is not None]
    return _joined(day, time_and_zone) if time_and_zone else day


def _joined(day: object, time_and_zone: list[object]) -> str | None:
    """Return a day, its time and its zone as one text; None if one of them is not text."""
    parts = [day.isoformat() if isinstance(day, date) else day, *time_and_zone]
    texts = [part for part in parts if isinstance(part, str)]
    return " ".join(texts) if len(texts) == len(parts) else None


def _mongo_date(value: object) -> object:
    """Return the value of "$date". A number in it counts milliseconds."""
    if isinstance(value, Mapping):
        value = value.get("$numberLong")
    if isinstance(value, str) and not value.strip().lstrip("-").isdecimal():
        return value
    if not isinstance(value, int | float | str):
        return None
    return value if abs(float(value)) >= 1e11 else None  # `parse_text` would take fewer digits as seconds


def _firestore_date(seconds: object, nanoseconds: object) -> str | None:
    if type(seconds) not in (int, str) or type(nanoseconds) not in (int, str):
        return None
    whole = str(seconds).strip()
    return (
        f"{whole}.{nanoseconds:0>9}" if len(whole.lstrip("-")) < 12 else None
    )  # `parse_text` would take 12 as milliseconds


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        moment = datetime.combine(value.date(), value.timetz())  # a plain datetime; pandas has a subclass
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, int | float):
        value = str(int(value)) if value == int(value) else repr(float(value))  # 2020.0 means 2020
    return parse_text(value) if isinstance(value, str) else None
