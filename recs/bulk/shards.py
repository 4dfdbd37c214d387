"""Work in shards: each is a table that is written whole, named by its digest, and found again by the next run."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from recs.errors import MissingDependencyError, OutputError, ShardsError
from recs.files import write_atomically

if TYPE_CHECKING:
    import pyarrow as pa

_T = TypeVar("_T")
_DIGITS = 16  # of the digest in the name of a file
_NAME = re.compile(rf"(part-[0-9]{{5,}})\.([0-9a-f]{{{_DIGITS}}})\.parquet")
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Resources:
    """What one shard needs: processor cores. Its work uses so many threads."""

    cores: int = 1

    def __post_init__(self) -> None:
        if self.cores < 1:
            raise ShardsError(f"a shard needs {self.cores} cores, expected 1 or more.")


EMBEDDING = Resources(cores=2)
"""What a shard needs that embeds: the same on every machine, since the bytes of vectors may depend on it."""


@dataclass(frozen=True, slots=True)
class Done:
    """A shard that was computed: its name, and its file; or what failed."""

    name: str
    path: Path | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """The computation of one shard: `function` of `argument`, a table that is written into `folder`.

    It can be sent to another process: the function is one of a module, or a frozen dataclass that is called.
    """

    function: Callable[[Any], pa.Table]
    argument: Any
    name: str
    folder: Path

    def __call__(self) -> Done:
        """Compute the shard and write its file."""
        try:
            return Done(self.name, write_shard(self.function(self.argument), self.folder, self.name))
        except OutputError as error:
            return Done(self.name, None, str(error))
        except Exception as error:  # the other shards go on; the run reports this one
            return Done(self.name, None, f"{type(error).__name__}: {error}")


class Runner(Protocol):
    """What computes shards: processes of this machine, or a cluster."""

    def run(self, calls: Sequence[Call], resources: Resources) -> Iterator[Done]:
        """Yield each shard when it is done, in any order. A shard that failed is yielded too."""

    def connected(self) -> AbstractContextManager[Runner]:
        """Return a block in which the processes are kept from one run to the next, and the runner for it."""


def map_shards(
    function: Callable[[_T], pa.Table],
    shards: Sequence[_T],
    folder: Path,
    *,
    runner: Runner,
    resources: Resources | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Compute a table of each shard and return the files, in the order of the shards.

    A file is named by the digest of its bytes. A shard whose file is there and whole is not computed again; one that is
    torn is. So a folder belongs to one function of one list of shards.

    Parameters
    ----------
    function
        Of one shard; it depends on nothing else, so that every runner makes the same bytes.
    progress
        Called with the number of shards that are done, and the number of all.

    Raises
    ------
    ShardsError
        If shards failed. All others are done before it is raised.
    OutputError
        If the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow as pa
    >>> from recs.bulk.runners import LocalRunner
    >>> def squares(numbers):
    ...     return pa.table({"square": [number**2 for number in numbers]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = map_shards(squares, [[1, 2], [3]], Path(folder), runner=LocalRunner(workers=0))
    ...     [column for path in paths for column in read_shard(path)["square"].to_pylist()]
    [1, 4, 9]
    """
    make_folder(folder)
    names = [f"part-{place:05}" for place in range(len(shards))]
    made = whole_shards(folder)
    calls = [Call(function, shard, name, folder) for name, shard in zip(names, shards, strict=True) if name not in made]
    problems: dict[str, str] = {}
    for done in runner.run(calls, resources or Resources()) if calls else ():
        if done.path is None:
            problems[done.name] = done.problem
        else:
            made[done.name] = done.path
        if progress is not None:
            progress(sum(name in made for name in names), len(names))
    _check(problems, names, made, folder)
    paths = [made[name] for name in names]
    entries = [{"file": path.name, "bytes": path.stat().st_size} for path in paths]
    write_atomically(folder / MANIFEST, json.dumps({"shards": entries}, indent=1).encode())
    return paths


def make_folder(folder: Path) -> None:
    """Make a folder if it is not there; `OutputError` if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}.") from error


def _check(problems: dict[str, str], names: Sequence[str], made: dict[str, Path], folder: Path) -> None:
    """Raise `ShardsError` if a shard is not there."""
    left = [name for name in names if name not in made]
    if not left:
        return
    first = min(problems) if problems else left[0]
    reason = problems.get(first, "it was not computed")
    raise ShardsError(
        f"{len(left)} of {len(names)} shards failed; the first is {folder.name}/{first}.parquet ({reason}). "
        f"The others are done: the same command goes on from there."
    )


def whole_shards(folder: Path) -> dict[str, Path]:
    """Return the files of a folder whose bytes have the digest that is in their name, by the name of the shard.

    Torn files, and what an interrupted run left behind, are removed.
    """
    whole: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        fits = _NAME.fullmatch(path.name)
        if fits is not None and digest_of(path) == fits[2]:
            whole[fits[1]] = path
        elif fits is not None or path.name.endswith(".partial"):
            path.unlink(missing_ok=True)
    return whole


def write_shard(table: pa.Table, folder: Path, name: str) -> Path:
    """Write a table as the file of a shard and return its path. Equal tables give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=False, write_statistics=False)
    data = memoryview(sink.getvalue())
    path = folder / f"{name}.{hashlib.sha256(data).hexdigest()[:_DIGITS]}.parquet"
    write_atomically(path, (bytes(data),))
    return path


def read_shard(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the table of a shard, or some of its columns."""
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=None if columns is None else list(columns), partitioning=None)


def digest_of(path: Path) -> str:
    """Return the digest of the bytes of a file, as it is in the name of a shard."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]


def version() -> str:
    """Return the version of this package."""
    return str(sys.modules[__name__.partition(".")[0]].__version__)


def check_pyarrow() -> None:
    """Raise `MissingDependencyError` if pyarrow is not installed."""
    if find_spec("pyarrow") is None:
        raise MissingDependencyError("work in shards", "pyarrow", "tables")
