"""`recs index` and `recs search`, as a person types them."""

import json
import sys
from types import SimpleNamespace

import pytest
from standins import make_embedder, make_records

import recs.embedding.load
from recs.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return what runs a command in a folder of its own, with the stand-in as every model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recs.embedding.load, "load_embedder", lambda name, **options: make_embedder())

    def command(*arguments, code=0):
        monkeypatch.setattr(sys, "argv", ["recs", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        assert (stopped.value.code or 0) == code, err
        return SimpleNamespace(stdout=out, stderr=err)

    return command


@pytest.fixture
def site(tmp_path):
    """Thirty posts on three subjects, and one that is not public."""
    records = [
        {**record, "tags": ["tools"] if row % 2 else ["plants"], "date": f"2026-01-{row + 1:02}", "url": f"/{row}/"}
        for row, record in enumerate(make_records(30))
    ]
    records.append({"id": "hidden", "title": "Garden secret", "text": "Soil and seed.", "status": "draft"})
    path = tmp_path / "site.json"
    path.write_text(json.dumps(records), encoding="utf-8")
    return path


@pytest.fixture
def index(run, site):
    run("index", site, "-o", "index", "--signals", "terms", "-q")
    return "index"


def ids(done):
    return [hit["id"] for hit in json.loads(done.stdout)["hits"]]


def test_index_says_what_it_wrote_and_search_reads_it_without_the_source(run, site):
    done = run("index", site, "-o", "index")
    assert "indexed: 30 items" in done.stderr
    assert "passages by bag-of-words" in done.stderr
    direct = run("search", site, "soil", "seed", "-q")
    site.unlink()
    assert json.loads(run("search", "index", "soil", "seed").stdout) == json.loads(direct.stdout)
    assert "files are as written" in run("index", "index", "--verify").stderr
    assert "hidden" not in ids(run("search", "index", "garden secret", "-k", 99))


def test_search_prints_a_table_for_people(run, index):
    done = run("search", index, "garden 4", "--format", "table", "--why")
    lines = done.stdout.splitlines()
    assert "Garden 4  (title)" in lines[0]
    assert "terms" in lines[1]
    assert "*" in lines[2]  # words of the query are marked
    assert run("search", index, "zzzz", "--format", "table").stdout == "no item answers the query\n"


def test_formats_hold_the_same_hits(run, index, tmp_path):
    as_json = json.loads(run("search", index, "soil", "--format", "json").stdout)
    as_line = json.loads(run("search", index, "soil", "--format", "jsonl").stdout)
    assert as_json == as_line
    assert run("search", index, "soil", "-o", "hits.json", "-q").stdout == ""
    assert json.loads((tmp_path / "hits.json").read_text("utf-8")) == as_json


def test_queries_of_a_file_are_answered_one_by_one(run, index, tmp_path):
    (tmp_path / "asked.txt").write_text("\ufeffsoil\n\n  brake chain \n", encoding="utf-8")
    done = run("search", index, "--queries", "asked.txt", "--format", "jsonl")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["query"] for record in records] == ["soil", "brake chain"]
    for record in records:
        assert record == json.loads(run("search", index, record["query"], "--format", "json").stdout)
    assert "brake chain\n" in run("search", index, "--queries", "asked.txt", "--format", "table").stdout


def test_filters_are_applied_before_the_best_are_chosen(run, index):
    everything = ids(run("search", index, "soil", "-k", 99))
    tools = ids(run("search", index, "soil", "--tag", "TOOLS", "-k", 99))
    assert tools == [name for name in everything if int(name[1:]) % 2]
    assert ids(run("search", index, "soil", "--tag", "tools", "-k", 2)) == tools[:2]
    assert ids(run("search", index, "soil", "--tag", "tools", "--tag", "plants", "-k", 99)) == everything
    late = ids(run("search", index, "soil", "--since", "2026-01-10", "--until", "2026-01-20", "-k", 99))
    assert late == [name for name in everything if 9 <= int(name[1:]) <= 19]
    assert ids(run("search", index, "soil", "--where", "topic=garden", "-k", 99)) == everything
    assert ids(run("search", index, "soil", "--where", "topic=kitchen", "-k", 99)) == []
    assert ids(run("search", index, "soil", "--since", "2026-01-10", "--where", "since=2026", "-k", 99)) == everything


def test_passages_are_numbered_sources_within_the_budget(run, index):
    done = run("search", index, "soil seed", "--passages", "--max-tokens", 120, "--format", "json")
    context = json.loads(done.stdout)
    assert 0 < context["tokens"] <= context["max_tokens"] == 120
    assert [source["number"] for source in context["sources"]] == list(range(1, len(context["sources"]) + 1))
    shown = run("search", index, "soil seed", "--passages", "--max-tokens", 120, "--format", "table").stdout
    assert shown.strip() == context["prompt"]


def test_control_characters_do_not_reach_the_terminal(run, tmp_path):
    posts = [
        {"id": "a", "title": "T\x1b[31m", "text": "Soil \x1b]0;x\x07 and seed.", "url": "https://a.example/\x1b[2J"}
    ]
    (tmp_path / "odd.json").write_text(json.dumps(posts), encoding="utf-8")
    for options in ((), ("--passages",), ("--why",)):
        done = run("search", "odd.json", "soil \x1b[2J", "--signals", "terms", "--format", "table", *options)
        assert "oil" in done.stdout
        assert "\x1b" not in done.stdout + done.stderr
        assert "\x07" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "nowhere", "soil"], "nowhere"),
        (["search", "torn", "soil"], "broken index"),
        (["search", "newer", "soil"], "expected 'recs.index/2'"),
        (["index", "torn", "--verify"], "is not the file that was written"),
        (["index", "site.json", "--verify"], "no index"),
        (["index", "site.json", "-o", "site.json"], "is no index"),
        (["search", "index", "soil", "--since", "soon"], "is no date"),
        (["search", "index", "soil", "--signals", "dense"], "no vectors"),
        (["search", "index", "--queries", "absent.txt"], "absent.txt"),
        (["search", "x" * 400, "soil"], "xxx"),
    ],
)
def test_bad_input_is_an_error_in_one_line(run, index, tmp_path, arguments, message):
    for name in ("torn", "newer"):
        run("index", "site.json", "-o", name, "--signals", "terms", "-q")
    (file,) = (tmp_path / "torn").glob("*/*/items.jsonl")
    file.write_bytes(file.read_bytes()[:-1])
    manifest = tmp_path / "newer" / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace("recs.index/2", "recs.index/9"), "utf-8")
    done = run(*arguments, "-q", code=1)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("recs: error: ")
    assert message in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "index"],
        ["search", "index", "soil", "--queries", "site.json"],
        ["search", "index", "soil", "--where", "topic"],
        ["search", "index", "soil", "--where", "=garden"],
        ["search", "index", "soil", "-k", "0"],
        ["search", "index", "soil", "--passages", "--max-tokens", "0"],
        ["index", "site.json"],
    ],
)
def test_wrong_usage_is_told(run, index, arguments):
    assert "Usage: recs" in run(*arguments, code=2).stderr


