"""Forward passes in numpy and float64, written from the definitions of the architectures: oracles for what runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from scipy.special import erf

Tensors = Mapping[str, Any]


def token_ids(folder: Path, text: str, *, special: bool = True) -> Any:
    made = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    made.no_truncation()
    return np.array(made.encode(text, add_special_tokens=special).ids)


def unit(x: Any) -> Any:
    return x / np.linalg.norm(x)


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def gelu(x: Any) -> Any:
    return x * (1 + erf(x / np.sqrt(2))) / 2


def silu(x: Any) -> Any:
    return x / (1 + np.exp(-x))


def linear(w: Tensors, name: str, x: Any) -> Any:
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0.0)


def layer_norm(w: Tensors, name: str, x: Any, eps: float = 1e-12) -> Any:
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)
    return scaled * w[f"{name}.weight"] + w.get(f"{name}.bias", 0.0)


def rms_norm(weight: Any, x: Any, eps: float = 1e-6) -> Any:
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps) * weight


def heads_of(x: Any, heads: int) -> Any:
    """Part (n, heads * d) into (heads, n, d)."""
    return x.reshape(len(x), heads, -1).transpose(1, 0, 2)


def attend(q: Any, k: Any, v: Any, bias: Any, scale: float) -> Any:
    mixed = softmax(q @ k.transpose(0, 2, 1) * scale + bias) @ v
    return mixed.transpose(1, 0, 2).reshape(mixed.shape[1], -1)


def rotate(x: Any, theta: float) -> Any:
    """Turn the two halves of each head by angles that grow with the position."""
    n, d = x.shape[1:]
    angles = np.arange(n)[:, None] * theta ** (-np.arange(0, d, 2) / d)
    a, b = x[..., : d // 2], x[..., d // 2 :]
    return np.concatenate([a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)], axis=-1)


def bert(w: Tensors, ids: Any, *, heads: int, layers: int, first_position: int = 0, eps: float = 1e-12) -> Any:
    """Return the token vectors of a BERT, or of an XLM-R, whose positions begin after its padding token's."""
    places = first_position + np.arange(len(ids))
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][places]
    x = layer_norm(w, "embeddings.LayerNorm", x + w["embeddings.token_type_embeddings.weight"][0], eps)
    for i in range(layers):
        layer = f"encoder.layer.{i}"
        q, k, v = (
            heads_of(linear(w, f"{layer}.attention.self.{part}", x), heads) for part in ("query", "key", "value")
        )
        mixed = linear(w, f"{layer}.attention.output.dense", attend(q, k, v, 0.0, q.shape[-1] ** -0.5))
        x = layer_norm(w, f"{layer}.attention.output.LayerNorm", x + mixed, eps)
        wide = gelu(linear(w, f"{layer}.intermediate.dense", x))
        x = layer_norm(w, f"{layer}.output.LayerNorm", x + linear(w, f"{layer}.output.dense", wide), eps)
    return x


def bert_shapes(vocab: int, *, dim: int, wide: int, layers: int, positions: int, pooler: bool = True) -> dict[str, Any]:
    shapes: dict[str, Sequence[int]] = {
        "embeddings.word_embeddings.weight": (vocab, dim),
        "embeddings.position_embeddings.weight": (positions, dim),
        "embeddings.token_type_embeddings.weight": (2, dim),
    }
    norms, products = ["embeddings.LayerNorm"], {"pooler.dense": (dim, dim)} if pooler else {}
    for i in range(layers):
        layer = f"encoder.layer.{i}"
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        products |= {f"{layer}.attention.self.{part}": (dim, dim) for part in ("query", "key", "value")}
        products |= {f"{layer}.attention.output.dense": (dim, dim), f"{layer}.intermediate.dense": (wide, dim)}
        products[f"{layer}.output.dense"] = (dim, wide)
    for name in norms:
        shapes |= {f"{name}.weight": (dim,), f"{name}.bias": (dim,)}
    for name, shape in products.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes


