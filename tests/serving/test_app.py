"""Every test speaks plain HTTP to a server of a stand-in model, but for those of the queue and of the command line."""

from __future__ import annotations

import base64
import gc
import http.client
import importlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import CancelledError, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import TESTS
from running_server import call, serving
from standins import DIM, BagEncoder, make_embedder

from recs.contract import load_related
from recs.errors import MissingDependencyError, RecsError
from recs.serving.batcher import Batcher, Options, QueueFullError
from recs.serving.requests import Limits

MODEL = "bag-of-words"
LONG = " ".join(f"word{i}" for i in range(100))
PLAIN = Options("document", None, "chunk", None)


class SlowEncoder(BagEncoder):
    """Waits in its first call until it is told to go on, then so long in every call; remembers its texts."""

    def __init__(self, seconds: float = 0.0, *, held: bool = False) -> None:
        super().__init__()
        self.seconds, self.seen = seconds, Counter[str]()
        self.started, self.go = threading.Event(), threading.Event()
        if not held:
            self.go.set()

    def encode(self, texts: Any, *, prompt: str = "") -> Any:
        self.started.set()
        assert self.go.wait(20)
        time.sleep(self.seconds)
        self.seen.update(texts)
        return super().encode(texts)


@pytest.fixture(scope="module")
def port():
    prompts = {"query": "query: "}
    with serving(make_embedder(prompts=prompts, full_dim=DIM), limits=Limits(items=8, tokens=500, bytes=20_000)) as p:
        yield p


def ask(port: int, **content: Any) -> Any:
    return call(port, "/v1/embeddings", {"model": MODEL, **content})


def rows(reply: Any) -> Any:
    assert reply.status == 200, reply.body
    assert [entry["index"] for entry in reply.json["data"]] == list(range(len(reply.json["data"])))
    return np.array([entry["embedding"] for entry in reply.json["data"]], np.float32)


# OpenAI's contract.


@pytest.mark.parametrize("texts", ["a red bicycle", ["soil", "a red bicycle", "soil", "Zwölf Boxkämpfer 日本"]])
def test_embeddings_are_exactly_those_of_the_embedder(port, texts):
    reply = ask(port, input=texts)
    expected = make_embedder().embed([texts] if isinstance(texts, str) else texts)
    np.testing.assert_array_equal(rows(reply), expected.vectors)
    words = int(expected.tokens.sum())
    assert reply.json["object"] == "list"
    assert reply.json["model"] == MODEL
    assert reply.json["usage"] == dict.fromkeys(("prompt_tokens", "total_tokens"), words + 2 * len(expected))
    assert reply.json["data"][0]["object"] == "embedding"


def test_embeddings_base64_holds_the_same_little_endian_floats(port):
    reply = ask(port, input=["soil", "seed"], encoding_format="base64")
    decoded = [np.frombuffer(base64.b64decode(entry["embedding"]), "<f4") for entry in reply.json["data"]]
    np.testing.assert_array_equal(decoded, rows(ask(port, input=["soil", "seed"])))


def test_embeddings_dimensions_equal_an_embedder_cut_there(port):
    reply = ask(port, input=[LONG, "soil"], dimensions=7, overflow="chunk")
    expected = make_embedder(full_dim=DIM).with_dim(7).embed([LONG, "soil"])
    np.testing.assert_array_equal(rows(reply), expected.vectors)
    assert reply.json["recs"]["fingerprint"] == expected.fingerprint != "f" * 64


def test_embeddings_role_and_instruction_are_those_of_the_embedder(port):
    embedder = make_embedder(prompts={"query": "query: "})
    for options in ({"role": "query"}, {"instruction": "find soil "}, {"role": "query", "instruction": ""}):
        found = rows(ask(port, input="seed", **options))
        np.testing.assert_array_equal(found, embedder.embed(["seed"], **options).vectors)


