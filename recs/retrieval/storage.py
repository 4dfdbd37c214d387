"""The folder of an index: a manifest, and a folder with the files of one generation.

    index/manifest.json           schema, generation, model, digests and sizes of the files
    index/1f0c…/0/items.jsonl     the items of a segment, one in each line; beside it arrays of numpy, which are mapped
                                  into memory

A new generation is written beside the old one, and then the manifest is replaced. Files that did not change are linked,
not copied. Readers of the old one are not disturbed: it is removed when the generation after the next one is written.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.errors import SourceError
from recs.retrieval.index import Index
from recs.retrieval.postings import ARRAYS, postings_from
from recs.retrieval.segment import Segment
from recs.retrieval.table import ItemsInFile
from recs.retrieval.vectors import Vectors

if TYPE_CHECKING:
    from recs.embedding.embedder import Embedder

SCHEMA = "recs.index/2"
MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 64_000_000  # bytes: some 2,500 for each segment
_FILE = re.compile("[0-9]{1,5}/[a-z_-]{1,40}[.](npy|jsonl|json)")
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(?P<kind><[iuf][248])', 'fortran_order': False, "
    rb"'shape': \((?P<shape>[0-9]{1,15},|[0-9]{1,15}, [0-9]{1,15})\), \} *\n",
    re.DOTALL,
)
VECTORS = ("items", "passages", "starts", "spans", "readable")
# Arrays that are mapped into memory. The others are small and are read: each map keeps a file open.
_MAPPED = {"terms-terms", "terms-starts", "terms-rows", "terms-in_title", "terms-in_text"}
_MAPPED |= {"vectors-items", "vectors-passages", "vectors-spans"}
_TYPES = {
    "rows": "int32",
    "offsets": "int64",
    "ids": "uint64",
    "titles": "uint64",
    "contents": "uint64",
    "terms-terms": "uint64",
    "terms-starts": "int64",
    "terms-rows": "int32",
    "terms-lengths": "int32",
    "terms-in_title": "uint16",
    "terms-in_text": "uint16",
    "vectors-items": "float32",
    "vectors-passages": "float32",
    "vectors-starts": "int64",
    "vectors-spans": "int64",
    "vectors-readable": "uint16",
}


def is_index(path: Path) -> bool:
    """Whether a folder is an index, of any version."""
    return str(manifest_or_empty(path).get("schema")).startswith("recs.index/")


def manifest_stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when an index is replaced: time, number and size of its manifest; None if there is none."""
    try:
        status = (path / MANIFEST).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def described_file(file: Path) -> dict[str, Any]:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return {"bytes": file.stat().st_size, "sha256": digest}


def open_folder(path: Path, find_embedder: Callable[[str, str], Embedder]) -> Index:
    """Return the index in a folder. Sizes and headers are checked; `verify` checks the digests.

    `find_embedder` returns the embedder of a model by its name and fingerprint. It is called for the first query that
    needs it.

    Raises `SourceError` if the folder is no index, is torn, or was written by a newer recs.
    """
    manifest = _manifest(path)
    folder = path / str(manifest["generation"])
    try:
        space = None if manifest["space"] is None else _texts(manifest["space"])
        by_segment: dict[str, dict[str, Any]] = {}
        for name, described in manifest["files"].items():
            segment, _, file = _checked_name(name).partition("/")
            by_segment.setdefault(segment, {})[file] = described
        numbers = [str(number) for number in range(len(by_segment))]
        segments = [_segment(folder / number, by_segment[number], space) for number in numbers]
        rows = np.concatenate([segment.rows for segment in segments])
        if not np.array_equal(np.sort(rows[rows >= 0]), np.arange(manifest["items"])):
            raise ValueError("its segments do not fit each other")
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, IndexError) as error:
        raise SourceError(f"{path}: a broken index ({' '.join(str(error).split())[:200]}); make it again.") from error
    return Index(tuple(segments), None if space is None else partial(find_embedder, space[0], space[1]))


def _segment(folder: Path, files: Mapping[str, Any], space: Sequence[Any] | None) -> Segment:
    arrays: dict[str, Any] = {}
    for name, described in files.items():
        file = folder / name
        if file.stat().st_size != described["bytes"]:
            raise ValueError(f"{name} has another size than the manifest says")
        if file.suffix == ".npy":
            mapped = _mapped(file)
            arrays[file.stem] = mapped if file.stem in _MAPPED else np.array(mapped)
    table = ItemsInFile(folder, arrays)
    postings = postings_from({name: arrays[f"terms-{name}"] for name in ARRAYS})
    vectors = None if space is None else Vectors(*(arrays[f"vectors-{name}"] for name in VECTORS), *space)
    _check(arrays, len(table), vectors)
    return Segment(table, postings, vectors, arrays["rows"], folder, files)


