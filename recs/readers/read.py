"""Reads a source into items. This is the front room of the readers: each kind of source has a module of its own."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from recs.errors import OptionError, SourceError
from recs.items import Collection, Item, Skipped
from recs.readers.dates import format_date
from recs.readers.each import Reading, ReadItem, check_unique, read_each, with_id
from recs.readers.field_names import ALIASES
from recs.readers.fields import MarkupOption, RecordReader
from recs.readers.opened import Format, Opened
from recs.readers.sources import Source, open_path
from recs.readers.text_store import TextStore
from recs.readers.values import fold
from recs.readers.visibility.report import closed_afterwards, reading_notes
from recs.text.boilerplate import common_lines
from recs.text.links import resolve_links
from recs.text.written import with_written, written_text


def read_items(
    source: Source,
    *,
    format: Format | None = None,
    fields: Mapping[str, str] | None = None,
    markup: MarkupOption = "auto",
    boilerplate: Literal["remove", "keep"] = "remove",
    now: str | date | datetime | None = None,
    public: Iterable[tuple[str, str]] = (),
    include_unlisted: bool = False,
    fetch: bool = False,
) -> Collection:
    """Read items from a file, a folder, a data frame or a list.

    The usual names of fields are understood ("html", "body", "content" and many more), and so are the fields that say
    what is a draft, private or scheduled. Everything that is left out is counted and reported in the result.

    Parameters
    ----------
    source
        The path of a file (JSON, JSON Lines, CSV, Parquet, a feed, an export, an archive of these), of a table in an
        SQLite database ("posts.db?table=posts"), or of a folder with Markdown, HTML and text files; the address of
        Parquet in an object store ("s3://bucket/posts", see docs/scale.md); "-" for stdin; an open file; a
        data frame of pandas, polars or pyarrow; or a list of dicts, of strings or of `Item`. A `Collection` is returned
        as it is.
    format
        The format of the source, if its content and its name do not tell: "json", "jsonl", "csv", "parquet", "sqlite",
        "folder", "feed", "wordpress", "wordpress-rest", "ghost", "substack", "medium", "blogger", "notion", "tumblr" or
        "buttondown".
    fields
        The names of fields in the source, by their meaning: {"text": "body_md"} reads the text from the field
        "body_md". A name that you give here is preferred to all usual names. The meanings are id, text, title, url,
        lang, published, updated, tags, category, series, group, image, excerpt, pins, excludes, aliases, links,
        visibility, no_recommend, time and timezone.
    markup
        The markup of the bodies: "text", "html", "markdown", or "auto", which looks at the format of the source, then
        at the name of the field, then at the body itself.
    boilerplate
        "remove" takes out of `Item.text` the lines that at least half of all public items hold, or at least half of
        those in one series; "keep" leaves them.
    now
        The moment after which a date is still in the future, so that its item is scheduled: an ISO date, a date or a
        datetime. The default is the present; give a fixed date to get the same result every time.
    public
        Pairs (field, value) that mean public in this source, although recs does not understand them or takes them for
        closed: [("status", "Veröffentlicht")].
    include_unlisted
        Whether unlisted items are read as public. Their authors keep them out of lists or search engines.
    fetch
        Whether transcripts and chapters that a feed names, and that are not beside it, are loaded over HTTP. They are
        kept in the user's cache folder.

    Returns
    -------
    Collection
        A sequence of all items with text, in the order of the source. Items that are not public are included and
        marked: see `Item.visibility` and `Collection.public`. `skipped` says what was not read and why,
        `ignored_fields` which fields have no place in an item, `boilerplate` which lines were removed, and `notes` what
        else a person should know.

    Raises
    ------
    SourceError
        If the source cannot be read: it is missing, empty, truncated or not UTF-8, or two items share an id.
    OptionError
        If an option has a value that is not allowed, if `fields` or `public` name a field that no record has, or if
        `now` is not a date.

    Notes
    -----
    A record without an id takes its URL as its id. If no record of the source has an id, a row of a pandas data frame
    takes its label in the index, and any other record its position, from 0. If other records have ids, a record with
    neither id nor URL is skipped.

    Cost: linear in the number of characters.

    Examples
    --------
    >>> import recs
    >>> posts = [
    ...     {"id": "garlic", "title": "Garlic", "html": "<p>Plant it in <b>October</b>.</p>", "tags": "bulbs, autumn"},
    ...     {"id": "leeks", "title": "Leeks", "html": "<p>Sow them in March.</p>", "status": "draft"},
    ...     {"id": "chives", "title": "Chives"},
    ... ]
    >>> items = recs.read_items(posts)
    >>> items[0].text, items[0].tags
    ('Plant it in October.', ('bulbs', 'autumn'))

    A draft is read, but it is not public. An item without text is skipped:

    >>> [(item.id, item.visibility) for item in items], [item.id for item in items.public]
    ([('garlic', 'public'), ('leeks', 'draft')], ['garlic'])
    >>> items.skipped
    (Skipped(where='item 3', reason='no text', id='chives'),)

    Fields with other names are named in `fields`:

    >>> items = recs.read_items([{"key": "garlic", "prose": "Plant it."}], fields={"id": "key", "text": "prose"})
    >>> items[0].id, items[0].text
    ('garlic', 'Plant it.')
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
        if not reading.is_plain:
            raise OptionError("a Collection is already read; give these options to the call that reads its source.")
        return source
    if boilerplate not in ("remove", "keep"):
        raise OptionError(f"boilerplate is {boilerplate!r}, expected remove or keep.")
    opened, reader = reading.open(source)
    store = TextStore() if isinstance(source, str | Path) else TextStore(in_memory=sys.maxsize)
    items, skipped = _read_all(reader, opened, store)
    reader.check_options(opened.name, reading.public)
    items = [store.keep_change(item, closed_afterwards(item, reader)) for item in items]
    removed = _remove_boilerplate(items, store) if boilerplate == "remove" else {}
    items = [store.keep_change(*pair) for pair in zip(items, resolve_links(items), strict=True)]
    return _collection(items, skipped, removed, reader, opened)


