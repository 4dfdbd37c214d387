"""The BERT family in plain torch: BERT, RoBERTa, XLM-R, MPNet and JinaBERT.

This is lighter to import than the libraries and faster on a processor. It is also right for models that they load
wrongly without a message: JinaBERT, whose config.json says "bert", and models whose vector is the output of the pooler.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from recs.arrays import FloatArray, IntArray, unit_rows
from recs.errors import EmbeddingError, MissingDependencyError, ModelError
from recs.models.encoders import check_device
from recs.models.encoders.bert_config import BertConfig
from recs.models.encoders.kernels import Linear, enter_torch, workers
from recs.models.encoders.packing import Sheet, pack
from recs.models.encoders.weights import POOLER
from recs.models.hardware import Precision
from recs.models.spec import ModelSpec
from recs.models.tokenizer import ModelTokenizer

_log = logging.getLogger(__name__)

# Tokens computed at once, and tokens in a batch. The data of a processor should stay in its caches; a GPU needs more.
_CPU_TOKENS, _CPU_BATCH_TOKENS = 2048, {"float32": 8192, "bfloat16": 32768}
_GPU_TOKENS = 32768
# For a new number of tokens, oneDNN makes a new bfloat16 kernel, and that takes longer than running it.
_COUNTS = (16, 32, 64, 128, 256, 512, 1024, 1536, 1920, 2048)
# Attention with a bias by distance computes this many scores at a time, which limits the memory for a long text.
_BLOCK = 1 << 24


class BertEncoder:
    """A model of the BERT family in memory, on "cpu", "cuda", "cuda:1" or "mps".

    `precision` is that of the layers; the embeddings and the pooling are computed in float32. Raises
    `MissingDependencyError` without torch, `WeightsError` as `read_weights` does, and `ModelError` if config.json needs
    something that is not implemented.

    Several short texts share a row of tokens (`packing`); each text attends only to itself. The scores of all pairs of
    tokens are never in memory; a bias by distance (JinaBERT, MPNet) is, for at most `_BLOCK` scores at a time.
    """

    def __init__(self, spec: ModelSpec, tokenizer: ModelTokenizer, *, device: str, precision: Precision) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingDependencyError("computing vectors", "torch", "models") from error
        _log.info("loading %s from %s", spec.name, spec.home)
        self._torch = torch
        self._spec = spec
        self._tokenizer = tokenizer
        enter_torch(device)
        check_device(device)
        self.device = device
        on_cpu = self.device == "cpu"
        self._dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self._tokens = _CPU_TOKENS if on_cpu else _GPU_TOKENS
        self.batch_tokens = _CPU_BATCH_TOKENS[precision] if on_cpu else _GPU_TOKENS
        self._few_shapes = on_cpu and precision == "bfloat16"
        self._config = config = BertConfig(spec.home, spec.architecture)
        if tokenizer.vocabulary_size > config.words:
            sizes = f"its tokenizer has {tokenizer.vocabulary_size} tokens, its model {config.words}"
            raise ModelError(f"{spec.home}: {sizes}; the files of this model do not agree with each other.")
        weights = config.weights(pooled=spec.pooling == "pooler")
        tensors = {name: torch.from_numpy(weight) for name, weight in weights.items()}
        zero = torch.zeros(1, config.hidden)
        kind = tensors.get("embeddings.token_type_embeddings.weight", zero)[0]
        places = tensors.get("embeddings.position_embeddings.weight", zero)
        self._words = tensors["embeddings.word_embeddings.weight"].to(self.device)
        self._places = (places[config.first_place :] + kind).to(self.device)
        self._norm = _norm(tensors, "embeddings.LayerNorm", config, torch.float32, self.device)
        names, placed = (f"encoder.layer.{i}." for i in range(config.layers)), (self._dtype, self.device)
        self._layers = [_Layer(tensors, name, config, *placed) for name in names]
        self._longest = len(self._places) if config.places else spec.max_tokens
        self._bias: Any = None
        if config.is_biased:
            by_distance = torch.from_numpy(config.distance_bias(tensors, self._longest + 15))  # a row may be wider
            self._bias = by_distance.to(self.device, self._dtype)
        self._pooler = [tensors[name].to(self.device) for name in POOLER if name in tensors]

    def encode(self, texts: Sequence[str], *, prompt: str = "") -> FloatArray:
        """Return the vectors of one batch, as `Encoder.encode` says."""
        enter_torch(self.device)
        ids = self._tokenizer.ids(texts)
        longest = max(map(len, ids))
        if longest > self._longest:
            raise EmbeddingError(
                f"a text of {longest} tokens, but {self._spec.name} takes {self._longest}; cut it or chunk it."
            )
        skipped = np.zeros(len(ids), np.int64)
        if prompt and not self._spec.pool_prompt:
            skipped = np.array(self._tokenizer.prompt_lengths(prompt, ids))
        sheets = list(pack(ids, tokens=self._tokens))
        threads = self._torch.get_num_threads() if self.device == "cpu" and len(sheets) > 1 else 1
        compute = workers(threads).map if threads > 1 else map
        vectors = np.empty((len(ids), self._config.hidden), np.float32)
        for sheet, sheet_vectors in zip(sheets, compute(partial(self._vectors, skipped=skipped), sheets), strict=True):
            vectors[sheet.texts] = sheet_vectors
        return unit_rows(vectors).astype(np.float32) if self._spec.normalize else vectors

    def _vectors(self, sheet: Sheet, *, skipped: IntArray) -> FloatArray:
        with self._torch.inference_mode():
            vectors: FloatArray = self._pool(self._run(sheet), sheet, skipped[sheet.texts]).cpu().numpy()
            return vectors

    def _run(self, sheet: Sheet) -> Any:
        """Return the last hidden states of a sheet: float32, (rows * width, hidden)."""
        functional = self._torch.nn.functional
        places = self._places[self._put(sheet.positions)] if self._config.places else self._places
        x = self._norm(functional.embedding(self._put(sheet.ids), self._words) + places).to(self._dtype)
        count = len(x)
        few = next((number for number in _COUNTS if number >= count), -(-count // 1024) * 1024)
        spare = few - count if self._few_shapes else 0
        x = functional.pad(x, (0, 0, 0, spare))
        mask = self._mask(sheet)
        for layer in self._layers:
            attended = self._attend(layer.query_key_value(x)[:count], sheet, mask)
            x = layer(x, functional.pad(attended, (0, 0, 0, spare)) if spare else attended)
        return x[:count].float()

    def _mask(self, sheet: Sheet) -> Any:
        """Return the mask that is added to the scores: tokens attend only to their own text. None if no mask is needed.

        Its shape is (rows, 1, 1, width), or (rows, 1, width, width) if texts share a row. A bias by distance is in it,
        with shape (rows, heads, width, width), unless it must be computed in blocks.
        """
        owners = self._put(sheet.owners).view(sheet.rows, 1, 1, sheet.width)
        mask = None
        if sheet.is_shared or (sheet.owners == 0).any():
            foreign = owners != owners.transpose(2, 3) if sheet.is_shared else owners == 0
            mask = self._torch.zeros(foreign.shape, dtype=self._dtype, device=self.device)
            mask.masked_fill_(foreign, -math.inf)
        return self._biased(mask, 0, sheet.width, sheet.width) if self._step(sheet) == sheet.width else mask

    def _step(self, sheet: Sheet) -> int:
        """Return how many queries of each row are in one block of biased scores; 0 if there is no bias."""
        if self._bias is None:
            return 0
        step = _BLOCK // (sheet.rows * self._config.heads * sheet.width)
        return min(max(step // 16 * 16, 16), sheet.width)

    def _biased(self, mask: Any, start: int, stop: int, width: int) -> Any:
        """Return the mask of queries `start` to `stop` with the bias of every head."""
        middle = self._bias.shape[1] // 2
        windows = self._bias[:, middle - width + 1 : middle + width].unfold(1, width, 1)
        bias = windows[None, :, width - stop : width - start].flip(2)
        if mask is None:
            return bias
        return bias + (mask[:, :, start:stop] if mask.shape[2] > 1 else mask)

    def _attend(self, packed: Any, sheet: Sheet, mask: Any) -> Any:
        """Return attention, (rows * width, hidden); `packed` is queries, keys and values side by side."""
        attention = self._torch.nn.functional.scaled_dot_product_attention
        shape = (sheet.rows, sheet.width, 3, self._config.heads, -1)
        query, key, value = packed.view(shape).permute(2, 0, 3, 1, 4)
        step, width = self._step(sheet), sheet.width
        if step in (0, width):
            result = attention(query, key, value, attn_mask=mask)
        else:
            result = self._torch.empty_like(query)
            for start in range(0, width, step):
                stop = min(start + step, width)
                bias = self._biased(mask, start, stop, width)
                result[:, :, start:stop] = attention(query[:, :, start:stop], key, value, attn_mask=bias)
        return result.transpose(1, 2).reshape(len(packed), -1)

    def _pool(self, hidden: Any, sheet: Sheet, skipped: IntArray) -> Any:
        """Return the float32 vector of each text of the sheet, without the first `skipped` (m,) tokens of each."""
        torch = self._torch
        pooling = self._spec.pooling
        starts, stops = sheet.starts + skipped, sheet.starts + sheet.lengths
        if pooling == "mean":
            row, column = np.divmod(starts, sheet.width)
            shares = np.zeros((sheet.rows, int(sheet.slots.max()) + 1, sheet.width), np.float32)
            for text, (slot, counted) in enumerate(zip(sheet.slots, stops - starts, strict=True)):
                shares[row[text], slot, column[text] : column[text] + counted] = 1 / counted
            means = torch.bmm(self._put(shares), hidden.view(sheet.rows, sheet.width, -1))
            return means[self._put(row), self._put(sheet.slots)]
        if pooling == "max":
            return torch.stack([hidden[start:stop].amax(0) for start, stop in zip(starts, stops, strict=True)])
        first = hidden[self._put(sheet.starts)]
        return torch.tanh(torch.nn.functional.linear(first, *self._pooler)) if pooling == "pooler" else first

    def _put(self, array: Any) -> Any:
        return self._torch.from_numpy(array).to(self.device)


class _Layer:
    """Attention and feed-forward network, each with its residual and norm; called with input and attended values."""

    def __init__(self, tensors: Mapping[str, Any], at: str, config: BertConfig, dtype: Any, device: str) -> None:
        import torch

        def linear(*names: str, part: slice = slice(None)) -> Linear:
            weights = [tensors[f"{at}{name}.weight"][part] for name in names]
            biases = [tensors[f"{at}{name}.bias"] for name in names if f"{at}{name}.bias" in tensors]
            bias = torch.cat(biases) if biases else None
            return Linear(torch.cat(weights), bias, dtype=dtype, device=device)

        *projections, out, norm, first, second, last = config.names
        self.query_key_value = linear(*projections)
        self._out, self._down = linear(out), linear(second)
        self._up = linear(first, part=slice(config.inner))
        self._gate = linear(first, part=slice(config.inner, None)) if config.gated else None
        self._norms = [_norm(tensors, at + name, config, dtype, device) for name in (norm, last)]
        self._gelu = config.gelu

    def __call__(self, x: Any, attended: Any) -> Any:
        x = self._norms[0](self._out.add(attended, x))
        inner = self._up.gelu(x, self._gelu)
        if self._gate is not None:
            inner *= self._gate(x)
        return self._norms[1](self._down.add(inner, x))


def _norm(tensors: Mapping[str, Any], name: str, config: BertConfig, dtype: Any, device: str) -> Callable[[Any], Any]:
    from torch.nn.functional import layer_norm

    weight, bias = (tensors[f"{name}.{part}"].to(device, dtype) for part in ("weight", "bias"))
    return lambda x: layer_norm(x, weight.shape, weight, bias, config.epsilon)
