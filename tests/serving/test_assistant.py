"""An assistant's tools: the answers are those of the index, over stdio nothing else is written, and drafts stay out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standins import BagEncoder, make_embedder, make_records

import recs
from recs.errors import MissingDependencyError, ModelError
from recs.serving import assistant_tools
from recs.serving.assistant_tools import PART_CHARACTERS, QUERY_CHARACTERS, TOOLS, Tools, one_line
from recs.serving.live_index import LiveIndex
from recs.serving.requests import RequestError

SECRET = "xylophonist"
NOISE = "this is no message"
LONG = "The spade and the rake. " * 2000


def make_posts() -> list[dict[str, Any]]:
    posts: list[dict[str, Any]] = [
        {
            "id": r["id"],
            "title": r["title"],
            "text": r["text"],
            "tags": [r["topic"]],
            "date": f"2025-{1 + i % 12:02}-01",
        }
        for i, r in enumerate(make_records())
    ]
    hidden = [
        {"status": "draft"},
        {"status": "private"},
        {"date": "2199-01-01"},
        {"password": "garlic"},
        {"visibility": "members"},
    ]
    for number, how in enumerate(hidden):
        text = f"The {SECRET} of the soil and seed."
        posts.append({"id": f"hidden{number}", "title": f"A {SECRET} title", "text": text, "tags": [SECRET], **how})
    return [*posts, {"id": "long", "title": "Long", "text": LONG, "tags": ["long"]}]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: Any) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("assistant")
    (home / "posts.json").write_text(json.dumps(make_posts()), "utf-8")
    embedder = make_embedder(BagEncoder(4096))
    built = {
        "terms": recs.build_index(home / "posts.json", signals="terms"),
        "auto": recs.build_index(home / "posts.json", embedder=embedder, cache=False),
    }
    for name, index in built.items():
        recs.save_index(index, home / name)
    return {name: home / name for name in built}


class Finder:
    """Gives the stand-in embedder and counts how often it was asked for."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, name: str, fingerprint: str) -> Any:
        self.calls += 1
        assert (name, fingerprint) == ("bag-of-words", "f" * 64)
        return make_embedder(BagEncoder(4096))


def tools_of(folder: Path, *, terms_only: bool = False, find: Callable[..., Any] | None = None) -> Tools:
    return Tools(LiveIndex(folder, find_embedder=find or Finder(), every=0.0), terms_only=terms_only)


def calls_of(session: Any, calls: Any) -> Any:
    """Return the names of the tools of a server and its results of some calls."""

    async def ask() -> Any:
        async with session as client:
            tools = (await client.list_tools()).tools
            return tools, [await client.call_tool(name, arguments) for name, arguments in calls]

    return ask


def over_stdio(folder: Path, calls: Any, *options: str) -> tuple[Any, list[Any]]:
    mcp = pytest.importorskip("mcp", reason="the extra mcp is not installed")
    anyio = pytest.importorskip("anyio")
    command = ["-W", "error", "-m", "recs", "mcp", str(folder), "--quiet", *options]
    home = Path(recs.__file__).parents[1]
    server = mcp.StdioServerParameters(command=sys.executable, args=command, cwd=home, env=dict(os.environ))
    return anyio.run(calls_of(mcp.Client(mcp.stdio_client(server)), calls))  # type: ignore[no-any-return]


def in_process(tools: Tools, calls: Any) -> tuple[Any, list[Any]]:
    mcp = pytest.importorskip("mcp", reason="the extra mcp is not installed")
    anyio = pytest.importorskip("anyio")
    from recs.serving.assistant import make_server

    return anyio.run(calls_of(mcp.Client(make_server(tools)), calls))  # type: ignore[no-any-return]


def scores_of(hits: Any) -> list[tuple[str, float, str]]:
    return [(hit.id, hit.score, hit.passage.text) for hit in hits]


def told(hits: Any) -> list[tuple[str, float, str]]:
    return [(hit["id"], hit["score"], hit["passage"]["text"]) for hit in hits]


# Over the protocol.

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("search", {"query": "soil seed", "k": 4, "tag": "garden"}),
    ("passages", {"query": "wheel", "max_tokens": 50}),
    ("get_item", {"id": "p003"}),
    ("related", {"id": "p003", "k": 3}),
    ("related", {"text": "dough in the oven", "k": 3}),
    ("search", {"query": "soil", "tags": "garden"}),
    ("get_item", {"id": "nobody"}),
]


