"""`recs evaluate --task topics` as its user runs it."""

import json

import pytest
from click.testing import CliRunner
from standins import make_embedder

from recs.cli import cli
from recs.errors import RecsError


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run `recs evaluate --task topics` on posts on three subjects, with a stand-in for the model."""
    monkeypatch.setattr("recs.embedding.load.load_embedder", lambda *_, **__: make_embedder())
    subjects = [subject for subject in ("bread", "bicycle", "violin") for _ in range(12)]
    posts = [
        {"id": f"p{row:02}", "text": f"{subject} {subject} {subject} note{row}", "kind": subject}
        for row, subject in enumerate(subjects)
    ]
    posts.append({"id": "hidden", "text": "bread of a draft", "kind": "secret", "draft": True})
    (tmp_path / "posts.json").write_text(json.dumps(posts), encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def call(*arguments, fails=False):
        command = ["evaluate", "posts.json", "--task", "topics", *arguments, "--no-cache", "-m", "bag-of-words"]
        done = CliRunner().invoke(cli, command)
        assert (done.exception is not None) == fails, done.output
        assert not fails or isinstance(done.exception, RecsError | SystemExit), repr(done.exception)
        return done

    return call


def test_table_and_json_say_the_same(run, tmp_path):
    done = run("--label", "kind")
    run("--label", "kind", "-o", "report.json", "-q")
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert "3 topics of 36 items" in done.stdout
    assert "kind" not in done.stderr  # among the fields that are not used
    assert report["label"] == "kind"
    lines = done.stdout.splitlines()
    for score in report["scores"]:
        first, second = (line for line in lines if line.startswith(score["names"]))
        assert f"{score['mean']['mean']:.3f} [" in first
        assert f"{score['class_by_vectors']['mean']:.3f} [" in second
    assert "secret" not in done.stdout + json.dumps(report)


def test_without_labels_nothing_is_matched(run):
    assert "matches" not in run("-q").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--label", "colour"], "no item has a label in 'colour'"),
        (["--since", "2020-01-01"], "--task topics uses no --judgments and no --since"),
        (["--figure", "names.png"], "--task topics has no figure"),
    ],
)
def test_what_cannot_be_used_is_refused(run, arguments, said):
    done = run(*arguments, fails=True)
    assert said in done.output + str(done.exception)
