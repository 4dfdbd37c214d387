"""Reads a date in a text, in all the ways that people, browsers and servers write dates.

A layout is one way to write a date. Each layout that matches the whole text gives a reading. The text is understood if
all readings are the same moment: "03/03/2015" is understood, "03/04/2015" is not.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

_LONGEST = 128  # characters; the dates of JavaScript with the longest zone names have about 90

# January to December in English, German, French, Spanish, Portuguese, Italian and Dutch, without accents.
_MONTH_NAMES = (
    "january jan januar janner janvier janv enero ene janeiro gennaio genn gen januari",
    "february feb februar feber febr fevrier fevr fev febrero fevereiro febbraio februari",
    "march mar marz maerz mrz mars marzo marco maart mrt",
    "april apr avril avr abril abr aprile",
    "may mai mayo maio maggio mag mei",
    "june jun juni juin junio junho giugno giu",
    "july jul juli juillet juill juil julio julho luglio lug",
    "august aug aout aou agosto ago augustus",
    "september sept sep septembre septiembre setiembre setembro set settembre sett",
    "october oct oktober okt octobre octubre outubro out ottobre ott",
    "november nov novembre noviembre novembro",
    "december dec dezember dez decembre diciembre dic dezembro dicembre",
)
ENGLISH_MONTHS = tuple(names.partition(" ")[0] for names in _MONTH_NAMES)
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, start=1) for name in names.split()}

# Weekdays in the same languages, without accents. A weekday that is wrong for its date is ignored.
_WEEKDAY_NAMES = (
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed weds thu thur thurs fri sat sun",
    "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag mo di mi do fr sa so",
    "lundi mardi mercredi jeudi vendredi samedi dimanche lun mar mer jeu ven sam dim",
    "lunes martes miercoles jueves viernes sabado domingo mie jue vie sab dom",
    "segunda terca quarta quinta sexta seg ter qua qui sex",
    "lunedi martedi mercoledi giovedi venerdi sabato domenica gio",
    "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag ma wo vr za zo",
)
ENGLISH_WEEKDAYS = tuple(_WEEKDAY_NAMES[0].split()[:7])
_WEEKDAYS = frozenset(" ".join(_WEEKDAY_NAMES).split())

# Abbreviations with only one meaning, and their hours east of Greenwich.
_ZONE_NAMES = (
    "HST -10, AKST -9, AKDT -8, PST -8, PDT -7, MST -7, MDT -6, EST -5, EDT -4, BRT -3, WET 0, WEST 1, WAT 1, CET 1, "
    "MET 1, MEZ 1, CEST 2, MESZ 2, EET 2, CAT 2, SAST 2, EEST 3, MSK 3, TRT 3, EAT 3, PKT 5, NPT 5.75, WIB 7, WITA 8, "
    "HKT 8, SGT 8, MYT 8, AWST 8, JST 9, KST 9, ACST 9.5, AEST 10, ACDT 10.5, AEDT 11, NZST 12, NZDT 13"
)
_HOURS = {name: (float(hours),) for name, hours in (zone.split() for zone in _ZONE_NAMES.split(", "))}
# Abbreviations with several meanings. Go writes them after the offset, which tells which is meant: "+0800 CST".
_HOURS_BESIDE_OFFSET = {"CST": (-6.0, 8.0), "CDT": (-5.0, -4.0), "IST": (5.5, 1.0, 2.0), "BST": (1.0, 6.0)}
_HOURS_IN_RFC_2822 = {"CST": (-6.0,), "CDT": (-5.0,)}  # its section 4.3

_PARTS = {
    "WEEKDAY": r"(?:(?P<weekday>[^\W\d_]{2,10})(?:-feira)?(?:\.?, ?|\.? ))?",
    "YEAR": r"(?P<year>\d{4})",
    "LIKELY": r"(?P<year>19\d\d|20\d\d|2100)",  # digits alone: a year, not a count
    "MONTH": r"(?P<month>\d{1,2})",
    "NAME": r"(?P<name>[^\W\d_]{3,10})\.?",
    "DAY": r"(?P<day>\d{1,2})",
    "NTH": r"(?P<nth>st|nd|rd|th|er|o|°|\.)?",
    "OF": r"(?:[-/]|,? (?:(?:of|de|del) )?)",
    "RFC": r"(?P<rfc>Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    "REST": r"(?P<rest>\D.*)?",
}
_ISO_LAYOUTS = (
    r"<WEEKDAY><YEAR>-<MONTH>-<DAY><REST>",
    r"<YEAR>(?P<month>\d\d)(?P<day>\d\d)(?P<rest>[T ]\d.*)",
    r"<LIKELY>(?P<month>\d\d)(?P<day>\d\d)(?P<rest>\d{4}(?:\d\d)?(?:\D.*)?)?",
    r"<YEAR>(?P<dash>-?)W(?P<week>\d\d)(?:(?P=dash)(?P<isoday>[1-7]))?<REST>",
)
_LAYOUTS = (
    r"<WEEKDAY><YEAR>/<MONTH>/<DAY><REST>",
    r"<WEEKDAY><YEAR>\. ?<MONTH>\. ?<DAY>\.?<REST>",
    r"<WEEKDAY><YEAR>[-/ ]<NAME>[-/ ]<DAY><REST>",
    r"<WEEKDAY><DAY>/<MONTH>/<YEAR><REST>",
    r"<WEEKDAY><MONTH>/<DAY>/<YEAR><REST>",
    r"<WEEKDAY><DAY>-<MONTH>-<YEAR><REST>",
    r"<WEEKDAY><MONTH>-<DAY>-<YEAR><REST>",
    r"<WEEKDAY><DAY>\. ?<MONTH>\. ?<YEAR><REST>",  # every language that writes dots writes the day first
    r"<WEEKDAY><DAY><NTH><OF><NAME><OF><YEAR><REST>",
    r"<DAY>/<NAME>/<YEAR>:(?P<rest>\d.*)",  # Apache
    r"<WEEKDAY><NAME>[-/ ]<DAY><NTH><OF><YEAR><REST>",
    r"<WEEKDAY><NAME> <DAY>(?P<rest> \d.*) <YEAR>(?P<after> [-+]\d{4})?",  # ctime, date, git
    r"<RFC>, <DAY> (?P<name>[A-Z]{3}) (?P<year>\d\d|\d{4})(?P<rest> \d\d?:\d\d(?::\d\d)? .+)",
    r"<YEAR>年 ?<MONTH>月 ?<DAY>日(?P<rest>.*)",
    r"<YEAR>년 ?<MONTH>월 ?<DAY>일(?P<rest>.*)",
    r"<LIKELY>",
    r"<YEAR>[-/](?P<month>\d\d)",
    r"<YEAR>[年년](?: ?<MONTH>[月월])?",
    r"<NAME><OF><YEAR>",
)

_BEFORE_TIME = (
    r"(?:T| ?[,;@|] ?| [-–] | )?(?:(?:at|um|om|à|às|alle ore|alle|a las) )?(?:(?P<half_before>上午|下午|오전|오후) ?)?"
)
_MINUTES = r"[:h](?P<minute>\d\d|\d(?=:))(?::(?P<second>\d{1,2})(?:[.,](?P<fraction>\d+))?)?(?: ?(?:Uhr|h)\b)?"
_CLOCK = (
    rf"(?P<hour>\d{{1,2}})(?:{_MINUTES}|(?= ?[ap]\.? ?m))"  # the hour alone only if AM or PM follows
    r"(?: ?(?P<half>[ap]\.? ?m\b\.?))?(?P<zone>\D.*)?"
)
_CLOCK_IN_SIGNS = (
    r"(?P<hour>\d{1,2})[时時点點시] ?(?:(?P<minute>\d{1,2})[分분] ?(?:(?P<second>\d{1,2})[秒초])?)?(?P<zone>\D.*)?"
)
_TIMES = (_BEFORE_TIME + _CLOCK, _BEFORE_TIME + _CLOCK_IN_SIGNS, r"(?P<zone> ?[A-Z\[].*)?")
_ISO_TIMES = (
    r"[T ]?(?P<hour>\d\d)(?:(?P<minute>\d\d)(?:(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?(?P<zone> ?[-+Z].*)?",
    *_TIMES,
)
_HALVES = {"am": 0, "上午": 0, "오전": 0, "pm": 12, "下午": 12, "오후": 12}

_PLACE = r"(?:(?i:Z|UTC|GMT|UT)|[A-Z][A-Za-z0-9_+-]{1,30}(?:/[A-Z][A-Za-z0-9_+-]{1,30}){0,2})"
_ZONE = (
    r"(?: ?(?:(?i:UTC|GMT|UT) ?)?(?P<offset>(?P<sign>[-+])(?P<hours>\d\d|\d(?!\d))"
    r"(?::?(?P<minutes>\d\d)(?::?(?P<seconds>\d\d(?:\.\d{1,6})?))?)?))?"
    rf"(?: ?(?P<name>{_PLACE}))?(?: ?\([^()]+\))?(?:\[(?P<place>{_PLACE})\])?"
)
_NUMBER = r"-?(?P<whole>\d{9,13})(?:\.\d{1,9})?"  # seconds or milliseconds since 1970
_DASHES = str.maketrans(dict.fromkeys("‐‑−", "-"))


@lru_cache(maxsize=1024)  # one date of an item is read for its visibility, its order and its output
def parse_text(text: str) -> datetime | None:
    """Return the moment in UTC that a text means; None if a part is not understood, or if it can mean two moments.

    Examples
    --------
    >>> parse_text("Thu, 01 Oct 2026 14:30:00 +0200").isoformat()
    '2026-10-01T12:30:00+00:00'
    """
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    text = " ".join(unicodedata.normalize("NFKC", text).translate(_DASHES).split())
    if any(char.isdecimal() and not char.isascii() for char in text):  # the calendar may be another one too
        return None
    moments = set(_readings(text))
    return moments.pop() if len(moments) == 1 else None


def _readings(text: str) -> Iterator[datetime]:
    number = re.fullmatch(_NUMBER, text)
    if number:
        per_unit = 1_000 if len(number["whole"]) > 11 else 1_000_000
        yield datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(Decimal(text) * per_unit))
    for layout, times in _patterns():
        match = layout.fullmatch(text)
        if match:
            with suppress(ValueError, OverflowError):
                yield _reading(match.groupdict(), times)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], tuple[re.Pattern[str], ...]], ...]:
    """Return each layout with the ways to write the time after it. They are compiled when the first text is read."""
    patterns = []
    for layouts, times in ((_ISO_LAYOUTS, _ISO_TIMES), (_LAYOUTS, _TIMES)):
        compiled_times = tuple(re.compile(time, re.IGNORECASE) for time in times)
        for layout in layouts:
            whole = re.sub("<([A-Z]+)>", lambda part: _PARTS[part[1]], layout)
            patterns.append((re.compile(whole, re.IGNORECASE), compiled_times))
    return tuple(patterns)


def _reading(parts: Mapping[str, str | None], times: tuple[re.Pattern[str], ...]) -> datetime:
    """Return the moment of one reading; `ValueError` if there is no such day, time or zone."""
    day = _day(parts)
    rest = (parts.get("rest") or "") + (parts.get("after") or "")
    time = next((match for pattern in times if (match := pattern.fullmatch(rest))), None)
    if time is None:
        raise ValueError(f"no time: {rest}")
    local = datetime(day.year, day.month, day.day) + _since_midnight(time.groupdict())
    return _in_utc(local, time["zone"] or "", is_rfc_2822="rfc" in parts)


def _day(parts: Mapping[str, str | None]) -> date:
    weekday = parts.get("weekday")
    if weekday and _plain(weekday) not in _WEEKDAYS:
        raise ValueError(f"no weekday: {weekday}")
    year = _year(parts["year"] or "")
    if "week" in parts:
        return date.fromisocalendar(year, int(parts["week"] or 1), int(parts["isoday"] or 1))
    name = parts.get("name")
    month = _MONTHS.get(_plain(name), 0) if name else int(parts.get("month") or 1)  # no date has the month 0
    day = int(parts.get("day") or 1)
    ending = (parts.get("nth") or "").casefold()
    if ending in ("st", "nd", "rd", "th") and ending != _ending(day):
        raise ValueError(f"no day: {day}{ending}")
    return date(year, month, day)


def _year(text: str) -> int:
    year = int(text)
    if len(text) == 4:
        return year
    if 50 <= year < 69:  # RFC 2822 and POSIX disagree on the century
        raise ValueError(f"no year: {text}")
    return year + (2000 if year < 50 else 1900)


def _plain(word: str) -> str:
    """Return a word in lower case and without accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(char))


