"""Filters, ages and fallbacks of `recs related`, as a person types them."""

import json

import pytest
from click.testing import CliRunner
from standins import make_records

from recs.cli import cli


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return what ranks twelve posts by terms, and the ids and origins of the entries of each list."""
    monkeypatch.chdir(tmp_path)
    records = [
        {**record, "category": "odd" if row % 2 else "even", "date": f"20{10 + row}-06-01"}
        for row, record in enumerate(make_records(12))
    ]
    (tmp_path / "posts.json").write_text(json.dumps(records), encoding="utf-8")

    def call(*arguments, code=0):
        words = ["related", "posts.json", "--signals", "terms", "--no-cache", "--now", "2026-11-01", "-q", *arguments]
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == code, done.output
        if code:
            return done.stderr or str(done.exception)
        items = json.loads(done.stdout)["items"]
        return {name: [(entry["id"], entry["via"]) for entry in item["related"]] for name, item in items.items()}

    return call


def ids(lists):
    return {name for entries in lists.values() for name, _ in entries}


def test_options_and_the_file_of_rules_mean_the_same_and_options_win(run, tmp_path):
    rules = tmp_path / "other.toml"
    rules.write_text(
        'fill = "recent"\nmax_age = "9y"\nprefer_recent = "2y"\nmin_score = 0.9\n[include]\ncategory = "odd"\n',
        encoding="utf-8",
    )
    options = ["--fill", "recent", "--max-age", "9y", "--prefer-recent", "2y", "--min-score", "0.9"]
    by_file = run("--rules", "other.toml")
    assert by_file == run(*options, "--include", "category=odd")
    assert ids(by_file) == {"p009", "p011"}
    assert {via for entries in by_file.values() for _, via in entries} == {"fallback"}
    assert ids(run("--rules", "other.toml", "--include", "category=even")) == {"p008", "p010"}
    assert ids(run("--rules", "other.toml", "--fill", "none")) == set()
    assert len(ids(run("--rules", "other.toml", "--max-age", "none", "-k", "9"))) == 6


def test_fill_makes_every_list_full(run):
    lists = run("--fill", "recent", "--min-score", "0.9", "-k", "3")
    assert lists["p000"] == [("p011", "fallback"), ("p010", "fallback"), ("p009", "fallback")]
    assert all(len(entries) == 3 for entries in lists.values())
    lists = run("--fill", "category", "--min-score", "0.9", "-k", "3")
    assert lists["p011"] == [("p009", "fallback"), ("p007", "fallback"), ("p005", "fallback")]


def test_exclude_and_include_may_be_repeated(run):
    assert ids(run("--exclude", "category=odd", "-k", "12")) == {f"p{row:03}" for row in range(0, 12, 2)}
    either = ("--include", "category=odd", "--include", "category=Even")
    assert ids(run(*either, "--include", "since=2020", "-k", "12")) == {"p010", "p011"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--include", "catgory=x"], 1, "no item has a field 'catgory' to filter by; the nearest is category."),
        (["--exclude", "category"], 2, "--exclude: 'category' is not FIELD=VALUE"),
        (["--max-age", "2"], 1, "max_age is '2', expected a number of days"),
        (["--fill", "random"], 2, "'random' is not one of 'none', 'recent', 'category'"),
        (["--text", "soil", "--fill", "recent"], 2, "--text and --file take --include alone"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(run, arguments, code, said):
    lines = run(*arguments, code=code).strip().splitlines()
    assert said in lines[-1]


def test_include_acts_on_what_is_like_a_new_text(run, tmp_path):
    done = CliRunner().invoke(cli, ["index", "posts.json", "-o", "index", "--signals", "terms", "--no-cache", "-q"])
    assert done.exit_code == 0, done.output
    words = ["related", "index", "--text", "Soil and seed of the garden", "-q"]
    every = json.loads(CliRunner().invoke(cli, words).stdout)["related"]
    some = json.loads(CliRunner().invoke(cli, [*words, "--include", "category=odd"]).stdout)["related"]
    assert {int(hit["id"][1:]) % 2 for hit in every} == {0, 1}
    assert {int(hit["id"][1:]) % 2 for hit in some} == {1}
