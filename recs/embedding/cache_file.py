"""The file of a vector cache: its tables, its content, transactions, and its removal."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from recs.errors import CacheError
from recs.files import RUNS, SHARDS, UNPACKED, cache_folder

FILE_NAME = "vectors.sqlite"
APPLICATION_ID = 0x72656373  # "recs"
VERSION = 1
TABLES = """
CREATE TABLE spaces (id INTEGER PRIMARY KEY, space TEXT NOT NULL UNIQUE, model TEXT NOT NULL, spec TEXT NOT NULL);
CREATE TABLE vectors (id INTEGER PRIMARY KEY, space INTEGER NOT NULL REFERENCES spaces (id), key BLOB NOT NULL,
                      value BLOB NOT NULL, checksum INTEGER NOT NULL, UNIQUE (space, key));
CREATE TABLE chunks (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, value BLOB NOT NULL, checksum INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """One space in the cache: the model's name and fingerprint, the precision, how many vectors, how many bytes."""

    model: str
    fingerprint: str
    precision: str
    vectors: int
    bytes: int


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """The content of a cache: the size of its file, texts with stored boundaries, and its spaces."""

    path: Path
    bytes: int
    chunks: int
    spaces: tuple[SpaceInfo, ...]


def clear_cache(folder: str | os.PathLike[str] | None = None) -> int:
    """Remove the cache file in a folder, even if it is damaged, what runs left, and models that were unpacked there.

    Returns the number of freed bytes.

    Raises `CacheError` if the file cannot be removed, or is an SQLite file of another program.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clear_cache(folder)  # there is no file
    0
    """
    path = (Path(folder) if folder is not None else cache_folder()) / FILE_NAME
    if _is_foreign(path):
        raise CacheError(f"{path}: an SQLite file, but not a vector cache of recs; it is not removed.")
    freed = 0
    beside = [path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")]
    for part in (path, *beside, *_of_runs(path.parent), *_unpacked(path.parent)):
        try:
            freed += part.stat().st_size
            part.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CacheError(f"{part}: cannot be removed ({error.strerror}).") from error
    return freed


def _of_runs(folder: Path) -> list[Path]:
    """Return the results of runs, and the shards of those that were broken off."""
    shards = (path for path in (folder / SHARDS).rglob("*") if path.is_file())
    return [*(folder / RUNS).glob("*.run"), *shards]


def _unpacked(folder: Path) -> list[Path]:
    """Return the files of models that were unpacked."""
    return [path for path in (folder / UNPACKED).rglob("*") if path.is_file()]


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def table_names(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}


def _is_foreign(path: Path) -> bool:
    """Whether a file is an SQLite database of another program, neither empty nor damaged."""
    try:
        with closing(sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True)) as connection:
            is_ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
            return not is_ours and bool(table_names(connection))
    except sqlite3.Error as error:
        return error.sqlite_errorcode not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB)
