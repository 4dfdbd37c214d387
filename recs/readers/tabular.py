"""Tables: CSV, Parquet, pandas data frames."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recs.errors import MissingDependencyError, SourceError
from recs.items import Skipped

_LARGEST_CELL = 1 << 30


def csv_records(text: str, source: str, *, delimiter: str | None = None) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of CSV with a header; every value is the string that stands there. Raises `SourceError`.

    The delimiter is a comma, a semicolon or a tab: the one that the header has most of, if it is not given. A row with
    fewer cells than columns is skipped: what was torn off may have been its status.
    """
    header = text.partition("\n")[0]
    delimiter = delimiter or max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    limit = csv.field_size_limit(_LARGEST_CELL)  # of the whole process
    try:
        names = _without_empty_end([name.strip() for name in next(reader)], 0)
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise SourceError(f"{source}: two columns are called {twice!r}.")
        for cells in reader:
            where = f"{source}: line {reader.line_num}"
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
        raise SourceError(f"{source}: line {reader.line_num}: not CSV ({error}); is a quote missing?") from error
    finally:
        csv.field_size_limit(limit)


def _without_empty_end(cells: list[str], least: int) -> list[str]:
    """Return cells without the empty ones at their end, but at least so many: spreadsheets write commas too many."""
    while len(cells) > least and not cells[-1]:
        cells = cells[:-1]
    return cells


def parquet_records(path: Path, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of a Parquet file; `MissingDependencyError` without pyarrow, or `SourceError`."""
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


def is_pandas(source: object) -> bool:
    """Whether a value is one of pandas, asked without importing pandas."""
    return type(source).__module__.partition(".")[0] == "pandas"


def frame_records(frame: Any) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of a data frame, without its index; `SourceError` for something else of pandas."""
    if not hasattr(frame, "itertuples"):
        raise SourceError(f"a {type(frame).__name__} of pandas is no source; expected a data frame or a list.")
    names = [str(name) for name in frame.columns]
    for number, row in enumerate(frame.itertuples(index=False, name=None), 1):
        yield f"data frame: row {number}", dict(zip(names, row, strict=True))