@pytest.mark.parametrize("overflow", ["chunk", "truncate"])
def test_embeddings_long_text_is_chunked_or_cut_on_request_and_reported(port, overflow):
    reply = ask(port, input=["soil", LONG], overflow=overflow)
    expected = make_embedder().embed(["soil", LONG], overflow=overflow)
    np.testing.assert_array_equal(rows(reply), expected.vectors)
    assert reply.json["recs"]["chunks"] == [1, len(expected.chunk_vectors) - 1]
    assert reply.json["recs"]["tokens_lost"] == [0, 0 if overflow == "chunk" else 68]


def test_embeddings_long_text_is_refused_with_numbers(port):
    error = ask(port, input=["soil", LONG]).error
    assert error["code"] == "context_length_exceeded"
    assert "input 1 has 102 tokens and 34 fit" in error["message"]


def test_embeddings_unknown_fields_are_reported(port):
    assert ask(port, input="a", inputs="b", user="me").json["recs"]["ignored"] == ["inputs"]


def test_models_describe_the_model(port):
    (model,) = call(port, "/v1/models").json["data"]
    assert (model["id"], model["object"]) == (MODEL, "model")
    told = model["recs"]
    assert (told["fingerprint"], told["dim"], told["max_tokens"], told["similarity"]) == ("f" * 64, DIM, 34, "cosine")
    assert told["prompts"] == {"query": "query: "}
    assert {"query", "document"} <= set(told["roles"])
    assert call(port, f"/v1/models/{MODEL}").json == model
    assert call(port, "/v1/models/other").error["code"] == "model_not_found"


# What is refused, and how.


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not JSON in UTF-8"),
        (b'{"input": "caf\xe9", "model": "bag-of-words"}', "not JSON in UTF-8"),
        (b"[" * 15_000, "not JSON"),
        (b'{"a":' * 3_000, "not JSON"),
        (b'{"model": "bag-of-words", "input": "a", "dimensions": NaN}', "NaN"),
        (b'{"model": "bag-of-words", "input": "a", "dimensions": -Infinity}', "Infinity"),
        (b'{"model": "bag-of-words", "input": "a", "dimensions": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"model": "bag-of-words", "input": "a", "dimensions": 99999999999999999999}', "can be cut to 1 to 24"),
        (b'{"model": "bag-of-words", "input": "a", "dimensions": 0}', "can be cut to 1 to 24"),
        (b'{"model": "bag-of-words", "input": "a", "dimensions": 1e400}', "expected an integer"),
        (b'{"model": "bag-of-words", "input": "a", "dimensions": true}', "expected an integer"),
        (b'{"model": "bag-of-words", "input": "\\ud800"}', "surrogate"),
        (b'{"model": "bag-of-words", "input": ["a", ""]}', "input 1 is ''"),
        (b'{"model": "bag-of-words", "input": " \\n"}', "input 0 is"),
        (b'{"model": "bag-of-words", "input": ["a", null]}', "input 1 is missing or null"),
        (b'{"model": "bag-of-words", "input": []}', "input is empty"),
        (b'{"model": "bag-of-words", "input": {}}', "input is an object"),
        (b'{"model": "bag-of-words"}', "input is missing"),
        (b'{"model": "bag-of-words", "input": [1, 2, 3]}', "token ids"),
        (b'{"model": "bag-of-words", "input": [[1, 2], [3]]}', "token ids"),
        (b'{"input": "a"}', "model is missing"),
        (b'{"model": ["bag-of-words"], "input": "a"}', "model is a list"),
        (b'{"model": "bag-of-words", "input": "a", "encoding_format": "hex"}', "encoding_format is 'hex'"),
        (b'{"model": "bag-of-words", "input": "a", "encoding_format": ["float"]}', "encoding_format is a list"),
        (b'{"model": "bag-of-words", "input": "a", "role": "judge"}', "role is 'judge'"),
        (b'{"model": "bag-of-words", "input": "a", "role": {}, "instruction": 7}', "instruction is a number"),
        (b'{"model": "bag-of-words", "input": "a", "overflow": "drop"}', "overflow is 'drop'"),
        (b'"text"', "the body is 'text'"),
        (b"null", "the body is missing or null"),
    ],
)
def test_malformed_request_is_400_in_the_form_of_openai(port, body, said):
    reply = call(port, "/v1/embeddings", data=body)
    assert (reply.status, reply.error["type"]) == (400, "invalid_request_error")
    assert said in reply.error["message"]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "input",
    "texts",
    "items",
    "model",
    "encoding_format",
    "dimensions",
    "role",
    "instruction",
    "overflow",
    "user",
)


