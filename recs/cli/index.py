"""`recs index`: a folder that answers queries without reading the source again."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.common.option_values import CollectionOptions
from recs.cli.common.options import Place, collection_options, quiet_option, source_argument
from recs.cli.common.session import opened_collection, report_languages
from recs.cli.common.sharding import ShardOptions, embedding_of, is_for_shards, shard_options, shard_progress
from recs.cli.common.terminal import say
from recs.text.counts import counted

if TYPE_CHECKING:
    from recs.items import Collection
    from recs.retrieval.index import Index, Signals


@click.command("index")
@source_argument
@click.option("-o", "--output", type=Place(), metavar="DIR", help="Write the index into DIR.")
@click.option(
    "--signals", type=click.Choice(["auto", "terms"]), default="auto", show_default=True, help="terms: no model."
)
@click.option("--verify", is_flag=True, help="SOURCE is an index: compare its files with their digests.")
@quiet_option
@collection_options
@shard_options
def command(
    *,
    source: str,
    output: Path | None,
    signals: str,
    verify: bool,
    quiet: bool,
    setup: CollectionOptions,
    shards: ShardOptions,
) -> None:
    """Write an index of the public items of SOURCE, for `recs search`.

    It holds the texts of the items, their terms, and the vectors of items and of passages of 128 tokens. Vectors come
    from the cache if they are there, so a second run embeds only what changed. Readers of an earlier index in DIR go on
    with it. A large collection is computed in shards: docs/scale.md.
    """
    from recs.retrieval.storage import verify as verify_files

    if verify:
        count = verify_files(Path(source))
        if not quiet:
            say(f"{source}: {counted(count, 'file is', 'files are')} as written")
        return
    if output is None:
        raise click.UsageError("name the folder of the index: -o DIR.")
    earlier = _earlier(output)
    terms = "terms,mentions" if signals == "terms" else "auto"
    with opened_collection(source, setup, quiet=quiet, signals=terms) as (collection, options):
        is_large = is_for_shards(len(collection.public), shards)
        make = partial(_in_shards, setup=setup, shards=shards) if is_large else _in_memory
        index = make(collection, options, earlier, output, quiet=quiet)
    if not quiet:
        say(_summary(index, output, is_update=earlier is not None))


def _in_memory(
    collection: Collection, options: Mapping[str, Any], earlier: Index | None, output: Path, *, quiet: bool
) -> Index:
    from recs.search import build_index, save_index

    embedder = options["embedder"]
    if embedder is not None and not quiet:
        report_languages(collection.public, embedder, options["cache"] or None)
    kind: Signals = "terms" if embedder is None else "auto"
    chosen = {name: options[name] for name in ("embedder", "cache", "progress")}
    index = build_index(collection, signals=kind, previous=earlier, **chosen)
    save_index(index, output)
    return index


def _in_shards(
    collection: Collection,
    options: Mapping[str, Any],
    earlier: Index | None,
    output: Path,
    *,
    quiet: bool,
    setup: CollectionOptions,
    shards: ShardOptions,
) -> Index:
    """Write the index of a large collection, a segment for each shard."""
    from recs.bulk.index import index_in_shards

    embedding = None if options["embedder"] is None else embedding_of(setup.model, setup.cache)
    place: dict[str, Any] = {"runner": shards.make_runner(), "folder": shards.folder}
    progress = shard_progress(len(collection.public), quiet=quiet)
    index = index_in_shards(collection, embedding, output, previous=earlier, progress=progress, **place)
    for note in index.notes if not quiet else ():
        say(f"note: {note}")
    return index


def _summary(index: Index, output: Path, *, is_update: bool) -> str:
    files = [file.stat() for file in output.rglob("*") if file.is_file()]
    size = sum({status.st_ino: status.st_size for status in files}.values())  # generations share files
    fresh = sum(segment.count for segment in index.segments if segment.folder is None)
    change = f" ({fresh:,} new, changed or counted again)" if is_update else ""
    vectors = index.vectors
    by = f"{counted(vectors.passage_count, 'passage')} by {vectors.model}" if vectors else "terms only, no model"
    return f"indexed: {counted(len(index), 'item')}{change}, {by}; {output} has {size / 1e6:.1f} MB"


def _earlier(path: Path) -> Index | None:
    """Return the index that is there; None if there is none, or one that cannot be used."""
    from recs.errors import SourceError
    from recs.search import open_index

    try:
        return open_index(path)
    except SourceError:
        return None
