"""Weights from safetensors files, strictly: every tensor that an architecture needs, in its shape, and no other.

Libraries initialise what they cannot place and log a line; the vectors then look fine and mean nothing. Neither torch
nor the safetensors package is needed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recs.errors import WeightsError
from recs.models.modules import read_header

Shapes = Mapping[str, tuple[int, ...]]
Tensors = dict[str, np.ndarray[Any, Any]]

POOLER = ("pooler.dense.weight", "pooler.dense.bias")  # what some files hold though no vector goes through it
# By the names that safetensors has for them; the upper half of a float32 is read as an integer.
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I8": "i1"}


def read_weights(folder: Path, needed: Shapes, *, spare: Shapes, prefix: str, kind: str) -> Tensors:
    """Return the weights of one network by name, float32: those of `needed`, and of `spare` where the files have them.

    `folder` holds one `*.safetensors` file, or several with different tensors. `needed` are name and shape of what has
    to be there, `spare` of what may be, all or none; `prefix` is what some files put before every name ("bert."),
    `kind` the architecture, for messages. What is float32 in the file is mapped from it, and read when it is used.
    Raises `WeightsError` if a tensor is missing, left over, there twice or of another shape, or a file is torn.
    """
    stored = read_tensors(folder)
    names = {name.removeprefix(prefix): name for name in stored}
    if len(names) < len(stored):
        twice = min(stored.keys() - set(names.values()))
        raise WeightsError(f"{folder}: {twice} is there twice; these files are of more than one model.")
    wanted = {**needed, **spare} if spare.keys() & names.keys() else needed
    missing = sorted(wanted.keys() - names.keys())
    unexpected = sorted(name for name in names.keys() - wanted.keys() if not name.endswith("position_ids"))
    check_names(folder, kind, missing, unexpected)
    tensors = {}
    for name, shape in wanted.items():
        tensor = stored[names[name]]
        if tensor.shape != shape or tensor.dtype.kind != "f":
            raise WeightsError(
                f"{folder}: {names[name]} is a {tensor.dtype} of shape {tensor.shape}, but config.json makes it"
                f" a float of shape {shape}; these files are not of one model."
            )
        tensors[name] = np.require(tensor, np.float32, "A")
    return tensors


def check_names(folder: Path, kind: str, missing: Sequence[str], unexpected: Sequence[str]) -> None:
    """Raise `WeightsError` if a network lacks weights, or the files hold some that are not part of it."""
    if missing or unexpected:
        raise WeightsError(
            f"{folder}: {len(missing)} weights that {kind} needs are missing"
            f"{f' (the first is {missing[0]})' if missing else ''} and {len(unexpected)} are not part of it"
            f"{f' (the first is {unexpected[0]})' if unexpected else ''}; these files are of another architecture."
        )


def read_tensors(folder: Path) -> Tensors:
    """Return the tensors of a folder by name, mapped from its files; bfloat16, which numpy lacks, as float32."""
    tensors: Tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            header, begin = read_header(path)
            content = np.memmap(path, np.uint8, "c")  # torch wants what it may write to; the file stays as it is
            for name, entry in header.items():
                start, stop = (begin + offset for offset in entry["data_offsets"])
                values = content[start:stop].view(_DTYPES[entry["dtype"]]).reshape(entry["shape"])
                if entry["dtype"] == "BF16":
                    values = (values.astype(np.uint32) << 16).view(np.float32)
                if name in tensors:
                    raise WeightsError(f"{path}: {name} is there twice; these files are of more than one model.")
                tensors[name] = np.asarray(values)
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise WeightsError(f"{path}: not a whole safetensors file of numbers ({error}).") from error
    return tensors
