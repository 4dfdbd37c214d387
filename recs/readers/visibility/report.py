"""What can be decided only after a whole source was read: items that other items close, and notes for the user."""

from collections.abc import Iterator
from dataclasses import replace

from recs.contract import Note
from recs.items import Item
from recs.readers.account import Account
from recs.readers.fields import RecordReader


def closed_afterwards(item: Item, reader: RecordReader) -> Item:
    """Return an item; it is closed if other items show it to be unpublished (`RecordReader.afterthought`)."""
    verdict = reader.afterthought(item) if item.is_public else None
    if verdict is None:
        return item
    return replace(item, visibility=verdict.visibility, closed_by=(verdict.field, verdict.value))


def reading_notes(reader: RecordReader, *, kind: str) -> tuple[Note, ...]:
    """Return notes for the user on how a source was read; `kind` is that of `recs.readers.sources.Opened`.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> reader = RecordReader(datetime(2026, 1, 1, tzinfo=UTC))
    >>> item = reader.read({"id": "garlic", "summary": "On garlic."}, where="row 1", default_id="0")
    >>> reading_notes(reader, kind="table")
    ("ids are those of the column 'id'", "1 item without a body: the text is the field 'summary'")
    """
    account = reader.account
    notes = []
    if kind in ("table", "frame") and (account.id_fields or account.positional):
        notes.append(Note(f"ids are {_ids_are(account, is_frame=kind == 'frame')}", code="ids"))
    count = sum(account.id_fields.values()) + account.positional
    if kind == "feed" and count:
        last = "last entry" if count == 1 else f"last {count:,} entries"
        notes.append(Note(f"the feed holds its {last}; older ones are not in it", code="feed"))
    notes += _notes_on_fields(account)
    for codes, count in sorted(account.languages.items()):
        text = f"{_items(count)} in several languages ({', '.join(codes)}): {codes[0]} is read, the others are not"
        notes.append(Note(text, code="several-languages"))
    if hidden := account.hidden_blocks:
        text = f"left out of bodies, since they are marked as hidden: {hidden:,} block{'s' * (hidden > 1)}"
        notes.append(Note(text, code="hidden-blocks"))
    return tuple(notes)


def _notes_on_fields(account: Account) -> Iterator[Note]:
    """Yield notes on fields that stand for a body, that hold more text than it, or that could not be read."""
    for name, count in sorted(account.teasers.items()):
        yield Note(f"{_items(count)} without a body: the text is the field {name!r}", code="teaser")
    for name, count in sorted(account.longer.items()):
        text = f"the field {name!r} holds more text in {count:,} of these: --field text={name} reads it"
        yield Note(text, code="longer-field", level="warning")
    for name, count in sorted(account.unread.items()):
        text = f"the field {name!r} could not be read in {_items(count)}"
        yield Note(text, code="unread-field", level="warning")


def _items(count: int) -> str:
    return f"{count:,} item{'s' * (count > 1)}"


def _ids_are(account: Account, *, is_frame: bool) -> str:
    if account.id_fields:
        columns = ", ".join(repr(name) for name in sorted(account.id_names))
        return f"those of the column {columns}" + (", not those of the index" if is_frame else "")
    wanted = "no column is called id, guid, slug or url"
    return f"those of the index: {wanted}" if is_frame else f"the numbers of the rows from 0: {wanted}"
