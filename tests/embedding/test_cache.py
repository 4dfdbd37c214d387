import json
import os
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from standins import DIM, BagEncoder, make_embedder, make_spec

from recs import Item
from recs.embedding.cache import Cache
from recs.embedding.cache_file import FILE_NAME, clear_cache
from recs.embedding.load import find_embedder
from recs.embedding.pipeline import embed_items, open_cache
from recs.embedding.spaces import model_name, space_name
from recs.errors import CacheError, OptionError
from recs.text.languages import item_languages

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


# Words of the user's.

MARKERS = ("Zyxglomph", "Quorvendal", "Wobblefrunt", "Kneebisquit", "Snarfblatt", "Überdrüglich", "Жмыхобрызг")
TITLE, TEXT, NAME, WISH, FOLDER, GERMAN, RUSSIAN = MARKERS


def _words_found(folder):
    """Return what of the markers stands in the files of a folder: pieces of six letters, in any usual encoding."""
    content = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    content += content.lower()
    words = [form for word in MARKERS for form in (word, word.lower())]
    pieces = {word[i : i + 6] for word in words for i in range(len(word) - 5)}
    escaped = {piece for piece in pieces if json.dumps(piece).encode() != f'"{piece}"'.encode()}
    found = {piece for piece in pieces for code in ("utf-8", "utf-16-le", "utf-16-be") if piece.encode(code) in content}
    return found | {piece for piece in escaped if json.dumps(piece)[1:-1].lower().encode() in content}


def _marked_items():
    sentence = f"The {TEXT} stood by the {GERMAN} window, and nobody knew why the {RUSSIAN} had come so early. "
    return [
        Item(id=f"{NAME}-{n}", title=f"{TITLE} {n}", text=sentence * 8, url=f"https://{NAME}.example/{n}")
        for n in range(3)
    ]


def test_cache_holds_no_word_of_the_user(tmp_path):
    items = _marked_items()
    embedder = make_embedder(name=f"/home/{FOLDER}/models/mine", prompts={"query": "known prompt: "})
    with Cache(tmp_path) as cache:
        item_languages(items, cache)
        for instruction in (None, f"For {WISH}: ", f"{WISH} {GERMAN}"):
            embed_items(items, embedder, instruction=instruction, cache=cache)
        embed_items(items, embedder, role="query", overflow="truncate", cache=cache)
        assert {path.name.removeprefix(FILE_NAME) for path in tmp_path.iterdir()} == {"", "-wal", "-shm"}
        assert _words_found(tmp_path) == set()
        assert cache.info().chunks == 3 * 4 + 1  # of three titles with four prompts, and one guess: the texts are equal
    assert _words_found(tmp_path) == set()
    assert b"known prompt" in (tmp_path / FILE_NAME).read_bytes()  # what a model says of itself may be known
    encoder = BagEncoder()
    with Cache(tmp_path) as cache:
        embedder = make_embedder(encoder, name=f"/home/{FOLDER}/models/mine", prompts={"query": "known prompt: "})
        embed_items(items, embedder, instruction=f"For {WISH}: ", cache=cache)
        assert encoder.texts == 0
        assert cache.known_model(f"/home/{FOLDER}/models/mine").prompts == {"query": "known prompt: "}
        assert cache.known_model(f"/home/other-{FOLDER}/models/mine") is None
        cache.prune()
        assert _words_found(tmp_path) == set()
    assert _words_found(tmp_path) == set()


def test_markers_would_be_found(tmp_path):
    with Cache(tmp_path) as cache:
        cache.put_vectors(json.dumps(["f", f"{WISH} {RUSSIAN}", "float32"]), _vectors(1), make_spec())
        assert {WISH.lower()[:6], RUSSIAN[:6]} <= _words_found(tmp_path)


