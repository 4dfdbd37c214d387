"""The config.json of the BERT family: sizes, the shapes of the weights, the bias by distance."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recs.arrays import FloatArray, IntArray
from recs.errors import ModelError
from recs.models.encoders.weights import Tensors, read_weights

_ACTIVATIONS = {"gelu": "none", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh"}
# Query, key, value, output and norm of attention; the two products and the norm of the feed-forward network.
_PROJECTIONS = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
_MPNET_PROJECTIONS = ("attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o")
_NAMES = (*_PROJECTIONS, "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm")
_MPNET_NAMES = (*_MPNET_PROJECTIONS, "attention.LayerNorm", *_NAMES[5:])
_JINA_NAMES = (*_NAMES[:5], "mlp.gated_layers", "mlp.wo", "mlp.layernorm")
_PREFIXES = {"mpnet": "mpnet.", "roberta": "roberta.", "xlm-roberta": "roberta."}


class BertConfig:
    """Sizes and choices of a model: "bert", "jina_bert", "mpnet", "roberta" or "xlm-roberta".

    Raises `ModelError` if config.json needs something that is not implemented, or lacks a size.
    """

    def __init__(self, folder: Path, architecture: str) -> None:
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        jina, mpnet = architecture == "jina_bert", architecture == "mpnet"
        _check(values, folder, jina=jina)
        try:
            self.hidden, self.heads = int(values["hidden_size"]), int(values["num_attention_heads"])
            self.layers, self.inner = int(values["num_hidden_layers"]), int(values["intermediate_size"])
            self.words = int(values["vocab_size"])
            self.places = 0 if jina else int(values["max_position_embeddings"])
            self.kinds = 0 if mpnet else int(values.get("type_vocab_size", 2))
            self.buckets = int(values.get("relative_attention_num_buckets", 32)) if mpnet else 0
            self.epsilon = float(values.get("layer_norm_eps", 1e-12))
            padding = int(values.get("pad_token_id", 1))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{folder}: config.json does not say the sizes of the model ({error!r}).") from error
        if self.heads < 1 or self.hidden % self.heads:
            raise ModelError(f"{folder}: {self.hidden} dimensions cannot be shared by {self.heads} heads.")
        self.gelu = _ACTIVATIONS[values.get("hidden_act") or "gelu"]
        self._folder, self._kind = folder, architecture
        self.gated = jina
        self.is_biased = jina or mpnet
        self.names = {"jina_bert": _JINA_NAMES, "mpnet": _MPNET_NAMES}.get(architecture, _NAMES)
        # RoBERTa and the models built on it number positions from the number after the padding token.
        self.first_place = padding + 1 if mpnet or architecture.endswith("roberta") else 0

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every weight by its name, without those of the pooler."""
        hidden, inner = self.hidden, self.inner
        shapes: dict[str, tuple[int, ...]] = {"embeddings.word_embeddings.weight": (self.words, hidden)}
        if self.places:
            shapes["embeddings.position_embeddings.weight"] = (self.places, hidden)
        if self.kinds:
            shapes["embeddings.token_type_embeddings.weight"] = (self.kinds, hidden)
        if self.buckets:
            shapes["encoder.relative_attention_bias.weight"] = (self.buckets, self.heads)
        shapes |= _pair("embeddings.LayerNorm", hidden)
        first, second, last = self.names[5:]
        for i in range(self.layers):
            at = f"encoder.layer.{i}."
            for name in self.names[:4]:
                shapes |= _pair(at + name, hidden, hidden)
            shapes |= _pair(at + self.names[4], hidden)
            if self.gated:
                shapes[f"{at}{first}.weight"] = (2 * inner, hidden)
            else:
                shapes |= _pair(at + first, inner, hidden)
            shapes |= _pair(at + second, hidden, inner) | _pair(at + last, hidden)
        return shapes

    def weights(self, *, pooled: bool) -> Tensors:
        """Return the weights by name, as `read_weights` does; with `pooled`, the pooler's are required."""
        pooler, prefix = _pair("pooler.dense", self.hidden, self.hidden), _PREFIXES.get(self._kind, "bert.")
        needed = self.shapes() | (pooler if pooled else {})
        return read_weights(self._folder, needed, spare=pooler, prefix=prefix, kind=self._kind)

    def distance_bias(self, tensors: Mapping[str, Any], width: int) -> FloatArray:
        """Return what each head adds to a score, by the distance from query to key: 1 - width to width - 1.

        The result is a float32 array of shape (heads, 2 * width - 1).
        """
        distance = np.arange(1 - width, width)
        if self.buckets:
            table = np.asarray(tensors["encoder.relative_attention_bias.weight"], np.float32)
            return table.T[:, _buckets(distance, self.buckets)]
        return np.outer(_slopes(self.heads), -np.abs(distance)).astype(np.float32)


def _check(values: Mapping[str, Any], folder: Path, *, jina: bool) -> None:
    implemented: dict[str, Sequence[Any]] = {
        "hidden_act": tuple(_ACTIVATIONS),
        "position_embedding_type": ("alibi" if jina else "absolute",),
        "feed_forward_type": ("geglu" if jina else "original",),
        "is_decoder": (False,),
        "add_cross_attention": (False,),
    }
    for key, allowed in implemented.items():
        if (values.get(key) or allowed[0]) not in allowed:
            expected = " or ".join(map(str, allowed))
            raise ModelError(f"{folder}: {key} is {values[key]!r} in config.json, recs implements {expected}.")


def _pair(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _slopes(heads: int) -> list[float]:
    """Return the slopes of ALiBi: powers of two, and for further heads every second one of the next finer series."""
    power = 1 << (heads.bit_length() - 1)
    slopes = [2 ** (-8 * (i + 1) / power) for i in range(power)]
    return slopes + [2 ** (-8 * (i + 1) / (2 * power)) for i in range(0, 2 * (heads - power), 2)]


def _buckets(distance: IntArray, buckets: int) -> IntArray:
    """Return the bucket of each distance, as in T5: half of them are for keys after the query; near ones are finer."""
    half = buckets // 2
    near, far = half // 2, 128
    steps = np.abs(distance)
    scale = np.log(np.maximum(steps, 1).astype(np.float32) / near) / np.float32(math.log(far / near))
    distant = np.minimum(near + (scale * (half - near)).astype(np.int64), half - 1)
    return half * (distance > 0) + np.where(steps < near, steps, distant)
