"""The vector cache: one SQLite file, so that no vector is computed twice.

A space is a fingerprint, a prompt and a precision. The key of a vector is the digest of its exact text and its space;
the key of chunk boundaries is the digest of title, text and model; the key of a guessed language is the digest of the
text. The file can be committed to a repository: a build that finds everything in it needs neither torch nor the model's
files. The file contains no words of a text, a title, an id or an instruction.
"""

import json
import logging
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import numpy as np

from recs.arrays import FloatArray
from recs.embedding.cache_file import (
    APPLICATION_ID,
    FILE_NAME,
    TABLES,
    VERSION,
    CacheInfo,
    SpaceInfo,
    table_names,
    transaction,
)
from recs.embedding.spaces import describe_model, forget_words, model_name, read_model_description
from recs.errors import CacheError
from recs.files import cache_folder
from recs.forks import release_before_fork
from recs.models.spec import ModelSpec

_log = logging.getLogger(__name__)

_BUSY_SECONDS = 60.0
_KEYS_PER_QUERY = 500
_SPACE = "(SELECT id FROM spaces WHERE space = ?)"


class Cache(AbstractContextManager["Cache"]):
    """A cache of vectors and chunk boundaries in a folder, which is made if it is missing.

    Parameters
    ----------
    folder
        The folder; the user's cache folder if left out.

    Raises
    ------
    CacheError
        If the file in the folder is damaged, is not a cache of recs, or was written by a newer version.

    Notes
    -----
    Any number of processes may use one cache at the same time. A process may be killed at any time; what it wrote
    before stays. If the folder is read-only or the disk is full, the run continues without writing, and `problem` says
    why. Threads may share an instance, and so may a process and its children made by fork.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Cache(folder) as cache:
    ...     cache.put_chunks({b"key": b"boundaries"})
    ...     cache.get_chunks([b"key", b"other"])
    {b'key': b'boundaries'}
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.path = (Path(folder) if folder is not None else cache_folder()) / FILE_NAME
        self.problem: str | None = None
        """Why the cache no longer writes, or None."""
        self._used: set[bytes] = set()
        self.lock = threading.RLock()
        self._is_closed = False
        self._opened: sqlite3.Connection | None = self._open()
        release_before_fork(self)  # SQLite forbids to use, or to close, the connection of a parent

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. The last process that closes it merges the write-ahead log into it."""
        with self.lock:
            self._connection.close()
            self._is_closed = True

    def release(self) -> None:
        """Close the file until it is used again."""
        if self._opened is not None and not self._is_closed:
            self._opened.close()
            self._opened = None

    # Opening.

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def _open(self) -> sqlite3.Connection:
        connection = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = self._connect(self.path.absolute().as_uri() + "?mode=rwc")
            with self._guard(writing=True):
                self._prepare(connection)
            return connection
        except (OSError, sqlite3.OperationalError) as error:
            if connection is not None:
                connection.close()
            self._give_up(error)
        if self.path.is_file():
            with self._guard():
                connection = self._connect(self.path.absolute().as_uri() + "?mode=ro&immutable=1")
                if table_names(connection):  # if the disk was already full, the file has no tables
                    self._check_ours(connection)
                    return connection
        connection = self._connect(":memory:")
        connection.executescript(TABLES)
        return connection

    @staticmethod
    def _connect(name: str) -> sqlite3.Connection:
        return sqlite3.connect(name, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if table_names(connection):
            self._check_ours(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # removed content is overwritten
        with transaction(connection):
            if not table_names(connection):
                ours = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; {TABLES}"
                for statement in ours.split(";"):
                    connection.execute(statement)
            renamed = forget_words(connection)
        if renamed:
            with suppress(sqlite3.OperationalError):  # another process uses the file
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _check_ours(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise CacheError(f"{self.path}: an SQLite file, but not a vector cache of recs; choose another folder.")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise CacheError(
                f"{self.path}: written by a newer recs (schema {version}, this one knows {VERSION}); upgrade recs or "
                "choose another folder."
            )
        if missing := {"spaces", "vectors", "chunks"} - table_names(connection):
            raise self._damaged(f"no table {min(missing)}")

    def _damaged(self, how: object) -> CacheError:
        return CacheError(
            f"{self.path}: damaged, or not a vector cache ({how}); remove it (recs cache clear) and run again."
        )

    @contextmanager
    def _guard(self, *, writing: bool = False) -> Iterator[None]:
        """Turn errors of SQLite into a `CacheError` of one line; with `writing`, not those that a write can raise."""
        try:
            yield
        except sqlite3.ProgrammingError as error:
            raise CacheError(f"{self.path}: this cache was closed; open it again ({error}).") from error
        except sqlite3.OperationalError as error:
            if writing:
                raise
            raise CacheError(f"{self.path}: cannot be used ({error}); choose another folder with --cache.") from error
        except (sqlite3.DatabaseError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._damaged(error) from error

    def _give_up(self, reason: Exception) -> None:
        if self.problem is None:
            self.problem = f"{self.path}: cannot be written ({reason}); the vectors of this run are not kept."
            _log.warning("%s", self.problem)

    # Reading and writing.

    def get_chunks(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the records of chunk boundaries that the cache holds, by key."""
        return self._read("SELECT key, value, checksum FROM chunks WHERE key IN ({})", (), keys)

    def put_chunks(self, records: Mapping[bytes, bytes]) -> None:
        """Keep records of chunk boundaries."""
        rows = [(key, value, zlib.crc32(value)) for key, value in sorted(records.items())]
        self._write(records, ("INSERT OR IGNORE INTO chunks (key, value, checksum) VALUES (?, ?, ?)", rows))

    def get_vectors(self, space: str, keys: Sequence[bytes], dim: int) -> dict[bytes, FloatArray]:
        """Return the vectors of a space that the cache holds, by key; each has shape (dim,)."""
        query = f"SELECT key, value, checksum FROM vectors WHERE space = {_SPACE} AND key IN ({{}})"
        values = self._read(query, (space,), keys)
        for value in values.values():
            if len(value) != 4 * dim:
                raise self._damaged(f"a vector of {len(value) // 4} dimensions where the model has {dim}")
        return {key: np.frombuffer(value, dtype="<f4") for key, value in values.items()}

    def put_vectors(self, space: str, vectors: Mapping[bytes, FloatArray], spec: ModelSpec) -> None:
        """Keep vectors of a space, in one transaction: all of them or, if the process is killed, none."""
        described = (space, model_name(spec.name), describe_model(spec))
        blobs = [(key, np.ascontiguousarray(vector, dtype="<f4").tobytes()) for key, vector in sorted(vectors.items())]
        self._write(
            vectors,
            ("INSERT OR IGNORE INTO spaces (space, model, spec) VALUES (?, ?, ?)", [described]),
            (
                f"INSERT OR IGNORE INTO vectors (space, key, value, checksum) VALUES ({_SPACE}, ?, ?, ?)",
                [(space, key, blob, zlib.crc32(blob)) for key, blob in blobs],
            ),
        )

    def _read(self, query: str, before: tuple[str, ...], keys: Sequence[bytes]) -> dict[bytes, bytes]:
        records: dict[bytes, bytes] = {}
        self._used.update(keys)
        with self.lock, self._guard():
            for start in range(0, len(keys), _KEYS_PER_QUERY):
                part = keys[start : start + _KEYS_PER_QUERY]
                marks = ",".join("?" * len(part))
                for key, value, checksum in self._connection.execute(query.format(marks), (*before, *part)):
                    if zlib.crc32(value) != checksum:
                        raise self._damaged("a record does not match its checksum")
                    records[key] = value
        return records

    def _write(self, keys: Iterable[bytes], *statements: tuple[str, Sequence[tuple[object, ...]]]) -> None:
        self._used.update(keys)
        if self.problem is not None:
            return
        try:
            with self.lock, self._guard(writing=True), transaction(self._connection):
                for statement, rows in statements:
                    self._connection.executemany(statement, rows)
        except sqlite3.OperationalError as error:
            self._give_up(error)

    # Content and pruning.

    def known_model(self, name: str) -> ModelSpec | None:
        """Return the description of the model with this name whose vectors were written last; None if there is none."""
        with self.lock, self._guard():
            row = self._connection.execute(
                "SELECT space, spec FROM spaces WHERE model = ? ORDER BY id DESC LIMIT 1", (model_name(name),)
            ).fetchone()
            return None if row is None else read_model_description(name, *row)

    def known_precision(self, fingerprint: str) -> str | None:
        """Return the precision of a model's vectors; None if there are no vectors, or several precisions."""
        precisions = {space.precision for space in self.info().spaces if space.fingerprint == fingerprint}
        return precisions.pop() if len(precisions) == 1 else None

    def info(self) -> CacheInfo:
        """Return what the cache holds."""
        with self.lock, self._guard():
            rows = self._connection.execute(
                "SELECT spaces.space, model, count(vectors.id), coalesce(sum(length(value)), 0) "
                "FROM spaces LEFT JOIN vectors ON vectors.space = spaces.id GROUP BY spaces.id ORDER BY spaces.id"
            ).fetchall()
            chunks = self._connection.execute("SELECT count(*) FROM chunks").fetchone()[0]
        spaces = []
        for space, model, count, size in rows:
            fingerprint, _, precision = json.loads(space)
            spaces.append(SpaceInfo(model, fingerprint, precision, count, size))
        return CacheInfo(self.path, self.path.stat().st_size if self.path.is_file() else 0, chunks, tuple(spaces))

    def prune(self) -> int:
        """Remove all records that this instance has neither looked up nor written; return how many were removed.

        After a run over a collection, these are the records that the collection no longer needs: those of texts that
        were edited or removed, of other models, and of other precisions.
        """
        if self.problem is not None:
            raise CacheError(self.problem)
        with self.lock, self._guard():
            connection = self._connection
            with transaction(connection):
                connection.execute("CREATE TEMP TABLE used (key BLOB PRIMARY KEY)")
                connection.executemany("INSERT OR IGNORE INTO used VALUES (?)", [(key,) for key in self._used])
                unused = "DELETE FROM {} WHERE key NOT IN (SELECT key FROM used)"
                gone = sum(connection.execute(unused.format(table)).rowcount for table in ("vectors", "chunks"))
                connection.execute("DELETE FROM spaces WHERE id NOT IN (SELECT space FROM vectors)")
                connection.execute("DROP TABLE used")
            connection.execute("VACUUM")
        return gone
