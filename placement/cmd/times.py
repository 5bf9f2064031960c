"""Times as options of commands."""

import datetime

import click


def parse(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> datetime.datetime | None:
    """Return a time, of the zone of this machine unless it has one."""
    if value is None:
        return None
    try:
        return datetime.datetime.fromisoformat(value).astimezone()
    except (ValueError, OverflowError) as failure:
        raise click.BadParameter(
            f"{value!r} is not a time such as 2030-01-31T12:00 or 2030-01-31T12:00:00Z."
        ) from failure
