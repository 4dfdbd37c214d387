"""Static models: the vector of a text is the mean of the rows of its tokens in a table. No torch is needed."""

from collections.abc import Sequence

import numpy as np

from recs.arrays import FloatArray, IntArray, unit_rows
from recs.errors import EmbeddingError, WeightsError
from recs.models.encoders.weights import read_tensors
from recs.models.spec import ModelSpec
from recs.models.tokenizer import ModelTokenizer

_TABLES = ("embeddings", "embedding.weight")  # the names in model2vec and in sentence-transformers


class StaticEncoder:
    """A table of token vectors in memory. Raises `WeightsError` if the files have neither of the two known layouts."""

    batch_tokens = 65536

    def __init__(self, spec: ModelSpec, tokenizer: ModelTokenizer) -> None:
        tensors = read_tensors(spec.home)
        name = next((name for name in _TABLES if name in tensors), _TABLES[0])
        self._normalize = spec.normalize
        self._tokenizer = tokenizer
        self._table = tensors.pop(name, np.zeros((0, 0))).astype(np.float32)
        rows = np.arange(len(self._table))
        self._row = tensors.pop("mapping", rows).astype(np.int64)  # token id to row, if tokens share rows
        self._weight = tensors.pop("weights", np.ones(len(self._row))).astype(np.float64)
        shapes = (self._table.shape[1:], self._row.shape, self._weight.shape)
        size = tokenizer.vocabulary_size
        if tensors or shapes != ((spec.full_dim,), (size,), (size,)) or not np.isin(self._row, rows).all():
            beside = f"{len(self._row)} tokens and {sorted(tensors) or 'nothing'} beside it"
            expected = f"{spec.full_dim} dimensions, the {size} tokens of its tokenizer and nothing else"
            raise WeightsError(f"{spec.home}: a table of shape {self._table.shape} with {beside}; expected {expected}.")
        # model2vec leaves unknown tokens out of the mean. A text of only unknown tokens keeps them, to have a vector.
        self._unknown = tokenizer.unknown_id if name == "embeddings" else None

    def encode(self, texts: Sequence[str], *, prompt: str = "") -> FloatArray:
        """Return the vectors of one batch, as `Encoder.encode` says."""
        del prompt
        sequences = [np.array(ids, np.int64) for ids in self._tokenizer.ids(texts)]
        sequences = [self._without_unknown(ids) for ids in sequences]
        tokens = np.concatenate([np.zeros(0, np.int64), *sequences])
        lengths = np.array([len(ids) for ids in sequences])
        if not lengths.all():
            text = texts[int(np.argmin(lengths))]
            raise EmbeddingError(f"the text that begins {text[:40]!r} has no tokens; there is nothing to embed.")
        weighted = self._table[self._row[tokens]] * self._weight[tokens, None]
        first = np.cumsum(lengths) - lengths
        means = np.add.reduceat(weighted, first, axis=0) / lengths[:, None]
        return (unit_rows(means) if self._normalize else means).astype(np.float32)

    def _without_unknown(self, ids: IntArray) -> IntArray:
        """Return the tokens that are in the vocabulary; if none is, all tokens."""
        in_vocabulary = ids[ids != self._unknown]
        return in_vocabulary if len(in_vocabulary) else ids
