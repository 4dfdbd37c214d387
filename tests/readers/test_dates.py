"""Dates against a table whose moments are known, and against random moments that are written in many ways."""

import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recs.readers import date_text
from recs.readers.dates import format_date, parse_date, updated_of

UNDERSTOOD = [
    # ISO 8601
    ("2020-01-02", "2020-01-02T00:00"),
    ("2020-01-02T03:04:05Z", "2020-01-02T03:04:05"),
    ("2020-01-02t03:04:05z", "2020-01-02T03:04:05"),
    ("2020-01-02T03:04:05.123456789+01:00", "2020-01-02T02:04:05.123456"),
    ("2020-01-02 03:04:05,5", "2020-01-02T03:04:05.500000"),
    ("2020-01-02T03:04", "2020-01-02T03:04"),
    ("2020-01-02T03", "2020-01-02T03:00"),
    ("2020-01-02T03+02", "2020-01-02T01:00"),
    ("2020-01-02T0304", "2020-01-02T03:04"),
    ("20200102T030405Z", "2020-01-02T03:04:05"),
    ("20200102T030405.5-0130", "2020-01-02T04:34:05.500000"),
    ("2020-W01-4", "2020-01-02T00:00"),
    ("2020W014T10:00", "2020-01-02T10:00"),
    ("2020-W01", "2019-12-30T00:00"),
    ("2020-01-02T03:04:05+00:53:28", "2020-01-02T02:10:37"),
    ("2020-01-02Z", "2020-01-02T00:00"),
    ("2020-01-02T03:04:05−05:00", "2020-01-02T08:04:05"),
    ("2024-05-13 24:00:00", "2024-05-14T00:00"),
    ("2020-01-01T10:00+01:00[Europe/Berlin]", "2020-01-01T09:00"),
    ("2020-07-01T10:00[Europe/Berlin]", "2020-07-01T08:00"),
    ("2020-01-01T10:00Z[UTC]", "2020-01-01T10:00"),
    # loose ISO
    ("2016-3-5 9:05:3", "2016-03-05T09:05:03"),
    ("2016-3-5 9:5:3", "2016-03-05T09:05:03"),
    ("2016/03/05 9:05", "2016-03-05T09:05"),
    ("2020/01/02", "2020-01-02T00:00"),
    ("2020.09.05", "2020-09-05T00:00"),
    ("2020. 9. 5.", "2020-09-05T00:00"),
    ("2018-11-20 16:33 +0100", "2018-11-20T15:33"),
    ("2024-01-01 00:00:00 -5", "2024-01-01T05:00"),
    ("2024-01-01 00:00:00 +8", "2023-12-31T16:00"),
    ("2024-01-01 00:00:00 +5:30", "2023-12-31T18:30"),
    ("2015-03-15 08:00:00.000000000 +02:00", "2015-03-15T06:00"),
    ("2013-10-27 12:20:00 America/New_York", "2013-10-27T16:20"),
    ("2013-11-03 01:30:00 America/New_York", "2013-11-03T06:30"),  # comes twice: the later
    ("2013-03-10 02:30:00 America/New_York", "2013-03-10T07:30"),  # never comes: the later of what it could mean
    ("2014-12-04 19:00:23 EST", "2014-12-05T00:00:23"),
    ("2014-12-04 19:00:23 UTC", "2014-12-04T19:00:23"),
    ("2014-12-04 19:00:23 UTC+2", "2014-12-04T17:00:23"),
    ("2014-12-04 19:00:23 GMT-0800", "2014-12-05T03:00:23"),
    ("2014-12-04 19:00:23 Etc/GMT+2", "2014-12-04T21:00:23"),  # the one place where the sign is POSIX's
    ("2009-11-10 23:00:00.5 +0000 UTC", "2009-11-10T23:00:00.500000"),
    ("2026-11-28 22:00:00 +0800 CST", "2026-11-28T14:00"),
    ("2026-11-28 22:00:00 -0800 (PST)", "2026-11-29T06:00"),
    ("2026-11-28 10:00:00 PM", "2026-11-28T22:00"),
    ("2026-11-28 at 22:00 MEZ", "2026-11-28T21:00"),
    ("2026-07-28, 22:00 Uhr MESZ", "2026-07-28T20:00"),
    ("2026-11-28T18:00 CET", "2026-11-28T17:00"),
    ("2026-07-28 18:00 CET", "2026-07-28T17:00"),  # in summer, too
    ("2026-07-28 18:00 MET", "2026-07-28T17:00"),
    ("2026-07-28 18:00 EST5EDT", "2026-07-28T22:00"),
    ("2026-07-28 18:00 Japan", "2026-07-28T09:00"),
    ("2026-11-28 18:00 NZDT", "2026-11-28T05:00"),
    ("2026-11-28 18:00 ACST", "2026-11-28T08:30"),
    # part of a date
    ("2020", "2020-01-01T00:00"),
    ("2020-06", "2020-06-01T00:00"),
    ("2020/06", "2020-06-01T00:00"),
    ("March 2014", "2014-03-01T00:00"),
    ("marzo de 2014", "2014-03-01T00:00"),
    ("2015年3月", "2015-03-01T00:00"),
    # digits alone
    ("20200102", "2020-01-02T00:00"),
    ("20200102150405", "2020-01-02T15:04:05"),
    ("1577934245", "2020-01-02T03:04:05"),
    ("1577934245.25", "2020-01-02T03:04:05.250000"),
    ("1577934245000", "2020-01-02T03:04:05"),
    ("157793424500", "1975-01-01T07:30:24.500000"),
    ("100000000", "1973-03-03T09:46:40"),
    # English
    ("March 3rd, 2014", "2014-03-03T00:00"),
    ("3 March 2014", "2014-03-03T00:00"),
    ("3rd of March 2014", "2014-03-03T00:00"),
    ("Sept. 5, 2020", "2020-09-05T00:00"),
    ("September 05, 2020", "2020-09-05T00:00"),
    ("5-Sep-2020", "2020-09-05T00:00"),
    ("2020-Sep-05", "2020-09-05T00:00"),
    ("Jan 2, 2020", "2020-01-02T00:00"),
    ("AUGUST 12th 2021", "2021-08-12T00:00"),
    ("Mar 15, 2015 8:00 AM", "2015-03-15T08:00"),
    ("Nov 28, 2026 11:00 PM", "2026-11-28T23:00"),
    ("Nov 28, 2026 11pm", "2026-11-28T23:00"),
    ("Nov 28, 2026 11:00 p.m.", "2026-11-28T23:00"),
    ("Nov 28, 2026 11:00 p.m. EST", "2026-11-29T04:00"),
    ("Nov 28, 2026, 12:30 AM", "2026-11-28T00:30"),
    ("Nov 28, 2026 12:30 PM", "2026-11-28T12:30"),
    ("Saturday, November 28, 2026 at 10:00:00\u202fPM UTC", "2026-11-28T22:00"),
    ("28 November 2026 18:00 CET", "2026-11-28T17:00"),
    # machines
    ("Thu, 2 Jan 2020 03:04:05 GMT", "2020-01-02T03:04:05"),
    ("Thu, 02 Jan 2020 03:04:05 -0700", "2020-01-02T10:04:05"),
    ("Thu, 02 Jan 2020 03:04:05 -0700 (MST)", "2020-01-02T10:04:05"),
    ("Mon, 02 Jan 2020 03:04:05 +0000", "2020-01-02T03:04:05"),  # it was a Thursday
    ("02 Jan 2020 03:04 EST", "2020-01-02T08:04"),
    ("Thu, 02 Jan 20 03:04:05 EDT", "2020-01-02T07:04:05"),
    ("Sat, 01 Jan 94 03:04 GMT", "1994-01-01T03:04"),
    ("Sat, 28 Nov 2026 22:00:00 CST", "2026-11-29T04:00"),
    ("Sat Nov 28 22:00:00 2026", "2026-11-28T22:00"),
    ("Sat Nov  8 22:00:00 2025", "2025-11-08T22:00"),
    ("Sat Nov 28 22:00:00 UTC 2026", "2026-11-28T22:00"),
    ("Sat Nov 28 10:00:00 PM PST 2026", "2026-11-29T06:00"),
    ("Sat Nov 28 22:00:00 +0100 2026", "2026-11-28T21:00"),
    ("Sat Nov 28 22:00:00 2026 -0800", "2026-11-29T06:00"),
    ("Sat Nov 28 2026 22:00:00 GMT-0800 (PST)", "2026-11-29T06:00"),
    ("Sat Nov 28 2026 22:00:00 GMT-0800 (Pacific Standard Time)", "2026-11-29T06:00"),
    ("Sat Nov 28 2026 22:00:00 GMT+0300 (GMT+03:00)", "2026-11-28T19:00"),
    ("Sat Nov 28 2026", "2026-11-28T00:00"),
    ("28/Nov/2026:22:00:00 +0100", "2026-11-28T21:00"),
    # numbers in two orders
    ("03/15/2015", "2015-03-15T00:00"),
    ("15/03/2015", "2015-03-15T00:00"),
    ("15-03-2015", "2015-03-15T00:00"),
    ("03/03/2015", "2015-03-03T00:00"),
    ("11/28/2026, 10:00:00 PM", "2026-11-28T22:00"),
    ("2.1.2020", "2020-01-02T00:00"),
    ("05.09.2020", "2020-09-05T00:00"),
    ("05.09.2020 10:30", "2020-09-05T10:30"),
    ("5. 9. 2020", "2020-09-05T00:00"),
    # other languages
    ("1 Janvier 2015", "2015-01-01T00:00"),
    ("1er janvier 2015 à 10h30", "2015-01-01T10:30"),
    ("3 FÉVRIER 2014", "2014-02-03T00:00"),
    ("3 fe\u0301vr. 2014", "2014-02-03T00:00"),
    ("12 aout 2014", "2014-08-12T00:00"),
    ("3. März 2014", "2014-03-03T00:00"),
    ("Samstag, 28. November 2026 um 22:00 Uhr", "2026-11-28T22:00"),
    ("3 de marzo de 2014", "2014-03-03T00:00"),
    ("3 de março de 2014", "2014-03-03T00:00"),
    ("sábado, 28 de noviembre de 2026, 10:00 p. m.", "2026-11-28T22:00"),
    ("terça-feira, 3 de março de 2026", "2026-03-03T00:00"),
    ("1º ottobre 2015", "2015-10-01T00:00"),
    ("15 mrt. 2015", "2015-03-15T00:00"),
    ("3 mei 2015", "2015-05-03T00:00"),
    ("mar. 3 mars 2026", "2026-03-03T00:00"),
    ("mar 3 2026", "2026-03-03T00:00"),
    ("2015年3月1日", "2015-03-01T00:00"),
    ("2015年3月1日 10:30", "2015-03-01T10:30"),
    ("2015年3月1日10时30分", "2015-03-01T10:30"),
    ("2015年3月1日 下午10:30", "2015-03-01T22:30"),
    ("2015년 3월 1일", "2015-03-01T00:00"),
    ("2015년 3월 1일 오후 10시 30분", "2015-03-01T22:30"),
    # what the keyboard makes of it
    ("２０２０－０１－０２ １０：３０", "2020-01-02T10:30"),
    ("\ufeff 2020-01-02".strip("\ufeff"), "2020-01-02T00:00"),
    ("March\u00a03,\u00a0\u00a02014   10:30 ", "2014-03-03T10:30"),
    (" 2020-01-02\n", "2020-01-02T00:00"),
    # other types
    (2020, "2020-01-01T00:00"),
    (20200102, "2020-01-02T00:00"),
    (20200102.0, "2020-01-02T00:00"),  # a column of numbers with one missing
    (20200102150405, "2020-01-02T15:04:05"),
    (1577934245, "2020-01-02T03:04:05"),
    (1577934245.5, "2020-01-02T03:04:05.500000"),
    (1577934245000, "2020-01-02T03:04:05"),
    (-1577934245, "1919-12-31T20:55:55"),
    (date(2020, 1, 2), "2020-01-02T00:00"),
    (datetime(2020, 1, 2, 3, 4), "2020-01-02T03:04"),
    (datetime(2020, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=2))), "2020-01-02T01:04"),
    # mappings
    ({"created": "2020-01-02", "updated": "2021-01-02"}, "2020-01-02T00:00"),
    ({"created": "2020-01-02", "published": "2021-01-02"}, "2021-01-02T00:00"),
    ({"start": date(2020, 1, 2), "end": date(2020, 1, 3)}, "2020-01-02T00:00"),
    ({"$date": "2020-01-02T03:04:05Z"}, "2020-01-02T03:04:05"),
    ({"$date": 1577934245000}, "2020-01-02T03:04:05"),
    ({"$date": {"$numberLong": "1577934245000"}}, "2020-01-02T03:04:05"),
    ({"created": {"$date": {"$numberLong": "1577934245000"}}}, "2020-01-02T03:04:05"),
    ({"date": "2020-07-02 10:00:00.000000", "timezone_type": 3, "timezone": "Europe/Berlin"}, "2020-07-02T08:00"),
    ({"date": "2020-07-02 10:00:00.000000", "timezone_type": 1, "timezone": "-05:00"}, "2020-07-02T15:00"),
    ({"date": "2020-07-02 10:00:00.000000", "timezone_type": 2, "timezone": "EDT"}, "2020-07-02T14:00"),
    ({"date": datetime(2020, 7, 2, 10), "timezone": "Europe/Berlin"}, "2020-07-02T08:00"),
    ({"date": "2020-07-02", "time": "22:00", "timezone": "UTC"}, "2020-07-02T22:00"),
    ({"seconds": 1577934245, "nanoseconds": 5_000_000}, "2020-01-02T03:04:05.005000"),
    ({"_seconds": 1577934245, "_nanoseconds": 0}, "2020-01-02T03:04:05"),
]

