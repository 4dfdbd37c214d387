"""A version is served as a whole or not at all: while it is switched, and when something fails on the way."""

import json
import os
import sys
import threading
import time
from base64 import b64encode
from dataclasses import replace

import numpy as np
import psycopg
import pytest
from collections_for_sql import edition_of, make_index, make_items, make_lists
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from postgres_server import running_postgres
from standins import make_embedder

import recs
import recs.postgres.rows
from recs.errors import OptionError, OutputError, SourceError
from recs.postgres.definitions import ITEM_COLUMNS, LIST_COLUMNS
from recs.postgres.rows import json_as_stored
from recs.postgres.staging import Staging
from recs.retrieval.segment import Segment
from recs.retrieval.vectors import Vectors

N = 30


def publish_all(database, schema, edition):
    items = make_items(N, edition)
    for source in (make_index(items), make_lists(items)):
        recs.publish_result(source, database, schema=schema)


def editions(connection, schema):
    return {edition_of(title) for (title,) in connection.execute(f"SELECT title FROM {schema}.items")}


def tables(connection, schema):
    query = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = %s::regnamespace"
    return {name for (name,) in connection.execute(query, [schema])}


class Reader(threading.Thread):
    """Asks one statement again and again; `answers` has the editions of each answer, and how many rows it had."""

    def __init__(self, database, statement, values=()):
        super().__init__()
        self.database, self.statement, self.values = database, statement, values
        self.answers, self.failures, self.is_over = [], [], threading.Event()

    def run(self):
        with psycopg.connect(self.database, autocommit=True) as connection:
            while not self.is_over.is_set():
                try:
                    rows = connection.execute(self.statement, self.values).fetchall()
                    titles = {title for row in rows for title in row}
                    self.answers.append((frozenset(map(edition_of, titles)), len(rows)))
                except psycopg.Error as error:
                    self.failures.append(error)


def test_every_answer_is_of_one_version_while_versions_are_published_and_taken_back(database, schema):
    publish_all(database, schema, "first")
    publish_all(database, schema, "second")
    vector = make_embedder().embed(["soil"], role="query").vectors[0].tolist()
    statements = [
        (f"SELECT title FROM {schema}.search(%s::real[], 10)", [vector], 10),
        (f"SELECT title FROM {schema}.items", [], N),
        (f"SELECT title FROM {schema}.related WHERE id = 'item003'", [], 3),
        (
            f"SELECT a.title, b.title FROM {schema}.items a CROSS JOIN {schema}.items b "
            f"JOIN {schema}.search(%s::real[], {N}) s ON s.id = a.id WHERE s.title = a.title AND b.id < 'item002'",
            [vector],
            2 * N,
        ),
    ]
    readers = [Reader(database, statement, values) for statement, values, _ in statements]
    for reader in readers:
        reader.start()
    try:
        with recs.open_published(database, schema=schema) as published:
            for _ in range(40):
                for kind in ("index", "lists"):
                    begun = time.monotonic()
                    published.rollback(kind)
                    assert time.monotonic() - begun < 1
                time.sleep(0.02)
            for edition in ("third", "fourth"):
                publish_all(database, schema, edition)
    finally:
        for reader in readers:
            reader.is_over.set()
            reader.join()
    for reader, (_, _, rows) in zip(readers, statements, strict=True):
        assert not reader.failures, reader.failures[0]
        assert len(reader.answers) > 30
        mixed = {answer for answer in reader.answers if len(answer[0]) != 1 or answer[1] != rows}
        assert not mixed, mixed
        assert len({edition for answer, _ in reader.answers for edition in answer}) >= 3


def test_two_statements_see_one_version_in_repeatable_read(database, schema):
    publish_all(database, schema, "first")
    with psycopg.connect(database) as reader:
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        before = editions(reader, schema)
        publish_all(database, schema, "second")
        vector = make_embedder().embed(["soil"], role="query").vectors[0].tolist()
        rows = reader.execute(f"SELECT title FROM {schema}.search(%s::real[], 10)", [vector]).fetchall()
        assert before == {edition_of(title) for (title,) in rows} == {"first"}
        reader.commit()
        assert editions(reader, schema) == {"second"}


def fail_after_first_block(monkeypatch, act):
    blocks = recs.postgres.rows.passage_blocks

    def interrupted(*arguments):
        for number, block in enumerate(blocks(*arguments)):
            if number == 2:  # the beginning of the file and the first block are there
                act()
            yield block

    monkeypatch.setattr(recs.postgres.rows, "passage_blocks", interrupted)
    monkeypatch.setattr(recs.postgres.rows, "_BATCH", 10)


