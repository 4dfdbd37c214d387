import json
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        (["a", "a"], [[1, 2], [3, 4]], "two rows have the id 'a'"),
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


def test_arrays_of_the_caller_stay_writeable_and_are_not_copied():
    vectors, rows = np.eye(3, dtype=np.float32), np.arange(3)
    given = {"chunk_vectors": vectors.copy(), "chunk_rows": rows, "chunk_spans": np.zeros((3, 2), np.int64)}
    given |= {"tokens": np.ones(3, np.int64), "tokens_lost": np.zeros(3, np.int64)}
    made = Embeddings(ids=("a", "b", "c"), vectors=vectors, fingerprint="f", **given)
    for name, array in {"vectors": vectors, **given}.items():
        assert array.flags.writeable
        assert not getattr(made, name).flags.writeable
        assert np.shares_memory(getattr(made, name), array)
    vectors[0] = [0, 1, 0]
    assert made.vectors[0].tolist() == [0, 1, 0]  # a view, as the docstring warns


def test_from_array_leaves_the_caller_s_array_alone():
    x = np.eye(3, dtype=np.float32)
    made = Embeddings.from_array("abc", x, model="m", similarity="dot")
    x[:] = 7
    assert made.vectors.tolist() == np.eye(3).tolist()


EYE = np.eye(3, dtype=np.float32)
ROWS = np.array([0, 1, 1, 2])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"chunk_rows": np.array([0, -1, 1, 2])}, "chunk_rows holds -1, expected rows of 3 vectors: 0 to 2"),
        ({"chunk_rows": np.array([0, 1, 1, 3])}, "chunk_rows holds 3, expected rows of 3 vectors: 0 to 2"),
        ({"chunk_rows": np.array([0, 2, 1, 2])}, "chunk_rows must not decrease"),
        ({"chunk_rows": np.array([0, 1, 2])}, r"chunk_rows has shape \(3,\), expected \(4,\) for 4 chunks of 3 items"),
        (
            {"chunk_rows": np.array([0.0, 1, 1, 2])},
            "chunk_rows holds float64 numbers, expected an array of whole numbers",
        ),
        ({"chunk_rows": np.zeros((4, 1), np.int64)}, r"chunk_rows has shape \(4, 1\)"),
        ({"chunk_vectors": EYE}, r"chunk_rows has shape \(4,\), expected \(3,\)"),
        ({"chunk_vectors": np.ones((4, 2), np.float32)}, r"chunk_vectors has shape \(4, 2\), expected \(4, 3\)"),
        ({"chunk_vectors": np.full((4, 3), np.nan, np.float32)}, "chunk_vectors holds NaN"),
        ({"chunk_vectors": np.array("a")}, "chunk_vectors holds a single ndarray"),
        ({"chunk_spans": np.zeros((4, 3), np.int64)}, r"chunk_spans has shape \(4, 3\), expected \(4, 2\) or \(0, 2\)"),
        ({"chunk_spans": np.zeros(8, np.int64)}, r"chunk_spans has shape \(8,\)"),
        ({"chunk_spans": np.zeros((3, 2), np.int64)}, r"chunk_spans has shape \(3, 2\)"),
        ({"chunk_spans": np.array([[0, 1], [2, 1], [0, 0], [0, 0]])}, "stops before it starts"),
        ({"tokens": np.ones(2, np.int64)}, r"tokens has shape \(2,\), expected \(3,\) or \(0,\)"),
        ({"tokens_lost": np.ones(4, np.int64)}, "tokens_lost has shape"),
        ({"vectors": np.array([["a"], ["b"], ["c"]])}, "vectors holds <U1 numbers"),
    ],
)
def test_constructor_refuses_arrays_that_do_not_fit(change, said):
    fitting = {
        "vectors": EYE,
        "chunk_vectors": EYE[ROWS],
        "chunk_rows": ROWS,
        "chunk_spans": np.zeros((4, 2), np.int64),
    }
    Embeddings(ids=("a", "b", "c"), fingerprint="f", **fitting)
    with pytest.raises(EmbeddingError, match=said) as told:
        Embeddings(ids=("a", "b", "c"), fingerprint="f", **fitting | change)
    assert "\n" not in str(told.value)


def test_blank_is_what_the_model_knows_no_token_of():
    counts = {"tokens": np.array([3, 3, 0]), "tokens_lost": np.array([3, 2, 0])}
    assert Embeddings(ids=("a", "b", "c"), vectors=EYE, fingerprint="f", **counts).blank.tolist() == [True, False, True]
    assert _embeddings().blank.tolist() == [False] * 3  # of vectors from elsewhere nothing is known


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


