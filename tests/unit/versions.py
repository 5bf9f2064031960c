"""Every operation at every microversion that has it."""

import collections.abc

from placement.api import routes
from placement.api.microversion import MAX_VERSION, MIN_VERSION, Version
from placement.api.operation import Operation

ALL = [Version(1, minor) for minor in range(MIN_VERSION.minor, MAX_VERSION.minor + 1)]


def served() -> collections.abc.Iterator[tuple[str, Operation, Version]]:
    """Yield each operation, named by method and path, with each of its versions."""
    for operation in routes.OPERATIONS:
        for version in ALL:
            if version >= operation.since:
                yield operation.name, operation, version
