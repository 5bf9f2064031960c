"""Which distributions of Placement are installed in this environment."""

import importlib.metadata

from placement import exception

NAME = "standalone-placement"

# Has the same package and the same commands.
_OTHER = "openstack-placement"


def require_sole() -> None:
    """Check that no other distribution has overwritten files of this one.

    Raises ConfigurationError when openstack-placement is installed, too.
    """
    try:
        importlib.metadata.distribution(_OTHER)
    except importlib.metadata.PackageNotFoundError:
        return
    raise exception.ConfigurationError(
        reason=f"{_OTHER} is installed in the same environment as {NAME}, and each "
        "overwrites files of the other. Uninstall both, then install the one to use: "
        f"pip uninstall {_OTHER} {NAME}"
    )
