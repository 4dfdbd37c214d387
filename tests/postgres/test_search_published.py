"""Search in PostgreSQL against the index on disk, and filters against brute force."""

import json

import numpy as np
import pytest
from collections_for_sql import make_index, make_items, make_site
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import POSTS
from standins import make_embedder

import recs
from recs.errors import FingerprintMismatchError, OptionError, SourceError
from recs.filters import allowed
from recs.postgres import definitions
from recs.postgres.connection import formatted
from recs.retrieval.segment import Segment
from recs.retrieval.vectors import Vectors

QUERIES = ("soil and frost", "how to true a wheel", "salt", "Knäckebrot 東京")


@pytest.fixture(scope="module")
def site(postgres):
    """An index of the sample blog and one of posts with all kinds of fields, and both as they are published."""
    address = f"postgresql://{postgres['PGUSER']}@/postgres?host={postgres['PGHOST']}&port={postgres['PGPORT']}"
    indexes = {"blog": make_index(recs.read_items(POSTS, now="2026-11-01").public), "fields": make_index(make_site(60))}
    opened = {}
    for name, index in indexes.items():
        recs.publish_result(index, address, schema=f"search_{name}")
        opened[name] = recs.open_published(address, schema=f"search_{name}", embedder=make_embedder())
    yield {name: (indexes[name], opened[name]) for name in indexes}
    for published in opened.values():
        published.close()


def assert_same(hits, local):
    """Scores are the same to six digits; items whose scores are nearer than that may change places."""
    assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in local], abs=3e-6)
    for hit, other in zip(hits, local, strict=True):
        assert hit.id == other.id or hit.score == pytest.approx(other.score, abs=3e-6)


def shown(hits):
    return {hit.id: hit.passage and (hit.passage.start, hit.passage.text) for hit in hits}


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("k", [1, 10, 1000])
def test_hits_are_those_of_the_index_by_vectors(query, k, site):
    for index, published in site.values():
        hits, local = published.search(query, k=k), index.search(query, k=k, signals="dense")
        assert_same(hits, local)
        shown = [
            {hit.id: hit.passage and (hit.passage.start, hit.passage.text) for hit in each} for each in (hits, local)
        ]
        assert shown[0] == shown[1]
        assert [(hit.title, hit.url) for hit in hits[:1]] == [(hit.title, hit.url) for hit in local[:1]]


@pytest.mark.parametrize(
    "where",
    [
        {"tag": "garden"},
        {"tag": ["CAFÉ", " tools "]},
        {"tag": []},
        {"category": "notes", "lang": "en"},
        {"lang": ["EN-us", "de"]},
        {"lang": "fr"},
        {"series": "spring"},
        {"since": "2026-02"},
        {"since": ["2026-03", "2026-02-12"]},
        {"until": "2026-02"},
        {"until": 2026},
        {"since": "2026-01-13", "until": ["2026-02-12", "2026-01"]},
        {"level": 2},
        {"level": ["1", 2], "people": "ann"},
        {"people": ["Bo", "nobody"], "topic": "frost"},
        {"tag": "o'brien'); DROP TABLE removed; --"},
    ],
    ids=str,
)
def test_filters_mean_what_they_mean_on_disk(where, site):
    index, published = site["fields"]
    hits = published.search("soil", k=60, where=where)
    local = index.search("soil", k=60, where=where, signals="dense")
    assert_same(hits, local)
    assert {hit.id for hit in hits} == {hit.id for hit in local}


@pytest.mark.parametrize("where", [{"colour": "red"}, {"levl": 1}, {"since": "soon"}, {"tag": None}, {"tag": {"a": 1}}])
def test_a_filter_that_is_refused_on_disk_is_refused_here_with_the_same_words(where, site):
    index, published = site["fields"]
    with pytest.raises(OptionError) as told:
        index.search("soil", where=where, signals="dense")
    with pytest.raises(OptionError) as told_here:
        published.search("soil", where=where)
    assert str(told_here.value) == str(told.value)


