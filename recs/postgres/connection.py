"""A connection to PostgreSQL. No message has the password, nor a part of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from recs.errors import MissingDependencyError, OptionError, OutputError, SourceError

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.sql import Composed

_CONNECT_SECONDS = 15
_NAME = re.compile("[a-z_][a-z0-9_]{0,62}")
_EXPECTED = "expected postgresql://USER@HOST/DATABASE"


def opened_connection(address: str) -> Connection[tuple[object, ...]]:
    """Return a connection in which each statement is a transaction, if none is begun.

    Raises
    ------
    MissingDependencyError
        If psycopg is not installed.
    OptionError
        If the address is not that of a PostgreSQL database.
    SourceError
        If there is no connection.
    """
    psycopg = _psycopg()
    check_address(address)
    try:
        parts = psycopg.conninfo.conninfo_to_dict(address)
    except psycopg.Error:
        # The message of the library repeats a part of the address, and that may be a part of the password.
        raise OptionError(f"the address of the database cannot be read, {_EXPECTED}.") from None
    secret = str(parts.get("password") or "")
    parts.setdefault("connect_timeout", _CONNECT_SECONDS)
    parts.setdefault("application_name", "recs")
    try:
        return psycopg.connect(**parts, autocommit=True)  # type: ignore[no-any-return]
    except psycopg.Error as error:
        raise SourceError(f"{place(address)}: no connection ({first_line(error, secret)}).") from None


def check_address(address: str) -> None:
    """Raise `OptionError` unless an address is that of a database and its parts can be told from each other.

    Examples
    --------
    >>> check_address("postgresql://reader@localhost/site")
    """
    scheme, mark, rest = address.partition("://")
    if not mark or scheme not in ("postgresql", "postgres"):
        raise OptionError(f"the address of the database does not begin with postgresql://, {_EXPECTED}.")
    authority = re.split("[/?]", rest, maxsplit=1)[0]
    if authority.count("@") > 1 or rest.count("@") > authority.count("@") or "#" in rest:
        raise OptionError(
            "the address of the database has a character in its user or password that must be written in another way: "
            "@ as %40, / as %2F, # as %23, ? as %3F, : as %3A."
        )


def place(address: str) -> str:
    """Return the address of a database without user, password and options.

    Examples
    --------
    >>> place("postgresql://me:secret@db.example.org:5433/site?sslmode=require")
    'postgresql://db.example.org:5433/site'
    """
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{unquote(parts.path)}"


@contextmanager
def told(address: str, what_is_kept: str = "") -> Iterator[None]:
    """Turn an error of the database into an `OutputError`, whose message ends with `what_is_kept`."""
    psycopg = _psycopg()
    try:
        yield
    except psycopg.Error as error:
        secret = unquote(urlsplit(address).password or "")
        what = first_line(error, secret)
        raise OutputError(f"{place(address)}: {what}.{what_is_kept and ' ' + what_is_kept}") from None


def formatted(text: str, schema: str, **names: str) -> Composed:
    """Return SQL with the schema and other names in their places, each quoted."""
    from psycopg import sql

    identifiers = {key: sql.Identifier(name) for key, name in {"schema": schema, **names}.items()}
    return sql.SQL(text).format(**identifiers)


def check_name(name: str, what: str = "schema") -> None:
    """Raise `OptionError` for the name of a schema that would have to be quoted.

    Examples
    --------
    >>> check_name("recs")
    """
    if not _NAME.fullmatch(name) or name.startswith("pg_"):
        raise OptionError(f"the {what} is {name[:70]!r}, expected a name of small letters, digits and _, but not pg_….")


def first_line(error: Exception, secret: str = "") -> str:
    """Return the first line of a message of the database, without the password."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    line = " ".join(lines[0].split())[:300].rstrip(".")
    return line.replace(secret, "…") if secret else line


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise MissingDependencyError("PostgreSQL", "psycopg 3", "postgres") from error
    return psycopg
