"""The folder of an index: a manifest, and a folder with the files of one generation.

    index/manifest.json         schema, generation, model, digests and sizes of the files
    index/1f0c…/items.jsonl     the items, one in each line; beside it arrays of numpy, which are mapped into memory

A new generation is written beside the old one, and then the manifest is replaced. Readers of the old one are not
disturbed: it is removed when the generation after the next one is written.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import secrets
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.errors import OutputError, SourceError
from recs.files import write_atomically
from recs.retrieval.index import Index
from recs.retrieval.postings import ARRAYS, postings_from
from recs.retrieval.table import COLUMNS, ItemsInFile, item_lines
from recs.retrieval.vectors import Vectors

if TYPE_CHECKING:
    from recs.embedding.embedder import Embedder

SCHEMA = "recs.index/1"
_MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 1_000_000  # bytes
_GENERATION = re.compile("[0-9a-f]{16}")
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(?P<kind><[iuf][248])', 'fortran_order': False, "
    rb"'shape': \((?P<shape>[0-9]{1,15},|[0-9]{1,15}, [0-9]{1,15})\), \} *\n",
    re.DOTALL,
)
_VECTORS = ("items", "passages", "starts", "spans")
_TYPES = {
    "offsets": "int64",
    "ids": "uint64",
    "titles": "uint64",
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
}


def is_index(path: Path) -> bool:
    """Whether a folder is an index, of any version."""
    return str(_manifest_or_none(path).get("schema")).startswith("recs.index/")


def manifest_stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when an index is replaced: time, number and size of its manifest; None if there is none."""
    try:
        status = (path / _MANIFEST).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def write_index(index: Index, path: Path, *, corpus: str) -> str:
    """Write an index into a folder and return the name of its generation. `corpus` is the digest of its items.

    Raises `OutputError` if the folder cannot be written, or is neither empty nor an index.
    """
    generation = secrets.token_hex(8)
    folder = path / generation
    try:
        if path.exists() and not is_index(path) and (not path.is_dir() or any(path.iterdir())):
            raise OutputError(f"{path}: is there and is no index; name another folder.")
        folder.mkdir(parents=True)
        _write_files(index, folder)
        files = {file.name: _described(file) for file in sorted(folder.iterdir())}
        vectors = index.vectors
        space = None if vectors is None else [vectors.model, vectors.fingerprint, vectors.similarity]
        manifest = {"schema": SCHEMA, "generation": generation, "items": len(index), "corpus": corpus, "space": space}
        before = _manifest_or_none(path).get("generation")
        text = json.dumps({**manifest, "files": files}, indent=1, sort_keys=True)
        write_atomically(path / _MANIFEST, f"{text}\n".encode())
        for old in path.iterdir():
            if _GENERATION.fullmatch(old.name) and old.name not in (generation, before):
                shutil.rmtree(old, ignore_errors=True)
    except (OSError, ValueError) as error:
        raise OutputError(f"{str(path)[:200]}: cannot be written ({getattr(error, 'strerror', error)}).") from error
    finally:
        if _manifest_or_none(path).get("generation") != generation:
            shutil.rmtree(folder, ignore_errors=True)
    return generation


def _write_files(index: Index, folder: Path) -> None:
    table = index.table
    items = [table[row] for row in range(len(table))]
    with (folder / "items.jsonl").open("wb") as file:
        sizes = [file.write(line) for line in item_lines(items)]
    columns = {name: table.column(name) for name in COLUMNS}
    (folder / "columns.json").write_bytes(json.dumps(columns).encode())
    arrays = {"offsets": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), "ids": table.ids}
    arrays |= {"titles": table.titles, **{f"terms-{name}": getattr(index.postings, name) for name in ARRAYS}}
    if index.vectors is not None:
        arrays |= {f"vectors-{name}": getattr(index.vectors, name) for name in _VECTORS}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)


def _described(file: Path) -> dict[str, Any]:
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
        arrays = _arrays(folder, manifest)
        table = ItemsInFile(
            folder / "items.jsonl", arrays["offsets"], folder / "columns.json", arrays["ids"], arrays["titles"]
        )
        postings = postings_from({name: arrays[f"terms-{name}"] for name in ARRAYS})
        space = manifest["space"]
        vectors = None if space is None else Vectors(*(arrays[f"vectors-{name}"] for name in _VECTORS), *_texts(space))
        _check(arrays, len(table), vectors)
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, IndexError) as error:
        raise SourceError(f"{path}: a broken index ({' '.join(str(error).split())[:200]}); make it again.") from error
    find = None if vectors is None else partial(find_embedder, vectors.model, vectors.fingerprint)
    return Index(table, postings, vectors, find)


def _arrays(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    arrays = {}
    for name, described in manifest["files"].items():
        file = folder / Path(name).name
        if file.stat().st_size != described["bytes"]:
            raise ValueError(f"{name} has another size than the manifest says")
        if file.suffix == ".npy":
            arrays[file.stem] = _mapped(file)
    return arrays


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
        len(arrays["ids"]) == len(arrays["titles"]) == len(arrays["terms-lengths"]) == n,
        len(arrays["terms-in_title"]) == len(arrays["terms-in_text"]) == p == int(arrays["terms-starts"][-1]),
        _is_partition(arrays["terms-starts"], len(arrays["terms-terms"])),
        p == 0 or (int(rows.min()) >= 0 and int(rows.max()) < n),
    ]
    if vectors is not None:
        m = len(vectors.passages)
        fits += [vectors.items.ndim == vectors.passages.ndim == 2, vectors.spans.shape == (m, 2)]
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
        file = folder / Path(name).name
        if not file.is_file() or _described(file) != described:
            raise SourceError(f"{path}: {name} is not the file that was written; make the index again.")
    return len(manifest["files"])


def _manifest(path: Path) -> dict[str, Any]:
    manifest = _manifest_or_none(path)
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


def _manifest_or_none(path: Path) -> dict[str, Any]:
    try:
        with (path / _MANIFEST).open("rb") as file:
            manifest = json.loads(file.read(_LARGEST_MANIFEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return manifest if isinstance(manifest, dict) else {}