def _ending(day: int) -> str:
    """Return the English ending of a number, as in "3rd"."""
    return "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _since_midnight(parts: Mapping[str, str | None]) -> timedelta:
    """Return the time since midnight; 24:00 is the end of the day."""
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    halves = [re.sub("[. ]", "", half).casefold() for name in ("half_before", "half") if (half := parts.get(name))]
    if halves:
        if not 1 <= hour <= 12 or len(halves) > 1:
            raise ValueError(f"no time of a 12-hour clock: {hour} {halves}")
        hour = hour % 12 + _HALVES[halves[0]]
    microsecond = int((parts.get("fraction") or "")[:6].ljust(6, "0"))
    since = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microsecond)
    if minute > 59 or second > 59 or since > timedelta(days=1):
        raise ValueError(f"no time: {since}")
    return since


def _in_utc(local: datetime, zone: str, *, is_rfc_2822: bool) -> datetime:
    """Return the moment of a local time; `ValueError` if the zone is unknown or contradicts itself."""
    match = re.fullmatch(_ZONE, zone)
    if not match:
        raise ValueError(f"no zone: {zone}")
    offset, name, place = match.group("offset", "name", "place")
    ambiguous: Mapping[str, tuple[float, ...]] = {}
    if offset:
        ambiguous = _HOURS_BESIDE_OFFSET
    elif is_rfc_2822:
        ambiguous = _HOURS_IN_RFC_2822
    candidates = [{local - _offset(match.groupdict())}] if offset else []
    candidates += [_moments_in(word, local, ambiguous) for word in (name, place) if word]
    if not candidates and zone:  # the zone is only a comment in parentheses
        raise ValueError(f"no zone: {zone}")
    moments = set.intersection(*candidates) if candidates else {local}
    if not moments:
        raise ValueError(f"zones that differ: {zone}")
    return max(moments).replace(tzinfo=UTC)


def _offset(parts: Mapping[str, str | None]) -> timedelta:
    hours, minutes, seconds = (float(parts[name] or 0) for name in ("hours", "minutes", "seconds"))
    if hours > 23 or minutes > 59 or seconds >= 60:
        raise ValueError(f"no offset: {parts['offset']}")
    return timedelta(hours=hours, minutes=minutes, seconds=seconds) * (-1 if parts["sign"] == "-" else 1)


def _moments_in(name: str, local: datetime, ambiguous: Mapping[str, tuple[float, ...]]) -> set[datetime]:
    """Return the moments in UTC at which the clocks of a zone show a local time: two if clocks are set back."""
    if name.upper() in ("Z", "UTC", "GMT", "UT"):
        return {local}
    hours = _HOURS.get(name) or ambiguous.get(name)
    if hours:
        return {local - timedelta(hours=hour) for hour in hours}
    try:
        zone = ZoneInfo(name)
    except (KeyError, OSError) as error:  # there is no such zone, or it is a folder of zones
        raise ValueError(f"no zone: {name}") from error
    moments = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return {moment.replace(tzinfo=None) for moment in moments}
