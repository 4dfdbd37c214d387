"""The BERT family against forward passes written here with loops and float64, on checkpoints laid out as on the hub."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf

from recs.errors import EmbeddingError, ModelError, OptionError, WeightsError
from recs.models.encoders import bert, check_device, kernels
from recs.models.encoders.packing import pack
from recs.models.folder import read_model
from recs.models.tokenizer import ModelTokenizer

torch = pytest.importorskip("torch")
tokenizers = pytest.importorskip("tokenizers")

HIDDEN, INNER, LAYERS, HEADS, PLACES = 48, 80, 2, 6, 300
LETTERS = "abcdefghijklmnopqrstuvwxyz"
VOCABULARY = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", *LETTERS, *(f"##{letter}" for letter in LETTERS), "soil", "seed", "."]
SIZES = {"hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
KINDS = {
    "bert": {"model_type": "bert", "type_vocab_size": 2, "position_embedding_type": "absolute", "pad_token_id": 1},
    "xlm-roberta": {"model_type": "xlm-roberta", "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1},
    "mpnet": {"model_type": "mpnet", "relative_attention_num_buckets": 32, "layer_norm_eps": 1e-5, "pad_token_id": 1},
    "jina_bert": {
        "model_type": "bert",
        "type_vocab_size": 2,
        "position_embedding_type": "alibi",
        "feed_forward_type": "geglu",
        "pad_token_id": 1,
    },
}
TEXTS = [
    "soil seed soil",
    "seed",
    "a text of some more words, and of signs. " * 5,
    "z" * 60 + " soil",
    "q soil seed",
    "seed . " * 95,
    "soil . " * 95,
]


# Checkpoints.


def shapes_of(kind, *, layers=LAYERS, pooler=True):
    """Names and shapes as the hub holds them, written down apart from the code under test."""
    vectors, matrices = ["embeddings.LayerNorm"], {}
    tables = {"embeddings.word_embeddings.weight": (len(VOCABULARY), HIDDEN)}
    if kind != "jina_bert":
        tables["embeddings.position_embeddings.weight"] = (PLACES, HIDDEN)
    if kind == "mpnet":
        tables["encoder.relative_attention_bias.weight"] = (32, HEADS)
    else:
        tables["embeddings.token_type_embeddings.weight"] = (KINDS[kind]["type_vocab_size"], HIDDEN)
    for i in range(layers):
        at = f"encoder.layer.{i}"
        if kind == "mpnet":
            matrices |= {f"{at}.attention.attn.{name}": (HIDDEN, HIDDEN) for name in "qkvo"}
            vectors.append(f"{at}.attention.LayerNorm")
        else:
            names = ("self.query", "self.key", "self.value", "output.dense")
            matrices |= {f"{at}.attention.{name}": (HIDDEN, HIDDEN) for name in names}
            vectors.append(f"{at}.attention.output.LayerNorm")
        if kind == "jina_bert":
            tables[f"{at}.mlp.gated_layers.weight"] = (2 * INNER, HIDDEN)
            matrices[f"{at}.mlp.wo"] = (HIDDEN, INNER)
            vectors.append(f"{at}.mlp.layernorm")
        else:
            matrices |= {f"{at}.intermediate.dense": (INNER, HIDDEN), f"{at}.output.dense": (HIDDEN, INNER)}
            vectors.append(f"{at}.output.LayerNorm")
    if pooler:
        matrices["pooler.dense"] = (HIDDEN, HIDDEN)
    for name in vectors:
        tables |= {f"{name}.weight": (HIDDEN,), f"{name}.bias": (HIDDEN,)}
    for name, shape in matrices.items():
        tables |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return tables


def checkpoint(folder, kind, *, layers=LAYERS, pooler=True, prefix="", change=None, **config):
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    tensors = {}
    for name, shape in shapes_of(kind, layers=layers, pooler=pooler).items():
        scale = 1 / math.sqrt(shape[1]) if len(shape) == 2 and "embeddings" not in name else 0.3
        values = rng.standard_normal(shape) * scale * (6 if "query" in name or "attn.q" in name else 1)
        is_gain = name.endswith(".weight") and len(shape) == 1
        tensors[prefix + name] = torch.from_numpy((values + is_gain).astype(np.float32))
    if change:
        change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    values = SIZES | KINDS[kind] | {"vocab_size": len(VOCABULARY), "hidden_act": "gelu"}
    values |= {"max_position_embeddings": 8192 if kind == "jina_bert" else PLACES, "num_hidden_layers": layers}
    (folder / "config.json").write_text(json.dumps(values | config))
    made = tokenizers.Tokenizer(
        tokenizers.models.WordPiece({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]")
    )
    made.normalizer = tokenizers.normalizers.BertNormalizer()
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    return folder


def encoder(folder, pooling="mean", *, precision="float32", **changes):
    from dataclasses import replace

    spec = replace(read_model(str(folder), pooling=pooling), **changes)
    return bert.BertEncoder(spec, ModelTokenizer(folder), device="cpu", precision=precision)


# The reference: one text at a time, one head at a time, no padding.


def reference(folder, kind, texts, pooling, *, layers=LAYERS):
    from safetensors.numpy import load_file

    w = {name: tensor.astype(np.float64) for name, tensor in load_file(folder / "model.safetensors").items()}
    eps = json.loads((folder / "config.json").read_text()).get("layer_norm_eps", 1e-12)
    return np.array(
        [pooled(w, states(w, kind, ids, eps, layers), pooling) for ids in ModelTokenizer(folder).ids(texts)]
    )


def states(w, kind, ids, eps, layers):
    n = len(ids)
    x = w["embeddings.word_embeddings.weight"][ids]
    if kind != "mpnet":
        x = x + w["embeddings.token_type_embeddings.weight"][0]
    if kind != "jina_bert":
        first = 0 if kind == "bert" else 2
        x = x + w["embeddings.position_embeddings.weight"][first : first + n]
    x = norm(w, "embeddings.LayerNorm", x, eps)
    names = ("attn.q", "attn.k", "attn.v") if kind == "mpnet" else ("self.query", "self.key", "self.value")
    for i in range(layers):
        at = f"encoder.layer.{i}"
        q, k, v = (product(w, f"{at}.attention.{name}", x) for name in names)
        size = HIDDEN // HEADS
        mixed = np.empty_like(x)
        for head in range(HEADS):
            part = slice(head * size, (head + 1) * size)
            scores = q[:, part] @ k[:, part].T / math.sqrt(size)
            for row in range(n):
                scores[row] += [distance_bias(w, kind, head, column - row) for column in range(n)]
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            mixed[:, part] = weights / weights.sum(axis=1, keepdims=True) @ v[:, part]
        out = f"{at}.attention.attn.o" if kind == "mpnet" else f"{at}.attention.output.dense"
        after = f"{at}.attention.LayerNorm" if kind == "mpnet" else f"{at}.attention.output.LayerNorm"
        x = norm(w, after, product(w, out, mixed) + x, eps)
        if kind == "jina_bert":
            wide = x @ w[f"{at}.mlp.gated_layers.weight"].T
            wide = gelu(wide[:, :INNER]) * wide[:, INNER:]
            x = norm(w, f"{at}.mlp.layernorm", product(w, f"{at}.mlp.wo", wide) + x, eps)
        else:
            wide = gelu(product(w, f"{at}.intermediate.dense", x))
            x = norm(w, f"{at}.output.LayerNorm", product(w, f"{at}.output.dense", wide) + x, eps)
    return x


def distance_bias(w, kind, head, distance):
    if kind == "jina_bert":  # ALiBi for six heads: four of the series for four, then two of the series for eight
        return -abs(distance) * [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3][head]
    if kind != "mpnet":
        return 0
    steps = abs(distance)
    far = 8 + int(math.log(max(steps, 1) / 8) / math.log(16) * 8 + 1e-9)
    bucket = (steps if steps < 8 else min(far, 15)) + 16 * (distance > 0)
    return w["encoder.relative_attention_bias.weight"][bucket, head]


def pooled(w, x, pooling):
    if pooling == "pooler":
        return np.tanh(product(w, "pooler.dense", x[0]))
    return {"mean": x.mean(axis=0), "cls": x[0], "max": x.max(axis=0)}[pooling]


def product(w, name, x):
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def norm(w, name, x, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(centred.var(axis=-1, keepdims=True) + eps) * w[f"{name}.weight"] + w[f"{name}.bias"]


def gelu(x):
    return x * (1 + erf(x / math.sqrt(2))) / 2


def cosines(a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


# Right.


CASES = [(kind, "mean") for kind in KINDS] + [
    ("bert", "cls"),
    ("bert", "max"),
    ("jina_bert", "cls"),
    ("bert", "pooler"),
]


@pytest.mark.parametrize(("kind", "pooling"), CASES)
def test_encode_equals_the_reference_forward_pass(tmp_path, kind, pooling):
    folder = checkpoint(tmp_path, kind)
    expected = reference(folder, kind, TEXTS, pooling)
    np.testing.assert_allclose(encoder(folder, pooling).encode(TEXTS), expected, atol=2e-5)
    assert cosines(encoder(folder, pooling, precision="bfloat16").encode(TEXTS), expected).min() > 0.998


def test_encode_of_24_thin_layers_with_pooler_equals_the_reference(tmp_path):
    """As LEALLA: without modules.json, its vector is the pooler's."""
    folder = checkpoint(tmp_path, "bert", layers=24)
    expected = reference(folder, "bert", TEXTS, "pooler", layers=24)
    np.testing.assert_allclose(encoder(folder, "pooler").encode(TEXTS), expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["jina_bert", "mpnet"])
