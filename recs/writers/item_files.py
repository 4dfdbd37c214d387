"""Related lists as a folder with one small JSON file for each item, for a page that loads its list in the browser.

The name of a file is made of the id alone, so that a script can compute it: the first 32 hexadecimal digits of the
SHA-256 of the id in UTF-8. Ids may hold anything, names of files may not: a slash, 300 characters, `con`, or `A` beside
`a` where the file system does not tell them apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recs.errors import OutputError
from recs.files import write_if_changed
from recs.writers.cells import dumps, whole_characters

_NAME = re.compile(r"[0-9a-f]{32}\.json")
_START = b'{"id":'


def file_name(item_id: str) -> str:
    """Return the name of the file of an item.

    Examples
    --------
    >>> file_name("posts/garlic")
    '7b777de733f1253642f2ff8a7a5d2e35.json'
    """
    return f"{hashlib.sha256(item_id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.json"


def write_item_files(lists: Mapping[str, Sequence[Mapping[str, Any]]], folder: Path) -> None:
    """Write the list of each item to its own file, `{"id": …, "related": […]}`.

    Each file is replaced as a whole; one that does not change is not touched. Files of items that are gone are removed
    before anything is written, other files in the folder stay.

    Raises
    ------
    OutputError
        If `folder` is a file, or a file cannot be written or removed.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: a file is in the way of the folder.")
    names = {name: file_name(name) for name in lists}
    _remove_others(folder, set(names.values()))
    for name, entries in lists.items():
        text = dumps({"id": name, "related": entries})
        write_if_changed(folder / names[name], whole_characters(f"{text}\n").encode("utf-8"))


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Remove the files that an earlier call wrote, except those that are kept."""
    try:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name not in kept and _NAME.fullmatch(path.name) and _is_ours(path):
                path.unlink()
    except OSError as error:
        raise OutputError(f"{folder}: an old file cannot be removed: {error.strerror or error}.") from error


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_START)) == _START
