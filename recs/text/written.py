"""The part of a text that was written: all of it, or what comes before the transcript of an episode."""

from dataclasses import replace

from recs.items import Item

GAP = "\n\n\n"
"""What separates the written part from the transcript: a transcript is a section."""


def written_text(item: Item) -> str:
    """Return the text of an item without its transcript.

    Examples
    --------
    >>> from recs.times import Times
    >>> written_text(Item("a", "Notes.\\n\\n\\nHi.", times=Times((9,), (1.5,), (2.0,))))
    'Notes.'
    """
    return item.text if item.times is None else item.text[: item.written].rstrip("\n")


def with_written(item: Item, written: str) -> Item:
    """Return an item with another text before its transcript, if it has one. The times of the transcript stay right.

    Examples
    --------
    >>> from recs.times import Times
    >>> item = with_written(Item("a", "Notes.\\n\\n\\nHi.", times=Times((9,), (1.5,), (2.0,))), "On soil.")
    >>> item.text, item.times.offsets
    ('On soil.\\n\\n\\nHi.', (11,))
    """
    if item.times is None:
        return replace(item, text=written)
    before = f"{written}{GAP}" if written else ""
    return replace(item, text=before + item.text[item.written :], times=item.times.moved(len(before) - item.written))
