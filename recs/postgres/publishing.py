"""Publish an index or related lists: what has gone is hidden, the new version is loaded, and then it is served.

1. An item that is in the served version and not in the new one was deleted or closed: it is hidden at once.
2. The new version is loaded, indexed and checked (`recs.postgres.staging`); nobody sees it.
3. One transaction makes it the served one. The one before is kept for `Published.rollback`; older ones are dropped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING, Any

from recs.errors import OptionError
from recs.postgres import definitions
from recs.postgres.connection import check_address, check_name, formatted, opened_connection, told
from recs.postgres.rows import is_storable
from recs.postgres.schemas import lock_publishers, make_schema, schema_of_vectors
from recs.postgres.sources import IndexSource, Kind, ListsSource, opened_source
from recs.postgres.staging import Staging, names_of
from recs.ranking.lists import RelatedLists
from recs.retrieval.index import Index

if TYPE_CHECKING:
    from psycopg import Connection

_KEPT = "The version before is served."
_ATTEMPTS = 20
_FEW = 10  # items: a small collection may lose most of them


@dataclass(frozen=True)
class Publication:
    """What was published.

    Attributes
    ----------
    kind, number
        "index" or "lists", and the number of the version.
    items, rows
        How many items it has, and how many passages or matches.
    is_new
        False if the served version is the same already; then nothing was loaded.
    gone
        How many items of the version before are not in it. They were hidden before it was loaded.
    hidden
        How many of its items are hidden: a person removed them, or they have gone from what else was published.
    left_out
        Ids that PostgreSQL cannot hold; these items were not published.
    replaced
        How many items have a character that PostgreSQL cannot hold: it is U+FFFD there.
    """

    kind: Kind
    number: int
    items: int
    rows: int
    is_new: bool = True
    gone: int = 0
    hidden: int = 0
    left_out: tuple[str, ...] = ()
    replaced: int = 0


def publish_result(
    source: Index | RelatedLists | str | os.PathLike[str],
    to: str,
    *,
    schema: str = "recs",
    halfvec: bool = False,
    allow_shrink: bool = False,
    report: Callable[[str], None] | None = None,
) -> Publication:
    """Publish an index or related lists in a PostgreSQL database; readers see the old version or the new one.

    Parameters
    ----------
    source
        An index with vectors, or related lists; or the folder or the file that `recs index` or `recs related` wrote.
    to
        The address: postgresql://USER@HOST/DATABASE. What is left out comes from the variables of libpq, such as
        PGPASSWORD, and its file of passwords.
    schema
        The schema of recs in the database; it is made if it is not there.
    halfvec
        Store vectors with 16 bits for each number: half the space, and the scores differ after the third digit.
    allow_shrink
        Publish also if more than half of the items that are served have gone. It is an error else, since what has gone
        is hidden at once.
    report
        Is told what is done: "hide", "copy", "index", "check", "switch", "drop".

    Raises
    ------
    SourceError
        If the source cannot be read, or the database cannot be reached.
    OptionError
        If the index has no vectors or too many dimensions, the address or the schema cannot be used, or more than half
        of the items have gone.
    OutputError
        If the database fails, or another publication is running. The version before is served as it was, without what
        has gone.
    MissingDependencyError
        If psycopg is not installed.

    Notes
    -----
    An index of 300,000 passages with 384 dimensions takes about two minutes (docs/benchmarks.md), most of it for the
    HNSW index.

    Examples
    --------
    >>> publish_result("related.json", "mysql://localhost/site")
    Traceback (most recent call last):
    recs.errors.OptionError: the address of the database does not begin with postgresql://, \
