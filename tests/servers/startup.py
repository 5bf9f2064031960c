"""Wait for a server that has just been started."""

import collections.abc
import contextlib
import functools
import pathlib
import subprocess
import time
import typing

SECONDS = 60

# How often a server is started with other ports before its failure is raised.
ATTEMPTS = 3

_LOG_CHARACTERS = 5000

_P = typing.ParamSpec("_P")
_T = typing.TypeVar("_T")


class EndedError(RuntimeError):
    """A server has ended while it started, perhaps because its port was taken."""


def repeated(
    starting: collections.abc.Callable[_P, contextlib.AbstractContextManager[_T]],
) -> collections.abc.Callable[_P, contextlib.AbstractContextManager[_T]]:
    """Make a context manager start its server again if that has ended.

    Each start chooses new ports. Raises EndedError after the last attempt.
    """

    @functools.wraps(starting)
    @contextlib.contextmanager
    def started(*args: _P.args, **kwargs: _P.kwargs) -> collections.abc.Iterator[_T]:
        with contextlib.ExitStack() as stack:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    entered = stack.enter_context(starting(*args, **kwargs))
                    break
                except EndedError:
                    if attempt == ATTEMPTS:
                        raise
            yield entered

    return started


def wait_until_ready(
    process: "subprocess.Popen[bytes]",
    connect: collections.abc.Callable[[], object],
    refusal: type[Exception],
    name: str,
    log: pathlib.Path,
) -> None:
    """Wait until ``connect`` no longer raises ``refusal``.

    Raises EndedError if the process ends, RuntimeError after a minute; both with the
    end of its log.
    """
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        require_running(process, name, log)
        with contextlib.suppress(refusal):
            connect()
            return
        time.sleep(0.05)
    raise RuntimeError(f"{name} is not ready:\n{tail(log)}")


def require_running(
    process: "subprocess.Popen[bytes]", name: str, log: pathlib.Path
) -> None:
    """Raise EndedError, with the end of its log, if the process has ended."""
    status = process.poll()
    if status is not None:
        raise EndedError(f"{name} has ended with status {status}:\n{tail(log)}")


def tail(log: pathlib.Path) -> str:
    """Return the end of a log, which may not be there yet."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return text[-_LOG_CHARACTERS:]
