"""Counts in messages for people."""


def counted(count: int, one: str, several: str = "") -> str:
    """Return a count and the words for it; `several` is `one` with an s if left out.

    Examples
    --------
    >>> counted(1, "label"), counted(2000, "label"), counted(3, "item is left out", "items are left out")
    ('1 label', '2,000 labels', '3 items are left out')
    """
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
