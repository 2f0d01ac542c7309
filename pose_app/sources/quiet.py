"""Imported for its effect: FFmpeg and OpenCV do not write to the terminal.

What they have to say reaches people as the sentence of a SourceError. `OPENCV_LOG_LEVEL` in the
environment has the last word for OpenCV.
"""

from __future__ import annotations

import os

import av
import cv2

av.logging.set_level(None)
if "OPENCV_LOG_LEVEL" not in os.environ:
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