REFUSED = [
    # two readings
    *("03/04/2015", "03-04-2015", "3/4/2015 10:00", "05.09.20", "05/09/20", "01/02/03", "5-Sep-20", "202001021504"),
    *("2020-01-02-05:00", "2020-01-02+05:00", "2020-01-02 -0500", "28 Nov 26 22:00:00 GMT", "Sat, 28 Nov 26"),
    "Sat, 28 Nov 55 22:00:00 GMT",
    # zones
    *("2026-11-28 18:00 IST", "2026-11-28 18:00 BST", "2026-11-28 18:00 CST", "Sat Nov 28 22:00:00 CST 2026"),
    *("Sat Nov 28 22:00:00 IST 2026", "Sat, 28 Nov 2026 22:00:00 IST", "Sat, 28 Nov 2026 22:00:00 A"),
    *("2026-11-28 18:00 XYZ", "2026-11-28 18:00 Europe/Nowhere", "2026-11-28 18:00 Europe", "2026-11-28 18:00 Europe/"),
    *("2026-11-28 18:00 right/Europe/Berlin", "2026-11-28 18:00 ../Europe/Berlin", "2026-11-28 18:00 localtime"),
    *("2026-11-28 18:00 +530", "2026-11-28 18:00 +25:00", "2026-11-28 18:00 +01:60", "2026-11-28 18:00 +"),
    *("2026-11-28 18:00 (PST)", "2026-11-28 18:00 +0100 PST", "2026-11-28T18:00+05:00[Europe/Berlin]"),
    *("2026-11-28 18:00 +0100 XYZ", "2026-11-28 18:00 UTC 2", "2026-11-28 18:00Z+01:00", "2026-11-28 18:00 - 19:00"),
    # clocks
    *("Nov 28, 2026 13:00 PM", "Nov 28, 2026 0:30 AM", "2020-01-02 25:00", "2020-01-02 10:61", "2020-01-02 10:00:60"),
    *("2020-01-02 9:5", "2020-01-02 10:3", "2020-01-02 24:00:01", "2020-01-02 24:01", "2020-01-02T1"),
    *("2020-01-02 1030 PM", "March 3, 2014 10", "March 3, 2014 10:00:", "2020-01-02:10:00", "2015年3月1日10时61分"),
    *("2015年3月1日 上午13:00", "2015年3月1日 上午10:00 PM"),
    # days, months, years
    *("2020-13-01", "2020-02-30", "2020-00-10", "0000-00-00 00:00:00", "0000-01-01", "10000-01-01", "2020-1"),
    *("31/31/2015", "03.15.2015", "32 March 2014", "3st March 2014", "11st March 2014", "Nov 28", "28 Nov", "22:00"),
    *("2020-W54", "2020-366", "Smarch 3, 2014", "Nov 28 202", "Nov 28 20260", "Blursday, 28 Nov 2026", "Nov 282026"),
    *("Foo Nov 28 22:00:00 2026", "March 2014 10:00", "2020 10:00", "2020-06 10:00", "Sat 2020", "1899", "2101"),
    *("202006", "2020013", "18991231", "2020.06"),
    # what is more, or less, than a date
    *("2020-01-02 x", "2020-01-02 10:00 x", "x 2020-01-02", "2020-01-02/2020-01-05", "2020-01-02 2020-01-03"),
    *("2020-01-02,", "2020-01-02x10:00", "2020-01-02 10:00 draft", "(2020-01-02)", "2020-01-02 10:00 ("),
    *("2020-01-02\x0010:00", "2020–01–02", "yesterday", "tomorrow", "now", "today", "soon", "spring 2020", "Q1 2020"),
    *("never", "true", "null", "", " ", "-", "T", "١٤٠٥-٠٩-٠٧", "۱۴۰۵-۰۹-۰۷", "令和2年1月2日", "٢٠٢٠", "nan", "inf"),
    *("1e9", "0x5e0d5f25", "1_577_934_245", "+1577934245", "0", "1", "-1", "12345678", "123456789012345678"),
    *("15779342450000", 0, 1, -1, 12, 1899, 2101, 202006, 99_999_999, 2020.5, 10**18, 10**400, -(10**400), 1e300),
    *(float("nan"), float("inf"), -float("inf"), True, False, None, b"2020", [], (2020,)),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-1))),
    # mappings
    *({}, {"updated": "2020-01-02"}, {"created": None}, {"published": None, "created": "2020-01-02"}, {"when": "2020"}),
    *({"date": True}, {"$date": 1577934245}, {"$date": {"$numberLong": "1577934245"}}, {"$date": None}),
    *({"$date": True}, {"$date": {}}, {"$date": {"$numberLong": "²"}}, {"$date": 10**400}),
    *({"date": "2020-01-02", "time": 1320}, {"date": "2020-07-02 10:00", "timezone": "Nowhere"}),
    *({"date": "2020-07-02 10:00", "timezone": 3}, {"date": 1577934245, "timezone": "UTC"}),
    *({"date": "2020-07-02T10:00Z", "timezone": "Europe/Berlin"}, {"seconds": 5}, {"seconds": True, "nanoseconds": 0}),
    *({"seconds": 1577934245000}, {"seconds": "157793424500"}, {"seconds": 1577934245, "nanoseconds": -1}),
    *({"seconds": 1577934245, "nanoseconds": 10**9}, {"date": {"date": {"date": {"date": {"date": "2020-01-02"}}}}}),
]  # fmt: skip


