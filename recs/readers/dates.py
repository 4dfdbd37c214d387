"""Dates as feeds, exports and front matter hold them: texts, numbers, dates, and mappings of these."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

from recs.errors import OptionError
from recs.readers.date_text import parse_text

_DEEPEST = 4  # mappings inside each other: {"date": {"created": {"$date": {"$numberLong": "1577934245000"}}}}
_START_NAMES = ("published", "date", "created", "start")
_UPDATE_NAMES = ("updated", "modified")
_EARLIEST = 1500
_BESIDE = ("time", "timezone", "timeZone", "time_zone", "tz")


def parse_date(value: object) -> datetime | None:
    """Return the moment that a value names.

    Parameters
    ----------
    value
        Text (ISO 8601, RFC 2822 and what people, browsers and servers write, with month names in seven languages);
        seconds or milliseconds since 1970; a date or datetime; or a mapping that holds one of these. A time without
        a zone is taken as UTC, a date without a time as its midnight, a year or month as its first day. An hour that
        comes twice, when clocks are set back, is the later one.

    Returns
    -------
    datetime | None
        The moment in UTC; None for what is not understood whole, could be read in two ways, or lies before the year
        1500: a year of the Persian calendar. The year 1 is read, in which some databases begin.

    Notes
    -----
    Never raises. The cost does not grow with the length of a text.
    """
    try:
        moment = _moment(_unwrapped(value))
        return moment if moment is None or moment.year >= _EARLIEST or moment.year == 1 else None
    except (ValueError, OverflowError):  # NaN, NaT, infinity; an integer too long to print; the last hour of 9999
        return None


def updated_of(value: object) -> object | None:
    """Return what stands under "updated" or "modified" in a mapping; None for anything else."""
    if not isinstance(value, Mapping):
        return None
    return next((value[name] for name in _UPDATE_NAMES if value.get(name) is not None), None)


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


def _unwrapped(value: object) -> object:
    """Return what a mapping says of its date; any other value as it is."""
    for _ in range(_DEEPEST):
        if not isinstance(value, Mapping):
            return value
        value = _held(value)
    return value


def _held(value: Mapping[object, object]) -> object:
    """Return the date one level down: of MongoDB, of Firestore, or under the first name of a start."""
    if "$date" in value:
        return _mongo_date(value["$date"])
    for underscore in ("", "_"):
        if f"{underscore}seconds" in value:
            return _firestore_date(value[f"{underscore}seconds"], value.get(f"{underscore}nanoseconds", 0))
    held = next((value[name] for name in _START_NAMES if name in value), None)
    beside = [value[name] for name in _BESIDE if value.get(name) is not None]
    return _joined(held, beside) if beside else held


def _joined(day: object, beside: list[object]) -> str | None:
    """Return one text of a date and what stands beside it: its time, its zone."""
    texts = [part for part in (day.isoformat() if isinstance(day, date) else day, *beside) if isinstance(part, str)]
    return " ".join(texts) if len(texts) == 1 + len(beside) else None


def _mongo_date(value: object) -> object:
    """Return the value of "$date", in which a number counts milliseconds."""
    if isinstance(value, Mapping):
        value = value.get("$numberLong")
    if isinstance(value, str) and not value.strip().lstrip("-").isdecimal():
        return value
    if not isinstance(value, int | float | str):
        return None
    return value if abs(float(value)) >= 1e11 else None  # fewer digits would be taken as seconds


def _firestore_date(seconds: object, nanoseconds: object) -> str | None:
    if type(seconds) not in (int, str) or type(nanoseconds) not in (int, str):
        return None
    whole = str(seconds).strip()
    return f"{whole}.{nanoseconds:0>9}" if len(whole.lstrip("-")) < 12 else None  # 12 would be taken as milliseconds


def _moment(value: object) -> datetime | None:
    if isinstance(value, datetime):
        moment = datetime.combine(value.date(), value.timetz())  # plain, where pandas has a type of its own
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, int | float):
        value = str(int(value)) if value == int(value) else repr(float(value))  # 2020.0 stands for 2020
    return parse_text(value) if isinstance(value, str) else None
