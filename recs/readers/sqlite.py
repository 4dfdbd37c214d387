"""Reads a table or a view of an SQLite database, without writing anything to it or beside it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from recs.errors import SourceError
from recs.items import Skipped
from recs.readers.field_names import ALIASES, says_body
from recs.readers.tables import check_columns
from recs.readers.values import fold
from recs.readers.visibility.closings import rule_of

if TYPE_CHECKING:
    import sqlite3

_MAGIC = b"SQLite format 3\0"
_SEPARATOR = "?table="
# The header: https://www.sqlite.org/fileformat2.html#the_database_header
_HEADER = 100
_WAL_VERSION = 2
_BUSY_SECONDS = 2.0
# A view can compute without end. A step is an instruction of SQLite; a plain row takes a few dozen.
_STEPS = 1_000_000
_MOST_CALLS = 5_000
_MOST_ROWS = 5_000_000


def is_sqlite(head: bytes) -> bool:
    """Whether a file that begins with these bytes is an SQLite database.

    Examples
    --------
    >>> is_sqlite(b"SQLite format 3\\0..."), is_sqlite(b"id,title")
    (True, False)
    """
    return head.startswith(_MAGIC)


def split_table(path: Path) -> tuple[Path, str | None]:
    """Return the path of a database and the table that is named behind it; None for no table.

    A file whose own name holds such an ending is taken as it is.

    Examples
    --------
    >>> file, table = split_table(Path("posts.db?table=posts"))
    >>> file.name, table
    ('posts.db', 'posts')
    """
    file, separator, table = str(path).rpartition(_SEPARATOR)
    return (Path(file), table) if separator and not path.exists() else (path, None)


def log_of(path: Path) -> Path:
    """Return where a database keeps what was written last, if it has a write-ahead log."""
    return path.with_name(f"{path.name}-wal")


def sqlite_records(path: Path, table: str | None, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of each row of a table or a view.

    Text that is not UTF-8 and binary data are no text: a row is skipped if a column that may close it holds one of
    them, or if its text is not UTF-8; other binary data is left out.

    Parameters
    ----------
    path
        The database. It is opened read-only. If there is a write-ahead log beside it, a copy of both is read.
    table
        The table or view. None for the only one, or for the only one with a column for the text of an item.
    source
        The name of the database, for messages.

    Raises
    ------
    SourceError
        If the database is locked, broken or changed meanwhile, or has no such table.
    """
    import sqlite3

    with ExitStack() as stack:
        stamps = _stamps(path)
        connection = stack.enter_context(closing(_connected(path, source, stack)))
        try:
            relation = _chosen(connection, table, source)
            yield from _rows(connection, relation, source)
        except sqlite3.Error as error:
            raise SourceError(f"{source}: {_problem(error)}.") from error
        if _stamps(path) != stamps:
            raise SourceError(f"{source}: another program changed the database while it was read; read it again.")


class _Relation(NamedTuple):
    name: str
    is_table: bool
    columns: tuple[str, ...]


class _Unreadable(bytes):
    """Text that is not UTF-8."""


def _stamps(path: Path) -> list[tuple[int, int]]:
    """Return size and time of the database and its log, to notice a change."""
    files = [file.stat() for file in (path, log_of(path)) if file.exists()]
    return [(file.st_size, file.st_mtime_ns) for file in files]


def _connected(path: Path, source: str, stack: ExitStack) -> sqlite3.Connection:
    """Return a connection that can only read.

    A database with a write-ahead log gets two files beside it when it is opened, even read-only. If its log is empty,
    "immutable" avoids them; else a copy is opened. https://www.sqlite.org/wal.html#read_only_databases
    """
    import sqlite3

    options = "mode=ro"
    with path.open("rb") as file:
        header = file.read(_HEADER)
    if _size(header) > path.stat().st_size:  # SQLite would read what is missing as empty
        raise SourceError(f"{source}: a broken SQLite database, its end is missing; copy it again.")
    if header[18:19] == bytes([_WAL_VERSION]):
        options = "mode=ro&immutable=1"
        log = log_of(path)
        if log.exists() and log.stat().st_size:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="recs-")))
            shutil.copyfile(log, log_of(folder / "copy.db"))
            shutil.copyfile(path, folder / "copy.db")
            path = folder / "copy.db"
            options = "mode=rw"  # SQLite must write the index of the log
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True, timeout=_BUSY_SECONDS)
    except sqlite3.Error as error:
        raise SourceError(f"{source}: {_problem(error)}.") from error
    connection.text_factory = _text
    connection.execute("PRAGMA trusted_schema = OFF")  # views call no function with side effects
    calls = iter(range(_MOST_CALLS))
    connection.set_progress_handler(lambda: next(calls, None) is None, _STEPS)
    return connection