@pytest.mark.parametrize(("value", "moment"), UNDERSTOOD, ids=str)
def test_parse_date_understands_the_whole_value(value, moment):
    assert parse_date(value) == datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert parse_date(value).tzinfo is UTC


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: ascii(value)[:60])
def test_parse_date_refuses_what_it_does_not_understand_whole(value):
    assert parse_date(value) is None


def test_parse_date_of_what_cannot_be_printed_or_opened_is_none():
    value = {}
    value["date"] = value
    assert parse_date(value) is None
    assert parse_date({"seconds": 10**5000}) is None  # Python prints no more than 4,300 digits
    assert parse_date({"$date": 10**5000}) is None
    assert parse_date(10**5000) is None


def test_parse_date_returns_a_plain_datetime_for_a_timestamp_of_pandas():
    pandas = pytest.importorskip("pandas")
    assert type(parse_date(pandas.Timestamp("2020-01-02T03:04+01:00"))) is datetime
    assert parse_date(pandas.NaT) is None


@pytest.mark.parametrize(
    "text",
    [
        *("1" * 1_000_000, " " * 1_000_000, "2020-01-02" + " " * 1_000_000 + "x", "a " * 500_000, "١" * 1_000_000),
        *("Sat, " * 200_000, "2020-01-02 10:00 " + "(" * 10**6, "10:" * 300_000, "2020-01-02 10:00:00." + "0" * 10**6),
        *({"date": "2020-01-02 10:00", "timezone": "A/" * 500_000}, {"seconds": "1" * 10**6}, {"$date": "1" * 10**6}),
    ],
    ids=lambda text: ascii(text)[:20],
)  # fmt: skip
def test_parse_date_of_a_megabyte_is_quick(text):
    parse_date("March 3, 2014")  # the layouts are compiled once
    begin = time.perf_counter()
    assert parse_date(text) is None
    assert time.perf_counter() - begin < 0.5


