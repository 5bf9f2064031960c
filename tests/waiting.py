"""Wait for a condition."""

import collections.abc
import os
import time

SECONDS = 60
PAUSE_SECONDS = 0.02


def until(
    condition: collections.abc.Callable[[], object],
    state: collections.abc.Callable[[], object] = lambda: "the condition is false",
    seconds: float = SECONDS,
) -> None:
    """Call ``condition`` until its result is true.

    Raises RuntimeError with what ``state`` returns after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"after {seconds} seconds: {state()}")
        time.sleep(PAUSE_SECONDS)


def until_ended(pid: int) -> None:
    """Wait until a child of this process has ended, and leave it to be reaped."""
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    until(lambda: os.waitid(os.P_PID, pid, options))
