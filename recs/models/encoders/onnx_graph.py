"""Writes a model of the BERT family as ONNX from its weights, without torch and without the onnx package.

An ONNX file consists of protocol buffers; a writer needs only three kinds of their fields. All operators are in the
standard; onnxruntime fuses them when it loads the graph.
"""

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from recs.errors import ModelError
from recs.models.encoders.bert_config import BertConfig
from recs.models.spec import ModelSpec

_Buffers = list[bytes]
_Array = np.ndarray[Any, Any]

_OPSET, _IR = 20, 9
_FLOAT, _INT64 = 1, 7
_LIMIT = 2**31 - 1  # of a protocol buffer
_MASKED = 1e9  # subtracted from the score of padding: its weight is then exactly 0


def bert_graph(spec: ModelSpec) -> bytes:
    """Return a model of the BERT family as the bytes of an ONNX file.

    Its inputs are input_ids and attention_mask, int64 of shape (batch, tokens). Its output is last_hidden_state
    (batch, tokens, hidden), or pooler_output (batch, hidden) if the pooling of the model is the pooler. The same
    weights give the same bytes. Raises `ModelError` and `WeightsError`.
    """
    config = BertConfig(spec.home, spec.architecture)
    graph = _Graph(config.weights(pooled=spec.pooling == "pooler"), config)
    hidden, mask = graph.embed(), graph.mask(spec.max_tokens)
    for i in range(config.layers):
        hidden = graph.layer(hidden, mask, f"encoder.layer.{i}.")
    shape: list[int | str] = ["batch", "tokens", config.hidden]
    if spec.pooling == "pooler":
        first = graph.op("Gather", hidden, graph.constant(np.int64(0)), axis=1)
        name, shape = graph.op("Tanh", graph.linear(first, "pooler.dense"), output="pooler_output"), ["batch", shape[2]]
    else:
        name = graph.op("Identity", hidden, output="last_hidden_state")
    buffers = graph.model(name, shape)
    if sum(map(len, buffers)) > _LIMIT:
        raise ModelError(f"{spec.home}: larger than 2 GB, the limit of an ONNX file; use engine torch.")
    return b"".join(buffers)


