"""`recs cluster`: the topics of a collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from recs.cli.common.option_values import CollectionOptions, OutputOptions
from recs.cli.common.options import (
    cached_only_option,
    collection_options,
    file_option,
    grouped,
    output_options,
    source_argument,
)
from recs.cli.common.repeat import repeatable
from recs.cli.common.session import embedded, report_embedding
from recs.cli.common.sharding import (
    ShardOptions,
    check_output_folder,
    embedding_of,
    is_for_shards,
    shard_options,
    shard_progress,
)
from recs.cli.common.terminal import report_reading, say
from recs.cli.common.topics import write_result

if TYPE_CHECKING:
    from recs.clustering.result import Clustering
    from recs.embedding.cache import Cache
    from recs.embedding.embedder import Embedder
    from recs.embedding.vectors import Embeddings
    from recs.items import Collection, Item


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The files that options ask for, besides -o."""

    map: Path | None
    plot: Path | None
    report: Path | None
    tags: Path | None
    site: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wishes:
    """The files that say what the user wants of topics and names."""

    edits: Path | None
    seed_topics: Path | None
    ban: Path | None


@click.command("cluster")
@source_argument
@click.option("--topics", "n_topics", type=click.IntRange(min=1), metavar="N", help="Make about N topics.")
@click.option(
    "--min-cluster-size",
    type=click.IntRange(min=2),
    metavar="N",
    help="The smallest number of items in the dense core of a topic.",
)
@click.option(
    "--assign",
    type=click.Choice(["close", "all"]),
    default="close",
    show_default=True,
    help="close: leave outliers without a topic. all: give each item a topic.",
)
@file_option("--apply applied", "A file that --save wrote: assign the items to its topics, and find no new ones.")
@file_option("--previous", "A file that --save wrote: the topics keep their ids.")
@grouped(
    "wishes",
    _Wishes,
    file_option("--edits", "JSON file with your names and merges, by topic id."),
    file_option("--seed-topics", "JSON file of topics that must be there: names, each with words or ids of items."),
    file_option("--ban", "Text file of words that no name holds, one a line."),
)
@cached_only_option
@file_option("--save", "Save the clustering for --previous and recs.Clustering.")
@grouped(
    "files",
    _Files,
    file_option("--map", "Write a map of the topics as one HTML page."),
    file_option("--plot", "Draw the map as a picture: .png, .svg or .pdf.", suffixes=".png .svg .pdf"),
    file_option("--report", "Write a report on the topics as Markdown."),
    file_option("--tags", "Write the topic of each item: .json or .csv.", suffixes=".json .csv"),
    file_option("--site", "Write a page and a feed for each topic, and data for Hugo and Jekyll.", metavar="DIR"),
)
@output_options("json", "parquet", "table")
@collection_options
@shard_options
@repeatable
def command(
    *,
    source: str,
    n_topics: int | None,
    min_cluster_size: int | None,
    assign: Any,
    applied: Path | None,
    previous: Path | None,
    wishes: _Wishes,
    save: Path | None,
    cached_only: bool,
    files: _Files,
    output: OutputOptions,
    setup: CollectionOptions,
    shards: ShardOptions,
) -> None:
    """Find the topics of SOURCE: their names, key phrases and typical items, from coarse to fine.

    Without -o: the topics as text. With -o or --format json: everything, with the topic of each item. With --format
    parquet -o DIR: the topic of each item, as a folder of tables.
    """
    from recs.bulk.topics import find_topics
    from recs.clustering.application import apply_topics

    if applied:
        _refuse_options_of_finding()
    if output.form == "parquet":
        check_output_folder(output, source)
    finding: dict[str, Any] = {"min_cluster_size": min_cluster_size or "auto", "n_topics": n_topics, "assign": assign}
    earlier, setup = _saved(applied or previous, setup)
    collection = setup.reading.read(source)
    if not output.quiet:
        report_reading(collection)
    how: dict[str, Any] = {"cached_only": cached_only, "quiet": output.quiet}
    with _embedded(collection, setup, shards, earlier, **how) as (embeddings, embedder, cache):
        if applied and earlier is not None:
            clustering = apply_topics(earlier, collection.public, embeddings)
        else:
            finding |= {"previous": earlier, **asdict(wishes), "embedder": embedder, "cache": cache or False}
            clustering = find_topics(collection, embeddings, **finding)
        _write(clustering, collection, embeddings, files, quiet=output.quiet)
    if save:
        clustering.save(save)
    _say_notes(clustering, quiet=output.quiet)
    write_result(clustering, collection, output)


