"""The description of a model: its files, context window, pooling and fingerprint."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from recs.arrays import Similarity
from recs.errors import ModelNotFoundError, OptionError
from recs.models.registry import missing_model_message, registry_row


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The description of a model, from its files, and from the registry where the files say nothing."""

    name: str  # the registry's, or else the user's; NAME@DIM if the vectors are cut
    fingerprint: str  # of weights, tokenizer, architecture, pooling, prompts, length limit, dimension, …
    dim: int  # of a vector
    max_tokens: int  # the context window, special tokens included
    pooling: str
    normalize: bool
    similarity: Similarity
    prompts: Mapping[str, str] = field(default_factory=dict)  # put before the input, by role: "query", "document", …
    languages: tuple[str, ...] = ()  # codes of those it was trained for; empty if unknown
    folder: Path | None = None  # of the files; None if only cached vectors of the model are there
    lowercase: bool = False  # whether the text is lowercased before the tokenizer sees it
    architecture: str = ""  # "bert", "jina_bert", "mpnet", "t5", "static", …
    loader: str = "library"  # the code that runs it: "bert", "static", "onnx", "library", "service", "bytes"
    transformer: str = ""  # the folder of the transformer within `folder`
    full_dim: int = 0  # the dimension that the model emits; the first `dim` numbers are kept
    pool_prompt: bool = True  # whether the pooling uses the tokens of the prompt
    needs_instruction: bool = False  # whether a text without one is refused
    instruction_template: str = "{instruction}"  # how the instruction is written before the text

    @property
    def home(self) -> Path:
        """The folder of the transformer; `ModelNotFoundError` if no files of the model are on this machine."""
        if self.folder is None:
            raise ModelNotFoundError(missing_model_message(self.name))
        return self.folder / self.transformer


def cut_model(spec: ModelSpec, dim: int) -> ModelSpec:
    """Return the spec of a model whose vectors are cut to their first `dim` numbers.

    Raises `OptionError` if the model was not trained for this dimension, has fewer dimensions, or is cut already.

    Examples
    --------
    >>> spec = ModelSpec("mine", "f00d", 384, 256, pooling="mean", normalize=True, similarity="cosine")
    >>> cut_model(spec, 128).name
    'mine@128'
    """
    row = registry_row(spec.name)[1]
    trained, full = (row.matryoshka if row else ()), spec.full_dim or spec.dim
    if dim == spec.dim:
        return spec
    if spec.dim != full or not (dim in trained if trained else 0 < dim <= full):
        expected = f"one of {', '.join(map(str, trained))}" if trained else f"1 to {full}"
        raise OptionError(
            f"dim is {dim}, but {spec.name} {'is cut already' if spec.dim != full else f'can be cut to {expected}'}."
        )
    fingerprint = hashlib.sha256(f"{spec.fingerprint}:{dim}".encode()).hexdigest()
    return replace(spec, name=f"{spec.name}@{dim}", dim=dim, full_dim=full, fingerprint=fingerprint)
