"""Files and folders that are written as a whole or not at all, and their checksums."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

# Bytes read at once for a checksum. After each block a thread waits for its turn in the
# interpreter, up to 5 ms while Qt is imported: a model file should be one block.
_BLOCK = 2**26


@contextlib.contextmanager
def replacing(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """Gives a new, empty file beside `path`, which replaces it if the block raises nothing.

    Every call has a file of its own: two processes that write the same path do not mix their
    contents, and the last one that is complete stays. Close the file within the block.

    Raises:
        OSError: The folder is missing or cannot be written.
    """
    temporary = path.with_name(f"{path.name}.{os.urandom(4).hex()}.part")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_folder(new: Path, path: Path) -> None:
    """Move the folder `new` to `path`, on the same disk.

    A folder that is there is moved beside `new`, as `<new>-before`, for the caller to delete. Where
    the second of the two moves fails, the first one is undone.

    Raises:
        OSError: It cannot be moved.
    """
    aside = new.with_name(f"{new.name}-before")
    if path.exists():
        path.replace(aside)
    try:
        new.replace(path)
    except BaseException:
        if aside.exists():
            aside.replace(path)
        raise


def checksum(path: Path) -> str:
    """The file's SHA-256 in hexadecimal. Raises OSError."""
    with Path(path).open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
