"""Work in shards from the command line: its options, when it is taken, and what is said meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.common.option_values import CacheOptions, ModelOptions, OutputOptions
from recs.cli.common.options import Place, grouped
from recs.cli.common.terminal import say
from recs.object_stores import is_address
from recs.text.counts import counted

if TYPE_CHECKING:
    from recs.bulk.shards import Runner
    from recs.bulk.vectors import EmbedTexts

_SECONDS = 30.0  # after which a step that goes on says how far it is
LARGE = 30_000  # public items; from here on a collection is computed in shards


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardOptions:
    """How a large collection is computed. The fields are the options of `shard_options`."""

    runner: str | None
    address: str | None
    workers: int | None
    work: Path | None

    @property
    def are_given(self) -> bool:
        """Whether the user asked for shards, however small the collection is."""
        return any(value is not None for value in (self.runner, self.address, self.workers, self.work))

    @property
    def folder(self) -> Path | None:
        """Where the shards are; None for the cache folder."""
        return None if self.work is None else self.work.absolute()

    def make_runner(self) -> Runner:
        """Return what computes the shards."""
        if self.runner != "ray":
            if self.address is not None:
                raise click.UsageError("--address is that of a Ray cluster; add --runner ray.")
            from recs.bulk.runners import LocalRunner

            return LocalRunner(self.workers)
        if self.workers is not None:
            raise click.UsageError("--workers is for processes of this machine; Ray takes the cores of its nodes.")
        if self.work is None:
            raise click.UsageError("--runner ray needs --work DIR, a folder that all nodes see.")
        from recs.bulk.ray_runner import RayRunner

        return RayRunner(self.address or "auto")


shard_options = grouped(
    "shards",
    ShardOptions,
    click.option(
        "--runner",
        type=click.Choice(["local", "ray"]),
        help=f"Compute in shards on the disk: by processes of this machine, or by Ray. From {LARGE:,} items on: local.",
    ),
    click.option("--address", metavar="ADDRESS", help="The Ray cluster: HOST:PORT, or auto.  [default: auto]"),
    click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Processes.  [default: the cores]"),
    click.option(
        "--work",
        type=Place(),
        metavar="DIR",
        help="Keep the shards in DIR. A run that was broken off goes on from its shards.  [default: the cache]",
    ),
)


def embedding_of(
    model: ModelOptions, cache: CacheOptions, *, role: str = "document", cached_only: bool = False
) -> EmbedTexts:
    """Return what embeds the texts of a shard, in any process."""
    from recs.bulk.vectors import EmbedTexts
    from recs.files import cache_folder

    loading = tuple(sorted(model.loading.items()))
    place = None if cache.no_cache else cache.cache_folder or cache_folder()
    names: dict[str, Any] = {"overflow": model.overflow, "cache": place, "cached_only": cached_only, "role": role}
    return EmbedTexts(model.name, loading, **names)


def is_for_shards(count: int, shards: ShardOptions, *, unless: str = "") -> bool:
    """Return whether so many items are computed in shards: many, or the user asked for it.

    `unless` is an option that needs all items in memory; it is an error together with those of shards.
    """
    if shards.are_given:
        if unless:
            raise click.UsageError(f"{unless} needs all texts in memory; leave out --runner, --workers and --work.")
        return True
    if count < LARGE or unless:
        return False
    if find_spec("pyarrow") is None:
        say("note: in memory, since pyarrow is not installed: pip install 'recs-toolkit[tables]' computes in shards")
        return False
    return True


def check_output_folder(output: OutputOptions, source: str | Path | None) -> None:
    """Raise an error if --format parquet cannot write its folder, before anything is computed."""
    from recs.writers.tables import check_tables_folder

    if not output.target:
        raise click.UsageError("--format parquet writes a folder of tables; name the folder: -o DIR.")
    if source is not None and _resolved(source) == _resolved(output.target):
        raise click.UsageError(f"{output.shown} is the source; name another folder: -o DIR.")
    check_tables_folder(output.target)


def _resolved(place: str | Path) -> str:
    return place.rstrip("/") if is_address(place) else str(Path(place).expanduser().resolve())


def shard_progress(count: int, *, quiet: bool) -> Callable[[str, int, int], None] | None:
    """Return a function that says when a step is done, and every half minute how far it is."""
    if quiet:
        return None
    say(f"{counted(count, 'item')} in shards")
    said = time.monotonic()

    def report(step: str, done: int, of: int) -> None:
        nonlocal said
        if done == of:
            say(f"  {step}: {counted(of, 'shard')}")
        elif time.monotonic() - said >= _SECONDS:
            say(f"  {step}: {done:,} of {counted(of, 'shard')}")
        else:
            return
        said = time.monotonic()

    return report