def _collection(
    items: Sequence[Item], skipped: Sequence[Skipped], removed: Mapping[str, int], reader: RecordReader, opened: Opened
) -> Collection:
    """Return the items of a source with all that is known of its reading."""
    return Collection(
        items=tuple(items),
        source=opened.name,
        skipped=tuple(skipped),
        ignored_fields=dict(reader.account.ignored),
        boilerplate=removed,
        notes=reading_notes(reader, kind=opened.kind),
        changes_at=format_date(reader.judge.changes_at),
        format=opened.format,
        fields=_by_meaning(reader.account.used),
    )


def _by_meaning(used: Mapping[tuple[str, str], int]) -> Mapping[str, Mapping[str, int]]:
    """Return the names of fields and their counts by meaning, in the order of the meanings, most frequent first."""
    order = {meaning: place for place, meaning in enumerate(ALIASES)}
    fields: dict[str, dict[str, int]] = {}
    for (meaning, name), count in sorted(used.items(), key=lambda pair: (order[pair[0][0]], -pair[1], pair[0][1])):
        fields.setdefault(meaning, {})[name] = count
    return fields


def _read_all(reader: RecordReader, opened: Opened, store: TextStore) -> tuple[list[Item], list[Skipped]]:
    """Return the items of a source and what was skipped; `SourceError` if two items share an id."""
    read = [
        result._replace(item=store.keep(result.item)) if isinstance(result, ReadItem) else result
        for result in read_each(reader, opened.records)
    ]
    results = [with_id(result, reader) for result in read]
    items = [result for result in results if isinstance(result, ReadItem)]
    check_unique(items, opened.name)
    return [result.item for result in items], [result for result in results if isinstance(result, Skipped)]


def _remove_boilerplate(items: list[Item], store: TextStore) -> Mapping[str, int]:
    """Take out of the public items the lines that most of them repeat, and return these lines with their counts.

    The most frequent lines come first; ties are in the order of the lines.
    """
    shown = [item for item in items if item.is_public]  # a line that only drafts hold must not be reported
    lines = common_lines(_WrittenTexts(shown), [item.series for item in shown])
    counts: Counter[str] = Counter()
    for row, item in enumerate(items):
        if item.is_public:
            before = written_text(item)
            after, gone = lines.removed_from(before, item.series)
            counts.update(gone)
            if after != before:
                items[row] = store.keep_change(item, with_written(item, after))
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


class _WrittenTexts(Sequence[str]):
    """The written texts of items, which may be on the disk."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, row: Any) -> Any:
        return written_text(self._items[row])


def read_texts(content: Sequence[Any]) -> tuple[list[str], list[str]]:
    """Return the texts and the titles of strings or items; `SourceError` if one of them is skipped or not public.

    Examples
    --------
    >>> read_texts([{"title": "Garlic", "html": "<p>Plant it in October.</p>"}])
    (['Plant it in October.'], ['Garlic'])
    """
    if all(isinstance(text, str) for text in content):
        return list(content), [""] * len(content)
    numbered = [_numbered(one, number) if isinstance(one, Mapping) else one for number, one in enumerate(content)]
    items = read_items(numbered, boilerplate="keep")
    left_out = [f"{skipped.where}: {skipped.reason}" for skipped in items.skipped]
    left_out += [f"{item.id} is {item.visibility}" for item in items if not item.is_public]
    if left_out:  # with fewer vectors than items, the caller would match vectors with the wrong items
        raise SourceError(f"these cannot be embedded, leave them out: {'; '.join(left_out[:9])}.")
    return [item.text for item in items], [item.title for item in items]


def _numbered(record: Mapping[str, object], number: int) -> Mapping[str, object]:
    """Return a record with an id: among records that are only embedded, some may have an id and others none."""
    has_id = any(fold(str(name)) in ALIASES["id"] for name in record)
    return record if has_id else {"id": f"item {number}", **record}


def read_records(path: Path) -> Iterator[object]:
    """Yield the records of a file (JSON, JSON Lines, CSV, Parquet) as they are, such as links or judgments.

    Raises `SourceError` if the file cannot be read.
    """
    yield from (record for _, record in open_path(path, None).records)
