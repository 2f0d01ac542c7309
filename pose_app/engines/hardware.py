"""The engines and devices of this machine, without importing torch."""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import sys
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Choice:
    """One engine on one device.

    Attributes:
        engine: As in `--engine`.
        device: As in `--device`.
        label: For people.
        problem: One sentence on why it cannot be used here; None where it can.
        rank: The lower, the faster it usually is.
    """

    engine: str
    device: str
    label: str
    problem: str | None = None
    rank: int = 0


def processor() -> str:
    """The processor's name, or else its architecture."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:  # Linux; Python knows no name
            names = (line.partition(":")[2].strip() for line in file if "model name" in line)
            return next(names)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def torch_choices() -> list[Choice]:
    """PyTorch's devices; imports no torch."""
    return [
        Choice("torch", "cuda", "PyTorch on NVIDIA graphics (CUDA)", _cuda_problem(), rank=0),
        Choice("torch", "mps", "PyTorch on Apple graphics (MPS)", _mps_problem(), rank=1),
        Choice("torch", "cpu", "PyTorch on the processor", _torch_problem(), rank=5),
    ]


def openvino_choices() -> list[Choice]:
    """OpenVINO's devices."""
    devices = (("gpu", 2), ("cpu", 3), ("npu", 4))
    return [replace(_openvino_choice(device), rank=rank) for device, rank in devices]


def nvidia_count() -> int:
    """How many NVIDIA devices the driver lists; 0 without a driver."""
    driver = _cuda_library()
    count = ctypes.c_int(0)
    if driver is None or driver.cuInit(0) != 0:
        return 0
    return count.value if driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0


def nvidia_driver() -> int | None:
    """The newest CUDA version that the driver supports, e.g. 12080; None without a driver."""
    driver = _cuda_library()
    version = ctypes.c_int(0)
    if driver is None or driver.cuDriverGetVersion(ctypes.byref(version)) != 0:
        return None
    return version.value


def nvidia_card() -> str | None:
    """The name of the NVIDIA device that PyTorch uses, the first one; None without a driver."""
    driver = _cuda_library()
    device, name = ctypes.c_int(0), ctypes.create_string_buffer(256)
    if driver is None or driver.cuInit(0) != 0 or driver.cuDeviceGet(ctypes.byref(device), 0) != 0:
        return None
    if driver.cuDeviceGetName(name, len(name), device) != 0:
        return None
    return name.value.decode(errors="replace")


def _cuda_library() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None


def _cuda_problem() -> str | None:
    if nvidia_count() == 0:
        return "This computer has no NVIDIA graphics with a working driver."
    from importlib.metadata import version  # late: it takes a while

    problem = _torch_problem()
    if problem is None and "+cpu" in version("torch"):
        problem = (
            "The installed PyTorch was built without CUDA: install a CUDA build of it to use the "
            "NVIDIA graphics."
        )
    return problem


def _mps_problem() -> str | None:
    if sys.platform != "darwin" or platform.machine() != "arm64":
        return "This computer has no Apple graphics."
    return _torch_problem()


def _torch_problem() -> str | None:
    if importlib.util.find_spec("torch") is None:
        return "PyTorch is not installed: run `pip install torch`."
    return None


def _openvino_choice(device: str) -> Choice:
    names = {"gpu": "Intel graphics", "npu": "an Intel NPU", "cpu": "the processor"}
    label = f"OpenVINO on {names[device]}"
    try:
        from .openvino_engine import device_label, devices
    except ImportError as error:
        return Choice("openvino", device, label, f"OpenVINO does not load here: {error}.")
    if device.upper() not in devices():
        return Choice("openvino", device, label, f"OpenVINO lists no {device.upper()} here.")
    return Choice("openvino", device, f"OpenVINO on {device_label(device.upper())}")
