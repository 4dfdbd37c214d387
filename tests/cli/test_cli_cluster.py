"""`recs cluster` as its user runs it."""

import json

import pytest
from click.testing import CliRunner
from places import POSTS as POSTS_PATH

from recs.cli import cli
from recs.clustering.result import Clustering

POSTS = str(POSTS_PATH)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")

    def call(*arguments):
        done = CliRunner().invoke(cli, ["cluster", *arguments, "--now", "2026-11-01", "--cache", str(folder), "-q"])
        assert done.exit_code == 0, done.output
        return done.stdout

    return call


@pytest.mark.model
def test_cluster_sample_posts_gives_every_public_post_a_place(run, tmp_path):
    page, plot, about, tags = (tmp_path / name for name in ("map.html", "map.png", "about.md", "tags.csv"))
    files = ("--map", str(page), "--plot", str(plot), "--report", str(about), "--tags", str(tags))
    report = json.loads(run(POSTS, "--format", "json", "--save", str(tmp_path / "topics.npz"), *files))
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert about.read_text(encoding="utf-8").startswith("# Topics\n")
    assert tags.read_text(encoding="utf-8").count("\n") == 1 + sum(topic["size"] for topic in report["topics"])
    assert all(topic["name"] in page.read_text(encoding="utf-8") for topic in report["topics"])
    names = [topic["name"] for topic in report["topics"]]
    assert 3 <= len(names) == len(set(names)) <= 12
    assert len(report["items"]) == report["metrics"]["items"] == 76
    assert {entry["topic"] for entry in report["items"].values()} <= {-1, *(topic["id"] for topic in report["topics"])}
    kept = Clustering.load(tmp_path / "topics.npz")
    assert list(kept.ids) == list(report["items"])
    again = json.loads(run(POSTS, "--format", "json", "--previous", str(tmp_path / "topics.npz")))
    assert kept.assigned.tolist() == [entry["topic"] for entry in again["items"].values()]
    assert again["topics"] == report["topics"]


@pytest.mark.model
def test_cluster_as_text_names_topics_and_marks_the_granularity_chosen(run):
    text = run(POSTS, "--format", "table")
    assert "topics" in text.splitlines()[0]
    assert sum(line.endswith("*") for line in text.splitlines()) == 1


@pytest.mark.model
def test_cluster_two_items_finds_none_and_says_so(run, tmp_path):
    source = tmp_path / "two.json"
    source.write_text(json.dumps([{"id": "a", "text": "Planting garlic"}, {"id": "b", "text": "A squeaking chain"}]))
    report = json.loads(run(str(source), "--format", "json"))
    assert report["topics"] == []
    assert [entry["topic"] for entry in report["items"].values()] == [-1, -1]
    assert report["notes"]


@pytest.mark.parametrize("option", [("--tags", "t.txt"), ("--plot", "map.gif"), ("--plot", "map")])
def test_cluster_file_of_unknown_kind_is_refused_before_anything_is_read(option):
    done = CliRunner().invoke(cli, ["cluster", "no-such-file.json", *option])
    assert done.exit_code == 2
    assert f"{option[1]} ends in none of" in done.output
