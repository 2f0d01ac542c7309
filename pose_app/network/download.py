"""One file over HTTP: system proxies, progress, cancel, resume, retry, hash check.

The answer goes into a `.part` file that a later call continues; only a complete file whose hash is
right gets its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import ModelError
from ..paths import models_folder

if TYPE_CHECKING:  # where they are used they are imported: every start would pay for them
    import http.client
    import urllib.error
    import urllib.request

Progress = Callable[[int, int | None], None]
"""Called with (bytes so far, bytes in all or None where the server does not say)."""

ATTEMPTS = 4
TIMEOUT = 15.0  # seconds without a byte
_BLOCK = 1 << 16
_NUMBER = "[0-9]{1,18}"  # of bytes; what servers say may be anything
_RETRIED = {408, 425, 429, 500, 502, 503, 504}


class DownloadCancelledError(ModelError):
    """The person stopped the download; what has arrived is kept for next time."""


class UnreachableError(ModelError):
    """The address does not give the file; the message is the reason alone."""


def fetch(
    url: str,
    target: Path,
    sha256: str = "",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
    timeout: float = TIMEOUT,
    pause: float = 1.0,
) -> str:
    """Download `url` to `target` and return its SHA-256 in hexadecimal.

    `sha256` is the full hash, the digits it begins with, or "". `pause` are seconds before the
    first repetition, doubled each time; an attempt that brought new bytes does not count. Raises
    UnreachableError, DownloadCancelledError, or ModelError for a wrong hash, an unwritable folder
    or while somebody else downloads to the same place.
    """
    cancel = cancel or threading.Event()
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            _fetch_part(url, part, progress, cancel, timeout, pause)
            found = sha256_of(part)
            if not found.startswith(sha256.lower()):
                _forget(part)
                raise ModelError(
                    f"The file at {url} is not the published one (its SHA-256 begins with "
                    f"{found[:8]}, not {sha256[:8]}): it was deleted, do not use it from there."
                )
            part.replace(target)
            _validator(part).unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(f"{target.parent} cannot be written: {error.strerror}.") from None
    return found


@contextlib.contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Two that write one part file would ruin it, whichever window or command they run in."""
    from filelock import FileLock, Timeout

    folder = models_folder().parent / "locks"  # not beside the models: somebody may list those
    name = hashlib.sha256(os.fsencode(target.resolve())).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"download-{name}.lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise ModelError(
            f"{target.name} is being downloaded by another window or command: wait for that one."
        ) from None
    except OSError as error:
        raise ModelError(f"{folder} cannot be written: {error.strerror}.") from None
    try:
        yield
    finally:
        lock.release()


def _fetch_part(
    url: str,
    part: Path,
    progress: Progress | None,
    cancel: threading.Event,
    timeout: float,
    pause: float,
) -> None:
    """Go on until the part file is complete."""
    import http.client
    import urllib.error

    failures = 0
    most = 0  # a server that lets the part grow and begin again would be asked for ever
    while True:
        before = _size(part)
        most = max(most, before)
        try:
            if _attempt(url, part, progress, cancel, timeout):
                return
            reason = "the connection broke off"
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"it answers {error.code} {error.reason:.100}"
            if error.code == 416:
                if before and error.headers.get("Content-Range", "").endswith(f"*/{before}"):
                    return  # it was complete already
                _forget(part)  # it is not a beginning of what is there now
            elif error.code not in _RETRIED:
                raise UnreachableError(reason) from None
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError) as error:
            cause = getattr(error, "reason", error)
            reason = str(cause).strip()[:200] or type(cause).__name__
        except ConnectionError as error:
            reason = str(error) or type(error).__name__
        if cancel.is_set():
            raise DownloadCancelledError(
                "The download was cancelled; what has arrived is kept for next time."
            )
        failures = 0 if _size(part) > most else failures + 1
        if failures >= ATTEMPTS:
            raise UnreachableError(reason)
        cancel.wait(pause * 2 ** max(failures - 1, 0))


def _attempt(
    url: str, part: Path, progress: Progress | None, cancel: threading.Event, timeout: float
) -> bool:
    """One request; True when the part file is complete."""
    have = _size(part)
    import urllib.request

    request = urllib.request.Request(url, headers={"User-Agent": f"pose-app/{__version__}"})
    validator = _validator(part)
    if have and validator.is_file():
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", validator.read_text(encoding="latin-1"))
    with _stopping(cancel) as opener, opener.open(request, timeout=timeout) as response:
        if response.headers.get_content_type() == "text/html":
            raise UnreachableError("it answers with a web page instead of the file")
        resumed = response.status == 206 and _range_start(response) == have
        if not resumed:
            have = 0
            _remember_validator(validator, response)
        length = re.fullmatch(_NUMBER, response.headers.get("Content-Length", ""))
        total = have + int(length[0]) if length else None
        with part.open("ab" if resumed else "wb") as file:
            while block := _read(response):
                file.write(block)
                have += len(block)
                if progress is not None:
                    progress(have, total)
                if cancel.is_set():
                    return False
    return not cancel.is_set() and (total is None or have == total)


@contextlib.contextmanager
def _stopping(cancel: threading.Event) -> Iterator[urllib.request.OpenerDirector]:
    """An opener whose connections break the moment somebody cancels, even while nothing comes."""
    import http.client
    import urllib.request

    sockets: list[socket.socket] = []

    def remembering(kind: Any) -> Any:
        class Connection(kind):  # type: ignore[misc]
            def connect(self) -> None:
                super().connect()
                sockets.append(self.sock)

        return Connection

    class Http(urllib.request.HTTPHandler):
        def http_open(self, request: Any) -> Any:
            return self.do_open(remembering(http.client.HTTPConnection), request)

    class Https(urllib.request.HTTPSHandler):
        def https_open(self, request: Any) -> Any:
            return self.do_open(remembering(http.client.HTTPSConnection), request)

    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            if cancel.is_set():
                for connected in sockets:
                    with contextlib.suppress(OSError):  # already closed: nothing to break
                        connected.shutdown(socket.SHUT_RDWR)

    watcher = threading.Thread(target=watch, name="download-cancel", daemon=True)
    watcher.start()
    try:
        yield urllib.request.build_opener(Http, Https)
    finally:
        done.set()
        watcher.join()


def _read(response: http.client.HTTPResponse) -> bytes:
    """The next bytes. Network trouble is a ConnectionError, to tell it from a full disk."""
    try:
        return response.read1(_BLOCK)
    except OSError as error:
        raise ConnectionError(str(error) or type(error).__name__) from error


def _range_start(response: http.client.HTTPResponse) -> int | None:
    match = re.match(f"bytes ({_NUMBER})-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _validator(part: Path) -> Path:
    """Holds the ETag or date of the file that the part is a beginning of."""
    return part.with_name(part.name + ".of")


def _remember_validator(path: Path, response: http.client.HTTPResponse) -> None:
    etag = response.headers.get("ETag", "")
    value = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")
    if value:
        path.write_text(" ".join(value.split()), encoding="latin-1")
    else:  # without one, a changed file could not be told from the same: begin again
        path.unlink(missing_ok=True)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _validator(part).unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file. Raises ModelError where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise ModelError(f"The model file {path} cannot be read: {error.strerror}.") from None
    return digest.hexdigest()
