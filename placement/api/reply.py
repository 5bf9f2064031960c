"""The reply of an operation, before it becomes an HTTP response."""

import collections.abc
import dataclasses
import datetime
import typing

JSON = "application/json"


class Parts(typing.NamedTuple):
    """A large JSON body in pieces, cut anywhere, so that it is never joined."""

    parts: list[bytes]


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """One reply.

    ``body`` is encoded as JSON, except bytes and ``Parts``, which already are; None is
    no body. ``location`` is a path below the mount point. ``modified``, in UTC, becomes
    the cache headers, which are sent since 1.15; None sends none. ``after`` is called
    when the response has been sent, and must not raise.
    """

    status: int
    body: typing.Any = None
    location: str | None = None
    modified: datetime.datetime | None = None
    after: collections.abc.Callable[[], None] | None = None


def ok(
    body: typing.Any,
    modified: datetime.datetime | None = None,
    location: str | None = None,
) -> Reply:
    return Reply(200, body, location, modified)


def created(
    location: str,
    body: typing.Any = None,
    modified: datetime.datetime | None = None,
) -> Reply:
    return Reply(201, body, location, modified)


def no_content(
    modified: datetime.datetime | None = None, location: str | None = None
) -> Reply:
    return Reply(204, None, location, modified)


def now() -> datetime.datetime:
    """Return the current time in UTC, without a time zone, as times are stored."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def newest(
    times: collections.abc.Iterable[datetime.datetime | None],
) -> datetime.datetime:
    """Return the latest of ``times``, or the current time if all are None."""
    return max((time for time in times if time is not None), default=None) or now()