@pytest.mark.parametrize(
    "text", ["(" * 110, "2020-01-02 10:00 " + "()" * 50, "a" * 120, "1" * 120, "1:" * 60, "A/" * 60]
)
def test_parse_date_of_a_hostile_text_is_quick(text):
    parse_date("March 3, 2014")
    begin = time.perf_counter()
    assert parse_date(text) is None
    assert time.perf_counter() - begin < 0.05


def test_names_of_months_mean_one_month_and_are_written_plain():
    names = " ".join(date_text._MONTH_NAMES).split()
    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert [name for name in names if name != date_text._plain(name)] == []
    assert [name for name in date_text._WEEKDAYS if name != date_text._plain(name)] == []


def test_updated_of_a_mapping():
    assert updated_of({"created": "2020", "updated": "2021"}) == "2021"
    assert updated_of({"created": "2020", "updated": None, "modified": "2022"}) == "2022"
    assert [updated_of(value) for value in ({"created": "2020"}, "2020", None, 5, ["updated"])] == [None] * 5


# Random moments, written by renderers of our own and of the standard library.

OFFSETS = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2099, 12, 30), timezones=OFFSETS)

MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "en, short": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "de, short": "Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.",
    "fr, short": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
    "es, short": "ene feb mar abr may jun jul ago sept oct nov dic",
    "pt, short": "jan. fev. mar. abr. mai. jun. jul. ago. set. out. nov. dez.",
    "it, short": "gen feb mar apr mag giu lug ago set ott nov dic",
    "nl, short": "jan feb mrt apr mei jun jul aug sep okt nov dec",
}
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def offset(moment, colon=""):
    minutes = int(moment.utcoffset().total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{colon}{abs(minutes) % 60:02}"


def month(moment, language):
    return MONTHS[language].split()[moment.month - 1]


def weekday(moment):
    return WEEKDAYS[moment.weekday()]


def half_day(moment):
    return f"{(moment.hour + 11) % 12 + 1}:{moment.minute:02}:{moment.second:02} {'AP'[moment.hour // 12]}M"


def ordinal(day):
    return f"{day}{'th' if 10 < day < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"


# What holds the second and the offset.
TO_THE_SECOND = {
    "ISO": lambda t: t.isoformat(timespec="seconds"),
    "ISO, basic": lambda t: t.strftime("%Y%m%dT%H%M%S%z"),
    "ISO, in UTC": lambda t: format_date(t.astimezone(UTC)),
    "RFC 2822": format_datetime,
    "RFC 2822, in GMT": lambda t: format_datetime(t.astimezone(UTC), usegmt=True),
    "RFC 822": lambda t: (
        f"{weekday(t)}, {t.day} {month(t, 'en, short')} {t.year % (100 if t.year < 2050 else 10000):02} "
        f"{t:%H:%M:%S} {offset(t)}"
    ),
    "exports": lambda t: f"{t.year}-{t.month}-{t.day} {t.hour}:{t.minute}:{t.second} {offset(t)}",
    "slashes": lambda t: f"{t:%Y/%m/%d %H:%M:%S} GMT{offset(t)}",
    "dots": lambda t: f"{t.day}.{t.month}.{t.year} {t:%H:%M:%S} UTC{offset(t, ':')}",
    "JavaScript": lambda t: (
        f"{weekday(t)} {month(t, 'en, short')} {t.day:02} {t.year} {t:%H:%M:%S} GMT{offset(t)} (Zone Standard Time)"
    ),
    "Apache": lambda t: f"{t.day:02}/{month(t, 'en, short')}/{t.year}:{t:%H:%M:%S} {offset(t)}",
    "American": lambda t: f"{month(t, 'en')} {t.day}, {t.year} {half_day(t)} {offset(t)}",
    "American, spoken": lambda t: f"{month(t, 'en')} {ordinal(t.day)}, {t.year} at {half_day(t)} {offset(t, ':')}",
    "ctime": lambda t: t.astimezone(UTC).ctime(),
    "date": lambda t: f"{weekday(t)} {month(t, 'en, short')} {t.day:>2} {t:%H:%M:%S} {offset(t)} {t.year}",
    "Go": lambda t: f"{t.astimezone(UTC):%Y-%m-%d %H:%M:%S} +0000 UTC",
    "Chinese": lambda t: f"{t.year}年{t.month}月{t.day}日 {t.hour}时{t.minute}分{t.second}秒 {offset(t)}",
    "Korean": lambda t: f"{t.year}년 {t.month}월 {t.day}일 {t:%H:%M:%S}{offset(t)}",
    "seconds": lambda t: int(t.timestamp()) if t.timestamp() >= 1e8 else t.isoformat(timespec="seconds"),
    "text of seconds": lambda t: f"{t.timestamp():.0f}" if t.timestamp() >= 1e8 else t.isoformat(timespec="seconds"),
    "of PHP": lambda t: {"date": f"{t:%Y-%m-%d %H:%M:%S}.000000", "timezone_type": 1, "timezone": offset(t, ":")},
    "of Firestore": lambda t: {"_seconds": int(t.timestamp())} if t.timestamp() >= 1e8 else t,
    **{
        language: lambda t, language=language: f"{t.day} {month(t, language)} {t.year} {t:%H:%M:%S} {offset(t)}"
        for language in MONTHS
    },
}
OF_DAYS = {
    "ISO": lambda t: t.date().isoformat(),
    "week": lambda t: "{}-W{:02}-{}".format(*t.isocalendar()),
    "digits": lambda t: int(t.strftime("%Y%m%d")),
    "American": lambda t: f"{month(t, 'en, short')}. {t.day}, {t.year}",
    "British": lambda t: f"{ordinal(t.day)} of {month(t, 'en')} {t.year}",
    "German": lambda t: f"{t.day}. {month(t, 'de')} {t.year}",
    "Spanish": lambda t: f"{t.day} de {month(t, 'es')} de {t.year}",
    "database": lambda t: f"{t.day:02}-{month(t, 'en, short').upper()}-{t.year}",
    "dots": lambda t: f"{t.day:02}.{t.month:02}.{t.year}",
}


@pytest.mark.parametrize("form", TO_THE_SECOND)
@given(MOMENTS)
def test_parse_date_returns_the_moment_that_was_written(form, moment):
    moment = moment.replace(microsecond=0)
    assert parse_date(TO_THE_SECOND[form](moment)) == moment


@pytest.mark.parametrize("form", OF_DAYS)
@given(MOMENTS)
def test_parse_date_returns_the_day_that_was_written(form, moment):
    assert parse_date(OF_DAYS[form](moment)) == datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


@given(st.datetimes(datetime(1501, 1, 1), timezones=st.timezones() | st.none()), st.sampled_from("T "))
def test_parse_date_reads_every_isoformat_to_the_microsecond(moment, separator):
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        expected = moment.astimezone(UTC)
    except OverflowError:
        expected = None
    assert parse_date(moment) == expected
    assert parse_date(moment.isoformat(sep=separator)) == expected


def test_parse_date_reads_every_form_of_iso_8601_that_python_reads():
    days = ["2020-07-02", "20200702", "2020-W27-4", "2020W274", "2020-W27", "2020W27"]
    hours = [
        "",
        "T10",
        "T1030",
        "T10:30",
        "T103015",
        "T10:30:15",
        "T10:30:15.5",
        "T103015,123456789",
        "t10:30",
        " 10:30",
    ]
    zones = ["", "Z", "+02", "-0230", "+02:30", "-023015", "+02:30:15.000001", "-00:00"]
    for text in (day + hour + zone for day in days for hour in hours for zone in (zones if hour else [""])):
        moment = datetime.fromisoformat(text)
        expected = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        assert (text, parse_date(text)) == (text, expected)


@given(MOMENTS, st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]))
def test_parse_date_in_a_zone_is_never_early(moment, name):
    local = moment.astimezone(ZoneInfo(name)).replace(microsecond=0)
    found = parse_date(f"{local:%Y-%m-%d %H:%M:%S} {name}")
    assert found == local.replace(fold=1)
    assert found >= local


