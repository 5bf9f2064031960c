"""Atomic writes of files."""

import contextlib
import os
import pathlib
import tempfile


def write(path: pathlib.Path, text: str, mode: int) -> None:
    """Create or replace the file at ``path``; ``mode`` is its permissions.

    Readers see either the old content or the new one. After a failure, such as a full
    disk, the old content remains.

    Raises OSError.
    """
    # In the same directory: os.replace is not atomic across file systems.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