def test_a_connection_lost_in_the_middle_of_copy_leaves_the_old_version(database, schema, connection, monkeypatch):
    publish_all(database, schema, "first")
    before = tables(connection, schema)
    terminate = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'recs'"
    with monkeypatch.context() as patched:
        fail_after_first_block(patched, lambda: connection.execute(terminate))
        with pytest.raises(OutputError, match=r"The version before is served\."):
            recs.publish_result(make_index(make_items(N, "second")), database, schema=schema)
    assert editions(connection, schema) == {"first"}
    assert tables(connection, schema) == before
    assert recs.publish_result(make_index(make_items(N, "third")), database, schema=schema).is_new
    assert editions(connection, schema) == {"third"}
    assert connection.execute(f"SELECT count(*) FROM {schema}.versions WHERE state = 'staged'").fetchone() == (0,)


def test_a_failure_before_the_switch_leaves_the_old_version_and_is_cleaned_up(database, schema, connection):
    publish_all(database, schema, "first")
    before = tables(connection, schema)

    def fail(step):
        if step == "switch":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recs.publish_result(make_index(make_items(N, "second")), database, schema=schema, report=fail)
    assert editions(connection, schema) == {"first"}
    assert len(tables(connection, schema)) == len(before) + 2
    recs.publish_result(make_index(make_items(N, "third")), database, schema=schema)
    assert editions(connection, schema) == {"third"}
    assert len(tables(connection, schema)) == len(before) + 2  # those of the version before


def test_rows_that_are_lost_on_the_way_are_noticed(database, schema, connection, monkeypatch):
    publish_all(database, schema, "first")
    blocks = recs.postgres.rows.passage_blocks

    def changed(*arguments):
        for block in blocks(*arguments):
            yield block[:-4] + b"\x3f\x80\x00\x00" if len(block) > 100 else block  # the last number of a vector: 1.0

    monkeypatch.setattr(recs.postgres.rows, "passage_blocks", changed)
    with pytest.raises(OutputError, match=r"rows of passages with the digest .* nothing was published"):
        recs.publish_result(make_index(make_items(N, "second")), database, schema=schema)
    assert editions(connection, schema) == {"first"}


ITEM_CHANGES = {
    "row": "row + 1000",
    "id": "id || 'x'",
    "title": "''",
    "url": "NULL",
    "lang": "'fr'",
    "published": "'2020-01-01'",
    "day": "''",
    "tags": "tags[2:]",
    "category": "'Other'",
    "series": "CASE WHEN series IS NULL THEN '' END",
    "excerpt": "'Other'",
    "image": "'/other.png'",
    "text": "text || ' '",
    "fields": "fields || jsonb_build_object('level', 9)",
    "facets": "facets[2:]",
}
LIST_CHANGES = {
    "id": "'item004'",
    "rank": "rank + 1",
    "related_id": "'item005'",
    "title": "''",
    "url": "NULL",
    "score": "score + 1e-12",
    "via": "'pin'",
    "more": "more || jsonb_build_object('by', 'nobody')",
}


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        *(("items", column, value) for column, value in ITEM_CHANGES.items()),
        *(("lists", column, value) for column, value in LIST_CHANGES.items()),
    ],
)
def test_a_column_that_is_changed_on_the_way_is_noticed(
    table, column, value, database, schema, connection, monkeypatch
):
    items = [replace(item, meta={"level": 1.5}, tags=("a", "b")) for item in make_items(3)]
    make_indexes = Staging._make_indexes

    def changed(staging, others):
        staging._execute(f"UPDATE {{schema}}.{{{table}}} SET \"{column}\" = {value} WHERE id = 'item001'")
        make_indexes(staging, others)

    monkeypatch.setattr(Staging, "_make_indexes", changed)
    source = make_index(items) if table == "items" else make_lists(items)
    with pytest.raises(OutputError, match=rf"rows of {table} with the digest .* nothing was published"):
        recs.publish_result(source, database, schema=schema)
    assert connection.execute(f"SELECT count(*) FROM {schema}.served").fetchone() == (0,)
    monkeypatch.undo()
    assert recs.publish_result(source, database, schema=schema).is_new


def test_each_column_is_changed_by_a_test():
    assert list(ITEM_CHANGES) == [name for name, _ in ITEM_COLUMNS[1:]]
    assert list(LIST_CHANGES) == [name for name, _ in LIST_COLUMNS[1:]]


