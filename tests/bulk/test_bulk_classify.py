"""`recs classify` in shards: the predictions of one process, by the classifier that was asked for and no other."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from static_texts import Fails, make_collection, make_records, write_model

import recs
from recs.bulk.labels import labelled_shards
from recs.bulk.runners import LocalRunner
from recs.bulk.vectors import EmbedTexts
from recs.classification.labels import LabelRules
from recs.cli import cli
from recs.cli.common import sharding
from recs.errors import FingerprintMismatchError, ShardsError, SourceError
from recs.writers.labels import Labels

pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("torch")
pytest.importorskip("sklearn")
HERE = LocalRunner(workers=0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "static")


@pytest.fixture(scope="module")
def vectors(model):
    return recs.embed_items(make_collection(60).public, recs.load_embedder(str(model)), cache=False)


@pytest.fixture(scope="module")
def classifier(vectors, tmp_path_factory):
    """A classifier, saved and read again, as the command line has it."""
    trained = recs.train_classifier(make_collection(60).public, vectors, label="topic", C=1.0)
    folder = tmp_path_factory.mktemp("trained") / "topics"
    trained.save(folder)
    return recs.Classifier.load(folder)


def classify(classifier, embedding, folder, **options):
    options = {"runner": HERE, "shard_items": 10, **options}
    with labelled_shards(make_collection(60), classifier, embedding, folder=folder, **options) as labelled:
        assert sum(labelled.answers.values()) == len(labelled.counts.ids) == len(labelled.languages)
        return list(labelled)


@pytest.mark.parametrize("workers", [0, 2])
def test_labelled_shards_are_the_predictions_of_one_process(model, classifier, vectors, tmp_path, workers):
    made = classify(classifier, EmbedTexts(str(model)), tmp_path, runner=LocalRunner(workers=workers))
    assert made == classifier.predict(vectors)
    assert {prediction.answer for prediction in made} == {"auto", "abstain"}
    assert len(list(tmp_path.glob("*/labels/*.parquet"))) == 5


def test_labelled_shards_a_run_that_was_broken_off_goes_on(model, classifier, vectors, tmp_path):
    order = model.with_name("fails")
    order.write_text(make_collection(60).public[10].id)
    message = r"1 of 5 shards failed; the first is labels/part-00001.*no memory for it"
    with pytest.raises(ShardsError, match=message):
        classify(classifier, Fails(str(model)), tmp_path)
    order.unlink()
    steps = []
    made = classify(classifier, Fails(str(model)), tmp_path, progress=lambda *step: steps.append(step))
    assert made == classifier.predict(vectors)
    assert steps == [("labels", 1, 1)]


def test_labelled_shards_are_not_those_of_another_classifier(model, classifier, vectors, tmp_path):
    """One folder for all runs: other rules, other weights and other vectors each make a run of their own."""
    folders = []
    shy = replace(classifier, thresholds=np.full_like(classifier.thresholds, np.inf))
    renamed = replace(classifier, rules=LabelRules(renamed={"garden": "plants"}))
    for one in (classifier, renamed, shy, classifier):
        assert classify(one, EmbedTexts(str(model)), tmp_path) == one.predict(vectors)
        folders.append(len(list(tmp_path.iterdir())))
    assert folders == [1, 2, 3, 3]
    classify(classifier, EmbedTexts(str(model), overflow="truncate"), tmp_path)
    assert len(list(tmp_path.iterdir())) == 4
    assert shy.predict(vectors) != classifier.predict(vectors) != renamed.predict(vectors)


def test_labelled_shards_of_another_model_are_refused_before_anything_is_computed(model, classifier, tmp_path):
    with pytest.raises(FingerprintMismatchError, match="embed with the same model"):
        classify(classifier, EmbedTexts(str(model), loading=(("dim", 64),)), tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_labelled_shards_from_the_cache_alone_see_what_the_cache_holds_now(model, classifier, vectors, tmp_path):
    embedding = EmbedTexts(str(model), cache=tmp_path / "cache", cached_only=True)
    recs.embed_items(make_collection(60).public[:5], recs.load_embedder(str(model)), cache=tmp_path / "cache")
    few = classify(classifier, embedding, tmp_path / "work")
    assert [prediction.answer for prediction in few[5:]] == ["abstain"] * 44
    recs.embed_items(make_collection(60).public, recs.load_embedder(str(model)), cache=tmp_path / "cache")
    assert classify(classifier, embedding, tmp_path / "work") == classifier.predict(vectors)


def test_labels_of_nothing_are_a_table_with_columns(model, classifier, tmp_path):
    with labelled_shards(recs.Collection(()), classifier, EmbedTexts(str(model)), runner=HERE, folder=tmp_path) as none:
        (table,) = Labels("topic", none).tables()
    assert table.column_names == ["id", "answer", "topic_auto", "labels", "familiarity"]
    assert table.num_rows == 0


@pytest.fixture
def run(model, tmp_path, monkeypatch, classifier):
    """Run `recs classify` on 61 records, 12 of which are drafts."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECS_CACHE_DIR", str(tmp_path / "cache"))
    records = [{key: value for key, value in record.items() if key != "topic"} for record in make_records(60)]
    (tmp_path / "posts.json").write_text(json.dumps(records))
    classifier.save(tmp_path / "topics")

    def call(*options):
        command = ["classify", "posts.json", "--classifier", "topics", "-m", str(model), "--keep-boilerplate", *options]
        return CliRunner().invoke(cli, command)

    return call


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_classify_of_many_items_is_in_shards_with_the_same_bytes(run, tmp_path, monkeypatch, form):
    assert run("--format", form, "-o", "memory").exit_code == 0
    monkeypatch.setattr(sharding, "LARGE", 40)
    done = run("--format", form, "-o", "shards")
    assert done.exit_code == 0, done.output
    assert "49 items in shards\n  labels: 1 shard\n" in done.stderr
    assert "the model knows no token of 1 item ('z')" in done.stderr
    assert (tmp_path / "shards").read_bytes() == (tmp_path / "memory").read_bytes()
    assert not list((tmp_path / "cache").rglob("*.parquet"))


