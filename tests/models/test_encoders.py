"""Every layout that the registry names, with random weights, against forward passes written from the definitions."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import checkpoints as make
import layouts
import numpy as np
import pytest
import references as ref

import recs
from recs.errors import EmbeddingError, ModelError, OptionError, WeightsError
from recs.models.encoders import load_encoder
from recs.models.folder import read_model
from recs.models.registry import registry
from recs.models.tokenizer import ModelTokenizer

torch = pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

PROMPT = "Represent the document for retrieval: "


def load(name, **options):
    return recs.load_embedder(str(name), device="cpu", **{"precision": "float32", **options})


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of a layout, made once; a test that changes it takes a copy."""
    root = tmp_path_factory.mktemp("layouts")

    def folder(name):
        path = root / name
        if not path.exists():
            (layouts.LAYOUTS[name][0] if name in layouts.LAYOUTS else layouts.READ_ONLY[name])(path)
        return path

    return folder


@pytest.fixture
def copied(built, tmp_path):
    return lambda name: shutil.copytree(built(name), tmp_path / "copy" / name)


def assert_right(embedder, folder, vector, *, role="document", instruction=None, texts=make.TEXTS):
    prompt = embedder.prompt(role, instruction)
    found = embedder.embed(texts, role=role, instruction=instruction)
    expected = [vector(folder, prompt, text) for text in texts]
    np.testing.assert_allclose(found.vectors, expected, atol=2e-6)
    assert len(found.chunk_vectors) == len(texts)  # none was cut, or the reference means something else


# All rows of the registry but packed models, which tests/models/test_packed.py reads.

OF_HUBS = sorted(name for name, row in registry().items() if not row.package_file)


def test_every_row_of_the_registry_has_a_layout_here():
    assert {*layouts.LAYOUTS, *layouts.READ_ONLY} == set(OF_HUBS)


@pytest.mark.parametrize("name", OF_HUBS)
def test_row_agrees_with_the_layout_of_its_hub(built, name):
    row = registry()[name]
    if row.weights_sha256:
        with pytest.raises(WeightsError, match=r"SHA-256 .* these are not its weights"):
            read_model(f"{name}={built(name)}")
        return
    spec = read_model(f"{name}={built(name)}")
    assert (spec.name, spec.architecture, spec.loader) == (name, row.architecture, row.loader)
    assert (spec.dim, spec.max_tokens, spec.similarity) == (row.dim, row.max_tokens, row.similarity)
    assert spec.prompts.items() >= row.prompts.items()


@pytest.mark.parametrize("name", sorted(layouts.LAYOUTS))
def test_vectors_of_a_row_equal_the_reference(built, name):
    folder, vector = built(name), layouts.LAYOUTS[name][1]
    embedder = load(f"{name}={folder}")
    for role in ("document", "query") if registry()[name].prompts else ("document",):
        assert_right(embedder, folder, vector, role=role)


@pytest.mark.parametrize("name", ["instructor-base", "mdbr-leaf-mt", "gte-modernbert-base", "Qwen3-Embedding-0.6B"])
def test_vectors_of_the_library_in_bfloat16_stay_near(built, name):
    exact = load(f"{name}={built(name)}").embed(make.TEXTS).vectors
    rough = load(f"{name}={built(name)}", precision="bfloat16").embed(make.TEXTS).vectors
    assert not np.array_equal(exact, rough)
    assert (exact * rough).sum(axis=1).min() > 0.999  # of random weights, in which nothing averages out


@pytest.mark.parametrize("name", ["instructor-base", "mdbr-leaf-mt", "Qwen3-Embedding-0.6B", "embeddinggemma-300m"])
def test_vector_does_not_depend_on_what_stands_beside_a_text(built, name):
    embedder = load(f"{name}={built(name)}")
    together = embedder.embed(make.TEXTS).vectors
    alone = np.concatenate([embedder.embed([text]).vectors for text in make.TEXTS])
    np.testing.assert_allclose(together, alone, atol=2e-6)


