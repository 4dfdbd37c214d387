"""Publishing: what is served then, what is hidden at once, and what is refused."""

import json

import numpy as np
import psycopg
import pytest
from click.testing import CliRunner
from collections_for_sql import edition_of, make_index, make_items, make_lists
from standins import make_embedder

import recs
from recs.cli import cli
from recs.errors import MissingDependencyError, OptionError, OutputError, SourceError
from recs.postgres.connection import check_address, place
from recs.retrieval.segment import Segment
from recs.retrieval.vectors import Vectors


@pytest.fixture
def publish(database, schema):
    def call(source, **options):
        return recs.publish_result(source, database, schema=schema, **options)

    return call


@pytest.fixture
def opened(database, schema):
    opened = []

    def call():
        opened.append(recs.open_published(database, schema=schema, embedder=make_embedder()))
        return opened[-1]

    yield call
    for each in opened:
        each.close()


@pytest.fixture
def ids(connection, schema):
    return lambda: {name for (name,) in connection.execute(f"SELECT id FROM {schema}.items")}


@pytest.fixture
def pairs(connection, schema):
    return lambda: set(connection.execute(f"SELECT id, related_id FROM {schema}.related"))


def test_an_index_is_served_and_the_same_index_is_not_loaded_again(publish, ids):
    index = make_index(make_items())
    done = publish(index)
    assert (done.kind, done.items, done.rows, done.is_new) == ("index", 12, index.vectors.passage_count, True)
    assert ids() == {item.id for item in make_items()}
    again = publish(index)
    assert (again.number, again.is_new) == (done.number, False)
    assert publish(make_index(make_items(edition="second"))).is_new
    assert publish(index, halfvec=True).is_new


def test_lists_in_memory_in_a_file_and_in_the_database_are_the_same(publish, opened, tmp_path):
    lists = make_lists(make_items())
    assert publish(lists).is_new
    assert all(len(lists[name]) == 3 for name in lists)
    published = opened()
    assert {name: published.get(name) for name in lists} == {name: lists.get(name) for name in lists}
    assert published.get("none") == []
    assert published.get("none", default=[{"id": "x"}]) == [{"id": "x"}]
    recs.write_related(lists, tmp_path / "related.json")
    publish(tmp_path / "related.json")
    assert published.get("item003") == lists.get("item003")


def test_one_statement_gives_the_list_of_a_page(publish, connection, schema):
    lists = make_lists(make_items())
    assert len(lists["item003"]) == 3
    publish(lists)
    rows = connection.execute(f"SELECT title, url FROM {schema}.related WHERE id = 'item003' ORDER BY rank").fetchall()
    assert rows == [(entry["title"], entry["url"]) for entry in lists.get("item003")]


def test_what_has_gone_is_hidden_before_the_new_version_is_loaded(publish, ids, pairs):
    items = make_items()
    publish(make_index(items))
    publish(make_lists(items))
    seen = {}

    def report(step):
        seen[step] = (ids(), pairs())

    fewer = [item for item in items if item.id != "item003"]
    done = publish(make_lists(fewer), report=report)
    assert done.gone == 1
    served, listed = seen["copy"]
    assert len(listed) > 20
    assert "item003" not in served  # what is gone from the lists is gone from the index too
    assert not any("item003" in pair for pair in listed)
    assert "item003" not in ids()


def test_a_failed_publication_hides_what_has_gone_all_the_same(publish, ids):
    publish(make_index(make_items()))

    def fail(step):
        if step == "index":
            raise RuntimeError(step)

    with pytest.raises(RuntimeError):
        publish(make_index(make_items(11, "second")), report=fail)
    assert ids() == {f"item{row:03}" for row in range(11)}


def test_the_served_version_published_again_after_a_failure_is_shown_as_a_whole(publish, ids):
    index = make_index(make_items())
    publish(index)

    def fail(step):
        if step == "copy":
            raise RuntimeError(step)

    with pytest.raises(RuntimeError):
        publish(make_index(make_items(11)), report=fail)
    assert len(ids()) == 11
    again = publish(index)
    assert (again.is_new, again.hidden) == (False, 0)
    assert len(ids()) == 12


