"""Files that are written whole or not at all."""

import contextlib
import os
import pathlib
import tempfile


def write(path: pathlib.Path, text: str, mode: int) -> None:
    """Replace the file at ``path``, or make it; ``mode`` is its permissions.

    Readers see the old content or the new one. After a failure, such as a full disk,
    the old content is still there.

    Raises OSError.
    """
    # In the same directory, so that renaming it does not copy it.
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