@given(MOMENTS, st.sampled_from(sorted(TO_THE_SECOND)), st.from_regex(r"[ ,]?[a-z]{3,9}", fullmatch=True))
def test_parse_date_with_an_unknown_word_behind_is_none(moment, form, word):
    written = TO_THE_SECOND[form](moment)
    if isinstance(written, str) and word.strip(" ,") not in ("utc", "gmt"):
        assert parse_date(written + word) is None
        assert parse_date(word.strip(" ,") + "x " + written) is None


@given(MOMENTS, st.sampled_from(["{d:02}/{m:02}/{y}", "{d}-{m}-{y}", "{m}/{d}/{y} 10:00", "{m:02}-{d:02}-{y}"]))
def test_parse_date_never_chooses_between_day_and_month(moment, form):
    found = parse_date(form.format(d=moment.day, m=moment.month, y=moment.year))
    if moment.day != moment.month and moment.day <= 12:
        assert found is None
    else:
        assert found.date() == moment.replace(tzinfo=None).date()


@given(MOMENTS, st.data())
def test_parse_date_of_a_text_without_one_separator_is_none_or_the_same(moment, data):
    form = data.draw(
        st.sampled_from(["American", "American, spoken", "JavaScript", "Apache", "RFC 2822", "fr", "slashes", "dots"])
    )
    written = TO_THE_SECOND[form](moment := moment.replace(microsecond=0))
    places = [place for place, char in enumerate(written) if not char.isalnum()]
    place = data.draw(st.sampled_from(places))
    assert parse_date(written[:place] + written[place + 1 :]) in (None, moment)


@given(st.text(max_size=60) | st.integers() | st.floats() | st.recursive(st.text(), lambda inner: st.dictionaries(
    st.sampled_from(["date", "created", "$date", "seconds", "nanoseconds", "timezone", "time"]), inner)))  # fmt: skip
def test_parse_date_never_raises(value):
    moment = parse_date(value)
    assert moment is None or moment.tzinfo is UTC


@given(st.text(alphabet="0123456789:-/.+ TZWAPM年月日", max_size=24))
def test_parse_date_of_signs_of_dates_never_raises(text):
    moment = parse_date(text)
    assert moment is None or moment.tzinfo is UTC


@pytest.mark.slow
def test_parse_date_reads_a_hundred_thousand_dates():
    forms = [form for name, form in TO_THE_SECOND.items() if name not in ("of PHP", "of Firestore")]
    step = timedelta(hours=9, minutes=17, seconds=13)
    begin = datetime(1973, 6, 1, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))
    for number in range(100_000):
        moment = begin + number * step
        assert parse_date(forms[number % len(forms)](moment)) == moment
