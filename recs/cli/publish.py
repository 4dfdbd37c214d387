"""`recs publish`: an index or related lists in a PostgreSQL database, where a site reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from recs.cli.common.options import quiet_option
from recs.cli.common.terminal import emit, printable, say, working
from recs.text.counts import counted

if TYPE_CHECKING:
    from recs.postgres.published import Published
    from recs.postgres.publishing import Publication

_IDS_SHOWN = 5


@click.command("publish")
@click.argument("source", required=False)
@click.option("--to", required=True, metavar="URL", help="The database: postgresql://USER@HOST/DATABASE")
@click.option("--schema", default="recs", show_default=True, metavar="NAME", help="The schema of recs in it.")
@click.option("--halfvec", is_flag=True, help="Store vectors with 16 bits for each number: half the space.")
@click.option("--allow-shrink", is_flag=True, help="Publish also if more than half of the items have gone.")
@click.option("--rollback", type=click.Choice(["index", "lists"]), help="Serve the version before again.")
@click.option("--remove", multiple=True, metavar="ID", help="Hide this item at once, now and in later versions.")
@click.option("--restore", multiple=True, metavar="ID", help="Show an item again that was hidden.")
@quiet_option
def command(
    *,
    source: str | None,
    to: str,
    schema: str,
    halfvec: bool,
    allow_shrink: bool,
    rollback: str | None,
    remove: Sequence[str],
    restore: Sequence[str],
    quiet: bool,
) -> None:
    """Publish SOURCE, an index or a result of `recs related`, in a PostgreSQL database with pgvector.

    It is loaded beside the version that is served, checked, and then served in one step. Items that have gone are
    hidden before that. Without SOURCE and without an action, this prints which versions are served.

    A password is better in the variable PGPASSWORD or in the file of passwords of PostgreSQL than in URL.
    """
    if source is not None and (rollback or remove or restore):
        raise click.UsageError("--rollback, --remove and --restore have no SOURCE.")
    if source is not None:
        from recs.postgres.publishing import publish_result

        with working(quiet=quiet) as report:
            done = publish_result(source, to, schema=schema, halfvec=halfvec, allow_shrink=allow_shrink, report=report)
        _report(done, quiet=quiet)
        return
    from recs.postgres.published import open_published

    with open_published(to, schema=schema) as published:
        if rollback:
            version = published.rollback(rollback)
            if not quiet:
                say(f"served: version {version.number} of the {version.kind}, {counted(version.items, 'item')}")
        for name in published.remove(remove):
            say(f"note: no version has the item {name!r}; it will be hidden if one has it later")
        for name in published.restore(restore):
            say(f"note: the item {name!r} was not hidden")
        if not (rollback or remove or restore):
            emit(_table(published))


def _report(done: Publication, *, quiet: bool) -> None:
    if done.left_out:
        shown = ", ".join(repr(name) for name in done.left_out[:_IDS_SHOWN])
        say(f"left out: {counted(len(done.left_out), 'item')} whose id PostgreSQL cannot hold: {shown}")
    if done.replaced:
        texts = counted(done.replaced, "item has", "items have")
        say(f"note: {texts} a character that PostgreSQL cannot hold; it is U+FFFD there")
    if quiet:
        return
    rows = counted(done.rows, "passage") if done.kind == "index" else counted(done.rows, "match", "matches")
    state = "published" if done.is_new else "unchanged"
    say(f"{state}: version {done.number} of the {done.kind}, {counted(done.items, 'item')}, {rows}")
    if done.gone:
        say(f"hidden: {counted(done.gone, 'item')} that this version does not have")
    if done.hidden:
        say(f"note: {counted(done.hidden, 'item')} of this version stay hidden; show one with --restore ID")


def _table(published: Published) -> str:
    lines = [
        f"{version.kind:<6} {version.state:<9} version {version.number:<4} {version.items:>9,} items "
        f"{version.rows:>9,} {'passages' if version.kind == 'index' else 'matches':<9} {version.made:%Y-%m-%d %H:%M} "
        f"{printable(version.model or 'words alone')}"
        for version in published.versions
    ]
    return "\n".join(lines or ["nothing is published"]) + "\n"
