"""`recs cluster` as its user runs it."""

import base64
import gzip
import json
import re

import pytest
from click.testing import CliRunner
from places import POSTS as POSTS_PATH
from standins import BagEncoder, make_embedder, make_records, make_spec

from recs.cli import cli
from recs.clustering.result import Clustering
from recs.embedding.embedder import Embedder
from recs.errors import FingerprintMismatchError, SourceError

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
    files += ("--site", str(tmp_path / "site"))
    report = json.loads(run(POSTS, "--format", "json", "--save", str(tmp_path / "topics.npz"), *files))
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert about.read_text(encoding="utf-8").startswith("# Topics\n")
    assert tags.read_text(encoding="utf-8").count("\n") == 1 + sum(topic["size"] for topic in report["topics"])
    packed = re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"))
    shown = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    names = shown["layers"][shown["layer"]]["names"]
    assert sorted(names) == sorted(topic["name"] for topic in report["topics"])
    assert len(list((tmp_path / "site").glob("*.html"))) == 1 + len(report["topics"])
    names = [topic["name"] for topic in report["topics"]]
    assert 3 <= len(names) == len(set(names)) <= 12
    assert len(report["items"]) == report["metrics"]["items"] == 127
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


# --- with a stand-in for the model ---


@pytest.fixture
def standin(monkeypatch, tmp_path):
    """Run the verb in a folder with year.json and month.json; `embedder` is the model that it gets."""
    pytest.importorskip("hdbscan")
    monkeypatch.chdir(tmp_path)
    records = make_records(90)
    for name, part in (("year", records[:60]), ("month", records[60:])):
        (tmp_path / f"{name}.json").write_text(json.dumps(part), encoding="utf-8")
    given = {"embedder": make_embedder(BagEncoder())}
    monkeypatch.setattr("recs.embedding.load.find_embedder", lambda name, cache, **options: given["embedder"])

    def call(*arguments, fails=False):
        done = CliRunner().invoke(cli, ["cluster", *arguments, "--cache", "cache", "--now", "2026-11-01"])
        assert (done.exit_code != 0) == fails, done.output
        return done

    call.given = given
    return call


def names(report):
    return {topic["id"]: topic["name"] for topic in report["topics"]}


def test_cluster_second_run_computes_no_vector_and_gives_the_same_bytes(standin):
    first = standin("year.json", "--format", "json")
    absent = Embedder(make_spec(), device="cpu", precision="float32", engine="torch")  # neither tokenizer nor weights
    standin.given["embedder"] = absent
    second = standin("year.json", "--format", "json")
    assert second.stdout == first.stdout
    assert json.loads(second.stdout)["parameters"]["phrases"] == "words and vectors"


def test_cluster_with_cached_items_alone_ranks_phrases_by_words_and_says_so(standin):
    import recs

    items = recs.read_items("year.json", now="2026-11-01").public
    recs.embed_items(items, standin.given["embedder"], role="clustering", cache="cache")
    standin.given["embedder"] = Embedder(make_spec(), device="cpu", precision="float32", engine="torch")
    done = standin("year.json", "--format", "json")
    report = json.loads(done.stdout)
    assert report["parameters"]["phrases"] == "words"
    assert len(report["topics"]) == 3
    assert "note: the phrases of topics are ranked by words alone, without vectors: " in done.stderr


def test_cluster_apply_keeps_the_saved_topics_and_writes_every_file(standin, tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "edits.json").write_text('{"names": {"0": "Mine"}}')
    saved = json.loads(standin("year.json", "--edits", "edits.json", "--save", "t.npz", "--format", "json").stdout)
    bytes_of_file = (tmp_path / "t.npz").read_bytes()
    files = ("--map", "m.html", "--plot", "m.png", "--report", "r.md", "--tags", "t.csv")
    report = json.loads(standin("month.json", "--apply", "t.npz", "--format", "json", *files).stdout)
    assert names(report) == names(saved)
    assert names(report)[0] == "Mine"
    items = {record["id"]: record["topic"] for record in make_records(90)[60:]}
    assert report["items"].keys() == items.keys()
    topic_of_subject = {}
    for name, entry in report["items"].items():
        if entry["topic"] >= 0:
            topic_of_subject.setdefault(items[name], set()).add(entry["topic"])
    assert sorted(map(len, topic_of_subject.values())) == [1, 1, 1]
    assert (tmp_path / "t.npz").read_bytes() == bytes_of_file
    assert "0% in the dense core" not in (tmp_path / "r.md").read_text(encoding="utf-8")


