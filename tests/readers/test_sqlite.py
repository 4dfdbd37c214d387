"""SQLite: a table or a view is read as a table, nothing is written, and every broken or locked database is one line."""

import os
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recs
from recs.errors import SourceError
from recs.readers.sqlite import sqlite_records
from recs.readers.tables import csv_records

POSTS = "CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT, body TEXT, status TEXT, published_at TEXT)"
ROWS = [
    (7, "Garlic", "Plant it in October.", "published", "2024-01-01"),
    (9, "Leeks", "Sow them.", "draft", None),
    (11, "Chives", "Cut them.", None, "2031-01-01"),
]
NOW = "2026-11-01"


def _database(path, *statements, rows=ROWS):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(POSTS)
        connection.executemany("INSERT INTO posts VALUES (?, ?, ?, ?, ?)", rows)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


def _state(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _visibilities(source):
    return {item.id: item.visibility for item in recs.read_items(source, now=NOW)}


def test_a_table_is_read_and_nothing_is_written(tmp_path):
    path = _database(tmp_path / "posts.db")
    before = _state(tmp_path)
    assert _visibilities(f"{path}?table=posts") == {"7": "public", "9": "draft", "11": "scheduled"}
    assert _visibilities(path) == _visibilities(f"{path}?table=POSTS")
    assert recs.read_items(path).format == "a table of an SQLite database"
    assert _state(tmp_path) == before


def test_a_view_hides_what_it_leaves_out_and_must_be_named(tmp_path):
    view = "CREATE VIEW shown AS SELECT id, title, body FROM posts WHERE status = 'published'"
    path = _database(tmp_path / "posts.db", view)
    assert _visibilities(f"{path}?table=shown") == {"7": "public"}
    with pytest.raises(SourceError, match=r"which table\? .*\?table=NAME .*there are: posts, shown\."):
        recs.read_items(path)


def test_the_table_with_a_text_is_found_among_others_and_of_a_search_index_only_the_index(tmp_path):
    others = ["CREATE TABLE authors (id, name)", "CREATE VIRTUAL TABLE found USING fts5(words)"]
    path = _database(tmp_path / "posts.db", *others)
    assert _visibilities(path) == _visibilities(f"{path}?table=posts")
    with pytest.raises(SourceError, match=r"no table or view 'missing'; there are: authors, found, posts\."):
        recs.read_items(f"{path}?table=missing")


def test_what_is_not_text_closes_a_row_where_it_may_say_so(tmp_path):
    path = _database(
        tmp_path / "posts.db",
        "ALTER TABLE posts ADD COLUMN picture BLOB",
        "UPDATE posts SET picture = x'ff00ff' WHERE id = 7",
        "UPDATE posts SET status = x'647261667400' WHERE id = 9",
        "UPDATE posts SET title = CAST(x'ff41' AS TEXT) WHERE id = 11",
    )
    collection = recs.read_items(path, now=NOW)
    assert [item.id for item in collection] == ["7"]
    assert "picture" not in collection[0].meta
    assert [skipped.reason for skipped in collection.skipped] == [
        "its status is binary data, and may say that the row is closed",
        "its title is not UTF-8",
    ]


def test_names_with_quotes_and_columns_that_are_called_alike(tmp_path):
    name = 'a "b" c'
    quoted = name.replace('"', '""')
    path = _database(
        tmp_path / "posts.db",
        f'CREATE TABLE "{quoted}" (id, body)',
        f"INSERT INTO \"{quoted}\" VALUES (1, 'Plant it.')",
        "CREATE VIEW joined AS SELECT a.id, a.body, b.body AS Body FROM posts a JOIN posts b",
    )
    assert _visibilities(f"{path}?table={name}") == {"1": "public"}


@pytest.mark.parametrize("is_read_only", [False, True])
@pytest.mark.parametrize("is_open", [False, True])
def test_a_database_with_a_log_is_read_and_nothing_is_left_beside_it(tmp_path, is_open, is_read_only):
    folder = tmp_path / "site"
    folder.mkdir()
    path = folder / "posts.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(POSTS)
        connection.executemany("INSERT INTO posts VALUES (?, ?, ?, ?, ?)", ROWS)
        connection.commit()
        if not is_open:
            connection.close()
        assert (folder / "posts.db-wal").exists() == is_open
        before = _state(folder)
        folder.chmod(0o555 if is_read_only else 0o755)
        try:
            assert _visibilities(path) == {"7": "public", "9": "draft", "11": "scheduled"}
        finally:
            folder.chmod(0o755)
        assert _state(folder) == before


def test_a_database_that_is_locked_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("recs.readers.sqlite._BUSY_SECONDS", 0.01)
    path = _database(tmp_path / "posts.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceError, match=r"posts\.db: another program has locked the database"):
            recs.read_items(path)


def test_a_database_that_changes_meanwhile_is_an_error(tmp_path):
    path = _database(tmp_path / "posts.db")
    records = sqlite_records(path, "posts", "posts.db")
    next(records)
    os.utime(path, (1, 1))
    with pytest.raises(SourceError, match="changed the database while it was read"):
        list(records)


def test_a_broken_database_is_one_line_wherever_it_is_broken(tmp_path):
    data = _database(tmp_path / "posts.db", rows=[(n, "T", "x" * 500, None, None) for n in range(200)])
    whole = data.read_bytes()
    for length in (17, 100, 4096, len(whole) // 2, len(whole) - 1):
        broken = tmp_path / "broken.db"
        broken.write_bytes(whole[:length])
        with pytest.raises(SourceError, match=r"^broken\.db: [^\n]*$"):
            recs.read_items(broken)


def test_a_view_without_end_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("recs.readers.sqlite._STEPS", 1000)
    endless = "CREATE VIEW v AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
    path = _database(tmp_path / "posts.db", f"{endless} SELECT max(id) AS id, 'x' AS body FROM n")
    with pytest.raises(SourceError, match="a view that computes too long"):
        recs.read_items(f"{path}?table=v")
    monkeypatch.setattr("recs.readers.sqlite._MOST_ROWS", 100)
    path = _database(tmp_path / "rows.db", f"{endless} SELECT id, 'x' AS body FROM n")
    with pytest.raises(SourceError, match="more than 100 rows"):
        recs.read_items(f"{path}?table=v")


def test_a_table_is_named_only_for_a_database(tmp_path):
    (tmp_path / "posts.csv").write_text("id,text\n1,Plant it.\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"posts\.csv: \?table= names a table of an SQLite database"):
        recs.read_items(tmp_path / "posts.csv?table=posts")


_CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(_CELL, _CELL, st.sampled_from(["", "draft", "live", "odd"])), min_size=1, max_size=5))
def test_a_table_of_text_is_what_the_same_table_as_csv_is(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("s") / "t.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (title TEXT, body TEXT, status TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        connection.commit()
    quoted = "".join(",".join('"{}"'.format(cell.replace('"', '""')) for cell in row) + "\n" for row in rows)
    of_csv = [record for _, record in csv_records(f"title,body,status\n{quoted}", "t.csv") if record]
    of_table = [record for _, record in sqlite_records(path, None, "t.db")]
    assert [record for record in of_table if any(record.values())] == of_csv
