"""`pose-app models`: list, info, download, add, remove and export models."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .published import ModelEntry

FORMATS = ("safetensors", "onnx", "openvino")
_BAR = 30  # characters


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = commands.add_parser("list", help="list installed and published models")
    listing.add_argument("--json", action="store_true", help="print one JSON list")
    info = commands.add_parser("info", help="show everything about one model or model file")
    info.add_argument("model", help="name of a model, or path of a model file")
    info.add_argument("--json", action="store_true", help="print one JSON object")
    download = commands.add_parser("download", help="download and install a published model")
    download.add_argument("model", help="name of a published model")
    download.add_argument(
        "--yes", action="store_true", help="accept the licence without being asked"
    )
    add = commands.add_parser("add", help="install a model file from this computer")
    add.add_argument("file", type=Path, help="a file of pose-app or a published checkpoint")
    add.add_argument("--name", help="its name in the app (default: from the file)")
    add.add_argument(
        "--family",
        help="princeton, bearpaw, mobile-fpd, fpd or mmpose (default: recognised from the file)",
    )
    remove = commands.add_parser("remove", help="delete an installed model")
    remove.add_argument("model", help="name of an installed model")
    export = commands.add_parser("export", help="write a model for other programs")
    export.add_argument("model", help="name of a model, or path of a model file")
    export.add_argument("output", type=Path, help="file to write: .safetensors, .onnx or .xml")
    export.add_argument(
        "--format", choices=FORMATS, help="default: from the ending of the output's name"
    )


def main(arguments: argparse.Namespace) -> int:
    """Run one action. Raises ModelError."""
    actions = {
        "list": _list,
        "info": _info,
        "download": _download,
        "add": _add,
        "remove": _remove,
        "export": _export,
    }
    return actions[arguments.action](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from . import catalogue

    entries = catalogue.entries()
    if arguments.json:
        print(json.dumps([_as_json(entry) for entry in entries], indent=1))
        return 0
    rows: list[tuple[str, ...]] = [
        ("name", "stacks", "input", "M par.", "GMAC", "accuracy", "licence", "size", "")
    ]
    rows += [_row(entry) for entry in entries]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        )
    print()
    metrics = {entry.metric for entry in entries}
    for name, meaning in catalogue.METRICS.items():
        if name in metrics:
            print(f"{name}: {meaning}")
    for entry in entries:
        if entry.problem:
            print(f"{entry.name}: {entry.problem}")
    return 0


def _row(entry: ModelEntry) -> tuple[str, ...]:
    state = "cannot be used" if entry.problem else "installed" if entry.installed else ""
    if not state and entry.url is None:
        state = "by hand"
    height, width = entry.input_size
    return (
        entry.name,
        str(entry.stacks or ""),
        f"{width} x {height}" if width else "",
        _number(entry.parameters),
        _number(entry.gmac),
        f"{entry.accuracy} {entry.metric}".strip(),
        entry.licence,
        _megabytes(entry.size),
        state,
    )


def _info(arguments: argparse.Namespace) -> int:
    from ..errors import ModelError
    from ..paths import expanded
    from ..spec import read_spec
    from . import catalogue

    try:
        entry = catalogue.find(arguments.model)
    except ModelError:
        if not expanded(arguments.model).is_file():
            raise
        entry = None
    file = catalogue.resolve(arguments.model) if entry is None else entry.file
    spec = read_spec(file) if file is not None else None
    if arguments.json:
        content = _as_json(entry) if entry else {}
        print(
            json.dumps({**content, "spec": json.loads(spec.to_json()) if spec else None}, indent=1)
        )
        return 0
    if entry is not None:
        for label, text in _description(entry):
            if text:
                print(f"{label:<12} {text}")
    if spec is not None:
        print(f"{'provenance':<12} {spec.provenance or 'unknown'}")
        print(f"{'joints':<12} {', '.join(spec.joints)}")
        print(
            f"{'preprocess':<12} {spec.colour}, mean {_triple(spec.mean)}, "
            f"std {_triple(spec.std)}, "
            f"sides in multiples of {spec.size_multiple} pixels"
        )
        rule = spec.decode
        print(
            f"{'decode':<12} {spec.output}, {rule.subpixel}, offset {rule.offset:g}, tie "
            f"{rule.tie:g}, border {rule.border}, flip shift {spec.flip_shift}, sigma "
            f"{spec.sigma:g}"
        )
        print(f"{'scores':<12} {'calibrated' if spec.calibration else 'raw'}")
    if entry is not None and not entry.installed:
        print()
        print(catalogue.licence_text(entry))
    return 0


def _description(entry: ModelEntry) -> list[tuple[str, str]]:
    from .published import METRICS

    height, width = entry.input_size
    return [
        ("name", entry.name),
        ("title", entry.title),
        ("family", entry.family),
        ("stacks", str(entry.stacks)),
        ("input", f"{width} x {height} pixels"),
        ("skeleton", entry.joints),
        ("parameters", f"{_number(entry.parameters)} million"),
        ("cost", f"{_number(entry.gmac)} GMAC per image"),
        ("accuracy", f"{entry.accuracy} {entry.metric}".strip()),
        ("", METRICS.get(entry.metric, "")),
        ("licence", entry.licence),
        ("size", _megabytes(entry.size)),
        ("source", entry.page),
        ("address", entry.url or ""),
        ("installed", str(entry.file or "no")),
        ("problem", entry.problem or ""),
    ]


def _download(arguments: argparse.Namespace) -> int:
    from . import catalogue

    entry = catalogue.find(arguments.model)
    if entry.installed and not entry.problem:
        print(f"{entry.name} is installed already.")
        return 0
    if catalogue.needs_licence(entry):
        print(catalogue.licence_text(entry))
        if not arguments.yes and not _agreed(f"Download {_megabytes(entry.size)}?"):
            print("Nothing was downloaded.")
            return 1
    try:
        installed = catalogue.download(entry.name, progress=_progress)
    finally:
        if sys.stderr.isatty():
            print(file=sys.stderr)
    print(f"{installed.name} is installed: {installed.file}")
    return 0


def _agreed(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _progress(done: int, total: int | None) -> None:
    if not sys.stderr.isatty():
        return
    if total:
        filled = "#" * (_BAR * done // total)
        text = f"[{filled:<{_BAR}}] {_megabytes(done)} of {_megabytes(total)}"
    else:
        text = _megabytes(done)
    print(f"\r{text:<60}", end="", file=sys.stderr, flush=True)


def _add(arguments: argparse.Namespace) -> int:
    from . import catalogue

    entry = catalogue.add(arguments.file, arguments.name, arguments.family)
    print(f"{entry.name} is installed ({entry.family}): {entry.file}")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from . import catalogue

    catalogue.remove(arguments.model)
    print(f"{arguments.model} is removed.")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from .export import export, format_of

    kind = arguments.format or format_of(arguments.output)
    report = export(arguments.model, arguments.output, kind)
    print(
        f"{arguments.output} is written ({kind}). Its heatmaps differ from the model's by at most "
        f"{report.difference:.1e}; the highest value is {report.highest:.2g}."
    )
    return 0


def _as_json(entry: ModelEntry) -> dict[str, Any]:
    data = asdict(entry)
    data["file"] = str(entry.file) if entry.file else None
    data["installed"] = entry.installed
    return data


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"


def _triple(values: tuple[float, float, float]) -> str:
    return " ".join(f"{value:g}" for value in values)
