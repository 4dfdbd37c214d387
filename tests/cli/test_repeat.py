"""A run whose inputs have not changed repeats what the earlier run said and wrote; any change computes it anew."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from standins import make_records

import recs.readers.read
import recs.related
from recs.cli import cli
from recs.cli.common.repeat import _installed
from recs.readers.folders.digest import folder_digest


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Twelve posts in a file, in a folder of their own, with nothing else in the folders above."""
    home = tmp_path / "a" / "b" / "c" / "d" / "site"
    home.mkdir(parents=True)
    monkeypatch.chdir(home)
    (home / "posts.json").write_text(json.dumps(make_records(12)), encoding="utf-8")
    return home


@pytest.fixture
def run(site, monkeypatch):
    """Run `recs related` with the terms alone; return its output and how often lists were computed."""
    computed = []
    compute = recs.related.related_items

    def counting(*arguments, **options):
        computed.append(1)
        return compute(*arguments, **options)

    monkeypatch.setattr(recs.related, "related_items", counting)

    def call(*arguments, source="posts.json", code=0):
        computed.clear()
        done = CliRunner().invoke(cli, ["related", source, "--signals", "terms", "--cache", "cache", *arguments])
        assert done.exit_code == code, done.output
        return done.stdout, done.stderr, len(computed)

    return call


def posts_of(site):
    return json.loads((site / "posts.json").read_text(encoding="utf-8"))


def test_an_unchanged_run_says_and_writes_the_same_without_computing(run, site):
    first = run()
    assert run() == (*first[:2], 0)
    assert first[2] == 1
    written = run("-o", "related.json")
    content = (site / "related.json").read_bytes()
    (site / "related.json").unlink()
    assert run("-o", "related.json") == (*written[:2], 0)
    assert (site / "related.json").read_bytes() == content == first[0].encode()


def test_an_unchanged_result_keeps_its_file(run, site):
    for arguments in ((), ("--no-cache",)):  # repeated, and computed again
        run("-o", "related.json", *arguments)
        os.utime(site / "related.json", ns=(10**9, 10**9))
        run("-o", "related.json", *arguments)
        assert (site / "related.json").stat().st_mtime_ns == 10**9


def test_a_folder_as_a_result_is_computed_and_made_whole_again(run, site):
    run("--format", "files", "-o", "lists")
    names = sorted(path.name for path in (site / "lists").iterdir())
    (site / "lists" / names[0]).unlink()
    assert run("--format", "files", "-o", "lists")[2] == 1
    assert sorted(path.name for path in (site / "lists").iterdir()) == names
    assert "name the folder" in run("--format", "files", code=2)[1]


def test_a_change_of_any_file_that_an_option_names_is_computed(run, site):
    (site / "rules.toml").write_text("per_group = 2\n", encoding="utf-8")
    run("-o", "earlier.json")
    options = ("--rules", "rules.toml", "--previous", "earlier.json")
    run(*options)
    assert run(*options)[2] == 0
    (site / "rules.toml").write_text("per_group = 1\n", encoding="utf-8")
    assert run(*options)[2] == 1
    (site / "earlier.json").unlink()
    assert run(*options)[2] == 1
    (site / "posts.json").write_text(json.dumps(make_records(13)), encoding="utf-8")
    assert run(*options)[2] == 1
    assert run(*options)[2] == 0


