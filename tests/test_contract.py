import hashlib
import json
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

import recs.contract
from recs.contract import SCHEMA, RelatedFileWarning, corpus_digest, load_related

ENTRY = {"id": "b", "title": "B", "url": "/b/", "score": 0.5, "via": "auto"}


def _document(**changes):
    document = {
        "schema": SCHEMA,
        "model": {"name": "m", "fingerprint": "f", "dim": 2, "similarity": "cosine"},
        "score": {"kind": "cosine", "range": [-1, 1]},
        "config": {},
        "counts": {},
        "corpus": "0" * 64,
        "items": {"a": {"title": "A", "related": [ENTRY]}, "b": {"title": "B", "related": []}},
    }
    return {**document, **changes}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "related.json"
    path.write_text(json.dumps(_document()), encoding="utf-8")
    return path


def test_load_related_returns_lists(path):
    related = load_related(path)
    assert related.get("a") == [ENTRY]
    assert related["a"] == [ENTRY]
    assert related.get("b") == related.get("unknown") == []
    assert list(related) == ["a", "b"]
    assert (len(related), "a" in related, related.corpus) == (2, True, "0" * 64)
    assert related.model["name"] == "m"
    assert related.score["kind"] == "cosine"


def test_load_related_reads_nothing_before_first_use(tmp_path):
    related = load_related(tmp_path / "later.json")
    (tmp_path / "later.json").write_text(json.dumps(_document()))
    assert related.get("a") == [ENTRY]


def test_load_related_changed_list_harms_nobody(path):
    related = load_related(path)
    related.get("a")[0]["title"] = "changed"
    related.get("a").clear()
    assert related.get("a") == [ENTRY]


def test_load_related_ignores_unknown_keys(path):
    entry = {**ENTRY, "reasons": ["x"]}
    path.write_text(json.dumps(_document(future=1, items={"a": {"related": [entry], "more": 2}})))
    assert load_related(path).get("a") == [entry]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "missing"),
        ("", "not whole JSON"),
        (json.dumps(_document())[:-40], "not whole JSON"),
        ("[" * 100_000, "not whole JSON"),
        (b"\xff\xfe\x00", "not whole JSON"),
        ("[]", "not a file of related lists"),
        ('{"items": {}}', "not a file of related lists"),
        (json.dumps(_document(schema="recs.related/2")), "upgrade recs"),
        (json.dumps(_document(schema=7)), "not a file of related lists"),
        (json.dumps(_document(items=[1])), "no lists where they should be"),
        (json.dumps(_document(items={"a": [ENTRY]})), "no lists where they should be"),
    ],
)
def test_load_related_bad_file_is_empty_and_warns_once(tmp_path, content, said):
    path = tmp_path / "related.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    related = load_related(path)
    with pytest.warns(RelatedFileWarning, match=said) as caught:
        found = [(related.get("a"), list(related)) for _ in range(3)]
    assert found == [([], [])] * 3
    assert len(caught) == 1


def test_load_related_raises_nothing_whatever_it_is_asked(path):
    path.write_text(json.dumps(_document(items={"7": {"related": [ENTRY]}})))
    related = load_related(path)
    assert related.get(7) == related[7] == [ENTRY]
    assert related.get([]) == related.get(None) == related.get("x", None) == []
    with pytest.warns(RelatedFileWarning, match="missing"):
        assert load_related(None).get("a") == []


def test_load_related_where_warnings_are_errors_says_so_in_the_log(tmp_path, caplog):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_related(tmp_path / "none.json").get("a") == []
    assert "is missing" in caplog.text


@pytest.mark.parametrize("related", [None, "text", [1, None, "x"], {"id": "b"}])
def test_load_related_list_of_a_wrong_type_is_empty(path, related):
    path.write_text(json.dumps(_document(items={"a": {"related": related}})))
    assert load_related(path).get("a") == []


def test_load_related_folder_instead_of_file_warns(tmp_path):
    with pytest.warns(RelatedFileWarning, match="cannot be read"):
        assert load_related(tmp_path).get("a") == []


