"""What the app sets for its whole process.

Only the command line does this: `import pose_app` in somebody else's program changes nothing there.
A program that wants the same calls `prepare()` before it imports OpenCV.
"""

from __future__ import annotations

import os
import sys

_ENVIRONMENT = {
    # A few damaged bytes in a header may promise a billion pixels, which would take 3 GB;
    # 134 million are more than any camera gives.
    "OPENCV_IO_MAX_IMAGE_PIXELS": str(2**27),
    # Media Foundation takes half a minute to open some cameras with this on.
    "OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS": "0",
    # What OpenCV has to say reaches people as the sentence of a SourceError.
    "OPENCV_LOG_LEVEL": "SILENT",
}


def prepare() -> None:
    """Set up OpenCV and keep OpenVINO from reporting; what the environment sets already stays."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # OpenVINO's and NNCF's reports to their makers: without this module there are none.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
