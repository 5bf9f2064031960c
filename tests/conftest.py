"""Load the fixtures for databases, and stop servers even when a run is terminated.

Also collect garbage less often, and not in what has been loaded; and fail tests in
which the service has failed unexpectedly, also if it goes on.
"""

import collections.abc
import gc
import logging
import os
import signal

import pytest

# How many more objects there are before garbage is collected. With Python's own number,
# 700, tests take about a twentieth longer.
_OBJECTS = 20_000

pytest_plugins = ("tests.servers.plugin",)

# A part of the messages that are logged with a traceback.
_UNEXPECTED = "Please report it with the traceback"


class _Unexpected(logging.Handler):
    """Keeps the messages of unexpected failures."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if _UNEXPECTED in message:
            self.messages.append(message)


@pytest.fixture(autouse=True)
def no_unexpected_failure(
    request: pytest.FixtureRequest,
) -> collections.abc.Iterator[None]:
    """Fail the test if the service, in this process, logs an unexpected failure."""
    handler = _Unexpected()
    logger = logging.getLogger("placement")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    if request.node.get_closest_marker("unexpected_failure") is None:
        assert not handler.messages


def pytest_configure(config: pytest.Config) -> None:
    # Fixtures that start servers are then finalized, as they are after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers for ``--numprocesses auto``.

    There is one more than there are processors, because tests wait for the servers
    that they start.
    """
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_finish() -> None:
    # Collections of garbage then pass over modules and tests, which live until the end.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS)