def test_an_item_that_comes_back_is_shown_again(publish, ids):
    items = make_items()
    publish(make_index(items))
    publish(make_index(items[1:]))
    assert "item000" not in ids()
    done = publish(make_index([*items[1:], items[0]]))
    assert done.hidden == 0
    assert "item000" in ids()


def test_a_rollback_does_not_show_what_has_gone_since(publish, opened, ids, connection, schema):
    items = make_items()
    first = publish(make_index(items))
    second = publish(make_index(make_items(11, "second")))
    published = opened()
    assert published.rollback("index").number == first.number
    assert ids() == {f"item{row:03}" for row in range(11)}
    assert {edition_of(title) for (title,) in connection.execute(f"SELECT title FROM {schema}.items")} == {"first"}
    assert published.rollback("index").number == second.number
    assert {edition_of(title) for (title,) in connection.execute(f"SELECT title FROM {schema}.items")} == {"second"}


def test_what_a_person_removes_stays_hidden_in_later_versions_until_it_is_restored(publish, opened, ids, pairs):
    items = make_items()
    publish(make_index(items))
    publish(make_lists(items))
    published = opened()
    assert published.remove(["item002", "unheard"]) == ["unheard"]
    assert "item002" not in ids()
    assert not any("item002" in pair for pair in pairs())
    assert all(hit.id != "item002" for hit in published.search("soil seed", k=20))
    assert published.get("item002") == []
    assert publish(make_index(make_items(edition="second"))).hidden == 1
    assert "item002" not in ids()
    assert published.restore(["item002", "item004"]) == ["item004"]
    assert "item002" in ids()


def test_a_publication_that_loses_most_items_is_refused_before_anything_is_hidden(publish, ids):
    publish(make_index(make_items(30)))
    with pytest.raises(OptionError, match="25 of the 30 items that are served are not in what is published"):
        publish(make_index(make_items(5)))
    assert len(ids()) == 30
    assert publish(make_index(make_items(5)), allow_shrink=True).gone == 25
    assert len(ids()) == 5


def test_only_the_served_version_and_the_one_before_are_kept(publish, connection, schema):
    numbers = [publish(make_index(make_items(edition=name))).number for name in ("a", "b", "c", "d")]
    tables = {
        name
        for (name,) in connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = %s::regnamespace", [schema]
        )
    }
    kept = {f"{table}_{number}" for table in ("items", "passages") for number in numbers[2:]}
    assert tables == {"versions", "removed", *kept}


def test_what_postgresql_cannot_hold_is_replaced_and_counted_or_left_out(publish, opened, ids, connection, schema):
    items = [
        *make_items(3),
        recs.Item("nul\0", "soil seed frost"),
        recs.Item("half\ud800", "soil seed frost"),
        recs.Item("text", "soil \0 seed \ud83d frost rain", title="A\0B", meta={"n\0": "v\0", "nan": float("nan")}),
        recs.Item("x" * 9000, "soil " * 30_000, tags=["t" * 9000], url="javascript:alert(1)"),
        recs.Item("'); DROP TABLE versions; --", "soil seed", title="%s {schema} $1"),
    ]
    done = publish(make_index(items))
    assert done.left_out == ("half\ud800", "nul\0")
    assert done.replaced == 1
    assert ids() == {item.id for item in items} - {"half\ud800", "nul\0"}
    row = connection.execute(f"SELECT title, text, fields FROM {schema}.items WHERE id = 'text'").fetchone()
    assert row == ("A\ufffdB", "soil \ufffd seed \ufffd frost rain", {"n\ufffd": "v\ufffd", "nan": "nan"})
    assert connection.execute(f"SELECT url FROM {schema}.items WHERE id = %s", ["x" * 9000]).fetchone() == (None,)
    hits = opened().search("soil", k=3, where={"tag": "T" * 9000})
    assert [hit.id for hit in hits] == ["x" * 9000]
    assert opened().get("nul\0") == []


def test_unsafe_addresses_and_unknown_targets_are_not_in_published_lists(publish, pairs, tmp_path, connection, schema):
    entries = [
        {"id": "b", "title": "B", "url": "javascript:alert(1)", "score": 0.5, "via": "auto"},
        {"id": "elsewhere", "title": "Not an item of this result", "url": "/x/", "score": 0.4, "via": "auto"},
    ]
    document = {"schema": "recs.related/1", "items": {"a": {"related": entries}, "b": {"title": "B", "related": []}}}
    (tmp_path / "related.json").write_text(json.dumps(document))
    publish(tmp_path / "related.json")
    assert pairs() == {("a", "b")}
    assert connection.execute(f"SELECT url FROM {schema}.related").fetchall() == [(None,)]