def distilbert(w: Tensors, ids: Any, *, heads: int, layers: int) -> Any:
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = layer_norm(w, "embeddings.LayerNorm", x)
    for i in range(layers):
        layer = f"transformer.layer.{i}"
        q, k, v = (heads_of(linear(w, f"{layer}.attention.{part}_lin", x), heads) for part in "qkv")
        mixed = linear(w, f"{layer}.attention.out_lin", attend(q, k, v, 0.0, q.shape[-1] ** -0.5))
        x = layer_norm(w, f"{layer}.sa_layer_norm", x + mixed)
        wide = linear(w, f"{layer}.ffn.lin2", gelu(linear(w, f"{layer}.ffn.lin1", x)))
        x = layer_norm(w, f"{layer}.output_layer_norm", x + wide)
    return x


def t5(w: Tensors, ids: Any, *, heads: int, layers: int) -> Any:
    """Return the token vectors of a T5 encoder (32 buckets of distances up to 128)."""
    x = w["shared.weight"][ids]
    table = w["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
    n = len(ids)
    bias = np.empty((heads, n, n))
    for query in range(n):
        for key in range(n):
            distance = abs(key - query)
            far = 8 + int(np.log(max(distance, 1) / 8) / np.log(128 / 8) * 8)
            bucket = (distance if distance < 8 else min(far, 15)) + (16 if key > query else 0)
            bias[:, query, key] = table[bucket]
    for i in range(layers):
        block = f"encoder.block.{i}.layer"
        h = rms_norm(w[f"{block}.0.layer_norm.weight"], x)
        q, k, v = (heads_of(linear(w, f"{block}.0.SelfAttention.{part}", h), heads) for part in "qkv")
        x = x + linear(w, f"{block}.0.SelfAttention.o", attend(q, k, v, bias, 1.0))
        h = rms_norm(w[f"{block}.1.layer_norm.weight"], x)
        wide = np.maximum(linear(w, f"{block}.1.DenseReluDense.wi", h), 0)
        x = x + linear(w, f"{block}.1.DenseReluDense.wo", wide)
    return rms_norm(w["encoder.final_layer_norm.weight"], x)


def qwen3(w: Tensors, ids: Any, *, heads: int, groups: int, layers: int, theta: float) -> Any:
    """Return the token vectors of a Qwen3: causal, grouped keys and values, normed queries and keys."""
    x = w["embed_tokens.weight"][ids]
    n = len(ids)
    causal = np.where(np.tri(n, dtype=bool), 0.0, -np.inf)
    for i in range(layers):
        layer = f"layers.{i}"
        h = rms_norm(w[f"{layer}.input_layernorm.weight"], x)
        q = heads_of(linear(w, f"{layer}.self_attn.q_proj", h), heads)
        k, v = (heads_of(linear(w, f"{layer}.self_attn.{part}_proj", h), groups) for part in "kv")
        q = rotate(rms_norm(w[f"{layer}.self_attn.q_norm.weight"], q), theta)
        k = rotate(rms_norm(w[f"{layer}.self_attn.k_norm.weight"], k), theta)
        k, v = (np.repeat(part, heads // groups, axis=0) for part in (k, v))
        x = x + linear(w, f"{layer}.self_attn.o_proj", attend(q, k, v, causal, q.shape[-1] ** -0.5))
        h = rms_norm(w[f"{layer}.post_attention_layernorm.weight"], x)
        wide = silu(linear(w, f"{layer}.mlp.gate_proj", h)) * linear(w, f"{layer}.mlp.up_proj", h)
        x = x + linear(w, f"{layer}.mlp.down_proj", wide)
    return rms_norm(w["norm.weight"], x)


def modernbert(w: Tensors, ids: Any, *, heads: int, layers: int, window: int, thetas: tuple[float, float]) -> Any:
    """Return the token vectors of a ModernBERT: every third layer looks at all, others at window / 2 a side."""
    x = layer_norm(w, "embeddings.norm", w["embeddings.tok_embeddings.weight"][ids], 1e-5)
    apart = np.abs(np.arange(len(ids))[:, None] - np.arange(len(ids)))
    near = np.where(apart <= window // 2, 0.0, -np.inf)
    for i in range(layers):
        layer, is_global = f"layers.{i}", i % 3 == 0
        h = layer_norm(w, f"{layer}.attn_norm", x, 1e-5) if i else x
        q, k, v = (heads_of(part, heads) for part in np.split(linear(w, f"{layer}.attn.Wqkv", h), 3, axis=1))
        theta = thetas[0] if is_global else thetas[1]
        q, k = rotate(q, theta), rotate(k, theta)
        bias = 0.0 if is_global else near
        x = x + linear(w, f"{layer}.attn.Wo", attend(q, k, v, bias, q.shape[-1] ** -0.5))
        value, gate = np.split(linear(w, f"{layer}.mlp.Wi", layer_norm(w, f"{layer}.mlp_norm", x, 1e-5)), 2, axis=1)
        x = x + linear(w, f"{layer}.mlp.Wo", gelu(value) * gate)
    return layer_norm(w, "final_norm", x, 1e-5)


def nomic_bert(w: Tensors, ids: Any, *, heads: int, layers: int, theta: float) -> Any:
    """Return the token vectors of a NomicBERT, of the tensors that its hub holds."""
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.token_type_embeddings.weight"][0]
    x = layer_norm(w, "emb_ln", x)
    for i in range(layers):
        layer = f"encoder.layers.{i}"
        q, k, v = (heads_of(part, heads) for part in np.split(linear(w, f"{layer}.attn.Wqkv", x), 3, axis=1))
        q, k = rotate(q, theta), rotate(k, theta)
        x = layer_norm(
            w, f"{layer}.norm1", x + linear(w, f"{layer}.attn.out_proj", attend(q, k, v, 0.0, q.shape[-1] ** -0.5))
        )
        wide = linear(w, f"{layer}.mlp.fc11", x) * silu(linear(w, f"{layer}.mlp.fc12", x))
        x = layer_norm(w, f"{layer}.norm2", x + linear(w, f"{layer}.mlp.fc2", wide))
    return x


def gemma3(
    w: Tensors, ids: Any, *, heads: int, groups: int, layers: int, window: int, thetas: tuple[float, float]
) -> Any:
    """Return the token vectors of an EmbeddingGemma: looks both ways; every layer but each sixth only nearby."""

    def norm(name: str, x: Any) -> Any:
        return rms_norm(1 + w[f"{name}.weight"], x)

    x = w["embed_tokens.weight"][ids] * np.sqrt(w["embed_tokens.weight"].shape[1])
    apart = np.abs(np.arange(len(ids))[:, None] - np.arange(len(ids)))
    for i in range(layers):
        layer, is_global = f"layers.{i}", (i + 1) % 6 == 0
        h = norm(f"{layer}.input_layernorm", x)
        q = norm(f"{layer}.self_attn.q_norm", heads_of(linear(w, f"{layer}.self_attn.q_proj", h), heads))
        k = norm(f"{layer}.self_attn.k_norm", heads_of(linear(w, f"{layer}.self_attn.k_proj", h), groups))
        v = heads_of(linear(w, f"{layer}.self_attn.v_proj", h), groups)
        theta = thetas[0] if is_global else thetas[1]
        q, k = rotate(q, theta), rotate(k, theta)
        k, v = (np.repeat(part, heads // groups, axis=0) for part in (k, v))
        bias = 0.0 if is_global else np.where(apart < window, 0.0, -np.inf)
        mixed = linear(w, f"{layer}.self_attn.o_proj", attend(q, k, v, bias, q.shape[-1] ** -0.5))
        x = x + norm(f"{layer}.post_attention_layernorm", mixed)
        h = norm(f"{layer}.pre_feedforward_layernorm", x)
        gate = linear(w, f"{layer}.mlp.gate_proj", h)
        gate = gate / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3)))
        wide = linear(w, f"{layer}.mlp.down_proj", gate * linear(w, f"{layer}.mlp.up_proj", h))
        x = x + norm(f"{layer}.post_feedforward_layernorm", wide)
    return norm("norm", x)