def test_a_table_of_a_database_is_an_input_with_what_its_log_holds(run, site):
    with closing(sqlite3.connect(site / "posts.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE posts (id, title, text)")
        rows = [(record["id"], record["title"], record["text"]) for record in posts_of(site)]
        connection.executemany("INSERT INTO posts VALUES (?, ?, ?)", rows)
        assert run(source="posts.db?table=posts")[2] == 1
        assert run(source="posts.db?table=posts")[2] == 0
        connection.execute("UPDATE posts SET title = 'Another title' WHERE id = ?", rows[0][:1])
        assert run(source="posts.db?table=posts")[2] == 1


def test_rules_of_this_folder_are_an_input(run, site):
    run()
    (site / "recs.toml").write_text("min_score = 0.2\n", encoding="utf-8")
    assert run()[2] == 1
    assert run()[2] == 0


def test_other_options_are_another_run(run):
    run()
    assert run("-k", "3")[2] == 1
    assert run("--why")[2] == 1
    assert run()[2] == 0


def test_an_item_that_the_time_closes_or_opens_ends_the_result(run, site, monkeypatch):
    soon = datetime.now(UTC) + timedelta(seconds=90)
    records = [*posts_of(site), {"id": "later", "text": "A post on bicycles.", "date": soon.isoformat()}]
    (site / "posts.json").write_text(json.dumps(records), encoding="utf-8")
    out, said, _ = run()
    assert "later" not in json.loads(out)["items"]
    assert "left out: 1 item" in said
    assert run()[2] == 0

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(seconds=120)

    monkeypatch.setattr("recs.cli.common.repeat.datetime", Later)
    monkeypatch.setattr("recs.readers.dates.datetime", Later)
    out, _, computed = run()
    assert computed == 1
    assert "later" in json.loads(out)["items"]


def test_an_expiring_item_ends_the_result_too(run, site):
    records = [*posts_of(site), {"id": "sale", "text": "A sale.", "expires": "2999-01-01"}]
    collection = recs.read_items(records)
    assert collection.changes_at == "2999-01-01T00:00:00Z"


def test_a_failed_run_and_a_run_without_a_cache_are_not_kept(run, site):
    (site / "posts.json").write_text("[]", encoding="utf-8")
    run(code=1)
    assert not (site / "cache" / "runs").exists()
    (site / "posts.json").write_text(json.dumps(make_records(12)), encoding="utf-8")
    run("--no-cache")
    assert run("--no-cache")[2] == 1


def test_no_word_of_the_input_is_in_the_kept_result(run, site):
    run("-o", "related.json")
    [kept] = (site / "cache" / "runs").iterdir()
    data = kept.read_bytes()
    document = json.loads((site / "related.json").read_text(encoding="utf-8"))
    words = {"recs.related", "related.json", "ranked", *document["items"]}
    assert not [word for word in words if word.encode() in data or word in kept.name]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-7], lambda data: b"", lambda data: data[:40] + b"\0" + data[41:]]
)
def test_a_damaged_result_is_computed_again(run, site, damage):
    first = run()
    [kept] = (site / "cache" / "runs").iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    assert run() == first
    assert run() == (*first[:2], 0)


def test_clearing_the_cache_removes_the_results(run, site):
    first = run()
    assert CliRunner().invoke(cli, ["cache", "clear", "--cache", "cache"]).exit_code == 0
    assert list((site / "cache" / "runs").iterdir()) == []
    assert run() == first


def test_only_the_latest_results_stay(run, site, monkeypatch):
    monkeypatch.setattr("recs.cli.common.repeat._KEPT", 2)
    for k in (1, 2, 3, 1):
        run("-k", str(k))
    assert len(list((site / "cache" / "runs").iterdir())) == 2
    assert run("-k", "1")[2] == 0
    assert run("-k", "2")[2] == 1


def test_an_edit_of_any_module_makes_runs_anew():
    watched = [line.split()[0] for line in _installed() if ".py " in line]
    package = Path(recs.__file__).parent
    assert {str(path) for path in package.rglob("*.py")} == set(watched)


def test_a_source_that_is_edited_before_it_is_read_is_not_kept(run, site, monkeypatch):
    before = (site / "posts.json").read_text(encoding="utf-8")
    read = recs.readers.read.read_items

    def read_after_an_edit(*arguments, **options):
        (site / "posts.json").write_text(json.dumps(make_records(14)), encoding="utf-8")
        return read(*arguments, **options)

    monkeypatch.setattr(recs.readers.read, "read_items", read_after_an_edit)
    assert len(json.loads(run()[0])["items"]) == 14
    monkeypatch.setattr(recs.readers.read, "read_items", read)
    (site / "posts.json").write_text(before, encoding="utf-8")
    assert len(json.loads(run()[0])["items"]) == 12


