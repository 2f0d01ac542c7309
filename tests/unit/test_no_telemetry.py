"""The app tells nobody anything: OpenVINO's own reports are off."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import threading
import pose_app.engines.openvino_engine
import openvino
openvino.convert_model
assert [t.name for t in threading.enumerate()] == ["MainThread"], threading.enumerate()
from openvino.tools.ovc import telemetry_utils
assert telemetry_utils.tm.__name__.endswith("telemetry_stub"), telemetry_utils.tm
"""


# A program that uses the package, with and without the command line's own settings.
BEGINNINGS = {"library": "", "command line": "from pose_app.process import prepare; prepare()"}


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_openvino_reports_nothing(beginning: str) -> None:
    code = BEGINNINGS[beginning] + SCRIPT
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
