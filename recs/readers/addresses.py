"""Reads Parquet from an object store, by its address: a file, or a folder of them."""

from itertools import chain
from pathlib import PurePosixPath

from recs.errors import SourceError
from recs.object_stores import Store, open_store
from recs.readers.opened import Format, Opened, Records
from recs.readers.tables import is_data, rows_of_parquet
from recs.text.counts import counted

_READ = "from an object store recs reads Parquet alone: a file *.parquet, or a folder of them"


def open_address(address: str, format: Format | None) -> Opened:
    """Return the records of an address such as s3://bucket/prefix, as those of a local folder of Parquet files.

    Raises
    ------
    SourceError
        If the place cannot be reached, is not there, or holds anything but Parquet.
    MissingDependencyError
        If pyarrow is not installed.
    """
    store = open_store(address)
    if format not in (None, "parquet"):
        raise SourceError(f"{store.name}: cannot be read as {format}; {_READ}.")
    names = store.files()
    if names is None:
        if format is None and not store.path.endswith(".parquet"):
            raise SourceError(f"{store.name}: no Parquet by its name; {_READ}.")
        return Opened(store.name, _rows(store, None), "a Parquet file", "table")
    tables = [name for name in names if is_data(PurePosixPath(name))]
    others = [name for name in tables if not name.endswith(".parquet")]
    if others:
        raise SourceError(f"{store.name}: holds {others[0]}; {_READ}.")
    if not tables:
        raise SourceError(f"{store.name}: there is no file; {_READ}.")
    records = chain.from_iterable(_rows(store, name) for name in tables)
    return Opened(store.name, records, f"{counted(len(tables), 'Parquet file')} in a folder", "table")


def _rows(store: Store, name: str | None) -> Records:
    where = store.name if name is None else f"{store.name}/{name}"
    return rows_of_parquet(lambda: store.opened(name), where, PurePosixPath(name or ""))
