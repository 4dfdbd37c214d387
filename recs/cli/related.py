"""`recs related`: the related list of every item."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.common.option_values import CollectionOptions, OutputOptions, RuleOptions, filters_of
from recs.cli.common.options import (
    cached_only_option,
    collection_options,
    file_option,
    output_options,
    rule_options,
    source_argument,
)
from recs.cli.common.repeat import repeatable
from recs.cli.common.session import opened_collection, present_for
from recs.cli.common.sharding import (
    ShardOptions,
    check_output_folder,
    embedding_of,
    is_for_shards,
    shard_options,
    shard_progress,
)
from recs.cli.common.terminal import emit, report_related, sample_table, say
from recs.text.counts import counted

if TYPE_CHECKING:
    from recs.items import Collection
    from recs.ranking.lists import RelatedLists

_SAMPLES = 5
_FOLDERS = {"files": "with a file for each item", "parquet": "of tables"}


@click.command("related")
@source_argument
@click.option("-k", type=click.IntRange(min=0), default=5, show_default=True, help="Entries in each list.")
@click.option(
    "--signals",
    metavar="NAMES",
    default="auto",
    show_default=True,
    help="Rank by these signals: terms, mentions, dense, passages, separated by commas. auto: all that are available.",
)
@file_option("--tuned", "A file that `recs tune` wrote: it re-orders the lists.")
@click.option("--why", is_flag=True, help="Explain each match: what makes the two items related.")
@file_option("--previous", "An earlier result: change its lists only where something better was found.")
@click.option("--text", metavar="TEXT", help="List the items that are like this new text; SOURCE may be an index.")
@file_option("--file draft", "The same for the text in FILE: Markdown, HTML or plain text.")
@click.option("--strict", is_flag=True, help="Write nothing if fewer than half of the items of --previous are left.")
@cached_only_option
@rule_options
@output_options("json", "jsonl", "csv", "hugo", "jekyll", "eleventy", "files", "parquet", "table")
@collection_options
@shard_options
@repeatable
def command(
    *,
    source: str,
    k: int,
    signals: str,
    tuned: Path | None,
    why: bool,
    previous: Path | None,
    text: str | None,
    draft: Path | None,
    strict: bool,
    cached_only: bool,
    rules: RuleOptions,
    output: OutputOptions,
    setup: CollectionOptions,
    shards: ShardOptions,
) -> None:
    """Write the related list of every public item of SOURCE.

    Without -o: a few sample lists on a terminal, or the whole result as JSON into a pipe.
    """
    from recs.related import related_items

    _check_format(output, source)
    if strict and not previous:
        raise click.UsageError("--strict compares with an earlier result; name it: --previous FILE.")
    if text is not None or draft is not None:
        _relate_text(source, _new_text(text, draft), output, setup, k=k, where=_where(rules))
        return
    previous = _existing(previous)
    shown = rules.read()
    now = present_for(shown, setup)
    with opened_collection(source, setup, quiet=output.quiet, signals=signals, cached_only=cached_only) as opened:
        collection, options = opened
        listing: dict[str, Any] = {"k": k, "rules": shown, "tuned": tuned, "previous": previous, "now": now}
        if is_for_shards(len(collection.public), shards, unless="--why" if why else ""):
            lists = _in_shards(collection, options, setup, shards, quiet=output.quiet, **listing)
        else:
            lists = related_items(collection, why=why, **listing, **options)
    if not output.quiet:
        report_related(lists)
    if previous:
        _check_shrinking(len(lists), previous, strict=strict)
    _write(lists, output)


def _check_format(output: OutputOptions, source: str) -> None:
    """Raise `click.UsageError` if the format and the place of the output do not fit.

    Raises `OutputError` if the place for tables holds something else, or is in a store that cannot be reached.
    """
    if output.form == "table" and output.output:
        raise click.UsageError("a table is for the terminal; choose another --format with -o.")
    if output.form in _FOLDERS and not output.target:
        raise click.UsageError(
            f"--format {output.form} writes a folder {_FOLDERS[output.form]}; name the folder: -o DIR."
        )
    if output.form == "parquet":
        check_output_folder(output, source)


def _in_shards(
    collection: Collection,
    options: Mapping[str, Any],
    setup: CollectionOptions,
    shards: ShardOptions,
    *,
    quiet: bool,
    **listing: Any,
) -> RelatedLists:
    """Return the lists of a large collection; in memory if the similarity of the model is not cosine."""
    from recs.bulk.related import related_in_shards
    from recs.related import related_items

    embedder = options["embedder"]
    if embedder is not None and embedder.spec.similarity != "cosine" and not shards.are_given:
        return related_items(collection, **listing, **options)
    cached_only = options.get("cached_only", False)
    embedding = None if embedder is None else embedding_of(setup.model, setup.cache, cached_only=cached_only)
    progress = shard_progress(len(collection.public), quiet=quiet)
    place: dict[str, Any] = {"runner": shards.make_runner(), "folder": shards.folder, "progress": progress}
    return related_in_shards(collection, embedding, signals=options["signals"], **listing, **place)


def _write(lists: RelatedLists, output: OutputOptions) -> None:
    """Write the lists to the file that -o names, or to stdout: a sample of them on a terminal."""
    from recs.writers.related import render_related, write_related

    if output.target:
        write_related(lists, output.target, format=output.form)
        if not output.quiet:
            say(f"wrote {output.shown}")
    elif output.form == "table" or (output.form is None and sys.stdout.isatty()):
        emit(sample_table(lists, samples=_SAMPLES))
        if not output.quiet:
            say(f"\nall {len(lists):,} lists: recs {shlex.join(_without_format(sys.argv))} -o related.json")
    else:
        emit(render_related(lists, format=output.form or "json"))


def _new_text(text: str | None, draft: Path | None) -> str:
    """Return the plain text that --text or --file names; `SourceError` if the file cannot be read or is empty."""
    from recs.errors import SourceError
    from recs.readers.read import read_texts

    if text is not None and draft is not None:
        raise click.UsageError("--text and --file: choose one.")
    if draft is None:
        return text or ""
    from recs.readers.folders.documents import markup_of
    from recs.readers.json_files import read_text

    try:
        body = read_text(draft.read_bytes(), str(draft))
    except OSError as error:
        raise SourceError(f"{draft}: cannot be read ({error.strerror}).") from error
    markup = markup_of(draft.suffix)
    (plain,), (title,) = read_texts([{"text": body} if markup != "html" else {"html": body}])
    return f"{title}\n\n{plain}" if title else plain


def _where(rules: RuleOptions) -> dict[str, list[str]]:
    """Return the filters for what is like a new text; it takes none of the other rules."""
    if rules.exclude or rules.max_age or rules.prefer_recent or rules.fill:
        raise click.UsageError("--text and --file take --include alone, as in --include since=2024.")
    return filters_of(rules.include, "--include")


def _relate_text(
    source: str, text: str, output: OutputOptions, setup: CollectionOptions, *, k: int, where: dict[str, list[str]]
) -> None:
    """Write the items that are most like a new text."""
    if output.form not in (None, "json", "jsonl", "table"):
        raise click.UsageError(f"a new text has no page for --format {output.form}; choose json, jsonl or table.")
    from recs.cli.search import opened_index, write_hits
    from recs.search import related_to

    with opened_index(source, setup, signals="auto", quiet=output.quiet) as index:
        write_hits([""], [related_to(text, index, k, where=where)], output, key="related")


def _without_format(argv: Sequence[str]) -> list[str]:
    """Return the arguments of this run without --format and its value."""
    pairs = zip(argv[1:], argv, strict=False)
    return [argument for argument, before in pairs if "--format" not in (before, argument.partition("=")[0])]


def _existing(previous: Path | None) -> Path | None:
    """Return the earlier result; None, with a note, if there is no such file, as in a first run."""
    if previous is None or previous.exists():
        return previous
    say(f"note: {previous}: there is no such file; nothing was compared with an earlier result")
    return None


def _check_shrinking(count: int, previous: Path, *, strict: bool) -> None:
    """Warn if fewer than half of the items of an earlier result are left; `SourceError` with --strict."""
    from recs.errors import SourceError
    from recs.ranking.previous import earlier_lists

    before = len(earlier_lists(previous))
    if 2 * count >= before:
        return
    what = f"{counted(count, 'item is', 'items are')} left of the {before:,} in {previous}"
    if strict:
        raise SourceError(f"{what}; nothing was written (--strict).")
    say(f"warning: {what}; --strict makes this an error")
