"""Against `recs serve` itself, and against a service of another make that does what a test tells it to."""

from __future__ import annotations

import http.server
import json
import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from running_server import serving
from standins import DIM, BagEncoder, make_embedder

import recs
from recs.embedding.cache import Cache
from recs.embedding.load import find_embedder
from recs.errors import EmbeddingError, ModelError, ModelNotFoundError, OptionError
from recs.models.encoders import service
from recs.models.encoders.service import ByteTokenizer

LONG = "Über garlic — " * 60


class Foreign:
    """A service without /models/…; `answers` are given first: (status, headers, body), body None for a good one."""

    def __init__(self) -> None:
        self.answers: deque[tuple[int, dict[str, str], Any]] = deque()
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.models: Any = None
        self.largest = 10**9
        self.url = ""

    def reply(self, content: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        self.asked.append(content)
        status, headers, body = self.answers.popleft() if self.answers else (200, {}, None)
        if len(content["input"]) > self.largest:
            return 422, {}, {"error": f"batch size {len(content['input'])} > maximum allowed batch size {self.largest}"}
        if body is None and status == 200:
            # Twice as long as unit vectors, and in another order than asked: both are allowed.
            vectors = 2 * BagEncoder().encode(content["input"])
            data = [{"index": i, "embedding": row.tolist()} for i, row in enumerate(vectors)]
            body = {"data": data[::-1]}
        return status, headers, body


@contextmanager
def running() -> Iterator[Foreign]:
    foreign = Foreign()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            foreign.keys.append(self.headers["Authorization"])
            self.send(404 if foreign.models is None else 200, {}, foreign.models)

        def do_POST(self) -> None:
            foreign.keys.append(self.headers["Authorization"])
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send(*foreign.reply(content))

        def send(self, status: int, headers: dict[str, str], body: Any) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    foreign.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield foreign
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def foreign():
    with running() as running_service:
        yield running_service


@pytest.fixture
def naps(monkeypatch):
    """Waiting takes no time, and is written down."""
    taken: list[float] = []
    monkeypatch.setattr(service.time, "sleep", taken.append)
    return taken


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    for name in ("RECS_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


# Against recs serve.


def test_served_vectors_may_meet_local_ones_and_equal_them():
    local = make_embedder(prompts={"query": "query: "})
    with serving(local) as port:
        for name in (f"http://127.0.0.1:{port}/v1", f"http://localhost:{port}/v1/#Bag-of-Words"):
            served = recs.load_embedder(name)
            assert (served.spec.name, served.spec.dim, served.spec.max_tokens) == ("bag-of-words", DIM, 34)
            for options in ({}, {"role": "query"}, {"role": "query", "instruction": ""}, {"instruction": "find "}):
                a, b = served.embed(["soil", "red bike"], **options), local.embed(["soil", "red bike"], **options)
                a.check_comparable(b)
                np.testing.assert_allclose(a.vectors, b.vectors, atol=1e-6)
                assert (a.prompt, a.fingerprint) == (b.prompt, b.fingerprint)


def test_served_instruction_goes_through_its_template():
    changes = {
        "instruction_template": "Instruct: {instruction}\nQuery:",
        "prompts": {"query": "Instruct: find\nQuery:"},
    }
    local = make_embedder(**changes)
    with serving(local) as port:
        served = recs.load_embedder(f"http://127.0.0.1:{port}/v1")
        for options in ({"role": "query"}, {"instruction": "tell"}, {}):
            np.testing.assert_allclose(
                served.embed(["soil"], **options).vectors, local.embed(["soil"], **options).vectors, atol=1e-6
            )


def test_served_dimensions_are_cut_to_the_space_of_a_local_model_cut_there():
    local = make_embedder(full_dim=DIM)
    with serving(local) as port:
        served = recs.load_embedder(f"http://127.0.0.1:{port}/v1", dim=5).embed(["soil"])
    expected = local.with_dim(5).embed(["soil"])
    assert served.fingerprint == expected.fingerprint
    np.testing.assert_allclose(served.vectors, expected.vectors, atol=1e-6)


def test_served_model_that_is_not_there_names_the_one_that_is():
    with serving(make_embedder()) as port, pytest.raises(ModelError, match=r"no model 'other'.*'bag-of-words'"):
        recs.load_embedder(f"http://127.0.0.1:{port}/v1#other")


@pytest.mark.model
@pytest.mark.slow
def test_served_minilm_equals_local_minilm_on_texts_of_every_length(tmp_path, monkeypatch):
    monkeypatch.setenv("RECS_CACHE_DIR", str(tmp_path))
    local = recs.load_embedder()
    texts = ["garlic", "Naïve “quotes” — 日本語 too.", "The chain wants oil. " * 200, "x" * 3000, LONG]
    with serving(local) as port:
        served = recs.load_embedder(f"http://127.0.0.1:{port}/v1").embed(texts)
        expected = local.embed(texts)
        again = recs.load_embedder(f"http://127.0.0.1:{port}/v1")  # the tokenizer comes from the cache folder
        assert again.count_tokens(texts) == local.count_tokens(texts)
    assert local.similarity(served, expected).diagonal().min() >= 0.9999
    np.testing.assert_array_equal(served.chunk_spans, expected.chunk_spans)
    np.testing.assert_array_equal(served.tokens, expected.tokens)


# Against a service of another make.


def test_foreign_vectors_are_put_in_order_and_brought_to_unit_length(foreign):
    embedder = recs.load_embedder(f"{foreign.url}#some-model")
    found = embedder.embed(["soil", "seed", "wheel"])
    np.testing.assert_allclose(found.vectors, make_embedder().embed(["soil", "seed", "wheel"]).vectors, atol=1e-6)
    assert found.fingerprint == f"declared:some-model:{DIM}"
    found.check_comparable(recs.Embeddings.from_array(["a"], np.ones((1, DIM)), model="some-model"))


def test_foreign_long_text_goes_out_in_pieces_that_cannot_overflow(foreign):
    embedder = recs.load_embedder(f"{foreign.url}#some-model?max_tokens=100")
    found = embedder.embed([LONG, "short"])
    sent = [text for content in foreign.asked for text in content["input"]]
    assert max(len(text.encode()) for text in sent) <= 96
    assert found.tokens.tolist() == [len(LONG.encode()), 5]
    assert found.tokens_lost.tolist() == [0, 0]
    pieces = [LONG[start:stop] for start, stop in found.chunk_spans[:-1]]
    assert "".join(pieces) == LONG
    assert all(piece[-1].isspace() for piece in pieces), "a cut within a word"


def test_foreign_pieces_of_another_window_are_not_taken_from_the_cache(foreign, tmp_path):
    with Cache(tmp_path) as cache:
        for window in (100, 60):
            found = recs.load_embedder(f"{foreign.url}#m?max_tokens={window}").embed([LONG], store=cache)
            assert np.diff(found.chunk_spans).max() <= window - 4


def test_half_a_surrogate_pair_goes_out_as_the_replacement_character(foreign):
    recs.load_embedder(f"{foreign.url}#m").embed(["half \ud83d pair, whole \U0001f600"])
    assert foreign.asked[-1]["input"] == ["half \ufffd pair, whole \U0001f600"]


def test_foreign_model_of_the_registry_has_its_window_and_prompts(foreign):
    embedder = recs.load_embedder(f"{foreign.url}#BAAI/bge-small-en-v1.5")
    assert embedder.spec.max_tokens == 512
    assert embedder.prompt("query").startswith("Represent this sentence")
    assert foreign.asked == []  # its dimension is known
    with pytest.raises(EmbeddingError, match=r"shape \(1, 24\), expected \(1, 384\)"):
        embedder.embed(["a"])


def test_foreign_second_run_asks_for_no_vector_and_needs_no_service(tmp_path, caplog):
    with Cache(tmp_path) as cache:
        with running() as foreign:
            name = f"{foreign.url}#some-model"
            first = find_embedder(name, cache).embed([LONG, "b"], store=cache)
            asked = len(foreign.asked)
            find_embedder(name, cache).embed([LONG, "b"], store=cache)
            assert len(foreign.asked) == asked + 1  # which dimension it has
        assert caplog.records == []
        again = find_embedder(name, cache).embed([LONG, "b"], store=cache)
        assert "no answer" in caplog.text
        np.testing.assert_array_equal(again.vectors, first.vectors)
        with pytest.raises(ModelNotFoundError):
            find_embedder(name, cache).embed(["new"], store=cache)


def test_many_texts_go_out_in_requests_of_a_bounded_size(foreign):
    recs.load_embedder(f"{foreign.url}#m").embed([f"text {i}" for i in range(600)])
    assert sum(len(content["input"]) for content in foreign.asked) == 601
    assert max(len(content["input"]) for content in foreign.asked) == 256


def test_service_that_takes_fewer_texts_is_sent_fewer(foreign):
    foreign.largest = 40
    found = recs.load_embedder(f"{foreign.url}#m").embed([f"text {i}" for i in range(300)])
    assert found.vectors.shape == (300, DIM)
    refused = [len(content["input"]) for content in foreign.asked if len(content["input"]) > 40]
    assert refused == [256, 128, 64]


# What is tried again, and what is not.


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_passing_trouble_is_tried_again_when_the_service_says(foreign, naps, status):
    embedder = recs.load_embedder(f"{foreign.url}#m")
    foreign.answers += [(status, {"Retry-After": "7"}, {}), (status, {}, {}), (status, {"Retry-After": "9999"}, {})]
    assert embedder.embed(["a"]).vectors.shape == (1, DIM)
    assert naps == [7, 1, 60]


def test_trouble_that_does_not_pass_is_an_error_after_five_tries(foreign, naps):
    embedder = recs.load_embedder(f"{foreign.url}#m")
    foreign.answers += [(503, {}, {"error": {"message": "overloaded"}})] * 9
    with pytest.raises(ModelError, match="503: 'overloaded'"):
        embedder.embed(["a"])
    assert len(foreign.asked) == 1 + 5
    assert len(naps) == 4


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 413, 422, 500])
def test_refusal_is_asked_once_and_told_in_the_words_of_the_service(foreign, naps, status):
    embedder = recs.load_embedder(f"{foreign.url}#m")
    headers = {"Location": f"{foreign.url}/embeddings"} if status < 400 else {}
    foreign.answers.append((status, headers, {"error": {"message": "because"}}))
    with pytest.raises(ModelError, match=f"{status}: 'because'"):
        embedder.embed(["a"])
    assert len(foreign.asked) == 2
    assert naps == []


