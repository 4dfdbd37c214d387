"""Fetching the files of a model from its hub, never code; safetensors of weights that are published without."""

import importlib.util
import logging
import os
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from recs.errors import MissingDependencyError, ModelError, ModelNotFoundError, OutputError, WeightsError
from recs.hardware import resolve_engine
from recs.models import ONNX_FILE
from recs.registry import missing_model_message, registry_row

_log = logging.getLogger(__name__)

_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model"]
_UNWANTED = ["openvino/*", "*.py"]


def can_download() -> bool:
    """Return whether a download makes sense: an engine is installed, and the hub may be asked."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    return not offline and any(importlib.util.find_spec(name) for name in ("torch", "onnxruntime"))


def download_model(name: str) -> None:
    """Fetch a model into the local hub cache, after a line in the log that says name, size and place.

    Raises `ModelNotFoundError` if the hub cannot be reached or lacks the model, `ModelError` if it lacks safetensors.
    """
    import huggingface_hub
    from huggingface_hub.constants import HF_HUB_CACHE

    known, row = registry_row(name)
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
                f"may hold code and are not loaded. Where you trust who made them: hf download {hub_id} --local-dir D;"
                f" recs models convert D; the model is then {f'{known}=D' if row else 'D'}"
            )
        size = sum(file.size or 0 for file in kept) / 1e6
        _log.warning("downloading %s: %.0f MB to %s", hub_id, size, HF_HUB_CACHE)
        huggingface_hub.snapshot_download(hub_id, **patterns)
    except ModelError:
        raise
    except Exception as error:  # anything that a network, a proxy or the hub's client can raise
        raise ModelNotFoundError(
            f"{missing_model_message(known)}; its hub could not be asked ({type(error).__name__})."
        ) from error


def convert_weights(folder: Path) -> list[Path]:
    """Write `model.safetensors` beside the `pytorch_model*.bin` of each part that has none; return what was written.

    The files are pickles, so this is a step for a person who trusts who made them, never one of loading a model. They
    are read by torch's restricted loader, which builds tensors and calls nothing else. Raises `MissingDependencyError`,
    `OutputError`, `ModelError` if nothing is to convert, `WeightsError` if a file is torn or holds more than tensors.
    """
    try:
        import torch
        from safetensors.torch import save_file
    except ImportError as error:
        raise MissingDependencyError("converting weights", "torch and safetensors", "models") from error
    written = []
    for home in sorted({path.parent for path in folder.rglob("pytorch_model*.bin")}):
        if any(home.glob("*.safetensors")):
            continue
        tensors: dict[str, Any] = {}
        for path in sorted(home.glob("pytorch_model*.bin")):
            try:
                mapped = zipfile.is_zipfile(path)  # the format of old can only be read whole
                tensors |= torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
            except Exception as error:  # whatever a file that somebody else made can make the loader raise
                raise WeightsError(
                    f"{path}: torn, or holds more than tensors ({str(error)[:100]}); left as it is."
                ) from error
        if wrong := [name for name, tensor in tensors.items() if not isinstance(tensor, torch.Tensor)]:
            raise WeightsError(f"{home}: {wrong[0]} is no tensor; only weights alone can be converted.")
        seen: set[int] = set()  # tensors that share their memory are written one by one
        for name, tensor in tensors.items():
            memory = tensor.untyped_storage().data_ptr()
            tensors[name] = tensor.contiguous().clone() if memory in seen else tensor.contiguous()
            seen.add(memory)
        target, partial = home / "model.safetensors", home / ".model.safetensors.partial"
        try:
            save_file(tensors, partial, metadata={"format": "pt"})
            partial.replace(target)
        except Exception as error:  # the library raises its own bare type
            partial.unlink(missing_ok=True)
            raise OutputError(f"{target}: cannot be written ({error}).") from error
        written.append(target)
    if not written:
        raise ModelError(f"{folder}: no pytorch_model.bin without safetensors beside it; there is nothing to convert.")
    return written
