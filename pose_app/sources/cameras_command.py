"""`pose-app cameras`: lists cameras with their sizes and rates."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .discover import CameraInfo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "--probe", action="store_true", help="open each camera and show what it really delivers"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list")


def main(arguments: argparse.Namespace) -> int:
    """Print the list; the exit status is 0."""
    from .discover import cameras

    found = [_describe(camera, arguments.probe) for camera in cameras()]
    if arguments.json:
        print(json.dumps(found, indent=2))
        return 0
    if not found:
        print("No camera found: use a video file, a URL or the demo, as in `pose-app run demo`.")
    for entry in found:
        print(_line(entry))
        for line in _mode_lines(entry.get("modes", [])):
            print(line)
    return 0


def _describe(camera: CameraInfo, probe: bool) -> dict[str, Any]:
    from ..errors import SourceError
    from .modes import modes

    entry: dict[str, Any] = dict(camera.identity)
    entry["index"], entry["backend"] = camera.index, camera.backend
    listed = modes(camera)
    if listed:
        entry["modes"] = [
            {"size": [m.width, m.height], "fps": m.fps, "format": m.pixel_format} for m in listed
        ]
    if not probe:
        return entry
    from .camera import CameraSource

    try:
        source = CameraSource(camera)
    except SourceError as error:
        entry["error"] = str(error)
        return entry
    source.close()
    entry["size"] = list(source.info.size)
    entry["fps"] = source.info.fps
    entry["format"] = source.info.identity.get("given_format")
    return entry


def _line(entry: dict[str, Any]) -> str:
    parts = [f"{entry['index']:>3}  {entry['name']}"]
    if "vid" in entry and "pid" in entry:
        parts.append(f"({entry['vid']}:{entry['pid']})")
    if "size" in entry:
        parts.append(f"{entry['size'][0]}x{entry['size'][1]}")
        parts += [f"{entry['fps']:g} fps"] if entry["fps"] else []
        parts += [entry["format"]] if entry["format"] else []
    if "error" in entry:
        parts.append(f"- {entry['error']}")
    return " ".join(parts)


def _mode_lines(listed: list[dict[str, Any]]) -> list[str]:
    """One line per format and rate with its sizes, largest first."""
    sizes: dict[str, list[str]] = {}
    for mode in sorted(listed, key=lambda mode: (mode["format"] or "", -(mode["fps"] or 0))):
        kind = f"{mode['format']} {mode['fps']:.3g} fps" if mode["fps"] else str(mode["format"])
        sizes.setdefault(kind, []).append("{}x{}".format(*mode["size"]))
    return [f"     {kind}: {' '.join(of_kind)}" for kind, of_kind in sizes.items()]
