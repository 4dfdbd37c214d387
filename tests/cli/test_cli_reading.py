"""What the command line says of a source: what was closed and why, and what it does where nothing is left."""

import json

import pytest
from click.testing import CliRunner

from recs.cli import cli
from recs.errors import SourceError

STATUS = "status=Veröffentlicht"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments):
        return CliRunner().invoke(cli, ["related", *map(str, arguments), "--signals", "terms", "--no-cache"])

    return invoke


def _posts(path, **fields):
    records = [
        {"id": name, "title": f"Post {name}", "text": f"Leeks and garlic grow in the {name} bed.", **fields}
        for name in "abcde"
    ]
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


def test_related_reports_every_closing_by_field_value_and_item(run, tmp_path):
    records = [
        {"id": "a", "text": "Leeks grow.", "status": "Veröffentlicht"},
        {"id": "b", "text": "Garlic grows.", "status": "Veröffentlicht"},
        {"id": "c", "text": "Onions grow.", "draft": True},
        {"id": "d", "text": "Carrots grow.", "date": "2999-01-01"},
        {"id": "e", "text": "Beans grow.", "search_exclude": True},
        {"id": "f", "text": "Peas grow.", "password": "hunter2"},
        {"id": "g", "text": "Turnips grow."},
    ]
    (tmp_path / "p.json").write_text(json.dumps(records), encoding="utf-8")
    done = run("p.json", "--now", "2026-11-01")
    assert done.exit_code == 0, done.output
    assert "left out: 6 items that are not public" in done.stderr
    assert "2 closed by `status: Veröffentlicht`, which is not understood: a, b" in done.stderr
    assert "--public status=Veröffentlicht" in done.stderr
    assert "1 closed by `draft: true` (draft): c" in done.stderr
    assert "1 closed by `date`, a date in the future: d" in done.stderr
    assert "1 closed by `search_exclude: true` (unlisted): e" in done.stderr
    assert "--include-unlisted" in done.stderr
    assert "hunter2" not in done.stderr
    assert set(json.loads(done.stdout)["items"]) == {"g"}
    opened = run("p.json", "--now", "2026-11-01", "--public", STATUS, "--include-unlisted")
    assert set(json.loads(opened.stdout)["items"]) == {"a", "b", "e", "g"}


@pytest.mark.parametrize("records", [[], [{"id": "a", "text": "x", "draft": True}], [{"id": "a"}, 7]])
def test_related_of_nothing_public_is_an_error_and_leaves_the_earlier_result(run, tmp_path, records):
    (tmp_path / "p.json").write_text(json.dumps(records), encoding="utf-8")
    out = tmp_path / "related.json"
    out.write_text("earlier")
    done = run("p.json", "-o", out)
    assert isinstance(done.exception, SourceError)
    assert "no public item" in str(done.exception)
    assert out.read_text() == "earlier"
    allowed = run("p.json", "-o", out, "--allow-empty")
    assert allowed.exit_code == 0, allowed.output
    assert json.loads(out.read_text())["items"] == {}


def test_related_that_shrinks_to_less_than_half_warns_or_stops(run, tmp_path):
    earlier, out = tmp_path / "earlier.json", tmp_path / "related.json"
    assert run(_posts(tmp_path / "p.json"), "-o", earlier).exit_code == 0
    records = json.loads((tmp_path / "p.json").read_text())
    (tmp_path / "p.json").write_text(json.dumps(records[:2]))
    warned = run("p.json", "--previous", earlier, "-o", out)
    assert warned.exit_code == 0
    assert "warning: 2 items are left of the 5" in warned.stderr
    out.write_text("earlier")
    stopped = run("p.json", "--previous", earlier, "-o", out, "--strict")
    assert isinstance(stopped.exception, SourceError)
    assert out.read_text() == "earlier"
    (tmp_path / "p.json").write_text(json.dumps(records[:3]))
    assert "warning" not in run("p.json", "--previous", earlier, "--strict").stderr


def test_related_public_that_is_no_pair_is_wrong_usage(run, tmp_path):
    done = run(_posts(tmp_path / "p.json"), "--public", "status")
    assert done.exit_code == 2
    assert "FIELD=VALUE" in done.output
