"""Start a server again if its port was taken by another program."""

import collections.abc
import contextlib
import functools
import typing

# How often a server is started with other ports before its failure is raised.
ATTEMPTS = 3

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