_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
_NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_VALUES = st.recursive(st.none() | st.booleans() | _NUMBERS | _TEXTS, lambda inner: st.lists(inner, max_size=3))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.dictionaries(_TEXTS, _VALUES | st.dictionaries(_TEXTS, _VALUES, max_size=3), max_size=5))
@example({"bb": 1, "a": -0.0, "é": 1e22, "c": [5e-324, 1e308, 1.0, 10**40, '\x7f\x1f\u2028"\\/']})
def test_json_as_stored_is_what_the_server_writes(connection, value):
    text = connection.execute("SELECT %s::jsonb::text", [json.dumps(value)]).fetchone()
    assert text == (json_as_stored(value),)


@pytest.mark.skipif(sys.platform == "win32", reason="the size of files is limited by the system of Unix")
def test_a_full_disk_leaves_the_old_version():
    with running_postgres(largest_file=17_500_000) as reached:
        database = f"postgresql://{reached['PGUSER']}@/postgres?host={reached['PGHOST']}&port={reached['PGPORT']}"
        publish_all(database, "recs", "first")
        large = [recs.Item(f"item{row:03}", b64encode(os.urandom(700_000)).decode()) for row in range(20)]
        with pytest.raises(OutputError, match=r"could not extend file .* The version before is served"):
            recs.publish_result(make_large(large), database)
        with psycopg.connect(database) as connection:
            assert editions(connection, "recs") == {"first"}
        recs.publish_result(make_index(make_items(N, "third")), database)


def make_large(items):
    """Return the index of long texts with one passage each: the stand-in would cut them into thousands."""
    n = len(items)
    vectors, spans = np.eye(n, dtype=np.float32), np.tile([0, 9], (n, 1))
    whole = Vectors(vectors, vectors, np.arange(n + 1), spans, np.ones(n, np.uint16), "made", "f" * 64, "cosine")
    return recs.Index((Segment.of(items, whole),))


def test_the_second_of_two_publishers_gets_an_error_at_once(database, schema, connection):
    publish_all(database, schema, "first")
    refused = []

    def publish_another(step):
        if step == "copy":
            with pytest.raises(OutputError, match=r"another publication into .* is running"):
                recs.publish_result(make_index(make_items(N, "third")), database, schema=schema)
            refused.append(step)

    recs.publish_result(make_index(make_items(N, "second")), database, schema=schema, report=publish_another)
    assert refused == ["copy"]
    assert editions(connection, schema) == {"second"}
    with psycopg.connect(database) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('recs.publish elsewhere', 0))")
        recs.publish_result(make_index(make_items(N, "fourth")), database, schema=schema)


def test_a_rollback_does_not_wait_for_a_publication_that_loads(database, schema, connection):
    publish_all(database, schema, "first")
    publish_all(database, schema, "second")

    def go_back(step):
        if step == "check":
            with recs.open_published(database, schema=schema) as published:
                published.rollback("index")
            assert editions(connection, schema) == {"first"}

    recs.publish_result(make_index(make_items(N, "third")), database, schema=schema, report=go_back)
    assert editions(connection, schema) == {"third"}
    with recs.open_published(database, schema=schema) as published:
        published.rollback("index")
        assert editions(connection, schema) == {"first"}


def test_an_old_version_that_somebody_reads_is_dropped_later(database, schema, connection):
    publish_all(database, schema, "first")
    with psycopg.connect(database) as reader:
        reader.execute(f"SELECT * FROM {schema}.items").fetchall()  # its transaction holds the tables
        for edition in ("second", "third"):
            recs.publish_result(make_index(make_items(N, edition)), database, schema=schema)
        assert editions(connection, schema) == {"third"}
        assert "items_1" in tables(connection, schema)
    recs.publish_result(make_index(make_items(N, "fourth")), database, schema=schema)
    assert "items_1" not in tables(connection, schema)


def test_a_rollback_without_a_version_before_is_refused(database, schema):
    recs.publish_result(make_index(make_items(3)), database, schema=schema)
    with recs.open_published(database, schema=schema) as published:
        for kind in ("index", "lists"):
            with pytest.raises(OptionError, match=f"no version of the {kind} before"):
                published.rollback(kind)
        with pytest.raises(OptionError, match="expected one of lists, index"):
            published.rollback("all")


def test_no_server_is_an_error_of_one_line(tmp_path):
    address = f"postgresql://me@/site?host={tmp_path}&port=1"
    with pytest.raises(SourceError, match=r"^postgresql:///site: no connection"):
        recs.open_published(address)
