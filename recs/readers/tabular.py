"""Tables: CSV, Parquet, pandas data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recs.errors import MissingDependencyError, SourceError

_LARGEST_CELL = 1 << 30


def csv_records(text: str, source: str, *, delimiter: str | None = None) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of CSV with a header; every value is the string that stands there.

    The delimiter is a comma, a semicolon or a tab: the one that the header has most of, if it is not given.

    Raises
    ------
    SourceError
    """
    csv.field_size_limit(_LARGEST_CELL)
    header = text.partition("\n")[0]
    delimiter = delimiter or max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(reader)]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SourceError(f"{source}: two columns are called {twice!r}.")
        for row in reader:
            where = f"{source}: line {reader.line_num}"
            if not any(row):
                continue
            if len(row) > len(names):
                raise SourceError(f"{where}: {len(row)} cells under {len(names)} columns; is a quote missing?")
            yield where, dict(zip(names, row, strict=False))
    except csv.Error as error:
        raise SourceError(f"{source}: line {reader.line_num}: not CSV ({error}); is a quote missing?") from error


def parquet_records(path: Path, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of a Parquet file.

    Raises
    ------
    MissingDependencyError
        If pyarrow is not installed.
    SourceError
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError("reading Parquet", "pyarrow", "tables") from error
    try:
        rows = pyarrow.parquet.read_table(path).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise SourceError(f"{source}: not readable as Parquet ({str(error).splitlines()[0]}).") from error
    for number, row in enumerate(rows, 1):
        yield f"{source}: row {number}", row


def is_frame(source: object) -> bool:
    """Whether a value is a pandas data frame, asked without importing pandas."""
    return type(source).__module__.partition(".")[0] == "pandas" and hasattr(source, "to_dict")


def frame_records(frame: Any) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of a data frame; its index is not read."""
    names = [str(name) for name in frame.columns]
    for number, row in enumerate(frame.itertuples(index=False, name=None), 1):
        record: Mapping[str, object] = dict(zip(names, map(_plain, row), strict=True))
        yield f"data frame: row {number}", record


def _plain(value: Any) -> Any:
    """Return a value of numpy or pandas as Python's own; None for NaN, NaT and NA."""
    if hasattr(value, "tolist") and not isinstance(value, list):
        value = value.tolist()
    if hasattr(value, "to_pydatetime"):
        return None if type(value).__name__ == "NaTType" else value.to_pydatetime()
    return None if type(value).__name__ == "NAType" else value