@pytest.mark.parametrize("block", [1, 20_000])
def test_encode_in_blocks_of_queries_equals_the_whole(tmp_path, monkeypatch, kind, block):
    made = encoder(checkpoint(tmp_path, kind))
    whole = made.encode(TEXTS)
    monkeypatch.setattr(bert, "_BLOCK", block)
    np.testing.assert_allclose(made.encode(TEXTS), whole, atol=2e-6)


def test_encode_with_the_gelu_that_the_config_names(tmp_path):
    exact = encoder(checkpoint(tmp_path / "a", "bert")).encode(TEXTS)
    approximate = encoder(checkpoint(tmp_path / "b", "bert", hidden_act="gelu_new")).encode(TEXTS)
    assert 1e-5 < np.abs(exact - approximate).max() < 1e-2


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_encode_without_fused_kernels_is_the_same_within_rounding(tmp_path, monkeypatch, precision):
    folder = checkpoint(tmp_path, "jina_bert")
    fused = encoder(folder, precision=precision).encode(TEXTS)
    monkeypatch.setattr(kernels, "has_fused_linear", lambda dtype: False)
    plain = encoder(folder, precision=precision).encode(TEXTS)
    assert cosines(fused, plain).min() > (0.999 if precision == "bfloat16" else 1 - 1e-9)


