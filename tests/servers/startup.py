"""Wait for a server that has just been started."""

import collections.abc
import contextlib
import subprocess
import time

SECONDS = 60


def wait_until_ready(
    process: "subprocess.Popen[bytes]",
    connect: collections.abc.Callable[[], object],
    refusal: type[Exception],
    name: str,
) -> None:
    """Wait until ``connect`` no longer raises ``refusal``.

    Raises RuntimeError if the process ends, and after a minute.
    """
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(refusal):
            connect()
            return
        time.sleep(0.05)
    raise RuntimeError(f"the private {name} did not start")
