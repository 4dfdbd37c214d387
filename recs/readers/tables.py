"""Tables: CSV, Parquet, data frames of pandas, polars and pyarrow."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recs.errors import MissingDependencyError, SourceError
from recs.items import Skipped

_QUOTED = re.compile(r"\"[^\"]*\"")
_LARGEST_CELL = 1 << 30
_LIBRARIES = ("pandas", "polars", "pyarrow")
INDEX = "recs.index"
"""The field that holds the label of a row in the index of a data frame."""


def csv_records(text: str, source: str, *, delimiter: str | None = None) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of CSV with a header; every value is the string that stands there. Raises `SourceError`.

    The delimiter is a comma, a semicolon, a tab or a bar: the one that a first line "sep=;" names, or that the header
    has most of, if it is not given. A row with fewer cells than columns is skipped: what was torn off may have been its
    status.
    """
    first, _, rest = text.partition("\n")
    named = first.strip().casefold().removeprefix("sep=")
    lines_before = 0
    if len(named) == 1 and first.strip().casefold() != named:  # as Excel writes it
        delimiter, text, lines_before = named, rest, 1
    header = _QUOTED.sub("", text.lstrip("\r\n").partition("\n")[0])
    lines_before += len(text) - len(text.lstrip("\r\n"))
    text = text.lstrip("\r\n")
    delimiter = delimiter or max(",;\t|", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    limit = csv.field_size_limit(_LARGEST_CELL)  # of the whole process
    try:
        names = _without_empty_end([name.strip() for name in next(reader, [])], 0)
        _check_columns(names, source)
        for cells in reader:
            where = f"{source}: line {reader.line_num + lines_before}"
            if not any(cells):
                continue
            row = _without_empty_end(cells, len(names))
            if len(row) > len(names):
                raise SourceError(f"{where}: {len(row)} cells under {len(names)} columns; is a quote missing?")
            if len(row) < len(names):
                yield where, Skipped(where, f"{len(row)} cells under {len(names)} columns; the row is torn")
            else:
                yield where, dict(zip(names, row, strict=True))
    except csv.Error as error:
        line = reader.line_num + lines_before
        raise SourceError(f"{source}: line {line}: not CSV ({error}); is a quote missing?") from error
    finally:
        csv.field_size_limit(limit)


def _without_empty_end(cells: list[str], least: int) -> list[str]:
    """Return cells without the empty ones at their end, but at least so many: spreadsheets write commas too many."""
    while len(cells) > least and not cells[-1]:
        cells = cells[:-1]
    return cells


def _check_columns(names: Sequence[str], source: str) -> None:
    """Raise `SourceError` if two columns have one name."""
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise SourceError(f"{source}: two columns are called {twice!r}; column names must be unique.")


def parquet_records(path: Path, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of a Parquet file; `MissingDependencyError` without pyarrow, or `SourceError`."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError("reading Parquet", "pyarrow", "tables") from error
    try:
        table = pyarrow.parquet.read_table(path)
        _check_columns(table.column_names, source)
        rows = table.to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise SourceError(f"{source}: not readable as Parquet ({str(error).splitlines()[0]}).") from error
    for number, row in enumerate(rows, 1):
        yield f"{source}: row {number}", row


def is_frame(source: object) -> bool:
    """Whether a value is a table of a library of data frames, asked without importing any."""
    library = type(source).__module__.partition(".")[0]
    return library in _LIBRARIES or hasattr(source, "__dataframe__") or hasattr(source, "__arrow_c_stream__")


def frame_records(frame: Any) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of a data frame of pandas, polars or pyarrow.

    A record of pandas holds its label in the index too, under `INDEX`. Raises `SourceError` for columns of one name, an
    index of several levels, and for what is no data frame.
    """
    library = type(frame).__module__.partition(".")[0]
    if library == "pandas" and hasattr(frame, "itertuples"):
        names = _column_names(frame)
        labels = _labels(frame)
        rows = frame.itertuples(index=False, name=None)
        records: Any = (
            {INDEX: label, **dict(zip(names, row, strict=True))} for label, row in zip(labels, rows, strict=True)
        )
    elif library == "polars" and hasattr(frame, "iter_rows"):
        records = frame.iter_rows(named=True)
    elif library == "pyarrow" and hasattr(frame, "to_pylist") and hasattr(frame, "column_names"):
        _check_columns(frame.column_names, "table")
        records = frame.to_pylist()
    else:
        kind = f"{type(frame).__name__} of {library}"
        raise SourceError(f"a {kind} is no source; expected a data frame of pandas, polars or pyarrow, or a list.")
    for number, record in enumerate(records, 1):
        yield f"data frame: row {number}", record


def _column_names(frame: Any) -> list[str]:
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise SourceError("data frame: its columns have several levels; give them one name each.")
    names = [str(name) for name in frame.columns]
    _check_columns([*names, INDEX], "data frame")
    return names


def _labels(frame: Any) -> list[object]:
    """Return the labels of the rows; `SourceError` for those that name no row alone."""
    if getattr(frame.index, "nlevels", 1) > 1:
        raise SourceError("data frame: its index has several levels; give ids in a column 'id'.")
    return list(frame.index)