def _embedded(
    collection: Collection,
    setup: CollectionOptions,
    shards: ShardOptions,
    earlier: Clustering | None,
    *,
    cached_only: bool,
    quiet: bool,
) -> AbstractContextManager[tuple[Embeddings, Embedder, Cache | None]]:
    """Open the vectors of the items; a model that does not fit an earlier clustering is refused before it runs."""
    items = collection.public
    options: dict[str, Any] = {
        "role": earlier.role if earlier is not None else "clustering",
        "check": earlier.check_comparable if earlier is not None else None,
        "cached_only": cached_only,
        "quiet": quiet,
    }
    if items and is_for_shards(len(items), shards):
        return _embedded_in_shards(items, setup, shards, **options)
    return embedded(items, setup, **options)


@contextmanager
def _embedded_in_shards(
    items: Sequence[Item],
    setup: CollectionOptions,
    shards: ShardOptions,
    *,
    role: str,
    check: Callable[[Embeddings], None] | None,
    cached_only: bool,
    quiet: bool,
) -> Iterator[tuple[Embeddings, Embedder, Cache | None]]:
    """Do as `embedded`, with the vectors of a large collection as a memory map."""
    from recs.bulk.topics import embedded_in_shards

    embedding = embedding_of(setup.model, setup.cache, role=role, cached_only=cached_only)
    place: dict[str, Any] = {"runner": shards.make_runner(), "folder": shards.folder}
    with setup.cache.opened() as cache:
        embedder = setup.model.find(cache, cached_only=cached_only)
        if check is not None:
            check(embedder.embed([], role=role, cached_only=cached_only))
        progress = shard_progress(len(items), quiet=quiet)
        with embedded_in_shards(items, embedding, progress=progress, **place) as (embeddings, note):
            if note and not quiet:
                say(f"note: {note}")
            if not quiet:
                report_embedding(embeddings)
            yield embeddings, embedder, cache


def _say_notes(clustering: Clustering, *, quiet: bool) -> None:
    for note in clustering.notes if not quiet else ():
        say(f"note: {note}")


def _refuse_options_of_finding() -> None:
    """Raise `UsageError` for options that find or change topics: --apply does neither."""
    context = click.get_current_context()
    flags = {param.name: param.opts[0] for param in context.command.params}
    for name in ("n_topics", "min_cluster_size", "assign", "previous", "edits", "seed_topics", "ban", "save"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--apply keeps the saved topics as they are; leave out {flags[name]}.")


def _saved(path: Path | None, setup: CollectionOptions) -> tuple[Clustering | None, CollectionOptions]:
    """Return a saved clustering, and the options with its model if the user chose none."""
    from recs.clustering.result import Clustering

    if path is None:
        return None, setup
    clustering = Clustering.load(path)
    model = setup.model if setup.model.model else replace(setup.model, model=clustering.model)
    return clustering, replace(setup, model=model)


def _write(
    clustering: Clustering, collection: Collection, embeddings: Embeddings, files: _Files, *, quiet: bool
) -> None:
    from recs.clustering.maps.layout import map_layout
    from recs.files import write_atomically
    from recs.writers.figures import save_figure
    from recs.writers.maps.figure import plot_topics
    from recs.writers.maps.page import topic_map
    from recs.writers.topic_report import topic_report, topic_tags

    texts: dict[Path, str] = {}
    if files.report:
        texts[files.report] = topic_report(clustering, collection.public)
    if files.tags:
        texts[files.tags] = topic_tags(clustering, format=files.tags.suffix.lower().strip("."))
    if files.map or files.plot:
        places = map_layout(clustering.by_subject(embeddings).vectors, similarity=embeddings.similarity)
    if files.map:
        texts[files.map] = topic_map(clustering, collection.public, places)
    for path, text in texts.items():
        write_atomically(path, text.encode("utf-8", "replace"))
    if files.plot:
        save_figure(plot_topics(clustering, places), files.plot)
    if files.site:
        _write_site(clustering, collection, files.site, quiet=quiet)


def _write_site(clustering: Clustering, collection: Collection, folder: Path, *, quiet: bool) -> None:
    from recs.writers.topic_site.write import write_topic_site

    notes = write_topic_site(clustering, collection.public, folder)
    for note in notes if not quiet else ():
        say(f"note: {note}")
