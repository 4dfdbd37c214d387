"""Decides whether an item may be shown, from all fields of its record, by the table in `closings`.

Closed items (draft, private, scheduled, expired, unknown) are in no result of recs. Unlisted items are published, but
their author keeps them out of lists or search engines; they are in no result either, unless the user asks for them.
If a field of the table has a value that is not understood, it closes the item.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from recs.items import Visibility
from recs.readers.dates import parse_date
from recs.readers.values import Repeated, fold, is_missing, switch, text_of, words
from recs.readers.visibility import readings
from recs.readers.visibility.closings import rule_of

PUBLISHED_DATES = ("date", "datepublished", "publishedat", "pubdate")
# If other records of the source have these moments, a record where they are empty was never published.
PUBLICATION_MOMENTS = frozenset({"publishedat", "firstpublishedat", "publishedon"})
# If other records say yes in these fields, a record where they are empty was not published: its box is not ticked.
OPENING = frozenset({"published", "publish", "live", "public", "visible", "ispublished"})
# If one item says yes in this field, an item that does not is not published: the tool publishes nothing else.
OPT_IN = frozenset({"dgpublish"})
# Objects with more fields of the same record, and objects that may only say something about its visibility.
WRAPPERS = frozenset(("attributes", "fields", "frontmatter", "metadata", "meta", "params", "extra", "sys"))
_TELLING = WRAPPERS | {
    *("seo", "system", "data", "content", "yoastheadjson", "post", "page", "fielddata", "settings", "options", "flags"),
    *("preferences", "customfields", "acf", "matter", "eleventycomputed"),
}
_DEEPEST = 4


class Verdict(NamedTuple):
    """The visibility of an item, and the field and the value that closed it ("" if nothing did)."""

    visibility: Visibility
    field: str = ""
    value: str = ""


class Judge:
    """Applies the table to the records of one source.

    Parameters
    ----------
    now
        The moment after which a date makes an item scheduled.
    opened
        Pairs (field, value) that the user declares public; the value is written as `text_of` writes it.

    Attributes
    ----------
    changes_at
        The first moment after `now` at which a verdict may be another one; None if there is none.

    Examples
    --------
    >>> from datetime import UTC
    >>> judge = Judge(datetime(2026, 1, 1, tzinfo=UTC))
    >>> judge.verdict([("title", "Garlic"), ("date", "2026-10-01"), ("draft", "no")])
    Verdict(visibility='scheduled', field='date', value='2026-10-01')
    """

    def __init__(self, now: datetime, opened: Iterable[tuple[str, str]] = ()) -> None:
        self._now = now
        self.changes_at: datetime | None = None
        self._opened = {(fold(name), value.strip().casefold()) for name, value in opened}

    def verdict(
        self, fields: Iterable[tuple[str, object]], also: Sequence[tuple[str, object, readings.Reading]] = ()
    ) -> Verdict:
        """Return the most closed verdict on any of the pairs (name, value). A name may occur more than once.

        `also` are fields outside the table: name, value, and how to read the value.
        """
        verdicts = [Verdict("public")]
        for name, value in fields:
            rule = rule_of(fold(name.rpartition(".")[2]))
            if rule is not None:
                verdicts += [self._verdict(name, part, rule.read) for part in _each(value, rule.read)]
        verdicts += [self._verdict(name, part, read) for name, value, read in also for part in _each(value, read)]
        return min(verdicts, key=lambda verdict: readings.ORDER.index(verdict.visibility))

    def _verdict(self, name: str, value: object, read: readings.Reading) -> Verdict:
        """Return the verdict on one value; its text is not shown if it may be a secret."""
        if is_missing(value):
            return Verdict("public")
        if read in (readings.publication, readings.expiry):
            self._expect_change(parse_date(value))
        shown = read(value, self._now)
        if shown == "public":
            return Verdict("public")
        text = "(set)" if _is_secret(value, read) else text_of(value)
        is_opened = (fold(name), text.casefold()) in self._opened
        return Verdict("public") if is_opened else Verdict(shown, name, text)

    def _expect_change(self, moment: datetime | None) -> None:
        if moment is not None and moment > self._now and (self.changes_at is None or moment < self.changes_at):
            self.changes_at = moment


def _is_secret(value: object, read: readings.Reading) -> bool:
    """Whether a value may be a password or a private remark."""
    return read is readings.password or (read is readings.HELD_BACK and switch(value) is None)


def _each(value: object, read: readings.Reading) -> Sequence[object]:
    """Return the values to read one by one: each value of a repeated name, each tag."""
    values: Sequence[object] = value if isinstance(value, Repeated) else (value,)
    return [tag for one in values for tag in words(one)] if read is readings.closing_tag else values


def nested_fields(record: Mapping[str, object], before: str = "", depth: int = 1) -> Iterator[tuple[str, object]]:
    """Yield the fields of objects inside a record that hold more of its fields, as ("meta.status", value).

    Such objects may be nested. A list of {"key": …, "value": …} counts as one too.

    Examples
    --------
    >>> list(nested_fields({"title": "Garlic", "meta": {"status": "draft"}}))
    [('meta.status', 'draft')]
    """
    for outer, inside in record.items():
        fields = _as_fields(inside) if fold(str(outer)) in _TELLING else None
        for name, value in (fields or {}).items():
            yield f"{before}{outer}.{name}", value
        if fields and depth < _DEEPEST:
            yield from nested_fields(fields, f"{before}{outer}.", depth + 1)


def _as_fields(value: object) -> Mapping[str, object] | None:
    if isinstance(value, Mapping):
        return value
    pairs = [part for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []
    return {str(part["key"]): part["value"] for part in pairs if "key" in part and "value" in part} or None
