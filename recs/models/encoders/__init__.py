"""From texts to vectors: the code that runs a model. The files of the model decide which code that is.

`bert` runs the BERT family in plain torch. It is lighter to import than the libraries, faster on a processor, and right
for JinaBERT and LEALLA, which sentence-transformers loads wrongly without a message. `static` looks tokens up in a
table. `onnx` runs the BERT family and any ONNX file without torch. `library` gives all other models to
sentence-transformers, and checks the weights that it loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from recs.errors import ModelError, OptionError

if TYPE_CHECKING:
    from recs.arrays import FloatArray
    from recs.models.hardware import Engine, Precision
    from recs.models.spec import ModelSpec
    from recs.models.tokenizer import ModelTokenizer


class Encoder(Protocol):
    """A model in memory."""

    batch_tokens: int  # the best size of a batch, padding included

    def encode(self, texts: Sequence[str], *, prompt: str = "") -> FloatArray:
        """Return the vectors of one batch: float32 of shape (b, d), rows in the order of `texts`.

        The texts already begin with `prompt`. Models that leave its tokens out of the pooling need to know it.
        """


def load_encoder(
    spec: ModelSpec, tokenizer: ModelTokenizer, *, device: str, precision: Precision, engine: Engine = "torch"
) -> Encoder:
    """Load the weights of a model strictly: none is missing, none is left over, all have the values of the files.

    Raises `MissingDependencyError` if torch, sentence-transformers or onnxruntime is needed and not installed, and
    `ModelError` or `WeightsError` if the files do not fit the architecture.
    """
    if spec.loader == "static":
        from recs.models.encoders.static import StaticEncoder

        return StaticEncoder(spec, tokenizer)
    if engine == "onnx":
        from recs.models.encoders.onnx import OnnxEncoder

        return OnnxEncoder(spec, tokenizer, device=device)
    if spec.loader == "onnx":
        raise ModelError(f"{spec.folder}: no safetensors weights but an ONNX file, which engine torch cannot run.")
    if spec.loader == "bert":
        from recs.models.encoders.bert import BertEncoder

        return BertEncoder(spec, tokenizer, device=device, precision=precision)
    from recs.models.encoders.library import LibraryEncoder

    return LibraryEncoder(spec, tokenizer, device=device, precision=precision)


def check_device(device: str) -> None:
    """Raise `OptionError` if torch cannot use a device that the machine has, or there is no GPU of that number."""
    import torch

    kind, _, number = device.partition(":")
    backends: dict[str, Any] = {"cuda": torch.cuda, "mps": torch.backends.mps}
    if kind in backends and not backends[kind].is_available():
        why = f"torch {torch.__version__} cannot use it; update its driver or torch, or take cpu"
        raise OptionError(f"device is {device!r}, but {why}.")
    if number and int(number) >= torch.cuda.device_count():
        raise OptionError(f"device is {device!r}, but torch sees {torch.cuda.device_count()} GPUs, counted from 0.")