# Instructor.


def test_instructor_in_a_folder_of_any_name_wants_an_instruction(built):
    embedder = load(built("instructor-xl"))
    with pytest.raises(OptionError, match=r"built like instructor.*role 'document'.*--instruction.*or ''"):
        embedder.embed(["soil"])


@pytest.mark.parametrize("instruction", [PROMPT, "Represent the question", "soil", ""])
def test_instructor_in_a_folder_keeps_the_instruction_out_of_the_mean(built, instruction):
    folder = built("instructor-xl")
    # With no blank between them the two words that meet are tokens of the text, as they are part of neither alone.
    texts = [text for text in make.TEXTS if instruction in ("", PROMPT) or not text[0].isalpha()] or [" seed", "; soil"]
    assert_right(load(folder), folder, layouts.instructor_vector, instruction=instruction, texts=texts)


def test_instructor_says_another_thing_of_a_text_with_another_instruction(built):
    embedder = load(built("instructor-xl"))
    one = embedder.embed(["soil and seed"], instruction=PROMPT)
    two = embedder.embed(["soil and seed"], instruction="Represent the question: ")
    assert (one.vectors * two.vectors).sum() < 0.9999
    with pytest.raises(recs.RecsError, match="cannot be compared"):
        one.check_comparable(two)


def test_instructor_by_its_name_has_the_instructions_of_the_registry(built):
    folder = built("instructor-xl")
    named, plain = load(f"hkunlp/instructor-xl={folder}"), load(folder)
    assert named.spec.name == "instructor-xl"
    given = plain.embed(make.TEXTS, instruction=registry()["instructor-xl"].prompts["clustering"])
    np.testing.assert_array_equal(named.embed(make.TEXTS, role="clustering").vectors, given.vectors)
    assert named.spec.fingerprint != plain.spec.fingerprint  # the table of prompts is part of the space


def test_prompt_that_ends_in_a_token_which_the_text_absorbs_costs_the_text_nothing(copied):
    folder = copied("instructor-xl")
    content = json.loads((folder / "tokenizer.json").read_text())
    content["pre_tokenizer"] = content["pre_tokenizer"]["pretokenizers"][1]  # blanks are kept: "x: " ends in "▁"
    (folder / "tokenizer.json").write_text(json.dumps(content))
    ids = ref.token_ids(folder, PROMPT, special=False)
    whole = ref.token_ids(folder, PROMPT + "soil", special=False)
    assert ids[-1] != whole[len(ids) - 1]
    w = make.read_tensors(folder)
    x = ref.t5(w, ref.token_ids(folder, PROMPT + "soil"), heads=4, layers=layouts.LAYERS)[len(ids) - 1 :]
    expected = ref.unit(ref.linear(make.read_tensors(folder / "2_Dense"), "linear", x.mean(axis=0)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "recs.models.encoders.library._check_tokenizer", lambda *arguments: None
        )  # T5's has the blanks cut
        found = load(folder).embed(["soil"], instruction=PROMPT).vectors[0]
    np.testing.assert_allclose(found, expected, atol=2e-6)


# LEALLA, and folders that say too little.


def test_folder_without_pooling_refuses_and_names_the_option(built):
    with pytest.raises(ModelError, match=r"do not say how to combine token vectors.*--pooling, one of mean, cls, max"):
        load(built("LEALLA-small"))


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "pooler"])
def test_folder_with_stated_pooling_equals_the_reference(built, pooling):
    folder = built("LEALLA-small")
    assert_right(load(folder, pooling=pooling), folder, lambda *given: layouts.bert_vector(*given, pooling))


def test_lealla_with_another_pooling_stated_or_found_refuses(copied):
    folder = copied("LEALLA-small")
    with pytest.raises(OptionError, match=r"pooling is 'mean', but .* has 'pooler'"):
        load(f"LEALLA-small={folder}", pooling="mean")
    make.sentence_transformers(folder, "Pooling", "Normalize", dim=128, max_tokens=512)
    with pytest.raises(WeightsError, match="pooling is 'mean', but LEALLA-small has 'pooler'"):
        load(f"LEALLA-small={folder}")


