"""A model in a folder: its description, checked against the registry, and the fingerprint of its vector space.

Nothing here imports torch. There are three kinds of folders: those of sentence-transformers (`modules.json`, the
transformer's `config.json` and `tokenizer.json`, weights as safetensors, a folder for each further module), those of
transformers (no `modules.json`; the pooling must be stated), and those of model2vec (one table of vectors). An ONNX
file can replace the weights.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from recs.arrays import SIMILARITIES, Similarity
from recs.errors import ModelError, ModelNotFoundError, OptionError, WeightsError
from recs.files import file_digest
from recs.models.modules import (
    BERT_FAMILY,
    POOLINGS,
    Chain,
    ModelFiles,
    read_chain,
    weight_digests,
)
from recs.models.names import ModelName
from recs.models.onnx_files import external_files
from recs.models.packed import unpack_model
from recs.models.registry import ModelRow, find_model, missing_model_message, registry, registry_row
from recs.models.spec import ModelSpec, cut_model
from recs.models.tokenizer_file import read_tokenizer

_BERT_POOLINGS = {"mean", "cls", "max", "pooler"}
# Keys of config.json that do not change the vectors.
_COSMETIC = {"_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache", "architectures", "auto_map"}


def read_model(name: str, *, dim: int | None = None, pooling: str | None = None, onnx: bool = False) -> ModelSpec:
    """Find the files of a model and read its description; `name`, `dim` and `pooling` are as in `load_embedder`.

    With `onnx`, the ONNX file is used if there is one and recs cannot run the model from its weights without torch.

    Raises
    ------
    ModelNotFoundError
        If there are no files on this machine.
    ModelError
        If recs cannot run the model: no tokenizer.json, no safetensors, no known pooling.
    WeightsError
        If the files differ from the registry.
    OptionError
        If the model cannot be cut to `dim`, or its files name another pooling.
    """
    asked = ModelName.parse(name)
    dim = asked.dim if dim is None else dim
    folder = find_model(name) or unpack_model(name)
    if folder is None:
        raise ModelNotFoundError(missing_model_message(asked.base))
    own_name, row = registry_row(name)
    if pooling is not None and pooling not in POOLINGS:
        raise OptionError(f"pooling is {pooling!r}, expected one of {', '.join(POOLINGS)}.")
    try:
        spec = _read_folder(own_name if row else asked.base, folder, row, pooling, onnx)
    except OptionError:  # which is a ValueError too
        raise
    except (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        what = f"its files are not those of a model ({type(error).__name__}: {error})"
        raise ModelError(f"{folder}: {what}; download it again.") from error
    return spec if dim is None else cut_model(spec, dim)


def _read_folder(name: str, folder: Path, row: ModelRow | None, pooling: str | None, onnx: bool) -> ModelSpec:
    files = ModelFiles.read(folder)
    weights = {} if not files.has_weights and files.onnx else weight_digests(files.home, folder)
    chain = read_chain(files, row, pooling)
    loader = _choose_loader(files, chain, has_weights=bool(weights), onnx=onnx)
    if loader == "onnx":
        weights = _onnx_weights(files)
    # Instructor is a T5 encoder with a Dense layer. Its files do not say that it needs an instruction, nor that the
    # mean leaves the tokens of the instruction out.
    needs_instruction = row.instruction if row else files.architecture == "t5" and "Dense" in chain.kinds
    spec = ModelSpec(
        name=name,
        fingerprint="",
        dim=chain.dim,
        max_tokens=files.max_tokens,
        pooling=chain.pooling,
        normalize=chain.normalize,
        similarity=_similarity(files, row),
        prompts=_prompts(files, row),
        languages=row.languages if row else (),
        folder=folder,
        lowercase=bool(files.limits.get("do_lower_case", False)),
        architecture=files.architecture,
        loader=loader,
        transformer=files.transformer,
        full_dim=chain.dim,
        pool_prompt=chain.pools_prompt and not needs_instruction,
        needs_instruction=needs_instruction,
        instruction_template=row.instruction_template if row else "{instruction}",
    )
    if row:
        _check_row(spec, weights, row)
    return replace(spec, fingerprint=_fingerprint(spec, files, chain, weights))


def _choose_loader(files: ModelFiles, chain: Chain, *, has_weights: bool, onnx: bool) -> str:
    """Return the name of the code that runs the model: "static", "bert", "onnx" or "library"."""
    loader = "library"
    if files.is_static:
        loader = "static"
    elif chain.is_plain and files.architecture in BERT_FAMILY and chain.pooling in _BERT_POOLINGS:
        loader = "bert"
    if has_weights and not (onnx and loader == "library" and chain.is_plain):
        return loader
    path = files.onnx
    if path and not has_weights and not chain.is_plain:
        raise ModelError(
            f"{files.folder}: no safetensors weights; {path.relative_to(files.folder)} is only a part of this model."
        )
    return "onnx" if path else loader


def _similarity(files: ModelFiles, row: ModelRow | None) -> Similarity:
    similarity = files.settings.get("similarity_fn_name") or (row.similarity if row else "cosine")
    if similarity not in SIMILARITIES:
        raise ModelError(f"{files.folder}: similarity {similarity!r}, expected one of {', '.join(SIMILARITIES)}.")
    return cast(Similarity, similarity)


def _prompts(files: ModelFiles, row: ModelRow | None) -> dict[str, str]:
    """Return the prompts by role: those of the files, else those of the registry."""
    of_files = {role: str(text) for role, text in (files.settings.get("prompts") or {}).items() if text}
    return {**(row.prompts if row else {}), **of_files}


def _fingerprint(spec: ModelSpec, files: ModelFiles, chain: Chain, weights: Mapping[str, str]) -> str:
    """Return the digest of everything that a vector of the model depends on."""
    tokenizer = read_tokenizer(files.home)
    for key in ("truncation", "padding"):  # recs sets both itself
        tokenizer.pop(key, None)
    steps = [[*step[:2], spec.pool_prompt] if step[0] == "Pooling" else step for step in chain.steps]
    space = {
        "recs": 1,
        "weights": sorted(weights.values()),
        "tokenizer": _digest(tokenizer),
        "transformer": {key: value for key, value in sorted(files.config.items()) if key not in _COSMETIC},
        "modules": steps,
        "prompts": dict(spec.prompts),
        "max_tokens": spec.max_tokens,
        "lowercase": spec.lowercase,
        "dim": spec.dim,
        "similarity": spec.similarity,
    }
    return _digest(space)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _onnx_weights(files: ModelFiles) -> dict[str, str]:
    """Return the SHA-256 of the weights that an ONNX file was made from, or of its files if the registry lacks it."""
    path = cast(Path, files.onnx)
    parts = [path, *external_files(path)]
    digests = {part.name: file_digest(part) for part in parts}
    for row in registry().values():
        if len(parts) == 1 and digests[path.name] in row.onnx_sha256:
            return dict(row.weights_sha256)
    return digests


def _check_row(spec: ModelSpec, weights: Mapping[str, str], row: ModelRow) -> None:
    for name in ("architecture", "dim", "max_tokens", "pooling", "normalize", "similarity"):
        expected = getattr(row, name)
        if expected is not None and getattr(spec, name) != expected:
            value = getattr(spec, name)
            raise WeightsError(
                f"{spec.folder}: {name} is {value!r}, but {spec.name} has {expected!r}; these are not its files."
            )
    for name, digest in row.weights_sha256.items():
        if weights.get(name) != digest:
            other = f"the SHA-256 {weights.get(name, 'of no file')[:16]}…, but {spec.name} has {digest[:16]}…"
            raise WeightsError(f"{spec.folder}: {name} has {other}; these are not its weights.")
