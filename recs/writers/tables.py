"""Tables in a folder of Parquet files, as programs for large collections read them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recs.errors import MissingDependencyError, OutputError
from recs.files import replace_folder
from recs.object_stores import is_address, open_store

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 1_000_000  # in a file


def write_tables(rows: Iterable[Mapping[str, Any]], folder: Path | str, types: Mapping[str, str]) -> None:
    """Write rows as the files part-00000.parquet and so on of a folder; an earlier folder is replaced as a whole.

    In an object store the names have a digest too, and the old files are removed last: see `Store.replace_tables`.

    Parameters
    ----------
    folder
        A path, or the address of an object store.
    types
        The types of columns that are not text, as pyarrow names them: {"score": "float64"}.

    Raises
    ------
    MissingDependencyError
        If pyarrow is not installed.
    OutputError
        If the folder cannot be written.
    """
    if find_spec("pyarrow") is None:
        raise MissingDependencyError("Parquet files", "pyarrow", "tables")
    write_parts(_files(rows, types), folder)


def write_parts(parts: Iterable[bytes], folder: Path | str) -> None:
    """Write the bytes of files as a folder, given by a path, or by the address of an object store."""
    if is_address(folder):
        open_store(folder, OutputError).replace_tables(parts)
        return
    names = (f"part-{number:05}.parquet" for number in range(100_000))
    replace_folder(Path(folder), dict(zip(names, parts, strict=False)))


def _files(rows: Iterable[Mapping[str, Any]], types: Mapping[str, str]) -> Iterator[bytes]:
    """Yield the bytes of each file."""
    import pyarrow.parquet as pq

    for part in _parts(rows):
        sink = io.BytesIO()
        pq.write_table(_table(part, types), sink, compression="zstd")
        yield sink.getvalue()


def _parts(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    iterator = iter(rows)
    while part := list(islice(iterator, _ROWS)):
        yield part


def _table(rows: list[Mapping[str, Any]], types: Mapping[str, str]) -> pa.Table:
    import pyarrow as pa

    columns = {}
    for name in rows[0]:
        kind = pa.type_for_alias(types.get(name, "string"))
        columns[name] = pa.array([row[name] for row in rows], kind)
    return pa.table(columns)