@given(st.dictionaries(st.sampled_from(FIELDS), ANY_JSON) | ANY_JSON)
def test_any_json_is_answered_or_refused_but_never_fails(port, content):
    if isinstance(content, dict) and "model" not in content:
        content = {"model": MODEL, **content}
    for path in ("/v1/embeddings", "/v1/models/model:predict"):
        assert call(port, path, data=json.dumps(content).encode()).status in (200, 400, 404, 413)


@pytest.mark.parametrize(
    ("content", "numbers"),
    [
        ({"input": ["a"] * 9}, "9 texts came; the limit is 8"),
        ({"input": "a " * 499, "overflow": "chunk"}, "501 tokens"),
    ],
)
def test_more_items_or_tokens_than_the_limit_is_413_with_numbers(port, content, numbers):
    reply = ask(port, **content)
    assert reply.status == 413
    assert numbers in reply.error["message"]


def test_body_over_the_limit_is_refused_before_it_is_sent(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 413
        assert b"99,999,999,999 bytes came; the limit is 20,000" in answer.read()


def test_body_over_the_limit_that_is_sent_all_the_same_gets_the_reply(port):
    reply = call(port, "/v1/embeddings", data=b"x" * 3_000_000)
    assert reply.status == 413


def test_chunked_body_is_counted_while_it_comes(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/v1/embeddings", iter([b"x" * 9000] * 40), encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 413
    came = int(answer.read().split(b" bytes came")[0].rpartition(b'"')[2].replace(b",", b""))
    assert 20_000 < came < 360_000  # 40 chunks of 9,000 were on their way
    connection.close()


def test_body_that_does_not_come_is_given_up():
    head = b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"
    with (
        serving(make_embedder(), limits=Limits(body_seconds=0.05)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
    ):
        connection.sendall(head)
        assert b" 408 " in connection.recv(10_000)


def test_unknown_route_method_and_model_are_errors_of_the_same_form(port):
    assert call(port, "/v1/nothing").error["message"] == "Not Found"
    assert (
        call(port, "/embeddings")
        .error["message"]
        .endswith(f"clients of OpenAI's API need the URL http://127.0.0.1:{port}/v1")
    )
    assert call(port, "/v1/embeddings").status == 405
    reply = call(port, "/v1/embeddings", {"model": "gpt", "input": "a"})
    assert (reply.status, reply.error["param"], reply.error["code"]) == (404, "model", "model_not_found")


# As a Truss.


@pytest.mark.parametrize(
    "content",
    ["soil", ["soil"], {"texts": ["soil"]}, {"input": "soil", "role": "document"}, [{"id": "a", "text": "soil"}]],
)
def test_predict_takes_what_a_truss_takes(port, content):
    reply = call(port, "/v1/models/model:predict", content)
    np.testing.assert_array_equal(np.array(reply.json, np.float32), make_embedder().embed(["soil"]).vectors)


def test_predict_items_are_embedded_with_their_titles(port):
    items = [{"id": "a", "title": "Soil", "text": "seed bed"}, {"id": "b", "html": "<p>the <b>wheel</b></p>"}]
    reply = call(port, "/v1/models/model:predict", {"items": items})
    expected = make_embedder().embed(["seed bed", "the wheel"], titles=["Soil", ""])
    np.testing.assert_array_equal(np.array(reply.json, np.float32), expected.vectors)
    assert json.loads(reply.headers["recs-report"])["chunks"] == 2


@pytest.mark.parametrize("item", [{"text": "secret", "visibility": "private"}, 7, {"text": ""}])
def test_predict_item_that_cannot_be_embedded_is_refused(port, item):
    assert call(port, "/v1/models/model:predict", [{"text": "a"}, item]).status == 400


def test_predict_nothing_is_nothing(port):
    assert call(port, "/v1/models/model:predict", []).json == []


# Related lists, health, metrics.


def test_related_gives_the_list_of_an_id_with_slashes(tmp_path):
    entries = [{"id": "b", "title": "half \ud800 pair", "url": "/b", "score": 0.5, "via": "auto"}]
    items = {"posts/2026/a b?": {"related": entries}, "b": {"related": []}}
    document = {"schema": "recs.related/1", "items": items, "score": {"kind": "cosine"}}
    (tmp_path / "related.json").write_text(json.dumps(document), "utf-8")
    with serving(make_embedder(), related=load_related(tmp_path / "related.json")) as port:
        for path in ("/related/posts/2026/a%20b%3F", "/related?id=posts/2026/a+b%3F"):
            found = call(port, path).json
            assert (found["id"], found["related"]) == ("posts/2026/a b?", entries)
            assert found["score"] == {"kind": "cosine"}
        assert call(port, "/related/b").json["related"] == []
        assert call(port, "/related/nobody").status == 404
        assert call(port, "/related").status == 400


def test_related_without_a_file_says_how_to_name_one(port):
    assert "--related FILE" in call(port, "/related/a").error["message"]


def test_health_and_metrics(port):
    assert call(port, "/health").json == {"status": "ok", "model": MODEL, "fingerprint": "f" * 64}
    ask(port, input="a")
    ask(port, input="")
    text = call(port, "/metrics").body.decode()
    for status in (200, 400):
        assert f'recs_request_seconds_count{{route="/v1/embeddings",status="{status}"}}' in text
    assert "recs_tokens_total" in text


# Many at once.


def test_64_clients_get_their_own_vectors_and_share_batches():
    encoder = SlowEncoder(0.002)
    encoder.batch_tokens = 4096
    sizes = [1, 1, 1, 2, 5, 20]
    work = [[f"client {i} text {j} " + "soil " * (j % 7) for j in range(sizes[i % 6])] for i in range(256)]
    with serving(make_embedder(encoder)) as port, ThreadPoolExecutor(64) as pool:
        replies = list(pool.map(lambda texts: ask(port, input=texts), work))
    for texts, reply in zip(work, replies, strict=True):
        np.testing.assert_allclose(rows(reply), make_embedder().embed(texts).vectors, atol=1e-6)
    assert len(encoder.batches) < len(work) / 2


def test_requests_beyond_the_queue_are_told_to_come_back():
    encoder = SlowEncoder(held=True)
    with serving(make_embedder(encoder), limits=Limits(queue=3)) as port, ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(ask, port, input=f"text {i}") for i in range(3)]
        while b"at_work" not in call(port, "/metrics").body and not encoder.started.is_set():
            time.sleep(0.01)
        time.sleep(0.3)
        refused = ask(port, input="one too many")
        encoder.go.set()
        assert [reply.result().status for reply in waiting] == [200] * 3
    assert (refused.status, refused.error["type"]) == (429, "rate_limit_error")
    assert int(refused.headers["retry-after"]) >= 1


def test_client_that_hangs_up_is_not_worked_for(caplog):
    encoder, threads = SlowEncoder(held=True), set(threading.enumerate())
    with serving(make_embedder(encoder)) as port, ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, port, input="first")
        assert encoder.started.wait(10)
        body = json.dumps({"model": MODEL, "input": "never wanted"}).encode()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(
                b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            time.sleep(0.2)
        last = pool.submit(ask, port, input="last")
        time.sleep(0.2)
        encoder.go.set()
        assert (first.result().status, last.result().status) == (200, 200)
        assert 'status="499"' in call(port, "/metrics").body.decode()
    assert set(threading.enumerate()) <= threads
    gc.collect()  # a failure that nobody looked at is logged when it is thrown away
    assert encoder.seen == {"first": 1, "last": 1}
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


def test_text_that_breaks_the_model_fails_alone():
    class Breaks(SlowEncoder):
        def encode(self, texts, *, prompt=""):
            found = super().encode(texts)
            found[[i for i, text in enumerate(texts) if "poison" in text]] = np.nan
            return found

    encoder = Breaks(held=True)
    with serving(make_embedder(encoder)) as port, ThreadPoolExecutor(8) as pool:
        replies = [pool.submit(ask, port, input=text) for text in ("first", "good", "poison", "fine")]
        time.sleep(0.3)
        encoder.go.set()
        assert [reply.result().status for reply in replies] == [200, 200, 500, 200]
        assert replies[2].result().error["type"] == "server_error"


_SERVER = """
import socket, sys, time
sys.path.insert(0, sys.argv[1])
from standins import BagEncoder, make_embedder
from recs.cli.serve import run
from recs.serving.app import create_app
class Slow(BagEncoder):
    def encode(self, texts, *, prompt=""):
        time.sleep(0.05)
        return super().encode(texts)
bound = socket.create_server(("127.0.0.1", 0))
print(bound.getsockname()[1], flush=True)
app, begun = create_app(make_embedder(Slow())), 0
async def counted(scope, receive, send):
    global begun
    begun += scope["type"] == "http"
    await app(scope, receive, send)
run(counted, bound, log_requests=False)
print(begun)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow
def test_signal_under_load_loses_no_request_that_was_acknowledged(number):
    command = [sys.executable, "-W", "error", "-c", _SERVER, str(TESTS)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert server.stdout
    port = int(server.stdout.readline())
    outcomes: Counter[str] = Counter()

    def client(i: int) -> None:
        for turn in range(1000):
            try:
                reply = ask(port, input=[f"client {i} turn {turn}"] * (1 + i % 3))
            except http.client.IncompleteRead:
                outcomes["torn"] += 1
            except (OSError, http.client.HTTPException):
                outcomes["not acknowledged"] += 1
                return
            else:
                outcomes[str(reply.status)] += 1

    with ThreadPoolExecutor(16) as pool:
        for i in range(16):
            pool.submit(client, i)
        time.sleep(1.0)
        started = time.monotonic()
        server.send_signal(number)
    begun, log = server.communicate(timeout=20)
    assert server.returncode == 0, log
    assert time.monotonic() - started < 10
    assert set(outcomes) == {"200", "not acknowledged"}
    assert outcomes["200"] == int(begun) > 30


# The queue itself.


def submit(batcher: Batcher, texts: list[str], options: Options = PLAIN) -> Any:
    return batcher.submit(texts, [""] * len(texts), [len(text.split()) + 2 for text in texts], options)


def make_batcher(encoder: Any, *, queue_tokens: int = 10**9, **changes: Any) -> Batcher:
    return Batcher(make_embedder(encoder, **changes), queue_tokens=queue_tokens, observe=lambda *_: None)


def test_batcher_line_overtakes_what_is_left_of_a_large_request():
    encoder = SlowEncoder(held=True)
    batcher = make_batcher(encoder)
    large = submit(batcher, [f"{i} " * 32 for i in range(600)])  # 34 tokens each, five rounds
    assert encoder.started.wait(10)
    (line,) = submit(batcher, ["a line"])
    encoder.go.set()
    line.result(20)
    assert not large[-1].done()
    batcher.close(20)
    vectors = np.concatenate([part.result().vectors for part in large])
    assert len(large) == 5
    assert len(vectors) == 600


def test_batcher_close_finishes_what_waits_and_takes_no_more():
    encoder = SlowEncoder(0.01)
    batcher = make_batcher(encoder)
    futures = [submit(batcher, [f"text {i}"])[0] for i in range(20)]
    batcher.close(20)
    assert all(future.done() for future in futures)
    with pytest.raises(RecsError, match="stopping"):
        submit(batcher, ["late"])


def test_batcher_cancelled_work_is_never_started():
    encoder = SlowEncoder(held=True)
    batcher = make_batcher(encoder)
    (first,) = submit(batcher, ["first"])
    assert encoder.started.wait(10)
    (second,) = submit(batcher, ["second"])
    assert second.cancel()
    assert not first.cancel()
    encoder.go.set()
    batcher.close(20)
    assert encoder.seen == {"first": 1}
    with pytest.raises(CancelledError):
        second.result()


def test_batcher_full_queue_names_a_time_and_takes_a_first_request_of_any_size():
    encoder = SlowEncoder(held=True)
    batcher = make_batcher(encoder, queue_tokens=50)
    (first,) = submit(batcher, ["a " * 100])
    assert encoder.started.wait(10)
    submit(batcher, ["b"])
    with pytest.raises(QueueFullError) as caught:
        submit(batcher, ["c " * 90])
    assert 1 <= caught.value.retry_after <= 60
    encoder.go.set()
    batcher.close(20)
    assert len(first.result().vectors) == 1


def test_batcher_requests_with_other_options_are_not_mixed():
    batcher = make_batcher(BagEncoder(), prompts={"query": "query: "})
    (plain,) = submit(batcher, ["soil"])
    (query,) = submit(batcher, ["soil"], PLAIN._replace(role="query"))
    (cut,) = submit(batcher, [LONG], PLAIN._replace(overflow="truncate"))
    batcher.close(20)
    embedder = make_embedder(prompts={"query": "query: "})
    np.testing.assert_array_equal(plain.result().vectors, embedder.embed(["soil"]).vectors)
    np.testing.assert_array_equal(query.result().vectors, embedder.embed(["soil"], role="query").vectors)
    assert (cut.result().chunks, cut.result().lost) == ([1], [68])


# The command.


def test_server_without_fastapi_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    monkeypatch.delitem(sys.modules, "recs.serving.app")
    with pytest.raises(MissingDependencyError, match=r"needs fastapi.*\[serve\]"):
        importlib.import_module("recs.serving.app")


def recs_serve(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-m", "recs", "serve", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)


def test_serve_port_that_is_taken_is_told_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        out, err = recs_serve("--port", str(taken.getsockname()[1])).communicate(timeout=60)
    assert out == ""
    assert "cannot listen there" in err
    assert len(err.splitlines()) == 1


def test_serve_related_file_that_is_no_use_is_told_in_one_line(tmp_path):
    (tmp_path / "torn.json").write_text('{"schema": "recs.rel', "utf-8")
    out, err = recs_serve("--port", "0", "--related", str(tmp_path / "torn.json")).communicate(timeout=60)
    assert out == ""
    assert "is not whole JSON" in err
    assert len(err.splitlines()) == 1


@pytest.mark.model
@pytest.mark.slow
def test_serve_on_loopback_logs_to_stderr_and_stops_when_told():
    server = recs_serve("--port", "0")
    assert server.stderr
    assert server.stdout
    port = int(server.stderr.readline().split("http://127.0.0.1:")[1].split("/")[0])
    reply = call(port, "/v1/embeddings", {"model": "all-minilm-l6-v2", "input": ["garlic", "bicycle"]})
    assert rows(reply).shape == (2, 384)
    server.send_signal(signal.SIGTERM)
    out, err = server.communicate(timeout=60)
    assert server.returncode == 0
    assert out == ""
    assert '"POST /v1/embeddings HTTP/1.1" 200' in err
    assert err.splitlines()[-1] == "stopped"
