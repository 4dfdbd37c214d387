"""`recs train`, `recs classify` and `recs evaluate --task classify` as their user runs them."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from labelled import arrays
from places import POSTS
from standins import make_embedder, make_records

from recs.classification.classifier import Classifier
from recs.cli import cli
from recs.errors import RecsError

pytest.importorskip("sklearn", reason="scikit-learn is part of the extra 'classify'")


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a verb with a stand-in for the model; data goes to stdout."""
    monkeypatch.setattr("recs.embedding.load.load_embedder", lambda *_, **__: make_embedder())
    monkeypatch.chdir(tmp_path)

    def call(*arguments, fails=False):
        done = CliRunner().invoke(cli, [*map(str, arguments), "--no-cache", "-m", "bag-of-words"])
        assert (done.exception is not None) == fails, done.output
        assert not fails or isinstance(done.exception, RecsError | SystemExit), repr(done.exception)
        return done

    return call


@pytest.fixture
def posts(tmp_path):
    records = make_records(90)
    for place, record in enumerate(records):
        record["date"] = f"20{10 + place // 12}-{1 + place % 12:02}-03"
    path = tmp_path / "posts.json"
    path.write_text(json.dumps(records))
    return path


def rewrite(path, change):
    records = json.loads(path.read_text())
    path.write_text(json.dumps([change(place, record) for place, record in enumerate(records)]))
    return path


def test_classify_drafts_are_tagged_when_asked_for_and_leave_no_vector(run, posts, tmp_path):
    run("train", posts, "--label", "topic", "-o", "model", "-q")
    rewrite(posts, lambda place, record: {**record, "draft": place % 2 == 0})
    assert len(run("classify", posts, "--classifier", "model", "-q").stdout.splitlines()) == 45
    lines = run("classify", posts, "--classifier", "model", "--drafts", "-q").stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"p{place:03}" for place in range(90)]
    CliRunner().invoke(
        cli, ["classify", str(posts), "--classifier", "model", "--drafts", "--cache", "kept", "-m", "bag-of-words"]
    )
    assert not (tmp_path / "kept").exists()


def test_train_then_classify_tags_what_has_no_label(run, posts, tmp_path):
    truth = [record["topic"] for record in json.loads(posts.read_text())]
    rewrite(posts, lambda place, record: record if place < 75 else {**record, "topic": None})
    done = run("train", posts, "--label", "topic", "-o", "model", "--figure", "curve.png")
    assert "by time: learned from" in done.stdout
    assert "75 items with exactly one label each, 3 labels; 15 public items have none." in done.stderr
    assert "topic" not in done.stderr  # among the fields that are not used
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert {"by time", "at random"} == set(Classifier.load(tmp_path / "model").metrics["evaluation"])
    lines = [
        json.loads(line) for line in run("classify", posts, "--classifier", "model", "--explain").stdout.splitlines()
    ]
    assert len(lines) == 90
    assert all(line["labels"][0]["label"] == truth[int(line["id"][1:])] for line in lines if line["labels"])
    assert sum(line["answer"] == "auto" for line in lines) > 45
    assert all(line["topic_auto"] == [truth[int(line["id"][1:])]] for line in lines if line["answer"] == "auto")
    assert all(line["why"][0]["nearest"] for line in lines if line["labels"])


def test_classify_labels_that_were_put_are_not_learned_from_when_they_come_back(run, posts, tmp_path):
    rewrite(posts, lambda place, record: record if place < 75 else {**record, "topic": None})
    run("train", posts, "--label", "topic", "-o", "one", "-q")
    said = [json.loads(line) for line in run("classify", posts, "--classifier", "one", "-q").stdout.splitlines()]
    put = {line["id"]: line["topic_auto"] for line in said}
    taught = [record["topic"] for record in json.loads(posts.read_text())]
    rewrite(posts, lambda place, r: r if taught[place] else {**r, "topic": put[r["id"]], "topic_auto": put[r["id"]]})
    run("train", posts, "--label", "topic", "-o", "two", "-q")
    files = [arrays((tmp_path / name / "weights.safetensors").read_bytes()) for name in ("one", "two")]
    assert files[0] == files[1]


def test_classify_as_csv_no_cell_is_a_formula(run, posts):
    rewrite(posts, lambda _, record: {**record, "topic": f"={record['topic']}()"})
    run("train", posts, "--label", "topic", "-o", "model", "-q", "--no-evaluate")
    rows = list(csv.DictReader(io.StringIO(run("classify", posts, "--classifier", "model", "--format", "csv").stdout)))
    assert {row["answer"] for row in rows} >= {"auto"}
    assert all(row["label"].startswith("'=") for row in rows if row["label"])
    assert rows[0].keys() == {"id", "label", "probability", "answer", "familiarity"}


def test_classify_on_a_terminal_no_label_moves_the_cursor(run, posts):
    rewrite(posts, lambda _, record: {**record, "topic": f"\x1b[2J{record['topic']}"})
    shown = run("train", posts, "--label", "topic", "-o", "model", "--next", "3").stdout
    shown += run("classify", posts, "--classifier", "model", "--format", "table", "--explain").stdout
    assert "\x1b" not in shown
    assert "garden" in shown