def _mapped(file: Path) -> Any:
    """Return an array that `numpy.save` wrote, mapped into memory.

    `numpy.load` evaluates a header as Python, and a damaged one is then an error of many kinds.
    """
    with file.open("rb") as opened:
        header = _HEADER.match(opened.read(256))
    if header is None:
        raise ValueError(f"{file.name} is no array")
    shape = tuple(int(length) for length in header["shape"].split(b",") if length)
    kind = np.dtype(header["kind"].decode())
    if file.stat().st_size != header.end() + math.prod(shape) * kind.itemsize:
        raise ValueError(f"{file.name} has another size than its header says")
    return np.memmap(file, kind, "r", header.end(), shape)


def _texts(space: object) -> list[str]:
    if not isinstance(space, list) or [type(part) for part in space] != [str, str, str]:
        raise ValueError("its manifest names no model")
    return space


def _check(arrays: Mapping[str, Any], n: int, vectors: Vectors | None) -> None:
    """Raise `ValueError` if arrays have the wrong types or do not fit each other."""
    types = {name: array.dtype.name for name, array in arrays.items()}
    rows = arrays["terms-rows"]
    p = len(rows)
    fits = [
        all(_TYPES[name] == kind for name, kind in types.items()),
        _is_partition(arrays["offsets"], n),
        len(arrays["ids"]) == len(arrays["titles"]) == len(arrays["terms-lengths"]) == len(arrays["rows"]) == n,
        arrays["contents"].shape == (n, 2),
        len(arrays["terms-in_title"]) == len(arrays["terms-in_text"]) == p == int(arrays["terms-starts"][-1]),
        _is_partition(arrays["terms-starts"], len(arrays["terms-terms"])),
        p == 0 or (int(rows.min()) >= 0 and int(rows.max()) < n),
    ]
    if vectors is not None:
        m = len(vectors.passages)
        fits += [vectors.items.ndim == vectors.passages.ndim == 2, vectors.spans.shape == (m, 2)]
        fits += [vectors.readable.shape == (n,)]
        fits += [vectors.items.shape[1:] == vectors.passages.shape[1:], len(vectors.items) == n]
        fits += [
            _is_partition(vectors.starts, n),
            int(vectors.starts[-1]) == m,
            bool((np.diff(vectors.starts) > 0).all()),
        ]
    if not all(fits):
        raise ValueError("its arrays do not fit each other")


def _is_partition(starts: Any, n: int) -> bool:
    """Whether an array says where n parts begin, one after the other from 0, and where the last one ends."""
    return starts.shape == (n + 1,) and int(starts[0]) == 0 and bool((np.diff(starts) >= 0).all())


def verify(path: Path) -> int:
    """Compare the files of an index with their digests and return how many there are; `SourceError` if one differs."""
    manifest = _manifest(path)
    folder = path / str(manifest["generation"])
    for name, described in manifest["files"].items():
        file = folder / _checked_name(name)
        if not file.is_file() or described_file(file) != described:
            raise SourceError(f"{path}: {name} is not the file that was written; make the index again.")
    return len(manifest["files"])


def _checked_name(name: str) -> str:
    """Return the name of a file of a segment; `ValueError` if it is none."""
    if not _FILE.fullmatch(name):
        raise ValueError(f"{name[:80]!r} is no file of an index")
    return name


def _manifest(path: Path) -> dict[str, Any]:
    manifest = manifest_or_empty(path)
    schema = manifest.get("schema")
    if not str(schema).startswith("recs.index/"):
        raise SourceError(f"{path}: no index; make one: recs index SOURCE -o {path.name}")
    if schema != SCHEMA:
        raise SourceError(f"{path}: an index of the version {str(schema)[:40]!r}, expected {SCHEMA!r}; make it again.")
    generation, files = manifest.get("generation"), manifest.get("files")
    is_name = isinstance(generation, str) and Path(generation).name == generation and generation not in ("", "..")
    if not is_name or not isinstance(files, dict) or not all(isinstance(one, dict) for one in files.values()):
        raise SourceError(f"{path}: a broken index (its manifest names no files); make it again.")
    return manifest


def manifest_or_empty(path: Path) -> dict[str, Any]:
    try:
        with (path / MANIFEST).open("rb") as file:
            manifest = json.loads(file.read(_LARGEST_MANIFEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return manifest if isinstance(manifest, dict) else {}
