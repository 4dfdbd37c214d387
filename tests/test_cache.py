import json
import os
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from standins import DIM, BagEncoder, make_embedder, make_spec

from recs.cache import FILE_NAME, Cache, clear_cache
from recs.embed import open_cache
from recs.errors import CacheError, OptionError

SPACE = json.dumps(["f" * 64, "", "float32"])


def _vectors(n, start=0):
    rng = np.random.default_rng(start)
    return {b"key%06d" % i: rng.standard_normal(DIM).astype(np.float32) for i in range(start, start + n)}


def test_put_then_get_returns_the_same_bytes(tmp_path):
    vectors = _vectors(1200)  # more than one query's worth of keys
    with Cache(tmp_path) as cache:
        cache.put_vectors(SPACE, vectors, make_spec())
        cache.put_chunks({b"a": b"[1]", b"b": b""})
    with Cache(tmp_path) as cache:
        found = cache.get_vectors(SPACE, [*vectors, b"unknown"], DIM)
        assert cache.get_chunks([b"a", b"b", b"c"]) == {b"a": b"[1]", b"b": b""}
    assert found.keys() == vectors.keys()
    assert all(found[key].tobytes() == vectors[key].tobytes() for key in vectors)


def test_get_from_another_space_finds_nothing(tmp_path):
    with Cache(tmp_path) as cache:
        cache.put_vectors(SPACE, _vectors(3), make_spec())
        assert cache.get_vectors(SPACE.replace("float32", "bfloat16"), list(_vectors(3)), DIM) == {}


def test_closed_cache_is_one_file(tmp_path):
    with Cache(tmp_path) as cache:
        cache.put_vectors(SPACE, _vectors(3), make_spec())
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_second_run_computes_nothing(tmp_path):
    encoder = BagEncoder()
    texts = [f"text {i} " * (1 + i % 30) for i in range(40)]
    computed = []
    for _ in range(2):
        with Cache(tmp_path) as cache:
            make_embedder(encoder).embed(texts, store=cache)
            computed.append(encoder.texts)
            assert [space.vectors for space in cache.info().spaces] == [encoder.texts]
    assert computed[0] == computed[1] > 0


def test_edited_text_computes_its_chunks_alone(tmp_path):
    texts = [" ".join(f"word{i}-{j}" for j in range(25)) for i in range(40)]
    encoder = BagEncoder()
    with Cache(tmp_path) as cache:
        make_embedder().embed(texts, store=cache)
        texts[7] += " edited"
        make_embedder(encoder).embed(texts, store=cache)
    assert encoder.texts == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a database at all " * 100, "damaged, or not a vector cache"),
        (b"SQLite format 3\x00" + b"\xff" * 4000, "damaged, or not a vector cache"),
    ],
)
def test_file_that_is_no_database_is_an_error(tmp_path, content, said):
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(CacheError, match=said):
        Cache(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_database_of_something_else_is_an_error_and_untouched(tmp_path):
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(CacheError, match="not a vector cache of recs"):
        Cache(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_newer_schema_is_an_error(tmp_path):
    Cache(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(CacheError, match="schema 99"):
        Cache(tmp_path)


def test_flipped_bit_is_an_error_not_a_wrong_vector(tmp_path):
    vectors = _vectors(1)
    with Cache(tmp_path) as cache:
        cache.put_vectors(SPACE, vectors, make_spec())
    path = tmp_path / FILE_NAME
    content, blob = bytearray(path.read_bytes()), next(iter(vectors.values())).tobytes()
    content[content.index(blob) + 5] ^= 1
    path.write_bytes(content)
    with Cache(tmp_path) as cache, pytest.raises(CacheError, match="checksum"):
        cache.get_vectors(SPACE, list(vectors), DIM)


def test_torn_file_is_an_error_not_a_wrong_vector(tmp_path):
    vectors = _vectors(2000)
    with Cache(tmp_path) as cache:
        cache.put_vectors(SPACE, vectors, make_spec())
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CacheError, match="damaged"), Cache(tmp_path) as cache:
        cache.get_vectors(SPACE, list(vectors), DIM)


def test_vector_of_another_dimension_is_an_error(tmp_path):
    with Cache(tmp_path) as cache:
        cache.put_vectors(SPACE, {b"k": np.zeros(5, np.float32)}, make_spec())
        with pytest.raises(CacheError, match="5 dimensions where the model has 24"):
            cache.get_vectors(SPACE, [b"k"], DIM)


def test_read_only_cache_serves_what_it_has(tmp_path, monkeypatch):
    vectors = _vectors(5)
    with Cache(tmp_path) as cache:
        cache.put_vectors(SPACE, vectors, make_spec())

    def refuse(self, connection):  # permissions would not stop a test that runs as root
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(Cache, "_prepare", refuse)
    before = (tmp_path / FILE_NAME).read_bytes()
    with Cache(tmp_path) as cache:
        assert len(cache.get_vectors(SPACE, list(vectors), DIM)) == 5
        assert "readonly" in cache.problem
        cache.put_vectors(SPACE, _vectors(3, start=100), make_spec())
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_folder_that_cannot_be_made_gives_a_cache_that_keeps_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with Cache(tmp_path / "file" / "sub") as cache:
        cache.put_vectors(SPACE, _vectors(3), make_spec())
        assert cache.get_vectors(SPACE, list(_vectors(3)), DIM) == {}
        assert "cannot be written" in cache.problem


def test_full_disk_keeps_the_result_and_the_old_vectors(tmp_path):
    resource = pytest.importorskip("resource", reason="needs POSIX limits")
    texts = [f"text number {i} of many" for i in range(3000)]
    with Cache(tmp_path) as cache:
        make_embedder().embed(texts[:50], store=cache)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    encoder = BagEncoder(batch_tokens=512)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 60_000, before[1]))
        with Cache(tmp_path) as cache:
            embeddings = make_embedder(encoder).embed(texts, store=cache)
            assert "cannot be written" in cache.problem
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    np.testing.assert_allclose(embeddings.vectors, make_embedder().embed(texts).vectors, atol=1e-6)
    again = BagEncoder()
    with Cache(tmp_path) as cache:
        make_embedder(again).embed(texts[:50], store=cache)
    assert again.texts == 0