def test_an_empty_index_is_served(publish, opened, ids):
    publish(make_index([]))
    assert ids() == set()
    assert opened().search("soil") == []
    assert opened().search("soil", where={"colour": "red"}) == []


@pytest.mark.parametrize("dim", [2001, 4001])
def test_too_many_dimensions_are_refused(dim, publish):
    items = make_items(2)
    rows = np.eye(2, dim, dtype=np.float32)
    spans, readable = np.array([[0, 4], [0, 4]]), np.ones(2, np.uint16)
    vectors = Vectors(rows, rows, np.arange(3), spans, readable, "wide", "f" * 64, "cosine")
    wider = recs.Index((Segment.of(items, vectors),))
    with pytest.raises(OptionError, match=f"have {dim} dimensions; pgvector has an index for at most 2000, or 4000"):
        publish(wider)
    if dim < 4000:
        assert publish(wider, halfvec=True).items == 2


def test_an_index_of_words_alone_is_refused(publish):
    with pytest.raises(OptionError, match="has no vectors"):
        publish(recs.build_index(make_items(2), signals="terms"))


def test_a_file_that_is_no_result_is_refused_and_nothing_is_hidden(publish, ids, tmp_path):
    publish(make_index(make_items()))
    (tmp_path / "posts.json").write_text('{"items": []}')
    with pytest.raises(SourceError, match=r"its schema is 'None', expected 'recs\.related/1'"):
        publish(tmp_path / "posts.json")
    (tmp_path / "torn.json").write_text('{"items": [')
    with pytest.raises(SourceError, match="neither an index nor JSON"):
        publish(tmp_path / "torn.json")
    with pytest.raises(SourceError, match="cannot be read"):
        publish(tmp_path / "none.json")
    assert len(ids()) == 12


def test_a_schema_of_something_else_is_left_alone(database, connection, schema):
    connection.execute(f"CREATE SCHEMA {schema}")
    connection.execute(f"CREATE TABLE {schema}.versions (mine int)")
    with pytest.raises(OptionError, match="has tables of something else"):
        recs.publish_result(make_lists(make_items(3)), database, schema=schema)
    for name in ("Recs", "re'cs", "pg_recs", "", "a" * 64, 'x"; DROP SCHEMA public; --'):
        with pytest.raises(OptionError, match="expected a name of small letters"):
            recs.publish_result(make_lists(make_items(3)), database, schema=name)


def test_a_newer_format_is_refused(publish, connection, schema, database):
    publish(make_lists(make_items(3)))
    connection.execute(f"COMMENT ON SCHEMA {schema} IS 'recs.postgres/2 abc'")
    with pytest.raises(recs.RecsError, match="upgrade recs"):
        publish(make_lists(make_items(4)))
    with pytest.raises(recs.RecsError, match="upgrade recs"):
        recs.open_published(database, schema=schema)


