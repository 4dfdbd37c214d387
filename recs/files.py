"""Files written whole or not at all, and the folder where recs keeps what it can compute again."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import platformdirs

from recs.errors import OutputError


def cache_folder() -> Path:
    """Return the user's cache folder for recs: RECS_CACHE_DIR where it is set, else the system's own place."""
    named = os.environ.get("RECS_CACHE_DIR")
    return Path(named) if named else Path(platformdirs.user_cache_dir("recs", appauthor=False))


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, so that a reader sees the old file or the new one and never a part.

    The bytes go to a neighbour of `path`, are flushed to the disk and renamed over it. Where that fails, for want of
    space or of permission, the old file is untouched and the neighbour is removed. A pipe or a device is written to.

    Raises
    ------
    OutputError
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        _write_into(path, data)
        return
    path = Path(os.path.realpath(path))
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            partial.chmod(mode)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}. What was there before is untouched."
        ) from error


def _write_into(path: Path, data: bytes) -> None:
    try:
        with path.open("wb") as file:
            file.write(data)
    except BrokenPipeError:  # the reader went away, as of any pipe
        raise
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}.") from error
