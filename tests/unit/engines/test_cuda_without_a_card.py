"""What is done for NVIDIA graphics, as far as it can be tested without any."""

from __future__ import annotations

import ctypes
import threading
import time
from typing import Any

import pytest
import torch

from pose_app.engines import hardware, torch_engine


class Driver:
    """The calls of the CUDA driver that are used, as a machine with one card answers them."""

    def __init__(self, name: bytes = b"NVIDIA Fast 9000", error: int = 0) -> None:
        self._name, self._error = name, error

    def cuInit(self, flags: int) -> int:
        return self._error

    def cuDeviceGet(self, device: Any, index: int) -> int:
        return self._error

    def cuDeviceGetName(self, name: Any, length: int, device: Any) -> int:
        ctypes.memmove(name, self._name, len(self._name) + 1)
        return self._error


def test_the_name_of_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_cuda_library", Driver)
    assert hardware.nvidia_card() == "NVIDIA Fast 9000"
    monkeypatch.setattr(hardware, "_cuda_library", lambda: Driver(error=100))  # no device
    assert hardware.nvidia_card() is None
    monkeypatch.setattr(hardware, "_cuda_library", lambda: None)
    assert hardware.nvidia_card() is None


def test_graphs_are_captured_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA refuses a second capture in the same process."""
    inside, most = 0, 0

    def capture(*_: Any) -> Any:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.02)
        inside -= 1
        return len

    monkeypatch.setattr(torch_engine, "_capture", capture)
    arguments = (len, (1, 8, 8, 3), torch.device("cpu"), None)
    threads = [threading.Thread(target=torch_engine._captured, args=arguments) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
