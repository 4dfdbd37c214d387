"""Writes an index into a folder; recs.retrieval.storage says what is in it."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recs.errors import OutputError
from recs.files import one_at_a_time, write_atomically
from recs.retrieval.postings import ARRAYS, RowArray
from recs.retrieval.records import item_lines, item_record
from recs.retrieval.segment import Segment
from recs.retrieval.storage import MANIFEST, SCHEMA, VECTORS, described_file, is_index, manifest_or_empty
from recs.retrieval.table import Digests, ItemsInFile, columns_of

_GENERATION = re.compile("[0-9a-f]{16}")
_OF_A_WRITER = re.compile("[.]lock|[.]manifest[.]json[.][0-9a-f]+[.]partial|[0-9a-f]{16}")
_OF_AN_UPDATE = ("rows.npy", "items.jsonl", "columns.json")  # files that an update may change; it links the others


def write_segments(segments: Iterable[Segment], path: Path) -> str:
    """Write the segments of an index into a folder, one after the other, and return the name of its generation.

    Only what identifies its items is kept of a segment that is written, so that an iterator may make them. The text of
    an item that was changed or withdrawn is not in the new generation. Its terms, as digests, and its vectors stay
    until its segment is counted again.

    Raises `OutputError` if the folder cannot be written, or is neither empty nor an index.
    """
    try:
        if path.exists() and not (_is_ours(path) or is_index(path)):
            raise OutputError(f"{path}: is there and is no index; name another folder.")
        path.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(path):
            return _write_generation(segments, path)
    except FileNotFoundError as error:
        raise OutputError(f"{path}: the index that this one continues was replaced twice; run it again.") from error
    except (OSError, ValueError) as error:
        raise OutputError(f"{str(path)[:200]}: cannot be written ({getattr(error, 'strerror', error)}).") from error


def _is_ours(path: Path) -> bool:
    """Whether a folder is empty, or has only what a writer has there before its manifest."""
    return path.is_dir() and all(_OF_A_WRITER.fullmatch(file.name) for file in path.iterdir())


def _write_generation(segments: Iterable[Segment], path: Path) -> str:
    generation = secrets.token_hex(8)
    folder = path / generation
    files: dict[str, Any] = {}
    items = _Written()
    try:
        for number, segment in enumerate(segments):
            described = _write_segment(segment, folder / str(number))
            files |= {f"{number}/{name}": described[name] for name in sorted(described)}
            items.add(segment)
        before = manifest_or_empty(path).get("generation")
        text = json.dumps({**items.summary(), "generation": generation, "files": files}, indent=1, sort_keys=True)
        write_atomically(path / MANIFEST, f"{text}\n".encode())
        for old in path.iterdir():
            if _GENERATION.fullmatch(old.name) and old.name not in (generation, before):
                shutil.rmtree(old, ignore_errors=True)
    finally:
        if manifest_or_empty(path).get("generation") != generation:
            shutil.rmtree(folder, ignore_errors=True)
    return generation


class _Written:
    """What the manifest says of the items of the segments that are written."""

    def __init__(self) -> None:
        self._rows: list[RowArray] = []
        self._contents: list[Digests] = []
        self._space: Sequence[str] | None = None

    def add(self, segment: Segment) -> None:
        is_there = segment.rows >= 0
        self._rows.append(segment.rows[is_there])
        self._contents.append(segment.table.contents[is_there])
        if segment.vectors is not None:
            self._space = segment.vectors.space

    def summary(self) -> dict[str, Any]:
        """Return how many items there are, a digest of all of them in the order of the index, and the vector space."""
        rows = np.concatenate(self._rows)
        contents = np.concatenate(self._contents)[np.argsort(rows)]
        corpus = hashlib.sha256(contents.tobytes()).hexdigest()
        return {"schema": SCHEMA, "items": len(rows), "corpus": corpus, "space": self._space}


def _write_segment(segment: Segment, folder: Path) -> dict[str, Any]:
    """Write the files of a segment, or link them if they are there, and return the size and digest of each."""
    folder.mkdir(parents=True)
    described = {}
    if segment.folder is None or segment.files is None:
        _write_new(segment, folder)
    else:
        described = {name: value for name, value in segment.files.items() if name not in _OF_AN_UPDATE}
        gone = (
            segment.table.without(np.flatnonzero(segment.rows < 0)) if isinstance(segment.table, ItemsInFile) else None
        )
        if gone is None:
            described |= {name: segment.files[name] for name in ("items.jsonl", "columns.json")}
        else:
            lines, columns = gone
            with (folder / "items.jsonl").open("wb") as file:
                file.writelines(lines)
            (folder / "columns.json").write_bytes(json.dumps(columns).encode())
        for name in described:
            _link(segment.folder / name, folder / name)
    np.save(folder / "rows.npy", segment.rows, allow_pickle=False)
    return {file.name: described.get(file.name) or described_file(file) for file in sorted(folder.iterdir())}


def _link(file: Path, target: Path) -> None:
    try:
        target.hardlink_to(file)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one that has no links
        shutil.copyfile(file, target)


def _write_new(segment: Segment, folder: Path) -> None:
    table = segment.table
    items = [table[row] for row in range(len(table))]
    with (folder / "items.jsonl").open("wb") as file:
        sizes = [file.write(line) for line in item_lines(items)]
    (folder / "columns.json").write_bytes(json.dumps(columns_of(map(item_record, items))).encode())
    arrays = {"offsets": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), "ids": table.ids}
    arrays |= {"titles": table.titles, "contents": table.contents}
    arrays |= {f"terms-{name}": getattr(segment.postings, name) for name in ARRAYS}
    if segment.vectors is not None:
        arrays |= {f"vectors-{name}": getattr(segment.vectors, name) for name in VECTORS}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