class _Graph:
    """Nodes and constants. The methods add to them and return the name of the new value."""

    def __init__(self, tensors: Mapping[str, _Array], config: BertConfig) -> None:
        self._tensors, self._config = tensors, config
        self._nodes: list[_Buffers] = []
        self._constants: list[_Buffers] = []

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: int | float | str | list[int]) -> str:
        output = output or f"{kind}_{len(self._nodes)}"
        fields = [(1, name) for name in inputs] + [(2, output), (4, kind)]
        self._nodes.append(_message(*fields, *((5, _attribute(*pair)) for pair in attributes.items())))
        return output

    def constant(self, values: Any) -> str:
        array = np.asarray(values)
        kind, array = (_INT64, array.astype("<i8")) if array.dtype.kind == "i" else (_FLOAT, array.astype("<f4"))
        name = f"constant_{len(self._constants)}"
        data = np.ascontiguousarray(array).tobytes()
        self._constants.append(_message(*((1, size) for size in array.shape), (2, kind), (8, name), (9, data)))
        return name

    def linear(self, x: str, name: str, part: slice = slice(None)) -> str:
        x = self.op("MatMul", x, self.constant(self._tensors[f"{name}.weight"][part].T))
        bias = self._tensors.get(f"{name}.bias")
        return x if bias is None else self.op("Add", x, self.constant(bias))

    def norm(self, x: str, name: str) -> str:
        weight, bias = (self.constant(self._tensors[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.op("LayerNormalization", x, weight, bias, axis=-1, epsilon=self._config.epsilon)

    def embed(self) -> str:
        """Return the sum of word, position and type embeddings, normalised: (batch, tokens, hidden)."""
        words = self.op("Gather", self.constant(self._tensors["embeddings.word_embeddings.weight"]), "input_ids")
        around = self._tensors.get("embeddings.token_type_embeddings.weight", np.zeros((1, 1), np.float32))[0]
        if self._config.places:
            places = self._tensors["embeddings.position_embeddings.weight"][self._config.first_place :] + around
            length = self.op("Shape", "input_ids", start=1, end=2)
            added = self.op("Slice", self.constant(places), self.constant([0]), length)
        else:
            added = self.constant(around)
        return self.norm(self.op("Add", words, added), "embeddings.LayerNorm")

    def mask(self, longest: int) -> str:
        """Return what is added to scores: (batch, 1, 1, tokens), or with a bias (batch, heads, tokens, tokens)."""
        mask = self.op("Unsqueeze", self.op("Cast", "attention_mask", to=_FLOAT), self.constant([1, 2]))
        mask = self.op("Mul", self.op("Sub", mask, self.constant(1.0)), self.constant(_MASKED))
        if not self._config.is_biased:
            return mask
        length = self.op("Squeeze", self.op("Shape", "input_ids", start=1, end=2))
        places = self.op("Range", self.constant(np.int64(0)), length, self.constant(np.int64(1)))
        keys, queries = (self.op("Unsqueeze", places, self.constant([axis])) for axis in (0, 1))
        distance = self.op("Add", self.op("Sub", keys, queries), self.constant(np.int64(longest - 1)))
        bias = self.constant(self._config.distance_bias(self._tensors, longest))
        return self.op("Add", mask, self.op("Gather", bias, distance, axis=1))

    def layer(self, x: str, mask: str, at: str) -> str:
        """Return the output of one layer of the transformer; `at` is the prefix of its weights' names."""
        config = self._config
        *projections, out, norm, up, down, last = (at + name for name in config.names)
        attended = self._attend(x, mask, projections)
        x = self.norm(self.op("Add", self.linear(attended, out), x), norm)
        inner = self.op("Gelu", self.linear(x, up, slice(config.inner)), approximate=config.gelu)
        if config.gated:
            inner = self.op("Mul", inner, self.linear(x, up, slice(config.inner, None)))
        return self.norm(self.op("Add", self.linear(inner, down), x), last)

    def _attend(self, x: str, mask: str, projections: list[str]) -> str:
        config = self._config
        size = config.hidden // config.heads
        heads = self.constant([0, 0, config.heads, size])
        query, key, value = (
            self.op("Transpose", self.op("Reshape", self.linear(x, name), heads), perm=perm)
            for name, perm in zip(projections, ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True)
        )
        scores = self.op("Mul", self.op("MatMul", query, key), self.constant(size**-0.5))
        attended = self.op("MatMul", self.op("Softmax", self.op("Add", scores, mask), axis=-1), value)
        attended = self.op("Transpose", attended, perm=[0, 2, 1, 3])
        return self.op("Reshape", attended, self.constant([0, 0, config.hidden]))

    def model(self, output: str, shape: list[int | str]) -> _Buffers:
        inputs = [(11, _value(name, _INT64, ["batch", "tokens"])) for name in ("input_ids", "attention_mask")]
        nodes = [(1, node) for node in self._nodes]
        constants = [(5, constant) for constant in self._constants]
        graph = _message(*nodes, (2, "recs"), *constants, *inputs, (12, _value(output, _FLOAT, shape)))
        return _message((1, _IR), (2, "recs"), (7, graph), (8, _message((1, ""), (2, _OPSET))))


def _attribute(name: str, value: int | float | str | list[int]) -> _Buffers:
    if isinstance(value, list):
        return _message((1, name), *((8, number) for number in value), (20, 7))
    field, kind = {float: (2, 1), int: (3, 2), str: (4, 3)}[type(value)]
    return _message((1, name), (field, value), (20, kind))


def _value(name: str, kind: int, shape: list[int | str]) -> _Buffers:
    dims = [(1, _message((1 if isinstance(size, int) else 2, size))) for size in shape]
    return _message((1, name), (2, _message((1, _message((1, kind), (2, _message(*dims)))))))


def _message(*fields: tuple[int, Any]) -> _Buffers:
    """Return a protocol buffer of fields (number, value). Large values are not copied."""
    buffers: _Buffers = []
    for number, value in fields:
        if isinstance(value, int):
            buffers.append(_varint(number << 3) + _varint(value))
        elif isinstance(value, float):
            buffers.append(_varint(number << 3 | 5) + struct.pack("<f", value))
        else:
            parts = value if isinstance(value, list) else [value.encode() if isinstance(value, str) else value]
            buffers += [_varint(number << 3 | 2) + _varint(sum(map(len, parts))), *parts]
    return buffers


def _varint(number: int) -> bytes:
    number &= 2**64 - 1
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])