def check_calls(index: recs.Index, tools: Any, results: list[Any]) -> None:
    """Compare the results of `CALLS` with what the index itself says."""
    assert [tool.name for tool in tools] == list(TOOLS)
    assert all(tool.annotations.read_only_hint for tool in tools)
    answers = []
    for result in results[:-2]:
        assert not result.is_error
        assert json.loads(result.content[0].text) == result.structured_content
        answers.append(result.structured_content)
    assert told(answers[0]["hits"]) == scores_of(index.search("soil seed", k=4, where={"tag": "garden"}))
    assert answers[1]["prompt"] == index.context("wheel", max_tokens=50).prompt
    assert answers[2]["text"] == next(r["text"] for r in make_records() if r["id"] == "p003")
    assert told(answers[3]["related"]) == scores_of(index.similar_to_id("p003", k=3))
    assert told(answers[4]["related"]) == scores_of(index.similar("dough in the oven", k=3))
    errors = [result.content[0].text for result in results[-2:]]
    assert all(result.is_error for result in results[-2:])
    assert errors[0].startswith("'tags' is no parameter here, expected one of query, k, signals, tag,")
    assert errors[1] == "no item with the id 'nobody'; search gives the ids of items."


def test_client_over_stdio_gets_the_answers_of_an_index_of_terms(folders):
    check_calls(recs.open_index(folders["terms"]), *over_stdio(folders["terms"], CALLS))


def test_client_in_process_gets_the_answers_of_an_index_with_vectors(folders):
    index = recs.open_index(folders["auto"], embedder=make_embedder(BagEncoder(4096)))
    check_calls(index, *in_process(tools_of(folders["auto"]), CALLS))


def test_command_with_terms_alone_loads_no_model(folders):
    # The model "bag-of-words" is on no machine: a search that asked for it would be an error.
    _, results = over_stdio(folders["auto"], CALLS[:5], "--signals", "terms")
    assert [result.is_error for result in results] == [False] * 5
    expected = recs.open_index(folders["terms"]).search("soil seed", k=4, where={"tag": "garden"})
    assert told(results[0].structured_content["hits"]) == scores_of(expected)
    _, (result,) = over_stdio(folders["auto"], CALLS[:1], "--offline")
    assert result.is_error
    assert "bag-of-words" in result.content[0].text
    assert "\n" not in result.content[0].text


