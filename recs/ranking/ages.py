"""The age of items: which are too old to be recommended, and how much less an old one counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np

from recs.arrays import Float64Array, IntArray
from recs.errors import OptionError
from recs.items import Item
from recs.readers.dates import parse_date

NO_AGE = "none"
_AGE = re.compile(r"([1-9][0-9]{0,4}) ?(d|w|m|y)")
_DAYS = {"d": 1.0, "w": 7.0, "m": 365.25 / 12, "y": 365.25}
_LEAST = 1e-9  # of a weight: a score that is multiplied with it keeps its place among older ones


def check_age(text: str, name: str) -> None:
    """Raise `OptionError` unless a text is an age, such as "90d", "6w", "18m" or "2y", or "none"."""
    if text != NO_AGE and _AGE.fullmatch(text) is None:
        raise OptionError(f"{name} is {text!r}, expected a number of days, weeks, months or years: 90d, 6w, 18m, 2y.")


def days_of(text: str) -> float:
    """Return how many days an age has. A month is a twelfth of a year of 365.25 days.

    Examples
    --------
    >>> days_of("6w"), days_of("2y")
    (42.0, 730.5)
    """
    number, unit = _AGE.fullmatch(text).groups()  # type: ignore[union-attr]  # `check_age` has accepted it
    return int(number) * _DAYS[unit]


def first_day(text: str, now: datetime) -> str:
    """Return the earliest day of publication, in ISO 8601, of an item that is not older than an age.

    Examples
    --------
    >>> first_day("2y", datetime(2026, 11, 1, tzinfo=UTC))
    '2024-11-01'
    """
    try:
        return (now.date() - timedelta(days=int(days_of(text)))).isoformat()
    except OverflowError:
        return date.min.isoformat()


def recency_weights(items: Sequence[Item], half_life: str) -> Float64Array:
    """Return what the score of each item is multiplied with, shape (n,): 1 for the newest, 1/2 one half-life before.

    The weights are relative to the newest item, so that the present time changes nothing. An item without a date
    counts as the oldest one.

    Examples
    --------
    >>> recency_weights([Item("a", "A.", published="2026-03-01"), Item("b", "B.", published="2026-02-01")], "28d")
    array([1. , 0.5])
    """
    moments = [parse_date(item.published) for item in items]
    dated = [moment for moment in moments if moment is not None]
    if not dated:
        return np.ones(len(items))
    newest, oldest = max(dated), min(dated)
    days = np.array([(newest - (moment or oldest)) / timedelta(days=1) for moment in moments])
    return np.maximum(0.5 ** (days / days_of(half_life)), _LEAST)


def closeness_in_time(items: Sequence[Item], columns: IntArray) -> Float64Array:
    """Return for each of n items how close in time some others are: -ln(1 + months), less the mean of all these pairs.

    A pair of which one date is not known has 0, as an average pair has.

    Parameters
    ----------
    columns : int64 array of shape (n, depth)
        The rows of the others; -1 for none. The result has the same shape, and 0 there.

    Examples
    --------
    >>> items = [Item("a", "A.", published="2026-01-01"), Item("b", "B.", published="2026-01-31"), Item("c", "C.")]
    >>> closeness_in_time(items, np.array([[0, 1], [1, 2], [-1, 0]])).round(2).tolist()
    [[0.23, -0.46], [0.23, 0.0], [0.0, 0.0]]
    """
    moments = [parse_date(item.published) for item in items]
    days = np.array([np.nan if moment is None else moment.timestamp() / 86400 for moment in moments], np.float64)
    if not np.isfinite(days).any():
        return np.zeros(columns.shape)
    closeness = -np.log1p(np.abs(days[columns] - days[:, None]) / _DAYS["m"])
    closeness[columns < 0] = np.nan
    is_known = np.isfinite(closeness)
    mean = closeness[is_known].mean() if is_known.any() else 0.0
    return np.where(is_known, closeness - mean, 0.0)


def newest_first(items: Sequence[Item]) -> list[int]:
    """Return the rows of the items that have a date, the newest first; those of one moment are in the order of rows.

    Examples
    --------
    >>> newest_first([Item("a", "A."), Item("b", "B.", published="2026"), Item("c", "C.", published="2026-02")])
    [2, 1]
    """
    moments = {row: moment for row, item in enumerate(items) if (moment := parse_date(item.published)) is not None}
    return sorted(moments, key=lambda row: (-moments[row].timestamp(), row))


def next_day(now: datetime) -> datetime:
    """Return the moment at which an age in days changes: the next midnight in UTC.

    Examples
    --------
    >>> next_day(datetime(2026, 11, 1, 17, 30, tzinfo=UTC)).isoformat()
    '2026-11-02T00:00:00+00:00'
    """
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)