def test_lealla_as_sentence_transformers_saves_it_is_pooled_by_its_pooler(copied):
    folder = copied("LEALLA-small")
    make.sentence_transformers(folder, "Normalize", max_tokens=512)
    limits = {
        "max_seq_length": 512,
        "modality_config": {"text": {"method": "forward", "method_output_name": "pooler_output"}},
        "module_output_name": "sentence_embedding",
    }
    make.write_json(folder / "sentence_bert_config.json", limits)
    embedder = load(folder)
    assert (embedder.spec.pooling, embedder.spec.normalize) == ("pooler", True)
    assert_right(embedder, folder, lambda *given: layouts.bert_vector(*given, "pooler"))
    make.write_json(folder / "sentence_bert_config.json", limits | {"modality_config": {"text": {}}})
    with pytest.raises(ModelError):
        load(folder)


def distilbert(folder, *, dim=48):
    vocab = make.word_piece(folder, kind="DistilBertTokenizer")
    shapes = {"embeddings.word_embeddings.weight": (vocab, dim), "embeddings.position_embeddings.weight": (128, dim)}
    names = {"embeddings.LayerNorm": ()}
    for i in range(2):
        layer = f"transformer.layer.{i}"
        names |= {f"{layer}.attention.{part}_lin": (dim,) for part in ("q", "k", "v", "out")}
        names |= {f"{layer}.ffn.lin1": (dim,), f"{layer}.ffn.lin2": (dim,)}
        names |= {f"{layer}.sa_layer_norm": (), f"{layer}.output_layer_norm": ()}
    for name, wide in names.items():
        shapes |= {f"{name}.weight": (dim, *wide), f"{name}.bias": (dim,)}
    make.save_tensors(folder, make.random_tensors(shapes))
    config = {"model_type": "distilbert", "dim": dim, "hidden_dim": dim, "n_layers": 2, "n_heads": 4}
    config |= {"activation": "gelu", "max_position_embeddings": 128, "vocab_size": vocab, "pad_token_id": 0}
    make.write_json(folder / "config.json", config)
    return folder


def distilbert_vector(pooling):
    def vector(folder, prompt, text):
        x = ref.distilbert(make.read_tensors(folder), ref.token_ids(folder, prompt + text), heads=4, layers=2)
        return ref.unit({"mean": x.mean(axis=0), "cls": x[0], "max": x.max(axis=0), "lasttoken": x[-1]}[pooling])

    return vector


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken"])
def test_folder_of_transformers_with_stated_pooling_equals_the_reference(tmp_path, pooling):
    folder = distilbert(tmp_path / "model")
    embedder = load(folder, pooling=pooling)
    assert embedder.spec.loader == "library"
    assert_right(embedder, folder, distilbert_vector(pooling))


def test_pooling_is_part_of_the_fingerprint(tmp_path):
    folder = distilbert(tmp_path / "model")
    prints = {read_model(str(folder), pooling=pooling).fingerprint for pooling in ("mean", "cls", "max", "lasttoken")}
    assert len(prints) == 4


def test_pooler_that_a_model_has_not_is_an_error(tmp_path):
    with pytest.raises(ModelError):
        load(distilbert(tmp_path / "model"), pooling="pooler").embed(["soil"])


def test_pooling_of_two_kinds_is_twice_as_wide(tmp_path):
    folder = distilbert(tmp_path / "model")
    make.sentence_transformers(folder, "Pooling", dim=48)
    make.write_json(folder / "1_Pooling" / "config.json", {"embedding_dimension": 48, "pooling_mode": ["cls", "mean"]})
    embedder = load(folder)
    assert embedder.spec.dim == 96

    def vector(*given):
        return np.concatenate([distilbert_vector(kind)(*given) for kind in ("cls", "mean")])

    found = embedder.embed(make.TEXTS).vectors
    for text, row in zip(make.TEXTS, found, strict=True):
        np.testing.assert_allclose(ref.unit(row[:48]), vector(folder, "", text)[:48], atol=2e-6)
        np.testing.assert_allclose(ref.unit(row[48:]), vector(folder, "", text)[48:], atol=2e-6)


