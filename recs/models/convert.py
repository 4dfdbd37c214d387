"""Converts weights in PyTorch's own format to safetensors."""

import zipfile
from pathlib import Path
from typing import Any

from recs.errors import MissingDependencyError, ModelError, OutputError, WeightsError
from recs.models.reading import check_parts, check_present


def convert_weights(folder: Path) -> list[Path]:
    """Write `model.safetensors` beside each `pytorch_model*.bin` that has none; return the paths that were written.

    The source files are pickles. So a person who trusts their author must start this step; loading a model never does.
    The restricted loader of torch reads them: it builds tensors and calls nothing else.

    Raises
    ------
    ModelError
        If there is nothing to convert, or a file is a pointer of git-lfs.
    WeightsError
        If a file is missing, incomplete or contains more than tensors.
    OutputError, MissingDependencyError
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
        check_parts(home, "pytorch_model.bin")
        tensors: dict[str, Any] = {}
        for path in sorted(home.glob("pytorch_model*.bin")):
            check_present(path)
            try:
                mapped = zipfile.is_zipfile(path)  # a file in the old format cannot be mapped
                tensors |= torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
            except Exception as error:  # a file from elsewhere can make the loader raise anything
                raise WeightsError(
                    f"{path}: incomplete, or it contains more than tensors ({str(error)[:100]}); it is not converted."
                ) from error
        if wrong := [name for name, tensor in tensors.items() if not isinstance(tensor, torch.Tensor)]:
            raise WeightsError(f"{home}: {wrong[0]} is not a tensor; only weights can be converted.")
        seen: set[int] = set()  # a tensor that shares its memory with another one is copied
        for name, tensor in tensors.items():
            memory = tensor.untyped_storage().data_ptr()
            tensors[name] = tensor.contiguous().clone() if memory in seen else tensor.contiguous()
            seen.add(memory)
        target, partial = home / "model.safetensors", home / ".model.safetensors.partial"
        try:
            save_file(tensors, partial, metadata={"format": "pt"})
            partial.replace(target)
        except Exception as error:  # the library raises a type of its own
            partial.unlink(missing_ok=True)
            raise OutputError(f"{target}: cannot be written ({error}).") from error
        written.append(target)
    if not written:
        raise ModelError(f"{folder}: no pytorch_model.bin without safetensors beside it; there is nothing to convert.")
    return written
