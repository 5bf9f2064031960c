"""The functions that get a span when tracing is on.

A marked function stays as it is. Turning tracing on replaces it in its module or class,
so that nothing is called, or asked, while tracing is off.
"""

import collections.abc
import typing

_Function = typing.TypeVar("_Function", bound=collections.abc.Callable[..., typing.Any])

TRANSACTION, BATCH = "transaction", "database.batch"


class Point(typing.NamedTuple):
    """A marked function, by its module and qualified name, and the name of its span."""

    module: str
    qualified_name: str
    span: str


POINTS: list[Point] = []


def traced(span: str) -> collections.abc.Callable[[_Function], _Function]:
    """Mark a function. It must be called as an attribute of its module or class."""

    def mark(function: _Function) -> _Function:
        POINTS.append(Point(function.__module__, function.__qualname__, span))
        return function

    return mark
