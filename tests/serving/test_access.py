"""Keys, origins of browsers, further names of the model, and callers that hang up."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from running_server import call, serving
from standins import BagEncoder, make_embedder

import recs
from recs.cli import cli
from recs.errors import ModelError, OptionError
from recs.serving.access import Access
from recs.serving.batcher import Batcher, Options
from recs.serving.requests import ServedModel

KEY = "sk-a-key"
SITE = "https://garden.example"
MODEL = "bag-of-words"
PLAIN = Options("document", None, "chunk", None)
ROUTES = [
    ("/v1/embeddings", {"model": MODEL, "input": "soil"}),
    ("/v1/models/model:predict", "soil"),
    ("/v1/models", None),
    (f"/v1/models/{MODEL}", None),
    ("/v1/tokenizer", None),
    ("/related/a", None),
    ("/metrics", None),
    ("/nothing", None),
    ("/health/", None),
]


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    for name in ("RECS_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def guarded():
    with serving(make_embedder(), access=Access(api_key=KEY, origins=(SITE, "http://localhost:4000"))) as port:
        yield port


# The key.


@pytest.mark.parametrize(("path", "content"), ROUTES)
@pytest.mark.parametrize("sent", [None, "Bearer wrong", f"Bearer {KEY}x", "Bearer ", KEY, f"Basic {KEY}", "Bearer é"])
def test_request_without_the_key_is_401_in_the_form_of_openai(guarded, path, content, sent):
    reply = call(guarded, path, content, **({"Authorization": sent.encode()} if sent else {}))
    assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert (reply.error["type"], reply.error["code"]) == ("invalid_request_error", "invalid_api_key")
    assert KEY not in reply.body.decode()


@pytest.mark.parametrize(("path", "content"), ROUTES)
def test_request_with_the_key_is_served(guarded, path, content):
    for sent in (f"Bearer {KEY}", f"bearer {KEY}"):  # the name of a scheme has no case
        assert call(guarded, path, content, Authorization=sent).status in (200, 404)


def test_two_keys_in_one_request_are_refused(guarded):
    connection = http.client.HTTPConnection("127.0.0.1", guarded, timeout=20)
    connection.putrequest("GET", "/v1/models")
    for sent in ("Bearer wrong", f"Bearer {KEY}"):
        connection.putheader("Authorization", sent)
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


def test_health_needs_no_key(guarded):
    assert call(guarded, "/health").json["status"] == "ok"


def test_client_of_recs_sends_the_key_and_is_told_where_it_is_read_from(guarded, monkeypatch):
    url = f"http://127.0.0.1:{guarded}/v1"
    with pytest.raises(ModelError, match=r"status 401.*read from RECS_API_KEY"):
        recs.load_embedder(url)
    monkeypatch.setenv("RECS_API_KEY", KEY)
    np.testing.assert_allclose(
        recs.load_embedder(url).embed(["soil"]).vectors, make_embedder().embed(["soil"]).vectors, atol=1e-6
    )


@pytest.mark.parametrize("key", ["", " ", "two words", "clé", "line\n"])
def test_key_that_no_client_can_send_is_an_error_at_start(key):
    with pytest.raises(OptionError, match="API key"):
        Access(api_key=key)


def test_key_is_not_in_the_text_of_the_object():
    assert KEY not in repr(Access(api_key=KEY))


# Origins.


def preflight(port: int, origin: str, wanted: str = "authorization,content-type,x-stainless-os") -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": wanted}
    connection.request("OPTIONS", "/v1/embeddings", headers=asked)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}


def test_listed_origin_may_ask_without_the_key_and_read_replies(guarded):
    status, headers = preflight(guarded, SITE)
    assert (status, headers["access-control-allow-origin"]) == (200, SITE)
    assert "POST" in headers["access-control-allow-methods"]
    assert {"authorization", "content-type", "x-stainless-os"} <= set(
        headers["access-control-allow-headers"].lower().replace(" ", "").split(",")
    )
    content = {"model": MODEL, "input": "soil"}
    for key, expected in ((KEY, 200), ("wrong", 401)):
        reply = call(guarded, "/v1/embeddings", content, Origin=SITE, Authorization=f"Bearer {key}")
        assert (reply.status, reply.headers["access-control-allow-origin"]) == (expected, SITE)
        assert "origin" in reply.headers["vary"].lower()


@pytest.mark.parametrize("origin", ["https://other.example", "https://garden.example.evil", "null", f"{SITE}:444"])
def test_other_origin_gets_no_header(guarded, origin):
    status, headers = preflight(guarded, origin)
    reply = call(guarded, "/health", Origin=origin)
    assert status == 400
    assert not {"access-control-allow-origin"} & (headers.keys() | reply.headers.keys())


def test_no_origin_is_listed_unless_it_is_named():
    with serving(make_embedder()) as port:
        status, headers = preflight(port, SITE)
        assert status == 405
        reply = call(port, "/health", Origin=SITE)
        assert "access-control-allow-origin" not in (headers | reply.headers)


@pytest.mark.parametrize(
    "origin", ["*", "garden.example", f"{SITE}/", f"{SITE}/blog", "ftp://a", "https://", "https://a:x"]
)
def test_origin_of_another_form_is_an_error_at_start(origin):
    with pytest.raises(OptionError, match="expected scheme and host"):
        Access(origins=(origin,))


# Aliases.


def test_alias_is_served_and_listed_and_an_unknown_model_is_still_404():
    with serving(make_embedder(), aliases=("text-embedding-3-small=Bag-of-Words", "ada = bag-of-words")) as port:
        for name in (MODEL, "text-embedding-3-small", "Text-Embedding-3-Small", "ada"):
            reply = call(port, "/v1/embeddings", {"model": name, "input": "soil"})
            assert (reply.status, reply.json["model"]) == (200, MODEL)
        entries = call(port, "/v1/models").json["data"]
        assert [entry["id"] for entry in entries] == [MODEL, "text-embedding-3-small", "ada"]
        assert [entry["recs"].get("alias_of") for entry in entries] == [None, MODEL, MODEL]
        assert call(port, "/v1/models/ada").json["id"] == "ada"
        refused = call(port, "/v1/embeddings", {"model": "text-embedding-3-large", "input": "soil"})
        assert (refused.status, refused.error["code"]) == (404, "model_not_found")
        for url in (f"http://127.0.0.1:{port}/v1", f"http://127.0.0.1:{port}/v1#ada"):
            assert recs.load_embedder(url).spec.name == MODEL


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["ada=other"], "where MODEL is 'bag-of-words'"),
        (["ada"], "expected ALIAS=MODEL"),
        (["=bag-of-words"], "expected ALIAS=MODEL"),
        (["Bag-Of-Words=bag-of-words"], "already a name"),
        (["ada=bag-of-words", "Ada=bag-of-words"], "already a name"),
        (["ada=bag-of-words", "eve=ada"], "where MODEL is"),
    ],
)
def test_alias_that_hides_or_misses_the_model_is_an_error_at_start(given, said):
    with pytest.raises(OptionError, match=said):
        ServedModel.of(MODEL).with_aliases(given)


# The URL without /v1.


@pytest.mark.parametrize(("path", "content"), [("/models", None), ("/models/a", None), ("/embeddings", {"input": "a"})])
def test_url_without_v1_is_answered_with_the_right_one(path, content):
    with serving(make_embedder()) as port:
        reply = call(port, path, content)
        assert reply.status == 404
        assert f"need the URL http://127.0.0.1:{port}/v1" in reply.error["message"]


@pytest.mark.parametrize("name", ["", "#bag-of-words", "#all-MiniLM-L6-v2"])
def test_client_with_a_url_without_v1_is_told(name):
    with serving(make_embedder()) as port, pytest.raises(ModelError, match=rf"need the URL http://127.0.0.1:{port}/v1"):
        recs.load_embedder(f"http://127.0.0.1:{port}{name}").embed(["soil"])


# Callers that hang up.


class Counting(BagEncoder):
    """Waits before its first batch until it is told to go on; counts the texts of each caller."""

    def __init__(self, batch_tokens: int = 64) -> None:
        super().__init__(batch_tokens)
        self.seen: list[str] = []
        self.started, self.go = threading.Event(), threading.Event()

    def encode(self, texts: Any, *, prompt: str = "") -> Any:
        self.seen += [text.split()[0] for text in texts]
        self.started.set()
        assert self.go.wait(20)
        return super().encode(texts)


def open_request(port: int, texts: list[str]) -> socket.socket:
    body = json.dumps({"model": MODEL, "input": texts}).encode()
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return connection


def waiting_tokens(port: int) -> int:
    lines = call(port, "/metrics").body.decode().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("recs_waiting_tokens "))))


def until(condition: Any) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within ten seconds")


def test_texts_of_a_caller_that_hung_up_leave_the_queue():
    encoder = Counting()
    with serving(make_embedder(encoder)) as port:
        first = open_request(port, ["first one"])
        assert encoder.started.wait(10)
        gone = open_request(port, [f"gone {i} " + "word " * 28 for i in range(1200)])  # 37,200 tokens, ten rounds
        until(lambda: waiting_tokens(port) == 1200 * 32)
        gone.close()
        until(lambda: waiting_tokens(port) == 0)
        encoder.go.set()
        assert call(port, "/v1/embeddings", {"model": MODEL, "input": "last one"}).status == 200
        first.close()
    assert encoder.seen == ["first", "last"]


def test_texts_that_are_computed_for_nobody_stop_after_the_batch():
    encoder = Counting()
    with serving(make_embedder(encoder)) as port:
        gone = open_request(port, [f"gone {i} " + "word " * 28 for i in range(100)])  # one round, 50 batches
        assert encoder.started.wait(10)
        gone.close()
        until(lambda: 'status="499"' in call(port, "/metrics").body.decode())
        encoder.go.set()
        assert call(port, "/v1/embeddings", {"model": MODEL, "input": "last one"}).status == 200
    assert encoder.seen == ["gone"] * 2 + ["last"]


def test_batch_with_texts_of_others_is_computed_on():
    encoder = Counting()
    batcher = Batcher(make_embedder(encoder), queue_tokens=10**6, observe=lambda *_: None)
    (held,) = batcher.submit(["held"], [""], [3], PLAIN)
    assert encoder.started.wait(10)
    (gone,) = batcher.submit(["gone word"], [""], [4], PLAIN)
    (kept,) = batcher.submit(["kept word"], [""], [4], PLAIN)
    batcher.abandon([held, gone])
    assert batcher.waiting == 4
    encoder.go.set()
    assert len(kept.result(20).vectors) == 1
    assert (gone.cancelled(), encoder.seen) == (True, ["held", "kept"])
    batcher.close(20)


# The options of the command.


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--api-key", ""], "the API key is empty"),
        (["--cors", "garden.example"], "origin is 'garden.example'"),
        (["--alias", "ada=other"], "alias is 'ada=other'"),
    ],
)
def test_serve_option_that_is_wrong_is_an_error_before_weights_are_loaded(arguments, said, monkeypatch):
    monkeypatch.setattr("recs.models.encoders.load_encoder", None)
    done = CliRunner().invoke(cli, ["serve", "--port", "0", *arguments])
    assert isinstance(done.exception, OptionError)
    assert said in str(done.exception)
