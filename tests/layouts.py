"""The registry's models in small: the real dimensions and file layouts, few layers, random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import checkpoints as make
import numpy as np
import references as ref

WIDE, LAYERS = 32, 2
_GEMMA_WINDOW = 8  # of which half on each side
Reference = Callable[[Path, str, str], Any]
"""Called with the folder, a prompt and a text: the vector, of length 1, by an independent computation."""


def bert(
    folder: Path,
    dim: int,
    *,
    layers: int = LAYERS,
    positions: int = 512,
    pooler: bool = True,
    prefix: str = "",
    kind: str = "bert",
) -> None:
    roberta = kind == "xlm-roberta"
    vocab = (make.unigram if roberta else make.word_piece)(
        folder, max_tokens=positions - 2 * roberta, kind="XLMRobertaTokenizer" if roberta else "BertTokenizer"
    )
    shapes = ref.bert_shapes(vocab, dim=dim, wide=WIDE, layers=layers, positions=positions, pooler=pooler)
    if roberta:
        shapes["embeddings.token_type_embeddings.weight"] = (1, dim)
    make.save_tensors(folder, {prefix + name: tensor for name, tensor in make.random_tensors(shapes).items()})
    config = {
        "architectures": ["XLMRobertaModel" if roberta else "BertModel"],
        "model_type": kind,
        "hidden_size": dim,
        "intermediate_size": WIDE,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": positions,
        "type_vocab_size": 1 if roberta else 2,
        "vocab_size": vocab,
        "pad_token_id": 1 if roberta else 0,
        "position_embedding_type": "absolute",
    }
    make.write_json(folder / "config.json", config | ({"bos_token_id": 0, "eos_token_id": 2} if roberta else {}))


def bert_vector(folder: Path, prompt: str, text: str, pooling: str = "mean", first_position: int = 0) -> Any:
    w = make.read_tensors(folder)
    x = ref.bert(w, ref.token_ids(folder, prompt + text), heads=4, layers=LAYERS, first_position=first_position)
    if pooling == "pooler":
        return ref.unit(np.tanh(ref.linear(w, "pooler.dense", x[0])))
    return ref.unit({"mean": x.mean(axis=0), "cls": x[0], "max": x.max(axis=0)}[pooling])


def leaf(folder: Path) -> None:
    """MongoDB/mdbr-leaf-mt: a BERT of 384 dimensions and a Dense to 1,024."""
    bert(folder, 384)
    make.sentence_transformers(
        folder, "Pooling", "Dense", "Normalize", dim=384, dense=[(384, 1024, True)], old=False, max_tokens=512
    )


def leaf_vector(folder: Path, prompt: str, text: str) -> Any:
    x = ref.bert(make.read_tensors(folder), ref.token_ids(folder, prompt + text), heads=4, layers=LAYERS).mean(axis=0)
    return ref.unit(ref.linear(make.read_tensors(folder / "2_Dense"), "linear", x))


def instructor(folder: Path, dim: int = 1024, *, both: bool = False) -> None:
    """hkunlp/instructor-*: a T5 encoder, a mean, a Dense without bias; the pooling config is old, its dim wrong."""
    vocab, heads, size = make.unigram(folder, max_tokens=512), 4, 8
    shapes: dict[str, Sequence[int]] = {
        "shared.weight": (vocab, dim),
        "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": (32, heads),
        "encoder.final_layer_norm.weight": (dim,),
    }
    for i in range(LAYERS):
        block = f"encoder.block.{i}.layer"
        shapes |= {f"{block}.0.SelfAttention.{part}.weight": (heads * size, dim) for part in "qkv"}
        shapes |= {f"{block}.0.SelfAttention.o.weight": (dim, heads * size)}
        shapes |= {f"{block}.{j}.layer_norm.weight": (dim,) for j in (0, 1)}
        shapes |= {f"{block}.1.DenseReluDense.wi.weight": (WIDE, dim)}
        shapes |= {f"{block}.1.DenseReluDense.wo.weight": (dim, WIDE)}
    tensors = make.random_tensors(shapes)
    if both:
        tensors["encoder.embed_tokens.weight"] = tensors["shared.weight"].clone()
    make.save_tensors(folder, tensors)
    config = {
        "architectures": ["T5EncoderModel"],
        "model_type": "t5",
        "d_model": dim,
        "d_kv": size,
        "d_ff": WIDE,
        "num_heads": heads,
        "num_layers": LAYERS,
        "num_decoder_layers": LAYERS,
        "n_positions": 512,
        "vocab_size": vocab,
        "feed_forward_proj": "relu",
        "relative_attention_num_buckets": 32,
        "layer_norm_epsilon": 1e-06,
        "is_encoder_decoder": True,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
        "use_cache": True,
    }
    make.write_json(folder / "config.json", config)
    make.sentence_transformers(
        folder, "Pooling", "Dense", "Normalize", dim=768, dense=[(dim, 768, False)], max_tokens=512
    )


def instructor_vector(folder: Path, prompt: str, text: str) -> Any:
    skipped = len(ref.token_ids(folder, prompt, special=False))
    x = ref.t5(make.read_tensors(folder), ref.token_ids(folder, prompt + text), heads=4, layers=LAYERS)
    return ref.unit(ref.linear(make.read_tensors(folder / "2_Dense"), "linear", x[skipped:].mean(axis=0)))


def modernbert(folder: Path, dim: int) -> None:
    """ibm-granite/granite-embedding-small-english-r2, Alibaba-NLP/gte-modernbert-base: first token."""
    vocab, layers = make.byte_pairs(folder, bert=True, max_tokens=8192), 4
    shapes: dict[str, Sequence[int]] = {
        "embeddings.tok_embeddings.weight": (vocab, dim),
        "embeddings.norm.weight": (dim,),
        "final_norm.weight": (dim,),
    }
    for i in range(layers):
        layer = f"layers.{i}"
        shapes |= {f"{layer}.attn.Wqkv.weight": (3 * dim, dim), f"{layer}.attn.Wo.weight": (dim, dim)}
        shapes |= {f"{layer}.mlp.Wi.weight": (2 * WIDE, dim), f"{layer}.mlp.Wo.weight": (dim, WIDE)}
        shapes |= {f"{layer}.mlp_norm.weight": (dim,)} | ({f"{layer}.attn_norm.weight": (dim,)} if i else {})
    make.save_tensors(folder, make.random_tensors(shapes))
    config = {
        "architectures": ["ModernBertModel"],
        "model_type": "modernbert",
        "hidden_size": dim,
        "intermediate_size": WIDE,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "hidden_activation": "gelu",
        "norm_eps": 1e-05,
        "norm_bias": False,
        "max_position_embeddings": 8192,
        "vocab_size": vocab,
        "global_attn_every_n_layers": 3,
        "local_attention": 8,
        "global_rope_theta": 160000.0,
        "local_rope_theta": 10000.0,
        "pad_token_id": 0,
        "cls_token_id": 2,
        "sep_token_id": 3,
        "bos_token_id": 2,
        "eos_token_id": 3,
    }
    make.write_json(folder / "config.json", config)
    make.sentence_transformers(folder, "Pooling", pooling="cls", dim=dim, old=False, max_tokens=8192)


def modernbert_vector(folder: Path, prompt: str, text: str) -> Any:
    ids = ref.token_ids(folder, prompt + text)
    w = make.read_tensors(folder)
    return ref.unit(ref.modernbert(w, ids, heads=4, layers=4, window=8, thetas=(160000.0, 10000.0))[0])


def nomic(folder: Path) -> None:
    """nomic-ai/nomic-embed-text-v1.5, whose names of options and tensors are its own.

    The library knows the tensors by these names but not the options: to it, what is not said is the size of this model.
    A model smaller than that has to say so by the library's names.
    """
    vocab, dim = make.word_piece(folder, max_tokens=8192), 768
    vocab += -vocab % 64
    shapes: dict[str, Sequence[int]] = {
        "embeddings.word_embeddings.weight": (vocab, dim),
        "embeddings.token_type_embeddings.weight": (2, dim),
        "emb_ln.weight": (dim,),
        "emb_ln.bias": (dim,),
    }
    for i in range(LAYERS):
        layer = f"encoder.layers.{i}"
        shapes |= {f"{layer}.attn.Wqkv.weight": (3 * dim, dim), f"{layer}.attn.out_proj.weight": (dim, dim)}
        shapes |= {f"{layer}.mlp.fc11.weight": (WIDE, dim), f"{layer}.mlp.fc12.weight": (WIDE, dim)}
        shapes |= {f"{layer}.mlp.fc2.weight": (dim, WIDE)}
        shapes |= {f"{layer}.norm{j}.{part}": (dim,) for j in (1, 2) for part in ("weight", "bias")}
    make.save_tensors(folder, make.random_tensors(shapes))
    config = {
        "activation_function": "swiglu",
        "architectures": ["NomicBertModel"],
        "auto_map": {"AutoModel": "nomic-ai/nomic-bert-2048--modeling_hf_nomic_bert.NomicBertModel"},
        "model_type": "nomic_bert",
        "n_embd": dim,
        "n_head": 12,
        "n_inner": WIDE,
        "intermediate_size": WIDE,
        "n_layer": LAYERS,
        "num_hidden_layers": LAYERS,
        "n_positions": 8192,
        "max_trained_positions": 2048,
        "qkv_proj_bias": False,
        "rotary_emb_base": 1000,
        "rotary_emb_fraction": 1.0,
        "rotary_emb_interleaved": False,
        "rotary_scaling_factor": None,
        "layer_norm_epsilon": 1e-12,
        "type_vocab_size": 2,
        "vocab_size": vocab,
    }
    make.write_json(folder / "config.json", config)
    make.sentence_transformers(folder, "Pooling", dim=dim, old=False, max_tokens=8192)


def nomic_vector(folder: Path, prompt: str, text: str) -> Any:
    w = make.read_tensors(folder)
    x = ref.nomic_bert(w, ref.token_ids(folder, prompt + text), heads=12, layers=LAYERS, theta=1000.0)
    return ref.unit(x.mean(axis=0))


def qwen3(folder: Path) -> None:
    """Qwen/Qwen3-Embedding-0.6B: the last token of a causal model."""
    vocab, dim, heads, groups, size = make.byte_pairs(folder, bert=False, max_tokens=131072), 1024, 4, 2, 16
    shapes: dict[str, Sequence[int]] = {"embed_tokens.weight": (vocab, dim), "norm.weight": (dim,)}
    for i in range(LAYERS):
        layer = f"layers.{i}"
        shapes |= {f"{layer}.self_attn.q_proj.weight": (heads * size, dim)}
        shapes |= {f"{layer}.self_attn.{part}_proj.weight": (groups * size, dim) for part in "kv"}
        shapes |= {f"{layer}.self_attn.{part}_norm.weight": (size,) for part in "qk"}
        shapes |= {f"{layer}.self_attn.o_proj.weight": (dim, heads * size)}
        shapes |= {f"{layer}.mlp.{part}_proj.weight": (WIDE, dim) for part in ("gate", "up")}
        shapes |= {f"{layer}.mlp.down_proj.weight": (dim, WIDE)}
        shapes |= {f"{layer}.{part}_layernorm.weight": (dim,) for part in ("input", "post_attention")}
    make.save_tensors(folder, make.random_tensors(shapes))
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "hidden_size": dim,
        "intermediate_size": WIDE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": heads,
        "num_key_value_heads": groups,
        "head_dim": size,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-06,
        "rope_theta": 1000000,
        "max_position_embeddings": 32768,
        "max_window_layers": LAYERS,
        "attention_bias": False,
        "tie_word_embeddings": True,
        "use_sliding_window": False,
        "vocab_size": vocab,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    make.write_json(folder / "config.json", config)
    make.sentence_transformers(folder, "Pooling", "Normalize", pooling="lasttoken", dim=dim, old=False, max_tokens=None)
    asked = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
    settings = {"prompts": {"query": asked, "document": ""}, "similarity_fn_name": "cosine"}
    make.write_json(folder / "config_sentence_transformers.json", settings)


def qwen3_vector(folder: Path, prompt: str, text: str) -> Any:
    ids = ref.token_ids(folder, prompt + text)
    w = make.read_tensors(folder)
    return ref.unit(ref.qwen3(w, ids, heads=4, groups=2, layers=LAYERS, theta=1e6)[-1])


def gemma(folder: Path) -> None:
    """google/embeddinggemma-300m: looks both ways, two Dense after the mean."""
    vocab, dim, heads, groups, size, layers = make.byte_pairs(folder, bert=False, max_tokens=2048), 768, 3, 1, 16, 6
    shapes: dict[str, Sequence[int]] = {"embed_tokens.weight": (vocab, dim), "norm.weight": (dim,)}
    for i in range(layers):
        layer = f"layers.{i}"
        shapes |= {f"{layer}.self_attn.q_proj.weight": (heads * size, dim)}
        shapes |= {f"{layer}.self_attn.{part}_proj.weight": (groups * size, dim) for part in "kv"}
        shapes |= {f"{layer}.self_attn.{part}_norm.weight": (size,) for part in "qk"}
        shapes |= {f"{layer}.self_attn.o_proj.weight": (dim, heads * size)}
        shapes |= {f"{layer}.mlp.{part}_proj.weight": (WIDE, dim) for part in ("gate", "up")}
        shapes |= {f"{layer}.mlp.down_proj.weight": (dim, WIDE)}
        norms = ("input", "post_attention", "pre_feedforward", "post_feedforward")
        shapes |= {f"{layer}.{part}_layernorm.weight": (dim,) for part in norms}
    make.save_tensors(folder, make.random_tensors(shapes))
    config = {
        "architectures": ["Gemma3TextModel"],
        "model_type": "gemma3_text",
        "hidden_size": dim,
        "intermediate_size": WIDE,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": groups,
        "head_dim": size,
        "query_pre_attn_scalar": size,
        "hidden_activation": "gelu_pytorch_tanh",
        "rms_norm_eps": 1e-06,
        "rope_theta": 1000000.0,
        "rope_local_base_freq": 10000.0,
        "sliding_window": _GEMMA_WINDOW,
        "_sliding_window_pattern": 6,
        "use_bidirectional_attention": True,
        "max_position_embeddings": 2048,
        "attention_bias": False,
        "vocab_size": vocab,
        "pad_token_id": 0,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    make.write_json(folder / "config.json", config)
    dense = [(768, 3072, False), (3072, 768, False)]
    make.sentence_transformers(
        folder, "Pooling", "Dense", "Dense", "Normalize", dim=dim, dense=dense, old=False, max_tokens=2048
    )
    settings = {"prompts": {"query": "task: search result | query: ", "Clustering": "task: clustering | query: "}}
    make.write_json(folder / "config_sentence_transformers.json", settings | {"similarity_fn_name": "cosine"})


def gemma_vector(folder: Path, prompt: str, text: str) -> Any:
    ids = ref.token_ids(folder, prompt + text)
    w = make.read_tensors(folder)
    x = ref.gemma3(w, ids, heads=3, groups=1, layers=6, window=_GEMMA_WINDOW // 2 + 1, thetas=(1e6, 1e4)).mean(axis=0)
    for part in ("2_Dense", "3_Dense"):
        x = ref.linear(make.read_tensors(folder / part), "linear", x)
    return ref.unit(x)


def static(folder: Path, dim: int, *, dtype: str = "float32") -> None:
    """minishlab/potion-*: a table, some rows of it shared, and a weight for each token."""
    import torch

    vocab = make.words(folder)
    rng = np.random.default_rng(5)
    rows = vocab - 4
    tensors = {
        "embeddings": torch.from_numpy(rng.standard_normal((rows, dim))).to(getattr(torch, dtype)),
        "mapping": torch.from_numpy(rng.integers(0, rows, vocab)),
        "weights": torch.from_numpy(rng.uniform(0.2, 2.0, vocab)),
    }
    make.save_tensors(folder, tensors)
    make.write_json(folder / "config.json", {"model_type": "model2vec", "normalize": True, "hidden_dim": dim})
    base = "sentence_transformers.models"
    listed = [
        {"idx": 0, "name": "0", "path": ".", "type": f"{base}.StaticEmbedding"},
        {"idx": 1, "name": "1", "path": "1_Normalize", "type": f"{base}.Normalize"},
    ]
    make.write_json(folder / "modules.json", listed)


def static_vector(folder: Path, prompt: str, text: str) -> Any:
    w = make.read_tensors(folder)
    known = [i for i in ref.token_ids(folder, prompt + text, special=False) if i != 1]
    return ref.unit(np.mean([w["embeddings"][int(w["mapping"][i])] * w["weights"][i] for i in known], axis=0))


def e5(folder: Path) -> None:
    """intfloat/multilingual-e5-small: a BERT by its weights, an XLM-R by its tokenizer."""
    bert(folder, 384)
    make.sentence_transformers(folder, "Pooling", "Normalize", dim=384, max_tokens=512)


def bge(folder: Path) -> None:
    """BAAI/bge-small-en-v1.5, Snowflake/snowflake-arctic-embed-s: a BERT's first token."""
    bert(folder, 384)
    make.sentence_transformers(folder, "Pooling", "Normalize", pooling="cls", dim=384, max_tokens=512)


