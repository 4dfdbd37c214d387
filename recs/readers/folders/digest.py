"""The digest of all files that reading a folder may read."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from recs.readers.folders.documents import MEDIA
from recs.readers.folders.sites import CONFIGS, LEVELS_UP, NO_POSTS


def folder_digest(folder: Path) -> str:
    """Return a digest in hexadecimal that changes when anything changes that reading the folder depends on.

    These are the files and the names of files below the folder, the targets of links, and the configuration of the site
    in the folders above it. Of pictures, sound, archives and folders of software only the names count. Raises `OSError`
    if something cannot be read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     before = folder_digest(Path(name))
    ...     _ = Path(name, "garlic.md").write_text("Plant it.")
    ...     before == folder_digest(Path(name))
    False
    """
    root = folder.resolve()
    digest = hashlib.sha256(str(folder).encode("utf-8", "surrogateescape"))
    for path in [*_files_below(root), *_files_above(root)]:
        is_file = path.is_file()
        digest.update(os.fsencode(f"{path}\0{path.is_dir()}\0{is_file}\0{os.path.realpath(path)}\0"))
        if is_file and path.suffix.lower() not in MEDIA:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _files_below(root: Path) -> Iterator[Path]:
    """Yield all files and folders below a folder, without those inside hidden folders and folders of software."""
    for parent, folders, names in os.walk(root, onerror=_raise):
        shown = sorted(name for name in folders if not name.startswith("."))
        folders[:] = [name for name in shown if name not in NO_POSTS]
        yield from (Path(parent, name) for name in [*shown, *sorted(names)])


def _files_above(root: Path) -> Iterator[Path]:
    """Yield the files above a folder that may say something about its pages."""
    yield from (root / name for name in (*CONFIGS, ".git"))
    for place in list(root.parents)[:LEVELS_UP]:
        yield from (place / name for name in (*CONFIGS, "content", ".git", ".meta.yml", f"{place.name}.json"))
        yield place / f"{place.name}.11tydata.json"
        yield from sorted(place.glob("_index*"))


def _raise(error: OSError) -> None:
    raise error
