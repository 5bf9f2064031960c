"""Load the fixtures for databases, and stop servers even when a run is terminated.

Also collect garbage less often, and not in what has been loaded.
"""

import gc
import os
import signal

import pytest

# How many more objects there are before garbage is collected. With Python's own number,
# 700, tests take about a twentieth longer.
_OBJECTS = 20_000

pytest_plugins = ("tests.servers.plugin",)


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