def test_load_related_stale_file_is_empty(path):
    with pytest.warns(RelatedFileWarning, match="another state of the collection"):
        assert load_related(path, corpus="1" * 64).get("a") == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_related(path, corpus="0" * 64).get("a") == [ENTRY]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org/a?b=c#d", "https://example.org/a?b=c#d"),
        ("/posts/a/", "/posts/a/"),
        ("a.html", "a.html"),
        ("/my posts/a b.html", "/my posts/a b.html"),
        (" javascript:alert(1)", None),
        ("java\x7fscript:alert(1)", None),
        ("javascript:alert(1)", None),
        ("JavaScript:alert(1)", None),
        ("java\nscript:alert(1)", None),
        ("data:text/html,x", None),
        ("http://[broken", None),
        (7, None),
        (None, None),
    ],
)
def test_load_related_gives_no_url_that_runs_code(path, url, expected):
    path.write_text(json.dumps(_document(items={"a": {"related": [{**ENTRY, "url": url}]}})))
    assert load_related(path).get("a")[0]["url"] == expected


def test_load_related_many_threads_read_once(path, monkeypatch):
    reads, results = [], []
    original = recs.contract.json.loads
    monkeypatch.setattr(recs.contract.json, "loads", lambda text: reads.append(1) or original(text))
    related, start = load_related(path), threading.Barrier(8)

    def use():
        start.wait()
        results.append(related.get("a"))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[ENTRY]] * 8
    assert len(reads) == 1


@pytest.fixture
def clock(monkeypatch):
    """Return what moves the clock on."""
    now = [100.0]
    monkeypatch.setattr(recs.contract.time, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


def test_load_related_file_that_comes_later_is_found(tmp_path, clock):
    path = tmp_path / "related.json"
    related = load_related(path)
    with pytest.warns(RelatedFileWarning, match="is missing"):
        assert related.get("a") == []
    path.write_text(json.dumps(_document()), encoding="utf-8")
    clock(0.5)
    assert related.get("a") == []  # looked less than a second ago
    clock(0.6)
    assert related.get("a") == [ENTRY]


def test_load_related_file_that_is_replaced_is_read_again_and_a_torn_one_is_empty(path, clock, monkeypatch):
    related = load_related(path)
    assert related.get("a") == [ENTRY]
    reads = []
    original = recs.contract.json.loads
    monkeypatch.setattr(recs.contract.json, "loads", lambda text: reads.append(1) or original(text))
    clock(2)
    assert related.get("a") == [ENTRY]
    assert not reads  # unchanged
    path.write_text('{"schema": "recs.rel', encoding="utf-8")
    clock(2)
    with pytest.warns(RelatedFileWarning, match="not whole JSON; run recs related again; no related items are shown"):
        assert related.get("a") == []
    clock(2)
    assert related.get("a") == []  # told once
    path.write_text(json.dumps(_document(items={"b": {"related": [ENTRY]}})), encoding="utf-8")
    clock(2)
    assert (related.get("a"), related.get("b")) == ([], [ENTRY])


def test_contract_needs_the_standard_library_alone(path, tmp_path):
    copy = tmp_path / "vendored.py"
    copy.write_bytes(Path(recs.contract.__file__).read_bytes())
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import vendored; "
        "print(vendored.load_related(sys.argv[2]).get('a'))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(tmp_path), str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str([ENTRY])


def test_corpus_digest_ignores_order_and_sees_every_change():
    pairs = [("a", "one"), ("b", "two"), ("ü", "drei")]
    expected = corpus_digest(pairs)
    assert corpus_digest(pairs[::-1]) == expected
    twice = [recs.Item("a", "one"), recs.Item("a", "two"), ("a", "zero"), recs.Item("b", "two")]
    assert len({corpus_digest(each) for each in (twice, twice[::-1], [*twice[2:], *twice[:2]])}) == 1
    changes = [pairs[:2], [("a", "one"), ("b", "twO"), pairs[2]], [("ab", ""), ("", "onetwo"), pairs[2]], []]
    assert len({expected, *map(corpus_digest, changes)}) == 5


def test_corpus_digest_equals_its_description():
    assert corpus_digest([("a", "bc")]) == hashlib.sha256(b"1:a2:bc").hexdigest()


@pytest.mark.skipif(os.name != "posix", reason="needs a FIFO-free POSIX permission model")
def test_load_related_unreadable_file_warns(path):
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("runs as a user who may read everything")
    with pytest.warns(RelatedFileWarning, match="cannot be read"):
        assert load_related(path).get("a") == []