_MANIFEST = {
    "format": "recs.embeddings/1",
    "ids": ["a", "b"],
    "fingerprint": "f",
    "similarity": "cosine",
    "model": "m",
    "role": "document",
    "prompt": "",
}
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*_MANIFEST, "x"]), inner, max_size=3),
    max_leaves=8,
)


def _write(path, manifest, arrays=()):
    _embeddings(ids=("a", "b")).save(path)
    with np.load(path) as archive:
        content = {**archive, "manifest": np.frombuffer(manifest, np.uint8), **dict(arrays)}
    np.savez(path, **content)


def _load(path):
    """Return what the file holds, or what is said of it."""
    try:
        return Embeddings.load(path)
    except SourceError as error:
        return str(error)


@given(
    manifest=_JSON | st.dictionaries(st.sampled_from(sorted(_MANIFEST)), _JSON).map(lambda odd: {**_MANIFEST, **odd})
)
def test_load_odd_manifest_is_a_source_error_or_sound(tmp_path_factory, manifest):
    path = tmp_path_factory.mktemp("odd") / "e.npz"
    _write(path, json.dumps(manifest).encode())
    found = _load(path)
    if isinstance(found, str):
        assert found.startswith(f"{path}: not a file of embeddings written by recs (")
        assert "\n" not in found
    else:
        assert all(isinstance(getattr(found, name), str) for name in _MANIFEST if name not in ("format", "ids"))
        assert len(set(found.ids)) == 2
        assert all(isinstance(name, str) for name in found.ids)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (b"[]", "format 'a list', expected 'recs.embeddings/1'"),
        (b"null", "format 'a NoneType'"),
        (b'{"format": "other/9"}', "format 'other/9'"),
        (json.dumps({**_MANIFEST, "ids": None}).encode(), "ids is not a list of strings"),
        (json.dumps({**_MANIFEST, "ids": "ab"}).encode(), "ids is not a list of strings"),
        (json.dumps({**_MANIFEST, "ids": ["a", 1]}).encode(), "ids is not a list of strings"),
        (json.dumps({**_MANIFEST, "ids": ["a", "a"]}).encode(), "two rows have the id 'a'"),
        (json.dumps({**_MANIFEST, "ids": ["a"]}).encode(), "1 ids and an array of shape"),
        (json.dumps({**_MANIFEST, "prompt": 5}).encode(), "prompt is not a string"),
        (json.dumps({**_MANIFEST, "similarity": "taxi"}).encode(), "similarity is 'taxi'"),
        (json.dumps({name: _MANIFEST[name] for name in ("format", "ids")}).encode(), "fingerprint is not a string"),
        (b"[" * 100_000, "recursion"),
        (b"\xff\xfe", "not a file"),
    ],
)
def test_load_says_what_is_wrong_with_a_manifest(tmp_path, manifest, said):
    _write(tmp_path / "e.npz", manifest)
    with pytest.raises(SourceError, match=said):
        Embeddings.load(tmp_path / "e.npz")


@pytest.mark.parametrize(
    "arrays",
    [
        {"vectors": np.zeros((2, 4), np.float32)},
        {"vectors": np.zeros(4, np.float32)},
        {"vectors": np.array("text")},
        {"chunk_rows": np.array([9])},
        {"tokens": np.array(["a", "b"])},
        {"manifest": np.float64(1)},
    ],
)
def test_load_odd_arrays_are_a_source_error(tmp_path, arrays):
    _write(tmp_path / "e.npz", json.dumps(_MANIFEST).encode(), arrays)
    with pytest.raises(SourceError, match="not a file of embeddings"):
        Embeddings.load(tmp_path / "e.npz")


def test_load_file_of_one_array_or_without_some_is_a_source_error(tmp_path):
    np.save(tmp_path / "one.npy", np.eye(2))
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as archive:
        archive.writestr("manifest", "text")
    for name in ("one.npy", "text.npz"):
        with pytest.raises(SourceError, match="not a file of embeddings"):
            Embeddings.load(tmp_path / name)


@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_load_file_with_a_changed_byte_is_a_source_error_or_sound(tmp_path_factory, place, value):
    path = tmp_path_factory.mktemp("changed") / "e.npz"
    _embeddings().save(path)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = value
    path.write_bytes(content)
    found = _load(path)
    assert "\n" not in found if isinstance(found, str) else len(found) == 3


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


