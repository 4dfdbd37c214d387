import numpy as np
import pytest

from recs import Embeddings
from recs.errors import EmbeddingError, FingerprintMismatchError, OutputError, SourceError
from recs.files import write_atomically


def _embeddings(ids=("a", "b", "c"), d=4, seed=0, **options):
    x = np.random.default_rng(seed).standard_normal((len(ids), d))
    return Embeddings.from_array(ids, x, model="m", **options)


def test_from_array_brings_cosine_rows_to_unit_length():
    x = np.array([[3.0, 4.0], [1e-30, 0], [0, 1e30]])
    found = Embeddings.from_array("abc", x, model="m").vectors
    np.testing.assert_allclose(found, [[0.6, 0.8], [1, 0], [0, 1]], rtol=1e-6)


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_from_array_keeps_lengths_where_they_matter(similarity):
    found = Embeddings.from_array("a", [[3.0, 4.0]], model="m", similarity=similarity)
    np.testing.assert_array_equal(found.vectors, [[3, 4]])


def test_from_array_of_nothing_has_no_rows():
    assert len(Embeddings.from_array([], [], model="m")) == 0


@pytest.mark.parametrize(
    ("ids", "x", "said"),
    [
        (["a", "b"], [[1, 2], [np.nan, 1]], "'b' holds NaN"),
        (["a", "b"], [[1, 2], [np.inf, 1]], "'b' holds NaN or infinity"),
        (["a", "b"], [[0, 0], [1, 1]], "'a' is zero"),
        (["a"], [[1, 2], [3, 4]], r"1 ids and an array of shape \(2, 2\)"),
        (["a"], [1, 2], "expected shape"),
        (["a", "a"], [[1, 2], [3, 4]], "'a' stands for two rows"),
        ([1], [[1, 2]], "ids must be strings"),
    ],
)
def test_from_array_refuses_what_cannot_be_compared(ids, x, said):
    with pytest.raises(EmbeddingError, match=said):
        Embeddings.from_array(ids, x, model="m")


def test_from_array_without_a_model_name_is_an_error():
    with pytest.raises(EmbeddingError, match="name of the model"):
        Embeddings.from_array(["a"], [[1.0]], model="")


def test_constructor_refuses_cosine_rows_that_are_not_unit():
    with pytest.raises(EmbeddingError, match=r"length 5\.0"):
        Embeddings(ids=("a",), vectors=np.array([[3, 4]], np.float32), fingerprint="f")


def test_vectors_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        _embeddings().vectors[0, 0] = 1


def test_check_comparable_two_models_raise_and_name_both():
    one, two = _embeddings(), Embeddings.from_array(["a"], [[1.0, 2.0, 3.0, 4.0]], model="other")
    with pytest.raises(FingerprintMismatchError, match=r"vectors of m .* cannot be compared with vectors of other"):
        one.check_comparable(two)
    one.check_comparable(_embeddings(seed=1))


def test_check_comparable_one_name_and_two_dimensions_raise():
    with pytest.raises(FingerprintMismatchError):
        _embeddings(d=4).check_comparable(_embeddings(d=5))


def test_take_reorders_rows_and_chunks():
    chunk_vectors = np.eye(4, dtype=np.float32)
    whole = Embeddings(
        ids=("a", "b", "c"),
        vectors=np.eye(4, dtype=np.float32)[:3],
        fingerprint="f",
        chunk_vectors=chunk_vectors,
        chunk_rows=np.array([0, 1, 1, 2]),
        tokens=np.array([10, 20, 30]),
        tokens_lost=np.array([0, 1, 2]),
    )
    part = whole.take(["c", "b"])
    assert part.ids == ("c", "b")
    np.testing.assert_array_equal(part.vectors, whole.vectors[[2, 1]])
    np.testing.assert_array_equal(part.chunk_vectors, chunk_vectors[[3, 1, 2]])
    assert part.chunk_rows.tolist() == [0, 1, 1]
    assert (part.tokens.tolist(), part.tokens_lost.tolist()) == ([30, 20], [2, 1])


def test_take_unknown_id_is_an_error():
    with pytest.raises(EmbeddingError, match="'z'"):
        _embeddings().take(["a", "z"])


def test_save_then_load_returns_the_same(tmp_path):
    one = _embeddings(ids=("a/b", "ü", "\n"))
    one.save(tmp_path / "e.npz")
    two = Embeddings.load(tmp_path / "e.npz")
    assert (two.ids, two.fingerprint, two.similarity, two.model) == (
        one.ids,
        one.fingerprint,
        one.similarity,
        one.model,
    )
    np.testing.assert_array_equal(two.vectors, one.vectors)


def test_save_twice_gives_the_same_bytes(tmp_path):
    _embeddings().save(tmp_path / "1.npz")
    _embeddings().save(tmp_path / "2.npz")
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"not a zip", None])
def test_load_bad_file_is_one_line(tmp_path, content):
    path = tmp_path / "e.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=r"e\.npz"):
        Embeddings.load(path)


def test_load_pickle_is_refused(tmp_path):
    path = tmp_path / "e.npz"
    np.savez(path, manifest=np.array([{"a": 1}], dtype=object))
    with pytest.raises(SourceError):
        Embeddings.load(path)


def test_write_atomically_failure_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "f.json"
    write_atomically(path, b"old")
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match=r"f\.json: cannot be written: No space left on device"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["f.json"]


def test_write_atomically_follows_a_link_and_keeps_permissions(tmp_path):
    target, link = tmp_path / "real.json", tmp_path / "link.json"
    target.write_bytes(b"old")
    target.chmod(0o640)
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("this system makes no symbolic links")
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize(
    "X", [[[1.0], [1.0, 2.0]], [["a"], ["b"]], [["1"], ["2"]], [[1j], [2j]], [[None], [1]], [[{}], [1]]]
)
def test_from_array_of_what_is_no_table_of_numbers_is_an_error(X):
    with pytest.raises(EmbeddingError, match="vector"):
        Embeddings.from_array(["a", "b"], X, model="m")
