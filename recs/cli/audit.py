"""`recs audit`: orphans, hubs, duplicates, and links worth adding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from recs.cli.common.option_values import CollectionOptions, OutputOptions
from recs.cli.common.options import collection_options, output_options, source_argument
from recs.cli.common.session import opened_collection, report_embedding, write_report
from recs.cli.common.terminal import heading
from recs.text.counts import counted

if TYPE_CHECKING:
    from recs.evaluation.audit import Audit
    from recs.items import Collection

_SHOWN = 10


@click.command("audit")
@source_argument
@click.option("-k", type=click.IntRange(min=1), default=5, show_default=True, help="Entries in each list.")
@output_options("json", "table")
@collection_options
def command(*, source: str, k: int, output: OutputOptions, setup: CollectionOptions) -> None:
    """Find what an editor of SOURCE should repair: orphans, hubs, duplicates, items without an incoming link.

    Without -o: the first of each kind, as text. With -o or --format json: everything, as JSON.
    """
    from recs.evaluation.audit import audit_related

    with opened_collection(source, setup, quiet=output.quiet, report=report_embedding) as (collection, options):
        audit = audit_related(collection, k=k, **options)
    write_report(audit.to_dict(), _text(audit, collection), output)


def _text(audit: Audit, collection: Collection) -> str:
    named = {item.id: f"{item.id}  {heading(item)}" if item.title != item.id else item.id for item in collection}
    unlinked = (
        f"{named[name]}\n" + "\n".join(f"      {one.score:.3f}  from {named[one.source]}" for one in candidates)
        for name, candidates in audit.unlinked.items()
    )
    hubs = (f"{count:4}  {named[name]}" for name, count in audit.hubs.items())
    lines = [
        f"{counted(audit.items, 'item')}, lists of {audit.k}",
        *_section(
            ("is", "are"),
            "in no list (recs related --min-inbound 1 puts each into one)",
            map(named.__getitem__, audit.orphans),
        ),
        *_section(("is", "are"), "in more than four times as many lists as others", hubs),
        *_section(("group", "groups"), "of items with the same text, or nearly", map(" = ".join, audit.duplicates)),
        *_section(("has", "have"), "no link from another item; where a link would fit", unlinked),
    ]
    return "\n".join(lines) + "\n"


def _section(words: tuple[str, str], what: str, rows: Iterable[str]) -> list[str]:
    """Return a heading and the first rows; `words` are those after a count of one, and of several."""
    lines = list(rows)
    more = [f"  … and {len(lines) - _SHOWN:,} more"] if len(lines) > _SHOWN else []
    return ["", f"{counted(len(lines), *words)} {what}", *(f"  {line}" for line in lines[:_SHOWN]), *more]
