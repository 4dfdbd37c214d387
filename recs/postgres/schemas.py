"""Who may publish into a schema now, the extension that it needs, and what recs makes in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recs.errors import OptionError, OutputError
from recs.postgres import definitions
from recs.postgres.connection import check_name, first_line, formatted, place

if TYPE_CHECKING:
    from psycopg import Connection


def lock_publishers(connection: Connection[Any], schema: str, to: str) -> None:
    """Take the lock of the publishers of a schema until the connection ends; `OutputError` if another one holds it.

    It waits for a moment: the server may not have seen yet that the connection of the one before has ended.
    """
    from psycopg.errors import LockNotAvailable

    connection.execute("SET lock_timeout = '2s'")
    try:
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"recs.publish {schema}"])
    except LockNotAvailable:
        raise OutputError(
            f"{place(to)}: another publication into {schema} is running; try again when it has ended."
        ) from None
    connection.execute("RESET lock_timeout")


def make_schema(connection: Connection[Any], schema: str, vectors: str) -> None:
    """Make the tables, views and functions of a schema, or bring views and functions up to date.

    Raises `OptionError` if there is a schema of this name with something else in it.
    """
    row = connection.execute(
        "SELECT obj_description(n.oid, 'pg_namespace'), EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid) "
        "FROM pg_namespace n WHERE nspname = %s",
        [schema],
    ).fetchone()
    comment, is_used = row or (None, False)
    if comment == definitions.COMMENT:
        return
    if is_used and not definitions.is_own(comment):
        raise OptionError(f"the schema {schema!r} has tables of something else; choose another one with --schema.")
    commands = [] if row else ["CREATE SCHEMA {schema}"]
    commands += [] if definitions.is_own(comment) else [definitions.TABLES]
    commands += [
        "SELECT '[1]'::{vectors}.vector",  # its library is loaded, and with it the names of its settings
        definitions.REPLACED,
        f"COMMENT ON SCHEMA {{schema}} IS '{definitions.COMMENT}'",
    ]
    with connection.transaction():
        for command in commands:
            connection.execute(formatted(command, schema, vectors=vectors))


def schema_of_vectors(connection: Connection[tuple[object, ...]], address: str) -> str:
    """Return the schema of the extension pgvector; it is installed if that is allowed and it is not there yet."""
    import psycopg

    query = (
        "SELECT n.nspname, e.extversion FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
        "WHERE e.extname = 'vector'"
    )
    row = connection.execute(query).fetchone()
    if row is None:
        try:
            connection.execute("CREATE EXTENSION vector")
        except psycopg.Error as error:
            raise OutputError(
                f"{place(address)}: no extension pgvector ({first_line(error)}); ask for: CREATE EXTENSION vector"
            ) from None
        row = connection.execute(query).fetchone() or ("public", "0")
    name, version = map(str, row)
    if tuple(map(int, version.split(".")[:2])) < (0, 8):
        raise OutputError(f"{place(address)}: pgvector {version}, expected 0.8 or newer; ask for an update of it.")
    check_name(name, "schema of pgvector")
    return name
