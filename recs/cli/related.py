"""`recs related`: the related list of every item."""

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from recs.cli.options import file_option, output_options, read_rules, rule_options, source_argument
from recs.cli.session import collection_options, opened_collection
from recs.cli.terminal import emit, report_related, sample_table, say

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
@rule_options
@output_options("json", "jsonl", "csv", "hugo", "table")
@collection_options
def command(source: str, output: Path | None, form: str | None, quiet: bool, **values: Any) -> None:
    """Write the related list of every public item of SOURCE.

    Without -o: a few sample lists on a terminal, or the whole result as JSON into a pipe.
    """
    from recs.related import related_items
    from recs.writers.related import render_related, write_related

    if form == "table" and output:
        raise click.UsageError("a table is for the terminal; choose another --format with -o.")
    if values["strict"] and not values["previous"]:
        raise click.UsageError("--strict compares with an earlier result; name it: --previous FILE.")
    previous = _existing(values["previous"])
    own = {**{name: values[name] for name in ("k", "tuned", "why")}, "previous": previous}
    rules = read_rules(values)
    with opened_collection(source, {**values, "quiet": quiet}) as (collection, options):
        lists = related_items(collection, rules=rules, **own, **options)
    if not quiet:
        report_related(lists)
    if previous:
        _check_shrinking(len(lists), previous, strict=values["strict"])
    if output:
        write_related(lists, output, format=form)
        if not quiet:
            say(f"wrote {output}")
    elif form == "table" or (form is None and sys.stdout.isatty()):
        emit(sample_table(lists, samples=_SAMPLES))
        if not quiet:  # the arguments of this run without what asked for a table
            pairs = zip(sys.argv[1:], sys.argv, strict=False)
            kept = [one for one, before in pairs if before != "--format" and one.partition("=")[0] != "--format"]
            say(f"\nall {len(lists):,} lists: recs {shlex.join(kept)} -o related.json")
    else:
        emit(render_related(lists, format=form or "json"))


def _existing(previous: Path | None) -> Path | None:
    """Return the earlier result, or None and say so where there is no such file: it is not there in a first run."""
    if previous is None or previous.exists():
        return previous
    say(f"note: {previous}: there is no such file; nothing was compared with an earlier result")
    return None


def _check_shrinking(count: int, previous: Path, *, strict: bool) -> None:
    """Warn where fewer than half of the items of an earlier result are left; `SourceError` with --strict."""
    from recs.errors import SourceError
    from recs.ranking.previous import earlier_lists

    before = len(earlier_lists(previous))
    if 2 * count >= before:
        return
    what = f"{count:,} items are left of the {before:,} in {previous}"
    if strict:
        raise SourceError(f"{what}; nothing was written (--strict).")
    say(f"warning: {what}; --strict makes this an error")
