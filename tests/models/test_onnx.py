"""Models without torch: against references written from the definitions, and against the torch path on real weights."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import checkpoints as make
import layouts
import numpy as np
import pytest

import recs
from recs.embedding.cache import Cache
from recs.embedding.load import find_embedder
from recs.errors import MissingDependencyError, ModelError, ModelNotFoundError, OptionError, WeightsError
from recs.models.encoders import onnx, onnx_graph
from recs.models.encoders.bert_config import BertConfig
from recs.models.folder import read_model
from recs.models.hub import can_download, download_model
from recs.models.onnx_files import ONNX_FILE
from recs.models.registry import registry
from recs.models.tokenizer import ModelTokenizer

pytest.importorskip("onnxruntime")

LONG = "The wheel of the garden stand, planted in soil; a question for the harvest. " * 60
VARIED = [
    "a",
    "hello world",
    "Zwölf Boxkämpfer: naïve co-operation, 1,024 tests & “quotes” — 日本語 too. 🙂",
    "ИСКУССТВЕННЫЙ интеллект и машинное обучение",
    "x" * 400,
    "def f(x): return x ** 2  # code\n\n\tindented",
    LONG,
    *(" ".join(["garlic", "wheel", "soil"] * n) for n in (1, 7, 30, 84)),
]
NATIVE = ["LEALLA-small", "LEALLA-base", "bge-small-en-v1.5", "multilingual-e5-small"]


def load(name, engine="onnx", **options):
    return recs.load_embedder(str(name), engine=engine, offline=True, **{"device": "cpu", **options})


def cosines(a, b):
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a.astype(float), b.astype(float)))
    return (a * b).sum(axis=1)


def tiny(folder, *, pooling="mean", kind="bert", normalize=True):
    layouts.bert(folder, 48, kind=kind)
    modules = ["Pooling", "Normalize"] if normalize else ["Pooling"]
    make.sentence_transformers(folder, *modules, pooling=pooling, dim=48)
    return folder


def biased(folder, kind):
    """A model whose attention is biased by distance, with random weights of the shapes that its config makes."""
    vocab = make.word_piece(folder)
    values = {"vocab_size": vocab, "hidden_size": 48, "num_attention_heads": 6, "num_hidden_layers": 2}
    values |= {"intermediate_size": 80, "max_position_embeddings": 130, "pad_token_id": 1, "hidden_act": "gelu"}
    if kind == "jina_bert":
        values |= {"model_type": "bert", "position_embedding_type": "alibi", "feed_forward_type": "geglu"}
    make.write_json(folder / "config.json", {"model_type": kind, **values})
    make.save_tensors(folder, make.random_tensors(BertConfig(folder, kind).shapes()))
    make.sentence_transformers(folder, "Pooling", "Normalize", dim=48)
    return folder


def write_onnx(name, light):
    """Write a folder with the graph of a model in place of its weights; return the model's spec."""
    spec = read_model(str(name))
    for path in {*spec.folder.glob("*.json"), *spec.folder.glob("*/*.json")}:
        copy = light / path.relative_to(spec.folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (light / ONNX_FILE).parent.mkdir(exist_ok=True)
    (light / ONNX_FILE).write_bytes(onnx_graph.bert_graph(spec))
    return spec


@pytest.fixture
def exported(tmp_path):
    """The folder of a tiny model and that of its ONNX file."""
    write_onnx(tiny(tmp_path / "model"), tmp_path / "light")
    return tmp_path / "model", tmp_path / "light"


# The graph that is made from the weights.


@pytest.mark.parametrize("name", NATIVE)
def test_vectors_of_a_row_equal_the_reference(tmp_path, name):
    write, vector = layouts.LAYOUTS[name]
    write(tmp_path)
    embedder = load(f"{name}={tmp_path}")
    prompt = embedder.prompt("query")
    found = embedder.embed(make.TEXTS, role="query").vectors
    np.testing.assert_allclose(found, [vector(tmp_path, prompt, text) for text in make.TEXTS], atol=2e-6)


@pytest.mark.parametrize("kind", ["mpnet", "jina_bert"])
def test_attention_that_is_biased_by_distance_equals_that_of_torch(tmp_path, kind):
    from recs.models.encoders.bert import BertEncoder

    pytest.importorskip("torch")
    spec = read_model(str(biased(tmp_path, kind)))
    tokenizer = ModelTokenizer(tmp_path)
    texts = [*make.TEXTS, "seed . " * 50, "soil " * 120]
    found = onnx.OnnxEncoder(spec, tokenizer, device="cpu").encode(texts)
    expected = BertEncoder(spec, tokenizer, device="cpu", precision="float32").encode(texts)
    assert spec.loader == "bert"
    assert cosines(found, expected).min() > 0.999999


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
def test_poolings_equal_the_reference(tmp_path, kind, pooling):
    folder = tiny(tmp_path, pooling=pooling, kind=kind)
    first = 2 if kind == "xlm-roberta" else 0
    expected = [layouts.bert_vector(folder, "", text, pooling, first) for text in make.TEXTS]
    np.testing.assert_allclose(load(folder).embed(make.TEXTS).vectors, expected, atol=2e-6)


def test_vectors_are_of_length_one_only_where_the_model_says_so(tmp_path):
    for normalize in (True, False):
        spec = read_model(str(tiny(tmp_path / str(normalize), normalize=normalize)))
        encoder = onnx.OnnxEncoder(spec, ModelTokenizer(spec.folder), device="cpu")
        lengths = np.linalg.norm(encoder.encode(make.TEXTS), axis=1)
        assert np.allclose(lengths, 1, atol=1e-6) is normalize


def test_prompt_stays_out_of_the_mean_where_the_model_says_so(tmp_path):
    folder, prompt = tiny(tmp_path), "the question of : "
    spec = replace(read_model(str(folder)), pool_prompt=False)
    found = onnx.OnnxEncoder(spec, ModelTokenizer(folder), device="cpu").encode([prompt + "soil"], prompt=prompt)
    ids = layouts.ref.token_ids(folder, prompt + "soil")
    skipped = len(layouts.ref.token_ids(folder, prompt, special=False)) + 1
    states = layouts.ref.bert(make.read_tensors(folder), ids, heads=4, layers=layouts.LAYERS)
    np.testing.assert_allclose(found[0], layouts.ref.unit(states[skipped:].mean(axis=0)), atol=2e-6)


def test_vector_does_not_depend_on_what_stands_beside_a_text_or_on_the_order(tmp_path):
    embedder = load(tiny(tmp_path))
    together = embedder.embed(VARIED).vectors
    backwards = embedder.embed(VARIED[::-1]).vectors[::-1]
    alone = np.concatenate([embedder.embed([text]).vectors for text in VARIED])
    np.testing.assert_array_equal(together, backwards)
    np.testing.assert_allclose(together, alone, atol=2e-6)


def test_weights_of_another_architecture_are_refused(tmp_path):
    folder = tiny(tmp_path)
    tensors = {name: value.float() for name, value in _tensors(folder).items()}
    tensors["encoder.layer.0.attention.self.wait.weight"] = tensors.pop("encoder.layer.0.attention.self.key.weight")
    make.save_tensors(folder, tensors)
    with pytest.raises(WeightsError, match=r"1 weights that bert needs are missing .*self.key.weight"):
        load(folder).embed(["soil"])


def _tensors(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


# What a folder without weights may claim.


def test_the_graph_of_a_model_in_a_file_gives_its_vectors(exported):
    model, light = exported
    assert not list(light.rglob("*.safetensors"))
    here, there = load(model), load(light)
    assert (here.spec.loader, there.spec.loader) == ("bert", "onnx")
    np.testing.assert_array_equal(here.embed(VARIED).vectors, there.embed(VARIED).vectors)


def test_the_same_weights_give_the_same_graph(exported):
    model, light = exported
    assert (light / ONNX_FILE).read_bytes() == onnx_graph.bert_graph(read_model(str(model)))


def test_an_onnx_file_that_nobody_vouches_for_is_a_space_of_its_own(exported):
    model, light = exported
    alone = load(light)
    assert alone.spec.fingerprint != load(model).spec.fingerprint
    np.testing.assert_allclose(alone.embed(["soil"]).vectors, load(model).embed(["soil"]).vectors, atol=1e-6)
    (light / ONNX_FILE).write_bytes(b"another")
    assert load(light).spec.fingerprint != alone.spec.fingerprint


def known_row(monkeypatch, **fields):
    row = replace(registry()["LEALLA-small"], **fields)
    monkeypatch.setattr("recs.models.folder.registry", lambda: {"known": row})


def test_an_onnx_file_of_the_hub_that_the_registry_knows_is_of_the_space_of_its_weights(exported, monkeypatch):
    model, light = exported
    digests = {"model.safetensors": hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()}
    known_row(monkeypatch, weights_sha256=digests, onnx_sha256=(read_digest(light),))
    assert load(light).spec.fingerprint == load(model).spec.fingerprint


def read_digest(folder):
    return hashlib.sha256((folder / ONNX_FILE).read_bytes()).hexdigest()


def test_a_row_with_digests_is_not_taken_from_an_unknown_onnx_file(exported):
    _, light = exported
    with pytest.raises(WeightsError):
        load(f"all-MiniLM-L6-v2={light}")


# ONNX files of others.


def foreign(folder, *, inputs=("input_ids", "attention_mask", "token_type_ids"), output="token_embeddings", raw=None):
    """A model of another architecture, whose ONNX file looks its tokens up and adds a row for their kind."""
    vocab = make.word_piece(folder)
    table = np.random.default_rng(0).standard_normal((vocab, 8)).astype(np.float32)
    graph = onnx_graph._Graph({}, None)
    words = graph.op("Gather", graph.constant(table), "input_ids")
    kinds = graph.op("Gather", graph.constant(table[:2]), inputs[-1])
    graph.op("Add", words, kinds, output=output)
    fields = [(1, node) for node in graph._nodes] + [(5, constant) for constant in graph._constants]
    fields += [(11, onnx_graph._value(name, 7, ["batch", "tokens"])) for name in inputs]
    fields += [(12, onnx_graph._value(output, 1, ["batch", "tokens", 8])), (2, "g")]
    content = onnx_graph._message((1, 9), (7, onnx_graph._message(*fields)), (8, onnx_graph._message((1, ""), (2, 20))))
    make.write_json(folder / "config.json", {"model_type": "new", "hidden_size": 8, "max_position_embeddings": 64})
    make.sentence_transformers(folder, "Pooling", "Normalize", dim=8, max_tokens=64)
    (folder / "onnx").mkdir()
    (folder / ONNX_FILE).write_bytes(raw or b"".join(content))
    return folder, table


def test_onnx_file_of_another_architecture_runs_with_the_kinds_of_its_tokens(tmp_path):
    folder, table = foreign(tmp_path)
    found = load(folder).embed(make.TEXTS).vectors
    ids = ModelTokenizer(folder).ids(make.TEXTS)
    means = [table[sequence].mean(axis=0) + table[0] for sequence in ids]
    np.testing.assert_allclose(found, [mean / np.linalg.norm(mean) for mean in means], atol=1e-6)


def test_model_for_torch_takes_its_onnx_file_when_the_engine_is_onnx_in_a_space_of_its_own(tmp_path):
    folder, _ = foreign(tmp_path)
    make.save_tensors(folder, make.random_tensors({"w": (8, 8)}))
    light, heavy = (read_model(str(folder), onnx=flag) for flag in (True, False))
    assert (light.loader, heavy.loader) == ("onnx", "library")
    assert light.fingerprint != heavy.fingerprint


def test_model_for_torch_without_an_onnx_file_says_what_it_needs(tmp_path):
    folder, _ = foreign(tmp_path)
    make.save_tensors(folder, make.random_tensors({"w": (8, 8)}))
    (folder / ONNX_FILE).unlink()
    with pytest.raises(ModelError, match=r"'new' needs torch, or its ONNX file at onnx/model.onnx"):
        load(folder).embed(["soil"])


def test_onnx_file_with_other_inputs_or_outputs_is_refused(tmp_path):
    for place, options in (("a", {"inputs": ("input_ids", "attention_mask", "past")}), ("b", {"output": "logits"})):
        folder, _ = foreign(tmp_path / place, **options)
        with pytest.raises(ModelError, match=r"makes \['.*'\] of \['attention_mask'.*; expected last_hidden_state of"):
            load(folder).embed(["soil"])


def test_onnx_file_that_is_torn_or_has_operators_of_its_own_is_refused(tmp_path):
    node = onnx_graph._message((1, "input_ids"), (2, "last_hidden_state"), (4, "Run"), (7, "evil"))
    body = [(1, node), (2, "g"), (11, onnx_graph._value("input_ids", 7, ["b", "t"]))]
    body += [(12, onnx_graph._value("last_hidden_state", 1, ["b", "t", 8]))]
    opsets = [(8, onnx_graph._message((1, name), (2, 20))) for name in ("", "evil")]
    custom = b"".join(onnx_graph._message((1, 9), (7, onnx_graph._message(*body)), *opsets))
    for place, raw in (("a", b"no model"), ("b", custom)):
        folder, _ = foreign(tmp_path / place, raw=raw)
        with pytest.raises(ModelError, match="onnxruntime cannot load it"):
            load(folder).embed(["soil"])


def split(folder, location="model.onnx_data"):
    """Move the weights of a foreign model into a file beside the graph, as exporters do with large models."""
    _, table = foreign(folder)
    entries = [
        (13, onnx_graph._message((1, "location"), (2, location))),
        (13, onnx_graph._message((1, "offset"), (2, "64"))),
    ]
    tensor = onnx_graph._message(*((1, size) for size in table.shape), (2, 1), (8, "w"), *entries, (14, 1))
    node = onnx_graph._message((1, "w"), (1, "input_ids"), (2, "token_embeddings"), (4, "Gather"))
    fields = [(1, node), (2, "g"), (5, tensor), (12, onnx_graph._value("token_embeddings", 1, ["b", "t", 8]))]
    fields += [(11, onnx_graph._value(name, 7, ["b", "t"])) for name in ("input_ids", "attention_mask")]
    content = onnx_graph._message((1, 9), (7, onnx_graph._message(*fields)), (8, onnx_graph._message((1, ""), (2, 20))))
    (folder / ONNX_FILE).write_bytes(b"".join(content))
    (folder / "onnx" / "model.onnx_data").write_bytes(bytes(64) + table.tobytes())
    return table


def test_onnx_file_with_weights_beside_it_equals_the_reference_and_both_are_in_the_fingerprint(tmp_path):
    table = split(tmp_path)
    embedder = load(tmp_path)
    means = [table[ids].mean(axis=0) for ids in ModelTokenizer(tmp_path).ids(make.TEXTS)]
    expected = [mean / np.linalg.norm(mean) for mean in means]
    np.testing.assert_allclose(embedder.embed(make.TEXTS).vectors, expected, atol=1e-6)
    (tmp_path / "onnx" / "model.onnx_data").write_bytes(bytes(64) + (-table).tobytes())
    assert load(tmp_path).spec.fingerprint != embedder.spec.fingerprint


def test_onnx_file_whose_weights_beside_it_are_missing_torn_or_elsewhere_says_so(tmp_path):
    split(tmp_path / "a")
    beside = tmp_path / "a" / "onnx" / "model.onnx_data"
    beside.write_bytes(beside.read_bytes()[:100])
    with pytest.raises(ModelError, match="onnxruntime cannot load it"):
        load(tmp_path / "a").embed(["soil"])
    beside.unlink()
    with pytest.raises(
        ModelError, match=r"model\.onnx: its weights are in model\.onnx_data, which is missing; download"
    ):
        load(tmp_path / "a")
    split(tmp_path / "b", "../secret.bin")
    with pytest.raises(ModelError, match=r"has weights at '.*secret\.bin', outside its folder"):
        load(tmp_path / "b")


@pytest.mark.parametrize("key", [b"\x0a\x88\x00location", b"\x12\x01a\x0a\x08location"])
def test_onnx_file_that_names_another_file_in_an_odd_way_is_refused(tmp_path, key):
    folder, _ = foreign(tmp_path)
    for rest in (b"\x12\x01b", b"\x12\xff\x01" + b"b" * 255, b"\x1a", b""):
        (folder / ONNX_FILE).write_bytes(b"graph" + key + rest)
        with pytest.raises(ModelError, match=r"names another file in a way|its weights are in b, which is missing"):
            load(folder)
    (folder / ONNX_FILE).write_bytes(b"")
    with pytest.raises(ModelError, match="empty"):
        load(folder)


@pytest.mark.parametrize("name", ["model.onnx", "onnx/model_quantized.onnx", "model_fp16.onnx"])
def test_onnx_file_is_taken_beside_the_config_or_by_another_name_if_it_is_the_only_one(exported, name):
    _, light = exported
    expected = load(light).embed(make.TEXTS).vectors
    (light / ONNX_FILE).rename(light / name)
    np.testing.assert_array_equal(load(light).embed(make.TEXTS).vectors, expected)


def test_several_onnx_files_and_no_usual_one_are_named(exported):
    model, light = exported
    for name in ("model_fp16.onnx", "model_q4.onnx"):
        for folder in (model, light):
            (folder / "onnx").mkdir(exist_ok=True)
            (folder / "onnx" / name).write_bytes((light / ONNX_FILE).read_bytes())
    assert load(light).spec.loader == "onnx"  # the usual one is there
    (light / ONNX_FILE).unlink()
    with pytest.raises(
        ModelError, match=r"2 ONNX files \(onnx/model_fp16\.onnx, onnx/model_q4\.onnx\); rename the one"
    ):
        load(light)
    assert load(model).embed(["soil"]).vectors.shape == (1, 48)  # its weights need no ONNX file


def test_onnx_file_is_not_taken_for_a_model_with_more_than_a_transformer(tmp_path):
    layouts.leaf(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "onnx").mkdir()
    (tmp_path / ONNX_FILE).write_bytes(b"anything")
    with pytest.raises(ModelError, match=r"onnx/model.onnx is only a part of this model"):
        load(tmp_path)


@pytest.mark.parametrize(("name", "taken"), [("a/b", True), ("LEALLA-small", False)])
def test_download_takes_the_onnx_file_where_that_is_what_can_be_run(monkeypatch, name, taken):
    import huggingface_hub

    names = ["model.safetensors", "config.json", ONNX_FILE, "onnx/model_O4.onnx", "openvino/a.json"]
    asked = {}

    class Api:
        def model_info(self, name, files_metadata):
            files = [type("File", (), {"rfilename": name, "size": 1}) for name in names]
            return type("Info", (), {"siblings": files})()

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **options: asked.update(options))
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert can_download(name)
    download_model(name)
    kept = huggingface_hub.utils.filter_repo_objects(names, **asked)
    assert list(kept) == ["model.safetensors", "config.json", *[ONNX_FILE] * taken]


# Choosing the engine.


def test_engines_and_what_they_cannot_do(exported):
    model, light = exported
    with pytest.raises(OptionError, match="engine is 'tf', expected auto, torch or onnx"):
        load(model, engine="tf")
    with pytest.raises(OptionError, match="engine onnx computes in float32"):
        load(light, engine="auto", precision="bfloat16")
    with pytest.raises(OptionError, match="device is 'cuda'; engine onnx computes on the processor"):
        load(model, device="cuda").embed(["soil"])
    with pytest.raises(ModelError, match="an ONNX file, which engine torch cannot run"):
        load(light, engine="torch").embed(["soil"])


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_vectors_of_an_engine_are_found_in_a_cache_by_a_machine_with_neither_model_nor_torch(
    exported, tmp_path, monkeypatch, engine
):
    pytest.importorskip("torch")
    name = str(exported[0])
    with Cache(tmp_path / "cache") as cache:
        vectors = load(name, engine=engine, precision="float32").embed(["soil"], store=cache).vectors
        known = cache.known_model(name)
        monkeypatch.setattr("recs.embedding.load.load_embedder", _absent)
        monkeypatch.setitem(sys.modules, "torch", None)
        found = find_embedder(name, cache)
        again = found.embed(["soil"], store=cache).vectors
    assert (found.engine, found.precision, found.spec) == (engine, "float32", known)
    np.testing.assert_array_equal(again, vectors)


def test_vectors_of_the_engines_are_cached_apart(exported):
    model, light = exported
    assert load(light, engine="auto").engine == "onnx"
    assert load(model).space("") != load(model, "torch", precision="float32").space("")


def _absent(name, **options):
    raise ModelNotFoundError(name)


def test_missing_onnxruntime_names_the_extra(exported, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match=r"needs onnxruntime: pip install 'recs-toolkit\[onnx\]'"):
        load(exported[1]).embed(["soil"])


def test_a_machine_without_torch_takes_onnxruntime_and_needs_nothing_else(exported):
    model, light = exported
    program = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'sentence_transformers', 'safetensors', 'onnx'):\n"
        "    sys.modules[name] = None\n"
        "import recs\n"
        "for folder in sys.argv[1:]:\n"
        "    embedder = recs.load_embedder(folder, offline=True)\n"
        "    print(embedder.engine, embedder.device, embedder.embed(['soil and seed']).vectors[0, 0].item())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, model, light], capture_output=True, text=True, check=True
    )
    expected = load(model).embed(["soil and seed"]).vectors[0, 0].item()
    assert done.stdout == f"onnx cpu {expected}\n" * 2
    assert done.stderr == ""


# The command.


# Real weights.


@pytest.mark.model
def test_vectors_of_the_real_model_equal_those_of_torch():
    light, heavy = load("all-MiniLM-L6-v2"), load("all-MiniLM-L6-v2", engine="torch", precision="float32")
    found, expected = light.embed(VARIED), heavy.embed(VARIED)
    found.check_comparable(expected)
    assert light.space("") != heavy.space("")
    assert cosines(found.chunk_vectors, expected.chunk_vectors).min() > 0.999999


@pytest.mark.model
def test_graph_of_the_real_model_is_the_file_that_the_registry_knows(tmp_path):
    spec = write_onnx("all-MiniLM-L6-v2", tmp_path)
    assert read_digest(tmp_path) in registry()["all-MiniLM-L6-v2"].onnx_sha256
    for name in (str(tmp_path), f"all-MiniLM-L6-v2={tmp_path}"):
        assert read_model(name).fingerprint == spec.fingerprint
