"""`recs evaluate`, and what `recs related` shows of rules, reasons and earlier results, as a person types them."""

import json
import logging
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from standins import make_records

import recs.embedding.load
from recs.cli import main
from recs.errors import ModelNotFoundError


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return what runs a command in a folder of its own, as on a machine without a model."""

    def not_found(name, **options):
        raise ModelNotFoundError(f"{name}: not here")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recs.embedding.load, "load_embedder", not_found)
    handlers = logging.getLogger("recs").handlers
    monkeypatch.setattr(logging.getLogger("recs"), "handlers", list(handlers))

    def command(*arguments, code=0):
        monkeypatch.setattr(sys, "argv", ["recs", *map(str, arguments), "--no-cache"])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        assert (stopped.value.code or 0) == code, err
        return SimpleNamespace(stdout=out, stderr=err)

    return command


@pytest.fixture
def site(tmp_path):
    """Thirty pages, each with a link to the next on its subject, in words that stand nowhere else."""
    records = make_records(30)
    pages = [
        {
            "id": record["id"],
            "title": record["title"],
            "url": f"https://site.example/{record['id']}/",
            "date": f"2020-01-{row + 1:02}",
            "content_html": f"<p>{record['text']} See <a href='/p{(row + 3) % 30:03}/'>anchor{row}</a>.</p>",
        }
        for row, record in enumerate(records)
    ]
    path = tmp_path / "site.json"
    path.write_text(json.dumps(pages), encoding="utf-8")
    return path


def test_evaluate_prints_a_table(run, site):
    done = run("evaluate", site)
    assert "30 of 30 items are judged, by 30 links" in done.stdout
    rows = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    assert {"terms", "TF-IDF", "BM25", "tags, then newest", "newest", "random", "with rules", "without rules"} <= set(
        rows
    )
    assert "behind in ndcg@10" in done.stdout
    assert rows["random"].count("[") == 4
    assert rows["terms"].count("[") == 3
    assert "Traceback" not in done.stderr


def test_evaluate_writes_json_figure_and_table(run, site, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is part of the extra 'notebooks'")
    out, figure = tmp_path / "out.json", tmp_path / "out.svg"
    done = run("evaluate", site, "-o", out, "--figure", figure, "-k", 3, "--since", "2020-01-11")
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["sources"] == 20
    assert found["shown"]["with rules"]["k"] == 3
    assert all(
        low <= high for r in found["rankings"] for low, high in [(r["metrics"]["mrr@10"][x] for x in ("low", "high"))]
    )
    assert figure.read_text(encoding="utf-8").startswith("<?xml")
    assert "wrote" in done.stderr
    piped = run("evaluate", site, "--format", "json", "-k", 3, "--since", "2020-01-11")
    assert piped.stdout == out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("links.jsonl", '{"src": "p000", "dst": "p009", "anchor": "x"}\n{"src": "p001", "dst": "p010"}\n'),
        ("links.csv", "src,dst,anchor\np000,p009,x\np001,p010,\n"),
        ("links.json", '[{"src": "p000", "dst": "p009"}, {"src": "p001", "dst": "p010"}]'),
    ],
)
def test_evaluate_takes_judgments_from_a_file(run, site, tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    found = json.loads(run("evaluate", site, "--judgments", name, "--format", "json").stdout)
    assert (found["sources"], found["judged_links"]) == (2, 2)
    assert found["notes"][0] == "only 2 items are judged: too few to tell rankings apart"


@pytest.mark.parametrize(
    ("judgments", "said"),
    [(None, "no item links to another"), ('{"src": "nobody", "dst": "p001"}', "record 1 names no two items")],
)
def test_evaluate_without_usable_links_is_one_line(run, tmp_path, judgments, said):
    (tmp_path / "posts.json").write_text(json.dumps(make_records(5)))
    arguments = []
    if judgments:
        (tmp_path / "links.jsonl").write_text(judgments)
        arguments = ["--judgments", "links.jsonl"]
    done = run("evaluate", "posts.json", "-q", *arguments, code=1)
    errors = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert len(errors) == 1
    assert errors[0].startswith("recs: error: ")
    assert said in errors[0]
    assert done.stdout == ""


def test_evaluate_unknown_task_or_zero_entries_is_wrong_usage(run, site):
    run("evaluate", site, "--task", "magic", code=2)
    run("evaluate", site, "-k", 0, code=2)


def test_related_takes_rules_of_the_folder_and_options_before_them(run, site, tmp_path):
    (tmp_path / "recs.toml").write_text('min_score = 0.9\n[pins]\np000 = ["p007"]\n')
    done = run("related", site)
    lists = json.loads(done.stdout)["items"]
    assert "rules: recs.toml" in done.stderr
    assert [match["id"] for match in lists["p000"]["related"]] == ["p007"]
    lists = json.loads(run("related", site, "--min-score", "0").stdout)["items"]
    assert lists["p000"]["related"][0]["id"] == "p007"
    assert len(lists["p000"]["related"]) == 5
    (tmp_path / "recs.toml").write_text("minscore = 0.9\n")
    done = run("related", site, code=1)
    assert "no rule is called 'minscore'" in done.stderr


def test_related_why_and_previous(run, site, tmp_path):
    run("related", site, "-o", "old.json", "--why")
    document = json.loads((tmp_path / "old.json").read_text(encoding="utf-8"))
    assert set(document["items"]["p000"]["related"][0]["why"]) == {"parts", "passages", "phrases", "rules"}
    done = run("related", site, "-o", "new.json", "--previous", "old.json")
    assert "0 of 30 lists are new or changed" in done.stderr
    (tmp_path / "old.json").write_text("{")
    done = run("related", site, "--previous", "old.json", "-q", code=1)
    assert "old.json: not a result of recs related" in done.stderr


def test_evaluate_takes_its_table_beside_a_file(run, site, tmp_path):
    done = run("evaluate", site, "-o", "out.json", "--format", "table", "-q")
    assert done.stdout == run("evaluate", site, "-q").stdout
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["sources"] == 30


def test_audit_prints_its_first_rows_and_writes_all(run, site, tmp_path):
    done = run("audit", site, "-o", "out.json", "--format", "table", "-k", 1)
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert run("audit", site, "--format", "json", "-k", 1).stdout == (tmp_path / "out.json").read_text(encoding="utf-8")
    assert "30 items, lists of 1\n" in done.stdout
    assert f"\n{len(found['orphans'])} are in no list" in done.stdout
    assert len(found["orphans"]) > 10
    assert f"\n  … and {len(found['orphans']) - 10} more\n" in done.stdout
    assert "wrote out.json" in done.stderr


def test_tune_writes_only_what_helps(run, site, tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is part of the extra 'classify'")
    done = run("tune", site)
    assert "30 items that link to others" in done.stderr
    targets = np.random.default_rng(0).integers(0, 30, 30)
    links = [{"src": f"p{row:03}", "dst": f"p{target:03}"} for row, target in enumerate(targets)]
    (tmp_path / "links.json").write_text(json.dumps(links))
    done = run("tune", site, "-o", "tuned.json", "--judgments", "links.json", "-q", code=1)
    assert "tuned.json: not written: the gain cannot be told from none" in done.stderr
    assert not (tmp_path / "tuned.json").exists()
