"""`recs index` in shards: its hits are those of an index made in memory, whatever computes the shards."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import recs
from recs.bulk.index import index_in_shards
from recs.bulk.runners import LocalRunner
from recs.bulk.vectors import EmbedTexts
from recs.cli import cli
from recs.cli.common import sharding
from recs.errors import ShardsError
from recs.retrieval.storage import verify

pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("torch")
HERE = LocalRunner(workers=0)
WORDS = ["soil", "seed", "garlic", "wheel", "plant", "stand", "question", "query", "document", "retrieval"]
QUERIES = [
    "soil seed",
    "how to plant garlic",
    "wheel stand",
    '"garlic wheel"',
    "p003",
    "Seed 12",
    "questoin document",
    "the of and",
    "zzz",
    "retrieval query the stand",
]
FILTERS = [None, {"lang": "de"}, {"tag": "garden"}]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from layouts import static

    folder = tmp_path_factory.mktemp("models") / "static"
    folder.mkdir()
    static(folder, 64)
    return str(folder)


def make_records(n=60):
    """Return n records of up to three passages, in an order that is not that of their ids; the third one is a draft."""
    generator = np.random.default_rng(3)
    records = []
    for row in range(n):
        words = generator.choice(WORDS[row % 3 :], int(generator.integers(5, 360))).tolist()
        fields = {"lang": ["en", "de", None][row % 3], "tags": ["garden"] if row % 4 == 0 else []}
        records.append({"id": f"p{row * 7 % n:03}", "title": f"{words[0]} {row}", "text": " ".join(words), **fields})
    records[2] |= {"status": "draft", "text": f"Xyzzy {records[2]['text']}"}
    return [*records, {"id": "z", "title": "", "text": "zzz yyy", "lang": None, "tags": []}]


def make_collection(records=None):
    return recs.read_items(make_records() if records is None else records, boilerplate="keep")


def in_memory(collection, model, **options):
    if model is None:
        return recs.build_index(collection, signals="terms", cache=False, **options)
    return recs.build_index(collection, embedder=recs.load_embedder(model, offline=True), cache=False, **options)


def in_shards(collection, model, path, folder, **options):
    embedding = options.pop("embedding", EmbedTexts(model) if model else None)
    options = {"runner": HERE, "shard_items": 9, "segment_items": 20, **options}
    return index_in_shards(collection, embedding, path, folder=folder, **options)


def same_hits(one, other):
    """Assert that two indexes give the same hits and passages, with scores that are equal to rounding."""
    for query in QUERIES:
        for where in FILTERS:
            ours, theirs = (index.search(query, k=12, where=where) for index in (one, other))
            assert [hit.id for hit in ours] == [hit.id for hit in theirs]
            assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in theirs], abs=2e-6)
            spans = [[hit.passage and (hit.passage.start, hit.passage.text) for hit in hits] for hits in (ours, theirs)]
            assert spans[0] == spans[1]
    assert np.array_equal(one.table.contents, other.table.contents)


def described(path):
    """Return the digests of the files of an index."""
    manifest = json.loads((path / "manifest.json").read_text())
    return manifest["corpus"], manifest["space"], manifest["files"]


@pytest.mark.parametrize("terms", [True, False])
def test_index_in_shards_has_the_hits_of_an_index_in_memory_and_no_draft(model, tmp_path, terms):
    collection, used = make_collection(), None if terms else model
    made = in_shards(collection, used, tmp_path / "index", tmp_path / "work")
    assert [len(segment.rows) for segment in made.segments] == [18, 18, 18, 6]
    same_hits(made, in_memory(collection, used))
    same_hits(recs.open_index(tmp_path / "index"), made)
    assert verify(tmp_path / "index")
    (draft,) = [item.id for item in collection if not item.is_public]
    assert not made.search(f"Xyzzy {draft}", signals="terms", k=1)
    shards = [
        pq.read_table(path, columns=["id"])["id"].to_pylist() for path in (tmp_path / "work").glob("*/items/*.pa*")
    ]
    assert sorted(name for ids in shards for name in ids) == [item.id for item in collection.public]
    assert all(b"yzzy" not in file.read_bytes() for file in (tmp_path / "index").rglob("*") if file.is_file())
    recs.save_index(in_memory(collection, used), tmp_path / "memory")
    assert described(tmp_path / "index")[:2] == described(tmp_path / "memory")[:2]
    if not terms:
        assert (np.diff(made.segments[0].vectors.starts) > 1).any()  # items of several passages


def test_index_in_shards_the_processes_change_no_byte(model, tmp_path):
    collection = make_collection()
    for name, workers in (("here", 0), ("there", 2)):
        in_shards(collection, model, tmp_path / name, tmp_path / f"w{workers}", runner=LocalRunner(workers=workers))
    assert described(tmp_path / "here") == described(tmp_path / "there")


class Fails(EmbedTexts):
    """Fails for the shard of an item, as long as a file beside the model says so."""

    def embed(self, stored):
        if Path(self.model).with_name("fails").exists() and "p025" in stored.ids:
            raise ValueError("no memory for it")
        return super().embed(stored)


def test_index_in_shards_a_run_that_was_broken_off_goes_on(model, tmp_path):
    collection = make_collection()
    shutil.copytree(model, tmp_path / "static")
    (tmp_path / "fails").touch()
    embedding = Fails(str(tmp_path / "static"))
    recs.save_index(in_memory(collection, None), tmp_path / "index")
    with pytest.raises(ShardsError, match=r"1 of 7 shards failed; the first is vectors/part-0000.*no memory for it"):
        in_shards(collection, None, tmp_path / "index", tmp_path / "work", embedding=embedding)
    assert recs.open_index(tmp_path / "index").vectors is None  # the earlier index is still there
    (tmp_path / "fails").unlink()
    steps = []
    report = {"progress": lambda step, _, of: steps.append((step, of))}
    made = in_shards(collection, None, tmp_path / "index", tmp_path / "work", embedding=embedding, **report)
    assert steps == [("vectors", 1)]
    same_hits(made, in_memory(collection, model))


def test_index_in_shards_again_computes_only_what_changed(model, tmp_path):
    records = make_records()
    in_shards(make_collection(records), model, tmp_path / "index", tmp_path / "work")
    records[10] |= {"text": "Garlic wheel question."}
    records[11] |= {"status": "private"}
    del records[12]
    collection = make_collection([*records, {"id": "new", "title": "New", "text": "plant the new seed"}])
    options = {"previous": recs.open_index(tmp_path / "index")}
    made = in_shards(collection, model, tmp_path / "index", tmp_path / "work", **options)
    same_hits(made, in_memory(collection, model))
    assert [segment.folder is None for segment in made.segments] == [False] * 4 + [True]
    assert {made.segments[-1].table[row].id for row in range(2)} == {records[10]["id"], "new"}
    assert verify(tmp_path / "index")
    assert not made.search(records[11]["id"], signals="terms", k=1)
    options = {"previous": recs.open_index(tmp_path / "index"), "progress": pytest.fail}
    same = in_shards(collection, model, tmp_path / "index", tmp_path / "work", **options)  # nothing is computed
    same_hits(same, made)


def test_index_in_shards_of_languages_that_the_model_does_not_know(model, tmp_path, monkeypatch):
    embedder = recs.load_embedder(model, offline=True)
    embedder = type(embedder)(replace(embedder.spec, languages=("en",)))
    monkeypatch.setattr(EmbedTexts, "find", lambda *_: embedder)
    collection = make_collection()
    made = in_shards(collection, model, tmp_path / "index", tmp_path / "work")
    expected = recs.build_index(collection, embedder=embedder, cache=False)
    assert not made.vectors.readable.all()
    np.testing.assert_array_equal(made.vectors.readable, expected.vectors.readable)
    same_hits(made, expected)
    assert ["in other languages: 20 in 'de'" in note for note in made.notes] == [True]


def test_index_in_shards_of_nothing_is_an_index(tmp_path):
    made = in_shards(make_collection([{"id": "a", "text": "soil", "status": "draft"}]), None, tmp_path / "i", tmp_path)
    assert len(made) == 0
    assert not made.search("soil")


def run(*arguments):
    result = CliRunner().invoke(cli, [*map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_open_index_keeps_few_files_open_for_each_segment(model, tmp_path):
    files = Path("/proc/self/fd")
    if not files.exists():
        pytest.skip("this system does not list open files")
    made = in_shards(make_collection(), model, tmp_path / "index", tmp_path / "work")
    before = len(list(files.iterdir()))
    index = recs.open_index(tmp_path / "index")
    index.search("soil", signals="terms", where={"lang": "de"})
    assert len(index.segments) == 4
    assert len(list(files.iterdir())) - before <= 9 * 4
    assert len(made.search("soil", signals="terms")) == 10


def test_recs_index_of_many_items_is_in_shards(model, tmp_path, monkeypatch):
    source = tmp_path / "posts.json"
    source.write_text(json.dumps(make_records()))
    common = ("index", source, "-m", model, "--cache", tmp_path / "cache", "--keep-boilerplate")
    assert "in shards" not in run(*common, "-o", tmp_path / "memory")
    monkeypatch.setattr(sharding, "LARGE", 20)
    monkeypatch.setattr(sharding.ShardOptions, "make_runner", lambda _: HERE)
    output = run(*common, "-o", tmp_path / "shards")
    assert "60 items in shards\n  terms: 1 shard\n  vectors: 1 shard\nindexed: 60 items, " in output
    same_hits(recs.open_index(tmp_path / "shards"), recs.open_index(tmp_path / "memory"))
    again = run(*common, "-o", tmp_path / "shards", "--work", tmp_path / "work")
    assert "60 items (0 new, changed or counted again)" in again
