"""Arrays and a JSON manifest in one `.npz` file, written atomically and read without pickle."""

import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from recs.errors import SourceError
from recs.files import write_atomically

_MANIFEST = "manifest"


def save_archive(
    path: str | os.PathLike[str], format: str, manifest: Mapping[str, Any], arrays: Mapping[str, Any]
) -> None:
    """Write arrays by name and a manifest of JSON values; `OutputError` if the file cannot be written."""
    text = json.dumps({"format": format, **manifest}, sort_keys=True, ensure_ascii=False)
    buffer = io.BytesIO()
    encoded: Any = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    np.savez(buffer, **{_MANIFEST: encoded}, **arrays)
    write_atomically(Path(path), buffer.getvalue())


@contextmanager
def opened_archive(
    path: str | os.PathLike[str], format: str, what: str
) -> Iterator[tuple[dict[str, Any], Mapping[str, Any]]]:
    """Yield the manifest and the arrays of a file that `save_archive` wrote.

    `what` names the kind of file in the message. Raises `SourceError` if the file is missing, incomplete or of another
    kind. An exception of the caller becomes a `SourceError` too: then the content of the file does not fit.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_archive(Path(folder, "a.npz"), "demo/1", {"name": "a"}, {"X": np.eye(2)})
    ...     with opened_archive(Path(folder, "a.npz"), "demo/1", "a demo") as (manifest, arrays):
    ...         manifest["name"], arrays["X"].shape
    ('a', (2, 2))
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            manifest = json.loads(archive[_MANIFEST].tobytes().decode("utf-8", "surrogatepass"))
            if not isinstance(manifest, dict):
                raise ValueError(f"format 'a {type(manifest).__name__}', expected {format!r}")
            if manifest.get("format") != format:
                raise ValueError(f"format {str(manifest.get('format'))[:60]!r}, expected {format!r}")
            yield manifest, archive
    except Exception as error:  # anyone may have written the file, and zip, numpy and json each raise their own
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise SourceError(f"{path}: not {what} written by recs ({reason}).") from error
