"""Files written whole or not at all, their digests, and the folder where recs keeps what it can compute again."""

import hashlib
import json
import logging
import os
import secrets
from pathlib import Path

import platformdirs

from recs.errors import OutputError

_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return the user's cache folder for recs: RECS_CACHE_DIR where it is set, else the system's own place."""
    named = os.environ.get("RECS_CACHE_DIR")
    return Path(named) if named else Path(platformdirs.user_cache_dir("recs", appauthor=False))


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, so that a reader sees the old file or the new one and never a part.

    The bytes go to a neighbour of `path`, are flushed to the disk and renamed over it. Where that fails, for want of
    space or of permission, the old file is untouched, the neighbour is removed and `OutputError` raised. A pipe or a
    device is written to.
    """
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(data)
            return
        mode = target.stat().st_mode & 0o777 if target.exists() else None
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            partial.chmod(mode)
        partial.replace(target)
    except BrokenPipeError:  # whoever read the pipe went away
        raise
    except OSError as error:
        partial.unlink(missing_ok=True)
        why = error.strerror or error
        raise OutputError(f"{target}: cannot be written: {why}. What was there before is untouched.") from error


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Remembered in the user's cache folder under the file's real path, size and modification time, so that an unchanged
    file is read once; where the folder cannot be written the digest is computed again the next time.
    """
    path = Path(os.path.realpath(path))
    status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns]
    memory = cache_folder() / "digests.json"
    try:
        known = dict(json.loads(memory.read_bytes()))
    except (OSError, ValueError, TypeError):
        known = {}
    entry = known.get(str(path))
    if isinstance(entry, list) and entry[:2] == stamp and len(entry) == 3:
        return str(entry[2])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    known[str(path)] = [*stamp, digest]
    try:
        write_atomically(memory, json.dumps(known, indent=0, sort_keys=True).encode())
    except OutputError as error:
        _log.info("the digest of %s is not remembered: %s", path, error)
    return digest
