"""Tables in a folder of Parquet files, as programs for large collections read them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recs.errors import MissingDependencyError, OutputError
from recs.files import replace_folder
from recs.object_stores import is_address, open_store

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS = 1_000_000  # in a file
_FILE = re.compile(r"part-[0-9]{5,}\.parquet")


def write_tables(tables: Iterable[pa.Table], folder: Path | str) -> None:
    """Write tables as the files part-00000.parquet and so on of a folder; they replace an earlier folder as a whole.

    The tables are taken and written one after the other: two of them are never in memory at once. In an object store
    the names have a digest too, and the old files are removed last: see `Store.replace_tables`.

    Parameters
    ----------
    folder
        A path, or the address of an object store.

    Raises
    ------
    MissingDependencyError
        If pyarrow is not installed.
    OutputError
        If the folder cannot be written, or holds other files.
    """
    check_tables_folder(folder)
    files = map(_file, tables)
    if is_address(folder):
        open_store(folder, OutputError).replace_tables(files)
    else:
        names = (f"part-{number:05}.parquet" for number in count())
        replace_folder(Path(folder).resolve(), zip(names, files, strict=False))


def check_tables_folder(folder: Path | str) -> None:
    """Raise an error if `write_tables` would refuse the folder: what is long to compute should not be lost then."""
    if find_spec("pyarrow") is None:
        raise MissingDependencyError("Parquet files", "pyarrow", "tables")
    if is_address(folder):
        open_store(folder, OutputError).check_replaceable()
        return
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; expected the name of a folder.")
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    if others := [name for name in names if not (_FILE.fullmatch(name) and (folder / name).is_file())]:
        raise OutputError(
            f"{folder}: holds {others[0]}; expected a new folder, or one of part-00000.parquet and so on."
        )


def tables_of_rows(
    rows: Iterable[Mapping[str, Any]], types: Mapping[str, Any], *, size: int = _ROWS
) -> Iterator[pa.Table]:
    """Yield rows as tables of at most `size` rows; without any row, a table of the columns alone.

    Parameters
    ----------
    types
        The type of each column, or its name in pyarrow: {"id": "string", "rank": "int32"}.
    """
    import pyarrow as pa

    named = {name: pa.type_for_alias(kind) if isinstance(kind, str) else kind for name, kind in types.items()}
    schema = pa.schema(list(named.items()))
    iterator = iter(rows)
    first = list(islice(iterator, size))
    yield pa.Table.from_pylist(first, schema=schema)
    while part := list(islice(iterator, size)):
        yield pa.Table.from_pylist(part, schema=schema)


def _file(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
