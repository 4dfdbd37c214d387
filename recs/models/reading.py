"""Reads single files of a model. If a file is not whole, one line names it and says what to do."""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from recs.errors import ModelError, WeightsError

_POINTER = b"version https://git-lfs.github.com/spec/"  # the first bytes of what git-lfs leaves in place of a file
_MOST_NAMES = 4  # in one message
_LONGEST = 300  # characters of the message of another library


def is_listed(path: Path) -> bool:
    """Return whether a folder lists a file, be it a link to nothing: such a file is missing, not left out."""
    return os.path.lexists(path)


def check_present(path: Path) -> None:
    """Raise `ModelError` if there is no file, an empty one, a link to nothing, or a pointer of git-lfs in its place."""
    if not path.exists():
        lost = "a link to a file that is missing" if path.is_symlink() else "missing"
        raise ModelError(f"{path}: {lost}; download the model again.")
    if not path.is_file():
        raise ModelError(f"{path}: not a file; download the model again.")
    with path.open("rb") as file:
        first = file.read(len(_POINTER))
        if not first:
            raise ModelError(f"{path}: an empty file; download it again.")
        if first == _POINTER:
            raise ModelError(f"{path}: a git-lfs pointer in place of the file; run in its folder: git lfs pull")


def read_json(path: Path, *, optional: bool = False, expected: type = dict) -> Any:
    """Return the content of a JSON file; for an optional file that is not there, an empty dict.

    Raises `ModelError` if the file is missing, not JSON, or its content is not of the type `expected`.
    """
    if not is_listed(path):
        if optional:
            return {}
        raise ModelError(f"{path.parent}: no {path.name}; download the model again.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        check_present(path)
        raise ModelError(f"{path}: not readable as JSON ({error}); download the model again.") from error
    if not isinstance(content, expected):
        raise ModelError(f"{path}: contains a {type(content).__name__}, expected a {expected.__name__}.")
    return content


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the header of a safetensors file (dtype, shape, data_offsets by name), and where the numbers begin.

    Raises `ModelError` if the file is not there, and `WeightsError` if it is not whole.
    """
    check_present(path)
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length + 8 > size:
                raise ValueError(f"it has {size:,} bytes, fewer than its header needs")
            header: dict[str, Any] = json.loads(file.read(length))
        header.pop("__metadata__", None)
        needed = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
        if needed != size:
            raise ValueError(f"it has {size:,} bytes, its header says {needed:,}")
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: not a whole safetensors file ({error}); download it again.") from error
    return header, 8 + length


def check_parts(home: Path, name: str) -> None:
    """Raise `WeightsError` if weights that are split into several files lack one; `name` is that of the whole file.

    The parts are those that the index `NAME.index.json` lists, and those that names like `model-00001-of-00003` count.
    If the whole file is there, the parts are not needed.
    """
    if (home / name).exists():
        return
    index = home / f"{name}.index.json"
    listed = read_json(index, optional=True).get("weight_map") or {}
    if not isinstance(listed, dict) or not all(isinstance(part, str) for part in listed.values()):
        raise ModelError(f"{index}: weight_map is not a table of file names; download the model again.")
    stem, _, suffix = name.rpartition(".")
    counted: set[str] = set()
    for path in home.glob(f"{stem}-*-of-*.{suffix}"):
        if match := re.fullmatch(rf"(.+)-(\d{{1,5}})-of-(\d{{1,5}})\.{suffix}", path.name):
            width = len(match[2])
            counted |= {f"{match[1]}-{i:0{width}}-of-{match[3]}.{suffix}" for i in range(1, int(match[3]) + 1)}
    parts = {*listed.values(), *counted}
    if outside := sorted(part for part in parts if Path(part).name != part):
        raise ModelError(f"{index}: {outside[0]!r} is not the name of a file beside it.")
    missing = sorted(part for part in parts if not (home / part).exists())
    if missing:
        raise WeightsError(
            f"{home}: {len(missing)} of the {len(parts)} files of its weights are missing: {name_some(missing)}; "
            "download them into this folder."
        )


def name_some(names: Iterable[str]) -> str:
    """Return the first of some names as text, and how many more there are.

    Examples
    --------
    >>> name_some("abcdef")
    'a, b, c, d and 2 more'
    """
    listed = list(names)
    more = len(listed) - _MOST_NAMES
    return ", ".join(listed[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def one_line(error: Exception) -> str:
    """Return the beginning of the message of another library's error, without line breaks."""
    words = " ".join(str(error).split())
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]} …"
