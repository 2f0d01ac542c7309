"""What is remembered of cameras: the mode chosen, and the modes found by opening them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any

from ...sources.modes import CameraMode

if TYPE_CHECKING:
    from ...sources.discover import CameraInfo

log = logging.getLogger(__name__)

KEY = "source.cameras"  # the setting: a JSON object of each camera, the one changed last first
_MOST = 20
_IDENTITY = ("name", "vid", "pid")  # the same wherever it is plugged in

_Identity = tuple[str | None, ...]


@dataclass(frozen=True)
class _Known:
    chosen: CameraMode | None = None
    found: tuple[CameraMode, ...] = ()


class KnownCameras:
    """The setting, parsed; `texts` is what to save after a change."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Parse the setting; invalid entries are skipped and logged."""
        self._known: dict[_Identity, _Known] = {}
        for text in texts:
            try:
                data = json.loads(text)
                chosen = data["chosen"]
                self._known[_identity(data)] = _Known(
                    None if chosen is None else _mode(chosen), tuple(map(_mode, data["found"]))
                )
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                log.warning("a remembered camera cannot be read: %s", error)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(
            json.dumps(
                {
                    **dict(zip(_IDENTITY, identity, strict=True)),
                    "chosen": None if known.chosen is None else astuple(known.chosen),
                    "found": [astuple(mode) for mode in known.found],
                },
                ensure_ascii=False,
            )
            for identity, known in list(self._known.items())[:_MOST]
        )

    def chosen(self, camera: CameraInfo) -> CameraMode | None:
        """The mode chosen for this camera; None = as the preferences say."""
        return self._of(camera).chosen

    def found(self, camera: CameraInfo) -> tuple[CameraMode, ...]:
        """The modes found by opening this camera; empty where it was never tried."""
        return self._of(camera).found

    def choose(self, camera: CameraInfo, mode: CameraMode | None) -> None:
        self._keep(camera, replace(self._of(camera), chosen=mode))

    def keep_found(self, camera: CameraInfo, modes: tuple[CameraMode, ...]) -> None:
        self._keep(camera, replace(self._of(camera), found=modes))

    def _of(self, camera: CameraInfo) -> _Known:
        return self._known.get(_identity(camera.identity), _Known())

    def _keep(self, camera: CameraInfo, known: _Known) -> None:
        identity = _identity(camera.identity)
        others = {key: value for key, value in self._known.items() if key != identity}
        self._known = others if known == _Known() else {identity: known, **others}


def _identity(data: Mapping[str, Any]) -> _Identity:
    values = tuple(data.get(key) for key in _IDENTITY)
    if not all(value is None or isinstance(value, str) for value in values):
        raise ValueError("no identity")
    return values


def _mode(data: Any) -> CameraMode:
    width, height, fps, pixel_format = data
    good = type(width) is int and type(height) is int and 0 < width < 1 << 16 > height > 0
    good = good and (fps is None or (type(fps) in (int, float) and 0 < fps <= 1000))
    if not good or not (pixel_format is None or isinstance(pixel_format, str)):
        raise ValueError(f"no size and rate: {data!r:.60}")
    return CameraMode(width, height, fps, pixel_format)