def test_classify_rules_retire_and_rename(run, posts, tmp_path):
    (tmp_path / "labels.toml").write_text('retired = ["kitchen"]\n[renamed]\ngarden = "plants"\n')
    run("train", posts, "--label", "topic", "-o", "model", "-q", "--no-evaluate")
    out = run("classify", posts, "--classifier", "model", "--labels", "labels.toml", "-q").stdout
    said = {label["label"] for line in out.splitlines() for label in json.loads(line)["labels"]}
    assert said == {"plants", "bicycle"}


def test_train_issues_finds_the_label_that_was_changed(run, posts, tmp_path):
    rewrite(posts, lambda place, record: {**record, "topic": "kitchen"} if place == 30 else record)
    run("train", posts, "--label", "topic", "--issues", "issues.csv", "--no-evaluate")
    first = next(csv.DictReader((tmp_path / "issues.csv").read_text().splitlines()))
    assert (first["id"], first["label"], first["better"]) == ("p030", "kitchen", "bicycle")


@pytest.mark.parametrize("labelled", [0, 1, 2, 6])
def test_train_next_lists_what_to_label_however_few_have_one(run, posts, labelled):
    rewrite(posts, lambda place, record: record if place < labelled else {**record, "topic": None})
    lines = run("train", posts, "--label", "topic", "--next", "3").stdout.splitlines()
    assert len(lines) == 3
    assert all(line.split("\t")[0] >= f"p{labelled:03}" for line in lines)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "posts.json"], "--label FIELD is needed"),
        (["train", "posts.json", "--label", "sort"], "no item has a label in 'sort'"),
        (["train", "posts.json", "--label", "same"], "all 90 items with a label in 'same' have 'x'"),
        (["train", "posts.json", "--label", "nested"], "the label field 'nested' holds mappings (90, such as"),
        (["train", "posts.json", "--label", "nested", "--next", "3"], "the label field 'nested' holds mappings"),
        (["train", "posts.json", "--label", "topic", "--labels", "none.toml"], "not a file of label rules"),
        (["train", "posts.json", "--label", "topic", "--no-evaluate", "-o", "."], "holds posts.json"),
        (["train", "posts.json", "--label", "topic", "--target-precision", "1"], "target-precision"),
        (["evaluate", "posts.json", "--task", "classify"], "--label FIELD is needed"),
        (["classify", "posts.json", "--classifier", "none"], "not a classifier written by recs"),
        (["classify", "posts.json", "--classifier", "posts.json"], "not a classifier written by recs"),
    ],
)
def test_train_and_classify_mistakes_are_told_in_one_line(run, posts, arguments, said):
    rewrite(posts, lambda _, record: {**record, "same": "x", "nested": {"a": [1]}})
    done = run(*arguments, fails=True)
    assert said in f"{done.exception} {done.output}"
    assert "Traceback" not in done.output


def test_classify_another_model_is_refused(run, posts, monkeypatch):
    run("train", posts, "--label", "topic", "-o", "model", "-q", "--no-evaluate")
    monkeypatch.setattr("recs.embedding.load.load_embedder", lambda *_, **__: make_embedder(fingerprint="e" * 64))
    done = run("classify", posts, "--classifier", "model", fails=True)
    assert "cannot judge vectors of" in str(done.exception)


def test_evaluate_classify_as_json_and_table_say_the_same(run, posts, tmp_path):
    shown = run("evaluate", posts, "--task", "classify", "--label", "topic").stdout
    run("evaluate", posts, "--task", "classify", "--label", "topic", "-o", "report.json")
    document = json.loads((tmp_path / "report.json").read_text())
    first = document["splits"][0]
    assert first["split"] == "by time"
    assert f"by time: learned from {first['learned']}, judged on {first['judged']}" in shown
    assert f"{first['metrics']['accuracy']:.3f}" in shown


@pytest.mark.model
def test_sample_posts_are_trained_on_and_tagged_by_the_real_model(tmp_path):
    def recs(*arguments):
        command = [sys.executable, "-W", "error", "-m", "recs", *arguments, "--now", "2026-11-01"]
        return subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            env=os.environ,
            cwd=tmp_path,
        )

    done = recs("train", str(POSTS), "--label", "category", "-o", "model", "--target-precision", "0.7")
    assert done.returncode == 0, done.stderr
    assert "at random: learned from" in done.stdout
    assert "Traceback" not in done.stderr
    done = recs("classify", str(POSTS), "--classifier", "model", "--explain")
    assert done.returncode == 0, done.stderr
    lines = {line["id"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert len(lines) == 127
    truth = {item["id"]: item.get("category") for item in json.loads(POSTS.read_text(encoding="utf-8"))["items"]}
    best = [line["labels"][0]["label"] == truth[name] for name, line in lines.items() if line["labels"]]
    assert sum(best) > 0.8 * len(best) > 30
    assert any(why["passage"] for line in lines.values() for why in line.get("why", ()))
    done = recs("classify", str(POSTS), "--classifier", "nowhere")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
