"""Repeats a run of a verb whose result is known, because nothing that it depends on has changed.

A site owner runs the same command many times a day. Its output depends on: the options; the bytes of the source and of
every file that an option names; the files of the model; what is installed; and the present time, as far as it decides
which items are scheduled or expired. If a digest of all these is that of an earlier run, what that run said and wrote
is said and written again, and nothing else is computed.

The results are in the folder `runs` of the cache. Each is sealed: without the source and all other inputs, no one can
read a word of it, and its name tells nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

from recs.cli.common.option_values import RULES_FILE, CollectionOptions
from recs.cli.common.recording import Recording, recorded
from recs.cli.common.terminal import emit, say
from recs.errors import OutputError, RecsError
from recs.files import RUNS, cache_folder, write_atomically, write_if_changed
from recs.object_stores import is_address

# Options that name a file to write. All other options that name a file name one to read.
_WRITTEN = frozenset({"output", "target", "save", "map", "plot", "report", "tags"})
_FOLDERS = frozenset({"site"})  # options that name a folder to write: such a run is never repeated
_KEPT = 20  # results in the folder
_LARGEST = 64_000_000  # bytes of a result


@dataclass(frozen=True, slots=True)
class _Result:
    """What a run said and wrote, and from when until when that is right."""

    lines: list[list[str]]
    files: Mapping[str, bytes]
    made_at: str
    changes_at: str | None

    @property
    def is_present(self) -> bool:
        """Whether no item has become public or expired since the run."""
        now = datetime.now(UTC)
        is_over = self.changes_at is not None and now >= datetime.fromisoformat(self.changes_at)
        return datetime.fromisoformat(self.made_at) <= now and not is_over


def repeatable(command: Callable[..., None]) -> Callable[..., None]:
    """Return a verb that repeats its earlier run if nothing that it depends on has changed."""

    @wraps(command)
    def run(**options: Any) -> None:
        setup: CollectionOptions = options["setup"]
        folder = (setup.cache.cache_folder or cache_folder()) / RUNS
        key = None if setup.cache.no_cache else _key(command.__module__, options)
        if key is not None and (result := _load(folder, key)) is not None:
            _repeat(result)
            return
        now = datetime.now(UTC).isoformat()
        warnings = _Warnings()
        logger = logging.getLogger("recs")
        logger.addHandler(warnings)
        try:
            with recorded() as recording:
                command(**options)
        finally:
            logger.removeHandler(warnings)
        # If a file was edited while it was read, the result may be that of either state.
        if key is not None and key == _key(command.__module__, options) and not warnings.any:
            _keep(folder, key, recording, list(_paths(options, written=True)), now)

    return run


class _Warnings(logging.Handler):
    """Notices whether anything was logged as a warning: such a run is not repeated."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.any = False

    def emit(self, record: logging.LogRecord) -> None:
        self.any = True


def _repeat(result: _Result) -> None:
    for path, data in result.files.items():
        write_if_changed(Path(path), data)
    for stream, text in result.lines:
        if stream == "stderr":
            say(text)
        else:
            emit(text)


# What a run depends on.


def _key(verb: str, options: Mapping[str, Any]) -> bytes | None:
    """Return a digest of all that a run depends on; None if that cannot be known."""
    setup: CollectionOptions = options["setup"]
    digest = hashlib.sha256()
    parts = [verb, repr(sorted(options.items())), repr(sys.argv), str(Path.cwd()), str(sys.stdout.isatty())]
    if any(map(is_address, (options["source"], getattr(options.get("output"), "target", None)))):
        return None  # an object store may have changed
    if setup.reading.fetch or _FOLDERS & {name for name, _ in _named_paths(options)}:
        return None
    try:
        parts += _source(str(options["source"]))
        parts += [_file(Path(RULES_FILE)), *(_file(path) for path in _paths(options, written=False))]
        parts += [*_model(setup, cached_only=options.get("cached_only", False)), *_installed()]
    except (OSError, ValueError, RecsError):
        return None
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.digest()


def _source(source: str) -> list[str]:
    """Return the digests of all files that reading a source may read; `ValueError` for stdin and for exports."""
    from recs.readers.sqlite import log_of, split_table

    path, _ = split_table(Path(source).expanduser())
    if source == "-":
        raise ValueError("stdin can be read once")
    if path.is_dir():
        from recs.readers.folders.digest import folder_digest

        return [folder_digest(path)]
    if (path.parent / "posts.csv").exists():  # an export of Substack has its texts in other files
        raise ValueError("a table with files beside it")
    from recs.readers.transcripts.beside import named_files

    return [_file(path), _file(log_of(path)), *(f"{file} {_file(file)}" for file in named_files(path))]


