"""The app tells nobody anything: OpenVINO's own reports are off."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import threading
import pose_app.engines.openvino_engine
import openvino
openvino.convert_model
assert [t.name for t in threading.enumerate()] == ["MainThread"], threading.enumerate()
from openvino.tools.ovc import telemetry_utils
assert telemetry_utils.tm.__name__.endswith("telemetry_stub"), telemetry_utils.tm
"""


def test_openvino_reports_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
