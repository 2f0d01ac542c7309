"""The PyTorch engine: NVIDIA graphics (CUDA), Apple graphics (MPS), any processor."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import EngineError
from ..network.native import load_native
from ..spec import ModelSpec
from ..types import Floats, Heatmaps, Image
from .base import EngineInfo, HostHeatmaps, checked_crops
from .fused import FusedNetwork, reference_maps
from .measure import Search
from .torch_decode import decode

log = logging.getLogger(__name__)

_TYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_LARGEST_CAPTURE = 2  # crops in a batch; larger ones are too rare to capture a graph for each

# crops (B, H, W, 3) uint8 -> maps (B, S, K, h, w) float32, peaks (B, S, K, 3); all on the device
_Run = Callable[[Tensor], tuple[Tensor, Tensor]]


def reference(model: Path, spec: ModelSpec, picture: Image) -> Floats:
    """Heatmaps (S, K, h, w) of plain float32 torch for the self-check image (1, H, W, 3)."""
    network, _ = load_native(model)
    return reference_maps(network, spec, torch.from_numpy(picture))[0].numpy()


class TorchEngine:
    """A native model file on a torch device: `cuda`, `mps` or `cpu`.

    `threads` limits the processor's threads for the whole process. Raises EngineError where the
    device or the precision does not work.
    """

    def __init__(
        self,
        model: Path,
        spec: ModelSpec,
        device: str = "cpu",
        precision: str = "f32",
        threads: int | None = None,
        reason: str | None = None,
    ) -> None:
        self.spec = spec
        self.search: Search | None = None
        self._device = torch.device(device)
        self._precision = precision
        if threads is not None:
            torch.set_num_threads(threads)
        network, _ = load_native(model)
        with _failures(device.upper()):
            prepared = FusedNetwork(network, spec).to(self._device, _TYPES[precision])
            prepared.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            name = _label(self._device)
        self._network: FusedNetwork | None = prepared
        self.info = EngineInfo("PyTorch", name, precision, reason)
        self._runs: dict[tuple[int, int], _Run] = {}
        self._staging: dict[int, Tensor] = {}
        self._pool: Any = None
        if self._device.type == "cuda":
            with _failures(name):
                self._pool = torch.cuda.graph_pool_handle()
                self._prepare()

    @torch.inference_mode()
    def _prepare(self) -> None:
        """Capture one graph per number of stacks now, so that changing it never stalls."""
        with _arithmetic(self._device, self._precision):
            for stacks in range(1, self.spec.network.stacks + 1):
                self._run(1, stacks)

    @torch.inference_mode()
    def infer(self, crops: Image, stacks: int) -> Heatmaps:
        crops = checked_crops(crops, stacks, self.spec)
        if self._network is None:
            raise EngineError("This engine is closed.")
        with _failures(self.info.device), _arithmetic(self._device, self._precision):
            if self._device.type == "cpu":
                outputs = self._network(torch.from_numpy(crops), stacks)
                return HostHeatmaps(np.stack([maps.numpy() for maps in outputs]))
            maps, peaks = self._run(len(crops), stacks)(self._upload(crops))
            return DeviceHeatmaps(maps, peaks.to("cpu").numpy())  # waits for the device

    def ready(self, stacks: int) -> bool:
        return True  # see _prepare

    def halves(self) -> tuple[()]:
        return ()  # no faster: threads of PyTorch wait for each other

    def close(self) -> None:
        if self.search is not None:
            self.search.close()
        self._network = None
        self._runs.clear()
        self._staging.clear()

    def _upload(self, crops: Image) -> Tensor:
        """Copy crops to the device; on CUDA through page-locked memory, without waiting."""
        if self._device.type != "cuda":
            return torch.from_numpy(crops).to(self._device)
        staging = self._staging.get(len(crops))
        if staging is None:
            staging = torch.empty(crops.shape, dtype=torch.uint8, pin_memory=True)
            self._staging[len(crops)] = staging
        # Not in use: the previous `infer` waited for the device. Copied by numpy, because torch
        # would wake every core for it and let them spin until the next frame.
        np.copyto(staging.numpy(), crops)
        return staging.to(self._device, non_blocking=True)

    def _run(self, batch: int, stacks: int) -> _Run:
        run = self._runs.get((batch, stacks))
        if run is None:
            run = self._made_run(batch, stacks)
            self._runs[batch, stacks] = run
        return run

    def _made_run(self, batch: int, stacks: int) -> _Run:
        network = self._network
        assert network is not None

        def plain(crops: Tensor) -> tuple[Tensor, Tensor]:
            maps = torch.stack(network(crops, stacks), dim=1)
            return maps, decode(maps, self.spec)

        if self._device.type != "cuda" or batch > _LARGEST_CAPTURE:
            return plain
        try:
            shape = (batch, *self.spec.input_size, 3)
            return _captured(plain, shape, self._device, self._pool)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.warning("CUDA graphs do not work here, running without: %s", error)
            return plain


class DeviceHeatmaps:
    """Heatmaps (B, S, K, h, w) on a device, with their peaks (B, S, K, 3) in main memory."""

    def __init__(self, maps: Tensor, peaks: Floats) -> None:
        self._maps = maps
        self._peaks = peaks

    @property
    def batch(self) -> int:
        return int(self._maps.shape[0])

    @property
    def stacks(self) -> int:
        return int(self._maps.shape[1])

    def stack(self, stack: int, item: int = 0) -> Floats:
        """(K, h, w) float32, copied out. Raises EngineError where the device was lost."""
        with _failures(_label(self._maps.device)):
            return self._maps[item, stack].to("cpu").numpy()

    def peaks(self) -> Floats:
        return self._peaks


# CUDA knows one capture at a time in a process, and engines are also measured beside one that runs.
_CAPTURING = threading.Lock()


def _captured(plain: _Run, shape: tuple[int, ...], device: torch.device, pool: Any) -> _Run:
    """`plain` as a CUDA graph: one launch instead of hundreds.

    Graphs of one `pool` share their memory. That is safe because they run one at a time and
    `replay` copies the outputs.
    """
    with _CAPTURING:
        return _capture(plain, shape, device, pool)


def _capture(plain: _Run, shape: tuple[int, ...], device: torch.device, pool: Any) -> _Run:
    crops = torch.zeros(shape, dtype=torch.uint8, device=device)
    side = torch.cuda.Stream(device)
    side.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side):  # lets the libraries choose and allocate before the capture
        for _ in range(3):
            plain(crops)
    torch.cuda.current_stream(device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # Thread-local errors: other threads (the window copying maps) must not break the capture.
    with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
        maps, peaks = plain(crops)

    def replay(inputs: Tensor) -> tuple[Tensor, Tensor]:
        crops.copy_(inputs, non_blocking=True)
        graph.replay()
        return maps.clone(), peaks.clone()

    return replay


def _label(device: torch.device) -> str:
    if device.type == "cuda":
        return f"CUDA ({torch.cuda.get_device_name(device)})"
    return device.type.upper()


@contextlib.contextmanager
def _arithmetic(device: torch.device, precision: str) -> Iterator[None]:
    """Set cuDNN to time its kernels, and to compute f32 with all 23 bits, not TensorFloat-32."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=precision != "f32"):
        yield


@contextlib.contextmanager
def _failures(device: str) -> Iterator[None]:
    """Turn torch's errors about a device into EngineErrors."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise EngineError(
            f"{device} has too little free memory for this model: close other programs or choose "
            "another engine."
        ) from error
    except (RuntimeError, AssertionError) as error:  # AssertionError: a build without the device
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise EngineError(f"PyTorch failed on {device}: {lines[0]}") from error
