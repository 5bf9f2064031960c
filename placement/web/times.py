"""Times in documents: RFC 3339, in UTC, of the microseconds that are stored."""

import datetime

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)


def parse(text: str) -> int:
    """Return the microseconds since 1970 of a time with a zone.

    Raises what ``in_utc`` raises.
    """
    return (in_utc(text) - _EPOCH) // _MICROSECOND


def in_utc(text: str) -> datetime.datetime:
    """Return a time with a zone, in UTC; digits after the microseconds are dropped.

    Raises ValueError for a time that does not exist, such as one on 30 February, or
    whose year is not one of 1 to 9999.
    """
    moment = datetime.datetime.fromisoformat(text.upper())
    try:
        return moment.astimezone(datetime.UTC)
    except OverflowError as beyond:
        raise ValueError("in UTC, its year is not one of 1 to 9999") from beyond


def render(microseconds: int) -> str:
    """Return a time such as ``2026-01-31T12:00:00.000000Z``."""
    return render_utc(_EPOCH + microseconds * _MICROSECOND)


def render_utc(moment: datetime.datetime) -> str:
    """Return a time in UTC as ``render`` does, whether or not it has a zone."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
