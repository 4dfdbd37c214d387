"""The device that is really used, and the precision that goes with it: stand-ins answer for the hardware."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
import standins

from recs.embedding.embedder import Embedder
from recs.errors import OptionError
from recs.models import hardware


@pytest.fixture
def machine(monkeypatch):
    """A function that makes this machine one with a processor, a GPU of a compute capability, and a build of torch."""

    def make(*, flags=(), capability=None, build="cuda", driver=None, system=("Linux", "x86_64")):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setattr(hardware, "cpu_flags", lambda: frozenset(flags))
        monkeypatch.setattr(hardware, "gpu_capability", lambda: capability)
        monkeypatch.setattr(hardware, "torch_build", lambda: build)
        monkeypatch.setattr(hardware, "_has_driver", lambda: driver or capability is not None)
        monkeypatch.setattr(hardware.platform, "system", lambda: system[0])
        monkeypatch.setattr(hardware.platform, "machine", lambda: system[1])
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    return make


def made(device, **options):
    embedder = Embedder(standins.make_spec(), device=device, **options)
    return embedder.device, embedder.precision


@pytest.mark.parametrize("capability", [(8, 0), (8, 9), (9, 0), (12, 0)])
def test_gpu_that_computes_in_bfloat16_gets_it(machine, capability):
    machine(capability=capability)
    assert made(None) == made("auto") == ("cuda", "bfloat16")
    assert made("cuda:0") == ("cuda:0", "bfloat16")


@pytest.mark.parametrize("capability", [(5, 2), (6, 1), (7, 0), (7, 5), (0, 0)])
def test_gpu_without_bfloat16_never_gets_it_unasked(machine, capability):
    machine(capability=capability, flags=["amx_bf16"])
    assert made(None) == ("cuda", "float32")
    assert made("cuda:1") == ("cuda:1", "float32")
    assert made("cuda", precision="bfloat16") == ("cuda", "bfloat16")


def test_gpu_whose_capability_the_driver_does_not_say_computes_in_float32(machine):
    machine(driver=True)
    assert made(None) == ("cuda", "float32")


@pytest.mark.parametrize(("flags", "precision"), [([], "float32"), (["amx_bf16"], "bfloat16")])
@pytest.mark.parametrize(
    ("device", "options", "why"),
    [
        ("cuda", {}, "no driver reports an NVIDIA GPU"),
        ("cuda:1", {"build": None}, "no driver reports an NVIDIA GPU"),
        ("cuda", {"capability": (9, 0), "build": "cpu"}, "the installed torch is not built for NVIDIA GPUs"),
        ("mps", {}, "only Apple silicon has it"),
    ],
)
def test_device_that_is_not_there_is_the_processor_with_its_precision_and_told(
    machine, caplog, device, options, why, flags, precision
):
    machine(flags=flags, **options)
    with caplog.at_level(logging.WARNING):
        assert made(device) == ("cpu", precision)
    assert caplog.messages == [f"device {device} cannot be used: {why}; computing on the processor."]
    caplog.clear()
    assert made(None) == ("cpu", precision)
    assert caplog.messages == []  # nobody asked for it


def test_hidden_gpu_is_not_used(machine, monkeypatch):
    machine(capability=(9, 0))
    for value in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        assert made(None) == made("cuda") == ("cpu", "float32")


@pytest.mark.parametrize("build", ["cuda", "hip"])
def test_gpu_that_torch_alone_knows_is_used_if_it_is_asked_for(machine, monkeypatch, build):
    machine(build=build)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert made("cuda") == ("cuda", "float32")
    assert made(None) == ("cpu", "float32")


def test_apple_silicon_computes_in_float32_unless_asked(machine):
    machine(build="cpu", system=("Darwin", "arm64"))
    assert made(None) == made("mps") == ("mps", "float32")
    assert made("mps", precision="bfloat16") == ("mps", "bfloat16")


@pytest.mark.parametrize("device", ["tpu", "cuda:", "cuda:x", "mps:1", "CPU"])
def test_device_that_nobody_has_is_an_error(device):
    with pytest.raises(OptionError, match=f"device is '{device}', expected cpu, cuda, cuda:N or mps"):
        made(device)


def test_engine_onnx_is_on_the_processor_also_where_a_gpu_is_the_default(machine):
    machine(capability=(9, 0))
    assert made(None, engine="onnx") == made("auto", engine="onnx") == ("cpu", "float32")


def test_devices_are_resolved_without_torch():
    program = (
        "import sys; from recs.models import hardware as h; "
        "print(h.torch_build(), h.resolve_device(None), h.gpu_capability(), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    build, *_, imported = done.stdout.split()
    import torch

    assert imported == "False"
    assert build == ("cuda" if torch.version.cuda else "hip" if torch.version.hip else "cpu")


class _Driver:
    """NVML of a machine with GPUs of these compute capabilities; None is a GPU that does not answer."""

    def __init__(self, *capabilities, fails=0):
        self.capabilities, self.fails = capabilities, fails

    def nvmlInit_v2(self):
        return self.fails

    def nvmlDeviceGetCount_v2(self, count):
        count._obj.value = len(self.capabilities)

    def nvmlDeviceGetHandleByIndex_v2(self, index, gpu):
        gpu._obj.value = index + 1
        return self.capabilities[index] is None

    def nvmlDeviceGetCudaComputeCapability(self, gpu, major, minor):
        major._obj.value, minor._obj.value = self.capabilities[gpu.value - 1]

    def nvmlShutdown(self):
        pass


@pytest.mark.parametrize(
    ("driver", "least"),
    [
        (_Driver((9, 0)), (9, 0)),
        (_Driver((9, 0), (7, 5), (8, 6)), (7, 5)),
        (_Driver((9, 0), None), (0, 0)),
        (_Driver(), None),
        (_Driver((9, 0), fails=9), None),
        (object(), None),  # a library without these functions
    ],
)
def test_capability_is_the_least_of_all_gpus(monkeypatch, driver, least):
    monkeypatch.setattr(hardware.ctypes, "CDLL", lambda name: driver)
    assert hardware.gpu_capability.__wrapped__() == least


def test_build_of_torch_is_read_from_its_files(monkeypatch, tmp_path):
    spec = type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
    monkeypatch.setattr(hardware.importlib.util, "find_spec", lambda name: spec)
    for line, build in (("cuda = '13.0'", "cuda"), ("cuda = None\nhip = '7.0'", "hip"), ("cuda = None", "cpu")):
        Path(tmp_path, "version.py").write_text(line)
        assert hardware.torch_build.__wrapped__() == build
    monkeypatch.setattr(hardware.importlib.util, "find_spec", lambda name: None)
    assert hardware.torch_build.__wrapped__() is None
