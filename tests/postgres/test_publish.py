"""Publishing in PostgreSQL, with a real server: what is served, when, and what is never shown."""

import itertools

import pytest
from standins import make_embedder

import recs

_SCHEMAS = itertools.count(1)


@pytest.fixture
def database(postgres):
    return f"postgresql://{postgres['PGUSER']}@/postgres?host={postgres['PGHOST']}&port={postgres['PGPORT']}"


@pytest.fixture
def schema():
    return f"site{next(_SCHEMAS)}"


def make_index(items):
    return recs.build_index(items, embedder=make_embedder(), cache=False)


def make_items(n=12):
    words = ["soil", "seed", "frost", "wheel", "chain", "brake", "oven", "flour", "salt"]
    return [
        recs.Item(
            f"item{i:03}",
            f"{words[i % 9]} {words[(i * 5) % 9]} {words[(i * 7 + 1) % 9]} and {i}",
            title=f"Title {i}",
            url=f"/{i}/",
            tags=["Even" if i % 2 == 0 else "Odd"],
        )
        for i in range(n)
    ]


def test_an_index_answers_as_it_does_on_disk(database, schema):
    index = make_index(make_items())
    done = recs.publish_result(index, database, schema=schema)
    assert (done.items, done.rows, done.is_new) == (12, index.vectors.passage_count, True)
    with recs.open_published(database, schema=schema, embedder=make_embedder()) as published:
        hits = published.search("soil and frost", k=5)
        local = index.search("soil and frost", k=5, signals="dense")
        assert [hit.id for hit in hits] == [hit.id for hit in local]
        assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in local], abs=2e-6)
        assert [hit.passage.text for hit in hits] == [hit.passage.text for hit in local]