def test_row_that_promises_length_one_has_it_where_the_folder_names_no_module_for_it(tmp_path, monkeypatch):
    folder = distilbert(tmp_path / "model")
    row = replace(registry()["LEALLA-small"], architecture="distilbert", dim=48, max_tokens=128, pooling="mean")
    for normalize in (True, None):
        made = replace(row, normalize=normalize, similarity="dot")
        monkeypatch.setattr("recs.models.registry.registry", lambda made=made: {"mine": made})
        vectors = load(f"mine={folder}").embed(make.TEXTS).vectors
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6) == bool(normalize)


def test_module_that_normalizes_before_another_makes_no_vectors_of_length_one(tmp_path):
    layouts.bert(tmp_path, 48, positions=128)
    make.sentence_transformers(tmp_path, "Pooling", "Normalize", "Dense", dim=48, dense=[(48, 32, True)])
    assert not read_model(str(tmp_path)).normalize
    make.sentence_transformers(tmp_path, "Pooling", "Dense", "Normalize", dim=48, dense=[(48, 32, True)])
    assert read_model(str(tmp_path)).normalize


def test_xlm_roberta_with_a_dense_layer_equals_the_reference(tmp_path):
    layouts.bert(tmp_path / "model", 48, positions=130, kind="xlm-roberta")
    folder = tmp_path / "model"
    make.sentence_transformers(folder, "Pooling", "Dense", dim=48, dense=[(48, 32, True)], pooling="cls")
    embedder = load(folder)
    assert (embedder.spec.loader, embedder.spec.max_tokens) == ("library", 128)

    def vector(folder, prompt, text):
        w, ids = make.read_tensors(folder), ref.token_ids(folder, prompt + text)
        x = ref.bert(w, ids, heads=4, layers=layouts.LAYERS, first_position=2)[0]
        return ref.unit(ref.linear(make.read_tensors(folder / "2_Dense"), "linear", x))

    assert_right(embedder, folder, vector)


def test_context_window_ends_where_the_positions_do(tmp_path):
    layouts.bert(tmp_path, 48, positions=130, kind="xlm-roberta")
    make.sentence_transformers(tmp_path, "Pooling", dim=48, max_tokens=512)
    assert read_model(str(tmp_path)).max_tokens == 128  # the first two positions are the padding's


def test_include_prompt_false_keeps_the_prompt_out_of_any_model(copied):
    folder = copied("mdbr-leaf-mt")
    path = folder / "1_Pooling" / "config.json"
    make.write_json(path, {**json.loads(path.read_text()), "include_prompt": False})

    def vector(folder, prompt, text):
        start = len(ref.token_ids(folder, prompt)) - 1
        x = ref.bert(make.read_tensors(folder), ref.token_ids(folder, prompt + text), heads=4, layers=layouts.LAYERS)
        return ref.unit(ref.linear(make.read_tensors(folder / "2_Dense"), "linear", x[start:].mean(axis=0)))

    assert_right(load(folder), folder, vector, instruction="query: ")


# What is not as it should be.


def change_tensors(folder, change):
    tensors = dict(make.read_tensors(folder))
    tensors = {name: torch.from_numpy(values).float() for name, values in tensors.items()}
    change(tensors)
    make.save_tensors(folder, tensors)


def renamed(tensors):
    tensors["layers.0.mlp.up_prj.weight"] = tensors.pop("layers.0.mlp.up_proj.weight")


def dropped(tensors):
    for name in [name for name in tensors if name.startswith("layers.1.")]:
        del tensors[name]


