"""Texts to vectors: the code that runs a model, chosen by what its files say.

`bert` runs the BERT family itself (lighter to import, faster on a processor, and right for JinaBERT and LEALLA, which
sentence-transformers loads silently wrong); `static` looks tokens up in a table; `onnx` runs the BERT family, and
whatever comes as an ONNX file, without torch; `library` hands everything else to sentence-transformers and checks what
it made of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from recs.errors import ModelError

if TYPE_CHECKING:
    from recs.embeddings import FloatArray
    from recs.hardware import Engine, Precision
    from recs.models import ModelSpec
    from recs.tokenizer import ModelTokenizer


class Encoder(Protocol):
    """A model in memory.

    `batch_tokens` is how many tokens, padding counted, one batch should hold.
    """

    batch_tokens: int

    def encode(self, texts: Sequence[str], *, prompt: str = "") -> FloatArray:
        """Return the vectors of one batch: float32 of shape (b, d), rows in the order of `texts`.

        The texts begin with `prompt` already; it is named for models that keep its tokens out of the pooling.
        """


def load_encoder(
    spec: ModelSpec, tokenizer: ModelTokenizer, *, device: str, precision: Precision, engine: Engine = "torch"
) -> Encoder:
    """Load the weights of a model, strictly: none missing, none left over, all as the files hold them.

    Raises
    ------
    MissingDependencyError
        If torch, sentence-transformers or onnxruntime are needed and not installed.
    ModelError, WeightsError
        If the files are not what the architecture needs.
    """
    if spec.loader == "static":
        from recs.architectures.static import StaticEncoder

        return StaticEncoder(spec, tokenizer)
    if engine == "onnx":
        from recs.architectures.onnx import OnnxEncoder

        return OnnxEncoder(spec, tokenizer, device=device)
    if spec.loader == "onnx":
        raise ModelError(f"{spec.folder}: no safetensors weights but an ONNX file, which engine torch cannot run.")
    if spec.loader == "bert":
        from recs.architectures.bert import BertEncoder

        return BertEncoder(spec, tokenizer, device=device, precision=precision)
    from recs.architectures.library import LibraryEncoder

    return LibraryEncoder(spec, tokenizer, device=device, precision=precision)
