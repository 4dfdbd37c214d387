"""A database for the tests of PostgreSQL, and a schema of its own for each of them."""

import itertools

import psycopg
import pytest

_NUMBERS = itertools.count(1)


@pytest.fixture
def database(postgres):
    return f"postgresql://{postgres['PGUSER']}@/postgres?host={postgres['PGHOST']}&port={postgres['PGPORT']}"


@pytest.fixture
def connection(database):
    with psycopg.connect(database, autocommit=True) as opened:
        yield opened


@pytest.fixture
def schema(connection):
    name = f"site{next(_NUMBERS)}"
    yield name
    connection.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
