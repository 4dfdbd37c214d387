"""Reads a source item by item, for sources that are larger than the memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime

from recs.errors import OptionError, SourceError
from recs.items import Collection, Item, Skipped
from recs.readers.each import Reading, ReadItem, check_unique, read_each, with_id
from recs.readers.fields import MarkupOption
from recs.readers.opened import Format
from recs.readers.sources import Source
from recs.readers.visibility.report import closed_afterwards


def iter_items(
    source: Source,
    *,
    format: Format | None = None,
    fields: Mapping[str, str] | None = None,
    markup: MarkupOption = "auto",
    now: str | date | datetime | None = None,
    public: Iterable[tuple[str, str]] = (),
    include_unlisted: bool = False,
    fetch: bool = False,
    on_skipped: Callable[[Skipped], None] | None = None,
) -> Iterator[Item]:
    """Yield the items of a source one by one, without holding them all in memory.

    The source is read twice: some entries close others, and an id may occur again at the very end. So every error about
    the source is raised before the first item, but for a change in between the two readings.

    Parameters
    ----------
    source, format, fields, markup, now, public, include_unlisted
        As in `recs.read_items`; but the source must be one that can be read twice: a path, a list or a data frame.
    on_skipped
        Is called with each entry that is not read, and why.

    Yields
    ------
    Item
        The items that `recs.read_items(source, boilerplate="keep")` returns, in the same order, closed ones included;
        but the links in their bodies are not followed, since a link may lead to an item that comes later.

    Raises
    ------
    SourceError
        As in `recs.read_items`; and if the source changes while it is read.
    OptionError
        As in `recs.read_items`; and if the source can be read only once.

    Notes
    -----
    Cost: twice the time of `recs.read_items`. In memory are the ids, and of Parquet, JSON Lines, a WordPress export or
    a folder some entries at a time. JSON, CSV and feeds are still read whole.

    Examples
    --------
    >>> import recs
    >>> posts = [{"id": "garlic", "html": "<p>Plant it.</p>"}, {"id": "leeks", "text": "Sow.", "status": "draft"}]
    >>> [(item.id, item.text, item.visibility) for item in recs.iter_items(posts)]
    [('garlic', 'Plant it.', 'public'), ('leeks', 'Sow.', 'draft')]
    """
    reading = Reading(
        format=format,
        fields=fields,
        markup=markup,
        now=now,
        public=public,
        include_unlisted=include_unlisted,
        fetch=fetch,
    )
    if isinstance(source, Collection):
        source = source.items
    if (isinstance(source, str) and source == "-") or hasattr(source, "read") or isinstance(source, Iterator):
        raise OptionError("iter_items reads its source twice; give a path, a list or a data frame.")
    return _items(source, reading, on_skipped)


def _items(source: Source, reading: Reading, on_skipped: Callable[[Skipped], None] | None) -> Iterator[Item]:
    opened, first = reading.open(source)
    results = (result for result in read_each(first, opened.records) if isinstance(result, ReadItem))
    places = check_unique((result for result in results if not result.has_position_as_id), opened.name)
    first.check_options(opened.name, reading.public)
    opened, second = reading.open(source)
    for read in read_each(second, opened.records):
        result = with_id(read, first)
        if isinstance(result, Skipped):
            if on_skipped is not None:
                on_skipped(result)
        elif result.has_position_as_id or places.pop(result.item.id, "") == result.where:
            yield closed_afterwards(result.item, first)
        else:
            raise SourceError(f"{opened.name}: changed while it was read; {result.where} is new. Read it again.")
    if places:
        raise SourceError(f"{opened.name}: changed while it was read; {min(places.values())} is gone. Read it again.")
