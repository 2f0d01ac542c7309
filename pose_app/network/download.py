"""Downloads one file over HTTP: system proxies, progress, cancel, resume, retry, hash check.

Bytes go into a `.part` file that a later call continues; it is renamed to the target only when it
is complete and its hash is right.
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
from ..whole_files import checksum

if TYPE_CHECKING:  # imported where they are used, to keep every start fast
    import http.client
    import urllib.error
    import urllib.request

Progress = Callable[[int, int | None], None]
"""Called with (bytes so far, bytes in all or None where the server does not say)."""

ATTEMPTS = 4
TIMEOUT = 15.0  # seconds without a byte
_BLOCK = 1 << 16
_NUMBER = "[0-9]{1,18}"  # a number of bytes in a header
_RETRIED = {408, 425, 429, 500, 502, 503, 504}


class DownloadCancelledError(ModelError):
    """The user stopped the download; the part that has arrived is kept for the next attempt."""


class UnreachableError(ModelError):
    """The file cannot be downloaded from its address; the message is only the reason."""


def fetch(
    url: str,
    target: Path,
    sha256: str = "",
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
    timeout: float = TIMEOUT,
    pause: float = 1.0,
) -> str:
    """Download `url` to `target`.

    Args:
        url: The address.
        target: The file to write.
        sha256: The expected hash in hexadecimal, its first digits, or "" to accept any.
        progress: Called with (bytes so far, bytes in all or None).
        cancel: Setting it stops the download.
        timeout: Seconds without a byte after which an attempt fails.
        pause: Seconds before the first retry, doubled each time. After an attempt that brought
            new bytes, the retries are counted from the start.

    Returns:
        The file's SHA-256 in hexadecimal.

    Raises:
        UnreachableError: The address does not give the file.
        DownloadCancelledError: `cancel` was set.
        ModelError: The hash is wrong, the folder cannot be written, or another process downloads
            to the same target.
    """
    cancel = cancel or threading.Event()
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target):
            _fetch_part(url, part, progress, cancel, timeout, pause)
            found = checksum(part)
            if not found.startswith(sha256.lower()):
                _forget(part)
                raise ModelError(
                    f"The file at {url} is not the published one (its SHA-256 begins with "
                    f"{found[:8]}, not {sha256[:8]}), so it was deleted: do not use this address."
                )
            part.replace(target)
            _validator(part).unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(f"{target.parent} cannot be written: {error.strerror}.") from None
    return found


@contextlib.contextmanager
def locked(target: Path, timeout: float = 0.0) -> Iterator[None]:
    """Hold a lock of a file that no other process has at the same time.

    Args:
        target: The file; it need not exist.
        timeout: Seconds to wait for the process that has the lock.

    Raises:
        ModelError: Another process has it, or the folder of locks cannot be written.
    """
    from filelock import FileLock, Timeout

    folder = models_folder().parent / "locks"  # not in the models folder, which users look into
    name = hashlib.sha256(os.fsencode(target.resolve())).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"download-{name}.lock", timeout=timeout)
        lock.acquire()
    except Timeout:
        raise ModelError(
            f"{target.name} is being written by another window or command: wait for that one."
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
    """Try until the part file is complete."""
    import http.client
    import urllib.error

    failures = 0
    most = 0  # the longest part so far: a server that always restarts must not be asked for ever
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
                    return  # the part was complete already
                _forget(part)  # the file on the server has changed
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
    """Make one request; returns whether the part file is complete."""
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
    """An opener whose connections are shut down when `cancel` is set, even during a silent wait."""
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
    """The next bytes. A network error becomes a ConnectionError, to tell it from a full disk."""
    try:
        return response.read1(_BLOCK)
    except OSError as error:
        raise ConnectionError(str(error) or type(error).__name__) from error


def _range_start(response: http.client.HTTPResponse) -> int | None:
    match = re.match(f"bytes ({_NUMBER})-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _validator(part: Path) -> Path:
    """The file with the ETag or date of the download that the part belongs to."""
    return part.with_name(part.name + ".of")


def _remember_validator(path: Path, response: http.client.HTTPResponse) -> None:
    etag = response.headers.get("ETag", "")
    value = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")
    if value:
        path.write_text(" ".join(value.split()), encoding="latin-1")
    else:  # without one a changed file would go unnoticed: the next attempt starts again
        path.unlink(missing_ok=True)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _validator(part).unlink(missing_ok=True)
