"""The microversions that accept a body or query string."""

import typing

from placement.api.microversion import MAX_VERSION, Version
from placement.schemas.validation import Schemas


def versions(schemas: Schemas, instance: typing.Any) -> str:
    """Return the versions that accept ``instance``.

    ``1.0-1.13``, ``1.14-`` up to the newest, or ``never``. They have no gaps, and begin
    no earlier than the first schema.
    """
    first = schemas.steps[0][0].minor
    minors = [
        minor
        for minor in range(first, MAX_VERSION.minor + 1)
        if schemas.find_error(instance, Version(1, minor)) is None
    ]
    if not minors:
        return "never"
    assert minors == list(range(minors[0], minors[-1] + 1))
    last = "" if minors[-1] == MAX_VERSION.minor else f"1.{minors[-1]}"
    return f"1.{minors[0]}-{last}"


def error(schemas: Schemas, instance: typing.Any) -> str:
    """Return the error of ``instance`` at the newest version."""
    return str(schemas.find_error(instance, MAX_VERSION))
