"""Models by name: the bundled default, installed models, and published ones that can be downloaded.

An installed model is a native file in the user's models folder: a downloaded or added file is
checked and converted once. Only the conversion imports torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
from dataclasses import replace
from pathlib import Path

from .. import __version__
from ..errors import ModelError
from ..paths import bundled, cache_folder, expanded, models_folder
from ..spec import ModelSpec, read_spec
from ..whole_files import checksum, replacing
from .cost import cost
from .download import DownloadCancelledError, Progress, UnreachableError, fetch, locked
from .model_files import SUFFIX, name_of
from .published import (
    DEFAULT_ACCURACY,
    METRICS,
    PCK_SPORT,
    PUBLISHED,
    ModelEntry,
    licence_text,
)

__all__ = [
    "METRICS",
    "DownloadCancelledError",
    "ModelEntry",
    "add",
    "download",
    "entries",
    "find",
    "installed",
    "known",
    "licence_text",
    "needs_licence",
    "remove",
    "resolve",
]

DEFAULT = "default"
FINDER = "finder"  # the bundled person finder; not a pose network
_LOCK_SECONDS = 60.0  # for other processes to add a line to a small file


def known() -> list[ModelEntry]:
    """The published models, each with its file where it is installed."""
    return [_with_file(entry) for entry in PUBLISHED]


def installed() -> list[ModelEntry]:
    """The bundled default, then every model in the user's folder by name.

    An entry whose file cannot be used says why in `problem`.
    """
    bundled_model = _entry_of(DEFAULT, bundled("weights", f"{DEFAULT}{SUFFIX}"))
    found = [replace(bundled_model, accuracy=DEFAULT_ACCURACY, metric=PCK_SPORT)]
    published = {entry.name: entry for entry in known()}
    for file in sorted(models_folder().glob(f"*{SUFFIX}")):
        entry = published.get(file.stem)
        found.append(entry if entry and not entry.problem else _entry_of(file.stem, file))
    return found


def entries() -> list[ModelEntry]:
    """All models: the installed ones first, then the published ones that are not installed."""
    present = installed()
    names = {entry.name for entry in present}
    return present + [entry for entry in known() if entry.name not in names]


def find(name: str) -> ModelEntry:
    """The entry of that name. Raises ModelError where there is none."""
    for entry in entries():
        if entry.name == name:
            return entry
    raise ModelError(f"There is no model {name!r}: `pose-app models list` shows the names.")


def resolve(model: str | Path) -> Path:
    """The native safetensors file of a model, given by name or as the path of a model file.

    The name `finder` is the bundled person finder. A published checkpoint given by its path is
    converted once into the cache. Raises ModelError where there is no such model.
    """
    name = str(model)
    if name in (DEFAULT, FINDER):
        return bundled("weights", f"{name}{SUFFIX}")
    if _is_name(name) and _file_of(name).is_file():
        return _file_of(name)
    path = expanded(model)
    if path.is_file():
        return path if _is_native(path) else _converted(path)
    if any(entry.name == name for entry in PUBLISHED):
        raise ModelError(
            f"The model {name} is not installed yet: `pose-app models download {name}` fetches it."
        )
    raise ModelError(
        f"There is no model {name!r}: `pose-app models list` shows the names, or give the path of "
        "a model file."
    )


def needs_licence(entry: ModelEntry) -> bool:
    """Whether to show the licence before downloading: only the first time from this address."""
    return entry.url is not None and entry.url not in _pins()


def download(
    name: str,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> ModelEntry:
    """Download, check, convert and install a published model.

    Where no hash is published, the hash of the first download is remembered and required later.

    Args:
        name: Of a published model.
        progress: Called from this thread with (bytes so far, bytes in all or None).
        cancel: Setting it stops the download; the next call continues it.

    Returns:
        The entry of the installed model.

    Raises:
        DownloadCancelledError: `cancel` was set.
        ModelError: The message says what to do instead.
    """
    entry = next((entry for entry in PUBLISHED if entry.name == name), None)
    if entry is None:
        raise ModelError(
            f"There is no published model {name!r}: `pose-app models list` shows the names."
        )
    by_hand = f"get the file from {entry.page} and add it with `pose-app models add FILE`"
    if entry.url is None:
        raise ModelError(f"The model {name} can only be downloaded in a browser: {by_hand}.")
    target = models_folder() / "downloads" / f"{name}-{Path(entry.url).name}"
    expected = _pins().get(entry.url, entry.sha256)
    try:
        digest = fetch(entry.url, target, expected, progress, cancel)
    except UnreachableError as error:
        raise ModelError(f"{entry.url} cannot be downloaded ({error}): {by_hand}.") from None
    try:
        _install(target, entry.name, entry, digest)
    finally:
        target.unlink(missing_ok=True)
    _pin(entry.url, digest)
    return find(name)


def add(path: str | Path, name: str | None = None, family: str | None = None) -> ModelEntry:
    """Install a local model file, native or of any published layout.

    `name` defaults to the published model with the file's hash, else to the file's name. `family`
    is as in `load_checkpoint`. Raises ModelError, also where the name is taken.
    """
    path = expanded(path)
    digest = _checksum(path)
    entry = next((e for e in PUBLISHED if e.sha256 and digest.startswith(e.sha256)), None)
    wanted = name or (entry.name if entry else name_of(path))
    if not _is_name(wanted) or wanted in (DEFAULT, FINDER):
        raise ModelError(
            f"{wanted!r} cannot be a model's name: give another with --name, of letters, digits, "
            "dots, dashes and underscores."
        )
    if _file_of(wanted).exists():
        raise ModelError(
            f"There is a model {wanted} already: remove it first, or give another name with --name."
        )
    _install(path, wanted, entry, digest, family)
    return find(wanted)


def remove(name: str) -> None:
    """Delete an installed model from the user's folder. Raises ModelError."""
    if name == DEFAULT:
        raise ModelError("The default model is part of the app and cannot be removed.")
    if not _is_name(name) or not _file_of(name).is_file():
        raise ModelError(
            f"There is no installed model {name!r}: `pose-app models list` shows them."
        )
    try:
        _file_of(name).unlink()
    except OSError as error:
        raise ModelError(f"{_file_of(name)} cannot be deleted: {error.strerror}.") from None