def test_classify_that_needs_all_in_memory_is_not_in_shards(run, tmp_path, monkeypatch):
    monkeypatch.setattr(sharding, "LARGE", 40)
    assert "49 items in shards" in run("-o", "labels", "--work", "work").stderr
    assert run("-q", "--work", "work").stdout == (tmp_path / "labels").read_text()
    for asked in (("--explain",), ("--drafts",), ("--format", "table")):
        assert "in shards" not in run(*asked).stderr


def test_classify_parquet_is_what_json_says_and_holds_no_draft(run, tmp_path):
    assert run("-o", "labels.jsonl").exit_code == 0
    assert run("--format", "parquet", "-o", "memory").exit_code == 0
    assert run("--format", "parquet", "-o", "shards", "--workers", "2").exit_code == 0
    names = ["part-00000.parquet"]
    for folder in (tmp_path / "memory", tmp_path / "shards"):
        assert [path.name for path in folder.iterdir()] == names
    assert (tmp_path / "memory" / names[0]).read_bytes() == (tmp_path / "shards" / names[0]).read_bytes()
    rows = pq.read_table(tmp_path / "shards").to_pylist()
    assert rows == [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines()]
    assert len(rows) == 49
    assert not {row["id"] for row in rows} & {record["id"] for record in make_records(60) if "status" in record}


def test_classify_parquet_with_explanations_is_what_json_says(run, tmp_path):
    assert run("--explain", "-o", "why.jsonl").exit_code == 0
    assert run("--explain", "--format", "parquet", "-o", "why").exit_code == 0
    rows = [
        {name: value for name, value in row.items() if value is not None}
        for row in pq.read_table(tmp_path / "why").to_pylist()
    ]
    assert rows == [json.loads(line) for line in (tmp_path / "why.jsonl").read_text().splitlines()]
    assert any("why" in row for row in rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--explain", "--workers", "1"), "--explain needs all texts in memory"),
        (("--drafts", "--work", "w"), "--drafts needs all texts in memory"),
        (("--format", "table", "--runner", "local"), "a table needs all texts in memory"),
        (("--address", "auto"), "add --runner ray"),
        (("--runner", "ray"), "--runner ray needs --work DIR"),
        (("--format", "parquet"), "name the folder: -o DIR"),
        (("--format", "parquet", "-o", "posts.json"), "posts.json is the source"),
    ],
)
def test_classify_options_of_shards_that_do_not_fit_are_refused(run, tmp_path, options, message):
    before = (tmp_path / "posts.json").read_bytes()
    done = run(*options)
    assert done.exit_code == 2
    assert message in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["posts.json", "topics"]
    assert (tmp_path / "posts.json").read_bytes() == before


def test_classify_by_a_torn_classifier_is_an_error_in_shards_too(run, tmp_path):
    weights = tmp_path / "topics" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    done = run("--workers", "1", "--format", "parquet", "-o", "labels")
    assert isinstance(done.exception, SourceError)
    assert "not a classifier written by recs" in str(done.exception)
    assert not (tmp_path / "labels").exists()