def test_error_that_nobody_expected_is_one_line_of_the_tool(folders, monkeypatch):
    def fail(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError(f"{SECRET}\nand more")

    monkeypatch.setattr(recs.Index, "search", fail)
    _, results = in_process(tools_of(folders["terms"]), [CALLS[0], CALLS[2]])
    assert results[0].is_error
    assert results[0].content[0].text == "the server failed (ZeroDivisionError)."
    assert not results[1].is_error


NOISY = f"""
import os, sys
from recs.serving import assistant_tools
call = assistant_tools.Tools.call
def noisy(*arguments):
    print({NOISE!r}, flush=True)
    os.write(1, b"{NOISE}\\n")
    return call(*arguments)
assistant_tools.Tools.call = noisy
from recs.cli import main
main()
"""


@contextmanager
def started(folder: Path, *command: str) -> Iterator[Any]:
    """Start a server and send it a broken line, the handshake and a search; yield it with its two replies."""
    pytest.importorskip("mcp", reason="the extra mcp is not installed")
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    call = {"name": "search", "arguments": {"query": "soil"}}
    requests = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
    ]
    words = [sys.executable, *command, "mcp", str(folder)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen(words, cwd=Path(recs.__file__).parents[1], **pipes) as server:
        try:
            server.stdin.write("".join(line + "\n" for line in ["{broken", *map(json.dumps, requests)]))
            server.stdin.flush()
            replies: list[Any] = []
            while not any(reply.get("id") == 2 for reply in replies):
                replies.append(json.loads(server.stdout.readline()))
            yield server, replies
        finally:
            server.kill()


def test_stdout_has_messages_of_the_protocol_alone(folders):
    with started(folders["terms"], "-c", NOISY) as (server, replies):
        rest, errors = server.communicate(timeout=60)
        assert rest == ""
        assert server.returncode == 0
        assert all(reply["jsonrpc"] == "2.0" for reply in replies)
        assert replies[-1]["result"]["structuredContent"]["hits"]
        assert errors.count(NOISE) == 2
        assert errors.startswith("serving 31 items of ")


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_a_server_that_waits_for_stdin(folders, number):
    with started(folders["terms"], "-m", "recs") as (server, _):
        server.send_signal(number)
        assert server.wait(timeout=60) == -number
        assert server.stderr.read().count("\n") == 1


# What is not public.


@pytest.mark.parametrize("kind", ["terms", "auto"])
def test_nothing_of_a_hidden_item_is_told(folders, kind):
    tools = tools_of(folders[kind])
    said = []
    for query in (SECRET, f'"{SECRET}"', f"A {SECRET} title", "hidden0", "soil and seed"):
        said += [tools.call("search", {"query": query, "k": 100}), tools.call("related", {"text": query, "k": 100})]
        said.append(tools.call("passages", {"query": query, "max_tokens": 16_000}))
    said.append(tools.call("search", {"query": "soil", "k": 100, "tag": SECRET}))
    said += [tools.call("get_item", {"id": post["id"]}) for post in make_posts() if SECRET not in post["text"]]
    assert said[-2]["id"] == "p029"
    assert SECRET not in json.dumps(said)
    assert "hidden" not in json.dumps(said)
    for number in range(5):
        for name in ("get_item", "related"):
            with pytest.raises(RequestError, match=f"^no item with the id 'hidden{number}'; search gives"):
                tools.call(name, {"id": f"hidden{number}"})


def test_item_that_was_withdrawn_is_gone_at_the_next_call(tmp_path):
    items = [recs.Item("a", f"The {SECRET}."), recs.Item("b", "The soil.")]
    recs.save_index(recs.build_index(items, signals="terms"), tmp_path / "index")
    tools = tools_of(tmp_path / "index")
    assert [hit["id"] for hit in tools.call("search", {"query": SECRET})["hits"]] == ["a"]
    recs.save_index(recs.build_index(items[1:], signals="terms"), tmp_path / "index")
    assert tools.call("search", {"query": SECRET}) == {"hits": []}
    (tmp_path / "index" / "manifest.json").write_text("{}", "utf-8")
    with pytest.raises(RequestError, match="cannot be used now"):
        tools.call("search", {"query": "soil"})


# The model.


def test_model_is_loaded_with_the_first_query_that_needs_it(folders):
    find = Finder()
    tools = tools_of(folders["auto"], find=find)
    tools.call("get_item", {"id": "p001"})
    tools.call("related", {"id": "p001"})
    tools.call("search", {"query": "soil", "signals": "terms"})
    tools.call("passages", {"query": "soil", "signals": "terms"})
    assert find.calls == 0
    tools.call("search", {"query": "soil"})
    tools.call("passages", {"query": "soil", "signals": "dense"})
    assert find.calls == 1


def test_terms_only_never_loads_the_model(folders):
    find = Finder()
    tools = tools_of(folders["auto"], find=find, terms_only=True)
    for name, arguments in CALLS[:5]:
        tools.call(name, arguments)
    assert find.calls == 0


def test_model_that_is_not_there_is_an_error_and_terms_still_answer(folders):
    def find(*_: str) -> Any:
        raise ModelError("no files of\nthe model.")

    tools = tools_of(folders["auto"], find=find)
    with pytest.raises(ModelError) as caught:
        tools.call("search", {"query": "soil"})
    assert one_line(caught.value) == "no files of the model."
    assert tools.call("search", {"query": "soil", "signals": "terms"})["hits"]


# Arguments.


@pytest.fixture(scope="module")
def terms(folders: dict[str, Path]) -> Tools:
    return tools_of(folders["terms"])


def test_parts_of_a_long_text_are_the_text(terms):
    parts, offset = [], 0
    while offset is not None:
        answer = terms.call("get_item", {"id": "long", "offset": offset})
        assert answer["characters"] == len(LONG.strip())
        parts.append(answer["text"])
        offset = answer["next_offset"]
    assert "".join(parts) == LONG.strip()
    assert len(parts) == 3
    assert all(len(part) <= PART_CHARACTERS and part.endswith(" ") for part in parts[:-1])


@given(text=st.text(st.characters(), min_size=1, max_size=60), limit=st.integers(1, 20))
def test_parts_of_any_text_are_the_text(text, limit):
    # One character more or less would lose or repeat a piece of the text.
    original = assistant_tools.PART_CHARACTERS
    assistant_tools.PART_CHARACTERS = limit
    try:
        ends = [0]
        while ends[-1] < len(text):
            end = assistant_tools._end_of_part(text, ends[-1])
            assert ends[-1] < end <= ends[-1] + limit
            ends.append(end)
    finally:
        assistant_tools.PART_CHARACTERS = original
    assert ends[-1] == len(text)


def test_text_that_utf8_cannot_hold_is_answered(tmp_path):
    recs.save_index(recs.build_index([recs.Item("a", "soil \ud83c end")], signals="terms"), tmp_path)
    tools = tools_of(tmp_path)
    assert tools.call("get_item", {"id": "a"})["text"] == "soil ? end"
    assert tools.call("search", {"query": "soil"})["hits"][0]["passage"]["text"] == "soil ? end"


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("search", {}, "query is missing"),
    ("search", {"query": " "}, "query is"),
    ("search", {"query": "\ud800"}, "query is"),
    ("search", {"query": "a" * (QUERY_CHARACTERS + 1)}, "10,001 characters of query came; the limit is 10,000"),
    ("search", {"query": "a", "k": 101}, "k is 101, expected 1 to 100"),
    ("search", {"query": "a", "k": True}, "k is a boolean"),
    ("search", {"query": "a", "signals": "dense"}, "no vectors"),
    ("search", {"query": "a", "where": {"author": "b"}}, "'where' is no parameter"),
    ("search", {"query": "a", "since": "soon"}, "'soon' is no date"),
    ("passages", {"query": "a", "max_tokens": 16_001}, "max_tokens is 16001, expected 1 to 16,000"),
    ("get_item", {}, "id is missing"),
    ("get_item", {"id": 5}, "id is a number"),
    ("get_item", {"id": "long", "offset": -1}, "offset is -1, expected 0 to 47,999"),
    ("get_item", {"id": "long", "offset": "1"}, "offset is '1', expected a whole number"),
    ("get_item", {"id": "long", "k": 1}, "'k' is no parameter here, expected one of id, offset"),
    ("related", {}, "give an id or a text"),
    ("related", {"id": "long", "text": "a"}, "give an id or a text"),
    ("related", {"text": "a" * 200_001}, "200,001 characters of text came"),
    ("delete", {}, "no tool 'delete' here, expected one of search, passages, get_item, related"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), WRONG)
