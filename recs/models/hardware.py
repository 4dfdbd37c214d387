"""Features of the processor and of GPUs, read without torch: a run from the cache must not pay for that import."""

import ctypes
import importlib.util
import logging
import os
import platform
import re
import runpy
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Literal

from recs.errors import OptionError

_log = logging.getLogger(__name__)

Precision = Literal["float32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
Engine = Literal["torch", "onnx"]
ENGINES: tuple[Engine, ...] = ("torch", "onnx")

# With these matrix units bfloat16 is several times faster than float32; without them it is many times slower.
_FAST_BFLOAT16 = {"amx_bf16", "avx512_bf16"}
# The first generation of NVIDIA GPUs (Ampere) that computes in bfloat16. Earlier ones only imitate it, slowly.
_BFLOAT16_CAPABILITY = (8, 0)


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


@cache
def gpu_capability() -> tuple[int, int] | None:
    """Return the least compute capability of the NVIDIA GPUs; None if the driver reports none.

    NVML, which is part of the driver, is asked. Unlike CUDA it may be used before a process forks.
    """
    try:
        nvml = ctypes.CDLL("nvml.dll" if platform.system() == "Windows" else "libnvidia-ml.so.1")
        if nvml.nvmlInit_v2():
            return None
        count, gpu = ctypes.c_uint(), ctypes.c_void_p()
        major, minor = ctypes.c_int(), ctypes.c_int()
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        capabilities = []
        for index in range(count.value):
            failed = nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(gpu))
            failed = failed or nvml.nvmlDeviceGetCudaComputeCapability(gpu, ctypes.byref(major), ctypes.byref(minor))
            capabilities.append((0, 0) if failed else (major.value, minor.value))
        nvml.nvmlShutdown()
    except (OSError, AttributeError):  # no driver, or one without these functions
        return None
    return min(capabilities, default=None)


@cache
def torch_build() -> str | None:
    """Return what the installed torch computes on: "cuda", "hip" (AMD) or "cpu"; None if torch is not installed."""
    package = importlib.util.find_spec("torch")
    if package is None or not package.origin:
        return None
    try:
        built = runpy.run_path(str(Path(package.origin).parent / "version.py"))
    except OSError:
        return None
    return next((kind for kind in ("cuda", "hip") if built.get(kind)), "cpu")


def resolve_precision(wanted: str, device: str, *, forbidden: Collection[str] = ()) -> Precision:
    """Return the precision for a device ("cpu", "cuda", "mps"); `wanted` may be "auto".

    "auto" takes bfloat16 where the hardware makes it faster: on a processor with matrix units for it, and if all GPUs
    compute in it. It takes float32 elsewhere and for a model that does not work in bfloat16 (`forbidden`). Raises
    `OptionError` for an unknown or forbidden precision.

    Examples
    --------
    >>> resolve_precision("auto", "mps"), resolve_precision("bfloat16", "mps")
    ('float32', 'bfloat16')
    """
    if wanted in forbidden:
        raise OptionError(f"precision is {wanted!r}, in which this model does not work; take float32.")
    if wanted in PRECISIONS:
        return wanted
    if wanted != "auto":
        raise OptionError(f"precision is {wanted!r}, expected auto, float32 or bfloat16.")
    if device.startswith("cuda"):
        fast = (gpu_capability() or (0, 0)) >= _BFLOAT16_CAPABILITY
    else:
        fast = device == "cpu" and bool(_FAST_BFLOAT16 & cpu_flags())
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
    """Return the device. For None and "auto": "cuda" with an NVIDIA GPU, "mps" on Apple silicon, else "cpu".

    A device that this machine does not have becomes "cpu", and the log says so. Raises `OptionError` for an unknown
    device.

    Examples
    --------
    >>> resolve_device("cpu")
    'cpu'
    """
    if not wanted or wanted == "auto":
        return next((device for device in ("cuda", "mps") if not _why_not(device)), "cpu")
    if wanted == "cpu":
        return wanted
    if not re.fullmatch(r"cpu|mps|cuda(:[0-9]+)?", wanted):
        raise OptionError(f"device is {wanted!r}, expected cpu, cuda, cuda:N or mps.")
    kind = wanted.partition(":")[0]
    why_not = _why_not(kind)
    if not why_not or (kind == "cuda" and _torch_uses_gpu()):
        return wanted
    _log.warning("device %s cannot be used: %s; computing on the processor.", wanted, why_not)
    return "cpu"


def _why_not(device: str) -> str:
    """Return why this machine cannot compute on "cuda" or "mps"; "" if it can, as far as that is seen without torch."""
    if device == "mps":
        is_apple = platform.system() == "Darwin" and platform.machine() == "arm64"
        return "" if is_apple else "only Apple silicon has it"
    if torch_build() not in ("cuda", None):
        return "the installed torch is not built for NVIDIA GPUs"
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides all GPUs"
    return "" if _has_driver() else "no driver reports an NVIDIA GPU"


def _has_driver() -> bool:
    return any(Path("/proc/driver/nvidia/gpus").glob("*")) or gpu_capability() is not None


def _torch_uses_gpu() -> bool:
    """Return whether torch can use a GPU that no driver of NVIDIA reports: one of AMD, or a Jetson's. Imports torch."""
    if torch_build() not in ("cuda", "hip"):
        return False
    import torch

    return bool(torch.cuda.is_available())
