"""`recs audit`: orphans, hubs, duplicates, and links worth adding."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.options import (
    cache_options,
    model_options,
    opened_cache,
    optional_embedder,
    output_options,
    read_source,
    source_argument,
    source_options,
)
from recs.cli.terminal import embedding_progress, emit, heading, say

if TYPE_CHECKING:
    from recs.audit import Audit
    from recs.items import Item

_SHOWN = 10


@click.command("audit")
@source_argument
@click.option("-k", type=click.IntRange(min=1), default=5, show_default=True, help="Entries in a related list.")
@output_options("json", "table")
@source_options
@model_options
@cache_options
def command(*, source: str, k: int, output: Path | None, form: str | None, quiet: bool, **values: Any) -> None:
    """Tell what an editor of SOURCE would mend: orphans, hubs, duplicates, items that nobody links to.

    Without -o: the first of each as text. With -o, or --format json: all as JSON.
    """
    from recs.audit import audit_related
    from recs.files import write_atomically
    from recs.signals import TERM_SIGNALS

    collection = read_source(source, values)
    with opened_cache(values) as cache, embedding_progress(quiet=quiet) as progress:
        embedder = optional_embedder(values, cache)
        audit = audit_related(
            collection,
            k=k,
            embedder=embedder,
            signals="auto" if embedder else TERM_SIGNALS,
            cache=cache or False,
            overflow=values["overflow"],
            progress=progress,
        )
    text = json.dumps(audit.to_dict(), indent=1, ensure_ascii=False) + "\n"
    if output:
        write_atomically(output, text.encode("utf-8", "replace"))
        if not quiet:
            say(f"wrote {output}")
    if form != "json" and (not output or form == "table"):
        text = "\n".join(_lines(audit, {item.id: item for item in collection})) + "\n"
    if not output or form == "table":
        emit(text)


def _lines(audit: Audit, items: dict[str, Item]) -> Iterator[str]:
    def named(name: str) -> str:
        return f"{name}  {heading(items[name])}" if items[name].title != name else name

    yield f"{audit.items:,} items, lists of {audit.k}"
    yield f"\n{len(audit.orphans):,} stand in no list (recs related --min-inbound 1 gives each a place)"
    yield from _first(map(named, audit.orphans), len(audit.orphans))
    yield f"\n{len(audit.hubs):,} stand in more than four times as many lists as others"
    yield from _first((f"{count:4}  {named(name)}" for name, count in audit.hubs.items()), len(audit.hubs))
    yield f"\n{len(audit.duplicates):,} groups have one text, or nearly"
    yield from _first((" = ".join(group) for group in audit.duplicates), len(audit.duplicates))
    yield f"\n{len(audit.unlinked):,} are linked by no other item; where a link would fit"
    rows = (
        f"{named(name)}\n" + "\n".join(f"      {one.score:.3f}  from {named(one.source)}" for one in found)
        for name, found in audit.unlinked.items()
    )
    yield from _first(rows, len(audit.unlinked))


def _first(rows: Iterator[str], count: int) -> Iterator[str]:
    for row, _ in zip(rows, range(_SHOWN), strict=False):
        yield f"  {row}"
    if count > _SHOWN:
        yield f"  … and {count - _SHOWN:,} more"
