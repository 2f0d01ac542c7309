"""Settings of the whole process, made only by the command line.

`import pose_app` in another program changes nothing. A program that wants the same calls
`prepare()` before it imports OpenCV.
"""

from __future__ import annotations

import os
import sys

_ENVIRONMENT = {
    # A damaged header may claim a billion pixels, which would take 3 GB of memory; 268 million are
    # more than the cameras of phones have, 200 million.
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(2**28),
    # Seconds that a camera of Video4Linux may give no picture; 10 are too many to try other modes.
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "3",
    # Media Foundation takes half a minute to open some cameras with this on.
    "OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS": "0",
    # OpenCV's failures are reported as a SourceError.
    "OPENCV_LOG_LEVEL": "SILENT",
}


def prepare() -> None:
    """Set up OpenCV and disable OpenVINO's telemetry; existing environment variables stay."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Telemetry of OpenVINO and NNCF: without this module there is none.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
