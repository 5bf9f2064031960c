"""Microversions: the supported range, and the header that asks for one."""

import functools
import re
import typing

from placement import exception, excerpt

SERVICE_TYPE = "placement"
HEADER = "openstack-api-version"


class Version(typing.NamedTuple):
    """A microversion; compares as a pair, reads as ``1.39``."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    def matches(
        self,
        since: "Version | tuple[int, int]",
        until: "Version | tuple[int, int] | None" = None,
    ) -> bool:
        """This version is in the range; both ends are included."""
        return self >= since and (until is None or self <= until)


MIN_VERSION = Version(1, 0)
MAX_VERSION = Version(1, 39)

_PAIR = re.compile(r"\s*([+-]?\d+)\.([+-]?\d+)\s*", re.ASCII)


@functools.lru_cache(maxsize=256)
def requested(header: str | None) -> Version:
    """Return the version that a header ``<service type> <version>, ...`` asks for.

    The last entry for placement counts. Without one, it is the first version.

    Raises BadRequest for a version that is not a pair of numbers, and
    VersionNotAcceptable for an unsupported version.
    Source: API reference, "Microversions".
    """
    given = _last_entry(header or "")
    return MIN_VERSION if given is None else parse(given)


def parse(given: str) -> Version:
    """Return the version that ``1.N`` or ``latest`` names.

    Raises BadRequest and VersionNotAcceptable, as ``requested`` does.
    """
    if given == "latest":
        return MAX_VERSION
    pair = _PAIR.fullmatch(given)
    if pair is None:
        raise exception.BadRequest(
            reason=f"invalid version string: {excerpt.of_text(given)}"
        )
    # A longer number is well formed but unsupported, and int() refuses a huge one.
    if max(len(number.lstrip("+-0")) for number in pair.groups()) <= len("99"):
        version = Version(int(pair[1]), int(pair[2]))
        if MIN_VERSION <= version <= MAX_VERSION:
            return version
    raise exception.VersionNotAcceptable(given=given)


def _last_entry(header: str) -> str | None:
    found = None
    for entry in header.split(","):
        match entry.split(None, 1):
            case [service_type, version] if service_type.lower() == SERVICE_TYPE:
                found = version.strip()
    return found
