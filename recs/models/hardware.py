"""What the processor can do, asked without importing torch, since a run from the cache must not pay for that import."""

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

# Matrix units that make bfloat16 several times faster than float32; elsewhere it is many times slower.
_FAST_BFLOAT16 = {"amx_bf16", "avx512_bf16"}


@cache
def cpu_flags() -> frozenset[str]:
    """Return the feature flags of the processor; empty where the system has no simple way to ask."""
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "AMD64"):
        return frozenset()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())


def resolve_precision(wanted: str, device: str, *, forbidden: Collection[str] = ()) -> Precision:
    """Return the precision that "auto" stands for on a device ("cpu", "cuda", "mps").

    Bfloat16 where the matrix units of the processor make it faster and it stays within the stated bound, float32
    elsewhere and where the model does not bear it (`forbidden`). `OptionError` for what is none.
    """
    if wanted in forbidden:
        raise OptionError(f"precision is {wanted!r}, which this model does not bear; take float32.")
    if wanted in PRECISIONS:
        return wanted
    if wanted != "auto":
        raise OptionError(f"precision is {wanted!r}, expected auto, float32 or bfloat16.")
    fast = device.startswith("cuda") or (device == "cpu" and bool(_FAST_BFLOAT16 & cpu_flags()))
    return "bfloat16" if fast and "bfloat16" not in forbidden else "float32"


def resolve_engine(wanted: str, precision: str) -> Engine:
    """Return the engine that "auto" stands for: torch, or onnxruntime where that alone is installed and can do it.

    `OptionError` for what is none, and for one that cannot compute in this precision.
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
    """Return the device that None stands for: "cuda" with an NVIDIA driver, "mps" on Apple silicon, else "cpu"."""
    if wanted and wanted != "auto":
        return wanted
    if any(Path("/proc/driver/nvidia/gpus").glob("*")):
        return "cuda"
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "mps"
    return "cpu"
