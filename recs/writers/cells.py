"""Values in files: JSON text, and CSV whose cells a spreadsheet does not run as formulas."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell as a formula if it begins with one of these."""


def csv_text(
    records: Iterable[Mapping[str, object]], *, header: Sequence[str] | None = None, texts: Collection[str] = ()
) -> str:
    """Return records as CSV: a line with the header, then a line a record.

    Parameters
    ----------
    records
        Mappings with the same keys.
    header
        The columns. None means the keys of the first record; without any record, the result is then empty.
    texts
        Columns that hold text of items: a cell that a spreadsheet would run as a formula gets an apostrophe before it.
        The cells of other columns, such as ids, are written as they are.

    Examples
    --------
    >>> print(csv_text([{"id": "-1", "title": "=SUM(A1)"}, {"id": "b", "title": "Soil"}], texts=["title"]), end="")
    id,title
    -1,'=SUM(A1)
    b,Soil
    """
    return "".join(csv_pieces(records, header=header, texts=texts))


def csv_pieces(
    records: Iterable[Mapping[str, object]], *, header: Sequence[str] | None = None, texts: Collection[str] = ()
) -> Iterator[str]:
    """Yield the lines of `csv_text`, one after the other.

    Examples
    --------
    >>> list(csv_pieces({"square": number**2} for number in (1, 2)))
    ['square\\n', '1\\n', '4\\n']
    """
    iterator = iter(records)
    first = next(iterator, None)
    if first is None and header is None:
        return
    lines = _Lines()
    # csv quotes a cell with a character of the line end. A bare \r needs quotes too: readers take it for a line end.
    writer = csv.DictWriter(lines, list(first or ()) if header is None else header, lineterminator="\r\n")
    writer.writeheader()
    yield lines.pop()
    for record in iterator if first is None else chain([first], iterator):
        writer.writerow({name: _plain(cell) if name in texts else cell for name, cell in record.items()})
        yield lines.pop()


class _Lines(list[str]):
    """The lines that `csv` writes, each with a line end of Unix."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def _plain(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


def dumps(value: object) -> str:
    """Return compact JSON with sorted keys; characters that end a line in some readers are escaped.

    Examples
    --------
    >>> dumps({"title": "café", "id": 1})
    '{"id":1,"title":"café"}'
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085")


def json_lines(records: Iterable[object]) -> str:
    """Return a line of compact JSON for each record.

    Examples
    --------
    >>> json_lines([{"id": "a"}, {"id": "b"}])
    '{"id":"a"}\\n{"id":"b"}\\n'
    """
    return "".join(f"{dumps(record)}\n" for record in records)


def whole_characters(text: str) -> str:
    """Return a text that UTF-8 can hold: JSON input may have a lone surrogate, which no reader should get.

    Examples
    --------
    >>> whole_characters("a\\ud800b")
    'a?b'
    """
    return text.encode("utf-8", "replace").decode("utf-8")
