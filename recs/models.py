"""Models: the registry, where their files are, what the files say, and the fingerprint of the space they make.

Nothing here imports torch. A model is a folder as sentence-transformers writes it: `modules.json`, the transformer's
`config.json` and `tokenizer.json`, weights as safetensors, and a folder for each further module.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from recs.digests import file_digest
from recs.embeddings import SIMILARITIES, Similarity
from recs.errors import DISTRIBUTION, ModelError, ModelNotFoundError, WeightsError

DEFAULT_MODEL = "all-MiniLM-L6-v2"

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


@dataclass(frozen=True, slots=True)
class ModelRow:
    """What the registry says of a model, to be checked against its files."""

    hub_id: str
    dim: int
    max_tokens: int
    pooling: str
    normalize: bool
    similarity: Similarity
    licence: str
    download_mb: int
    languages: tuple[str, ...] = ()
    package: str | None = None
    package_folder: str = ""
    weights_sha256: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What the files of a model say.

    Attributes
    ----------
    name
        As the user gave it, or the registry's name.
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


@cache
def registry() -> Mapping[str, ModelRow]:
    """Return the models that recs knows by name."""
    rows = tomllib.loads((Path(__file__).parent / "models.toml").read_text(encoding="utf-8"))
    return {name: ModelRow(**{**row, "languages": tuple(row.get("languages", ()))}) for name, row in rows.items()}


def registry_row(name: str) -> tuple[str, ModelRow | None]:
    """Return the registry's own name for `name` (a name or a hub id, in any case) and its row, if it has one."""
    for known, row in registry().items():
        if name.lower() in (known.lower(), row.hub_id.lower()):
            return known, row
    return name, None


