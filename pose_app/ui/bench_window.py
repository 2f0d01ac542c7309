"""The real window, measured from inside, in a process of its own.

`pose-app bench --ui` starts it: it prints one JSON object and ends.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from ..pose.factory import import_engine
from ..settings import Settings
from .sessions import load_first, make_session


def main() -> int:
    """Measure the window and print one JSON object; the exit status is 0."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="default")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--source", default="demo")
    parser.add_argument("--everything", action="store_true", help="the heatmap and all panels")
    parser.add_argument(
        "--started",
        type=float,
        default=time.time(),
        help="when the process was started, in seconds since 1970 (default: after its imports)",
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(Path(folder) / "settings.json")  # not the user's own
        settings.set("model.name", arguments.model)
        settings.set("window.hint_seen", True)
        settings.set("source.loop", True)
        settings.set("view.heatmap", arguments.everything)
        # In the app's order: Qt while the model loads.
        import_engine(settings.get("model.engine"))
        session = make_session(settings, arguments.source)
        load_first(session)
        from PySide6.QtCore import QTimer

        from . import theme
        from .app import application, make_window
        from .bench_probe import Probe

        app = application()
        theme.apply(app, settings.get("appearance.theme"))
        window = make_window(settings, arguments.source, session=session)
        probe = Probe(window, arguments.seconds, arguments.started)
        window.closed.connect(app.quit)
        window.show()
        for dock in window.docks.values() if arguments.everything else ():
            dock.setFloating(True)  # so that none hides another
            dock.show()
        app.processEvents()
        probe.shown()
        QTimer.singleShot(0, window.start)
        app.exec()
    print(json.dumps(probe.found))
    return 0 if "age_ms" in probe.found else 1


if __name__ == "__main__":
    sys.exit(main())