@pytest.mark.parametrize("both", [False, True], ids=["old", "old and new"])
def test_cache_of_an_older_version_opens_and_forgets_the_words_in_it(tmp_path, both):
    spec = make_spec(name=f"/home/{FOLDER}/mine", prompts={"query": "q: "})
    old = json.dumps([spec.fingerprint, f"For {WISH} and {GERMAN}: ", "float32"])
    new = space_name(spec.fingerprint, f"For {WISH} and {GERMAN}: ", "float32", own_prompts=["q: "])
    kept = json.dumps([spec.fingerprint, "q: ", "float32"])
    vectors = _vectors(40)
    with Cache(tmp_path) as cache:
        cache.put_vectors(old, vectors, spec)
        cache.put_vectors(kept, _vectors(2), spec)
        cache.put_chunks({b"boundaries": b'{"prefix": false}'})
        if both:
            cache.put_vectors(new, {**_vectors(5), **_vectors(2, start=90)}, spec)
        with cache._connection:  # as a version that did not hide paths has written it
            cache._connection.execute("UPDATE spaces SET model = ?", (spec.name,))
    assert _words_found(tmp_path)
    with Cache(tmp_path) as cache:
        assert _words_found(tmp_path) == set()
        found = cache.get_vectors(new, [*vectors, *_vectors(2, start=90)], DIM)
        assert len(found) == 42 if both else 40
        assert all(found[key].tobytes() == vectors[key].tobytes() for key in vectors)
        assert len(cache.get_vectors(kept, list(_vectors(2)), DIM)) == 2
        assert cache.get_chunks([b"boundaries"]) == {b"boundaries": b'{"prefix": false}'}
        assert cache.known_model(spec.name) == spec
        assert len(cache.info().spaces) == 2
    assert _words_found(tmp_path) == set()


def test_cache_with_a_space_that_is_none_is_an_error(tmp_path):
    with Cache(tmp_path) as cache:
        cache.put_vectors('["f"]', _vectors(1), make_spec())
    with pytest.raises(CacheError, match="damaged"):
        Cache(tmp_path)


def test_space_name_keeps_the_model_s_own_prompts_and_digests_of_others():
    names = [
        space_name("f", prompt, "float32", own_prompts=["q: "]) for prompt in ("", "q: ", "mine", "Mine", "\ud800")
    ]
    assert names[:2] == ['["f", "", "float32"]', '["f", "q: ", "float32"]']
    assert len(set(names)) == 5
    assert all(json.loads(name)[1].startswith("sha256:") for name in names[2:])


@pytest.mark.parametrize(
    "name", ["all-MiniLM-L6-v2", "org/model", "org/model_v1.5@256", "nomic-embed-text:latest", "hf.co/model:Q4"]
)
def test_model_name_of_a_model_is_kept(name):
    assert model_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["/home/ann/m", "~/ann/m", "./ann/m", "../ann/m/", "C:\\ann\\m", "c:/ann/m", "a/ann/m", "ann b/m", "/ann/m@8"],
)
def test_model_name_of_a_path_is_its_last_part_and_a_digest(name):
    assert "ann" not in model_name(name)
    assert model_name(name).startswith("m")
    assert model_name(name) != model_name(name + "2")


def test_model_in_a_folder_is_found_in_the_cache_by_its_path(tmp_path):
    with Cache(tmp_path) as cache:
        first = make_embedder(name="/models/gone").embed(["soil"], store=cache)
        again = find_embedder("/models/gone", cache).embed(["soil"], store=cache)
    assert again.vectors.tobytes() == first.vectors.tobytes()


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
    with pytest.raises(CacheError, match="it is not removed"):
        clear_cache(tmp_path)
    assert other.execute("SELECT count(*) FROM bookmarks").fetchone() == (0,)
    other.close()


def test_clear_removes_a_cache_whose_tables_are_still_in_the_log(tmp_path):
    Cache(tmp_path / "one").close()
    cache = Cache(tmp_path / "two")
    assert clear_cache(tmp_path / "one") > 0
    assert clear_cache(tmp_path / "two") > 0
    cache.close()