def test_connection_that_breaks_is_tried_again(foreign, naps):
    embedder = recs.load_embedder(f"{foreign.url}#m")
    foreign.answers.append((200, {"Content-Length": "999999", "Connection": "close"}, b"{"))
    assert embedder.embed(["a"]).vectors.shape == (1, DIM)
    assert naps == [0.5]


def test_nobody_there_is_told_soon(naps):
    with pytest.raises(ModelNotFoundError, match="no answer"):
        recs.load_embedder("http://127.0.0.1:1/v1#m")
    assert len(naps) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        {"data": []},
        {"data": [{"index": 1, "embedding": [1.0] * DIM}]},
        {"data": [{"index": 0, "embedding": [1.0] * DIM}, {"index": 1, "embedding": [1.0] * DIM}]},
        {"data": [{"index": 0, "embedding": "!"}]},
        {"data": [{"index": 0, "embedding": None}]},
        {"data": {"index": 0}},
        [],
        {"data": [{"index": 0, "embedding": [1.0] * 3}]},
        {"data": [{"index": 0, "embedding": [float("nan")] * DIM}]},
        {"data": [{"index": 0, "embedding": [0.0] * DIM}]},
        {"data": [{"index": 0, "embedding": [[1.0] * DIM]}]},
    ],
)
def test_answer_that_is_none_is_an_error(foreign, naps, body):
    embedder = recs.load_embedder(f"{foreign.url}#m")
    foreign.answers.append((200, {}, body))
    with pytest.raises((ModelError, EmbeddingError)):
        embedder.embed(["a"])
    assert naps == []


