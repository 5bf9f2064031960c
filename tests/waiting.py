"""Wait for a condition."""

import collections.abc
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
