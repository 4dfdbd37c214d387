"""Whether an item may be shown: what the fields of a record say together, by the table of `closings`.

Closed items (draft, private, scheduled, expired, not understood) are in nothing that recs makes. Unlisted items are
published, but their author keeps them from lists or from search engines: they are in nothing either, unless the reader
of a collection asks for them. A field of the table whose value is not understood closes the item.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from recs.items import Visibility
from recs.readers.values import Repeated, fold, is_missing, switch, text_of, words
from recs.readers.visibility import readings
from recs.readers.visibility.closings import rule_of

PUBLISHED_DATES = ("date", "datepublished", "publishedat", "pubdate")
# A record that leaves these empty, where others of its source fill them, was never published.
PUBLICATION_MOMENTS = frozenset({"publishedat", "firstpublishedat", "publishedon"})
# So was one that leaves these empty where others say yes: a box that is not ticked.
OPENING = frozenset({"published", "publish", "live", "public", "visible", "ispublished"})
# Where one item says yes to this, an item that does not is not published: the tool publishes nothing else.
OPT_IN = frozenset({"dgpublish"})
# Objects that hold further fields of the same record, and those that may say something of its visibility as well.
WRAPPERS = frozenset(("attributes", "fields", "frontmatter", "metadata", "meta", "params", "extra", "sys"))
_TELLING = WRAPPERS | {
    *("seo", "system", "data", "content", "yoastheadjson", "post", "page", "fielddata", "settings", "options", "flags"),
    *("preferences", "customfields", "acf", "matter", "eleventycomputed"),
}
_DEEPEST = 4


class Verdict(NamedTuple):
    """What the fields of a record say together, and the field and the value that closed it ("" where none did)."""

    visibility: Visibility
    field: str = ""
    value: str = ""


class Judge:
    """Reads the table for the records of one source.

    now
        What is dated later is scheduled.
    opened
        What the person who runs recs says is public, as (folded field, its value as `text_of` gives it).
    """

    def __init__(self, now: datetime, opened: Iterable[tuple[str, str]] = ()) -> None:
        self._now = now
        self._opened = {(fold(name), value.strip().casefold()) for name, value in opened}

    def verdict(
        self, fields: Iterable[tuple[str, object]], also: Sequence[tuple[str, object, readings.Reading]] = ()
    ) -> Verdict:
        """Return the most closed of what (name, value) pairs say, a name as the source spells it, perhaps often.

        `also` are values of fields that are not of the table, each with how it is to be read.
        """
        found = [Verdict("public")]
        for name, value in fields:
            rule = rule_of(fold(name.rpartition(".")[2]))
            if rule is not None:
                found += [self._said(name, said, rule.read) for said in _each(value, rule.read)]
        found += [self._said(name, said, read) for name, value, read in also for said in _each(value, read)]
        return min(found, key=lambda verdict: readings.ORDER.index(verdict.visibility))

    def _said(self, name: str, value: object, read: readings.Reading) -> Verdict:
        if is_missing(value):
            return Verdict("public")
        shown = read(value, self._now)
        if shown == "public":
            return Verdict("public")
        said = "(set)" if _is_secret(value, read) else text_of(value)
        is_opened = (fold(name), said.casefold()) in self._opened
        return Verdict("public") if is_opened else Verdict(shown, name, said)


def _is_secret(value: object, read: readings.Reading) -> bool:
    """Whether a value may be a password or a remark that nobody else should read."""
    return read is readings.password or (read is readings.HELD_BACK and switch(value) is None)


def _each(value: object, read: readings.Reading) -> Sequence[object]:
    """Return what is to be read one by one: each value of a name that comes twice, each tag."""
    values: Sequence[object] = value if isinstance(value, Repeated) else (value,)
    return [tag for one in values for tag in words(one)] if read is readings.closing_tag else values


def nested_fields(record: Mapping[str, object], before: str = "", depth: int = 1) -> Iterator[tuple[str, object]]:
    """Yield the fields of the objects that a record keeps more of its own fields in, as ("meta.status", value).

    Such objects may hold others; a list of {"key": …, "value": …} is one as well.
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
