"""`recs embed` in shards: a folder of Parquet files, whatever computes it, which `recs.Embeddings.load` reads back."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from static_texts import Fails, make_collection, make_records, write_model

import recs
from recs.bulk.embedding import embedded_shards
from recs.bulk.runners import LocalRunner
from recs.bulk.vectors import EmbedTexts
from recs.cli import cli
from recs.errors import FingerprintMismatchError, OptionError, OutputError, ShardsError, SourceError
from recs.files import replace_folder
from recs.writers.tables import tables_of_rows, write_tables

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("torch")
HERE = LocalRunner(workers=0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "static")


def embed(collection, embedding, out, folder, **options):
    options = {"runner": HERE, "shard_items": 10, **options}
    with embedded_shards(collection, embedding, folder=folder, **options) as shards:
        write_tables(shards.tables(), out)
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


@pytest.fixture
def vectors(model, tmp_path):
    """A folder of the vectors of 49 items, in five files."""
    embed(make_collection(60), EmbedTexts(str(model)), tmp_path / "vectors", tmp_path / "work")
    return tmp_path / "vectors"


def test_embedded_shards_the_processes_change_no_byte(model, vectors, tmp_path):
    embedding = EmbedTexts(str(model))
    here = {path.name: path.read_bytes() for path in sorted(vectors.iterdir())}
    assert list(here) == [f"part-{number:05}.parquet" for number in range(5)]
    items = recs.Collection(make_collection(60).items[::-1])
    assert embed(items, embedding, tmp_path / "there", tmp_path / "w", runner=LocalRunner(workers=2)) == here


def test_embedded_shards_are_the_vectors_of_embed_items_without_drafts(model, vectors):
    public = make_collection(60).public
    expected = recs.embed_items(public, recs.load_embedder(str(model)), cache=False)
    loaded = recs.Embeddings.load(vectors)
    assert loaded.ids == expected.ids == tuple(item.id for item in public)
    assert len(loaded) == 49
    for name in ("vectors", "tokens", "tokens_lost", "blank"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(expected, name))
    for name in ("fingerprint", "similarity", "model", "role", "prompt"):
        assert getattr(loaded, name) == getattr(expected, name)
    assert loaded.blank.tolist() == [False] * 48 + [True]


def test_loaded_tables_rank_and_know_their_model(vectors):
    collection = make_collection(60)
    embeddings = recs.Embeddings.load(vectors)
    lists = recs.related_items(collection, embeddings, k=3, cache=False, now="2026-11-01")
    assert len(lists) == 49
    other = recs.Embeddings.from_array(embeddings.ids, embeddings.vectors, model="another")
    with pytest.raises(FingerprintMismatchError):
        embeddings.check_comparable(other)


def test_embedded_shards_a_run_that_was_broken_off_goes_on(model, vectors, tmp_path):
    """The shards that are done are not computed again, and the bytes are those of a run in one go."""
    collection = make_collection(60)
    order = model.with_name("fails")
    order.write_text(collection.public[10].id)
    message = r"1 of 5 shards failed; the first is vectors/part-00001.*no memory for it"
    with pytest.raises(ShardsError, match=message):
        embed(collection, Fails(str(model)), tmp_path / "out", tmp_path / "broken")
    order.unlink()
    assert not (tmp_path / "out").exists()
    steps = []
    options = {"progress": lambda *step: steps.append(step)}
    made = embed(collection, Fails(str(model)), tmp_path / "out", tmp_path / "broken", **options)
    assert steps == [("vectors", 1, 1)]
    assert made == {path.name: path.read_bytes() for path in sorted(vectors.iterdir())}


def test_embedded_shards_of_the_cache_are_removed_and_another_role_is_another_run(model, tmp_path, monkeypatch):
    monkeypatch.setenv("RECS_CACHE_DIR", str(tmp_path / "cache"))
    embed(make_collection(20), EmbedTexts(str(model)), tmp_path / "out", None)
    assert not list((tmp_path / "cache").rglob("*.parquet"))
    embed(make_collection(20), EmbedTexts(str(model)), tmp_path / "one", tmp_path / "w")
    embed(make_collection(20), EmbedTexts(str(model), role="clustering"), tmp_path / "two", tmp_path / "w")
    assert recs.Embeddings.load(tmp_path / "two").role == "clustering"
    assert len(list((tmp_path / "w").iterdir())) == 2
    with pytest.raises(OptionError, match="no public item"):
        embed(recs.Collection(()), EmbedTexts(str(model)), tmp_path / "none", tmp_path / "w")


def _without(folder, other):
    (folder / "part-00002.parquet").unlink()


def _torn(folder, other):
    path = folder / "part-00001.parquet"
    path.write_bytes(path.read_bytes()[:-100])


def _mixed(folder, other):
    shutil.copyfile(other / "part-00001.parquet", folder / "part-00001.parquet")


def _twice(folder, other):
    shutil.copyfile(folder / "part-00000.parquet", folder / "part-00005.parquet")


def _foreign(folder, other):
    pq.write_table(pq.read_table(folder / "part-00003.parquet").replace_schema_metadata(), folder / "more.parquet")


def _null(folder, other):
    table = pq.read_table(path := folder / "part-00001.parquet")
    nothing = pa.nulls(len(table), pa.int64())
    table = table.set_column(table.column_names.index("tokens"), "tokens", nothing)
    pq.write_table(table, path)


def _empty(folder, other):
    for path in folder.iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without, "4 files of 5; copy the folder again"),
        (_torn, "part-00001.parquet: "),
        (_mixed, "part-00001.parquet and part-00000.parquet are of two runs"),
        (_twice, "6 files of 5"),
        (_foreign, "more.parquet: recs wrote no vectors into it"),
        (_null, "the column tokens has rows without a value"),
        (_empty, "it holds no Parquet file"),
    ],
)
def test_load_of_a_folder_that_is_torn_or_mixed_is_an_error(model, vectors, tmp_path, change, said):
    other = make_collection(61)
    embed(other, EmbedTexts(str(model)), tmp_path / "other", tmp_path / "work")
    change(vectors, tmp_path / "other")
    with pytest.raises(SourceError) as raised:
        recs.Embeddings.load(vectors)
    assert str(raised.value).startswith(f"{vectors}: not a folder of embeddings written by recs (")
    assert said in str(raised.value)


def run(*arguments):
    return CliRunner().invoke(cli, [*map(str, arguments)])


def test_embed_parquet_by_the_command_line_equals_npz_in_another_order(model, tmp_path):
    source = tmp_path / "posts.json"
    source.write_text(json.dumps(make_records(60)))
    common = ("embed", "-f", source, "-m", model, "--no-cache")
    assert run(*common, "-o", tmp_path / "memory.npz").exit_code == 0
    done = run(*common, "-o", tmp_path / "tables", "--format", "parquet", "--workers", 1, "--work", tmp_path / "work")
    assert done.exit_code == 0, done.output
    assert "49 items in shards" in done.output
    assert "the model knows no token of 1 item ('z')" in done.output
    memory, tables = (recs.Embeddings.load(tmp_path / name) for name in ("memory.npz", "tables"))
    assert memory.ids != tables.ids
    assert tables.ids == tuple(sorted(memory.ids))
    np.testing.assert_array_equal(memory.take(tables.ids).vectors, tables.vectors)
    assert not {record["id"] for record in make_records(60) if "status" in record} & set(tables.ids)


def test_embed_parquet_refuses_a_folder_of_other_files_and_leaves_it(model, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    done = run("embed", "soil", "-m", model, "--format", "parquet", "-o", tmp_path / "mine")
    assert isinstance(done.exception, OutputError)
    assert "holds letter.txt; expected a new folder" in str(done.exception)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"
    done = run("embed", "soil", "-m", model, "--format", "parquet", "-o", tmp_path / "mine" / "letter.txt")
    assert "is a file; expected the name of a folder" in str(done.exception)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "parquet"), "name the folder: -o DIR"),
        (("--workers", "1", "-o", "x.npz"), "need --format parquet"),
        (("--format", "json", "--work", "w"), "need --format parquet"),
        (("--format", "parquet", "-o", "x", "--address", "auto"), "add --runner ray"),
        (("--format", "parquet", "-o", "x", "--runner", "ray"), "--runner ray needs --work DIR"),
        (("--format", "parquet", "-o", "tables"), "tables is the source"),
    ],
)
def test_embed_options_of_shards_that_do_not_fit_are_refused(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    done = run("embed", "-f", "tables", *options)
    assert done.exit_code == 2
    assert message in done.output
    assert not list(tmp_path.iterdir())


def test_write_tables_takes_one_table_after_the_other(tmp_path):
    """So that the tables of a large collection are never in memory together."""
    at_once = []

    def files():
        for number in range(3):
            at_once.append(sorted(path.name for path in tmp_path.rglob("part-*")))
            yield f"part-{number}", b"x"

    replace_folder(tmp_path / "out", files())
    assert at_once == [[], ["part-0"], ["part-0", "part-1"]]


def test_tables_of_rows_without_a_row_have_columns(tmp_path):
    write_tables(tables_of_rows([], {"id": "string", "score": "float64"}), tmp_path / "none")
    table = pq.read_table(tmp_path / "none")
    assert (table.num_rows, table.column_names) == (0, ["id", "score"])
    write_tables(tables_of_rows(({"id": str(row)} for row in range(5)), {"id": "string"}, size=2), tmp_path / "none")
    assert len(list((tmp_path / "none").iterdir())) == 3
    assert pq.read_table(tmp_path / "none")["id"].to_pylist() == list("01234")


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        ('["soil", "seed"]', ("0", "1")),
        (' \n[\n "soil"]', ("0",)),
        ('"soil"', ("0",)),
        ('\ufeff["soil"]', ("0",)),
        ('{"id": "b", "text": "soil"}\n{"id": "a", "text": "seed"}\n', ("a", "b")),
        ('[{"id": "b", "text": "soil"}]', ("b",)),
    ],
)
def test_embed_a_file_of_strings_and_one_of_items_are_told_apart_by_their_beginning(model, tmp_path, content, ids):
    (tmp_path / "source.json").write_text(content, encoding="utf-8")
    done = run("embed", "-f", tmp_path / "source.json", "-m", model, "--no-cache", "-o", tmp_path / "out.npz")
    assert done.exit_code == 0, done.output
    assert sorted(recs.Embeddings.load(tmp_path / "out.npz").ids) == list(ids)


def test_embed_parquet_to_an_address_is_the_same_folder(model, tmp_path):
    common = ("embed", "-d", '["soil", "seed"]', "-m", model, "--no-cache", "-q", "--format", "parquet")
    address = (tmp_path / "store").as_uri()
    for place in (tmp_path / "local", address, address):
        done = run(*common, "-o", place)
        assert done.exit_code == 0, done.output
    (there,) = [path for path in (tmp_path / "store").iterdir() if path.is_file()]
    assert there.read_bytes() == (tmp_path / "local" / "part-00000.parquet").read_bytes()
    (tmp_path / "store" / "letter.txt").write_text("dear")
    assert "holds letter.txt" in str(run(*common, "-o", address).exception)
    assert run("embed", "-f", address, "--format", "parquet", "-o", f"{address}/").exit_code == 2
    assert recs.Embeddings.load(tmp_path / "store").ids == ("0", "1")
