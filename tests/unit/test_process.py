"""What the app sets for the whole process: on the command line only."""

from __future__ import annotations

import os
import subprocess
import sys

LIBRARY = """
import logging, os, sys, threading, warnings
import av, cv2

def state():
    return (
        dict(os.environ),
        sys.modules.get("openvino_telemetry", "absent"),
        cv2.utils.logging.getLogLevel(),
        av.logging.get_level(),
        logging.root.level,
        list(logging.root.handlers),
        {name: (logger.level, list(logger.handlers), logger.propagate)
         for name, logger in logging.root.manager.loggerDict.items()
         if isinstance(logger, logging.Logger) and not name.startswith("pose_app")},
        list(warnings.filters),
        sys.excepthook,
        threading.excepthook,
    )

import openvino, numpy, torch  # what they change is theirs
before = state()
import pose_app
from pose_app import Frame, Pose, PoseAppError, PoseEstimator, Region
import pose_app.cli
import pose_app.engines.choose, pose_app.engines.openvino_engine, pose_app.engines.torch_engine
import pose_app.pipeline.session, pose_app.recording.video_writer
import pose_app.sources.camera, pose_app.sources.images, pose_app.sources.stream
import pose_app.sources.video
after = state()
for was, now in zip(before, after):
    assert was == now, (was, now)
"""

COMMAND_LINE = """
import os, sys
from pose_app import cli
try:
    cli.main(["--version"])
except SystemExit:
    pass
assert sys.modules["openvino_telemetry"] is None
print(os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"], os.environ["OPENCV_LOG_LEVEL"])
"""


def plain(**more: str) -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if "OPENCV" not in name} | more


def run(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def prepared(name: str) -> str:
    code = f"import os, pose_app.process as p; p.prepare(); print(os.environ['{name}'])"
    return run(code, plain()).strip()


def test_importing_the_package_changes_nothing_of_the_process() -> None:
    run(LIBRARY, plain())


def test_the_command_line_sets_what_the_app_needs() -> None:
    assert run(COMMAND_LINE, plain()).splitlines()[-1] == f"{2**28} SILENT"
    # A camera without a picture in one mode is tried in others before its time is up.
    assert prepared("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT") == "3"


def test_photographs_of_200_million_pixels_can_be_read() -> None:
    assert int(prepared("OPENCV_IO_MAX_IMAGE_PIXELS")) > 16320 * 12240


def test_what_the_environment_says_stays() -> None:
    said = run(COMMAND_LINE, plain(OPENCV_LOG_LEVEL="INFO", OPENCV_IO_MAX_IMAGE_PIXELS="1000"))
    assert said.splitlines()[-1] == "1000 INFO"
