"""`recs related`: the related list of every item."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.options import (
    cache_options,
    model_options,
    opened_cache,
    output_options,
    read_source,
    source_argument,
    source_options,
)
from recs.cli.terminal import embedding_progress, emit, report_reading, report_related, sample_table, say

if TYPE_CHECKING:
    from recs.cache import Cache
    from recs.embedder import Embedder
    from recs.related import RelatedLists

_SAMPLES = 5


@click.command("related")
@source_argument
@click.option("-k", type=click.IntRange(min=0), default=5, show_default=True, help="Entries a list.")
@click.option(
    "--signals",
    type=click.Choice(["auto", "dense", "terms"]),
    default="auto",
    show_default=True,
    help="Rank by vectors, by terms without a model, or by vectors where a model is at hand.",
)
@output_options("json", "jsonl", "csv", "hugo", "table")
@source_options
@model_options
@cache_options
def command(
    *, source: str, k: int, signals: Any, output: Path | None, form: str | None, quiet: bool, **values: Any
) -> None:
    """Write the related list of every public item of SOURCE.

    Without -o: a few sample lists on a terminal, the whole result as JSON into a pipe.
    """
    from recs.related import related_items

    if form == "table" and output:
        raise click.UsageError("a table is for the terminal; choose another --format with -o.")
    collection = read_source(source, values)
    with opened_cache(values) as cache, embedding_progress(quiet=quiet) as progress:
        lists = related_items(
            collection,
            k=k,
            signals=signals,
            embedder=_embedder(signals, values, cache),
            cache=cache or False,
            overflow=values["overflow"],
            progress=progress,
        )
    if not quiet:
        report_reading(collection)
        report_related(lists)
    _write(lists, source, output=output, form=form, quiet=quiet)


def _embedder(signals: str, values: Mapping[str, Any], cache: Cache | None) -> Embedder | None:
    """Return the embedder that the options name; None where there is none and terms may do without."""
    from recs.embed import find_embedder
    from recs.errors import ModelNotFoundError
    from recs.models import DEFAULT_MODEL

    if signals == "terms":
        return None
    options = {name: values[name] for name in ("device", "precision", "offline")}
    try:
        return find_embedder(values["model"] or DEFAULT_MODEL, cache, **options)
    except ModelNotFoundError:
        if signals == "dense" or values["model"]:
            raise
        return None


def _write(lists: RelatedLists, source: str, *, output: Path | None, form: str | None, quiet: bool) -> None:
    """Write the result where it belongs: a file, a table on a terminal, JSON into a pipe."""
    from recs.writers import render_related, write_related

    if output:
        write_related(lists, output, format=form)
        if not quiet:
            say(f"wrote {output}")
    elif form == "table" or (form is None and sys.stdout.isatty()):
        emit(sample_table(lists, samples=_SAMPLES))
        if not quiet:
            say(f"\nall {len(lists):,} lists: recs related {shlex.quote(source)} -o related.json")
    else:
        emit(render_related(lists, format=form or "json"))