@pytest.mark.parametrize("size", [0, 8 * 1024, 40 * 1024])
def test_full_disk_from_the_start_keeps_the_result(tmp_path, size):
    pytest.importorskip("resource", reason="needs POSIX limits")
    program = (
        "import resource, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)\n"
        "from standins import make_embedder\nfrom recs import Cache\n"
        "with Cache(sys.argv[1]) as cache:\n"
        "    made = make_embedder().embed([f'text {i} of many' for i in range(900)], store=cache)\n"
        "    print(len(made), cache.problem)\n"
    )
    for _ in range(2):  # the second run meets what the first has left
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "new"), str(size)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.stdout.startswith("900 ")
        assert "cannot be written" in done.stdout
    with Cache(tmp_path / "new") as cache:
        assert cache.problem is None


def test_file_of_ours_without_its_tables_is_an_error(tmp_path):
    Cache(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("DROP TABLE vectors")
    other.close()
    with pytest.raises(CacheError, match="no table vectors"):
        Cache(tmp_path)


def test_closed_cache_says_so(tmp_path):
    cache = Cache(tmp_path)
    cache.close()
    for use in (cache.info, lambda: cache.get_chunks([b"a"]), lambda: cache.put_chunks({b"a": b""}), cache.prune):
        with pytest.raises(CacheError, match="was closed"):
            use()


def test_prune_on_a_full_disk_is_an_error_that_says_so(tmp_path):
    with Cache(tmp_path) as cache:
        cache.put_vectors(SPACE, _vectors(3), make_spec())
        cache._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(CacheError, match="cannot be used"):
            Cache.prune(cache)


def test_open_cache_takes_a_folder(tmp_path):
    for folder in (tmp_path, str(tmp_path)):
        with open_cache(folder) as cache:
            assert cache.path == tmp_path / FILE_NAME
    with pytest.raises(OptionError, match="cache is a int"), open_cache(7):
        pass


def test_known_model_remembers_the_spec(tmp_path):
    spec = make_spec(languages=("en",), prompts={"query": "q: "})
    with Cache(tmp_path) as cache:
        assert cache.known_model("bag-of-words") is None
        cache.put_vectors(SPACE, _vectors(1), spec)
        assert cache.known_model("bag-of-words") == spec
        assert cache.known_precision(spec.fingerprint) == "float32"


def test_prune_removes_what_was_not_asked_for(tmp_path):
    with Cache(tmp_path) as cache:
        make_embedder().embed([f"text {i}" for i in range(20)], store=cache)
    with Cache(tmp_path) as cache:
        make_embedder().embed([f"text {i}" for i in range(5)], store=cache)
        assert cache.prune() == 15 + 15  # vectors and boundaries
        assert [space.vectors for space in cache.info().spaces] == [5]
    encoder = BagEncoder()
    with Cache(tmp_path) as cache:
        make_embedder(encoder).embed([f"text {i}" for i in range(5)], store=cache)
    assert encoder.texts == 0


def test_clear_removes_even_a_damaged_file(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"rubbish")
    assert clear_cache(tmp_path) == 7
    assert list(tmp_path.iterdir()) == []
    assert clear_cache(tmp_path) == 0


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_clear_leaves_a_database_of_something_else(tmp_path, journal):
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.execute(f"PRAGMA journal_mode = {journal}")
    with other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(CacheError, match="left as it is"):
        clear_cache(tmp_path)
    assert other.execute("SELECT count(*) FROM bookmarks").fetchone() == (0,)
    other.close()


def test_clear_removes_a_cache_whose_tables_are_still_in_the_log(tmp_path):
    Cache(tmp_path / "one").close()
    cache = Cache(tmp_path / "two")
    assert clear_cache(tmp_path / "one") > 0
    assert clear_cache(tmp_path / "two") > 0
    cache.close()