def added(tensors):
    tensors["layers.2.mlp.up_proj.weight"] = torch.zeros(3)


def narrowed(tensors):
    tensors["norm.weight"] = tensors["norm.weight"][:7].clone()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (renamed, r"1 weights that Qwen3Model needs are missing .*up_proj.* and 1 are not part of it .*up_prj"),
        (dropped, r"weights that Qwen3Model needs are missing .*layers\.1\."),
        (added, r"0 weights .* are missing and 1 are not part of it .*layers\.2\."),
        (narrowed, "cannot load it"),
    ],
)
def test_weights_that_do_not_fit_refuse(copied, change, said):
    folder = copied("Qwen3-Embedding-0.6B")
    change_tensors(folder, change)
    with pytest.raises(ModelError, match=said):
        load(folder).embed(["soil"])


@pytest.mark.parametrize("change", [lambda t: t.pop("linear.bias"), lambda t: t.update(extra=torch.zeros(1))])
def test_weights_of_a_dense_layer_that_do_not_fit_refuse(copied, change):
    folder = copied("mdbr-leaf-mt")
    change_tensors(folder / "2_Dense", change)
    with pytest.raises(ModelError, match=r"2_Dense|cannot load it"):
        load(folder).embed(["soil"])


def test_dense_layer_without_weights_refuses(copied):
    folder = copied("mdbr-leaf-mt")
    (folder / "2_Dense" / "model.safetensors").unlink()
    with pytest.raises(ModelError):
        load(folder).embed(["soil"])


def test_weights_that_the_library_changed_on_the_way_refuse(built, monkeypatch):
    from recs.models.encoders import library

    def careless(*arguments):
        modules = whole(*arguments)
        modules[0].auto_model.norm.weight.data[3] += 1e-3
        return modules

    whole = library._load
    monkeypatch.setattr(library, "_load", careless)
    with pytest.raises(WeightsError, match=r"norm\.weight in memory is not that of the file"):
        load(built("Qwen3-Embedding-0.6B")).embed(["soil"])


def test_weights_without_a_pooler_that_no_vector_goes_through_are_taken(copied):
    folder = copied("mdbr-leaf-mt")
    change_tensors(folder, lambda t: [t.pop(f"pooler.dense.{part}") for part in ("weight", "bias")])
    assert_right(load(folder), folder, layouts.leaf_vector)


def test_jina_folder_in_the_hands_of_the_library_refuses(tmp_path):
    """What the usual code does: the config says BERT, so feed-forwards and positions are made up."""
    layouts.bert(tmp_path, 48, positions=128)

    def gate(tensors):
        tensors.pop("embeddings.position_embeddings.weight")
        for i in range(layouts.LAYERS):
            layer = f"encoder.layer.{i}"
            for name in [name for name in tensors if name.startswith((f"{layer}.inter", f"{layer}.output"))]:
                tensors.pop(name)
            tensors[f"{layer}.mlp.gated_layers.weight"] = torch.zeros(64, 48)
            tensors[f"{layer}.mlp.wo.weight"] = torch.zeros(48, 32)

    change_tensors(tmp_path, gate)
    make.write_json(tmp_path / "config.json", {**json.loads((tmp_path / "config.json").read_text())})
    spec = replace(read_model(str(tmp_path), pooling="mean"), loader="library")
    with pytest.raises(WeightsError, match=r"weights that BertModel needs are missing .* and 4 are not part of it"):
        load_encoder(spec, ModelTokenizer(tmp_path), device="cpu", precision="float32")


