"""Engines, encoders and disks that fail or hang when they are told to: for tests and the soak."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from pose_app.errors import EngineError
from pose_app.pose.estimator import PoseEstimator
from pose_app.recording import files
from pose_app.recording.video_writer import Recorder
from pose_app.types import Floats, Heatmaps, Image

ENGINE_FAULTS = ("raises", "out of memory", "NaN", "hangs")
FILE_FAULTS = ("encoder fails", "encoder slow", "disk full")


class EngineFault:
    """The fault that the next inference has, whichever engine does it."""

    def __init__(self) -> None:
        self.next: str | None = None
        self.happened = 0
        self.released = threading.Event()  # lets a hanging inference return

    def opener(self, open_estimator: Callable[[], PoseEstimator]) -> Callable[[], PoseEstimator]:
        """The same, with an engine that has our faults."""

        def opened() -> PoseEstimator:
            whole = open_estimator()
            return PoseEstimator(_BreakableEngine(whole.engine, self), whole.finder)

        return opened

    def take(self) -> str | None:
        fault, self.next = self.next, None
        self.happened += fault is not None
        return fault


class _BreakableEngine:
    """An engine that passes everything on, except for faults."""

    def __init__(self, engine: Any, fault: EngineFault) -> None:
        self._engine, self._fault = engine, fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def infer(self, crops: Image, stacks: int) -> Heatmaps:
        fault = self._fault.take()
        if fault == "raises":
            raise EngineError("The device has gone (injected).")
        if fault == "out of memory":
            raise MemoryError("no memory left on the device (injected)")
        if fault == "hangs":
            self._fault.released.wait()
        maps: Heatmaps = self._engine.infer(crops, stacks)
        return _NoNumbers(maps) if fault == "NaN" else maps

    def halves(self) -> list[_BreakableEngine]:
        return [_BreakableEngine(half, self._fault) for half in self._engine.halves()]


class _NoNumbers:
    """Heatmaps full of NaN."""

    def __init__(self, maps: Heatmaps) -> None:
        self._maps = maps
        self.batch, self.stacks = maps.batch, maps.stacks

    def stack(self, stack: int, item: int = 0) -> Floats:
        return np.full_like(self._maps.stack(stack, item), np.nan)

    def peaks(self) -> Floats | None:
        peaks = self._maps.peaks()
        return None if peaks is None else np.full_like(peaks, np.nan)


class FileFault:
    """The fault that recordings have: `kind` is set and None again when it is over."""

    def __init__(self) -> None:
        self.kind: str | None = None
        self.pause = threading.Event()  # never set: a slow encoder waits on it


@contextmanager
def breakable_files(fault: FileFault) -> Iterator[None]:
    """While this lasts, encoders and disks have the fault that `fault.kind` says."""
    mux, free_bytes = Recorder._mux, files.free_bytes

    def breakable_mux(recorder: Recorder, frame: Any) -> int:
        if fault.kind == "encoder fails":
            raise OSError(5, "the encoder broke (injected)")
        if fault.kind == "encoder slow":
            fault.pause.wait(0.3)
        return mux(recorder, frame)

    def breakable_free_bytes(path: Any) -> int | None:
        return files.FREE_BYTES // 2 if fault.kind == "disk full" else free_bytes(path)

    with (
        patch.object(Recorder, "_mux", breakable_mux),
        patch.object(files, "free_bytes", breakable_free_bytes),
    ):
        yield


@contextmanager
def files_limited(size: int) -> Iterator[None]:
    """While this lasts, the system lets no file grow beyond `size` bytes, as a full disk does."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class HangingDisk:
    """Writers' threads that ask for anything below a folder wait; other threads are remembered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers = threading.Event()  # lets those that wait go on
        self.waiting: set[str] = set()  # names of writers' threads that have asked
        self.others: set[str] = set()  # who else has asked, and what

    def ask(self, what: str, path: Any) -> None:
        if isinstance(path, int) or not Path(os.fsdecode(path)).is_relative_to(self.folder):
            return
        name = threading.current_thread().name
        if name.startswith("write "):
            self.waiting.add(name)
            self.answers.wait(60)
        else:
            self.others.add(f"{name}: {what} {path}")


@contextmanager
def hanging_disk(folder: Path) -> Iterator[HangingDisk]:
    """While this lasts, `folder` is on a disk that does not answer."""
    disk = HangingDisk(folder)

    def asked(owner: Any, name: str) -> Any:
        real = getattr(owner, name)

        @wraps(real)
        def ask_first(path: Any, *args: Any, **kwargs: Any) -> Any:
            disk.ask(name, path)
            return real(path, *args, **kwargs)

        return patch.object(owner, name, ask_first)

    with ExitStack() as patches:
        for name in ("open", "stat", "mkdir", "unlink"):
            patches.enter_context(asked(os, name))
            patches.enter_context(asked(Path, name))  # Python 3.10 does not call `os` by its name
        patches.enter_context(asked(shutil, "disk_usage"))
        try:
            yield disk
        finally:
            disk.answers.set()
