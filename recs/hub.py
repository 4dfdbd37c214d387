"""Fetching the files of a model from its hub: weights as safetensors and small text files, never code."""

from __future__ import annotations

import importlib.util
import logging
import os
from typing import Any

from recs.errors import ModelError, ModelNotFoundError
from recs.registry import missing_model_message, registry_row

_log = logging.getLogger(__name__)

_WANTED = ["*.json", "*.safetensors", "*.txt", "*.model"]
_UNWANTED = ["onnx/*", "openvino/*", "*.py"]


def can_download() -> bool:
    """Return whether a download makes sense: what runs a model is installed, and the hub may be asked."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    return not offline and all(importlib.util.find_spec(name) for name in ("torch", "sentence_transformers"))


def download_model(name: str) -> None:
    """Fetch a model into the local hub cache, after a line in the log that says name, size and place.

    Raises
    ------
    ModelNotFoundError
        If the hub cannot be reached or has no such model.
    ModelError
        If the model has no safetensors.
    """
    import huggingface_hub
    from huggingface_hub.constants import HF_HUB_CACHE

    known, row = registry_row(name)
    hub_id = row.hub_id if row else name
    try:
        files: list[Any] = huggingface_hub.HfApi().model_info(hub_id, files_metadata=True).siblings or []
        kept = list(
            huggingface_hub.utils.filter_repo_objects(
                files, allow_patterns=_WANTED, ignore_patterns=_UNWANTED, key=lambda file: file.rfilename
            )
        )
        if not any(file.rfilename.endswith(".safetensors") for file in kept):
            raise ModelError(
                f"{hub_id}: its hub has no safetensors weights; other formats may hold code and are not loaded."
            )
        size = sum(file.size or 0 for file in kept) / 1e6
        _log.warning("downloading %s: %.0f MB to %s", hub_id, size, HF_HUB_CACHE)
        huggingface_hub.snapshot_download(hub_id, allow_patterns=_WANTED, ignore_patterns=_UNWANTED)
    except ModelError:
        raise
    except Exception as error:  # anything that a network, a proxy or the hub's client can raise
        raise ModelNotFoundError(
            f"{missing_model_message(known)}; its hub could not be asked ({type(error).__name__})."
        ) from error
