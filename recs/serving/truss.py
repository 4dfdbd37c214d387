"""Writes a Truss: a folder from which a model server is built. Its model.py is a copy of `truss_model.py`."""

import base64
import hashlib
import io
import json
import re
import sys
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from recs import __version__
from recs.embedding.documents import Overflow
from recs.embedding.load import load_embedder
from recs.errors import DISTRIBUTION, MissingDependencyError, ModelNotFoundError, OutputError
from recs.files import replace_folder
from recs.models.names import ModelName
from recs.models.onnx_files import external_files, find_onnx
from recs.models.packed import unpack_model
from recs.models.registry import find_model, missing_model_message, registry, registry_row

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
    """Write a Truss atomically. The same arguments on the same installation give the same bytes.

    Parameters
    ----------
    folder
        The folder of the Truss.
    model
        A model of the registry is downloaded where the Truss runs. The files of any other model, of NAME=FOLDER and of
        a model for engine onnx must be on this machine; they are copied to data/.
    overflow
        What to do with text past the context window.
    options, resources
        The options of `load_embedder`, and the resources in config.yaml.
    force
        Replace the folder even if it contains files that are not of a Truss of recs.

    Raises
    ------
    MissingDependencyError
        If the extra `models` (for engine onnx: `onnx`) is not installed. The Truss requires its installed versions.
    ModelNotFoundError, ModelError, OptionError, OutputError
    """
    import yaml

    chosen = _choose_files(model, onnx=options.get("engine") == "onnx")
    spec = load_embedder(model, **{**options, "offline": True}).spec if chosen.source else None
    settings = {
        "model": chosen.named,
        "fingerprint": spec and spec.fingerprint,
        "overflow": overflow,
        "options": {
            **options,
            "dim": ModelName.parse(model).dim or options.get("dim"),
            "offline": bool(chosen.carried or chosen.package),
        },
    }
    config = {
        "model_name": Path(chosen.name).name,
        "python_version": f"py{sys.version_info.major}{sys.version_info.minor}",
        "requirements": _requirements("onnx" if options.get("engine") == "onnx" else "models", chosen.package),
        "resources": resources,
        "runtime": {"predict_concurrency": 1},
        "environment_variables": {"OMP_NUM_THREADS": resources["cpu"]},  # without it, torch uses all cores of the host
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
    if chosen.carried:
        files |= _model_files(chosen.carried, is_onnx=spec is not None and spec.loader == "onnx")
    _check_place(folder.resolve(), force=force)
    replace_folder(folder.resolve(), files)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The origin of the model in the Truss: a folder that is copied into it, a Python package, or the hub.

    Attributes
    ----------
    name, is_registered
        The name of the model, and whether the registry has it.
    source
        The folder of the files on this machine, or None.
    carried
        The folder that is copied into the Truss, or None.
    package
        The Python package of the model, or None.
    """

    name: str
    is_registered: bool
    source: Path | None
    carried: Path | None
    package: str | None

    @property
    def named(self) -> str:
        """The name of the model inside the Truss."""
        if self.carried is None:
            return self.name
        return f"{self.name}={{data}}/model" if self.is_registered else "{data}/model"


def _choose_files(model: str, *, onnx: bool) -> _Chosen:
    """Choose the origin of the model. For onnx it is copied, because hub client and packages of models need torch."""
    name, row = registry_row(model)
    source = find_model(model) or unpack_model(model)
    if source is None and (row is None or onnx):
        raise ModelNotFoundError(missing_model_message(model))
    is_carried = row is None or row.package_file or ModelName.parse(model).folder or onnx
    carried = source if is_carried else None
    package = row.package if row and not carried else None
    return _Chosen(name, row is not None, source, carried, package)


def _model_files(folder: Path, *, is_onnx: bool) -> dict[str, Path]:
    """Return the files of a model, by their path in the Truss."""
    paths = [path for path in folder.rglob("*") if path.suffix in (".json", ".safetensors", ".txt", ".model")]
    if is_onnx:  # a hub may offer several ONNX files; recs runs this one
        path = find_onnx(folder)
        paths += [path, *external_files(path)] if path else []
    return {f"data/model/{path.relative_to(folder).as_posix()}": path for path in paths}


def _requirements(extra: str, package: str | None) -> list[str]:
    """Return the requirements of recs and of an extra in their installed versions; of models, only `package`."""
    asked = [r for r in metadata.requires(DISTRIBUTION) or () if not re.search(f"extra == .(?!{extra})", r)]
    names = {re.split(r"[^\w.-]", requirement)[0] for requirement in asked}
    names -= {str(row.package).replace("_", "-") for row in registry().values()}
    names |= {package.replace("_", "-")} if package else set()
    try:  # without the suffix of a local build, such as "+cpu" of torch
        return [f"{name}=={metadata.version(name).partition('+')[0]}" for name in sorted(names)]
    except metadata.PackageNotFoundError as error:
        raise MissingDependencyError("a Truss", str(error.name), extra) from error


def _wheel() -> bytes:
    """Return a wheel of this installation: sorted, not compressed, without times, so that its bytes do not vary."""
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


def _check_place(folder: Path, *, force: bool) -> None:
    """Raise `OutputError` if the folder has other files than a Truss, or contains the current folder."""
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    is_ours = "config.yaml" in there and (folder / "config.yaml").read_bytes().startswith(_MARK)
    foreign = sorted(name for name in there if not (is_ours and _OURS.fullmatch(name)))
    if folder.exists() and Path.cwd().is_relative_to(folder):
        raise OutputError(f"{folder}: cannot be replaced from within; change to another folder first.")
    if foreign and not force:
        raise OutputError(
            f"{folder}: holds {foreign[0]}, which recs truss did not write; name another folder or use --force."
        )
