"""Model names: the bundled default, the installed ones, and the published ones that can be fetched.

An installed model is one of our own files in the user's models folder: what was downloaded or added
is checked and converted once. Imports no torch; only converting needs it.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from pathlib import Path

from ..errors import ModelError
from ..paths import bundled, cache_folder, models_folder
from ..spec import ModelSpec, read_spec
from .cost import cost
from .download import DownloadCancelledError, Progress, UnreachableError, fetch, sha256_of
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
FINDER = "finder"  # where people are, not a pose network


def known() -> list[ModelEntry]:
    """The published models, each with its file where it is installed."""
    return [_with_file(entry) for entry in PUBLISHED]


def installed() -> list[ModelEntry]:
    """The bundled default and every model in the user's folder, by name; broken ones say why."""
    bundled_model = _entry_of(DEFAULT, bundled("weights", f"{DEFAULT}{SUFFIX}"))
    found = [replace(bundled_model, accuracy=DEFAULT_ACCURACY, metric=PCK_SPORT)]
    published = {entry.name: entry for entry in known()}
    for file in sorted(models_folder().glob(f"*{SUFFIX}")):
        entry = published.get(file.stem)
        found.append(entry if entry and not entry.problem else _entry_of(file.stem, file))
    return found


def entries() -> list[ModelEntry]:
    """Everything that can be chosen: installed models first, then published ones not installed."""
    here = installed()
    names = {entry.name for entry in here}
    return here + [entry for entry in known() if entry.name not in names]


def find(name: str) -> ModelEntry:
    """The entry of that name. Raises ModelError where there is none."""
    for entry in entries():
        if entry.name == name:
            return entry
    raise ModelError(f"There is no model {name!r}: `pose-app models list` shows the names.")


def resolve(model: str | Path) -> Path:
    """The native safetensors file of a model's name, or of any model file's path.

    `finder` is the bundled person finder. A published checkpoint given by path is converted once
    into the cache. Raises ModelError.
    """
    name = str(model)
    if name in (DEFAULT, FINDER):
        return bundled("weights", f"{name}{SUFFIX}")
    if _is_name(name) and _file_of(name).is_file():
        return _file_of(name)
    path = Path(model).expanduser()
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
    """Whether the licence is to be shown before this download: nothing came from there before."""
    return entry.url is not None and entry.url not in _pins()


def download(
    name: str,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> ModelEntry:
    """Fetch a published model, check it, convert it and install it; returns its entry.

    `progress(bytes so far, bytes in all or None)` is called from this thread; setting `cancel`
    stops at once and keeps what has arrived for the next call. Where no hash is published, the one
    seen first is pinned. Raises DownloadCancelledError, or ModelError with what to do instead.
    """
    entry = next((entry for entry in PUBLISHED if entry.name == name), None)
    if entry is None:
        raise ModelError(f"{name!r} is no published model: `pose-app models list` shows the names.")
    by_hand = f"look at {entry.page} for the file and add it with `pose-app models add FILE`"
    if entry.url is None:
        raise ModelError(f"The model {name} can only be fetched by a browser: {by_hand}.")
    target = models_folder() / "downloads" / f"{name}-{Path(entry.url).name}"
    expected = _pins().get(entry.url, entry.sha256)
    try:
        digest = fetch(entry.url, target, expected, progress, cancel)
    except UnreachableError as error:
        raise ModelError(f"{entry.url} gives no file ({error}): {by_hand}.") from None
    try:
        _install(target, entry.name, entry, digest)
    finally:
        target.unlink(missing_ok=True)
    _pin(entry.url, digest)
    return find(name)


def add(path: str | Path, name: str | None = None, family: str | None = None) -> ModelEntry:
    """Install a model file that is already here, ours or of any published layout.

    `name` defaults to the published model that the file is (by its hash), else to the file's name.
    Raises ModelError, also where the name is taken.
    """
    path = Path(path).expanduser()
    digest = sha256_of(path)
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
    """Check a model file by loading it, and put it into the models folder in our format."""
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
    """The entry of a model that nobody published, from its own spec."""
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
    """What a model of our own training says about itself in `extra`."""
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


def _pins_file() -> Path:
    return models_folder() / "seen.json"


def _pins() -> dict[str, str]:
    """Hash of what each address gave first."""
    file = _pins_file()
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return {str(url): str(digest) for url, digest in data.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError):
        raise ModelError(
            f"{file}, the list of files seen before, is unreadable: delete it to start a new one."
        ) from None


def _pin(url: str, digest: str) -> None:
    temporary = _pins_file().with_suffix(".part")
    temporary.write_text(json.dumps({**_pins(), url: digest}, indent=1), encoding="utf-8")
    temporary.replace(_pins_file())
