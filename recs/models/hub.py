"""Downloads the files of a model from its hub, but never code."""

import importlib.util
import logging
import os
from pathlib import PurePosixPath
from typing import Any

from recs.errors import ModelError, ModelNotFoundError
from recs.models.hardware import resolve_engine
from recs.models.modules import ONNX_FILE
from recs.models.registry import missing_model_message, registry_row

_log = logging.getLogger(__name__)
_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model"]
_UNWANTED = ["openvino/*", "*.py"]


def can_download() -> bool:
    """Return whether a download makes sense: an engine is installed, and the hub may be used."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    return not offline and any(importlib.util.find_spec(name) for name in ("torch", "onnxruntime"))


def download_model(name: str) -> None:
    """Download a model to the local hub cache; before that, the log names the model, its size and the folder.

    Raises `ModelNotFoundError` if the hub cannot be reached or does not have the model, and `ModelError` if the model
    has no safetensors.
    """
    import huggingface_hub
    from huggingface_hub.constants import HF_HUB_CACHE

    own_name, row = registry_row(name)
    hub_id = row.hub_id if row else name
    wanted, unwanted = _WANTED, [*_UNWANTED, "onnx/*"]
    if resolve_engine("auto", "auto") == "onnx" and not (row and row.loader in ("bert", "static")):
        wanted, unwanted = [*_WANTED, ONNX_FILE], _UNWANTED
    try:
        files: list[Any] = huggingface_hub.HfApi().model_info(hub_id, files_metadata=True).siblings or []
        patterns: Any = {"allow_patterns": wanted, "ignore_patterns": unwanted}
        kept = huggingface_hub.utils.filter_repo_objects(files, **patterns, key=lambda file: file.rfilename)
        names = [PurePosixPath(file.rfilename) for file in files]
        safe = {name.parent for name in names if name.suffix == ".safetensors"}
        pickled = [name for name in names if name.match("pytorch_model*.bin") and name.parent not in safe]
        if pickled or not safe:
            raise ModelError(
                f"{hub_id}: its hub has no safetensors weights{f' but {pickled[0]}' if pickled else ''}; other formats "
                f"may contain code and are not loaded. If you trust their author: hf download {hub_id} --local-dir D;"
                f" recs models convert D; the model is then {f'{own_name}=D' if row else 'D'}"
            )
        size = sum(file.size or 0 for file in kept) / 1e6
        _log.warning("downloading %s: %.0f MB to %s", hub_id, size, HF_HUB_CACHE)
        huggingface_hub.snapshot_download(hub_id, **patterns)
    except ModelError:
        raise
    except Exception as error:  # of any type: a network, a proxy or the client of the hub can fail in many ways
        raise ModelNotFoundError(
            f"{missing_model_message(own_name)}; its hub could not be asked ({type(error).__name__})."
        ) from error