def test_from_array_ragged_rows_are_named():
    for X in ([[1.0], [1.0, 2.0]], np.array([np.ones(1), np.ones(2)], dtype=object)):
        with pytest.raises(EmbeddingError, match=r"row 0 has shape \(1,\) and row 1 has shape \(2,\)"):
            Embeddings.from_array(["a", "b"], X, model="m")


def test_from_array_masked_numbers_are_missing():
    X = np.ma.masked_array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 0], [0, 1]])
    with pytest.raises(EmbeddingError, match="'b' holds NaN"):
        Embeddings.from_array(["a", "b"], X, model="m")


@pytest.mark.parametrize("form", ["csr_matrix", "coo_array", "dok_matrix"])
def test_from_array_of_a_sparse_matrix_says_what_to_do(form):
    from scipy import sparse

    with pytest.raises(EmbeddingError, match=r"a sparse matrix; make it dense with X\.toarray\(\)"):
        Embeddings.from_array(["a", "b"], getattr(sparse, form)(np.eye(2)), model="m")


def test_from_array_of_what_pandas_holds():
    pd = pytest.importorskip("pandas")
    expected = [[0.6, 0.8], [1.0, 0.0]]
    frame = pd.DataFrame({"x": [3, 1], "y": [4.0, 0.0]}, index=pd.Index([7, 8]))
    lists = pd.Series([[3, 4], [1, 0]])
    arrays = pd.Series([np.array([3.0, 4.0], np.float32), np.array([1.0, 0.0], np.float32)])
    for X in (frame, frame.astype(object), frame.astype("Float64"), lists, arrays, lists.to_list(), lists.to_numpy()):
        made = Embeddings.from_array(frame.index.astype(str), X, model="m")
        assert made.ids == ("7", "8")
        np.testing.assert_allclose(made.vectors, expected, atol=1e-7)
    for X in (
        pd.Series(["3, 4", "1, 0"]),
        pd.Series([[3, 4], None]),
        frame.astype(str),
        frame.astype(str).astype(object),
    ):
        with pytest.raises(EmbeddingError, match="not a table of numbers") as told:
            Embeddings.from_array(["a", "b"], X, model="m")
        assert "\n" not in str(told.value)
    with pytest.raises(EmbeddingError, match=r"found 7 \(int\).*df\.index\.astype\(str\)"):
        Embeddings.from_array(frame.index, frame, model="m")


def test_from_array_of_tensors():
    torch = pytest.importorskip("torch")
    x = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    asked = x.clone().requires_grad_()
    for X in (x, asked, asked * 1, x.to(torch.bfloat16), x.to(torch.int64), list(asked), [row * 1 for row in asked]):
        made = Embeddings.from_array("ab", X, model="m")
        np.testing.assert_allclose(made.vectors, [[0.6, 0.8], [1, 0]], atol=1e-6)
    for X in (x.to_sparse(), x.to("meta"), x + 1j, [x[0], x[1, :1]]):
        with pytest.raises(EmbeddingError, match="not a table of numbers") as told:
            Embeddings.from_array("ab", X, model="m")
        assert "\n" not in str(told.value)


def test_from_array_ids_of_numpy_become_strings():
    made = Embeddings.from_array(np.array(["a", "ü"]), np.eye(2), model="m")
    assert made.ids == ("a", "ü")
    assert {type(name) for name in made.ids} == {str}


@pytest.mark.parametrize("ids", [5, None, [1, 2], np.array([1, 2]), [b"a", b"b"], [None, "a"], np.eye(2)])
def test_from_array_ids_that_are_no_strings_are_told_in_one_line(ids):
    with pytest.raises(EmbeddingError, match="ids") as told:
        Embeddings.from_array(ids, np.eye(2), model="m")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("X", [None, 5, {}, {"a": 1}, {1, 2}, "text", b"text", [], np.float32(1), (n for n in "ab")])
def test_from_array_of_anything_else_is_told_in_one_line(X):
    with pytest.raises(EmbeddingError) as told:
        Embeddings.from_array("ab", X, model="m")
    assert "\n" not in str(told.value)


def test_from_array_numbers_beyond_float32_are_refused():
    with pytest.raises(EmbeddingError, match="'a' holds NaN or infinity"):
        Embeddings.from_array("a", [[1e300, 1.0]], model="m", similarity="dot")
    with pytest.raises(EmbeddingError, match="not a table of numbers"):
        Embeddings.from_array("a", [[10**400, 1]], model="m")