def bge_m3(folder: Path) -> None:
    bert(folder, 1024, positions=8194, kind="xlm-roberta", layers=1)
    make.sentence_transformers(folder, "Pooling", "Normalize", pooling="cls", dim=1024, max_tokens=8192)


def minilm(folder: Path) -> None:
    bert(folder, 384)
    make.sentence_transformers(folder, "Pooling", "Normalize", dim=384, max_tokens=256)


def _first(folder: Path, prompt: str, text: str) -> Any:
    return bert_vector(folder, prompt, text, "cls")


def _pooled(folder: Path, prompt: str, text: str) -> Any:
    return bert_vector(folder, prompt, text, "pooler")


def read_only(folder: Path, *modules: str, dim: int, max_tokens: int, config: Mapping[str, Any]) -> None:
    """What there is to read of a model of the BERT family; `tests/test_architectures_bert.py` has all of it."""
    make.word_piece(folder, max_tokens=512)
    make.save_tensors(folder, make.random_tensors({"embeddings.LayerNorm.weight": (dim,)}))
    make.write_json(folder / "config.json", {"hidden_size": dim, **config})
    make.sentence_transformers(folder, *modules, dim=dim, max_tokens=max_tokens)


READ_ONLY: Mapping[str, Callable[[Path], None]] = {
    "all-MiniLM-L6-v2": minilm,
    "all-mpnet-base-v2": lambda folder: read_only(
        folder,
        *("Pooling", "Normalize"),
        dim=768,
        max_tokens=384,
        config={"model_type": "mpnet", "max_position_embeddings": 514, "pad_token_id": 1},
    ),
    "jina-embeddings-v2-base-en": lambda folder: read_only(
        folder,
        "Pooling",
        dim=768,
        max_tokens=8192,
        config={"model_type": "bert", "max_position_embeddings": 8192, "position_embedding_type": "alibi"},
    ),
    "bge-m3": bge_m3,
}
"""Of the others how that folder is made of which no vector is computed here."""