def test_a_reader_needs_no_right_on_a_table_and_sees_no_hidden_item(publish, opened, connection, schema, database):
    publish(make_index(make_items()))
    publish(make_lists(make_items()))
    opened().remove(["item002"])
    connection.execute(f"CREATE ROLE reader_{schema} LOGIN")
    try:
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO reader_{schema}")
        connection.execute(f"GRANT SELECT ON {schema}.items, {schema}.related, {schema}.served TO reader_{schema}")
        connection.execute(f"GRANT EXECUTE ON FUNCTION {schema}.search TO reader_{schema}")
        publish(make_index(make_items(edition="second")))
        address = database.replace("postgres@", f"reader_{schema}@")
        with recs.open_published(address, schema=schema, embedder=make_embedder()) as published:
            hits = published.search("soil", k=20)
            assert len(hits) == 11
            assert published.get("item003")
            with pytest.raises(OutputError, match="permission denied"):
                published.remove(["item003"])
            for table in ("all_items", "removed", "versions", "items_1"):
                with psycopg.connect(address) as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
                    reader.execute(f"SELECT * FROM {schema}.{table}")
    finally:
        connection.execute(f"DROP OWNED BY reader_{schema}")
        connection.execute(f"DROP ROLE reader_{schema}")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:s3cr3tword@127.0.0.1:1/site",
        "postgresql://me:s3cr3t@word@127.0.0.1:1/site",
        "postgresql://me:s3cr3t/word@127.0.0.1:1/site",
        "postgresql://me:s3cr3t#word@127.0.0.1:1/site",
        "postgresql://me:s3cr3t?word@127.0.0.1:1/site",
        "postgresql://me:s3cr3t%zzword@127.0.0.1:1/site",
        "postgresql://me:s3cr3t:word@127.0.0.1:1/site",
        "postgresql://127.0.0.1:1/site?password=s3cr3tword&user=me",
        "postgresql://127.0.0.1:1/site?pasword=s3cr3tword",
        "host=127.0.0.1 port=1 password=s3cr3tword",
        "postgresql//me:s3cr3tword@127.0.0.1/site",
        "postgresql://me:s3cr3tword@[127.0.0.1/site",
        "postgresql://me:s3cr3tword@127.0.0.1:port/site",
    ],
)
def test_no_message_has_a_password(address, tmp_path):
    for arguments in (["publish", "--to", address], ["search", "--from", address, "soil"]):
        done = CliRunner().invoke(cli, arguments)
        assert isinstance(done.exception, recs.RecsError), done.exception
        told = f"{done.output} {done.exception} {done.exception.__cause__}"
        assert "s3cr3t" not in told
        assert "word" not in told.replace("password", "")


def test_place_shows_neither_user_nor_options():
    check_address("postgresql://me:a%40b@db/site?options=-csearch_path%3Drecs")
    assert place("postgresql://me:a%40b@db:5433/site?password=x") == "postgresql://db:5433/site"


def test_a_missing_psycopg_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingDependencyError, match=r"recs-toolkit\[postgres\]"):
        recs.open_published("postgresql://localhost/site")


def test_the_command_line_publishes_shows_removes_and_goes_back(database, schema, tmp_path, ids):
    def run(*arguments, code=0):
        done = CliRunner().invoke(cli, ["publish", *arguments, "--to", database, "--schema", schema])
        assert done.exit_code == code, (done.output, done.exception)
        return done.output

    first, second = tmp_path / "first", tmp_path / "second"
    recs.save_index(make_index(make_items()), first)
    recs.save_index(make_index(make_items(11, "second")), second)
    assert run(str(first)) == "published: version 1 of the index, 12 items, 24 passages\n"
    assert run(str(first)) == "unchanged: version 1 of the index, 12 items, 24 passages\n"
    assert "hidden: 1 item that this version does not have\n" in run(str(second))
    table = run()
    assert [line.split()[:4] for line in table.splitlines()] == [
        ["index", "live", "version", "2"],
        ["index", "previous", "version", "1"],
    ]
    assert run("--remove", "item003", "--remove", "nobody") == (
        "note: no version has the item 'nobody'; it will be hidden if one has it later\n"
    )
    assert run("--rollback", "index") == "served: version 1 of the index, 12 items\n"
    assert len(ids()) == 10
    run("--restore", "item003", "--restore", "item011")
    assert len(ids()) == 12
    run(str(first), "--rollback", "index", code=2)


def test_recs_search_asks_the_database(database, schema, publish, monkeypatch):
    publish(make_index(make_items()))
    monkeypatch.setattr("recs.embedding.load.matching_embedder", lambda *_, **__: make_embedder())

    def run(*arguments, code=0):
        done = CliRunner().invoke(cli, ["search", *arguments, "--from", database, "--schema", schema])
        assert done.exit_code == code, (done.output, done.exception)
        return done.output

    hits = json.loads(run("soil", "and", "seed", "-k", "2"))
    assert hits["query"] == "soil and seed"
    local = make_index(make_items()).search("soil and seed", k=2, signals="dense")
    assert [hit["id"] for hit in hits["hits"]] == [hit.id for hit in local]
    run("soil", "--passages", code=2)
    run("soil", "--signals", "terms", code=2)
    run(code=2)
    assert CliRunner().invoke(cli, ["search"]).exit_code == 2
