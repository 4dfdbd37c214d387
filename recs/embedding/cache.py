"""The vector cache: one SQLite file, so that no vector is computed twice.

Vectors are kept under the digest of their exact text within a space (fingerprint, prompt, precision); chunk boundaries
under the digest of title, text and model, guesses of a language under that of a text. The file can be committed to a
repository: a build that finds everything in it needs neither torch nor the model's files, and it holds no word of a
text, a title, an id or an instruction.
"""

import json
import logging
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recs.arrays import FloatArray
from recs.embedding.spaces import describe_model, forget_words, model_name, read_model_description
from recs.errors import CacheError
from recs.files import cache_folder
from recs.models.spec import ModelSpec

_log = logging.getLogger(__name__)

FILE_NAME = "vectors.sqlite"
_APPLICATION_ID = 0x72656373  # "recs"
_VERSION = 1
_BUSY_SECONDS = 60.0
_KEYS_PER_QUERY = 500

_SPACE = "(SELECT id FROM spaces WHERE space = ?)"
_TABLES = """
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
    """What a cache holds."""

    path: Path
    bytes: int
    chunks: int
    spaces: tuple[SpaceInfo, ...]


class Cache(AbstractContextManager["Cache"]):
    """Vectors and chunk boundaries in a folder, made if it is missing; the user's cache folder if left out.

    Raises `CacheError` if the file there is corrupt, is not ours, or was written by a newer version.

    Any number of processes may use one cache at once (WAL; what two of them write twice is kept once), and a process
    may be killed at any time: what was written before stays. Where the folder is read-only, or the disk full, nothing
    more is kept and the run goes on; `problem` then says why. Threads may share an instance.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.path = (Path(folder) if folder is not None else cache_folder()) / FILE_NAME
        self.problem: str | None = None
        """Why nothing more is kept, or None."""
        self._used: set[bytes] = set()
        self._lock = threading.RLock()
        self._connection = self._open()

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the last process to do so folds the write-ahead log into it."""
        self._connection.close()

    # Opening.

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
                if _tables(connection):  # a disk that was full from the start leaves a file without any
                    self._check_ours(connection)
                    return connection
        connection = self._connect(":memory:")
        connection.executescript(_TABLES)
        return connection

    @staticmethod
    def _connect(name: str) -> sqlite3.Connection:
        return sqlite3.connect(name, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        if _tables(connection):
            self._check_ours(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # what is removed is overwritten
        with _transaction(connection):
            if not _tables(connection):
                ours = f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_VERSION}; {_TABLES}"
                for statement in ours.split(";"):
                    connection.execute(statement)
            renamed = forget_words(connection)
        if renamed:
            with suppress(sqlite3.OperationalError):  # another process is at work: what was renamed is overwritten
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _check_ours(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
            raise CacheError(f"{self.path}: an SQLite file, but not a vector cache of recs; choose another folder.")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            known = f"schema {version}, this one knows {_VERSION}"
            raise CacheError(f"{self.path}: written by a newer recs ({known}); upgrade recs or choose another folder.")
        if missing := {"spaces", "vectors", "chunks"} - _tables(connection):
            raise self._damaged(f"no table {min(missing)}")

    def _damaged(self, how: object) -> CacheError:
        return CacheError(
            f"{self.path}: damaged, or not a vector cache ({how}); remove it (recs cache clear) and run again."
        )

    @contextmanager
    def _guard(self, *, writing: bool = False) -> Iterator[None]:
        """Turn what SQLite says into one line; with `writing`, a file that cannot be written passes through."""
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
            self.problem = f"{self.path}: cannot be written ({reason}); vectors of this run are not kept."
            _log.warning("%s", self.problem)

    # Reading and writing.

    def get_chunks(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the records of chunk boundaries that are known, by key."""
        return self._read("SELECT key, value, checksum FROM chunks WHERE key IN ({})", (), keys)

    def put_chunks(self, records: Mapping[bytes, bytes]) -> None:
        """Keep records of chunk boundaries."""
        rows = [(key, value, zlib.crc32(value)) for key, value in sorted(records.items())]
        self._write(records, ("INSERT OR IGNORE INTO chunks (key, value, checksum) VALUES (?, ?, ?)", rows))

    def get_vectors(self, space: str, keys: Sequence[bytes], dim: int) -> dict[bytes, FloatArray]:
        """Return the vectors of a space that are known, by key; each has shape (dim,)."""
        query = f"SELECT key, value, checksum FROM vectors WHERE space = {_SPACE} AND key IN ({{}})"
        found = self._read(query, (space,), keys)
        for value in found.values():
            if len(value) != 4 * dim:
                raise self._damaged(f"a vector of {len(value) // 4} dimensions where the model has {dim}")
        return {key: np.frombuffer(value, dtype="<f4") for key, value in found.items()}

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
        found: dict[bytes, bytes] = {}
        self._used.update(keys)
        with self._lock, self._guard():
            for start in range(0, len(keys), _KEYS_PER_QUERY):
                part = keys[start : start + _KEYS_PER_QUERY]
                marks = ",".join("?" * len(part))
                for key, value, checksum in self._connection.execute(query.format(marks), (*before, *part)):
                    if zlib.crc32(value) != checksum:
                        raise self._damaged("a record does not match its checksum")
                    found[key] = value
        return found

    def _write(self, keys: Iterable[bytes], *statements: tuple[str, Sequence[tuple[object, ...]]]) -> None:
        self._used.update(keys)
        if self.problem is not None:
            return
        try:
            with self._lock, self._guard(writing=True), _transaction(self._connection):
                for statement, rows in statements:
                    self._connection.executemany(statement, rows)
        except sqlite3.OperationalError as error:
            self._give_up(error)

    # What it holds, and making it smaller.

    def known_model(self, name: str) -> ModelSpec | None:
        """Return what the cache remembers of a model whose files may not be here: the one whose vectors came last."""
        with self._guard():
            row = self._connection.execute(
                "SELECT space, spec FROM spaces WHERE model = ? ORDER BY id DESC LIMIT 1", (model_name(name),)
            ).fetchone()
            return None if row is None else read_model_description(name, *row)

    def known_precision(self, fingerprint: str) -> str | None:
        """Return the precision of the vectors that the cache holds of a model; None if none or of more than one."""
        found = {space.precision for space in self.info().spaces if space.fingerprint == fingerprint}
        return found.pop() if len(found) == 1 else None

    def info(self) -> CacheInfo:
        """Return what the cache holds."""
        with self._guard():
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
        """Remove everything that this instance has neither looked up nor written; return how many records went.

        After a run over a collection, that is what the collection no longer needs: texts that were edited or removed,
        other models, other precisions.
        """
        if self.problem is not None:
            raise CacheError(self.problem)
        connection = self._connection
        with self._lock, self._guard():
            with _transaction(connection):
                connection.execute("CREATE TEMP TABLE used (key BLOB PRIMARY KEY)")
                connection.executemany("INSERT OR IGNORE INTO used VALUES (?)", [(key,) for key in self._used])
                unused = "DELETE FROM {} WHERE key NOT IN (SELECT key FROM used)"
                gone = sum(connection.execute(unused.format(table)).rowcount for table in ("vectors", "chunks"))
                connection.execute("DELETE FROM spaces WHERE id NOT IN (SELECT space FROM vectors)")
                connection.execute("DROP TABLE used")
            connection.execute("VACUUM")
        return gone


def clear_cache(folder: str | os.PathLike[str] | None = None) -> int:
    """Remove the cache file in a folder, whatever is wrong with it; return the bytes that were freed.

    Raises `CacheError` if the file is there and cannot be removed, or is an SQLite file of something else.
    """
    path = (Path(folder) if folder is not None else cache_folder()) / FILE_NAME
    if _is_foreign(path):
        raise CacheError(f"{path}: an SQLite file, but not a vector cache of recs; it is left as it is.")
    freed = 0
    for part in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        try:
            freed += part.stat().st_size
            part.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise CacheError(f"{part}: cannot be removed ({error.strerror}).") from error
    return freed


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}


def _is_foreign(path: Path) -> bool:
    """Whether a file is an SQLite database of something else, rather than ours, an empty one, or rubbish."""
    try:
        with closing(sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True)) as connection:
            is_ours = connection.execute("PRAGMA application_id").fetchone()[0] == _APPLICATION_ID
            return not is_ours and bool(_tables(connection))
    except sqlite3.Error as error:
        return error.sqlite_errorcode not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB)
