"""What the rules for web addresses share: the page, the date in an address, and the joining of its parts."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote, urlsplit

from recs.readers.date_text import ENGLISH_MONTHS, ENGLISH_WEEKDAYS
from recs.readers.dates import parse_date
from recs.readers.values import fold, words

_SAFE = "/!$&'()*+,;=:@~"
_WRITTEN_DAY = re.compile(r"\s*(\d{4})-(\d\d)-(\d\d)(?!\d)")
DATED_NAME = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})-(.+)")


@dataclass(frozen=True, slots=True)
class Page:
    """A file of a site, as the rules for its address need it.

    Attributes
    ----------
    path
        Its path below the folder of the configuration.
    fields
        Its front matter, by folded name.
    title, language
        The title of its item, and its language; None if that is unknown.
    file
        The path of the file on this machine.
    """

    path: PurePath
    fields: Mapping[str, object]
    title: str = ""
    language: str | None = None
    file: Path = Path()

    def text(self, *names: str) -> str:
        """Return the first of these fields that is a text or a number; "" if there is none."""
        values = (self.fields.get(name) for name in names)
        return next((str(value).strip() for value in values if isinstance(value, str | int) and str(value).strip()), "")

    def names(self, *names: str) -> list[str]:
        """Return the names in the first of these fields that holds any."""
        return next((list(listed) for name in names if (listed := words(self.fields.get(name)))), [])


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a page: the base of its site, a URL or a path or empty, and the path below it.

    Examples
    --------
    >>> Address.of("https://example.org/blog/", "/über uns/").url, Address.of("", "garlic.html").url
    ('https://example.org/blog/%C3%BCber%20uns/', '/garlic.html')
    """

    base: str
    path: str

    @classmethod
    def of(cls, base: str, path: str) -> "Address":
        """Return the address of a path, which is quoted and gets its first slash."""
        return cls(base.rstrip("/"), quote("/" + re.sub(r"/{2,}", "/", path).lstrip("/"), safe=_SAFE))

    @property
    def url(self) -> str:
        return self.base + self.path


def own_fields(matter: Mapping[str, object]) -> Mapping[str, object]:
    """Return the fields of a front matter or a configuration by folded name.

    Examples
    --------
    >>> own_fields({"baseURL": "/"})
    {'baseurl': '/'}
    """
    return {fold(str(name)): value for name, value in matter.items()}


def setting(config: Mapping[str, Any], name: str, default: str = "") -> str:
    """Return a setting as text; the default if it is missing or neither text nor a number."""
    value = config.get(name)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else default


def written_day(value: object, *, is_moment: bool = False) -> date | None:
    """Return the day that a date has where it was written; None if it is no date.

    With `is_moment`, a day that is another one in UTC is None too: then the zone of the machine decides.

    Examples
    --------
    >>> written_day("2026-10-01T00:30:00+02:00")
    datetime.date(2026, 10, 1)
    >>> written_day("2026-10-01T00:30:00+02:00", is_moment=True) is None
    True
    """
    moment = parse_date(value)
    if moment is None:
        return None
    if isinstance(value, datetime | date):
        day = date(value.year, value.month, value.day)
    else:
        match = _WRITTEN_DAY.match(str(value))
        day = date(*map(int, match.groups())) if match else moment.date()
    return None if is_moment and day != moment.date() else day


def url_base(text: str) -> str:
    """Return the base of a site: a URL of the web, or a path; "" for anything else.

    Examples
    --------
    >>> url_base("https://example.org/blog/"), url_base("/blog/"), url_base("$URL")
    ('https://example.org/blog', '/blog', '')
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    is_url = parts.scheme in ("http", "https") and bool(parts.netloc)
    is_path = text.startswith("/") and not parts.netloc
    return text.rstrip("/") if is_url or is_path else ""


def slug_of(text: str, *, keep: str = "", is_lower: bool = True) -> str:
    """Return a text with one hyphen in place of everything that is neither a letter nor a digit nor in `keep`.

    Examples
    --------
    >>> slug_of("On Garlic & Leeks!")
    'on-garlic-leeks'
    """
    text = unicodedata.normalize("NFC", text)
    slug = "".join(char if char.isalnum() or char in keep else " " for char in (text.lower() if is_lower else text))
    return "-".join(slug.split()).strip("-")


def day_parts(day: date | None) -> dict[str, str]:
    """Return what a pattern may take from a day, by the name of the token; {} without a day.

    Examples
    --------
    >>> parts = day_parts(date(2026, 3, 7))
    >>> parts["year"], parts["month"], parts["i_day"], parts["monthname"]
    ('2026', '03', '7', 'march')
    """
    if day is None:
        return {}
    year = f"{day.year:04}"
    return {
        "year": year,
        "month": f"{day.month:02}",
        "day": f"{day.day:02}",
        "short_year": year[2:],
        "i_month": str(day.month),
        "i_day": str(day.day),
        "y_day": f"{day.timetuple().tm_yday:03}",
        "monthname": ENGLISH_MONTHS[day.month - 1],
        "weekdayname": ENGLISH_WEEKDAYS[day.weekday()],
        "weekday": str(day.isoweekday() % 7),
        "yearday": str(day.timetuple().tm_yday),
    }


def fill(pattern: str, values: Mapping[str, str]) -> str | None:
    """Return a pattern with values in place of its tokens `:name`; None if it holds a token without a value.

    Examples
    --------
    >>> fill("/:year/:title/", {"year": "2026", "title": "garlic"}), fill("/:mood/", {})
    ('/2026/garlic/', None)
    """
    tokens = re.findall(r":([a-z_]+(?:\[[^\]]*\])?)", pattern)
    names = {token: _longest(token, values) for token in tokens}
    if None in names.values() or "{" in pattern:
        return None
    return re.sub(r":([a-z_]+(?:\[[^\]]*\])?)", lambda match: _filled(match[1], names[match[1]], values), pattern)


def _longest(token: str, values: Mapping[str, str]) -> str | None:
    """Return the name that a token begins with: ":title_old" may be ":title" and "_old"."""
    return max((name for name in values if token == name or token.startswith(f"{name}_")), key=len, default=None)


def _filled(token: str, name: str | None, values: Mapping[str, str]) -> str:
    return values[name] + token[len(name) :] if name is not None else ""
