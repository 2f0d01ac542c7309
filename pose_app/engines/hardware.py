"""Which engines and devices this machine has, found out without importing torch."""

from __future__ import annotations

import ctypes
import importlib.util
import platform
import sys
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Choice:
    """One engine on one device, as words for `--engine` and `--device`.

    `problem` is one sentence saying why it cannot be used here, None where it can. Of those that
    can, the lowest `rank` is usually the fastest.
    """

    engine: str
    device: str
    label: str
    problem: str | None = None
    rank: int = 0


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
    """How many NVIDIA devices the driver shows; 0 without a driver."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def nvidia_driver() -> int | None:
    """The newest version of CUDA that the driver knows, e.g. 12080; None without a driver."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(name)
    except OSError:
        return None
    version = ctypes.c_int(0)
    return version.value if driver.cuDriverGetVersion(ctypes.byref(version)) == 0 else None


def _cuda_problem() -> str | None:
    if nvidia_count() == 0:
        return "There is no NVIDIA graphics with a working driver here."
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
        return "There is no Apple graphics here."
    return _torch_problem()


def _torch_problem() -> str | None:
    if importlib.util.find_spec("torch") is None:
        return "PyTorch is not installed: run `pip install torch`."
    return None


def _openvino_choice(device: str) -> Choice:
    names = {"gpu": "Intel graphics", "npu": "an Intel NPU", "cpu": "the processor"}
    label = f"OpenVINO on {names[device]}"
    try:
        from .openvino_engine import core, device_label
    except ImportError as error:
        return Choice("openvino", device, label, f"OpenVINO does not load here: {error}.")
    if device.upper() not in {name.partition(".")[0] for name in core().available_devices}:
        return Choice("openvino", device, label, f"OpenVINO lists no {device.upper()} here.")
    return Choice("openvino", device, f"OpenVINO on {device_label(device.upper())}")
