"""Safetensors from weights that were published in PyTorch's own format."""

import zipfile
from pathlib import Path
from typing import Any

from recs.errors import MissingDependencyError, ModelError, OutputError, WeightsError


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