def test_min_score_and_an_empty_query(site):
    index, published = site["fields"]
    assert published.search("  ") == []
    assert published.search("soil", k=0) == []
    hits = published.search("soil", k=60, min_score=0.2)
    assert_same(hits, index.search("soil", k=60, min_score=0.2, signals="dense"))
    assert 0 < len(hits) < 60


def test_sql_gives_the_same_hits_with_filters_in_sql(site, connection):
    index, published = site["fields"]
    vector = index.vectors.query(make_embedder().embed(["soil"], role="query")).tolist()
    rows = connection.execute(
        "SELECT id, score FROM search_fields.search(%s::real[], 5, %s)",
        [vector, json.dumps({"tag": ["garden", "tools"], "lang": "en", "since": "2026"})],
    ).fetchall()
    hits = published.search("soil", k=5, where={"tag": ["garden", "tools"], "lang": "en", "since": "2026"})
    assert [name for name, _ in rows] == [hit.id for hit in hits]
    for problem in ("ARRAY[1, 2]::real[]", "NULL::real[]", "ARRAY[]::real[]"):
        with pytest.raises(Exception, match="dimensions"):
            connection.execute(f"SELECT * FROM search_fields.search({problem})")


# The branch that uses the index of pgvector, with small numbers in place of 20,000.

CLUSTERS, DIM = 20, 16


def make_clusters(n):
    """Return an index of n items around twenty centres; its fields say which centre, and a few random ones."""
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((CLUSTERS, DIM))
    owner = rng.integers(0, CLUSTERS, n)
    vectors = centres[owner] + 0.4 * rng.standard_normal((n, DIM))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    items = [
        recs.Item(
            f"{row:04}",
            "soil",
            published=f"2026-{1 + row % 12:02}-01",
            tags=[f"c{owner[row]}", f"t{row % 2}", f"u{row % 50}"],
        )
        for row in range(n)
    ]
    counts = np.arange(n + 1)
    spans = np.tile([0, 4], (n, 1))
    whole = Vectors(vectors, vectors, counts, spans, np.ones(n, np.uint16), "made", "f" * 64, "cosine")
    return recs.Index((Segment.of(items, whole),)), vectors, centres


@pytest.fixture(scope="module")
def clusters(postgres):
    import psycopg

    address = f"postgresql://{postgres['PGUSER']}@/postgres?host={postgres['PGHOST']}&port={postgres['PGPORT']}"
    index, vectors, centres = make_clusters(2000)
    recs.publish_result(index, address, schema="clusters")
    small = definitions.SEARCH.replace(str(definitions.LARGEST_EXACT), "30")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(formatted(small, "clusters", vectors="public"))
        for way in (
            "seqscan",
            "sort",
            "bitmapscan",
        ):  # else it compares 2,000 vectors without the index, which is faster
            connection.execute(f"ALTER FUNCTION clusters.search(real[], integer, jsonb) SET enable_{way} = off")

        def search(query, k, where):
            command = "SELECT id, score FROM clusters.search(%s::real[], %s, %s)"
            rows = connection.execute(command, [query.tolist(), k, json.dumps(where)]).fetchall()
            return [int(name) for name, _ in rows], [score for _, score in rows]

        yield index, vectors, centres, search, connection


def best_rows(vectors, query, fits, k):
    rows = np.flatnonzero(fits)
    return rows[np.argsort(-(vectors[rows] @ query), kind="stable")[:k]].tolist()