def test_architecture_that_the_library_has_not_is_refused_and_its_code_is_not_run(tmp_path):
    folder = distilbert(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    auto = {"AutoConfig": "modeling.Config", "AutoModel": "modeling.Model"}
    make.write_json(folder / "config.json", {**config, "model_type": "of_its_own", "auto_map": auto})
    (folder / "modeling.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ModelError, match="cannot load it"):
        load(folder, pooling="mean").embed(["soil"])
    make.sentence_transformers(folder, "Pooling", dim=48)
    with pytest.raises(ModelError, match="cannot load it"):
        load(folder).embed(["soil"])
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"idx": 2, "name": "2", "path": "", "type": "modeling.Head"})
    make.write_json(folder / "modules.json", modules)
    make.write_json(folder / "config.json", config)
    with pytest.raises(ModelError, match="cannot load it"):
        load(folder).embed(["soil"])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("architecture", "bert"),
        ("dim", 512),
        ("max_tokens", 256),
        ("pooling", "cls"),
        ("normalize", False),
        ("similarity", "dot"),
    ],
)
def test_row_that_the_files_contradict_names_both_values(built, monkeypatch, field, wrong):
    name = f"embeddinggemma-300m={built('embeddinggemma-300m')}"
    found = getattr(read_model(name), field)
    row = replace(registry()["embeddinggemma-300m"], **{field: wrong})
    monkeypatch.setattr("recs.models.registry.registry", lambda: {"embeddinggemma-300m": row})
    with pytest.raises(WeightsError, match=f"{field} is {found!r}, but embeddinggemma-300m has {wrong!r}"):
        read_model(name)


# Files of other kinds.


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["mdbr-leaf-mt", "Qwen3-Embedding-0.6B", "LEALLA-small"])
def test_weights_in_half_precision_are_computed_with_in_full(copied, name, dtype):
    folder = copied(name)
    tensors = {key: torch.from_numpy(values).to(dtype) for key, values in make.read_tensors(folder).items()}
    make.save_tensors(folder, tensors)
    config = json.loads((folder / "config.json").read_text())
    make.write_json(folder / "config.json", {**config, "torch_dtype": str(dtype).removeprefix("torch.")})
    assert_right(load(f"{name}={folder}"), folder, layouts.LAYOUTS[name][1])


def shard(folder):
    """Part the weights in two files and an index, as large models are published."""
    tensors = {name: torch.from_numpy(values).float() for name, values in make.read_tensors(folder).items()}
    names = sorted(tensors)
    files = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for file, part in zip(files, (names[::2], names[1::2]), strict=True):
        make.save_tensors(folder, {name: tensors[name] for name in part}, file)
    where = {name: files[i % 2] for i, name in enumerate(names)}
    make.write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": where})
    (folder / "model.safetensors").unlink()
    return folder / files[1]


@pytest.mark.parametrize("name", ["Qwen3-Embedding-0.6B", "LEALLA-small"])
def test_weights_in_two_files_with_an_index_are_taken_and_one_file_alone_refuses(copied, name):
    folder = copied(name)
    second = shard(folder)
    assert_right(load(f"{name}={folder}"), folder, layouts.LAYOUTS[name][1])
    second.unlink()
    with pytest.raises(ModelError):
        load(f"{name}={folder}").embed(["soil"])


# Static models.


def test_static_of_sentence_transformers_equals_the_reference(tmp_path):
    vocab = make.words(tmp_path / "0_StaticEmbedding")
    make.save_tensors(tmp_path / "0_StaticEmbedding", make.random_tensors({"embedding.weight": (vocab, 24)}))
    base = "sentence_transformers.models"
    listed = [{"idx": 0, "name": "0", "path": "0_StaticEmbedding", "type": f"{base}.StaticEmbedding"}]
    make.write_json(tmp_path / "modules.json", listed)
    table = make.read_tensors(tmp_path / "0_StaticEmbedding")["embedding.weight"]
    embedder = load(tmp_path)
    assert (embedder.spec.loader, embedder.spec.dim, embedder.spec.normalize) == ("static", 24, False)

    def vector(folder, prompt, text):  # here an unknown word is a word
        return ref.unit(table[ref.token_ids(folder / "0_StaticEmbedding", prompt + text)].mean(axis=0))

    assert_right(embedder, tmp_path, vector)
    make.write_json(tmp_path / "modules.json", [*listed, {"path": "1_Dense", "type": f"{base}.Dense"}])
    make.write_json(tmp_path / "1_Dense" / "config.json", {"in_features": 24, "out_features": 8})
    with pytest.raises(ModelError, match="Dense after a table of vectors, which recs cannot run"):
        load(tmp_path)


