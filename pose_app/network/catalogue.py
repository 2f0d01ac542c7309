"""Model names: the bundled default, the installed ones, and where published ones come from.

Imports no torch: only converting a published checkpoint needs it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..errors import ModelError
from ..paths import bundled, cache_folder, models_folder
from ..spec import read_spec

DEFAULT = "default"
SUFFIX = ".safetensors"


def resolve(model: str | Path) -> Path:
    """The native safetensors file of a model's name, or of any model file's path.

    A published checkpoint given by path is converted once into the cache. Raises ModelError.
    """
    text = str(model)
    if text == DEFAULT:
        return bundled("weights", f"{DEFAULT}{SUFFIX}")
    installed_file = models_folder() / f"{text}{SUFFIX}"
    if Path(text).name == text and installed_file.is_file():
        return installed_file
    path = Path(model).expanduser()
    if not path.is_file():
        raise ModelError(
            f"There is no model {text!r}: `pose-app models list` shows the names, or give the path "
            "of a model file."
        )
    return path if _is_native(path) else _converted(path)


def _is_native(path: Path) -> bool:
    try:
        read_spec(path)
    except ModelError:
        return False
    return True


def _converted(path: Path) -> Path:
    """Our file made from a published checkpoint, kept in the cache under the original's hash."""
    target = cache_folder() / "converted" / f"{sha256_of(path)}{SUFFIX}"
    if target.is_file() and _is_native(target):
        return target
    from .checkpoints import load_checkpoint
    from .native import save_native

    network, spec = load_checkpoint(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        save_native(target, network, spec)
    except OSError as error:
        raise ModelError(f"{target.parent} cannot be written: {error.strerror}.") from None
    return target


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file. Raises ModelError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from None
    return digest.hexdigest()