def test_evaluate_search_prints_a_table_and_writes_json(run, site):
    shown = run("evaluate", site, "--task", "search", "-q").stdout
    assert "30 queries are judged, each by the items with that title, in 30 items; passages of 128 tokens" in shown
    report = json.loads(run("evaluate", site, "--task", "search", "--format", "json", "-q").stdout)
    assert [ranking["name"] for ranking in report["rankings"]] == ["auto", "dense", "terms"]
    for ranking in report["rankings"]:
        (line,) = (line for line in shown.splitlines() if line.startswith(f"{ranking['name']:18}"))
        assert f"{ranking['metrics']['ndcg@10']['mean']:.3f}" in line
    assert f"auto against {report['better_single']}, the better of the two: ndcg@10 " in shown


def test_evaluate_search_takes_queries_and_judgments_of_files(run, site, tmp_path):
    (tmp_path / "queries.jsonl").write_text('{"id": "q", "text": "Garden 4", "answer": "Note 4"}\n', encoding="utf-8")
    (tmp_path / "gold.jsonl").write_text('{"query": "q", "doc": "p004", "gain": 1}\n', encoding="utf-8")
    arguments = ("evaluate", site, "--task", "search", "--queries", "queries.jsonl", "--judgments", "gold.jsonl", "-q")
    report = json.loads(run(*arguments, "--format", "json").stdout)
    assert report["rankings"][0]["metrics"]["ndcg@10"]["mean"] == 1
    assert report["answers"]["auto"]["2000"]["mean"] == 1
    assert "answer in" in run(*arguments).stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--queries", "gold.jsonl"], 2),
        (["--task", "search", "--judgments", "gold.jsonl"], 2),
        (["--task", "search", "--figure", "a.png"], 2),
        (["--task", "search", "--queries", "absent.jsonl"], 1),
        (["--task", "search", "--queries", "site.json"], 1),
    ],
)
def test_evaluate_search_refuses_what_it_cannot_use(run, site, arguments, code):
    done = run("evaluate", site, *arguments, "-q", code=code)
    assert done.stdout == ""
    assert code == 2 or done.stderr.count("\n") == 1


@pytest.mark.parametrize("what", ["site", "index"])
def test_search_of_a_misspelt_field_is_one_line_that_names_the_nearest(run, site, index, what):
    done = run("search", index if what == "index" else site, "soil", "--signals", "terms", "--where", "tgas=x", code=1)
    assert done.stderr.endswith("recs: error: no item has a field 'tgas' to filter by; the nearest is tag.\n")
    assert done.stdout == ""