# The key.


def test_key_is_read_from_the_environment_and_sent(foreign, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "second")
    recs.load_embedder(f"{foreign.url}#m")
    monkeypatch.setenv("RECS_API_KEY", "first")
    recs.load_embedder(f"{foreign.url}#m")
    assert set(foreign.keys[:2]) == {"Bearer second"}
    assert set(foreign.keys[2:]) == {"Bearer first"}


def test_key_over_plain_http_beyond_this_machine_is_told(foreign, monkeypatch, caplog):
    monkeypatch.setenv("RECS_API_KEY", "secret")
    recs.load_embedder(f"{foreign.url}#m")
    assert caplog.records == []
    monkeypatch.setattr(service, "_is_loopback", lambda _: False)
    with caplog.at_level(logging.WARNING, "recs"):
        recs.load_embedder(f"{foreign.url}#m")
    assert "without encryption" in caplog.text
    assert "secret" not in caplog.text


def test_key_that_no_header_can_hold_is_not_repeated(monkeypatch):
    monkeypatch.setenv("RECS_API_KEY", "sec\nret")
    with pytest.raises(OptionError) as caught:
        recs.load_embedder("http://127.0.0.1:1/v1#m")
    assert "ret" not in str(caught.value).replace("RECS", "")


# Names and options.


