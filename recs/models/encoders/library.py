"""Models that sentence-transformers runs; the weights in memory are compared with the files."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recs.arrays import FloatArray
from recs.errors import MissingDependencyError, ModelError, WeightsError
from recs.models.encoders import check_device
from recs.models.encoders.kernels import enter_torch
from recs.models.encoders.packing import pad_right
from recs.models.encoders.weights import POOLER, check_names, read_tensors
from recs.models.hardware import Precision
from recs.models.reading import one_line
from recs.models.spec import ModelSpec
from recs.models.tokenizer import ModelTokenizer

_log = logging.getLogger(__name__)

_PROBE = "Zwölf Boxkämpfer: naïve co-operation, 1,024 tests & “quotes” — 日本語 too."

# Tokens in one batch. On a processor a small batch keeps the activations in its caches; a GPU needs more.
_CPU_BATCH_TOKENS = 2048
_GPU_BATCH_TOKENS = 32768

# The output of a transformer for each of the two results.
_OUTPUTS = {"token_embeddings": "last_hidden_state", "sentence_embedding": "pooler_output"}
# Tensors that are in some files and that every library computes itself.
_DERIVED = ("position_ids", "rotary_emb.inv_freq")


class LibraryEncoder:
    """A model in memory, on "cpu", "cuda", "cuda:1" or "mps".

    `tokenizer` must give the same ids as the model's own; this is checked on a probe. `precision` is that of the
    transformer; pooling and later modules run in float32. Raises `MissingDependencyError` without torch or
    sentence-transformers, `WeightsError` if a weight is missing, unexpected or not that of the file, and `ModelError`
    if the files cannot be loaded, or the tokenizers disagree.
    """

    def __init__(self, spec: ModelSpec, tokenizer: ModelTokenizer, *, device: str, precision: Precision) -> None:
        try:
            import sentence_transformers  # noqa: F401  (so that the message names it if it is missing)
            import torch
        except ImportError as error:
            raise MissingDependencyError("computing vectors", "torch and sentence-transformers", "models") from error
        self._torch = torch
        self._spec = spec
        self._tokenizer = tokenizer
        enter_torch(device)
        check_device(device)
        self.device = device
        self.batch_tokens = _CPU_BATCH_TOKENS if self.device == "cpu" else _GPU_BATCH_TOKENS
        _log.info("loading %s from %s", spec.name, spec.folder)
        self._modules = _load(spec, self.device)
        if spec.pooling == "pooler" and getattr(self._modules[0].auto_model, "pooler", None) is None:
            raise ModelError(f"{spec.folder}: pooling is 'pooler', but {spec.architecture} has none.")
        homes = _homes(Path(str(spec.folder)), len(self._modules))
        for position, (module, home) in enumerate(zip(self._modules, homes, strict=True)):
            _check_weights(module if position else module.auto_model, home, pooler=spec.pooling == "pooler")
        _check_tokenizer(self._modules[0].tokenizer, tokenizer, spec)
        self._pad = int(self._modules[0].tokenizer.pad_token_id or 0)
        if precision == "bfloat16":
            self._modules[0].to(torch.bfloat16)

    def encode(self, texts: Sequence[str], *, prompt: str = "") -> FloatArray:
        """Return the vectors of one batch, as `Encoder.encode` says."""
        enter_torch(self.device)
        torch = self._torch
        ids = self._tokenizer.ids(texts)
        padded, mask = pad_right(ids, self._pad)
        features: dict[str, Any] = {
            "input_ids": torch.from_numpy(padded).to(self.device),
            "attention_mask": torch.from_numpy(mask.astype(np.int64)).to(self.device),
        }
        with torch.inference_mode():
            for position, module in enumerate(self._modules):
                features = module(features)
                if position == 0:
                    made = module.module_output_name
                    features[made] = features[made].float()
                    if prompt and not self._spec.pool_prompt:
                        skipped = self._tokenizer.prompt_lengths(prompt, ids)
                        mask &= np.arange(mask.shape[1]) >= np.array(skipped)[:, None]
                        features["attention_mask"] = torch.from_numpy(mask.astype(np.int64)).to(self.device)
            vectors: FloatArray = features["sentence_embedding"].float().cpu().numpy()
        return vectors


def _load(spec: ModelSpec, device: str) -> list[Any]:
    """Load with sentence-transformers: only from this folder, only safetensors, float32, no code of the model."""
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    local: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    weights = {"use_safetensors": True, "dtype": "float32"}
    made = "sentence_embedding" if spec.pooling == "pooler" else "token_embeddings"
    bar = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        if Path(str(spec.folder), "modules.json").is_file():
            modules = list(SentenceTransformer(str(spec.folder), device=device, **local, model_kwargs=weights))
        else:
            output = {"method": "forward", "method_output_name": _OUTPUTS[made]}
            options = {"config_kwargs": local, "processor_kwargs": local, "model_kwargs": weights | local}
            text = {"modality_config": {"text": output}, "module_output_name": made}
            modules = [Transformer(str(spec.folder), max_seq_length=spec.max_tokens, **options, **text)]
            modules += [Pooling.load(str(path)) for path in sorted(Path(str(spec.folder)).glob("[0-9]_Pooling"))]
            modules += [Normalize()] if spec.normalize else []
        if modules[0].module_output_name != "sentence_embedding" and not any(isinstance(m, Pooling) for m in modules):
            modules.insert(1, Pooling(spec.full_dim, spec.pooling))
    except Exception as error:  # of any type: a broken folder can make the library raise anything
        raise ModelError(f"{spec.folder}: sentence-transformers cannot load it: {one_line(error)}") from error
    finally:
        if bar:
            transformers.utils.logging.enable_progress_bar()
    return [module.to(device).eval() for module in modules]


def _check_weights(network: Any, folder: Path, *, pooler: bool) -> None:
    """Compare every tensor in memory with the files, name by name and value by value.

    If a library cannot place a tensor, it logs a line and fills the parameter with random numbers; then the vectors
    look right but mean nothing. The pooler is compared only with `pooler`, because other vectors do not use it.
    """
    import torch
    from transformers.core_model_loading import revert_weight_conversion

    prefix = f"{getattr(network, 'base_model_prefix', '')}."
    state = network.state_dict()
    if getattr(network, "_weight_conversions", None):  # the library renamed, split or joined tensors of the files
        state = revert_weight_conversion(network, state)
    loaded = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    stored = read_tensors(folder)
    placed = {name.removeprefix(prefix): name for name in stored}
    for name in sorted(placed.keys() & loaded.keys()):
        if not torch.equal(loaded[name].cpu(), torch.from_numpy(stored[placed[name]]).to(loaded[name].dtype)):
            raise WeightsError(f"{folder}: {placed[name]} in memory is not that of the file.")
    unexpected = [original for name, original in placed.items() if name not in loaded]
    spare = (*_DERIVED, *(() if pooler else POOLER))
    tied = {loaded[name].data_ptr() for name in placed.keys() & loaded.keys()}
    missing = sorted(name for name in loaded.keys() - placed.keys() if loaded[name].data_ptr() not in tied)
    missing, unexpected = ([n for n in names if not n.endswith(spare)] for names in (missing, unexpected))
    check_names(folder, type(network).__name__, missing, unexpected)


def _homes(folder: Path, count: int) -> list[Path]:
    """Return the folder with the weights of each module. Modules that modules.json does not list have no weights."""
    listed = [{"path": ""}]
    if (folder / "modules.json").is_file():
        listed = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    homes = [folder / entry["path"] for entry in listed]
    return homes[:1] + [folder / "none"] * (count - len(homes)) + homes[1:]


def _check_tokenizer(theirs: Any, ours: ModelTokenizer, spec: ModelSpec) -> None:
    expected = list(theirs(_PROBE.lower() if spec.lowercase else _PROBE, verbose=False)["input_ids"])
    ids = ours.ids([_PROBE])[0]
    if expected != ids:
        raise ModelError(
            f"{spec.folder}: tokenizer.json gives {len(ids)} tokens for a probe, and the library's tokenizer gives "
            f"{len(expected)} or others; the files of this model do not agree with each other."
        )