def _file(path: Path) -> str:
    if not path.is_file():
        return "no file"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _paths(options: Mapping[str, Any], *, written: bool) -> Iterator[Path]:
    """Yield the paths in options: of files to write, or of all others."""
    return (path for name, path in _named_paths(options) if (name in _WRITTEN) == written)


def _named_paths(options: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Yield each option that is a path, also those inside groups of options."""
    for name, value in options.items():
        if is_dataclass(value) and not isinstance(value, type):
            yield from _named_paths({field.name: getattr(value, field.name) for field in fields(value)})
        elif isinstance(value, Path):
            yield name, value


def _model(setup: CollectionOptions, *, cached_only: bool) -> list[str]:
    """Return what identifies the model: its files, or, if it cannot compute vectors, those in the cache."""
    from recs.models.hardware import resolve_device
    from recs.models.registry import find_model

    device = resolve_device(setup.model.device)
    folder = find_model(setup.model.name)
    if folder is None or cached_only:
        cache = setup.cache.cache_folder or cache_folder()
        return [device, "no model", *(_stamp(path) for path in sorted(cache.glob("vectors.sqlite*")))]
    return [device, *(_stamp(path) for path in sorted(folder.rglob("*")))]


def _installed() -> list[str]:
    """Return what changes when a package is installed, upgraded or removed, or the code of recs is edited."""
    places = [Path(place) for place in sys.path if place.endswith(("site-packages", "dist-packages"))]
    code = sorted(Path(__file__).parents[2].rglob("*.py"))  # the whole package
    engines = [str(bool(importlib.util.find_spec(name))) for name in ("torch", "onnxruntime")]
    return [sys.version, *map(_stamp, [*places, *code]), *engines]


def _stamp(path: Path) -> str:
    """Return what changes when a file or a folder does."""
    try:
        status = path.stat()
    except OSError:
        return f"{path} is gone"
    return f"{path} {status.st_size} {status.st_mtime_ns}"


# The results of earlier runs.


def _place(folder: Path, key: bytes) -> Path:
    return folder / f"{hashlib.sha256(b'place' + key).hexdigest()[:32]}.run"


def _seal(data: bytes, key: bytes) -> bytes:
    """Return bytes that only this key turns into `data` again, and the other way round."""
    stream = hashlib.shake_256(b"seal" + key).digest(len(data))
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


def _load(folder: Path, key: bytes) -> _Result | None:
    """Return the result of an earlier run; None if there is none, if it is damaged, or if its time is over."""
    place = _place(folder, key)
    try:
        result = _unpack(zlib.decompress(_seal(place.read_bytes(), key)))  # which has a checksum
        if not result.is_present:
            return None
    except (OSError, ValueError, LookupError, TypeError, zlib.error):
        return None
    with suppress(OSError):
        os.utime(place)  # the results that are used stay
    return result


def _keep(folder: Path, key: bytes, recording: Recording, written: list[Path], now: str) -> None:
    """Keep the result of a run; a result that cannot be kept is no error."""
    with suppress(OSError, OutputError):
        contents = {str(path): path.read_bytes() for path in written}
        if sum(map(len, contents.values())) > _LARGEST:
            return
        lines = [list(line) for line in recording.lines]
        packed = zlib.compress(_pack(_Result(lines, contents, now, recording.changes_at)), 1)
        write_atomically(_place(folder, key), _seal(packed, key))
        by_age = sorted(folder.glob("*.run"), key=lambda path: path.stat().st_mtime_ns)
        for path in by_age[:-_KEPT]:
            path.unlink(missing_ok=True)


def _pack(result: _Result) -> bytes:
    """Return a result as bytes: a line of JSON, then the files one after the other."""
    sizes = {path: len(data) for path, data in result.files.items()}
    head = {"lines": result.lines, "sizes": sizes, "made_at": result.made_at, "changes_at": result.changes_at}
    return b"".join([json.dumps(head).encode(), b"\n", *result.files.values()])


def _unpack(data: bytes) -> _Result:
    line, _, rest = data.partition(b"\n")
    head = json.loads(line)
    contents = {}
    start = 0
    for path, size in head["sizes"].items():
        contents[path] = rest[start : start + size]
        start += size
    return _Result(head["lines"], contents, head["made_at"], head["changes_at"])
