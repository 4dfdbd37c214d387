"""`recs doctor` and `recs models`: what they say of this machine and of models, right ones and broken ones."""

import base64
import json
import subprocess
import sys
from dataclasses import replace
from importlib import metadata

import checkpoints as make
import click
import layouts
import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from standins import BagEncoder

from recs.cli import cli
from recs.embedding import doctor
from recs.embedding.cache import Cache
from recs.errors import ModelNotFoundError
from recs.models.registry import registry

torch = pytest.importorskip("torch")
MINILM = "all-MiniLM-L6-v2"


def run(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture(autouse=True)
def _small_job(monkeypatch):
    monkeypatch.setattr(doctor, "_MOST_TEXTS", 4)


def findings(*arguments, **options):
    found = {}
    for finding in doctor.diagnose(*arguments, **options):
        found.setdefault(finding.topic, finding)
    return found


@pytest.fixture
def lealla(tmp_path):
    layouts.bert(tmp_path / "lealla", 128)
    return f"LEALLA-small={tmp_path / 'lealla'}"


# The doctor, of a model that is right.


@pytest.mark.model
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_minilm_equals_the_vector_that_the_registry_holds(precision):
    found = findings(MINILM, precision=precision, device="cpu")
    assert {finding.status for finding in found.values()} == {"ok"}
    assert "53aa51172d142c89" in found["file"].said
    assert found["file"].said.endswith("the registry's")
    assert "384 dimensions, context window 256" in found["says"].said
    assert found["precision"].said == f"{precision} on cpu with engine torch: as asked"
    assert ("rounding" in found) == (precision == "bfloat16")
    assert "tokens/s" in found["speed"].said


@pytest.mark.model
def test_golden_vector_is_that_of_a_forward_pass_written_from_the_definition():
    import references as ref

    from recs.models.folder import read_model
    from recs.models.tokenizer import ModelTokenizer

    folder = read_model(MINILM).folder
    ids = ModelTokenizer(folder).ids([doctor.GOLDEN_TEXT])[0]
    expected = ref.unit(ref.bert(make.read_tensors(folder), np.array(ids), heads=12, layers=6).mean(axis=0))
    golden = np.frombuffer(base64.b64decode(registry()[MINILM].golden), np.int8).astype(np.float64)
    assert golden.shape == (384,)
    assert ref.unit(golden) @ expected > 0.99997  # a byte a number


@pytest.mark.model
def test_minilm_cut_or_with_an_instruction_is_held_against_what_fits():
    assert findings(MINILM, dim=64, precision="float32")["golden"].status == "ok"
    assert "golden" not in findings(MINILM, instruction="query: ", precision="float32")


def test_model_of_the_registry_in_a_folder_is_checked(lealla):
    found = findings(lealla, precision="float32")
    assert {finding.status for finding in found.values()} == {"ok"}
    assert found["file"].said.endswith("the registry has none")
    assert "pooling pooler" in found["says"].said
    assert "golden" not in found


@pytest.mark.parametrize("name", ["instructor-base", "potion-base-8M", "Qwen3-Embedding-0.6B"])
def test_models_of_other_kinds_are_checked(tmp_path, name):
    pytest.importorskip("sentence_transformers")
    layouts.LAYOUTS[name][0](tmp_path)
    for asked in (f"{name}={tmp_path}", str(tmp_path)):  # an instructor without a table is tested without instruction
        assert {finding.status for finding in findings(asked, precision="float32").values()} == {"ok"}


def test_text_is_shown_as_tokens_and_where_it_would_be_cut(tmp_path):
    layouts.static(tmp_path, 256)
    found = findings(str(tmp_path), text="soil and seed")
    assert found["tokens"].said == "3: soil and seed"
    assert found["window"] == ("window", "ok", "512 tokens of text fit, none is cut")
    long = findings(str(tmp_path), text="soil " * 600 + "seed")["window"]
    assert long.status == "warn"
    assert "512 tokens of text fit" in long.said
    assert "89 are lost, from character 2559 on: ' soil soil" in long.said


def test_text_leaves_room_for_the_prompt(lealla):
    found = findings(lealla, text="soil", instruction="query : ", precision="float32")
    assert found["window"].said == f"{512 - 2 - 2} tokens of text fit, none is cut"


# The doctor, of what is not as it should be.


def test_folder_that_says_too_little_and_files_of_another_model_fail(lealla):
    folder = lealla.partition("=")[2]
    assert "state it: pooling= or --pooling" in findings(folder)["model"].said
    # The default model's name on another model's files: the first finding on the model is that it fails.
    assert findings(f"{MINILM}={folder}")["model"].status == "fail"
    tensors = {
        name: torch.from_numpy(values).float() for name, values in make.read_tensors(layouts.Path(folder)).items()
    }
    tensors["encoder.layer.0.output.dence.bias"] = tensors.pop("encoder.layer.0.output.dense.bias")
    make.save_tensors(layouts.Path(folder), tensors)
    statuses = [(finding.topic, finding.status) for finding in doctor.diagnose(lealla)]
    assert statuses[-1] == ("model", "fail")
    assert ("speed", "ok") not in statuses


@pytest.mark.model
def test_another_vector_than_the_golden_one_fails(monkeypatch):
    golden = np.frombuffer(base64.b64decode(registry()[MINILM].golden), np.int8).copy()
    golden[:8] = -golden[:8]
    row = replace(registry()[MINILM], golden=base64.b64encode(golden.tobytes()).decode())
    monkeypatch.setattr("recs.models.registry.registry", lambda: {MINILM: row})
    assert findings(MINILM, precision="float32")["golden"].status == "fail"


class _Odd(BagEncoder):
    """Vectors that depend on how many texts stand beside them, and have no length of one."""

    def encode(self, texts, *, prompt=""):
        rows = np.ones((len(texts), 128), np.float32)
        rows[:, len(texts) % 100] = 30
        return rows


def test_vectors_of_another_length_or_that_depend_on_the_batch_fail(lealla, monkeypatch):
    monkeypatch.setattr(doctor, "load_encoder", lambda *arguments, **options: _Odd(1 << 16))
    found = findings(lealla, precision="float32")
    assert found["batches"].status == "fail"
    assert found["length"].status == "ok"  # its files promise none
    make.sentence_transformers(layouts.Path(lealla.partition("=")[2]), "Pooling", "Normalize", dim=128)
    assert findings(lealla.partition("=")[2], precision="float32")["length"].status == "fail"


def test_missing_model_fails_if_it_was_asked_for_and_is_told_if_it_is_the_default(monkeypatch):
    monkeypatch.setattr("recs.models.folder.find_model", lambda name: None)
    assert findings("bge-m3")["model"].status == "fail"
    assert findings()["model"].status == "warn"


def test_missing_packages_are_named(monkeypatch):
    def version(name):
        if name in ("torch", "onnxruntime"):
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    said = [finding for finding in doctor._environment() if finding.topic == "packages"]
    assert "torch 1.0" not in said[0].said
    assert said[1].status == "warn"
    assert "pip install 'recs-toolkit[models]'" in said[1].said


@pytest.mark.model
def test_without_torch_and_onnxruntime_the_model_is_read_and_what_is_missing_said():
    program = (
        "import sys\nsys.modules |= dict.fromkeys(['torch', 'onnxruntime', 'sentence_transformers', 'transformers'])\n"
        "from recs.embedding.doctor import diagnose\n"
        "for name in (None, 'all-MiniLM-L6-v2'): print(list(map(tuple, diagnose(name, text='soil')))[-1])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    default, named = done.stdout.splitlines()
    assert default.startswith("('model', 'warn', ")
    assert named.startswith("('model', 'fail', ")
    assert "pip install" in default
    assert "pip install" in named


@pytest.mark.parametrize("flags", [{"amx_bf16", "avx2"}, {"avx2"}, set()])
def test_precision_is_chosen_by_the_processor_and_says_why(lealla, monkeypatch, flags):
    monkeypatch.setattr("recs.models.hardware.cpu_flags", lambda: frozenset(flags))
    monkeypatch.setattr(doctor, "cpu_flags", lambda: frozenset(flags))
    said = findings(lealla, device="cpu")["precision"].said
    if "amx_bf16" in flags:
        assert said == "bfloat16 on cpu with engine torch: the processor has amx_bf16"
    else:
        assert said.startswith("float32 on cpu with engine torch: no amx_bf16 or avx512_bf16")


def test_precision_that_a_model_does_not_bear_is_not_chosen_and_said(lealla, monkeypatch):
    row = replace(registry()["LEALLA-small"], forbidden_dtypes=("bfloat16",))
    monkeypatch.setattr("recs.models.registry.registry", lambda: {"LEALLA-small": row})
    monkeypatch.setattr("recs.models.hardware.cpu_flags", lambda: frozenset({"amx_bf16"}))
    assert findings(lealla, device="cpu")["precision"].said.endswith("the model does not work in bfloat16")
    assert (
        findings(lealla, device="cpu", precision="bfloat16")["model"].status == "ok"
    )  # it is there; it may not run so
    assert [f.status for f in doctor.diagnose(lealla, precision="bfloat16")][-1] == "fail"


def test_cache_is_told_of_and_not_made(tmp_path):
    assert doctor._cache(tmp_path / "none").said == f"none yet at {tmp_path / 'none'}"
    assert not (tmp_path / "none").exists()
    Cache(tmp_path / "some").close()
    assert doctor._cache(tmp_path / "some").said.endswith("0 vectors in 0 spaces, 0.0 MB")
    (tmp_path / "some" / "vectors.sqlite").write_bytes(b"rubbish " * 4096)
    assert doctor._cache(tmp_path / "some").status == "fail"


# The command line.


def test_command_doctor_says_a_status_a_line_and_exits_with_1_where_one_fails(lealla):
    good = run("doctor", lealla, "--precision", "float32", "-t", "soil")
    assert good.return_value == 0, good.output
    assert {line[:4].strip() for line in good.stdout.splitlines()} <= {"ok", "warn"}
    assert "ok    tokens       3: [CLS] soil [SEP]" in good.stdout
    bad = run("doctor", "-m", "bge-m3")
    assert bad.return_value == 1
    assert "fail  model" in bad.stdout


def test_command_doctor_as_json(lealla):
    done = run("doctor", lealla, "--precision", "float32", "--format", "json")
    report = json.loads(done.stdout)
    assert report["ok"] is True
    assert {"python", "model", "batches", "speed"} <= {finding["topic"] for finding in report["findings"]}
    broken = run("doctor", "bge-m3", "--format", "json")
    assert (broken.return_value, json.loads(broken.stdout)["ok"]) == (1, False)


def test_command_models_lists_every_row_once(monkeypatch):
    lines = run("models").stdout.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(registry())
    assert max(map(len, lines)) <= 100
    rows = json.loads(run("models", "--format", "json").stdout)
    assert [row["name"] for row in rows] == list(registry())
    here = {row["name"]: row["here"] for row in rows}
    assert here["bge-m3"] is None
    assert [line.split()[-1] for line in lines[1:]] == ["yes" if here[name] else "no" for name in registry()]


def test_command_models_show_has_every_field_of_the_row():
    shown = yaml.safe_load(run("models", "show", "Qwen/Qwen3-Embedding-0.6B").stdout)
    row = registry()["Qwen3-Embedding-0.6B"]
    assert shown["name"] == "Qwen3-Embedding-0.6B"
    assert set(shown["registry"]) == set(row.__dataclass_fields__)
    assert shown["registry"]["prompts"] == dict(row.prompts)
    assert shown["registry"]["scores"] == [["MTEB(eng, v2) mean", 70.5, "MTEB leaderboard"]]
    assert "no files of Qwen3-Embedding-0.6B" in shown["here"]
    assert shown["to get and check it"] == [
        "recs embed hello -m Qwen3-Embedding-0.6B",
        "recs doctor Qwen/Qwen3-Embedding-0.6B",
    ]
    assert "https://huggingface.co/google/embeddinggemma-300m" in run("models", "show", "embeddinggemma-300m").stdout


def test_command_models_show_tells_what_the_files_say(lealla, tmp_path):
    shown = json.loads(run("models", "show", lealla, "--format", "json").stdout)
    assert (shown["here"]["pooling"], shown["here"]["dim"]) == ("pooler", 128)
    assert shown["here"]["files"][0].startswith("model.safetensors, 1.0 MB, SHA-256 ")
    layouts.static(tmp_path / "own", 256)
    own = json.loads(run("models", "show", tmp_path / "own", "--format", "json").stdout)
    assert own["registry"] is None
    assert own["here"]["architecture"] == "static"
    unknown = run("models", "show", "organisation/unheard-of")
    assert isinstance(unknown.exception, ModelNotFoundError)


def test_command_models_convert_writes_safetensors(tmp_path):
    torch.save({"a": torch.zeros(2)}, tmp_path / "pytorch_model.bin")
    done = run("models", "convert", tmp_path)
    assert done.exit_code == 0, done.output
    assert "model.safetensors" in done.stderr
    assert (tmp_path / "model.safetensors").is_file()
    assert isinstance(run("models", "convert", tmp_path / "nothing").exception, click.UsageError)
