"""The OpenVINO engine: processors, Intel graphics and NPUs. Imports no torch."""

from __future__ import annotations

import functools
import hashlib
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EngineError
from ..openvino_silently import openvino
from ..types import Image
from . import compiled_cache as blobs
from . import progress
from .base import EngineInfo, HostHeatmaps, checked_crops
from .graphs import Graphs
from .measure import Search

# The type in which everything that is not quantized is computed.
_HINT = {
    "f32": openvino.Type.f32,
    "bf16": openvino.Type.bf16,
    "fp16": openvino.Type.f16,
    "int8": openvino.Type.f32,
    "int8+bf16": openvino.Type.bf16,
}


def core() -> Any:
    """The process's one OpenVINO runtime (loading the plugins takes a while)."""
    global _core
    with _core_lock:
        if _core is None:
            _core = openvino.Core()
        return _core


_core: Any = None
_core_lock = threading.Lock()


@functools.cache
def devices() -> frozenset[str]:
    """OpenVINO's devices: `CPU`, `GPU`, `NPU`. They are looked for once in a process."""
    return frozenset(name.partition(".")[0] for name in core().available_devices)


def device_label(device: str) -> str:
    """`CPU`, or e.g. `GPU (Intel(R) Iris(R) Xe Graphics)`."""
    if device == "CPU":
        return device
    return f"{device} ({core().get_property(device, 'FULL_DEVICE_NAME')})"


def precisions(device: str, quantized: bool = False) -> tuple[str, ...]:
    """The precisions that a device computes natively, likely the fastest first.

    A processor that lists bf16 may be slower in it than in f32 (measured: 44 and 28 ms).
    """
    capabilities = core().get_property(device, "OPTIMIZATION_CAPABILITIES")
    if device == "CPU":
        names = {"INT8": "int8", "FP32": "f32", "BF16": "bf16"}
    else:
        names = {"INT8": "int8", "BF16": "bf16", "FP16": "fp16", "FP32": "f32"}
    found = [name for key, name in names.items() if key in capabilities]
    if not quantized:
        found = [name for name in found if name != "int8"]
    elif {"int8", "bf16"} <= set(found) and device == "CPU":
        found.insert(1, "int8+bf16")
    return tuple(found) or ("f32",)


