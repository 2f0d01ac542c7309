"""OpenVINO, imported without its reports: `from .openvino_silently import openvino`.

`import openvino` tells its makers over the network, without asking, on a thread that stays. It does
so where the module `openvino_telemetry` can be imported, so that one is hidden meanwhile.
"""

from __future__ import annotations

import sys

_REPORTS = "openvino_telemetry"
_hide = _REPORTS not in sys.modules
if _hide:
    sys.modules[_REPORTS] = None  # type: ignore[assignment]
try:
    import openvino
finally:
    if _hide:
        del sys.modules[_REPORTS]

__all__ = ["openvino"]
