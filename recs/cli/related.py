"""`recs related`: the related list of every item."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from recs.cli.option_values import CollectionOptions, OutputOptions, RuleOptions
from recs.cli.options import (
    cached_only_option,
    collection_options,
    file_option,
    output_options,
    rule_options,
    source_argument,
)
from recs.cli.repeat import repeatable
from recs.cli.session import opened_collection
from recs.cli.terminal import emit, report_related, sample_table, say
from recs.text.counts import counted

_SAMPLES = 5


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
@click.option("--strict", is_flag=True, help="Write nothing if fewer than half of the items of --previous are left.")
@cached_only_option
@rule_options
@output_options("json", "jsonl", "csv", "hugo", "table")
@collection_options
@repeatable
def command(
    *,
    source: str,
    k: int,
    signals: str,
    tuned: Path | None,
    why: bool,
    previous: Path | None,
    strict: bool,
    cached_only: bool,
    rules: RuleOptions,
    output: OutputOptions,
    setup: CollectionOptions,
) -> None:
    """Write the related list of every public item of SOURCE.

    Without -o: a few sample lists on a terminal, or the whole result as JSON into a pipe.
    """
    from recs.related import related_items
    from recs.writers.related import render_related, write_related

    if output.form == "table" and output.output:
        raise click.UsageError("a table is for the terminal; choose another --format with -o.")
    if strict and not previous:
        raise click.UsageError("--strict compares with an earlier result; name it: --previous FILE.")
    previous = _existing(previous)
    shown = rules.read()
    with opened_collection(source, setup, quiet=output.quiet, signals=signals, cached_only=cached_only) as opened:
        collection, options = opened
        lists = related_items(collection, k=k, rules=shown, tuned=tuned, why=why, previous=previous, **options)
    if not output.quiet:
        report_related(lists)
    if previous:
        _check_shrinking(len(lists), previous, strict=strict)
    if output.output:
        write_related(lists, output.output, format=output.form)
        if not output.quiet:
            say(f"wrote {output.output}")
    elif output.form == "table" or (output.form is None and sys.stdout.isatty()):
        emit(sample_table(lists, samples=_SAMPLES))
        if not output.quiet:
            say(f"\nall {len(lists):,} lists: recs {shlex.join(_without_format(sys.argv))} -o related.json")
    else:
        emit(render_related(lists, format=output.form or "json"))


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