LAYOUTS: Mapping[str, tuple[Callable[[Path], None], Reference]] = {
    "LEALLA-small": (lambda folder: bert(folder, 128), _pooled),
    "LEALLA-base": (lambda folder: bert(folder, 192), _pooled),
    "LEALLA-large": (lambda folder: bert(folder, 256), _pooled),
    "instructor-xl": (instructor, instructor_vector),
    "instructor-large": (lambda folder: instructor(folder, both=True), instructor_vector),
    "instructor-base": (lambda folder: instructor(folder, 768), instructor_vector),
    "mdbr-leaf-mt": (leaf, leaf_vector),
    "bge-small-en-v1.5": (bge, _first),
    "snowflake-arctic-embed-s": (bge, _first),
    "granite-embedding-small-english-r2": (lambda folder: modernbert(folder, 384), modernbert_vector),
    "nomic-embed-text-v1.5": (nomic, nomic_vector),
    "gte-modernbert-base": (lambda folder: modernbert(folder, 768), modernbert_vector),
    "embeddinggemma-300m": (gemma, gemma_vector),
    "Qwen3-Embedding-0.6B": (qwen3, qwen3_vector),
    "multilingual-e5-small": (e5, bert_vector),
    "potion-base-8M": (lambda folder: static(folder, 256), static_vector),
    "potion-base-32M": (lambda folder: static(folder, 512, dtype="float16"), static_vector),
}
"""Of the registry's models how their folder is made, and what their vectors are."""