def find_model(name: str) -> Path | None:
    """Return the folder that holds the files of a model, without asking the network.

    Looked for in this order: `name` as a path, the local hub cache, a Python package that carries the model.

    Raises
    ------
    ModelNotFoundError
        If `name` is written as a path and nothing is there.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.is_absolute() or name.startswith((".", "~")) or os.sep * 2 in name:
        raise ModelNotFoundError(f"{name}: no such folder.")
    _, row = registry_row(name)
    for candidate in _hub_snapshots(row.hub_id if row else name):
        if (candidate / "modules.json").is_file():
            return candidate
    if row and row.package:
        found = importlib.util.find_spec(row.package)
        if found and found.origin:
            return Path(found.origin).parent / row.package_folder
    return None


def read_model(name: str) -> ModelSpec:
    """Find the files of a model and read what they say.

    Raises
    ------
    ModelNotFoundError
        If there are none on this machine.
    ModelError
        If they are not a model that recs can run: no tokenizer.json, no safetensors, no known pooling.
    WeightsError
        If they differ from what the registry says of this model.
    """
    folder = find_model(name)
    if folder is None:
        raise ModelNotFoundError(missing_model_message(name))
    known, row = registry_row(name)
    try:
        return _read_folder(known, folder, row)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{folder}: its files hold what no model's do ({type(error).__name__}: {error}); download it again."
        ) from error


def missing_model_message(name: str) -> str:
    """Say what to do when no files of a model are on this machine."""
    known, row = registry_row(name)
    if row and row.package:
        return f"no files of {known} on this machine: pip install '{DISTRIBUTION}[models]'"
    return f"no files of {known} on this machine; give the path of a folder that sentence-transformers can load."


def _hub_snapshots(hub_id: str) -> list[Path]:
    """Return the snapshot folders of a hub id in the local hub cache, the one that `main` names first."""
    hub = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    root = Path(hub or Path(home) / "hub").expanduser()
    for full_id in (hub_id, f"sentence-transformers/{hub_id}"):
        repository = root / ("models--" + full_id.replace("/", "--"))
        snapshots = sorted((repository / "snapshots").glob("*"))
        if snapshots:
            main = repository / "refs" / "main"
            named = main.read_text(encoding="utf-8").strip() if main.is_file() else ""
            return sorted(snapshots, key=lambda path: path.name != named)
    return []


def _read_folder(name: str, folder: Path, row: ModelRow | None) -> ModelSpec:
    modules = _modules(folder)
    transformer = folder / modules[0][1]
    config = _json(transformer / "config.json")
    limits = _json(transformer / "sentence_bert_config.json", optional=True)
    settings = _json(folder / "config_sentence_transformers.json", optional=True)
    pooling, normalize = "none", False
    dim = int(config.get("hidden_size") or config.get("dim") or config.get("d_model", 0))
    described: list[Any] = []
    for kind, path in modules[1:]:
        details = _json(folder / path / "config.json", optional=True)
        if kind == "Pooling":
            pooling = _pooling_mode(details, folder / path)
            described.append(["Pooling", pooling, details.get("include_prompt", True)])
        elif kind == "Normalize":
            normalize = True
            described.append(["Normalize"])
        else:
            dim = int(details.get("out_features", dim))
            described.append([kind, details, _weights(folder / path, optional=True)])
    if pooling == "none":
        raise ModelError(f"{folder}: its modules are {[kind for kind, _ in modules]}, expected one called Pooling.")
    prompts = {role: str(text) for role, text in (settings.get("prompts") or {}).items() if text}
    similarity = settings.get("similarity_fn_name") or "cosine"
    if similarity not in SIMILARITIES:
        raise ModelError(f"{folder}: similarity {similarity!r}, expected one of {', '.join(SIMILARITIES)}.")
    spec = ModelSpec(
        name=name,
        fingerprint="",
        dim=dim,
        max_tokens=_max_tokens(transformer, config, limits),
        pooling=pooling,
        normalize=normalize,
        similarity=cast(Similarity, similarity),
        prompts=prompts,
        languages=row.languages if row else (),
        folder=folder,
        lowercase=bool(limits.get("do_lower_case", False)),
    )
    weights = _weights(transformer)
    _check_row(spec, weights, row)
    space = {
        "recs": 1,
        "weights": sorted(weights.values()),
        "tokenizer": _tokenizer_digest(transformer),
        "transformer": {key: value for key, value in sorted(config.items()) if key not in _COSMETIC},
        "modules": described,
        "prompts": prompts,
        "max_tokens": spec.max_tokens,
        "lowercase": spec.lowercase,
        "dim": dim,
        "similarity": similarity,
    }
    canonical = json.dumps(space, sort_keys=True, ensure_ascii=True).encode()
    return replace(spec, fingerprint=hashlib.sha256(canonical).hexdigest())


def _modules(folder: Path) -> list[tuple[str, str]]:
    """Return (class name, sub-folder) of each module, the transformer first."""
    if not (folder / "modules.json").is_file():
        raise ModelError(
            f"{folder}: no modules.json, so nothing says how its token vectors become one; expected a folder that "
            "sentence-transformers has written."
        )
    listed = _json(folder / "modules.json", expected=list)
    modules = [(str(entry["type"]).rpartition(".")[2], str(entry["path"])) for entry in listed]
    for kind, path in modules:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise ModelError(f"{folder}: module {kind} lies outside the folder, at {path!r}.")
    if not modules or modules[0][0] != "Transformer":
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
    for name in ("dim", "max_tokens", "pooling", "normalize", "similarity"):
        if getattr(spec, name) != getattr(row, name):
            raise WeightsError(
                f"{spec.folder}: {name} is {getattr(spec, name)!r}, but {spec.name} has {getattr(row, name)!r}; these "
                "are not its files."
            )
    for name, expected in row.weights_sha256.items():
        if weights.get(name) != expected:
            raise WeightsError(
                f"{spec.folder}: {name} has the SHA-256 {weights.get(name, 'of no file')[:16]}…, but {spec.name} has "
                f"{expected[:16]}…; these are not its weights."
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
