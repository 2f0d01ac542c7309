"""OpenVINO without telemetry: `from .openvino_silently import openvino`.

`import openvino` sends usage data without asking, on a thread that stays, if the module
`openvino_telemetry` can be imported. So that module is hidden during the import.
"""

from __future__ import annotations

import sys

_TELEMETRY = "openvino_telemetry"
_hide = _TELEMETRY not in sys.modules
if _hide:
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]
try:
    import openvino
finally:
    if _hide:
        del sys.modules[_TELEMETRY]

__all__ = ["openvino"]