@pytest.mark.parametrize(
    "name",
    ["http://", "http:///v1#m", "http://u:p@h/v1#m", "http://h/v1?a=b#m", "http://h#m?max_tokens=x", "http://h#m?a=1"],
)
def test_name_that_cannot_be_read_is_an_error_that_shows_a_right_one(name):
    with pytest.raises(OptionError, match="#MODEL"):
        recs.load_embedder(name)


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ({"data": [{"id": "a"}, {"id": "b"}]}, r"#MODEL; MODEL is one of \['a', 'b'\]"),
        ({"data": []}, "#MODEL"),
        ([], "#MODEL"),
        ({"data": "x"}, "#MODEL"),
        ({"data": [{"id": "a", "recs": {"dim": 3}}]}, "its description of the model is not one of recs serve"),
        ({"data": [{"id": "a", "recs": {"dim": "3", "languages": 1, "prompts": {}}}]}, "is not one of recs serve"),
    ],
)
def test_address_alone_is_enough_only_where_there_is_one_model(foreign, models, said):
    foreign.models = models
    with pytest.raises(ModelError, match=said):
        recs.load_embedder(foreign.url)
    foreign.models = {"data": [{"id": "only"}]}
    assert recs.load_embedder(foreign.url).spec.name == "only"


@pytest.mark.parametrize("option", [{"device": "cuda"}, {"precision": "float32"}, {"pooling": "cls"}])
def test_options_that_are_the_services_own_are_refused(option):
    with pytest.raises(OptionError, match="the service chooses"):
        recs.load_embedder("http://127.0.0.1:1/v1#m", **option)


def test_offline_asks_no_service(foreign):
    with pytest.raises(ModelNotFoundError):
        recs.load_embedder(f"{foreign.url}#m", offline=True)
    assert foreign.keys == []


def test_instructor_behind_a_service_that_pools_its_prompt_is_refused(foreign):
    with pytest.raises(ModelError, match="only recs serve"):
        recs.load_embedder(f"{foreign.url}#instructor-xl")


@given(st.text(st.characters(), max_size=60))
def test_byte_tokenizer_gives_one_span_a_byte_in_order(text):
    tokenizer = ByteTokenizer()
    (spans,) = tokenizer.spans([text])
    assert tokenizer.count([text]) == [len(spans)] == [len(tokenizer.tokens(text))]
    assert spans == sorted(spans)
    assert {char for start, _ in spans for char in (text[start],)} == set(text)