def test_wrong_argument_is_an_error_that_says_what_is_expected(terms, name, arguments, message):
    with pytest.raises(Exception) as caught:  # noqa: PT011  (the message is compared)
        terms.call(name, arguments)
    assert one_line(caught.value).startswith(message) or message in one_line(caught.value)
    assert not one_line(caught.value).startswith("the server failed")


def test_arguments_at_their_limits_and_empty_ones_are_taken(terms):
    assert len(terms.call("search", {"query": ("soil " * 2000)[:10_000], "k": 100.0})["hits"]) > 5
    empty = {"tag": "", "since": None, "k": None, "signals": ""}
    assert terms.call("search", {"query": "soil", **empty}) == terms.call("search", {"query": "soil"})
    assert terms.call("related", {"id": "p001", "text": ""}) == terms.call("related", {"id": "p001"})


NAMES = ("query", "text", "id", "k", "offset", "max_tokens", "signals", "tag", "lang", "since", "other")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["soil", "p001", "auto"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(name=st.sampled_from(list(TOOLS)), arguments=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4))
def test_any_arguments_give_an_answer_or_an_error_of_one_line(terms, name, arguments):
    message = ""
    try:
        json.dumps(terms.call(name, arguments)).encode()
    except Exception as error:
        message = one_line(error)
    assert "\n" not in message
    assert not message.startswith("the server failed")
    assert len(message) < 600


@pytest.mark.parametrize("name", TOOLS)
def test_schema_of_a_tool_allows_what_the_tool_allows(terms, name):
    schema = dict(TOOLS[name].schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    for each, arguments in CALLS[:5]:
        assert name != each or check.is_valid(arguments)
    for each, arguments, _ in WRONG:
        by_value = {"since": "soon", "signals": "dense", "query": " "}
        if name == each != "related" and not any(arguments.get(k) == value for k, value in by_value.items()):
            fits = check.is_valid(arguments)
            assert not fits or "\ud800" in arguments.values(), arguments


def test_missing_sdk_is_an_error_that_names_the_extra(monkeypatch):
    monkeypatch.delitem(sys.modules, "recs.serving.assistant", raising=False)
    for name in ("mcp", "mcp.server", "mcp.server.lowlevel", "mcp.server.stdio", "mcp_types"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'recs-toolkit\[mcp\]'"):
        import recs.serving.assistant  # noqa: F401


def test_folder_that_is_no_index_is_an_error_of_one_line(tmp_path):
    pytest.importorskip("mcp", reason="the extra mcp is not installed")
    from click.testing import CliRunner

    from recs.cli import cli
    from recs.errors import SourceError

    done = CliRunner().invoke(cli, ["mcp", str(tmp_path)])
    assert isinstance(done.exception, SourceError)
    assert "no index" in str(done.exception)