expected postgresql://USER@HOST/DATABASE.
    """
    check_name(schema)
    check_address(to)
    opened = opened_source(source, halfvec=halfvec)
    with opened_connection(to) as connection, told(to, _KEPT):
        lock_publishers(connection, schema, to)
        vectors = schema_of_vectors(connection, to)
        make_schema(connection, schema, vectors)
        publisher = _Publisher(connection, schema, vectors, report or (lambda _: None))
        return publisher.publish(opened, allow_shrink=allow_shrink)


@dataclass(frozen=True)
class _Publisher:
    connection: Connection[Any]
    schema: str
    vectors: str
    report: Callable[[str], None]

    def publish(self, source: IndexSource | ListsSource, *, allow_shrink: bool) -> Publication:
        self._drop_old()
        earlier = self._served(source)
        self.report("hide")
        gone = self._hide(source, allow_shrink=allow_shrink)
        if earlier is not None:
            self._show(source.kind, earlier[0])
            return Publication(source.kind, *earlier, is_new=False, gone=gone, hidden=self._hidden(earlier[0]))
        number = self._new_version(source)
        staging = Staging(self.connection, source, number, names_of(number, self.schema, self.vectors), self.report)
        items, others = staging.load()
        self.report("switch")
        self._finish(number, items.rows, others.rows, f"{items.sum} {others.sum}", sorted(items.fields))
        self._switch(source.kind, number)
        self.report("drop")
        self._drop_old()
        return Publication(
            source.kind,
            number,
            items.rows,
            others.rows,
            gone=gone,
            hidden=self._hidden(number),
            left_out=tuple(items.left_out.values()),
            replaced=items.replaced,
        )

    def _execute(self, command: str, values: Sequence[Any] = (), **names: str) -> Any:
        return self.connection.execute(formatted(command, self.schema, **names), list(values) or None)

    def _served(self, source: IndexSource | ListsSource) -> tuple[int, int, int] | None:
        """Return number and size of the served version if it has the same content."""
        query = "SELECT number, items, rows FROM {schema}.versions WHERE kind = %s AND state = 'live' AND source = %s"
        row: tuple[int, int, int] | None = self._execute(query, [source.kind, source.digest]).fetchone()
        return row

    def _hide(self, source: IndexSource | ListsSource, *, allow_shrink: bool) -> int:
        """Hide the items that are in the served version, or in the one before, and not in the new one."""
        with self.connection.transaction():
            self.connection.execute('CREATE TEMP TABLE recs_ids (id text COLLATE "C") ON COMMIT DROP')
            with self.connection.cursor() as cursor, cursor.copy("COPY recs_ids FROM STDIN") as copy:
                for name in filter(is_storable, source.ids()):
                    copy.write_row((name,))
            self.connection.execute("CREATE INDEX ON recs_ids USING hash (id)")
            self.connection.execute("ANALYZE recs_ids")
            counts = self._execute(
                "SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (SELECT FROM recs_ids n WHERE n.id = i.id)) "
                "FROM {schema}.all_items i JOIN {schema}.versions v ON v.number = i.version "
                "WHERE v.kind = %s AND v.state = 'live'",
                [source.kind],
            ).fetchone()
            served, gone = counts
            if gone > max(_FEW, served / 2) and not allow_shrink:
                raise OptionError(
                    f"{gone:,} of the {served:,} items that are served are not in what is published. They would be "
                    "hidden at once, so nothing was done; if they are to go: --allow-shrink"
                )
            self._execute(
                "INSERT INTO {schema}.removed (id, by) SELECT DISTINCT i.id, v.kind "
                "FROM {schema}.all_items i JOIN {schema}.versions v ON v.number = i.version "
                "WHERE v.kind = %s AND v.state IN ('live', 'previous') "
                "AND NOT EXISTS (SELECT FROM recs_ids n WHERE n.id = i.id) "
                "AND NOT EXISTS (SELECT FROM {schema}.removed r WHERE r.id = i.id AND r.by = v.kind)",
                [source.kind],
            )
        return int(gone)

    def _new_version(self, source: IndexSource | ListsSource) -> int:
        head = {"kind": source.kind, "source": source.digest, **source.head}
        columns, values = ", ".join(head), ", %s" * len(head)
        query = f"INSERT INTO {{schema}}.versions (state, {columns}) VALUES ('staged'{values}) RETURNING number"
        return int(self._execute(query, list(head.values())).fetchone()[0])

    def _finish(self, number: int, items: int, rows: int, digest: str, fields: list[str]) -> None:
        query = "UPDATE {schema}.versions SET items = %s, rows = %s, digest = %s, fields = %s WHERE number = %s"
        self._execute(query, [items, rows, digest, fields, number])

    def _switch(self, kind: Kind, number: int) -> None:
        """Serve a version."""
        with self.connection.transaction():
            self._execute(definitions.LOCK)
            for old, new in (("previous", "old"), ("live", "previous")):
                query = "UPDATE {schema}.versions SET state = %s WHERE kind = %s AND state = %s"
                self._execute(query, [new, kind, old])
            self._execute("UPDATE {schema}.versions SET state = 'live' WHERE number = %s", [number])
            self._show(kind, number)

    def _show(self, kind: Kind, number: int) -> None:
        """Show again what a version has and an earlier publication of its kind had hidden."""
        query = (
            "DELETE FROM {schema}.removed r USING {schema}.all_items i "
            "WHERE r.by = %s AND i.version = %s AND i.id = r.id"
        )
        self._execute(query, [kind, number])

    def _hidden(self, number: int) -> int:
        query = (
            "SELECT count(*) FROM {schema}.all_items i WHERE i.version = %s "
            "AND EXISTS (SELECT FROM {schema}.removed r WHERE r.id = i.id)"
        )
        return int(self._execute(query, [number]).fetchone()[0])

    def _drop_old(self) -> None:
        """Drop the versions that nobody can see any more: old ones, and those of publications that failed.

        A partition cannot be dropped while somebody reads its table. Readers that come then wait, so this waits for a
        moment only, several times; what is left is dropped by the next publication.
        """
        from psycopg.errors import LockNotAvailable

        query = "SELECT number FROM {schema}.versions WHERE state IN ('old', 'staged') ORDER BY number"
        for (number,) in self._execute(query).fetchall():
            for _ in range(_ATTEMPTS):
                try:
                    self._drop(number)
                    break
                except LockNotAvailable:
                    sleep(0.05)

    def _drop(self, number: int) -> None:
        names = names_of(number, self.schema, self.vectors)
        with self.connection.transaction():
            self.connection.execute("SET LOCAL lock_timeout = '100ms'")
            for table in ("items", "lists", "passages"):
                self.connection.execute(formatted(f"DROP TABLE IF EXISTS {{schema}}.{{{table}}}", **names))
            self._execute("DELETE FROM {schema}.versions WHERE number = %s", [number])
