"""Reads the records of a source one by one, and checks that the ids of the items are unique."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple, get_args

from recs.errors import OptionError, SourceError
from recs.items import Item, Skipped
from recs.readers.bodies import Body, Document
from recs.readers.dates import parse_now
from recs.readers.fields import MarkupOption, RecordReader
from recs.readers.opened import Format, Opened
from recs.readers.sources import Source, open_source
from recs.readers.tables import INDEX
from recs.readers.transcripts.episode import Episode
from recs.readers.values import text_of


class ReadItem(NamedTuple):
    """An item that was read, where it was in the source, and whether its id is only its position."""

    where: str
    item: Item
    has_position_as_id: bool


class Reading:
    """How a source is read: the options that `recs.read_items` and `recs.iter_items` share."""

    def __init__(
        self,
        *,
        format: Format | None,
        fields: Mapping[str, str] | None,
        markup: MarkupOption,
        now: str | date | datetime | None,
        public: Iterable[tuple[str, str]],
        include_unlisted: bool,
        fetch: bool,
    ) -> None:
        self.public = _pairs(public)
        if markup not in get_args(MarkupOption):
            raise OptionError(f"markup is {markup!r}, expected {', '.join(get_args(MarkupOption))}.")
        self._format = format
        self._fields = fields
        self._markup = markup
        self._now = parse_now(now)
        self._include_unlisted = include_unlisted
        self._fetch = fetch

    @property
    def is_plain(self) -> bool:
        """Whether no option changes what the items of a source are."""
        return not (self._fields or self.public or self._include_unlisted or self._format)

    def open(self, source: Source) -> tuple[Opened, RecordReader]:
        """Return a source that is open, and what reads its records."""
        opened = open_source(source, self._format, fetch=self._fetch)
        return opened, RecordReader(
            self._now,
            self._fields,
            self._markup,
            public=(*self.public, *opened.public),
            include_unlisted=self._include_unlisted,
            opt_in=opened.opt_in,
        )


def _pairs(public: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the pairs (field, value) that mean public; `OptionError` for anything else."""
    pairs = tuple(public)
    if isinstance(public, str | Mapping) or any(not isinstance(pair, tuple | list) or len(pair) != 2 for pair in pairs):
        raise OptionError(f"public is {public!r}, expected pairs such as [('status', 'Veröffentlicht')].")
    return tuple((str(name), text_of(value)) for name, value in pairs)


def read_each(reader: RecordReader, records: Iterable[tuple[str, object]]) -> Iterator[ReadItem | Skipped]:
    """Yield what each record is: an item, or the reason why there is none. `records` have positions for messages.

    What can be decided only when all records were read, the caller decides: see `with_id`, `check_unique` and
    `RecordReader.afterthought`.
    """
    account = reader.account
    for number, (where, record) in enumerate(records):
        positional_before = account.positional
        result = _read(reader, record, where=where, default_id=str(number))
        if isinstance(result, Skipped):
            yield result
        else:
            is_positional = account.positional > positional_before and not isinstance(record, str)  # strings have no id
            yield ReadItem(where, result, is_positional)


def with_id(result: ReadItem | Skipped, reader: RecordReader) -> ReadItem | Skipped:
    """Return a result; `Skipped` for an item whose id is its position, if other items have ids of their own.

    The position of one record may be the id of another. The reader has read all records.
    """
    if isinstance(result, ReadItem) and result.has_position_as_id and reader.account.id_fields:
        return Skipped(result.where, "no id, although other items have one")
    return result


def check_unique(results: Iterable[ReadItem], source: str) -> dict[str, str]:
    """Return where each id is; `SourceError` if two items share one."""
    places: dict[str, str] = {}
    for where, item, _ in results:
        if item.id in places:
            first, second = (place.removeprefix(source).lstrip(":/ ") for place in (places[item.id], where))
            raise SourceError(f"{source}: {first} and {second} share the id {item.id!r}; ids must be unique.")
        places[item.id] = where
    return places


def _read(reader: RecordReader, record: object, *, where: str, default_id: str) -> Item | Skipped:
    """Return the item of one record, whatever its type."""
    if isinstance(record, Item):
        reader.account.id_fields["id"] += 1
        if record.visibility == "unlisted" and reader.include_unlisted:
            return replace(record, visibility="public")
    if isinstance(record, Item | Skipped):
        return record
    if isinstance(record, Document):
        body = Body(record.body, record.markup)
        return reader.read(record.fields, where=where, default_id=default_id, body=body)
    if isinstance(record, Episode):
        return reader.read(record.fields, where=where, default_id=default_id, spoken=record.spoken)
    if isinstance(record, str):
        record = {"text": record}
    if not isinstance(record, Mapping):
        return Skipped(where, f"a {type(record).__name__}, expected an object or a string")
    if INDEX in record:
        default_id = str(record[INDEX])
        record = {name: value for name, value in record.items() if name != INDEX}
    return reader.read(record, where=where, default_id=default_id)
