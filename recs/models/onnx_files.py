"""Finds the ONNX file of a model, and the files beside it that hold its weights."""

import mmap
import re
from pathlib import Path

from recs.errors import ModelError
from recs.models.reading import check_present, is_listed, name_some

ONNX_FILE = "onnx/model.onnx"
"""Where hubs hold the ONNX file of a model."""
_PLACES = ("onnx", "")
_KEY = b"location"
# What stands before the key if it is that of external_data: a tag and the length, also written with spare bytes.
_BEFORE = re.compile(rb"\x0a(?:\x08|\x88\x80{0,3}\x00)\Z")
_VALUE = 0x12  # the tag of the name that follows


def find_onnx(folder: Path) -> Path | None:
    """Return the ONNX file of a model: `model.onnx` in `onnx/`, else beside config.json, else the only other one.

    Raises `ModelError` if there are several with other names, such as `model_quantized.onnx` and `model_fp16.onnx`.
    """
    for place in _PLACES:
        path = folder / place / "model.onnx"
        if is_listed(path):
            return path
    others = [path for place in _PLACES for path in sorted((folder / place).glob("*.onnx"))]
    if len(others) > 1:
        names = name_some(path.relative_to(folder).as_posix() for path in others)
        raise ModelError(f"{folder}: {len(others)} ONNX files ({names}); rename the one to run: model.onnx.")
    return others[0] if others else None


def external_files(path: Path) -> list[Path]:
    """Return the files that hold weights of an ONNX file, sorted; none if it holds all of them itself.

    Raises `ModelError` if the ONNX file or one of these is missing or a pointer, or if one is in another folder.
    """
    check_present(path)
    files = [path.parent / name for name in sorted(_locations(path))]
    for file in files:
        if file.parent != path.parent or file.name in ("", ".."):
            raise ModelError(f"{path}: has weights at {str(file)[:100]!r}, outside its folder, which is not supported.")
        if not file.exists():
            raise ModelError(f"{path}: its weights are in {file.name}, which is missing; download it beside it.")
        check_present(file)
    return files


def _locations(path: Path) -> set[str]:
    """Return the names of other files in an ONNX file, wherever they are; `ModelError` if one cannot be read."""
    names: set[str] = set()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(_KEY)
        while start >= 0:
            stop = start + len(_KEY)
            if _BEFORE.search(content[max(start - 6, 0) : start]):
                entry = content[stop : stop + 129]
                if len(entry) < 2 or entry[0] != _VALUE or entry[1] > 127:  # a length of one byte
                    raise ModelError(f"{path}: names another file in a way that recs does not read.")
                names.add(entry[2 : 2 + entry[1]].decode("utf-8", "replace"))
            start = content.find(_KEY, stop)
    return names
