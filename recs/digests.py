"""SHA-256 of large files, remembered by size and modification time so that an unchanged file is read once."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path

from recs.errors import OutputError
from recs.files import cache_folder, write_atomically

_log = logging.getLogger(__name__)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Remembered in the user's cache folder under the file's real path, size and modification time; where the folder
    cannot be written the digest is computed again the next time.
    """
    path = Path(os.path.realpath(path))
    status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns]
    memory = cache_folder() / "digests.json"
    known = _read(memory)
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


def _read(memory: Path) -> dict[str, object]:
    try:
        known = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