def _install(
    path: Path, name: str, entry: ModelEntry | None, digest: str, family: str | None = None
) -> None:
    """Check a model file by loading it, and write it to the models folder in the native format."""
    from .checkpoints import load_checkpoint
    from .native import save_native

    size = entry.input_size if entry else None
    network, spec = load_checkpoint(path, family or (entry.family if entry else None), size)
    source = entry.url or entry.page if entry else path.name
    if not _is_native(path):
        spec = replace(
            spec,
            name=name,
            licence=entry.licence if entry else spec.licence,
            provenance=f"converted from {source} (SHA-256 {digest})",
        )
    try:
        models_folder().mkdir(parents=True, exist_ok=True)
        save_native(_file_of(name), network, spec)
    except OSError as error:
        raise ModelError(f"{models_folder()} cannot be written: {error.strerror}.") from None


def _converted(path: Path) -> Path:
    """The native file of a published checkpoint, from the cache.

    Its name has the checkpoint's hash, and that of all else that tells what the checkpoint is: the
    description beside it, its name, and the rules of this version of the app.
    """
    about = b""
    with contextlib.suppress(OSError):  # what cannot be read is told by `load_checkpoint`
        about = path.with_suffix(".json").read_bytes()
    words = hashlib.sha256(b"\0".join((about, os.fsencode(path.name), __version__.encode())))
    name = f"{_checksum(path)}-{words.hexdigest()[:16]}{SUFFIX}"
    target = cache_folder() / "converted" / name
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


def _with_file(entry: ModelEntry) -> ModelEntry:
    file = _file_of(entry.name)
    if not file.is_file():
        return entry
    try:
        read_spec(file)
    except ModelError as error:
        return replace(entry, file=file, problem=str(error))
    return replace(entry, file=file)


def _entry_of(name: str, file: Path) -> ModelEntry:
    """The entry of a model that is not in `PUBLISHED`, from its spec."""
    try:
        spec = read_spec(file)
        parameters, gmac = cost(file, spec)
    except ModelError as error:
        return ModelEntry(
            name=name, title=name, family="", stacks=0, input_size=(0, 0), joints="", licence="",
            file=file, problem=str(error),
        )  # fmt: skip
    network = spec.network
    plural = "stack" if network.stacks == 1 else "stacks"
    return ModelEntry(
        name=name,
        title=f"{network.stacks} {plural} x {network.width} channels",
        family=spec.family,
        stacks=network.stacks,
        input_size=spec.input_size,
        joints=spec.skeleton.name,
        licence=spec.licence,
        parameters=parameters,
        gmac=gmac,
        accuracy=_reported(spec, "accuracy"),
        metric=_reported(spec, "metric"),
        size=file.stat().st_size,
        page=_reported(spec, "page"),
        file=file,
    )


def _reported(spec: ModelSpec, key: str) -> str:
    """A text that training wrote into the spec's `extra`, "" where there is none."""
    value = spec.extra.get(key, "")
    return value if isinstance(value, str) else str(value)


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", text) is not None


def _file_of(name: str) -> Path:
    return models_folder() / f"{name}{SUFFIX}"


def _is_native(path: Path) -> bool:
    try:
        read_spec(path)
    except ModelError:
        return False
    return True


def _checksum(path: Path) -> str:
    try:
        return checksum(path)
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from None


def _pins_file() -> Path:
    return models_folder() / "seen.json"


def _pins() -> dict[str, str]:
    """The SHA-256 of the first download from each address."""
    file = _pins_file()
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return {str(url): str(digest) for url, digest in data.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError):
        raise ModelError(
            f"{file}, the list of earlier downloads, is unreadable: delete it to start a new one."
        ) from None


def _pin(url: str, digest: str) -> None:
    """Add to that list; other processes may do so at the same time."""
    file = _pins_file()
    try:
        with locked(file, timeout=_LOCK_SECONDS), replacing(file) as temporary:
            content = json.dumps({**_pins(), url: digest}, indent=1)
            temporary.write_text(content, encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{file} cannot be written: {error.strerror}.") from None