def test_cluster_apply_to_one_item_counts_in_the_singular(standin, tmp_path):
    standin("year.json", "--save", "t.npz")
    (tmp_path / "one.json").write_text(json.dumps(make_records(61)[60:]))
    done = standin("one.json", "--apply", "t.npz", "--format", "table", "--report", "r.md")
    assert done.stdout.startswith("1 item, ")
    assert "note: 2 saved topics have no item here." in done.stderr
    assert "1 items" not in (tmp_path / "r.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", ["--previous", "--apply"])
def test_cluster_saved_topics_of_another_model_are_refused_before_items_are_embedded(standin, option):
    standin("year.json", "--save", "t.npz")
    encoder = BagEncoder()
    standin.given["embedder"] = make_embedder(encoder, fingerprint="0" * 64)
    done = standin("month.json", option, "t.npz", fails=True)
    assert isinstance(done.exception, FingerprintMismatchError)
    assert "\n" not in str(done.exception)
    assert not encoder.texts


@pytest.mark.parametrize(
    "option", [("--topics", "3"), ("--previous", "t.npz"), ("--save", "u.npz"), ("--assign", "all")]
)
def test_cluster_apply_with_an_option_that_changes_topics_is_a_usage_error(standin, option):
    standin("year.json", "--save", "t.npz")
    done = standin("month.json", "--apply", "t.npz", *option, fails=True)
    assert done.exit_code == 2
    assert f"leave out {option[0]}" in done.stderr


@pytest.mark.parametrize("content", [b"", b"[]", b"PK\x03\x04"])
def test_cluster_apply_of_another_file_is_refused_in_one_line(standin, tmp_path, content):
    (tmp_path / "t.npz").write_bytes(content)
    done = standin("month.json", "--apply", "t.npz", fails=True)
    assert done.exit_code == 1
    assert isinstance(done.exception, SourceError)
    assert str(done.exception).startswith("t.npz: not a clustering")
    assert "\n" not in str(done.exception)


def test_cluster_previous_on_new_items_alone_keeps_ids_and_names(standin):
    saved = json.loads(standin("year.json", "--save", "t.npz", "--format", "json").stdout)
    done = standin("month.json", "--previous", "t.npz", "--format", "json")
    assert names(json.loads(done.stdout)) == names(saved)
    assert "note: previous: no item was in the earlier run; 3 of its 3 topics were recognised" in done.stderr


def test_cluster_previous_tells_what_changed(standin, tmp_path):
    saved = json.loads(standin("year.json", "--save", "t.npz", "--format", "json").stdout)
    assert saved["changes"] == []
    assert "changes since" not in standin("year.json", "--previous", "t.npz").stdout
    into, merged = (saved["topics"][place] for place in (0, 1))
    (tmp_path / "edits.json").write_text(json.dumps({"merge": [[into["id"], merged["id"]]]}), encoding="utf-8")
    options = ("year.json", "--previous", "t.npz", "--edits", "edits.json")
    (change,) = json.loads(standin(*options, "--format", "json").stdout)["changes"]
    assert (change["kind"], change["topic"], change["other"]) == ("merged", merged["id"], into["id"])
    line = f"  merged: {merged['name']}  [{merged['id']}], {merged['size']} items, into {change['other_name']}  "
    assert f"changes since the earlier run:\n{line}[{into['id']}]\n" in standin(*options).stdout
