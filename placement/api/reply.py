"""What an operation answers, before it becomes a response."""

import collections.abc
import dataclasses
import datetime
import typing

JSON = "application/json"


class Parts(typing.NamedTuple):
    """A large body as JSON, cut anywhere; it is never put together."""

    parts: list[bytes]


@dataclasses.dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    ``body`` becomes JSON; bytes and ``Parts`` are JSON already; None is no body.
    ``location`` is a path below the mount point. ``modified``, in UTC, is sent
    with the versions that send cache headers (since 1.15); None sends none.
    """

    status: int
    body: typing.Any = None
    location: str | None = None
    modified: datetime.datetime | None = None


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
    """The present time, for answers that are as new as they are asked for."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def newest(
    times: collections.abc.Iterable[datetime.datetime | None],
) -> datetime.datetime:
    """Return the newest time that is known, or the present one if none is."""
    return max((time for time in times if time is not None), default=None) or now()