class OpenVINOEngine:
    """A model's graph on one device, compiled per number of stacks on demand.

    `threads` limits the processor's threads. Several crops run one after the other: a batch is no
    faster on a processor (measured: 8.1 ms per image in a batch of 8, 6.4 in turn), and every batch
    size would have to be compiled. What is compiled is checked against the reference of the graphs
    (`selfcheck`) before it is used. `infer` raises EngineError where the device or the precision
    does not work.
    """

    def __init__(
        self,
        graphs: Graphs,
        device: str = "CPU",
        precision: str = "f32",
        threads: int | None = None,
        reason: str | None = None,
    ) -> None:
        kind = "int8" if precision.startswith("int8") else "f32"
        self.spec = graphs.specs[kind]
        self.info = EngineInfo("OpenVINO", device_label(device), precision, reason)
        self.search: Search | None = None
        self._graphs = graphs
        self._graph = graphs.files[kind]
        self._device = device
        hint = _HINT[precision] if device == "CPU" or kind != "int8" else _HINT["fp16"]
        self._options: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": hint,
        }
        if device == "CPU" and threads is not None:
            self._options["INFERENCE_NUM_THREADS"] = threads
        self._requests: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._background = ThreadPoolExecutor(1, thread_name_prefix="engine-prepare")
        self._halves: tuple[OpenVINOEngine, ...] = ()
        self._closed = False

    def infer(self, crops: Image, stacks: int) -> HostHeatmaps:
        crops = checked_crops(crops, stacks, self.spec)
        return self._answers(self._request(stacks, wait=True).result(), crops, stacks)

    def prepare(self, stacks: int) -> None:
        """Compile and check the network of so many stacks. Raises EngineError."""
        self._request(stacks, wait=True).result()

    def _answers(self, request: Any, crops: Image, stacks: int) -> HostHeatmaps:
        shape = (stacks, len(crops), len(self.spec.joints), *self.spec.map_size)
        maps = np.empty(shape, dtype=np.float32)
        try:
            for item in range(len(crops)):
                picture = crops[item : item + 1]
                request.set_input_tensor(openvino.Tensor(picture, shared_memory=True))
                for stack in range(stacks):
                    out = maps[stack, item : item + 1]
                    request.set_output_tensor(stack, openvino.Tensor(out, shared_memory=True))
                request.infer()
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed on {self.info.device}: {_last_line(error)}") from (
                error
            )
        return HostHeatmaps(maps)

    def ready(self, stacks: int) -> bool:
        return self._request(stacks, wait=False).done()

    def halves(self) -> tuple[OpenVINOEngine, ...]:
        if self._device == "CPU" and not self._halves:
            compiled = self._request(self.spec.network.stacks, wait=True).result()
            threads = compiled.get_compiled_model().get_property("INFERENCE_NUM_THREADS")
            if threads >= 2:
                self._halves = self._half(threads // 2), self._half(threads // 2)
        return self._halves

    def _half(self, threads: int) -> OpenVINOEngine:
        half = OpenVINOEngine(self._graphs, self._device, self.info.precision, threads)
        half._options["ENABLE_CPU_PINNING"] = False  # pinned, both would use the same cores
        return half

    def close(self) -> None:
        if self.search is not None:
            self.search.close()
        for half in self._halves:
            half.close()
        with self._lock:
            self._closed = True
        self._background.shutdown(wait=True, cancel_futures=True)
        self._requests.clear()

    def _request(self, stacks: int, wait: bool) -> Future[Any]:
        """The infer request for a number of stacks, compiled now (`wait`) or in the background."""
        with self._lock:
            if self._closed:
                raise EngineError("This engine is closed.")
            future = self._requests.get(stacks)
            if future is not None:
                return future
            if not wait:
                future = self._background.submit(self._compile, stacks)
                self._requests[stacks] = future
                return future
            future = self._requests[stacks] = Future()
        try:
            future.set_result(self._compile(stacks))
        except BaseException as error:  # any error must reach those who wait for the future
            future.set_exception(error)
            if not isinstance(error, EngineError):
                raise
        return future

    def _compile(self, stacks: int) -> Any:
        try:
            blob = self._blob(stacks)
            compiled = (
                None if blob is None else blobs.load(core(), blob, self._device, self._options)
            )
            if compiled is None:
                with progress.step(f"Compiling the network for {self.info.device}"):
                    compiled = self._compiled(stacks)
                if blob is not None:
                    self._save_later(compiled, blob)
            request = compiled.create_infer_request()
        except RuntimeError as error:
            raise EngineError(
                f"OpenVINO cannot run the model {self.spec.name} on {self.info.device} in "
                f"{self.info.precision}: {_last_line(error)}"
            ) from error
        self._check(request, stacks)
        return request

    def _check(self, request: Any, stacks: int) -> None:
        """Raise EngineError where a request answers the self-check image wrongly."""
        from .selfcheck import check_picture, failure

        reference = self._graphs.reference[:stacks]
        why = failure(
            self._answers(request, check_picture(self.spec), stacks), self.info, reference
        )
        if why is not None:
            raise EngineError(f"{why}.")

    def _save_later(self, compiled: Any, blob: Path) -> None:
        """Keep a compiled model in the cache: the first frame need not wait for that."""
        with self._lock:
            if not self._closed:
                self._background.submit(blobs.save, compiled, blob)

    def _compiled(self, stacks: int) -> Any:
        whole = core().read_model(self._graph)
        part = openvino.Model(whole.get_results()[:stacks], whole.get_parameters())
        return core().compile_model(part, self._device, self._options)

    def _blob(self, stacks: int) -> Path | None:
        """The file of the compiled model; None where the device cannot export one.

        It is in a folder of these graphs, to be deleted with them, and named after the processor,
        because machines may share a home folder.
        """
        capabilities = core().get_property(self._device, "OPTIMIZATION_CAPABILITIES")
        if "EXPORT_IMPORT" not in capabilities:
            return None
        name = core().get_property(self._device, "FULL_DEVICE_NAME")
        isa = os.environ.get("ONEDNN_MAX_CPU_ISA")
        machine = f"{name} {sorted(capabilities)} {isa} {sorted(map(str, self._options.items()))}"
        digest = hashlib.sha256(machine.encode()).hexdigest()[:16]
        kind = self._graph.stem
        return self._graphs.compiled / f"compiled-{kind}-{digest}-{stacks}.blob"


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