def test_fused_kernels_that_give_something_else_are_not_used(monkeypatch):
    class Operators:
        def __init__(self, factor):
            self.factor = factor
            self._linear_pointwise = self
            self.binary = lambda x, other, weight, bias, _: self(x, weight, bias, "none") + other

        def _reorder_linear_weight(self, weight):
            return weight

        def __call__(self, x, weight, bias, attribute, *rest):
            product = self.factor * torch.nn.functional.linear(x, weight, bias)
            return torch.nn.functional.gelu(product) if attribute == "gelu" else product

    check = kernels.has_fused_linear.__wrapped__
    for operators, expected in ((Operators(1), True), (Operators(1.0001), False), (object(), False)):
        monkeypatch.setattr(torch.ops, "mkldnn", operators)
        assert check(torch.float32) == expected


@pytest.mark.parametrize("kind", ["bert", "jina_bert"])
def test_encode_does_not_depend_on_what_stands_beside_a_text(tmp_path, kind):
    made = encoder(checkpoint(tmp_path, kind))
    together = made.encode(TEXTS)
    alone = np.concatenate([made.encode([text]) for text in TEXTS])
    assert cosines(together, alone).min() > 1 - 1e-9
    assert (
        cosines(
            made.encode(TEXTS[:3] + ["soil"] * 40), np.concatenate([alone[:3], [made.encode(["soil"])[0]] * 40])
        ).min()
        > 1 - 1e-9
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_encode_in_another_order_gives_the_same_bytes(tmp_path, precision):
    made = encoder(checkpoint(tmp_path, "bert"), precision=precision)
    texts = [f"{letter} soil seed " * (i % 7 + 1) for i, letter in enumerate(LETTERS)] + TEXTS
    order = np.random.default_rng(0).permutation(len(texts))
    np.testing.assert_array_equal(made.encode([texts[i] for i in order]), made.encode(texts)[order])


def test_encode_leaves_the_prompt_out_of_the_mean_where_the_model_does(tmp_path):
    folder = checkpoint(tmp_path, "bert")
    made = encoder(folder, pool_prompt=False)
    prompt = "seed soil . "
    texts = [prompt + text for text in TEXTS[:5]]
    from safetensors.numpy import load_file

    w = {name: tensor.astype(np.float64) for name, tensor in load_file(folder / "model.safetensors").items()}
    expected = [states(w, "bert", ids, 1e-12, LAYERS)[4:].mean(axis=0) for ids in ModelTokenizer(folder).ids(texts)]
    np.testing.assert_allclose(made.encode(texts, prompt=prompt), expected, atol=2e-5)
    assert cosines(made.encode(texts, prompt=prompt), made.encode(texts)).min() < 0.999


def test_encode_normalizes_where_the_model_has_a_module_for_it(tmp_path):
    vectors = encoder(checkpoint(tmp_path, "bert"), normalize=True).encode(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_encode_text_past_the_positions_is_an_error(tmp_path):
    with pytest.raises(EmbeddingError, match=r"a text of 302 tokens, but .* takes 300"):
        encoder(checkpoint(tmp_path, "bert")).encode(["seed " * 300])
    roberta = encoder(checkpoint(tmp_path / "roberta", "xlm-roberta"))
    assert roberta.encode(["seed " * 296]).shape == (1, HIDDEN)
    with pytest.raises(EmbeddingError, match="takes 298"):
        roberta.encode(["seed " * 297])


def test_encode_of_many_sheets_in_threads_gives_the_bytes_of_one_thread(tmp_path):
    made = encoder(checkpoint(tmp_path, "bert"), precision="bfloat16")
    texts = [f"{letter} soil " * 40 for letter in LETTERS] * 3
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = made.encode(texts)
        torch.set_num_threads(3)
        np.testing.assert_array_equal(made.encode(texts), expected)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


# Strict.


@pytest.mark.parametrize("prefix", ["", "bert."])
@pytest.mark.parametrize("pooler", [True, False])
def test_weights_with_prefix_or_without_pooler_are_taken(tmp_path, prefix, pooler):
    plain = encoder(checkpoint(tmp_path / "plain", "bert")).encode(TEXTS)
    position_ids = {f"{prefix}embeddings.position_ids": torch.arange(PLACES)[None]}
    folder = checkpoint(
        tmp_path / "other", "bert", prefix=prefix, pooler=pooler, change=lambda tensors: tensors.update(position_ids)
    )
    np.testing.assert_array_equal(encoder(folder).encode(TEXTS), plain)


def test_weights_in_several_files_and_half_precision_are_taken(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = checkpoint(tmp_path, "bert")
    expected = encoder(folder).encode(TEXTS)
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    (folder / "model.safetensors").unlink()
    save_file({name: tensors[name].half() for name in names[:20]}, folder / "model-00001-of-00002.safetensors")
    save_file({name: tensors[name] for name in names[20:]}, folder / "model-00002-of-00002.safetensors")
    assert cosines(encoder(folder).encode(TEXTS), expected).min() > 0.99999


def rename(tensors):
    tensors["encoder.layer.0.attention.self.query.wait"] = tensors.pop("encoder.layer.0.attention.self.query.weight")


def drop(tensors):
    del tensors["encoder.layer.1.output.dense.bias"]


def add(tensors):
    tensors["cls.predictions.bias"] = torch.zeros(7)


def reshape(tensors):
    tensors["encoder.layer.1.output.dense.weight"] = tensors["encoder.layer.1.output.dense.weight"].T.contiguous()


def round_off(tensors):
    tensors["embeddings.LayerNorm.bias"] = tensors["embeddings.LayerNorm.bias"].to(torch.int8)


def halve_pooler(tensors):
    del tensors["pooler.dense.bias"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (rename, "1 weights .* missing .*query.weight.* 1 are not part .*query.wait"),
        (
            drop,
            r"1 weights that bert needs are missing \(the first is encoder.layer.1.output.dense.bias\) and 0 are not",
        ),
        (add, r"0 weights .* 1 are not part of it \(the first is cls.predictions.bias\)"),
        (reshape, r"layer.1.output.dense.weight is a float32 of shape \(80, 48\), .* shape \(48, 80\)"),
        (round_off, "LayerNorm.bias is a int8"),
        (halve_pooler, "1 weights .*pooler.dense.bias"),
    ],
)
def test_weights_of_another_architecture_are_refused(tmp_path, change, said):
    with pytest.raises(WeightsError, match=said):
        encoder(checkpoint(tmp_path, "bert", change=change))


def test_weights_without_the_pooler_that_is_needed_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"2 weights .*pooler.dense.bias"):
        encoder(checkpoint(tmp_path, "bert", pooler=False), "pooler")


def test_weights_there_twice_or_torn_are_refused(tmp_path):
    folder = checkpoint(tmp_path, "bert")
    content = (folder / "model.safetensors").read_bytes()
    (folder / "other.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="there twice"):
        encoder(folder)
    (folder / "other.safetensors").write_bytes(content[:1000])
    with pytest.raises(WeightsError, match="not a whole safetensors file"):
        encoder(folder)


def test_jina_weights_under_the_config_of_a_bert_are_refused_and_the_other_way_round(tmp_path):
    with pytest.raises(WeightsError, match=r"\d+ weights that bert needs are missing .* \d+ are not part"):
        encoder(
            checkpoint(tmp_path / "a", "jina_bert", position_embedding_type="absolute", feed_forward_type="original")
        )
    with pytest.raises(WeightsError, match=r"\d+ weights that jina_bert needs are missing .* \d+ are not part"):
        encoder(checkpoint(tmp_path / "b", "bert", position_embedding_type="alibi"))


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("bert", {"hidden_act": "relu"}),
        ("bert", {"is_decoder": True}),
        ("bert", {"add_cross_attention": True}),
        ("bert", {"position_embedding_type": "relative_key"}),
        ("bert", {"feed_forward_type": "geglu"}),
        ("jina_bert", {"feed_forward_type": "reglu"}),
        ("bert", {"num_attention_heads": 7}),
        ("bert", {"intermediate_size": None}),
        ("bert", {"vocab_size": "many"}),
    ],
)
def test_config_that_asks_for_what_is_not_implemented_is_refused(tmp_path, kind, config):
    with pytest.raises(ModelError, match=f"{next(iter(config))}|heads|sizes"):
        encoder(checkpoint(tmp_path, kind, **config))


