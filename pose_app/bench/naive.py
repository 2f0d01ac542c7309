"""The naive loop: read, estimate, draw and write each frame, one after the other."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import av
import cv2

from ..drawing.draw import Drawing
from ..drawing.options import DrawOptions
from ..errors import SourceError
from ..pose.estimator import PoseEstimator
from ..types import Frame, FrameResult

_FPS = 30


def run(clip: Path, out: Path, estimator: PoseEstimator, seconds: float) -> float:
    """Frames per second of the loop, measured over `seconds`.

    Engine, pose code, drawing and encoder settings are the pipeline's, so that only its threads
    make the difference; decoder and encoder use one thread. The first ten frames are not counted.
    """
    warm = 10
    cv2.setNumThreads(1)
    with av.open(str(out), "w") as container:
        stream: Any = None
        drawing = Drawing()
        count, started = -warm, time.perf_counter()
        capture = _opened(clip)
        while count <= 0 or time.perf_counter() - started < seconds:
            fine, image = capture.read()
            if not fine:
                if count == -warm:
                    raise SourceError(f"{clip} cannot be read: run the benchmark again.")
                capture.release()
                capture = _opened(clip)
                continue
            now = time.perf_counter_ns()
            frame = Frame(count + warm, now, (count + warm) / _FPS, image)  # type: ignore[arg-type]
            result = FrameResult(frame, tuple(estimator.track(frame)), time.perf_counter_ns())
            if stream is None:
                stream = container.add_stream("libx264", rate=_FPS)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.codec_context.thread_count = 1
                stream.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "21"}
            picture = cv2.cvtColor(drawing.draw(result, DrawOptions()), cv2.COLOR_BGR2YUV_I420)
            encoded = av.VideoFrame.from_ndarray(picture, format="yuv420p")  # type: ignore[arg-type]
            container.mux(stream.encode(encoded))
            count += 1
            if count == 0:
                started = time.perf_counter()
        spent = time.perf_counter() - started
        container.mux(stream.encode(None))
        capture.release()
    return count / spent


def _opened(clip: Path) -> cv2.VideoCapture:
    return cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
