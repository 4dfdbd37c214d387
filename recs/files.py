"""Atomic writing of files and folders, digests of files, and the user's cache folder."""

import hashlib
import json
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from recs.errors import OutputError

_log = logging.getLogger(__name__)
UNPACKED = "models"  # in the cache folder: the files of models that came packed (`recs.models.packed`)
SHARDS = "shards"  # in the cache folder: the shards of runs that are not finished (`recs.bulk`)
RUNS = "runs"  # in the cache folder: results of whole runs (`recs.cli.common.repeat`)
Content = bytes | Iterable[bytes] | Path  # of a file: its bytes, pieces of them, or a file to copy


def cache_folder() -> Path:
    """Return the user's cache folder for recs: RECS_CACHE_DIR if that is set, else the usual one of the system."""
    if named := os.environ.get("RECS_CACHE_DIR"):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_cache_dir("recs", appauthor=False))


def write_atomically(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Replace the content of `path` by `data`, bytes or pieces of them. A reader sees the whole old file or new one.

    The bytes are written to a file beside `path`, flushed to the disk and renamed. If that fails, because the disk is
    full or the permission is missing, the old file stays as it is, the new one is removed, and `OutputError` is raised.
    A pipe or a device is written to directly.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder) / "a.txt", b"whole")
    ...     (Path(folder) / "a.txt").read_bytes()
    b'whole'
    """
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as pipe:
                pipe.writelines(_pieces(data))
            return
        mode = target.stat().st_mode & 0o777 if target.exists() else None
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_flushed(partial, data)
        if mode is not None:
            partial.chmod(mode)
        partial.replace(target)
    except BrokenPipeError:  # the reader of the pipe closed it
        raise
    except OSError as error:
        with suppress(OSError):  # a part of the path may be a file
            partial.unlink(missing_ok=True)
        raise _not_written(target, error) from error
    except BaseException:  # an error while the pieces are made, or Ctrl-C
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other process is in this block for the same folder. On Windows it does not wait."""
    if os.name == "nt":
        yield
        return
    import fcntl

    lock = folder / ".lock"
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = lock.open("wb")
        except FileNotFoundError:
            continue
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)  # given back by the system when the file is closed, or the process killed
            if _is_at(file, lock):  # else another process has removed the folder meanwhile
                yield
                return


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def write_if_changed(path: Path, data: bytes) -> None:
    """Do as `write_atomically`, but keep a file that holds these bytes: its time is then the old one too.

    A program that watches the file, such as the server of a site generator, sees a change only if there is one.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.txt"
    ...     write_if_changed(path, b"whole")
    ...     before = path.stat()
    ...     write_if_changed(path, b"whole")
    ...     path.stat().st_ino == before.st_ino
    True
    """
    try:
        is_same = path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        is_same = False
    if not is_same:
        write_atomically(path, data)


def _pieces(data: bytes | Iterable[bytes]) -> Iterable[bytes]:
    return (data,) if isinstance(data, bytes) else data


def replace_folder(folder: Path, files: Mapping[str, Content] | Iterable[tuple[str, Content]]) -> None:
    """Replace a folder by a new one with `files`: by relative path, the content or its pieces, or a file to copy.

    The files may also come as pairs, each of which is written before the next one is taken.

    The new folder is written beside the old one and then takes its place. If that fails, the old folder stays as it is
    and `OutputError` is raised.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     replace_folder(Path(folder) / "model", {"a/b.txt": b"new"})
    ...     (Path(folder) / "model" / "a" / "b.txt").read_bytes()
    b'new'
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
            new = Path(beside, "new")
            old = Path(beside, "old")
            new.mkdir()
            for name, content in files.items() if isinstance(files, Mapping) else files:
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, Path):
                    shutil.copyfile(content, new / name)
                else:
                    _write_flushed(new / name, content)
            if folder.exists():
                folder.rename(old)
            try:
                new.rename(folder)
            except OSError:
                if old.exists():
                    old.rename(folder)
                raise
    except OSError as error:
        raise _not_written(folder, error) from error


def _write_flushed(path: Path, data: bytes | Iterable[bytes]) -> None:
    with path.open("xb") as file:
        file.writelines(_pieces(data))
        file.flush()
        os.fsync(file.fileno())


def _not_written(target: Path, error: OSError) -> OutputError:
    reason = error.strerror or error
    return OutputError(f"{target}: cannot be written: {reason}. What was there before is untouched.")


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    The digest is stored in the user's cache folder under the file's real path, size and modification time. So an
    unchanged file is read only once. If the cache folder cannot be written, the digest is computed again the next time.
    """
    path = Path(os.path.realpath(path))
    status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns]
    memory = cache_folder() / "digests.json"
    try:
        remembered = dict(json.loads(memory.read_bytes()))
    except (OSError, ValueError, TypeError):
        remembered = {}
    entry = remembered.get(str(path))
    if isinstance(entry, list) and entry[:2] == stamp and len(entry) == 3:
        return str(entry[2])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    remembered[str(path)] = [*stamp, digest]
    try:
        write_atomically(memory, json.dumps(remembered, indent=0, sort_keys=True).encode())
    except OutputError as error:
        _log.info("the digest of %s is not remembered: %s", path, error)
    return digest