def test_static_of_model2vec_without_modules_is_normalized_where_it_says_so(copied):
    folder = copied("potion-base-8M")
    (folder / "modules.json").unlink()
    assert_right(load(folder), folder, layouts.static_vector)
    make.write_json(folder / "config.json", {"model_type": "model2vec", "normalize": False})
    make.write_json(folder / "config_sentence_transformers.json", {"similarity_fn_name": "dot"})
    embedder = load(folder)
    assert not embedder.spec.normalize
    long = embedder.embed(["soil"]).vectors[0]
    assert abs(np.linalg.norm(long) - 1) > 0.1
    np.testing.assert_allclose(ref.unit(long), layouts.static_vector(folder, "", "soil"), atol=1e-6)


def test_static_leaves_unknown_words_out_and_keeps_a_text_of_nothing_else(built):
    embedder = load(built("potion-base-8M"))
    known, mixed, unknown = embedder.embed(["soil seed", "soil zzz seed qqq", "zzz qqq"]).vectors
    np.testing.assert_array_equal(known, mixed)
    assert np.isclose(np.linalg.norm(unknown), 1)


def test_static_text_without_tokens_is_an_error(copied):
    folder = copied("potion-base-8M")
    content = json.loads((folder / "tokenizer.json").read_text())
    content["normalizer"] = {"type": "Replace", "pattern": {"String": "\u200b"}, "content": ""}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(EmbeddingError, match=r"begins '\\u200b' has no tokens"):
        load(folder).embed(["soil", "\u200b"])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("mapping", lambda t: t["mapping"][:-1]),
        ("mapping", lambda t: t["mapping"] + 1000),
        ("weights", lambda t: t["weights"][1:]),
        ("more", lambda t: torch.zeros(3)),
        ("embedings", lambda t: t.pop("embeddings")),
        ("embeddings", lambda t: t["embeddings"][:2].clone()),
    ],
)
def test_static_with_tensors_that_do_not_fit_refuses(copied, name, values):
    from safetensors.torch import load_file

    folder = copied("potion-base-8M")
    tensors = load_file(folder / "model.safetensors")
    tensors[name] = values(tensors)
    make.save_tensors(folder, tensors)
    with pytest.raises(
        WeightsError, match=r"expected 256 dimensions, the \d+ tokens of its tokenizer and nothing else"
    ):
        load(f"potion-base-8M={folder}").embed(["soil"])


def test_static_in_bfloat16_equals_the_reference(tmp_path):
    layouts.static(tmp_path, 256, dtype="bfloat16")
    assert_right(load(f"potion-base-8M={tmp_path}"), tmp_path, layouts.static_vector)


@pytest.mark.parametrize("cut", [4, 40, -8])
def test_static_with_torn_weights_refuses(copied, cut):
    folder = copied("potion-base-8M")
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:cut])
    with pytest.raises(ModelError):
        load(folder).embed(["soil"])


@pytest.mark.parametrize("header", [b"\xff" * 8, b"\x02" + b"\0" * 7 + b"{}", b"\0" * 8, b"[" * 4096])
def test_static_with_a_hostile_header_refuses(copied, header):
    folder = copied("potion-base-8M")
    (folder / "model.safetensors").write_bytes(header)
    with pytest.raises(ModelError):
        load(folder)


def test_static_needs_neither_torch_nor_safetensors(built):
    program = (
        "import sys\nsys.modules |= dict.fromkeys(['torch', 'safetensors', 'sentence_transformers', 'transformers'])\n"
        "import recs; print(recs.load_embedder(sys.argv[1]).embed(['soil']).vectors.shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(built("potion-base-8M"))], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "(1, 256)", done.stderr
