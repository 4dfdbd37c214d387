"""Weights from safetensors files, strictly: every tensor that an architecture needs, in its shape, and no other.

Libraries initialise what they cannot place and log a line; the vectors then look fine and mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recs.errors import WeightsError

Shapes = Mapping[str, tuple[int, ...]]


def read_weights(folder: Path, needed: Shapes, *, spare: Shapes, prefix: str, kind: str) -> dict[str, Any]:
    """Read the weights of one network.

    Parameters
    ----------
    folder
        Holds one `*.safetensors` file, or several with different tensors.
    needed
        Name and shape of each tensor that has to be there.
    spare
        Of tensors that may be there: all of them or none.
    prefix
        What some files put before every name: "bert.".
    kind
        The architecture, for messages.

    Returns
    -------
    dict of str to float32 tensor
        Those of `needed`, and of `spare` where the files have them. What is float32 in the file is mapped from it, not
        copied, and read when it is used.

    Raises
    ------
    WeightsError
        If a tensor is missing, left over, there twice or of another shape, or a file is torn.
    """
    files, names = _index(folder, prefix)
    wanted = {**needed, **spare} if spare.keys() & files.keys() else needed
    missing = sorted(wanted.keys() - files.keys())
    unexpected = sorted(name for name in files.keys() - wanted.keys() if not name.endswith("position_ids"))
    if missing or unexpected:
        raise WeightsError(
            f"{folder}: {len(missing)} weights that {kind} needs are missing"
            f"{f' (the first is {missing[0]})' if missing else ''} and {len(unexpected)} are not part of it"
            f"{f' (the first is {unexpected[0]})' if unexpected else ''}; these files are of another architecture."
        )
    tensors = {}
    for name, shape in wanted.items():
        tensor = files[name].get_tensor(names[name])
        if tuple(tensor.shape) != shape or not tensor.is_floating_point():
            raise WeightsError(
                f"{folder}: {names[name]} is a {tensor.dtype} of shape {tuple(tensor.shape)}, but config.json makes it"
                f" a float of shape {shape}; these files are not of one model."
            )
        tensors[name] = tensor.float()
    return tensors


def _index(folder: Path, prefix: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the open file that holds each tensor and its name there, by its name without the prefix."""
    from safetensors import safe_open

    files: dict[str, Any] = {}
    names: dict[str, str] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            file = safe_open(path, "pt")
            stored = list(file.keys())  # type: ignore[no-untyped-call]
        except Exception as error:  # the library raises its own bare type
            raise WeightsError(f"{path}: not a whole safetensors file ({error}).") from error
        for name in stored:
            short = name.removeprefix(prefix)
            if short in files:
                raise WeightsError(f"{path}: {name} is there twice; these files are of more than one model.")
            files[short], names[short] = file, name
    return files, names