def _size(header: bytes) -> int:
    """Return how many bytes a database has, as its header says; 0 if it does not, since an old SQLite wrote it."""
    page = int.from_bytes(header[16:18], "big")
    is_told = len(header) == _HEADER and header[24:28] == header[92:96]
    return int.from_bytes(header[28:32], "big") * (1 << 16 if page == 1 else page) if is_told else 0


def _text(data: bytes) -> str | _Unreadable:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _Unreadable(data)


def _problem(error: sqlite3.Error) -> str:
    """Return what is wrong with a database, and what to do."""
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "another program has locked the database; close it there, or give a copy"
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return f"a broken SQLite database ({error}); copy it again"
    if name.startswith("SQLITE_INTERRUPT"):
        return "a view that computes too long; write its rows into a table"
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_IOERR")):
        return f"a database that cannot be opened ({error}); was it closed properly? open it once in its own program"
    return f"not readable as an SQLite database ({error})"


def _chosen(connection: sqlite3.Connection, table: str | None, source: str) -> _Relation:
    """Return the table or view that is read; `SourceError` with all names if that is not clear."""
    relations = list(_relations(connection))
    names = ", ".join(relation.name for relation in relations) or "none"
    if table is not None:
        named = [one for one in relations if one.name.casefold() == table.casefold()]  # as SQLite compares names
        if not named:
            raise SourceError(f"{source}: no table or view {table!r}; there are: {names}.")
        return named[0]
    with_text = [one for one in relations if _has_text(one.columns)]
    for candidates in (with_text, relations):
        if len(candidates) == 1:
            return candidates[0]
    raise SourceError(f"{source}: which table? Add {_SEPARATOR}NAME to the name of the file; there are: {names}.")


def _relations(connection: sqlite3.Connection) -> Iterator[_Relation]:
    """Yield the tables and views by name; those of SQLite itself and those behind a virtual table are left out."""
    import sqlite3

    listed = connection.execute("SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    named = [(str(name), str(kind), str(sql).upper().startswith("CREATE VIRTUAL")) for name, kind, sql in listed]
    hidden = ("sqlite_", *(f"{name}_" for name, _, is_virtual in named if is_virtual))
    for name, kind, is_virtual in sorted(named):
        if name.startswith(hidden):
            continue
        try:
            rows = connection.execute("SELECT name FROM pragma_table_info(?)", (name,)).fetchall()
        except sqlite3.OperationalError:  # a view of a table that is gone, or a module that SQLite lacks here
            rows = []
        yield _Relation(name, kind == "table" and not is_virtual, tuple(str(column) for (column,) in rows))


def _has_text(columns: Sequence[str]) -> bool:
    return any(fold(name) in ALIASES["text"] or says_body(name) for name in columns)


def _rows(connection: sqlite3.Connection, relation: _Relation, source: str) -> Iterator[tuple[str, object]]:
    quoted = relation.name.replace('"', '""')
    # Without an index the rows come in their own order, whatever indexes there are.
    rows = connection.execute(f'SELECT * FROM "{quoted}"{" NOT INDEXED" if relation.is_table else ""}')
    names = [str(column[0]) for column in rows.description]
    check_columns(names, f"{source}: {relation.name}")
    for number, cells in enumerate(rows, 1):
        if number > _MOST_ROWS:
            raise SourceError(f"{source}: {relation.name} has more than {_MOST_ROWS:,} rows, which is the limit.")
        where = f"{source}: {relation.name}, row {number}"
        yield where, _record(names, cells, where)


def _record(names: Sequence[str], cells: Sequence[object], where: str) -> dict[str, object] | Skipped:
    record: dict[str, object] = {}
    for name, cell in zip(names, cells, strict=True):
        if isinstance(cell, _Unreadable):
            return Skipped(where, f"its {name} is not UTF-8")
        if not isinstance(cell, bytes):
            record[name] = cell
        elif cell and rule_of(fold(name)) is not None:
            return Skipped(where, f"its {name} is binary data, and may say that the row is closed")
    return record
