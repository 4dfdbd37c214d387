"""Downloads the files of a model from its hub, but never code."""

import importlib.util
import logging
import os
import tempfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from typing import Any

from recs.errors import DISTRIBUTION, ModelError, ModelNotFoundError
from recs.models.hardware import resolve_engine
from recs.models.modules import read_modules
from recs.models.onnx_files import ONNX_FILE
from recs.models.registry import ModelRow, missing_model_message, registry_row

_log = logging.getLogger(__name__)
_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model"]
_UNWANTED = ["openvino/*", "*.py"]


def can_download(name: str) -> bool:
    """Return whether a download makes sense: the hub may be used, and the model may run on this machine."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    if offline or not importlib.util.find_spec("huggingface_hub"):
        return False
    row = registry_row(name)[1]
    if row is not None and not row.hub_id:
        return False
    return has_engine() or row is None or row.loader == "static"


def has_engine() -> bool:
    """Return whether torch or onnxruntime is installed, which all but static models need."""
    return any(importlib.util.find_spec(name) for name in ("torch", "onnxruntime"))


def download_model(name: str) -> None:
    """Download a model to the local hub cache; before that, the log names the model, its size and the folder.

    Raises `ModelNotFoundError` if the hub cannot be reached, does not have the model, or no installed engine can run
    it, and `ModelError` if the model has no weights that recs loads.
    """
    import huggingface_hub
    from huggingface_hub.constants import HF_HUB_CACHE

    own_name, row = registry_row(name)
    hub_id = row.hub_id if row else name
    try:
        files: list[Any] = huggingface_hub.HfApi().model_info(hub_id, files_metadata=True).siblings or []
        names = [file.rfilename for file in files]
        onnx = _choose_onnx(names, row)
        if not onnx:
            _check_weights(names, hub_id, f"{own_name}=D" if row else "D")
        if not has_engine() and not _is_static(hub_id, names):
            advice = f"pip install '{DISTRIBUTION}[models]' or '{DISTRIBUTION}[onnx]'"
            raise ModelNotFoundError(f"{hub_id}: not downloaded, because it needs torch or onnxruntime: {advice}")
        unwanted = _UNWANTED if onnx else [*_UNWANTED, "onnx/*"]
        patterns: Any = {"allow_patterns": [*_WANTED, *onnx], "ignore_patterns": unwanted}
        kept = huggingface_hub.utils.filter_repo_objects(files, **patterns, key=lambda file: file.rfilename)
        size = sum(file.size or 0 for file in kept) / 1e6
        _log.warning("downloading %s: %.0f MB to %s", hub_id, size, HF_HUB_CACHE)
        huggingface_hub.snapshot_download(hub_id, **patterns)
    except ModelError:
        raise
    except Exception as error:  # of any type: a network, a proxy or the client of the hub can fail in many ways
        raise ModelNotFoundError(
            f"{missing_model_message(own_name).rstrip('.')}; its hub could not be asked ({type(error).__name__})."
        ) from error


def _choose_onnx(names: Collection[str], row: ModelRow | None) -> list[str]:
    """Return the ONNX file to download and the file that may hold its weights; none if the weights are used."""
    if resolve_engine("auto", "auto") != "onnx" or (row and row.loader in ("bert", "static")):
        return []
    offered = [name for name in (ONNX_FILE, "model.onnx") if name in names]
    return [offered[0], f"{offered[0]}_data"] if offered else []


def _check_weights(names: Collection[str], hub_id: str, own_name: str) -> None:
    """Raise `ModelError` if a part of the model has no safetensors weights."""
    paths = [PurePosixPath(name) for name in names]
    safe = {path.parent for path in paths if path.suffix == ".safetensors"}
    pickled = [path for path in paths if path.match("pytorch_model*.bin") and path.parent not in safe]
    if pickled or not safe:
        raise ModelError(
            f"{hub_id}: its hub has no safetensors weights{f' but {pickled[0]}' if pickled else ''}; other formats "
            f"may contain code and are not loaded. If you trust their author: hf download {hub_id} --local-dir D;"
            f" recs models convert D; the model is then {own_name}"
        )


def _is_static(hub_id: str, names: Collection[str]) -> bool:
    """Return whether a model is a table of vectors: two small files, which are not kept, say so."""
    import huggingface_hub

    with tempfile.TemporaryDirectory() as folder:
        for name in ("modules.json", "config.json"):
            if name in names:
                huggingface_hub.hf_hub_download(hub_id, name, local_dir=folder)
        return read_modules(Path(folder))[0][0] == "StaticEmbedding"
