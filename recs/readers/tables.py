"""Reads tables: CSV, Parquet, and data frames of pandas, polars and pyarrow."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple
from urllib.parse import unquote

from recs.errors import MissingDependencyError, SourceError
from recs.items import Skipped
from recs.readers.values import fold
from recs.readers.visibility.closings import rule_of

_QUOTED = re.compile(r"\"[^\"]*\"")
_LARGEST_CELL = 1 << 30
_PARQUET_ROWS = 4096  # in memory at a time
_CUT = "the file ends in the middle of this row, where a value may say that it is closed"
_LIBRARIES = ("pandas", "polars", "pyarrow")
INDEX = "recs.index"
"""The field for the label of a row in the index of a data frame."""


def csv_records(text: str, source: str, *, delimiter: str | None = None) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of CSV with a header; every value is a string. Raises `SourceError`.

    Without `delimiter`, a first line like "sep=;" tells it, or else it is the one of comma, semicolon, tab and bar that
    occurs most in the header. A row with fewer cells than columns is skipped, since a missing cell may have been its
    status.

    Examples
    --------
    >>> list(csv_records("id;title\\n7;Garlic\\n", "posts.csv"))
    [('posts.csv: line 2', {'id': '7', 'title': 'Garlic'})]
    """
    table = _csv_table(text, delimiter)
    file = io.StringIO(table.text, newline="")
    reader = csv.reader(file, delimiter=table.delimiter, strict=True)
    limit = csv.field_size_limit(_LARGEST_CELL)  # the limit of the whole process
    try:
        names = _without_empty_end([name.strip() for name in next(reader, [])], 0)
        check_columns(names, source)
        for cells in reader:
            if any(cells):
                where = f"{source}: line {reader.line_num + table.lines_before}"
                is_cut = _may_be_cut(table, names) and file.tell() == len(table.text)
                yield where, Skipped(where, _CUT) if is_cut else _csv_record(cells, names, where)
    except csv.Error as error:
        line = reader.line_num + table.lines_before
        raise SourceError(f"{source}: line {line}: not CSV ({error}); is a quote missing?") from error
    finally:
        csv.field_size_limit(limit)


class _Table(NamedTuple):
    """The text of a table from its header on, how many lines of the file are before it, and its delimiter."""

    text: str
    lines_before: int
    delimiter: str


def _csv_table(text: str, delimiter: str | None) -> _Table:
    lines_before = 0
    first, _, rest = text.partition("\n")
    first = first.strip().casefold()
    separator = first.removeprefix("sep=")
    if len(separator) == 1 and first != separator:  # Excel writes such a line
        delimiter = separator
        text = rest
        lines_before = 1
    table = text.lstrip("\r\n")
    lines_before += len(text) - len(table)
    header = _QUOTED.sub("", table.partition("\n")[0])
    return _Table(table, lines_before, delimiter or max(",;\t|", key=header.count))


def _may_be_cut(table: _Table, names: Sequence[str]) -> bool:
    """Whether the file ends before the last cell of its last row, and that cell may say that the item is closed."""
    return table.text.endswith(table.delimiter) and rule_of(fold(names[-1])) is not None


def _csv_record(cells: list[str], names: list[str], where: str) -> dict[str, str] | Skipped:
    row = _without_empty_end(cells, len(names))
    if len(row) > len(names):
        raise SourceError(f"{where}: {len(row)} cells under {len(names)} columns; is a quote missing?")
    if len(row) < len(names):
        return Skipped(where, f"{len(row)} cells under {len(names)} columns; the row is incomplete")
    return dict(zip(names, row, strict=True))


def _without_empty_end(cells: list[str], least: int) -> list[str]:
    """Return cells without empty ones at the end, but at least `least`: some spreadsheets write too many commas."""
    while len(cells) > least and not cells[-1]:
        cells = cells[:-1]
    return cells


def check_columns(names: Sequence[str], source: str) -> None:
    """Raise `SourceError` if two columns have the same name."""
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise SourceError(f"{source}: two columns are called {twice!r}; column names must be unique.")


def parquet_records(path: Path, source: str, folder: Path | None = None) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of a Parquet file. Raises `SourceError`, or `MissingDependencyError` without pyarrow.

    A folder "status=draft" between `folder` and the file is a field of all its records.
    """
    return rows_of_parquet(lambda: path, source, path.relative_to(folder) if folder is not None else PurePath())


def rows_of_parquet(opened: Callable[[], Any], source: str, name: PurePath) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of a Parquet file as `parquet_records` does.

    Parameters
    ----------
    opened
        Returns a path, or an open file of pyarrow; called for the first record.
    name
        The path of the file in the folder that is the source.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError("reading Parquet", "pyarrow", "tables") from error
    number = 0
    of_folders = dict(unquote(part).split("=", 1) for part in name.parts[:-1] if "=" in part)
    try:
        with pyarrow.parquet.ParquetFile(opened()) as file:
            check_columns(file.schema_arrow.names, source)
            for batch in file.iter_batches(_PARQUET_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{source}: row {number}", {**of_folders, **row}
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise SourceError(f"{source}: not readable as Parquet ({str(error).splitlines()[0]}).") from error


def parquet_parts(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder and of those in it, sorted by path; none if it holds other documents."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    seen = [path for path in files if is_data(path.relative_to(folder))]
    return seen if all(path.suffix == ".parquet" for path in seen) else []


def is_data(name: PurePath) -> bool:
    """Whether a file in a folder of tables is one of them, and not of the program that wrote it.

    Those are manifest.json and names that begin with a dot or an underscore.

    Examples
    --------
    >>> is_data(PurePath("2026/part-0.parquet")), is_data(PurePath("_SUCCESS"))
    (True, False)
    """
    return name.name != "manifest.json" and not any(part[0] in "._" for part in name.parts)


def is_frame(source: object) -> bool:
    """Whether a value is a data frame. No library is imported to find out."""
    library = type(source).__module__.partition(".")[0]
    return library in _LIBRARIES or hasattr(source, "__dataframe__") or hasattr(source, "__arrow_c_stream__")


def frame_records(frame: Any) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of a data frame of pandas, polars or pyarrow.

    A record of pandas also holds its label in the index, under `INDEX`. Raises `SourceError` if two columns have the
    same name, if the index has several levels, or if it is not a data frame.
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
        check_columns(frame.column_names, "table")
        records = frame.to_pylist()
    else:
        kind = f"{type(frame).__name__} of {library}"
        raise SourceError(f"a {kind} is not a source; expected a data frame of pandas, polars or pyarrow, or a list.")
    for number, record in enumerate(records, 1):
        yield f"data frame: row {number}", record


def _column_names(frame: Any) -> list[str]:
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise SourceError("data frame: its columns have several levels; give them one name each.")
    names = [str(name) for name in frame.columns]
    check_columns([*names, INDEX], "data frame")
    return names


def _labels(frame: Any) -> list[object]:
    """Return the labels of the rows; `SourceError` if the index has several levels."""
    if getattr(frame.index, "nlevels", 1) > 1:
        raise SourceError("data frame: its index has several levels; give ids in a column 'id'.")
    return list(frame.index)
