"""`recs cluster` in shards: the topics of one process, from vectors that are a memory map; topics as tables."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import recs
from recs.bulk import topics
from recs.bulk.runners import LocalRunner
from recs.bulk.topics import embedded_in_shards
from recs.bulk.vectors import EmbedTexts
from recs.cli import cli
from recs.cli.common import sharding
from recs.errors import OutputError

pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("torch")
pytest.importorskip("hdbscan")
HERE = LocalRunner(workers=0)
WORDS = {"garden": ["soil", "seed", "garlic", "plant"], "workshop": ["wheel", "stand", "question", "query"]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from layouts import static

    folder = tmp_path_factory.mktemp("models") / "static"
    folder.mkdir()
    static(folder, 64)
    return str(folder)


@pytest.fixture
def source(tmp_path):
    """A file of 80 posts on two subjects; one is a draft, and the model knows no word of another."""
    generator = np.random.default_rng(4)
    rows = []
    for row in range(80):
        text = " ".join(generator.choice(WORDS[sorted(WORDS)[row % 2]], 12).tolist())
        rows.append({"id": f"p{row * 7 % 80:02}", "title": f"Post {row}", "text": text})
    rows[4] |= {"status": "draft"}
    rows.append({"id": "z", "title": "", "text": "zzz yyy"})
    path = tmp_path / "posts.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def run(*arguments):
    result = CliRunner().invoke(cli, [*map(str, arguments)])
    assert result.exit_code == 0, (result.output, result.exception)
    return result


@pytest.mark.parametrize("workers", [0, 2])
def test_embedded_in_shards_are_the_vectors_of_the_role_as_a_memory_map(model, source, tmp_path, workers):
    items = recs.read_items(source).public
    expected = recs.embed_items(items, recs.load_embedder(model, offline=True), role="clustering", cache=False)
    embedding = EmbedTexts(model, role="clustering")
    options = {"runner": LocalRunner(workers=workers), "folder": tmp_path / "work", "shard_items": 30}
    with embedded_in_shards(items, embedding, **options) as (embeddings, note):
        assert note is None
        assert embeddings.ids == expected.ids
        assert len(embeddings) == 80
        for name in ("vectors", "tokens", "tokens_lost", "blank"):
            np.testing.assert_array_equal(getattr(embeddings, name), getattr(expected, name))
        for name in ("fingerprint", "similarity", "model", "role", "prompt"):
            assert getattr(embeddings, name) == getattr(expected, name)
        taken = embeddings.take(embeddings.ids).vectors  # all of them are not copied
        assert isinstance(taken.base.base if isinstance(taken.base, np.ndarray) else taken.base, np.memmap)


def test_embedded_in_shards_with_cached_only_reads_the_cache_again(model, source, tmp_path):
    items = recs.read_items(source).public
    embedding = EmbedTexts(model, role="clustering", cache=tmp_path / "cache", cached_only=True)
    options = {"runner": HERE, "folder": tmp_path / "work"}
    recs.embed_items(items[:5], recs.load_embedder(model, offline=True), role="clustering", cache=tmp_path / "cache")
    with embedded_in_shards(items, embedding, **options) as (embeddings, _):
        assert embeddings.missing.tolist() == [False] * 5 + [True] * 75
    with embedded_in_shards(items, replace(embedding, cached_only=False), **options):
        pass
    with embedded_in_shards(items, embedding, **options) as (embeddings, _):
        assert not embeddings.missing.any()


@pytest.mark.parametrize("large", [10**6, 40])
def test_recs_cluster_in_shards_is_that_of_one_process(model, source, tmp_path, monkeypatch, large):
    monkeypatch.setattr(topics, "LARGE", large)  # from here on a sample is taken
    common = ("cluster", source, "-m", model, "--no-cache")
    run(*common, "-o", tmp_path / "memory.json", "--save", tmp_path / "topics.npz")
    monkeypatch.setattr(sharding.ShardOptions, "make_runner", lambda _: HERE)
    kept = ("--work", tmp_path / "work")
    done = run(*common, "-o", tmp_path / "shards.json", "--save", tmp_path / "of_shards.npz", *kept)
    assert "80 items in shards" in done.output
    assert (tmp_path / "shards.json").read_text() == (tmp_path / "memory.json").read_text()
    assert (tmp_path / "of_shards.npz").read_bytes() == (tmp_path / "topics.npz").read_bytes()
    assert recs.Clustering.load(tmp_path / "of_shards.npz").role == "clustering"
    made = json.loads((tmp_path / "shards.json").read_text())
    assert len(made["topics"]) > 1
    assert made["items"]["z"]["topic"] == -1
    assert "p28" not in made["items"]
    run(*common, "--apply", tmp_path / "topics.npz", "-o", tmp_path / "applied.json")
    run(*common, "--apply", tmp_path / "topics.npz", "-o", tmp_path / "again.json", *kept)
    assert (tmp_path / "again.json").read_text() == (tmp_path / "applied.json").read_text()


def test_recs_cluster_of_many_items_is_in_shards_and_leaves_nothing_behind(model, source, tmp_path, monkeypatch):
    monkeypatch.setattr(sharding, "LARGE", 20)
    monkeypatch.setattr(sharding.ShardOptions, "make_runner", lambda _: HERE)
    monkeypatch.setenv("RECS_CACHE_DIR", str(tmp_path / "cache"))
    done = run("cluster", source, "-m", model, "-o", tmp_path / "topics.json", "--map", tmp_path / "map.html")
    assert "80 items in shards" in done.output
    assert "note: the model knows no token of 1 item" in done.output
    assert (tmp_path / "map.html").exists()
    assert not list((tmp_path / "cache" / "shards").rglob("*.*"))


def test_recs_cluster_as_tables_says_what_the_json_says(model, source, tmp_path):
    common = ("cluster", source, "-m", model, "--no-cache")
    run(*common, "-o", tmp_path / "topics.json")
    result = json.loads((tmp_path / "topics.json").read_text())
    run(*common, "--format", "parquet", "-o", tmp_path / "tables")
    names = {topic["id"]: topic["name"] for topic in result["topics"]} | {-1: None}
    rows = pq.read_table(tmp_path / "tables").to_pylist()
    assert [row["id"] for row in rows] == list(result["items"])
    for row in rows:
        item = result["items"][row["id"]]
        assert (row["topic"] is None) == (item["topic"] == -1)
        assert row["topic"] in (item["topic"], None)
        assert row["name"] == names[item["topic"]]
        assert (row["core"], row["strength"]) == (item["core"], item["strength"])
    assert any(row["core"] for row in rows)
    assert any(row["topic"] is None for row in rows)


def test_recs_cluster_as_tables_needs_a_folder_of_its_own(model, source, tmp_path, monkeypatch):
    monkeypatch.setattr(topics, "find_topics", pytest.fail)  # it is refused before anything is computed
    common = ["cluster", str(source), "-m", model, "--no-cache", "--format", "parquet"]
    assert "name the folder: -o DIR" in CliRunner().invoke(cli, common).output
    refused = CliRunner().invoke(cli, [*common, "-o", str(tmp_path)])
    assert isinstance(refused.exception, OutputError)
    assert "posts.jsonl" in str(refused.exception)
    assert source.exists()
