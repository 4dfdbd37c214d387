"""A version that is loaded beside the one that is served: its tables, its indexes, and a check of what has arrived."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recs.errors import OutputError
from recs.postgres import definitions, rows
from recs.postgres.connection import formatted
from recs.postgres.rows import Counted
from recs.postgres.sources import IndexSource, ListsSource

if TYPE_CHECKING:
    from psycopg import Connection

Report = Callable[[str], None]
_MEMORY = "1GB"  # for the index of 300,000 x 384: with less, it is built on disk and takes several times as long


def names_of(number: int, schema: str, vectors: str) -> dict[str, str]:
    """Return the names that SQL of a version has: its tables, and the schema of pgvector."""
    tables = {table: f"{table}_{number}" for table in ("items", "lists", "passages")}
    return {"schema": schema, "vectors": vectors, **tables}


@dataclass(frozen=True)
class Staging:
    """A version that is being loaded.

    Attributes
    ----------
    connection, source, number, names
        Where, what, its number, and the names of its tables: see `names_of`.
    report
        Is told what is done: "copy", "index", "check".
    """

    connection: Connection[Any]
    source: IndexSource | ListsSource
    number: int
    names: dict[str, str]
    report: Report

    def load(self) -> tuple[Counted, Counted]:
        """Load the version in one transaction; return what its items are, and its passages or matches.

        If anything fails, nothing is left of it. Raises `OutputError` if the server has not what was sent.
        """
        items, others = Counted(), Counted()
        source = self.source
        table, digest = ("lists", rows.DIGEST_OF_LISTS)
        with self.connection.transaction():
            if isinstance(source, ListsSource):
                self._execute(definitions.tables_of_version(self.number, None, 0))
            else:
                self._execute(definitions.tables_of_version(self.number, source.storage, source.dim))
                table, digest = ("passages", rows.DIGEST_OF_PASSAGES)
            self.report("copy")
            self._copy("items", definitions.ITEM_COLUMNS, rows.item_rows(self.number, source.items(), items))
            if isinstance(source, ListsSource):
                matches = rows.list_rows(self.number, source.lists, others)
                self._copy("lists", definitions.LIST_COLUMNS, matches)
            else:
                self._copy_blocks(rows.passage_blocks(source.index, source.storage, others, items.left_out))
            self.report("index")
            self._make_indexes(table)
            self.report("check")
            self._check("items", rows.DIGEST_OF_ITEMS, items)
            self._check(table, digest, others)
            self._attach(table)
        return items, others

    def _execute(self, command: str, **names: str) -> Any:
        return self.connection.execute(formatted(command, **{**self.names, **names}))

    def _copy(self, table: str, columns: tuple[tuple[str, str], ...], values: Iterable[tuple[Any, ...]]) -> None:
        listed = ", ".join(f'"{name}"' for name, _ in columns)
        command = formatted(f"COPY {{schema}}.{{{table}}} ({listed}) FROM STDIN (FORMAT BINARY)", **self.names)
        with self.connection.cursor() as cursor, cursor.copy(command) as copy:
            copy.set_types([kind for _, kind in columns])
            for row in values:
                copy.write_row(row)

    def _copy_blocks(self, blocks: Iterable[bytes]) -> None:
        command = formatted("COPY {schema}.{passages} FROM STDIN (FORMAT BINARY)", **self.names)
        with self.connection.cursor() as cursor, cursor.copy(command) as copy:
            for block in blocks:
                copy.write(block)

    def _make_indexes(self, table: str) -> None:
        self._execute(f"SET LOCAL maintenance_work_mem = '{_MEMORY}'")
        kind = table if isinstance(self.source, ListsSource) else self.source.storage
        for command in definitions.INDEXES["items"] + definitions.INDEXES[kind]:
            self._execute(command)
        for each in ("items", table):
            self._execute(f"ANALYZE {{schema}}.{{{each}}}")

    def _check(self, table: str, query: str, counted: Counted) -> None:
        """Compare the rows of a table and their digest with what was sent."""
        storage = getattr(self.source, "storage", "vector")
        count, digest = self._execute(query, table=self.names[table], send=f"{storage}_send").fetchone()
        if (count, int(digest)) != (counted.rows, counted.sum):
            raise OutputError(
                f"the database has {count:,} rows of {table} with the digest {digest}, expected {counted.rows:,} with "
                f"{counted.sum}; nothing was published."
            )

    def _attach(self, table: str) -> None:
        for each in ("items", "lists") if table == "lists" else ("items",):
            table_of_all = f"{{schema}}.all_{each}"
            values = f"FOR VALUES IN ({self.number})"
            self._execute(f"ALTER TABLE {table_of_all} ATTACH PARTITION {{schema}}.{{{each}}} {values}")
