"""Keeps compiled models in the cache folder: loading one takes a third of the time to compile it.

A file is the SHA-256 of a blob, then the blob. OpenVINO does not check blobs itself, so a file with
a wrong checksum is not given to it.
"""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path
from typing import Any

from ..whole_files import replacing

log = logging.getLogger(__name__)

_CHECKSUM = hashlib.sha256().digest_size


def load(core: Any, path: Path, device: str, options: dict[str, Any]) -> Any | None:
    """The compiled model in a file; None where it is missing, damaged or of another machine."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    blob = data[_CHECKSUM:]
    if hashlib.sha256(blob).digest() != data[:_CHECKSUM]:
        log.warning("%s is damaged, so the model is compiled again", path)
        return None
    try:
        return core.import_model(io.BytesIO(blob), device, options)
    except RuntimeError as error:
        log.warning("%s cannot be used here, so the model is compiled again: %s", path, error)
        return None


def save(compiled: Any, path: Path) -> None:
    """Write a compiled model atomically.

    A failure is only logged: without the file the next start compiles again.
    """
    try:
        exported = compiled.export_model()
        blob = exported if isinstance(exported, bytes) else bytes(exported.getvalue())
        with replacing(path) as temporary:
            temporary.write_bytes(hashlib.sha256(blob).digest() + blob)
    except (OSError, RuntimeError) as error:
        log.warning("%s cannot be written: %s", path, error)
