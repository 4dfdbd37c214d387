"""Any model that sentence-transformers can run, with its weights compared to the files."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recs.embeddings import FloatArray
from recs.errors import MissingDependencyError, ModelError, ModelNotFoundError, OptionError, WeightsError
from recs.hardware import Precision
from recs.models import ModelSpec
from recs.registry import missing_model_message
from recs.tokenizer import ModelTokenizer

_log = logging.getLogger(__name__)

_PROBE = "Zwölf Boxkämpfer: naïve co-operation, 1,024 tests & “quotes” — 日本語 too."

# Tokens in one batch. On a processor a small batch keeps the activations in its caches; a GPU wants work.
_CPU_BATCH_TOKENS = 2048
_GPU_BATCH_TOKENS = 32768


class LibraryEncoder:
    """A model in memory.

    Parameters
    ----------
    spec
        What the files of the model say; `spec.folder` is where they are.
    tokenizer
        Must give the ids that the model's own tokenizer gives, which is checked on a probe.
    device
        "cpu", "cuda", "cuda:1", "mps".
    precision
        Of the transformer; pooling and what follows it run in float32.

    Raises
    ------
    MissingDependencyError
        If torch or sentence-transformers is not installed.
    WeightsError
        If a weight is missing, unexpected or was initialised afresh.
    ModelError
        If the files cannot be loaded, or the tokenizers disagree.
    """

    def __init__(self, spec: ModelSpec, tokenizer: ModelTokenizer, *, device: str, precision: Precision) -> None:
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingDependencyError("computing vectors", "torch and sentence-transformers", "models") from error
        if spec.folder is None:
            raise ModelNotFoundError(missing_model_message(spec.name))
        self._torch = torch
        self._tokenizer = tokenizer
        self.device = _available(torch, device)
        self.batch_tokens = _CPU_BATCH_TOKENS if self.device == "cpu" else _GPU_BATCH_TOKENS
        _log.info("loading %s from %s", spec.name, spec.folder)
        self._spec = spec
        self._model: Any = _load(SentenceTransformer, spec, self.device)
        _check_weights(self._model, spec.folder)
        _check_tokenizer(self._model, tokenizer, spec)
        special = set(self._model.tokenizer.all_special_ids)
        self._closing_tokens = int(tokenizer.ids(["a"])[0][-1] in special)
        self._pad = int(getattr(self._model.tokenizer, "pad_token_id", None) or 0)
        if precision == "bfloat16":
            self._model[0].to(torch.bfloat16)
        self._model.eval()

    def encode(self, texts: Sequence[str], *, prompt: str = "") -> FloatArray:
        """Return the vectors of one batch, as `Encoder.encode` says."""
        ids = self._tokenizer.ids(texts)
        torch = self._torch
        lengths = np.array([len(sequence) for sequence in ids])
        mask = np.arange(lengths.max()) < lengths[:, None]
        padded = np.full(mask.shape, self._pad, dtype=np.int64)
        padded[mask] = np.concatenate(ids)
        features: dict[str, Any] = {
            "input_ids": torch.from_numpy(padded).to(self.device),
            "attention_mask": torch.from_numpy(mask.astype(np.int64)).to(self.device),
        }
        if prompt and not self._spec.pool_prompt:
            features["prompt_length"] = len(self._tokenizer.ids([prompt])[0]) - self._closing_tokens
        with torch.inference_mode():
            for position, module in enumerate(self._model):
                features = module(features)
                if position == 0:
                    features["token_embeddings"] = features["token_embeddings"].float()
            vectors: FloatArray = features["sentence_embedding"].float().cpu().numpy()
        return vectors


def _available(torch: Any, device: str) -> str:
    """Return `device`, or "cpu" where the system has it but this build of torch does not."""
    kind = device.partition(":")[0]
    backends = {"cuda": torch.cuda, "mps": torch.backends.mps}
    if kind != "cpu" and kind not in backends:
        raise OptionError(f"device is {device!r}, expected cpu, cuda, cuda:N or mps.")
    if kind != "cpu" and backends[kind].is_available():
        return device
    if kind != "cpu":
        _log.warning("torch %s cannot use the device %s; computing on the processor.", torch.__version__, device)
    return "cpu"


def _load(loader: Any, spec: ModelSpec, device: str) -> Any:
    """Load with sentence-transformers: from this folder alone, safetensors alone, float32, no code of its own."""
    import transformers
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    options = {"use_safetensors": True, "dtype": "float32", "trust_remote_code": False, "local_files_only": True}
    bar = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        if not (Path(str(spec.folder)) / "modules.json").is_file():
            modules = [Transformer(str(spec.folder), model_kwargs=options), Pooling(spec.full_dim, spec.pooling)]
            return loader(modules=modules, device=device)
        model = loader(
            str(spec.folder),
            device=device,
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={name: options[name] for name in ("use_safetensors", "dtype")},
        )
    except Exception as error:  # whatever a broken folder makes the library raise
        raise ModelError(f"{spec.folder}: sentence-transformers cannot load it: {error}") from error
    finally:
        if bar:
            transformers.utils.logging.enable_progress_bar()
    for module in model:
        if isinstance(module, Pooling):
            module.include_prompt = spec.pool_prompt  # it knows instructor by three hub ids, not by what it is
    return model


def _check_weights(model: Any, folder: Path) -> None:
    """Compare every tensor in memory with the files, name by name and value by value.

    A library that cannot place a tensor logs a line and initialises the parameter at random; the vectors then look fine
    and mean nothing.
    """
    import torch

    for position, (module, home) in enumerate(zip(model, _homes(folder, len(model)), strict=True)):
        stored = _stored_tensors(home)
        if not stored and position > 0:
            continue
        network = module.auto_model if position == 0 else module
        prefix = f"{getattr(network, 'base_model_prefix', '')}."
        loaded = {name.removeprefix(prefix): tensor for name, tensor in network.state_dict().items()}
        names = {name.removeprefix(prefix): name for name in stored}
        missing = sorted(loaded.keys() - names.keys())
        unexpected = sorted(name for name in names.keys() - loaded.keys() if not name.endswith("position_ids"))
        if missing or unexpected:
            raise WeightsError(
                f"{home}: {len(missing)} weights that {type(network).__name__} needs are missing"
                f"{f' (the first is {missing[0]})' if missing else ''} and {len(unexpected)} are not part of it"
                f"{f' (the first is {unexpected[0]})' if unexpected else ''}; these files are of another architecture."
            )
        for name, tensor in loaded.items():
            if not torch.equal(tensor.cpu(), stored[names[name]].to(tensor.dtype)):
                raise WeightsError(f"{home}: {names[name]} in memory is not what the file holds.")


def _homes(folder: Path, count: int) -> list[Path]:
    if not (folder / "modules.json").is_file():
        return [folder, folder / "no weights"][:count]
    return [folder / entry["path"] for entry in json.loads((folder / "modules.json").read_text(encoding="utf-8"))]


def _stored_tensors(folder: Path) -> Mapping[str, Any]:
    from safetensors.torch import load_file

    tensors: dict[str, Any] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            tensors.update(load_file(path))
        except Exception as error:  # the library raises its own bare type
            raise WeightsError(f"{path}: not a whole safetensors file ({error}).") from error
    return tensors


def _check_tokenizer(model: Any, tokenizer: ModelTokenizer, spec: ModelSpec) -> None:
    theirs = list(model.tokenizer(_PROBE.lower() if spec.lowercase else _PROBE)["input_ids"])
    ours = tokenizer.ids([_PROBE])[0]
    if theirs != ours:
        raise ModelError(
            f"{spec.folder}: tokenizer.json gives {len(ours)} tokens for a probe where the library's tokenizer gives "
            f"{len(theirs)} or others; the files of this model do not agree with each other."
        )
