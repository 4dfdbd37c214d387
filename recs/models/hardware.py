"""Features of the processor, read without torch: a run from the cache must not pay for that import."""

import importlib.util
import platform
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Literal

from recs.errors import OptionError

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
Engine = Literal["torch", "onnx"]
ENGINES: tuple[Engine, ...] = ("torch", "onnx")

# With these matrix units bfloat16 is several times faster than float32; without them it is many times slower.
_FAST_BFLOAT16 = {"amx_bf16", "avx512_bf16"}


@cache
def cpu_flags() -> frozenset[str]:
    """Return the feature flags of the processor; empty if the system has no simple way to read them."""
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "AMD64"):
        return frozenset()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())


def resolve_precision(wanted: str, device: str, *, forbidden: Collection[str] = ()) -> Precision:
    """Return the precision for a device ("cpu", "cuda", "mps"); `wanted` may be "auto".

    "auto" takes bfloat16 where the hardware makes it faster, and float32 elsewhere and for a model that does not work
    in bfloat16 (`forbidden`). Raises `OptionError` for an unknown or forbidden precision.

    Examples
    --------
    >>> resolve_precision("auto", "cuda"), resolve_precision("auto", "cuda", forbidden=["bfloat16"])
    ('bfloat16', 'float32')
    """
    if wanted in forbidden:
        raise OptionError(f"precision is {wanted!r}, in which this model does not work; take float32.")
    if wanted in PRECISIONS:
        return wanted
    if wanted != "auto":
        raise OptionError(f"precision is {wanted!r}, expected auto, float32 or bfloat16.")
    fast = device.startswith("cuda") or (device == "cpu" and bool(_FAST_BFLOAT16 & cpu_flags()))
    return "bfloat16" if fast and "bfloat16" not in forbidden else "float32"


def resolve_engine(wanted: str, precision: str) -> Engine:
    """Return the engine; `wanted` may be "auto": torch, or onnxruntime if it is installed and torch is not.

    Raises `OptionError` for an unknown engine, and for one that cannot compute in this precision.

    Examples
    --------
    >>> resolve_engine("onnx", "float32"), resolve_engine("torch", "bfloat16")
    ('onnx', 'torch')
    """
    if wanted == "auto":
        light = not importlib.util.find_spec("torch") and importlib.util.find_spec("onnxruntime")
        return "onnx" if light and precision != "bfloat16" else "torch"
    if wanted not in ENGINES:
        raise OptionError(f"engine is {wanted!r}, expected auto, torch or onnx.")
    if wanted == "onnx" and precision == "bfloat16":
        raise OptionError("engine onnx computes in float32; for bfloat16 take engine torch.")
    return wanted


def resolve_device(wanted: str | None) -> str:
    """Return the device. For None and "auto": "cuda" with an NVIDIA driver, "mps" on Apple silicon, else "cpu".

    Examples
    --------
    >>> resolve_device("cuda:1")
    'cuda:1'
    """
    if wanted and wanted != "auto":
        return wanted
    if any(Path("/proc/driver/nvidia/gpus").glob("*")):
        return "cuda"
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "mps"
    return "cpu"