_TAGS = [*(f"c{number}" for number in range(CLUSTERS)), "t0", "t1", "u0", "u7", "none"]
_FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "tag": st.lists(st.sampled_from(_TAGS), max_size=3),
        "since": st.sampled_from(["2026", "2026-06", "2026-12-02"]),
        "until": st.sampled_from(["2026", "2026-03-31", "2025"]),
    },
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=_FILTERS, centre=st.integers(0, CLUSTERS - 1), k=st.sampled_from([1, 10, 40]), seed=st.integers(0, 99))
def test_a_filtered_answer_is_never_short_and_nearly_the_best(clusters, where, centre, k, seed):
    index, vectors, centres, search, _ = clusters
    query = centres[centre] + 0.3 * np.random.default_rng(seed).standard_normal(DIM)
    query = (query / np.linalg.norm(query)).astype(np.float32)
    mask = allowed(where, index.table)
    fits = np.ones(len(index), bool) if mask is None else mask
    best = best_rows(vectors, query, fits, k)
    rows, scores = search(query, k, where)
    assert len(rows) == len(set(rows)) == len(best)
    assert fits[rows].all()
    assert scores == pytest.approx((vectors[rows] @ query).tolist(), abs=1e-5)
    assert scores == sorted(scores, reverse=True)
    if fits.sum() <= 30:
        assert rows == best
    else:
        assert len(set(rows) & set(best)) >= 0.9 * len(best)


def test_the_index_of_pgvector_is_used(clusters):
    _, vectors, _, search, connection = clusters
    used = "SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes WHERE indexrelname LIKE 'passages_%%v_idx'"
    connection.execute("SELECT pg_stat_force_next_flush()")
    before = connection.execute(used).fetchone()[0]
    rows, _ = search(vectors[7], 10, {"tag": ["t0", "t1"]})
    assert rows[0] == 7
    connection.execute("SELECT pg_stat_force_next_flush()")
    assert connection.execute(used).fetchone()[0] == before + 1


def test_a_scan_that_gives_up_is_followed_by_an_exact_one(clusters):
    index, vectors, centres, search, connection = clusters
    query = (centres[3] / np.linalg.norm(centres[3])).astype(np.float32)
    far = f"c{int(np.argmin(centres @ centres[3]))}"
    fits = allowed({"tag": far}, index.table)
    assert fits.sum() > 30
    change = "ALTER FUNCTION clusters.search(real[], integer, jsonb)"
    for setting in ("hnsw.ef_search = 5", "hnsw.max_scan_tuples = 20"):
        connection.execute(f"{change} SET {setting}")
    try:
        assert search(query, 10, {"tag": far})[0] == best_rows(vectors, query, fits, 10)
    finally:
        connection.execute(f"{change} SET hnsw.ef_search = 200")
        connection.execute(f"{change} SET hnsw.max_scan_tuples = 40000")


def test_an_item_with_many_passages_is_one_hit(database, schema):
    items = [recs.Item("long", "soil seed frost rain. " * 200), *make_items(9)]
    index = make_index(items)
    assert index.vectors.passage_count > 20
    recs.publish_result(index, database, schema=schema)
    with recs.open_published(database, schema=schema, embedder=make_embedder()) as published:
        hits = published.search("soil seed frost rain", k=10)
        assert_same(hits, index.search("soil seed frost rain", k=10, signals="dense"))
        assert len({hit.id for hit in hits}) == len(hits) == 10


def test_half_precision_keeps_three_digits(database, schema):
    index = make_index(make_items(40))
    recs.publish_result(index, database, schema=schema, halfvec=True)
    with recs.open_published(database, schema=schema, embedder=make_embedder()) as published:
        assert published.versions[0].storage == "halfvec"
        hits = published.search("soil seed", k=40)
        local = {hit.id: hit.score for hit in index.search("soil seed", k=40, signals="dense")}
        assert {hit.id: hit.score for hit in hits} == pytest.approx(local, abs=2e-3)


def test_the_query_of_another_model_is_refused(database, schema):
    recs.publish_result(make_index(make_items(3)), database, schema=schema)
    other = make_embedder(fingerprint="e" * 64)
    with (
        recs.open_published(database, schema=schema, embedder=other) as published,
        pytest.raises(FingerprintMismatchError, match="in another space"),
    ):
        published.search("soil")


def test_without_an_index_there_is_an_error(database, schema):
    with pytest.raises(SourceError, match="nothing is published in the schema"):
        recs.open_published(database, schema=schema)
