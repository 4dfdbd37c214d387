"""Search over HTTP: every reply is compared with what the index itself says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from running_server import call, serving
from standins import BagEncoder, make_embedder, make_records

import recs
from recs.cli import cli
from recs.contract import load_related
from recs.errors import ModelError, OptionError, SourceError
from recs.serving import search_page
from recs.serving.access import Access
from recs.serving.app import create_app
from recs.serving.requests import Limits
from recs.serving.search_docs import FiltersReply, PassagesReply, RelatedReply, SearchReply

KEY = "sk-a-key"
SITE = "https://garden.example"
HOSTILE = "<script>alert(1)</script>"
ROUTES = [
    ("/search?q=soil", None),
    ("/search/filters", None),
    ("/passages", {"query": "soil"}),
    ("/related/p001", None),
    ("/related?id=p001", None),
    ("/related", {"text": "soil"}),
]


class Held(BagEncoder):
    """Counts its calls, and waits in each until it is told to go on."""

    def __init__(self) -> None:
        super().__init__(batch_tokens=4096)
        self.started, self.go = threading.Event(), threading.Event()

    def encode(self, texts: Any, *, prompt: str = "") -> Any:
        self.started.set()
        assert self.go.wait(20)
        return super().encode(texts)


def make_items() -> list[recs.Item]:
    items = []
    for i, record in enumerate(make_records()):
        tags = ["Even" if i % 2 == 0 else "odd", HOSTILE]
        extra: Any = {"tags": tags, "category": record["topic"], "lang": "en" if i < 20 else "de-AT"}
        items.append(
            recs.Item(
                record["id"], record["text"], title=record["title"], published=f"2026-{1 + i % 12:02}-01", **extra
            )
        )
    title = f"{HOSTILE} Zwölf 🧄"
    return [
        *items,
        recs.Item("posts/2026/a b?", "Soil and seed 🧄 for the bed.", title=title, url="javascript:alert(1)"),
    ]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: Any) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("index")
    built = {
        "terms": recs.build_index(make_items(), signals="terms"),
        "auto": recs.build_index(make_items(), embedder=make_embedder(), cache=False),
    }
    for name, index in built.items():
        recs.save_index(index, home / name)
    return {name: home / name for name in built}


@pytest.fixture(scope="module", params=["terms", "auto"])
def served(request: Any, folders: dict[str, Path]) -> Iterator[tuple[int, recs.Index]]:
    """The port of a server, and the index that it should answer from."""
    prompts = {"query": "query: "}
    embedder = None if request.param == "terms" else make_embedder(prompts=prompts)
    index = recs.open_index(folders[request.param], embedder=make_embedder(prompts=prompts))
    with serving(embedder, index=folders[request.param], limits=Limits(bytes=300_000)) as port:
        yield port, index


@pytest.fixture(scope="module")
def port(folders: dict[str, Path]) -> Iterator[int]:
    with serving(None, index=folders["terms"], limits=Limits(bytes=1_000_000)) as bound:
        yield bound


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def hits_of(hits: Any) -> Any:
    return as_json([asdict(hit) for hit in hits])


# What is answered.

FILTERS: list[dict[str, Any]] = [
    {},
    {"tag": ["EVEN"]},
    {"tag": ["even", "odd"], "category": ["garden"]},
    {"lang": ["de"]},
    {"since": ["2026-03"], "until": ["2026-06-01"]},
    {"series": ["none"]},
]


@pytest.mark.parametrize("where", FILTERS)
@pytest.mark.parametrize("query", ["soil seed", '"soil and seed"', "p003", "Zwölf", "sead wheel", "nothing+at&all"])
def test_search_is_that_of_the_index(served, query, where):
    port, index = served
    path = "/search?" + urlencode({"q": query, "k": 7, **where}, doseq=True)
    assert call(port, path).json == {"query": query, "hits": hits_of(index.search(query, k=7, where=where))}


@pytest.mark.parametrize("signals", ["auto", "terms", "dense"])
def test_search_signals_are_those_of_the_index(served, signals):
    port, index = served
    reply = call(port, f"/search?q=soil&signals={signals}")
    if signals == "dense" and index.vectors is None:
        assert reply.status == 400
        assert "no vectors" in reply.error["message"]
        return
    assert reply.json["hits"] == hits_of(index.search("soil", signals=signals))


@pytest.mark.parametrize("where", FILTERS)
def test_passages_are_the_context_of_the_index(served, where):
    port, index = served
    asked = {"query": "soil seed", "max_tokens": 60, **where}
    expected = index.context("soil seed", max_tokens=60, where=where)
    assert call(port, "/passages", asked).json == as_json({"query": "soil seed", **asdict(expected)})


@pytest.mark.parametrize("where", [{}, {"tag": "even"}])
def test_related_to_a_text_is_that_of_the_index(served, where):
    port, index = served
    text = "Soil. " * 50 + "wheel"
    reply = call(port, "/related", {"text": text, "k": 4, **where})
    expected = index.similar(text, k=4, where=where)
    for hit, other in zip(reply.json["related"], hits_of(expected), strict=True):
        assert hit["id"] == other["id"]
        assert hit["score"] == pytest.approx(other["score"], abs=1e-5)
    assert reply.json["id"] is None


@pytest.mark.parametrize("name", ["p000", "p017", "posts/2026/a b?"])
def test_related_to_an_item_leaves_it_out_and_has_the_scores_of_its_vector(served, name):
    port, index = served
    rows = {index.table[row].id: row for row in range(len(index))}
    item = index.table[rows[name]]
    explained = index.terms.explained(f"{item.title}\n\n{item.text}")
    expected = {other: float(explained[row]) for other, row in rows.items() if other != name}
    if index.vectors is not None:
        vectors = index.segments[0].vectors
        assert vectors is not None
        cosines = vectors.items @ vectors.items[rows[name]]
        best = vectors.passages @ vectors.items[rows[name]]
        for other, share in expected.items():
            both = [cosines[rows[other]], best[index.vectors.passages_of(rows[other])].max()]
            expected[other] = 0.4 * share + 0.6 * (1 - index.vectors.stretch * (1 - float(np.mean(both))))
    by_score = sorted((other for other in expected if expected[other] > 0), key=lambda one: -expected[one])
    for path in (f"/related/{quote(name)}?k=6", f"/related?k=6&id={quote(name, safe='')}"):
        reply = call(port, path).json
        assert reply["id"] == name
        assert [hit["id"] for hit in reply["related"]] == by_score[:6]
        scores = [hit["score"] for hit in reply["related"]]
        assert scores == pytest.approx([expected[other] for other in by_score[:6]], abs=1e-5)
    filtered = call(port, f"/related/{quote(name)}?tag=odd&k=100").json["related"]
    assert {hit["id"] for hit in filtered} <= {other for other in expected if "odd" in index.table[rows[other]].tags}


def test_related_to_an_item_asks_no_model(folders):
    encoder = BagEncoder()
    with serving(make_embedder(encoder), index=folders["auto"]) as port:
        assert len(call(port, "/related/p001").json["related"]) == 5
        assert encoder.texts == 0
        call(port, "/search?q=soil")
        assert encoder.texts == 1


def test_related_file_comes_before_the_index(folders, tmp_path):
    document = {"schema": "recs.related/1", "items": {"p001": {"related": []}}, "score": {"kind": "cosine"}}
    (tmp_path / "related.json").write_text(json.dumps(document), "utf-8")
    with serving(None, index=folders["terms"], related=load_related(tmp_path / "related.json")) as port:
        assert call(port, "/related/p001").json["related"] == []
        assert call(port, "/related/p002").status == 404
        assert call(port, "/related", {"text": "soil"}).json["related"]


def test_filters_are_the_values_of_all_items(port):
    values = {
        name: {one["value"]: one["items"] for one in ones} for name, ones in call(port, "/search/filters").json.items()
    }
    assert values["tag"] == {"Even": 15, "odd": 15, HOSTILE: 30}
    assert values["lang"] == {"en": 20, "de-AT": 10}
    assert values["category"] == {"garden": 10, "bicycle": 10, "kitchen": 10}
    assert values["series"] == {}


def test_server_of_terms_has_no_vectors_and_says_so(port):
    assert call(port, "/health").json == {"status": "ok", "model": None, "fingerprint": None}
    for path, content in (("/v1/models", None), ("/v1/embeddings", {"input": "a", "model": "b"})):
        reply = call(port, path, content)
        assert reply.status == 404
        assert "no model" in reply.error["message"]


# What is refused.

LONG = "a" * 401


@pytest.mark.parametrize(
    ("path", "content", "status", "said"),
    [
        ("/search", None, 400, "q is missing"),
        ("/search?q=", None, 400, "q is ''"),
        ("/search?q=%20%0a", None, 400, "q is"),
        ("/search?q=a&q=b", None, 400, "q is there twice"),
        (f"/search?q={LONG}", None, 413, "401 characters of q came; the limit is 400"),
        ("/search?q=a&k=0", None, 400, "k is 0, expected 1 to 100"),
        ("/search?q=a&k=101", None, 400, "k is 101, expected 1 to 100"),
        ("/search?q=a&k=1.5", None, 400, "k is '1.5'"),
        ("/search?q=a&k=%C2%B2", None, 400, "k is '²'"),
        ("/search?q=a&k=" + "9" * 400, None, 400, "expected 1 to 100"),
        ("/search?q=a&signals=all", None, 400, "expected one of auto, terms, dense"),
        ("/search?q=a&tags=b", None, 400, "'tags' is no parameter here"),
        ("/search?q=a&since=yesterday", None, 400, "'yesterday' is no date"),
        ("/search?q=a&" + "tag=b&" * 33, None, 413, "33 values of tag"),
        ("/search?q=a&tag=" + "b" * 201, None, 413, "201 characters of a tag"),
        ("/related", None, 400, "name the item"),
        ("/related/nobody", None, 404, "no item with the id 'nobody'"),
        ("/related/p001?k=x", None, 400, "k is 'x'"),
        ("/related/p001?id=p002", None, 400, "'id' is no parameter here"),
        ("/passages", [], 400, "the body is empty, expected an object with query"),
        ("/passages", {}, 400, "query is missing"),
        ("/passages", {"query": 7}, 400, "query is a number"),
        ("/passages", {"query": "\ud800"}, 400, "surrogate"),
        ("/passages", {"query": "a", "tag": ["\ud800"]}, 400, "tag is a list"),
        ("/passages", {"query": "a", "tag": {"b": 1}}, 400, "tag is an object"),
        ("/passages", {"query": "a", "lang": [None]}, 400, "lang is a list"),
        ("/passages", {"query": "a", "max_tokens": 0}, 400, "max_tokens is 0, expected 1 to 16,000"),
        ("/passages", {"query": "a", "max_tokens": True}, 400, "max_tokens is a boolean"),
        ("/passages", {"query": "a", "where": {"tag": "b"}}, 400, "'where' is no parameter here"),
        ("/passages", {"query": LONG}, 413, "401 characters of query"),
        ("/related", {"text": " "}, 400, "text is ' '"),
        ("/related", {"text": "a", "k": 1e9}, 400, "k is a number"),
        ("/related", {"text": "a" * 200_001}, 413, "200,001 characters of text"),
        ("/related", {"text": "a" * 1_000_001}, 413, "bytes came; the limit is 1,000,000"),
    ],
)
def test_wrong_request_is_refused_in_one_line(port, path, content, status, said):
    reply = call(port, path, content)
    assert reply.status == status, reply.body
    assert said in reply.error["message"]
    assert "\n" not in reply.error["message"]


@pytest.mark.parametrize(("path", "body"), [("/passages", b"{"), ("/related", b"\xff"), ("/related", b"")])
def test_body_that_is_no_json_is_refused(port, path, body):
    assert call(port, path, data=body).status == 400


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("query", "text", "k", "max_tokens", "signals", "tag", "category", "lang", "since", "until")


@given(st.dictionaries(st.sampled_from(NAMES), ANY_JSON) | ANY_JSON)
def test_any_json_is_answered_or_refused_but_never_fails(port, content):
    for path, name in (("/passages", "query"), ("/related", "text")):
        asked = {"query": "soil", **content} if isinstance(content, dict) and path == "/passages" else content
        assert call(port, path, data=json.dumps(asked).encode()).status in (200, 400, 413), (path, name)


@given(st.text(max_size=60), st.sampled_from(["q", "since", "lang", "tag"]))
def test_any_query_is_answered_or_refused_but_never_fails(served, text, name):
    port, _ = served
    asked = urlencode({"q": "soil", name: text.encode("utf-8", "replace")})
    assert call(port, f"/search?{asked}").status in (200, 400)


def test_more_tokens_than_the_limit_are_413(folders):
    with serving(make_embedder(), index=folders["auto"], limits=Limits(tokens=50)) as port:
        reply = call(port, "/related", {"text": "soil " * 60})
        assert reply.status == 413
        assert "62 tokens came; the limit is 50" in reply.error["message"]


# Models.


def test_index_of_another_model_is_refused_at_start(folders):
    with pytest.raises(ModelError, match="the index is of bag-of-words, and the server has other"):
        create_app(make_embedder(name="other", fingerprint="0" * 64), index=folders["auto"])
    with pytest.raises(ModelError, match="the server has no model"):
        create_app(None, index=folders["auto"])


def test_folder_that_is_no_index_is_refused_at_start(tmp_path):
    with pytest.raises(SourceError, match="no index; make one"):
        create_app(None, index=tmp_path)


def test_queries_share_batches_and_leave_the_event_loop_free(folders):
    encoder = Held()
    with serving(make_embedder(encoder), index=folders["auto"]) as port, ThreadPoolExecutor(8) as pool:
        first = pool.submit(call, port, "/search?q=first")
        assert encoder.started.wait(10)
        others = [pool.submit(call, port, f"/search?q=word{i}") for i in range(7)]
        until_tokens_wait(port, 7 * 3)
        assert call(port, "/health").status == 200
        assert call(port, "/search?q=soil&signals=terms").json["hits"]
        encoder.go.set()
        assert {reply.result().status for reply in (first, *others)} == {200}
    assert encoder.batches == [1, 7]


def until_tokens_wait(port: int, count: int) -> None:
    for _ in range(1000):
        lines = call(port, "/metrics").body.decode().splitlines()
        if f"recs_waiting_tokens {count:.1f}" in lines:
            return
        time.sleep(0.01)
    raise AssertionError(f"{count} tokens did not wait within ten seconds")


def test_searches_beyond_the_queue_are_told_to_come_back(folders):
    encoder = Held()
    limits = Limits(queue=2)
    with serving(make_embedder(encoder), index=folders["auto"], limits=limits) as port, ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(call, port, "/search?q=first")]
        assert encoder.started.wait(10)
        waiting.append(pool.submit(call, port, "/search?q=second"))
        until_tokens_wait(port, 3)
        refused = call(port, "/search?q=soil")
        encoder.go.set()
        assert [reply.result().status for reply in waiting] == [200, 200]
    assert (refused.status, refused.error["type"]) == (429, "rate_limit_error")
    assert int(refused.headers["retry-after"]) >= 1


# Keys, origins, the page, its description.


def test_key_and_origins_hold_for_the_routes_of_search(folders):
    access = Access(api_key=KEY, origins=(SITE,))
    with serving(None, index=folders["terms"], access=access) as port:
        for path, content in ROUTES:
            for sent in (None, "Bearer wrong"):
                headers = {"Authorization": sent} if sent else {}
                reply = call(port, path, content, Origin=SITE, **headers)
                assert (reply.status, reply.headers["access-control-allow-origin"]) == (401, SITE)
            reply = call(port, path, content, Origin=SITE, Authorization=f"Bearer {KEY}")
            assert (reply.status, reply.headers["access-control-allow-origin"]) == (200, SITE)
            assert "access-control-allow-origin" not in call(port, path, content, Origin="https://evil.example").headers
        assert call(port, "/").status == 200
        assert call(port, "/openapi.json").status == 401
        (scheme,) = (
            call(port, "/openapi.json", Authorization=f"Bearer {KEY}").json["components"]["securitySchemes"].values()
        )
        assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_root_needs_the_key_if_there_is_no_page():
    with serving(make_embedder(), access=Access(api_key=KEY)) as port:
        assert call(port, "/").status == 401


def test_page_holds_no_data_and_may_run_its_own_script_alone(port):
    reply = call(port, "/")
    page = reply.body.decode()
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert not [item.id for item in make_items() if item.id in page]
    policy = dict(part.split(" ", 1) for part in reply.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"


def test_page_has_no_handler_in_its_markup_no_other_server_and_inserts_no_markup():
    page = Path(search_page.__file__).with_name("search.html").read_text("utf-8")
    markup = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.S)
    assert not re.search(r"\son\w+\s*=|\sstyle\s*=|\ssrc\s*=|javascript:", markup)
    assert not re.search(r"https?://|\bimport\b|@import|url\(", page)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|DOMParser|srcdoc", page)


def test_title_with_markup_is_sent_as_it_is(port):
    (hit,) = (one for one in call(port, "/search?q=zw%C3%B6lf").json["hits"] if one["id"] == "posts/2026/a b?")
    assert hit["title"] == f"{HOSTILE} Zwölf 🧄"
    start, stop = call(port, "/search?q=bed").json["hits"][0]["passage"]["highlights"][0]
    text = call(port, "/search?q=bed").json["hits"][0]["passage"]["text"]
    assert text[start:stop].lower() == "bed"


def test_openapi_describes_each_route_and_replies_have_its_form(served):
    port, _ = served
    document = call(port, "/openapi.json").json
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert described == {
        ("get", "/search"),
        ("get", "/search/filters"),
        ("post", "/passages"),
        ("get", "/related"),
        ("get", "/related/{id}"),
        ("post", "/related"),
    }
    for methods in document["paths"].values():
        for entry in methods.values():
            assert entry["summary"]
            assert entry["description"]
            assert {"200", "400", "401", "413", "429", "503"} <= entry["responses"].keys()
    forms: list[Any] = [SearchReply, FiltersReply, PassagesReply, RelatedReply, RelatedReply, RelatedReply]
    for (path, content), form in zip(ROUTES, forms, strict=True):
        reply = call(port, path, content)
        assert as_json(asdict(TypeAdapter(form).validate_json(reply.body))) == reply.json


@pytest.mark.parametrize("name", ["q", "k", "signals", "tag", "category", "series", "lang", "since", "until"])
def test_every_parameter_that_is_described_is_taken(port, name):
    parameters = call(port, "/openapi.json").json["paths"]["/search"]["get"]["parameters"]
    (described,) = (one for one in parameters if one["name"] == name)
    assert described["description"]
    examples = {"k": "3", "signals": "terms", "since": "2026", "until": "2026-03"}
    assert call(port, "/search?" + urlencode({"q": "soil", name: examples.get(name, "soil")})).status == 200


# The command.


def test_serve_index_of_terms_loads_no_model(folders, monkeypatch):
    started: list[Any] = []
    monkeypatch.setattr("recs.cli.serve.run", lambda app, bound, **_: started.append(app))
    monkeypatch.setattr("recs.embedding.load.find_embedder", None)
    monkeypatch.setattr("recs.models.encoders.load_encoder", None)
    done = CliRunner().invoke(cli, ["serve", "--port", "0", "--index", str(folders["terms"])])
    assert done.exit_code == 0, done.output
    assert len(started) == 1
    assert f"search {folders['terms']} at http://127.0.0.1:" in done.stderr
    assert "serving without a model" in done.stderr


def test_serve_index_takes_the_model_of_the_index(folders, monkeypatch):
    asked: list[Any] = []

    def find(*names: Any, **_: Any) -> Any:
        asked.append(names[:2])
        return make_embedder()

    monkeypatch.setattr("recs.cli.serve.run", lambda *_, **__: None)
    monkeypatch.setattr("recs.embedding.load.find_embedder", find)
    monkeypatch.setattr("recs.embedding.load.matching_embedder", find)
    for arguments, expected in (([], ("bag-of-words", "f" * 64)), (["--model", "mine"], ("mine", None))):
        done = CliRunner().invoke(cli, ["serve", "--port", "0", "--index", str(folders["auto"]), *arguments])
        assert done.exit_code == 0, done.output
        assert asked.pop() == expected


def test_serve_index_asks_no_service_that_the_index_names(tmp_path):
    embedder = make_embedder(name="http://127.0.0.1:9/v1#bag-of-words")
    recs.save_index(recs.build_index(make_items(), embedder=embedder, cache=False), tmp_path / "index")
    done = CliRunner().invoke(cli, ["serve", "--port", "0", "--index", str(tmp_path / "index")])
    assert isinstance(done.exception, ModelError)
    assert "forbids the use of the network" in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["--index", "nowhere"], SourceError, "nowhere: no index; make one"),
        (["--index", "terms", "--alias", "ada=x"], OptionError, "give --model too"),
    ],
)
def test_serve_index_that_is_wrong_is_told_in_one_line(folders, monkeypatch, arguments, error, said):
    monkeypatch.chdir(folders["terms"].parent)
    done = CliRunner().invoke(cli, ["serve", "--port", "0", *arguments])
    assert isinstance(done.exception, error)
    assert said in str(done.exception)
