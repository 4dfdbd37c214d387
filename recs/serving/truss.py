"""A Truss: the folder that a model server is built of. Its model.py (`truss_model.py` here) answers as `recs embed`."""

import base64
import hashlib
import io
import json
import re
import shutil
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

from recs import __version__
from recs.embedding.embedder import Overflow
from recs.embedding.load import load_embedder
from recs.errors import DISTRIBUTION, MissingDependencyError, ModelNotFoundError, OutputError
from recs.models.folder import ONNX_FILE
from recs.models.registry import find_model, missing_model_message, registry, registry_row, split_dim

_PACKAGE = Path(__file__).parent.parent
_STEM = f"{DISTRIBUTION.replace('-', '_')}-{__version__}"
_MARK = b"# Written by recs truss, which writes all files of this folder anew.\n"
_OURS = re.compile(r"README\.md|config\.yaml|input\.json|model/.*\.pyc?|packages/recs_toolkit-.*\.whl|data/model/.*")
_EXAMPLE = ["How do I plant garlic?", "Plant the cloves in autumn, two inches deep, and cover the bed with straw."]
_README = """`truss push .`, then `truss predict -f input.json`. predict takes a text, an item {"title": …, "text": …},
a list of such, or {"input": …, "role": "query"}; it returns a list of vectors, those of `recs embed`.
/v1/embeddings answers as OpenAI's does.
"""


def write_truss(
    folder: Path, model: str, *, overflow: Overflow, options: dict[str, Any], resources: dict[str, Any], force: bool
) -> None:
    """Write a Truss, whole or not at all; the same arguments on the same installation give the same bytes.

    `options` are those of `load_embedder`, `resources` those of config.yaml. A model of the registry is fetched where
    the Truss runs; any other, NAME=FOLDER and all for engine onnx are on this machine and travel in data/. `force`
    replaces a folder that holds more than a Truss that was written here.
    Raises `ModelNotFoundError`, `ModelError`, `OptionError`, `OutputError`, and `MissingDependencyError` if the extra
    `models` (`onnx`) is not installed: its versions are those that the Truss requires.
    """
    import yaml

    (name, row), source = registry_row(model), find_model(model)
    onnx = options.get("engine") == "onnx"  # then neither the hub's client nor packages of models, which want torch
    if source is None and (row is None or onnx):
        raise ModelNotFoundError(missing_model_message(model))
    carried = source if row is None or "=" in model or onnx else None
    package = row.package if row and not carried else None
    spec = load_embedder(model, **{**options, "offline": True}).spec if source else None
    settings = {
        "model": f"{f'{name}=' if row else ''}{{data}}/model" if carried else name,
        "fingerprint": spec and spec.fingerprint,
        "overflow": overflow,
        "options": {**options, "dim": split_dim(model)[1] or options.get("dim"), "offline": bool(carried or package)},
    }
    config = {
        "model_name": Path(name).name,
        "python_version": f"py{sys.version_info.major}{sys.version_info.minor}",
        "requirements": _requirements("onnx" if onnx else "models", package),
        "resources": resources,
        "runtime": {"predict_concurrency": 1},
        "environment_variables": {"OMP_NUM_THREADS": resources["cpu"]},  # torch would take all cores of the host
        "model_metadata": {"example_model_input": _EXAMPLE, "recs": settings},
    }
    files: dict[str, bytes | Path] = {
        "README.md": _README.encode(),
        "config.yaml": _MARK + yaml.safe_dump(config, sort_keys=False).encode(),
        "input.json": json.dumps(_EXAMPLE).encode(),
        "model/__init__.py": b"",
        "model/model.py": _PACKAGE / "serving" / "truss_model.py",
        f"packages/{_STEM}-py3-none-any.whl": _wheel(),
    }
    if carried:
        parts = [path for path in carried.rglob("*") if path.suffix in (".json", ".safetensors", ".txt", ".model")]
        if spec and spec.loader == "onnx":  # its hub offers several such files; this one runs
            parts += carried.glob(f"{ONNX_FILE}*")
        files |= {f"data/model/{path.relative_to(carried).as_posix()}": path for path in parts}
    _replace(folder.resolve(), files, force=force)


def _requirements(extra: str, package: str | None) -> list[str]:
    """Return the installed versions of what recs and an extra require; of models that are packages, `package` alone."""
    asked = [r for r in metadata.requires(DISTRIBUTION) or () if not re.search(f"extra == .(?!{extra})", r)]
    names = {re.split(r"[^\w.-]", requirement)[0] for requirement in asked}
    names -= {str(row.package).replace("_", "-") for row in registry().values()}
    names |= {package.replace("_", "-")} if package else set()
    try:  # a local build, as torch's "+cpu", stands for the release that can be had everywhere
        return [f"{name}=={metadata.version(name).partition('+')[0]}" for name in sorted(names)]
    except metadata.PackageNotFoundError as error:
        raise MissingDependencyError("a Truss", str(error.name), extra) from error


def _wheel() -> bytes:
    """Return a wheel of this installation: sorted, stored, without times."""
    about, info = metadata.distribution(DISTRIBUTION), f"{_STEM}.dist-info"
    paths = [path for path in _PACKAGE.rglob("*.*") if path.is_file() and path.suffix != ".pyc"]
    files = {path.relative_to(_PACKAGE.parent).as_posix(): path.read_bytes() for path in paths}
    files[f"{info}/METADATA"] = (about.read_text("METADATA") or about.read_text("PKG-INFO") or "").encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: recs\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = [f"{info}/RECORD,,\n"]
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        record.append(f"{name},sha256={digest},{len(data)}\n")
    files[f"{info}/RECORD"] = "".join(sorted(record)).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def _replace(folder: Path, files: dict[str, bytes | Path], *, force: bool) -> None:
    """Write the files into a neighbour of the folder and put that in its place."""
    try:
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
        ours = "config.yaml" in there and (folder / "config.yaml").read_bytes().startswith(_MARK)
        foreign = sorted(name for name in there if not (ours and _OURS.fullmatch(name)))
        if folder.exists() and Path.cwd().is_relative_to(folder):
            raise OutputError(f"{folder}: cannot be replaced from within; change to another folder first.")
        if foreign and not force:
            advice = "name another folder or --force"
            raise OutputError(f"{folder}: holds {foreign[0]}, not written by recs truss; {advice}.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as neighbour:
            new, old = Path(neighbour, "new"), Path(neighbour, "old")
            for name, content in files.items():
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                if isinstance(content, Path):
                    shutil.copyfile(content, new / name)
                else:
                    (new / name).write_bytes(content)
            if folder.exists():
                folder.rename(old)
            try:
                new.rename(folder)
            except OSError:
                old.rename(folder)
                raise
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error}). What was there before is untouched.") from error
