"""`recs related` in shards: when it takes them, and that the result is that of one process."""

import json
import sys

import pytest
from click.testing import CliRunner

from recs.cli import cli
from recs.cli.common import sharding

pa = pytest.importorskip("pyarrow")
pytest.importorskip("pyarrow.parquet")
WORDS = ["soil", "seed", "garlic", "tea", "bread", "oven", "train", "steam", "rail", "compost", "bed", "onion", "water"]


@pytest.fixture
def source(tmp_path):
    rows = [
        {"id": f"p{row:02}", "title": f"{WORDS[row % 13]} {WORDS[row % 7]}", "text": " ".join(WORDS[row % 5 :: 3] * 2)}
        for row in range(30)
    ]
    rows[3] |= {"status": "draft"}
    path = tmp_path / "posts.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def run(*arguments):
    return CliRunner().invoke(cli, [*map(str, arguments)])


def related(path):
    return {
        name: [entry["id"] for entry in item["related"]] for name, item in json.loads(path.read_text())["items"].items()
    }


def test_related_in_shards_by_the_command_line_is_the_result_of_one_process(source, tmp_path):
    common = ("related", source, "--signals", "terms,mentions", "--now", "2026-11-01")
    assert run(*common, "-o", tmp_path / "memory.json").exit_code == 0
    result = run(*common, "-o", tmp_path / "shards.json", "--workers", "1", "--work", tmp_path / "work")
    assert result.exit_code == 0, result.output
    assert "29 items in shards" in result.output
    assert (tmp_path / "shards.json").read_text() == (tmp_path / "memory.json").read_text()
    assert "p03" not in related(tmp_path / "shards.json")
    assert list((tmp_path / "work").rglob("manifest.json"))


def test_related_of_many_items_is_in_shards_and_leaves_nothing_behind(source, tmp_path, monkeypatch):
    monkeypatch.setattr(sharding, "LARGE", 20)
    monkeypatch.setenv("RECS_CACHE_DIR", str(tmp_path / "cache"))
    common = ("related", source, "--signals", "terms", "--now", "2026-11-01")
    result = run(*common, "-o", tmp_path / "shards.json")
    assert "29 items in shards" in result.output
    assert not list((tmp_path / "cache" / "shards").rglob("*.parquet"))
    assert "in shards" not in run(*common, "--why", "-o", tmp_path / "why.json").output
    assert related(tmp_path / "why.json") == related(tmp_path / "shards.json")


def test_a_long_step_says_how_far_it_is(monkeypatch, capsys):
    clock = iter(range(0, 1000, 12))  # seconds
    monkeypatch.setattr(sharding.time, "monotonic", lambda: next(clock))
    report = sharding.shard_progress(70_000, quiet=False)
    for done in range(1, 8):
        report("vectors", done, 7)
    said = ["70,000 items in shards", "  vectors: 3 of 7 shards", "  vectors: 6 of 7 shards", "  vectors: 7 shards"]
    assert capsys.readouterr().err.splitlines() == said
    assert sharding.shard_progress(70_000, quiet=True) is None


def test_related_without_pyarrow_is_in_memory_and_says_so(source, tmp_path, monkeypatch):
    monkeypatch.setattr(sharding, "LARGE", 20)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    common = ("related", source, "--signals", "terms", "--now", "2026-11-01")
    result = run(*common, "-o", tmp_path / "memory.json")
    assert result.exit_code == 0
    assert "in memory, since pyarrow is not installed" in result.output
    for asked in (("--workers", "1"), ("--format", "parquet")):
        refused = run(*common, "-o", tmp_path / "x", *asked)
        assert refused.exit_code == 1
        assert "pip install 'recs-toolkit[tables]'" in str(refused.exception)


def test_related_parquet_is_a_folder_of_tables_and_can_be_read(source, tmp_path):
    import pyarrow.parquet as pq

    common = ("related", source, "--signals", "terms", "--now", "2026-11-01")
    run(*common, "-o", tmp_path / "related.json")
    assert run(*common, "--format", "parquet", "-o", tmp_path / "tables").exit_code == 0
    rows = pq.read_table(tmp_path / "tables").to_pylist()
    lists = {}
    for row in rows:
        lists.setdefault(row["id"], []).append(row["related_id"])
        assert row["rank"] == len(lists[row["id"]])
    assert lists == {name: ids for name, ids in related(tmp_path / "related.json").items() if ids}
    assert run(*common, "--format", "parquet").exit_code == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--workers", "1", "--why"), "--why needs all texts in memory"),
        (("--address", "auto"), "add --runner ray"),
        (("--runner", "ray"), "--runner ray needs --work DIR"),
        (("--runner", "ray", "--workers", "2", "--work", "w"), "--workers is for processes of this machine"),
    ],
)
def test_related_options_of_shards_that_do_not_fit_are_refused(source, tmp_path, options, message):
    result = run("related", source, "--signals", "terms", "-o", tmp_path / "x.json", *options)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("verb", ["related", "cluster"])
def test_tables_never_replace_their_source(source, tmp_path, verb):
    rows = [json.loads(line) for line in source.read_text().splitlines()]
    path = tmp_path / "site" / "part-00000.parquet"
    path.parent.mkdir()
    pa.parquet.write_table(pa.Table.from_pylist(rows), path)
    before = path.read_bytes()
    result = run(verb, path.parent, "--format", "parquet", "-o", f"{tmp_path}/work/../site")
    assert result.exit_code == 2
    assert "is the source; name another folder" in " ".join(result.output.split())
    assert path.read_bytes() == before


def test_a_folder_that_is_named_like_a_table_is_not_replaced(source, tmp_path):
    (tmp_path / "lists" / "part-00000.parquet").mkdir(parents=True)
    result = run("related", source, "--signals", "terms", "--format", "parquet", "-o", tmp_path / "lists")
    assert "holds part-00000.parquet; expected a new folder" in str(result.exception)
    assert (tmp_path / "lists" / "part-00000.parquet").is_dir()
