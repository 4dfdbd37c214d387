"""Reads weights from safetensors files strictly: every tensor that an architecture needs, in its shape, and no other.

If a library cannot place a tensor, it fills the parameter with random numbers and logs a line; then the vectors look
right but mean nothing. Neither torch nor the safetensors package is needed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from recs.errors import WeightsError
from recs.models.reading import read_header

Shapes = Mapping[str, tuple[int, ...]]
Tensors = dict[str, np.ndarray[Any, Any]]

POOLER = ("pooler.dense.weight", "pooler.dense.bias")  # in some files although no vector uses it
# By their names in safetensors. A BF16 is the upper half of a float32; it is read as an integer.
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I8": "i1"}


def read_weights(folder: Path, needed: Shapes, *, spare: Shapes, prefix: str, kind: str) -> Tensors:
    """Return the weights of one network by name, in float32.

    Parameters
    ----------
    folder
        The folder with one `*.safetensors` file, or several with different tensors.
    needed, spare
        Names and shapes of the tensors that must be there, and of those that may be there, all or none.
    prefix
        What some files put before every name: "bert.".
    kind
        The architecture, for messages.

    Raises
    ------
    WeightsError
        If a tensor is missing, unexpected, there twice or of another shape, or a file is incomplete.

    Notes
    -----
    float32 tensors are mapped from the file: they are read when they are used.
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
    """Raise `WeightsError` if the network lacks weights, or the files have weights that are not part of it."""
    if missing or unexpected:
        raise WeightsError(
            f"{folder}: {len(missing)} weights that {kind} needs are missing"
            f"{f' (the first is {missing[0]})' if missing else ''} and {len(unexpected)} are not part of it"
            f"{f' (the first is {unexpected[0]})' if unexpected else ''}; these files are of another architecture."
        )


def read_tensors(folder: Path) -> Tensors:
    """Return the tensors of a folder by name, mapped from its files. numpy has no bfloat16; it becomes float32."""
    tensors: Tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            header, begin = read_header(path)
            content = np.memmap(path, np.uint8, "c")  # torch needs writeable memory; the file itself does not change
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