def test_stdin_and_exports_of_several_files_are_read_each_time(run, site):
    (site / "posts.csv").write_text("post_id,title\n", encoding="utf-8")
    run()
    assert run()[2] == 1


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("content/a.md", "Other words about gardens.\n"),
        ("content/c.md", "A third page about gardens.\n"),
        ("content/a.json", '{"draft": true}'),
        ("content/sub/.meta.yml", "draft: true\n"),
        ("hugo.toml", "defaultContentLanguage = 'de'\n"),
        ("config/_default/hugo.toml", "title = 'x'\n"),
        ("content/sub/b.md", "---\ndraft: true\n---\nA page about gardens.\n"),
        ("../_config.yml", "exclude: [a.md]\n"),
    ],
)
def test_a_folder_is_digested_with_all_that_speaks_of_its_pages(run, site, path, content):
    for name in ("a.md", "sub/b.md", "picture.png"):
        file = site / "content" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("A page about gardens.\n", encoding="utf-8")
    run(source="content")
    assert run(source="content")[2] == 0
    (site / path).parent.mkdir(parents=True, exist_ok=True)
    (site / path).write_text(content, encoding="utf-8")
    assert run(source="content")[2] == 1


def test_the_digest_of_a_folder_does_not_read_folders_of_software(tmp_path):
    (tmp_path / "node_modules" / "tool").mkdir(parents=True)
    before = folder_digest(tmp_path)
    (tmp_path / "node_modules" / "tool" / "README.md").write_text("A tool.", encoding="utf-8")
    assert folder_digest(tmp_path) == before
    (tmp_path / "posts").mkdir()
    assert folder_digest(tmp_path) != before


def test_a_repeated_run_imports_neither_numpy_nor_torch(site):
    program = (
        "import sys; from recs.cli import main\n"
        "try: main()\n"
        "finally: print({'numpy', 'torch', 'scipy'} & set(sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, "related", "posts.json", "--signals", "terms", "--cache", "cache", "-q"]
    runs = [subprocess.run(command, capture_output=True, encoding="utf-8", check=True) for _ in range(2)]
    assert "numpy" in runs[0].stderr
    assert runs[1].stderr == "set()\n"
    assert runs[1].stdout == runs[0].stdout


def test_the_digest_of_a_folder_sees_names_links_and_no_content_of_pictures(tmp_path):
    folder = tmp_path / "posts"
    folder.mkdir()
    (folder / "a.md").write_text("A", encoding="utf-8")
    (folder / "a.png").write_bytes(b"1")
    digests = [folder_digest(folder)]
    (folder / "a.png").write_bytes(b"2")
    assert folder_digest(folder) == digests[0]
    for change in (
        lambda: (folder / "a.md").rename(folder / "b.md"),
        lambda: (folder / "link.md").symlink_to(folder / "b.md"),
        lambda: ((folder / "link.md").unlink(), (folder / "link.md").symlink_to(tmp_path)),
        (folder / "empty").mkdir,
    ):
        change()
        digests.append(folder_digest(folder))
    assert len(set(digests)) == len(digests)


def test_an_age_is_judged_again_on_the_next_day_unless_now_is_given(run, site, monkeypatch):
    day = (datetime.now(UTC) - timedelta(days=7)).isoformat()
    records = [{**record, "date": day} for record in posts_of(site)]
    (site / "posts.json").write_text(json.dumps(records), encoding="utf-8")
    fixed = ("--max-age", "1w", "--now", datetime.now(UTC).isoformat())
    out, _, _ = run("--max-age", "1w")
    assert any(item["related"] for item in json.loads(out)["items"].values())
    assert run(*fixed)[0] == out
    assert [run("--max-age", "1w")[2], run(*fixed)[2]] == [0, 0]

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=1)

    monkeypatch.setattr("recs.cli.common.repeat.datetime", Later)
    monkeypatch.setattr("recs.readers.dates.datetime", Later)
    out, _, computed = run("--max-age", "1w")
    assert computed == 1
    assert not any(item["related"] for item in json.loads(out)["items"].values())
    assert run(*fixed)[2] == 0
