"""Topics over HTTP and for assistants: only what the index has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from running_server import call, serving
from standins import make_embedder, make_records
from test_assistant import in_process

import recs
from recs.cli.common import topics as topics_of_the_command_line
from recs.errors import SourceError
from recs.serving.assistant_tools import Tools
from recs.serving.live_index import LiveIndex
from recs.serving.topics import TopicsFile


def make_items() -> list[recs.Item]:
    return [recs.Item(each["id"], each["text"], title=each["title"]) for each in make_records(40)]


def write_index(path: Path, without: str = "") -> None:
    items = [item for item in make_items() if item.id != without]
    recs.save_index(recs.build_index(items, signals="terms"), path)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """An index, and the topics of its items."""
    write_index(tmp_path / "index")
    items = make_items()
    embeddings = make_embedder().embed([item.text for item in items], ids=[item.id for item in items])
    report = topics_of_the_command_line._report(recs.cluster_items(items, embeddings))  # what `recs cluster -o` writes
    (tmp_path / "topics.json").write_text(json.dumps(report), "utf-8")
    return tmp_path / "index", tmp_path / "topics.json"


def expected(path: Path) -> dict[int, list[str]]:
    document = json.loads(path.read_text("utf-8"))
    return {
        topic["id"]: sorted(name for name, cell in document["items"].items() if cell["topic"] == topic["id"])
        for topic in document["topics"]
    }


def test_topics_over_http_are_those_of_the_file(files: tuple[Path, Path]) -> None:
    index, topics = files
    members = expected(topics)
    assert len(members) > 1
    with serving(None, index=index, topics=topics) as port:
        listed = call(port, "/topics").json["topics"]
        assert {topic["id"]: topic["items"] for topic in listed} == {key: len(value) for key, value in members.items()}
        assert [topic["items"] for topic in listed] == sorted((topic["items"] for topic in listed), reverse=True)
        assert all(topic["examples"] and topic["name"] for topic in listed)
        for number, names in members.items():
            one = call(port, f"/topics/{number}?k=100").json
            assert [item["id"] for item in one["members"]] == names
            assert len(call(port, f"/topics/{number}?k=2").json["members"]) == 2
        paths = call(port, "/openapi.json").json["paths"]
        assert {"/topics", "/topics/{id}"} <= set(paths)


@pytest.mark.parametrize("path", ["/topics/99", "/topics/x", "/topics/-1", "/topics/0?k=0", "/topics/0?tag=a"])
def test_wrong_question_is_refused(files: tuple[Path, Path], path: str) -> None:
    index, topics = files
    with serving(None, index=index, topics=topics) as port:
        assert call(port, path).status in (400, 404)


def test_withdrawn_item_is_in_no_answer(files: tuple[Path, Path]) -> None:
    index, topics = files
    document = json.loads(topics.read_text("utf-8"))
    gone = document["topics"][0]["exemplars"][0]
    write_index(index, without=gone)
    tools = Tools(LiveIndex(index, every=0.0), topics=TopicsFile(topics))
    calls = [("topics", {}), *(("topics", {"id": number, "k": 100}) for number in expected(topics))]
    offered, results = in_process(tools, calls)
    assert "topics" in {tool.name for tool in offered}
    answers = [json.loads(result.content[0].text) for result in results]
    assert gone not in json.dumps(answers)
    counts = {topic["id"]: topic["items"] for topic in answers[0]["topics"]}
    for answer in answers[1:]:
        assert [item["id"] for item in answer["members"]] == [n for n in expected(topics)[answer["id"]] if n != gone]
        assert counts[answer["id"]] == len(answer["members"])


def test_replaced_file_is_read_again(files: tuple[Path, Path]) -> None:
    index, topics = files
    served, live = TopicsFile(topics), recs.open_index(index)
    document = json.loads(topics.read_text("utf-8"))
    document["topics"][0]["name"] = "Renamed by hand"
    topics.write_text(json.dumps(document), "utf-8")
    assert "Renamed by hand" in {topic["name"] for topic in served.listed(live)}
    topics.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        served.listed(live)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": "recs.related/1"}', '{"schema": "recs.topics/1", "topics": 3, "items": {}}']
)
def test_other_file_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "topics.json").write_text(text)
    with pytest.raises(SourceError) as caught:
        TopicsFile(tmp_path / "topics.json")
    assert "\n" not in str(caught.value)
    with pytest.raises(SourceError):
        TopicsFile(tmp_path / "absent.json")


def test_without_a_file_there_is_no_tool_and_no_route(files: tuple[Path, Path]) -> None:
    tools: Any = Tools(LiveIndex(files[0], every=0.0))
    assert "topics" not in tools.offered
    with serving(None, index=files[0]) as port:
        assert call(port, "/topics").status == 404
