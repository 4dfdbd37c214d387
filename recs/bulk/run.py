"""One run in shards: its folder, named by all that the run depends on, and a report of what is done."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recs.bulk.shards import Call, Done, Resources, Runner, check_pyarrow, make_folder, version
from recs.files import SHARDS, cache_folder, one_at_a_time
from recs.items import Item

_VERSION = 1  # raised when the files of a step change

Progress = Callable[[str, int, int], None]
"""Called when a shard is done: with the step, the number of shards that are done, and of all."""


@contextmanager
def opened_run(
    items: Iterable[Item], options: Any, folder: str | os.PathLike[str] | None, *, anew: Iterable[str] = ()
) -> Iterator[Path]:
    """Yield the folder of a run; no other process uses it meanwhile.

    Parameters
    ----------
    items
        The items of the run, sorted by id.
    options
        All else that its files depend on; what it prints as (`repr`) must say all of it.
    folder
        Where the folder of the run is made; it stays there. None is the cache folder: then it is removed at the end of
        the block, and stays only if the block is left by an exception.
    anew
        The names of folders in it that are removed first: what they hold depends on more, such as a cache.

    Raises
    ------
    OutputError
        If the folder cannot be made.
    MissingDependencyError
        If pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as work:
    ...     with opened_run([Item("a", "soil")], "count words", work) as here:
    ...         (here / "words").write_text("1")
    ...     with opened_run([Item("a", "soil")], "count words", work) as here:
    ...         (here / "words").exists()
    1
    True
    """
    check_pyarrow()
    digest = hashlib.sha256(repr((version(), _VERSION, options)).encode("utf-8", "replace"))
    digest.update(items_digest(items).encode())
    place = (cache_folder() / SHARDS if folder is None else Path(folder).absolute()) / digest.hexdigest()[:16]
    make_folder(place)
    with one_at_a_time(place):
        for name in anew:
            shutil.rmtree(place / name, ignore_errors=True)
        yield place
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)


def items_digest(items: Iterable[Item]) -> str:
    """Return a digest of what `recs.bulk.store` writes of items."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(repr((item.id, item.title, item.text, item.written, item.lang)).encode("utf-8", "replace"))
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Watched:
    """A runner that reports what is done."""

    runner: Runner
    progress: Progress | None

    def run(self, calls: Sequence[Call], resources: Resources) -> Iterator[Done]:
        """Yield each shard when it is done."""
        for number, done in enumerate(self.runner.run(calls, resources), 1):
            if self.progress is not None:
                self.progress(calls[0].folder.name, number, len(calls))
            yield done

    def connected(self) -> AbstractContextManager[Runner]:
        """Return a block in which this runner is used; its processes are kept anyway."""
        return nullcontext(self)
