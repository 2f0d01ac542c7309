"""The table of formats to which a keypoint log can be exported.

A new format is a module with a function of a `Log`, and a row in EXPORTERS.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import RecordingError
from .coco import coco, coco_17
from .csv_table import csv_table
from .log import Contents, Log
from .openpose import openpose

__all__ = ["EXPORTERS", "Exporter", "Log", "by_name", "for_output"]


@dataclass(frozen=True)
class Exporter:
    """A row of the table.

    Attributes:
        name: For the command line.
        help: A description of the format.
        suffix: Appended to the log's name by default.
        write: Converts a log to the text of a file or, if the format is a folder, to the texts of
            its files by name.
    """

    name: str
    help: str
    suffix: str
    write: Contents


EXPORTERS: tuple[Exporter, ...] = (
    Exporter("csv", "a table, one row per person and frame", ".csv", csv_table),
    Exporter("coco", "COCO keypoints JSON with the model's own joints", ".coco.json", coco),
    Exporter("coco-17", "COCO keypoints JSON with COCO's 17 joints", ".coco17.json", coco_17),
    Exporter("openpose", "a folder of BODY_25 JSON files, one per frame", "_openpose", openpose),
)


def by_name(name: str) -> Exporter:
    """The exporter called `name`. Raises RecordingError where there is none."""
    for exporter in EXPORTERS:
        if exporter.name == name:
            return exporter
    names = ", ".join(exporter.name for exporter in EXPORTERS)
    raise RecordingError(f"There is no format {name!r}: use {names}.")


def for_output(output: Path | None) -> Exporter:
    """The exporter for the name of a file; the first row for None.

    Of several that fit, the one with the longest suffix, then the first row: `.json` is `coco`.
    Raises RecordingError where none fits.
    """
    if output is None:
        return EXPORTERS[0]
    name = output.name.lower()
    fitting = [exporter for exporter in EXPORTERS if name.endswith(exporter.suffix)]
    fitting.sort(key=lambda exporter: -len(exporter.suffix))
    suffix = output.suffix.lower()
    fitting += [e for e in EXPORTERS if suffix and Path(e.suffix).suffix == suffix]
    if not fitting:
        names = ", ".join(exporter.name for exporter in EXPORTERS)
        raise RecordingError(f"The name {output} does not tell the format: add --format ({names}).")
    return fitting[0]
