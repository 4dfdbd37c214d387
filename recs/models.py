"""Models: what their files say, checked against the registry, and the fingerprint of the space they make.

Nothing here imports torch. A model is a folder as sentence-transformers writes it (`modules.json`, the transformer's
`config.json` and `tokenizer.json`, weights as safetensors, a folder for each further module), as transformers writes it
(no `modules.json`: the pooling has to be stated), or as model2vec does (one table of vectors).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from recs.digests import file_digest
from recs.embeddings import SIMILARITIES, Similarity
from recs.errors import ModelError, ModelNotFoundError, OptionError, WeightsError
from recs.registry import ModelRow, find_model, missing_model_message, registry_row

POOLINGS = ("mean", "cls", "max", "lasttoken", "pooler")

# What `architectures/bert.py` runs; everything else goes to sentence-transformers.
_BERT_FAMILY = {"bert", "jina_bert", "mpnet", "roberta", "xlm-roberta"}
_BERT_POOLINGS = {"mean", "cls", "max", "pooler"}
# Keys of config.json that say nothing about the vectors.
_COSMETIC = {"_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache", "architectures", "auto_map"}
_POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# A static model has no context window; this is where its own library cuts a text.
_STATIC_TOKENS = 512


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What the files of a model say, and the registry where they are silent.

    Attributes
    ----------
    name
        As the user gave it, or the registry's name; `NAME@DIM` where the vectors are cut.
    fingerprint
        Of the space: weights, tokenizer, architecture, pooling, normalisation, prompts, length limit and dimension.
    dim, max_tokens
        Dimensions of a vector; the context window in tokens, special tokens included.
    prompts
        Text put before the input, by role: "query", "document", …
    languages
        Primary language subtags the model was trained for; empty where nothing is known.
    folder
        Where the files are; None for a model that is known from cached vectors alone.
    lowercase
        Whether the text is lowercased before the tokenizer sees it.
    architecture, loader
        "bert", "jina_bert", "mpnet", "t5", "static", …; which code runs it: "bert", "static" or "library".
    transformer
        The folder of the transformer within `folder`.
    full_dim
        Dimensions that the model emits, of which the first `dim` are kept.
    pool_prompt
        Whether the tokens of the prompt take part in the pooling.
    needs_instruction, instruction_template
        Whether a text without instruction is refused; how an instruction is written before the text.
    """

    name: str
    fingerprint: str
    dim: int
    max_tokens: int
    pooling: str
    normalize: bool
    similarity: Similarity
    prompts: Mapping[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    folder: Path | None = None
    lowercase: bool = False
    architecture: str = ""
    loader: str = "library"
    transformer: str = ""
    full_dim: int = 0
    pool_prompt: bool = True
    needs_instruction: bool = False
    instruction_template: str = "{instruction}"


def read_model(name: str, *, dim: int | None = None, pooling: str | None = None) -> ModelSpec:
    """Find the files of a model and read what they say.

    Parameters
    ----------
    name
        A name of the registry, a hub id, the path of a folder, or `NAME=FOLDER`: a model of the registry in a folder.
    dim
        Keep the first `dim` dimensions, brought back to unit length where the similarity is cosine.
    pooling
        For files that do not say how token vectors become one: "mean", "cls", "max", "lasttoken" or "pooler".

    Raises
    ------
    ModelNotFoundError
        If there are none on this machine.
    ModelError
        If they are not a model that recs can run: no tokenizer.json, no safetensors, no known pooling.
    WeightsError
        If they differ from what the registry says of this model.
    OptionError
        If the model cannot be cut to `dim`, or its files say another pooling.
    """
    folder = find_model(name)
    if folder is None:
        raise ModelNotFoundError(missing_model_message(name))
    known, row = registry_row(name)
    if pooling is not None and pooling not in POOLINGS:
        raise OptionError(f"pooling is {pooling!r}, expected one of {', '.join(POOLINGS)}.")
    try:
        spec = _read_folder(known, folder, row, pooling)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        if isinstance(error, OptionError):
            raise
        raise ModelError(
            f"{folder}: its files hold what no model's do ({type(error).__name__}: {error}); download it again."
        ) from error
    return spec if dim is None else cut_model(spec, dim)


def cut_model(spec: ModelSpec, dim: int) -> ModelSpec:
    """Return the spec of a model whose vectors are cut to their first `dim` numbers.

    Raises
    ------
    OptionError
        If the model was not trained to be cut there, has fewer dimensions, or is cut already.
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


def _read_folder(name: str, folder: Path, row: ModelRow | None, pooling: str | None) -> ModelSpec:
    root = _json(folder / "config.json", optional=True)
    modules = _modules(folder, root)
    first, path = modules[0]
    transformer = folder / path
    config = _json(transformer / "config.json", optional=first == "StaticEmbedding")
    limits = _json(transformer / "sentence_bert_config.json", optional=True)
    settings = _json(folder / "config_sentence_transformers.json", optional=True)
    weights = _weights(transformer)
    architecture = "static" if first == "StaticEmbedding" else _architecture(config)
    described, normalize, dim = _described(folder, modules)
    dim = dim or (_table_dim(transformer) if architecture == "static" else _hidden_size(config, transformer))
    stated = [entry for entry in described if entry[0] == "Pooling"]
    if architecture == "static":
        found: str | None = "mean"
        normalize = normalize or bool(config.get("normalize", False))
    else:
        found = stated[0][1] if stated else (row.pooling if row and len(modules) == 1 else None)
        if found and pooling and found != pooling:
            raise OptionError(f"pooling is {pooling!r}, but {folder} has {found!r}.")
        found = found or pooling
    if not found:
        raise ModelError(
            f"{folder}: its files do not say how token vectors become one (no Pooling in modules.json); state it: "
            f"pooling= or --pooling, one of {', '.join(POOLINGS)}."
        )
    if not stated and architecture != "static":
        described.insert(0, ["Pooling", found, True])
        normalize = normalize or bool(row and row.normalize)
    instructed = row.instruction if row else architecture == "t5" and any(entry[0] == "Dense" for entry in described)
    pool_prompt = all(entry[2] for entry in described if entry[0] == "Pooling") and not instructed
    prompts = dict(row.prompts) if row else {}
    prompts |= {role: str(text) for role, text in (settings.get("prompts") or {}).items() if text}
    similarity = settings.get("similarity_fn_name") or (row.similarity if row else "cosine")
    if similarity not in SIMILARITIES:
        raise ModelError(f"{folder}: similarity {similarity!r}, expected one of {', '.join(SIMILARITIES)}.")
    extra = {entry[0] for entry in described} - {"Pooling", "Normalize"}
    native = architecture in _BERT_FAMILY and found in _BERT_POOLINGS and not extra
    spec = ModelSpec(
        name=name,
        fingerprint="",
        dim=dim,
        max_tokens=_STATIC_TOKENS if architecture == "static" else _max_tokens(transformer, config, limits),
        pooling=found,
        normalize=normalize,
        similarity=cast(Similarity, similarity),
        prompts=prompts,
        languages=row.languages if row else (),
        folder=folder,
        lowercase=bool(limits.get("do_lower_case", False)),
        architecture=architecture,
        loader="static" if architecture == "static" else "bert" if native else "library",
        transformer=path,
        full_dim=dim,
        pool_prompt=pool_prompt,
        needs_instruction=instructed,
        instruction_template=row.instruction_template if row else "{instruction}",
    )
    _check_row(spec, weights, row)
    space = {
        "recs": 1,
        "weights": sorted(weights.values()),
        "tokenizer": _tokenizer_digest(transformer),
        "transformer": {key: value for key, value in sorted(config.items()) if key not in _COSMETIC},
        "modules": [[*entry[:2], pool_prompt] if entry[0] == "Pooling" else entry for entry in described],
        "prompts": prompts,
        "max_tokens": spec.max_tokens,
        "lowercase": spec.lowercase,
        "dim": dim,
        "similarity": similarity,
    }
    canonical = json.dumps(space, sort_keys=True, ensure_ascii=True).encode()
    return replace(spec, fingerprint=hashlib.sha256(canonical).hexdigest())


def _architecture(config: Mapping[str, Any]) -> str:
    """Return what the transformer is; JinaBERT calls itself "bert" and is told by its position embeddings."""
    kind = str(config.get("model_type") or "")
    return "jina_bert" if kind == "bert" and config.get("position_embedding_type") == "alibi" else kind


def _hidden_size(config: Mapping[str, Any], transformer: Path) -> int:
    for key in ("hidden_size", "dim", "d_model"):
        if config.get(key):
            return int(config[key])
    raise ModelError(f"{transformer}: its config.json names no dimension (hidden_size).")


def _table_dim(folder: Path) -> int:
    """Return the width of the only table in the weights of a static model, from the header of the file."""
    with sorted(folder.glob("*.safetensors"))[0].open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return max(int(entry["shape"][1]) for entry in header.values() if len(entry.get("shape", ())) == 2)


def _described(folder: Path, modules: list[tuple[str, str]]) -> tuple[list[list[Any]], bool, int | None]:
    """Return what the modules after the first do, whether one normalises, and the dimension where one changes it."""
    described: list[list[Any]] = []
    normalize, dim = False, None
    for kind, path in modules[1:]:
        details = _json(folder / path / "config.json", optional=True)
        if kind == "Pooling":
            described.append(["Pooling", _pooling_mode(details, folder / path), details.get("include_prompt", True)])
        elif kind == "Normalize":
            normalize = True
            described.append(["Normalize"])
        else:
            if "out_features" in details:
                dim = int(details["out_features"])
            described.append([kind, details, _weights(folder / path, optional=True)])
    return described, normalize, dim


def _modules(folder: Path, config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (class name, sub-folder) of each module, the transformer or the table of a static model first."""
    static = config.get("model_type") == "model2vec"
    if not (folder / "modules.json").is_file():
        if not config:
            raise ModelError(f"{folder}: neither modules.json nor config.json; expected the folder of a model.")
        return [("StaticEmbedding" if static else "Transformer", "")]
    listed = _json(folder / "modules.json", expected=list)
    modules = [(str(entry["type"]).rpartition(".")[2], str(entry["path"])) for entry in listed]
    for kind, path in modules:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise ModelError(f"{folder}: module {kind} lies outside the folder, at {path!r}.")
    if not modules or modules[0][0] not in ("Transformer", "StaticEmbedding"):
        raise ModelError(f"{folder}: its modules are {[kind for kind, _ in modules]}, expected a Transformer first.")
    return modules


def _pooling_mode(details: Mapping[str, Any], where: Path) -> str:
    if mode := details.get("pooling_mode"):
        modes = [mode] if isinstance(mode, str) else list(mode)
    else:
        modes = [name for flag, name in _POOLING_FLAGS.items() if details.get(flag)]
    if not modes:
        raise ModelError(f"{where}: its config.json names no pooling.")
    return "+".join(modes)


def _max_tokens(transformer: Path, config: Mapping[str, Any], limits: Mapping[str, Any]) -> int:
    tokenizer = _json(transformer / "tokenizer_config.json", optional=True)
    stated = [limits.get("max_seq_length"), tokenizer.get("model_max_length"), config.get("max_position_embeddings")]
    known = [int(value) for value in stated if value and value < 10**7]
    if not known:
        raise ModelError(f"{transformer}: none of its files says how many tokens fit its context window.")
    return known[0] if limits.get("max_seq_length") else min(known)


def _tokenizer_digest(transformer: Path) -> str:
    """Return a digest of tokenizer.json without truncation and padding, which recs sets itself."""
    content = _json(transformer / "tokenizer.json")
    kept = {key: value for key, value in content.items() if key not in ("truncation", "padding")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _weights(folder: Path, *, optional: bool = False) -> dict[str, str]:
    """Return the SHA-256 of each safetensors file of a module."""
    files = sorted(folder.glob("*.safetensors"))
    if not files and not optional:
        other = sorted(path.name for path in folder.glob("*.bin"))
        raise ModelError(
            f"{folder}: no safetensors weights"
            f"{f' but {other[0]}, which may hold code and is not loaded' if other else ''}."
        )
    return {path.name: file_digest(path) for path in files}


def _check_row(spec: ModelSpec, weights: Mapping[str, str], row: ModelRow | None) -> None:
    if row is None:
        return
    for name in ("architecture", "dim", "max_tokens", "pooling", "normalize", "similarity"):
        expected = getattr(row, name)
        if expected is not None and getattr(spec, name) != expected:
            raise WeightsError(
                f"{spec.folder}: {name} is {getattr(spec, name)!r}, but {spec.name} has {expected!r}; these "
                "are not its files."
            )
    for name, digest in row.weights_sha256.items():
        if weights.get(name) != digest:
            raise WeightsError(
                f"{spec.folder}: {name} has the SHA-256 {weights.get(name, 'of no file')[:16]}…, but {spec.name} has "
                f"{digest[:16]}…; these are not its weights."
            )


def _json(path: Path, *, optional: bool = False, expected: type = dict) -> Any:
    if optional and not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{path.parent}: no {path.name}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not readable as JSON ({error}).") from error
    if not isinstance(content, expected):
        raise ModelError(f"{path}: holds a {type(content).__name__}, expected a {expected.__name__}.")
    return content