def test_tokenizer_of_another_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"tokenizer has 59 tokens, its model 50"):
        encoder(
            checkpoint(
                tmp_path,
                "bert",
                vocab_size=50,
                change=lambda tensors: tensors.update({"embeddings.word_embeddings.weight": torch.zeros(50, HIDDEN)}),
            )
        )


@pytest.mark.parametrize("kind", ["BertTokenizer", "PreTrainedTokenizerFast"])
def test_tokenizer_whose_files_disagree_is_refused_where_the_other_file_would_win(tmp_path, kind):
    folder = checkpoint(tmp_path, "bert")
    config = {"tokenizer_class": kind, "do_lower_case": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    if kind == "BertTokenizer":
        with pytest.raises(ModelError, match=r"do_lower_case is False in tokenizer_config.json and True in"):
            ModelTokenizer(folder)
        config["do_lower_case"] = True
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    assert ModelTokenizer(folder).ids(["SOIL"]) == ModelTokenizer(folder).ids(["soil"])


def test_device_that_torch_cannot_use_is_an_error_and_never_another_device(monkeypatch):
    check_device("cpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(OptionError, match=r"device is 'cuda:1', but torch .* cannot use it; .* or take cpu\.$"):
        check_device("cuda:1")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    check_device("cuda:0")
    with pytest.raises(OptionError, match="device is 'cuda:1', but torch sees 1 GPUs, counted from 0"):
        check_device("cuda:1")


# Packing.


@given(st.lists(st.integers(1, 200) | st.integers(1, 9), min_size=1, max_size=80), st.sampled_from([64, 256, 2048]))
def test_pack_places_every_text_once_whole_and_alone(lengths, tokens):
    ids = [[1 + i] * length for i, length in enumerate(lengths)]
    seen = []
    for sheet in pack(ids, tokens=tokens):
        assert sheet.width % 16 == 0
        assert sheet.rows * sheet.width <= tokens or sheet.rows == 1
        assert len(sheet.ids) == sheet.rows * sheet.width
        for m, (text, start, length) in enumerate(zip(sheet.texts, sheet.starts, sheet.lengths, strict=True)):
            cells = slice(start, start + length)
            assert sheet.ids[cells].tolist() == ids[text]
            assert sheet.positions[cells].tolist() == list(range(length))
            assert (sheet.owners == m + 1).nonzero()[0].tolist() == list(range(start, start + length))
            assert start // sheet.width == (start + length - 1) // sheet.width
        rows = (sheet.starts // sheet.width).tolist()
        assert [rows[:m].count(row) for m, row in enumerate(rows)] == sheet.slots.tolist()
        seen += sheet.texts.tolist()
    assert sorted(seen) == list(range(len(ids)))


def test_pack_wastes_little():
    rng = np.random.default_rng(0)
    for low, high, share in ((5, 40, 0.15), (180, 257, 0.06), (20, 120, 0.15)):
        ids = [[1] * n for n in rng.integers(low, high, 2000)]
        sheets = list(pack(ids, tokens=2048))
        assert sum(len(sheet.ids) for sheet in sheets) < (1 + share) * sum(map(len, ids))


@given(st.permutations(range(30)))
def test_pack_in_another_order_is_the_same(order):
    ids = [[i % 5, *range(i % 11)] for i in range(30)]
    one = [sheet.ids.tolist() for sheet in pack(ids, tokens=128)]
    assert one == [sheet.ids.tolist() for sheet in pack([ids[i] for i in order], tokens=128)]


# Beside the libraries.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"), [("bert", "BertModel"), ("xlm-roberta", "XLMRobertaModel"), ("mpnet", "MPNetModel")]
)
def test_encode_equals_the_class_of_transformers(tmp_path, kind, name):
    transformers = pytest.importorskip("transformers")
    folder = checkpoint(tmp_path, kind)
    model = getattr(transformers, name).from_pretrained(folder).eval()
    ids = ModelTokenizer(folder).ids(TEXTS)
    with torch.inference_mode():
        expected = [
            model(torch.tensor([one]), torch.ones(1, len(one))).last_hidden_state[0].mean(0).numpy() for one in ids
        ]
    np.testing.assert_allclose(encoder(folder).encode(TEXTS), np.array(expected), atol=2e-5)


@pytest.mark.slow
def test_jina_folder_that_transformers_loads_wrong_is_right_here(tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = checkpoint(tmp_path, "jina_bert")
    transformers.logging.set_verbosity_error()
    theirs = transformers.BertModel.from_pretrained(folder).eval()
    ids = ModelTokenizer(folder).ids(TEXTS)
    with torch.inference_mode():
        wrong = np.array([theirs(torch.tensor([one])).last_hidden_state[0].mean(0).numpy() for one in ids])
    expected = reference(folder, "jina_bert", TEXTS, "mean")
    assert cosines(wrong, expected).max() < 0.9
    np.testing.assert_allclose(encoder(folder).encode(TEXTS), expected, atol=2e-5)


@pytest.mark.model
@pytest.mark.slow
def test_minilm_equals_sentence_transformers_within_the_stated_bounds():
    library = pytest.importorskip("sentence_transformers")
    spec = read_model("all-MiniLM-L6-v2")
    texts = [
        "How do I reset my card?",
        "x",
        "Garlic is planted in autumn; it needs the cold. " * 18,
        "naïve co-operation — 日本語 too",
        *(f"Question {i} about soil, seeds and the weather in May" for i in range(60)),
    ]
    expected = library.SentenceTransformer(str(spec.folder), device="cpu").encode(texts)
    for precision, bound in (("float32", 0.999999), ("bfloat16", 0.9995)):
        made = bert.BertEncoder(spec, ModelTokenizer(spec.folder), device="cpu", precision=precision)
        assert cosines(made.encode(texts), expected).min() > bound


@pytest.mark.model
@pytest.mark.slow
def test_encode_imports_neither_transformers_nor_sentence_transformers():
    code = (
        "import sys; from recs.models.folder import read_model; from recs.models.tokenizer import ModelTokenizer;"
        "from recs.models.encoders.bert import BertEncoder; spec = read_model('all-MiniLM-L6-v2');"
        "BertEncoder(spec, ModelTokenizer(spec.folder), device='cpu', precision='float32').encode(['one text']);"
        "heavy = {'transformers', 'sentence_transformers', 'torch._dynamo', 'sympy', 'sklearn', 'safetensors'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
def test_encode_of_8192_tokens_takes_memory_for_a_block_not_for_all_pairs(tmp_path):
    """All pairs of six heads in float32 would be 1.6 GB."""
    folder = checkpoint(tmp_path, "jina_bert", layers=1)
    code = f"""
import resource
from recs.models.folder import read_model
from recs.models.tokenizer import ModelTokenizer
from recs.models.encoders.bert import BertEncoder
spec = read_model({str(folder)!r}, pooling="mean")
made = BertEncoder(spec, ModelTokenizer(spec.folder), device="cpu", precision="float32")
made.encode(["seed " * 100])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
made.encode(["seed " * 8190])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 300_000  # kB
